"""A shop that orders for all of its items every period: what it costs by `decide`, alone and as a group, and by rules of thumb.

Belongs here: the shops (real demand by week and by day), who buys for them, costs item by item. Does not belong here: single games (`games`),
the page (`orders`).

An order comes after two periods. A unit left at the end of a period costs 0.2, a unit missed 1. Shops start empty, so the first periods,
before anything could come, do not count.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from demand_sets import GROCERIES, STORES, DemandSet, fresh, groceries, stores_by_week, wholesale
from numpy.typing import NDArray
from scipy.stats import norm

from ml.replenishment import decide

Array = NDArray[np.float64]
Buyer = Callable[[Array, Array], Array]
"""What to order now, (items,), from units on hand, (items,), and the orders so far, (items, periods)."""

LEAD, PERIODS, HOLDING, SHORTAGE = 2, 14, 0.2, 1.0
_RECENT = 13
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


def play_shop(shop: Shop, buy: Buyer, lots: Lots | None = None) -> Cost:
    """All periods, one call of `buy` for all items in each; its orders are rounded up to the vendor's lots."""
    items, lots = len(shop.demand), lots or Lots()
    on_hand, orders, paid, seconds = np.zeros(items), np.zeros((items, PERIODS)), np.zeros(items), 0.0
    for period in range(PERIODS):
        started = time.perf_counter()
        wanted = buy(on_hand, orders[:, :period])
        seconds += time.perf_counter() - started
        orders[:, period] = lots.up(wanted)
        if period >= LEAD:
            on_hand = on_hand + orders[:, period - LEAD]
        sold = np.minimum(on_hand, shop.demand[:, period])
        on_hand = on_hand - sold
        if period >= LEAD:
            paid += HOLDING * on_hand + SHORTAGE * (shop.demand[:, period] - sold)
    return Cost(paid, shop.demand[:, LEAD:].sum(axis=1), seconds / PERIODS)


def by_decide(shop: Shop, is_group: bool = False, lots: Lots | None = None) -> Buyer:
    """`decide`, told of the vendor's lots where they are given."""
    lots = lots or Lots()
    terms = pl.DataFrame({"unique_id": shop.ids}).with_columns(
        lead_time_periods=pl.lit(LEAD),
        review_periods=pl.lit(1),
        holding_cost=pl.lit(HOLDING),
        shortage_cost=pl.lit(SHORTAGE),
        pack=pl.lit(lots.pack),
        moq=pl.lit(lots.minimum),
    )
    if is_group:
        terms = terms.with_columns(group=pl.lit("shop"))
    if is_group and shop.attributes is not None:
        terms = terms.join(shop.attributes, on="unique_id", how="left", maintain_order="left")

    def buy(on_hand: Array, orders: Array) -> Array:
        now = shop.begin + shop.step * orders.shape[1]
        state = pl.DataFrame({"unique_id": shop.ids, "now": now, "on_hand": on_hand, "on_order": _on_order(orders)})
        placed = [_placed(shop.ids, units, shop.begin + shop.step * k, shop.step * LEAD) for k, units in enumerate(orders.T)]
        known = pl.concat(placed) if placed else None
        is_open = None if known is None else known.filter(pl.col("expected_at") >= now)
        came = None if known is None else known.filter(pl.col("expected_at") < now).rename({"expected_at": "received_at"})
        return decide(shop.past.filter(pl.col("ds") < now), state, is_open, came, terms)["order_qty"].to_numpy()

    return buy


def by_textbook(shop: Shop) -> Buyer:
    """Up to z·σ above the mean of lead time and review, at the ratio of the costs; mean and σ of the last 13 periods."""
    z = norm.ppf(SHORTAGE / (SHORTAGE + HOLDING)) * np.sqrt(LEAD + 1)
    return _up_to(shop, lambda recent: (LEAD + 1) * np.nanmean(recent, axis=1) + z * np.nanstd(recent, axis=1))


def by_cover(shop: Shop) -> Buyer:
    """Up to what the mean of the last 13 periods sells in lead time, review and one period more."""
    return _up_to(shop, lambda recent: (LEAD + 2) * np.nanmean(recent, axis=1))


def _up_to(shop: Shop, target: Callable[[Array], Array]) -> Buyer:
    """Up to a level that is taken from the last 13 periods, (items, 13), not a number before an item's first one."""
    table = shop.past.pivot(on="ds", index="unique_id", values="y").sort("unique_id").drop("unique_id")
    units = table.select(sorted(table.columns)).cast(pl.Float64).to_numpy()
    before = units.shape[1] - PERIODS

    def buy(on_hand: Array, orders: Array) -> Array:
        end = before + orders.shape[1]
        return np.rint(np.maximum(target(units[:, end - _RECENT : end]) - on_hand - _on_order(orders), 0.0))

    return buy


def _on_order(orders: Array) -> Array:
    return orders[:, -LEAD:].sum(axis=1)


def _placed(ids: pl.Series, units: Array, ordered_at: date, lead_time: timedelta) -> pl.DataFrame:
    orders = pl.DataFrame({"unique_id": ids, "quantity": units}).filter(pl.col("quantity") > 0)
    return orders.with_columns(ordered_at=pl.lit(ordered_at), expected_at=pl.lit(ordered_at) + pl.lit(lead_time)).select(
        "unique_id", "ordered_at", pl.col("expected_at").cast(pl.Date), "quantity"
    )
