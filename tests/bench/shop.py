"""A shop that orders for all of its items every period: what it costs alone, item by item, and as a group that learns together.

Belongs here: the shops (real demand by week and by day), playing them, costs item by item. Does not belong here: single games (`games`),
the page (`orders`).

An order comes after two periods. A unit left at the end of a period costs 0.2, a unit missed 1. Shops start empty, so the first periods,
before anything could come, do not count.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from demand_sets import GROCERIES, STORES, DemandSet, fresh, groceries, stores_by_week, wholesale
from numpy.typing import NDArray

from ml.replenishment import decide

Array = NDArray[np.float64]

LEAD, PERIODS, HOLDING, SHORTAGE = 2, 14, 0.2, 1.0
_UNIT = 0.1
_STEADIEST = 4


@dataclass(frozen=True)
class Shop:
    """Items with history, and the demand of the periods that are played."""

    name: str
    past: pl.DataFrame
    """unique_id, ds, y, in_stock before the first period played, and in it and after; sorted by unique_id, ds."""
    demand: Array
    """(items, PERIODS)."""
    attributes: pl.DataFrame | None
    step: timedelta

    @property
    def ids(self) -> pl.Series:
        return self.past["unique_id"].unique(maintain_order=True)

    @property
    def mean_units(self) -> Array:
        """Mean demand of a period before the first one played, (items,)."""
        before = self.past.filter(pl.col("ds") < self.begin)
        return before.group_by("unique_id", maintain_order=True).agg(pl.col("y").mean())["y"].to_numpy()

    @property
    def begin(self) -> date:
        """The first period played."""
        return self.past["ds"].max() - self.step * (PERIODS - 1)  # type: ignore[operator]


@dataclass(frozen=True)
class Cost:
    """Per item: cost of the periods that count, and units asked for in them; and seconds a call took."""

    paid: Array
    asked: Array
    seconds: float


@dataclass(frozen=True)
class Lots:
    """What the vendor sells: packs, and a minimum per order."""

    pack: float = 1.0
    minimum: float = 0.0

    def up(self, units: Array) -> Array:
        """Rounded up to what can be bought."""
        return np.where(units > 0, np.ceil(np.maximum(units, self.minimum) / self.pack) * self.pack, 0.0)


def shops(folder: Path, items: int, seed: int) -> list[Shop]:
    """A wholesaler's items by week, fresh goods by day, those with the fewest stock-out hours, in tenths of a sold unit, and where their
    files are there a grocer's items and a chain's stores by week."""
    weekly = wholesale(folder)
    sold = weekly.rows.group_by("unique_id").agg((pl.col("y") > 0).sum().alias("sold")).filter(pl.col("sold") >= 20)
    daily = fresh(folder, 0, seed)
    steady = daily.rows.group_by("unique_id").agg(pl.col("in_stock").sum(), pl.col("y").sum()).filter(pl.col("y") > 0)
    steady = steady.sort("in_stock", "unique_id", descending=[True, False]).head(_STEADIEST * items)
    scaled = daily.rows.with_columns(y=(pl.col("y") / _UNIT).round())
    found = [
        _shop(weekly, weekly.rows, sold["unique_id"], items, seed),
        _shop(daily, scaled, steady["unique_id"], items, seed),
    ]
    others = ((GROCERIES[0], lambda: groceries(folder, "W")), (STORES, lambda: stores_by_week(folder)))
    for file, read in others:
        if (folder / file).exists():
            data = read()
            found.append(_shop(data, data.rows, data.rows["unique_id"].unique(), items, seed))
        else:
            print(f"no {file} in {folder}: without that shop")
    return found


def _shop(data: DemandSet, rows: pl.DataFrame, ids: pl.Series, items: int, seed: int) -> Shop:
    step = timedelta(days=7 if data.freq == "W" else 1)
    begin = rows["ds"].max() - step * (PERIODS - 1)
    known = rows.filter(pl.col("ds") < begin, pl.col("unique_id").is_in(ids.implode()))
    known = known.group_by("unique_id").agg(pl.len().alias("periods"), pl.col("y").sum())
    known = known.filter(pl.col("periods") >= 5, pl.col("y") > 0).sort("unique_id")
    known = known.sample(items := min(items, known.height), seed=seed)
    rows = rows.join(known, on="unique_id", how="semi").sort("unique_id", "ds").select("unique_id", "ds", "y", "in_stock")
    demand = rows.filter(pl.col("ds") >= begin)["y"].to_numpy().reshape(items, PERIODS)
    return Shop(data.name, rows, demand, data.static, step)


def play_shop(shop: Shop, is_group: bool, lots: Lots | None = None, is_told: bool = True) -> Cost:
    """All periods, one call of `decide` for all items in each. In lots the orders are rounded up to them, and `decide` is told or not."""
    ids, items = shop.ids, len(shop.demand)
    begin = shop.begin
    terms = pl.DataFrame({"unique_id": ids}).with_columns(
        lead_time_periods=pl.lit(LEAD), review_periods=pl.lit(1), holding_cost=pl.lit(HOLDING), shortage_cost=pl.lit(SHORTAGE)
    )
    if is_group:
        terms = terms.with_columns(group=pl.lit("shop"))
        terms = (
            terms if shop.attributes is None else terms.join(shop.attributes, on="unique_id", how="left", maintain_order="left")
        )
    lots = lots or Lots()
    if is_told:
        terms = terms.with_columns(pack=pl.lit(lots.pack), moq=pl.lit(lots.minimum))
    on_hand, orders, paid, seconds = np.zeros(items), np.zeros((items, PERIODS)), np.zeros(items), 0.0
    for period in range(PERIODS):
        now = begin + shop.step * period
        state = pl.DataFrame(
            {"unique_id": ids, "on_hand": on_hand, "on_order": orders[:, max(period - LEAD, 0) : period].sum(axis=1)}
        )
        placed = (
            pl.concat(_placed(ids, orders[:, k], begin + shop.step * k, shop.step * LEAD) for k in range(period))
            if period
            else None
        )
        is_open = None if placed is None else placed.filter(pl.col("expected_at") >= now)
        came = None if placed is None else placed.filter(pl.col("expected_at") < now).rename({"expected_at": "received_at"})
        started = time.perf_counter()
        found = decide(shop.past.filter(pl.col("ds") < now), state.with_columns(now=pl.lit(now)), is_open, came, terms)
        seconds += time.perf_counter() - started
        orders[:, period] = lots.up(found["order_qty"].to_numpy())
        if period >= LEAD:
            on_hand = on_hand + orders[:, period - LEAD]
        sold = np.minimum(on_hand, shop.demand[:, period])
        on_hand = on_hand - sold
        if period >= LEAD:
            paid += HOLDING * on_hand + SHORTAGE * (shop.demand[:, period] - sold)
    return Cost(paid, shop.demand[:, LEAD:].sum(axis=1), seconds / PERIODS)


def _placed(ids: pl.Series, units: Array, ordered_at: date, lead_time: timedelta) -> pl.DataFrame:
    orders = pl.DataFrame({"unique_id": ids, "quantity": units}).filter(pl.col("quantity") > 0)
    return orders.with_columns(ordered_at=pl.lit(ordered_at), expected_at=pl.lit(ordered_at) + pl.lit(lead_time)).select(
        "unique_id", "ordered_at", pl.col("expected_at").cast(pl.Date), "quantity"
    )
