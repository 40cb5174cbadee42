"""Vendor minimums and joint orders: an order below what the vendor takes is filled up, or waits, whichever costs less.

Belongs here: both costs and the choice. Does not belong here: a minimum of a single line, which is part of the line's terms.
"""

from __future__ import annotations

from collections.abc import Set

import numpy as np
import polars as pl

from ml.replenishment.constraints.adjustments import adjusted
from ml.replenishment.constraints.reward import CENTS_PER_USD, Rewards, pack_steps


def meet_minimums(
    lines: pl.DataFrame, orders: np.ndarray, rewards: Rewards, may_grow: np.ndarray, put_off: Set[int] = frozenset()
) -> tuple[np.ndarray, pl.DataFrame]:
    """Orders that every vendor takes, and what was added or put off for it.

    Filling up buys, of all the vendor's items at all stores, the packs that cost least per dollar in expected holding less lost
    margin saved: the items whose next order is nearest, of the lines that `may_grow`. Waiting costs the margin expected to be lost until the next order arrives.
    Vendors of `put_off` wait in any case: other limits leave them below their minimum. What a person ordered is not touched, and an
    order with a line of unknown cost is not held to a minimum: nobody knows what it comes to.
    """
    after = orders.copy()
    vendors = lines["vendor_id"].fill_null(0).to_numpy()
    minimums = lines["minimum_order_usd"].fill_null(0).to_numpy()
    cost = np.rint(lines["unit_cost_usd"].fill_null(0).to_numpy() * CENTS_PER_USD).astype(np.int64)
    free = lines["override_order_units"].is_null().to_numpy()
    parts = []
    is_comparable = has_known_total(lines, orders) | np.isin(vendors, list(put_off))
    held_to_it = (minimums > 0) & (vendors != 0) & (orders > 0) & is_comparable
    for vendor in np.unique(vendors[held_to_it]).tolist():
        rows = np.flatnonzero(vendors == vendor)
        minimum_usd = float(minimums[rows].max())
        total = int((orders[rows] * cost[rows]).sum())
        gap = round(minimum_usd * CENTS_PER_USD) - total
        if gap <= 0 and vendor not in put_off:
            continue
        waiting = rows[(orders[rows] > 0) & free[rows]]
        wait_costs = rewards.shortage_of(waiting, orders[waiting].astype(float))
        wait_usd = float(wait_costs.sum())
        below = f"vendor {vendor} takes orders from {minimum_usd:,.2f} USD, this one is {total / CENTS_PER_USD:,.2f}"
        fill = None if vendor in put_off else _cheapest_fill(lines, rows, orders, may_grow, gap)
        fill_usd = None if fill is None else -float(fill["reward_usd"].sum())
        if fill is not None and fill_usd <= wait_usd:
            by_line = fill.group_by("row").agg(pl.col("units").sum(), pl.col("reward_usd").sum()).sort("row")
            filled, units = by_line["row"].to_numpy(), by_line["units"].to_numpy()
            after[filled] += units
            reason = f"{below}: filling it up costs {fill_usd:,.2f} USD, waiting {wait_usd:,.2f} of expected margin"
            parts.append(adjusted(lines, filled, "joint order", units, -by_line["reward_usd"].to_numpy(), reason))
            continue
        if vendor in put_off:
            reason = (
                f"vendor {vendor} takes orders from {minimum_usd:,.2f} USD, and budget or storage leave less: the order waits"
            )
        elif fill is None:
            reason = f"{below}, and nothing sensible is there to fill it up: the order waits"
        else:
            reason = (
                f"{below}: the order waits, which costs {wait_usd:,.2f} USD of expected margin, filling it up {fill_usd:,.2f}"
            )
        after[waiting] = 0
        parts.append(adjusted(lines, waiting, "vendor minimum", -orders[waiting], wait_costs, reason))
    return after, pl.concat(parts) if parts else adjusted(lines, np.array([], dtype=int), "vendor minimum", [], np.array([]), [])


def has_known_total(lines: pl.DataFrame, orders: np.ndarray) -> np.ndarray:
    """Per line, whether every ordered line of its vendor has a known cost."""
    unknown = pl.Series(orders > 0) & (lines["unit_cost_usd"].fill_null(0) <= 0)
    frame = lines.select("vendor_id").with_columns(unknown=unknown)
    return ~frame.select(pl.col("unknown").any().over("vendor_id")).to_series().to_numpy()


def _cheapest_fill(
    lines: pl.DataFrame, rows: np.ndarray, orders: np.ndarray, allowed: np.ndarray, gap: int
) -> pl.DataFrame | None:
    """The packs that close the gap at the least expected cost per dollar; None where there are not enough.

    No item is filled up beyond max_cover_days of its demand, its max stock or its shelf life.
    """
    own = lines[rows]
    most = own["max_cover_days"].to_numpy() * own["daily_demand_units"].to_numpy()
    # neither beyond max stock nor beyond what the shelf life can sell
    fits = own["room_units"].fill_null(np.inf).to_numpy() - orders[rows]
    room = np.floor(most - own["inventory_position_units"].fill_null(0).to_numpy() - orders[rows])
    may_grow = (
        own["override_order_units"].is_null()
        & own["inventory_position_units"].is_not_null()
        & own["shortage_cost_usd"].is_not_null()
        & ~own["is_dormant"]
        & (own["unit_cost_usd"].fill_null(0) > 0)
    ).to_numpy() & allowed[rows]
    # no line needs more than closes the gap alone
    cost = np.rint(own["unit_cost_usd"].fill_null(0).to_numpy() * CENTS_PER_USD)
    enough = (
        np.ceil(gap / np.where(cost > 0, cost, 1)) + np.maximum(own["pack_units"].to_numpy(), own["moq_units"].to_numpy()) * 2
    )
    growth = np.where(may_grow, np.clip(np.minimum.reduce([room, fits, enough]), 0, None), 0)
    own_rewards = Rewards(own)
    steps = pack_steps(own_rewards, own, orders[rows], orders[rows] + growth)
    if steps.is_empty():
        return None
    per_usd = (pl.col("reward_usd") / pl.col("weight")).cum_min().over("row")
    steps = (
        steps.sort("row", "step").with_columns(rank_by=per_usd).sort("rank_by", "row", "step", descending=[True, False, False])
    )
    closed = steps["weight"].cum_sum().to_numpy()
    last = int(np.searchsorted(closed, gap))
    if last >= steps.height:
        return None
    return steps.head(last + 1).with_columns(row=pl.Series(rows[steps["row"].head(last + 1).to_numpy()]))
