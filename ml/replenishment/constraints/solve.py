"""All constraints together: transfers, calendar, vendor minimums, storage, budget, and minimums again where these cut below them.

Belongs here: their order and how they answer each other. Does not belong here: any one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ml.contracts.constraints import ADJUSTMENTS, ORDER_ADJUSTMENTS, ORDER_ECONOMICS
from ml.replenishment.constraints.budget import cut_to_budget
from ml.replenishment.constraints.calendar import defer_closed_days
from ml.replenishment.constraints.reward import CENTS_PER_USD, Rewards, sorted_lines
from ml.replenishment.constraints.storage import cut_to_storage
from ml.replenishment.constraints.transfers import transfer_first
from ml.replenishment.constraints.vendor_minimum import has_known_total, meet_minimums


@dataclass(frozen=True)
class Constrained:
    """Orders within all limits: `orders` (item_id, location_id, order_units), and what the tables hold."""

    orders: pl.DataFrame
    adjustments: pl.DataFrame
    transfers: pl.DataFrame


def constrain(lines: pl.DataFrame) -> Constrained:
    """Orders that can be placed. `lines` is as ORDER_ECONOMICS promises.

    A person's order stands as it is: it counts against minimums, storage and budgets, and no limit changes it. A vendor that budget
    or storage leave below its minimum waits, and what that frees goes to the others: each round puts off at least one vendor, so
    there are no more rounds than vendors.
    """
    lines = sorted_lines(ORDER_ECONOMICS.conform(lines))
    rewards = Rewards(lines)
    wanted = lines["override_order_units"].fill_null(lines["order_units"]).fill_null(0).to_numpy().astype(np.int64)
    moved, transfer_rows, transfers = transfer_first(lines, wanted, rewards)
    open_today, calendar_rows, closed = defer_closed_days(lines, moved, rewards)
    # what waits for its day, and what goes from store to store, is nothing to fill an order up with
    is_moved = lines.join(
        transfer_rows.with_columns(is_moved=True), on=["item_id", "location_id"], how="left", maintain_order="left"
    )
    may_grow = ~closed & is_moved["is_moved"].is_null().to_numpy()
    transferred = _transferred(lines, transfers)
    put_off: set[int] = set()
    while True:
        joint, minimum_rows = meet_minimums(lines, open_today, rewards, may_grow, put_off)
        stored, storage_rows = cut_to_storage(lines, joint, rewards, transferred)
        paid, budget_rows = cut_to_budget(lines, stored, rewards)
        below = _below_minimum(lines, paid) - put_off
        if not below:
            break
        put_off |= below
    rows = pl.concat([transfer_rows, calendar_rows, minimum_rows, storage_rows, budget_rows])
    adjustments = (
        rows.group_by("as_of_date", "item_id", "location_id", "adjustment", maintain_order=True)
        .agg(
            pl.col("adjustment_units").sum(),
            pl.when(pl.col("cost_usd").is_not_null().all()).then(pl.col("cost_usd").sum()),
            pl.col("reason").unique(maintain_order=True).str.join("; "),
        )
        .with_columns(place=pl.col("adjustment").replace_strict(ADJUSTMENTS, range(len(ADJUSTMENTS)), return_dtype=pl.Int32))
        .sort("item_id", "location_id", "place")
        .drop("place")
    )
    orders = lines.select("item_id", "location_id", order_units=pl.Series(paid))
    return Constrained(orders, ORDER_ADJUSTMENTS.conform(adjustments), transfers)


def _transferred(lines: pl.DataFrame, transfers: pl.DataFrame) -> np.ndarray:
    """Units that come from other stores less those that go to them, per line."""
    sides = pl.concat(
        transfers.select("item_id", location_id=side, units=sign * pl.col("transfer_units"))
        for side, sign in (("to_location_id", 1), ("from_location_id", -1))
    )
    net = sides.group_by("item_id", "location_id").agg(pl.col("units").sum())
    return lines.join(net, on=["item_id", "location_id"], how="left", maintain_order="left")["units"].fill_null(0).to_numpy()


def _below_minimum(lines: pl.DataFrame, orders: np.ndarray) -> set[int]:
    """Vendors whose order is below their minimum through no person's word."""
    cost = np.rint(lines["unit_cost_usd"].fill_null(0).to_numpy() * CENTS_PER_USD).astype(np.int64)
    totals = (
        lines.select("vendor_id", "minimum_order_usd", "override_order_units")
        .with_columns(cost=pl.Series(orders * cost), units=pl.Series(orders), known=pl.Series(has_known_total(lines, orders)))
        .filter(pl.col("vendor_id").is_not_null() & pl.col("minimum_order_usd").is_not_null() & pl.col("known"))
        .group_by("vendor_id")
        .agg(
            pl.col("cost", "units").sum(),
            pl.col("minimum_order_usd").max(),
            free=(pl.col("units") * pl.col("override_order_units").is_null().cast(pl.Int64)).sum(),
        )
        .filter((pl.col("free") > 0) & (pl.col("cost") < (pl.col("minimum_order_usd") * CENTS_PER_USD).round().cast(pl.Int64)))
    )
    return set(totals["vendor_id"].to_list())
