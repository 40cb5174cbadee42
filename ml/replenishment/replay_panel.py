"""History as arrays to replay: what was known, what was demanded, how long deliveries took, what the firm did.

Belongs here: from frames to arrays. Does not belong here: policies and their simulation (`replay`).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.contracts.features import DEMAND_WEEKLY, ITEM_LOCATIONS
from ml.contracts.replay import ORDER_TERMS, PURCHASE_LINES, STOCK_WEEKLY

Array = NDArray[np.float64]
Floats = NDArray[np.float32]
Whole = NDArray[np.int32]

KEY = ["item_id", "location_id"]
LEAST_HISTORY_WEEKS = 8
LONGEST_LEAD_WEEKS = 26
_LEAST_LINES = 5
_OVERDUE_SHARE = 0.98


@dataclass(frozen=True)
class ReplayFeatures:
    """The tables that a replay reads; each conforms to its contract."""

    demand_weekly: pl.DataFrame
    item_locations: pl.DataFrame
    order_terms: pl.DataFrame
    purchase_lines: pl.DataFrame
    stock_weekly: pl.DataFrame

    def conformed(self) -> ReplayFeatures:
        """The same, checked. Raises ContractError."""
        contracts = (DEMAND_WEEKLY, ITEM_LOCATIONS, ORDER_TERMS, PURCHASE_LINES, STOCK_WEEKLY)
        frames = (getattr(self, field.name) for field in dataclasses.fields(self))
        return ReplayFeatures(*(contract.conform(frame) for contract, frame in zip(contracts, frames, strict=True)))


@dataclass(frozen=True)
class Actual:
    """What the firm really did in each replayed week; (series, weeks)."""

    average_units: Floats
    sold_units: Floats
    order_lines: Floats
    cycles: Floats
    """Weeks with a receipt: each ends a replenishment cycle."""
    short_cycles: Floats
    """Of them, with a stock-out since the receipt before."""


@dataclass(frozen=True)
class ReplayPanel:
    """Item-locations side by side. Weeks 0 to `first` - 1 are history, the rest are replayed; arrays are (series,) or (series, weeks)."""

    keys: pl.DataFrame
    """item_id, location_id, vendor_id, abc_class."""
    first_week: date
    first: int
    known: Floats
    """Demand of all weeks as forecasts may learn it, each once it is over."""
    start: NDArray[np.intp]
    """First week of the series."""
    group: NDArray[np.intp]
    demand: Floats
    """Demand of the replayed weeks that policies have to meet."""
    demand_low: Floats
    demand_high: Floats
    opening_units: Floats
    arriving_units: Floats
    """Open orders at the start, by the replayed week they arrive in."""
    arriving_day: Floats
    """Mean day, 0 to 6, of that arrival."""
    lead_days: Whole
    """Days an order placed at the start of the week takes."""
    lead_mean: Floats
    """Mean days as known at the start of the week."""
    lead_deviation: Floats
    may_order: NDArray[np.bool_]
    review_weeks: Whole
    unit_cost: Array
    holding: Array
    """USD per unit and week."""
    shortage: Array
    """USD per unit lost."""
    order_cost: Array
    """USD per order line."""
    service_level: Array
    fill_rate_level: Array
    """NaN where none is asked for."""
    moq: Array
    pack: Array
    actual: Actual | None
    """None where stock was never counted."""

    @property
    def series(self) -> int:
        return len(self.start)

    @property
    def weeks(self) -> int:
        return self.demand.shape[1]

    def with_changes(self, **changes: Any) -> ReplayPanel:
        """The same with other arrays: what-if, or a demand that is known better."""
        return dataclasses.replace(self, **changes)

    def rows(self, chosen: NDArray) -> ReplayPanel:
        """Only the chosen series, by index or mask."""
        changes: dict[str, Any] = {}
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if isinstance(value, np.ndarray):
                changes[field.name] = value[chosen]
        changes["keys"] = self.keys[np.flatnonzero(chosen) if chosen.dtype == bool else chosen]
        if self.actual is not None:
            changes["actual"] = Actual(*(getattr(self.actual, field.name)[chosen] for field in dataclasses.fields(Actual)))
        return dataclasses.replace(self, **changes)


def build_panel(
    features: ReplayFeatures, as_of: date, weeks: int = 52, *, sample: int | None = None, seed: int = 1
) -> ReplayPanel:
    """Arrays of every item-location whose cost and price are known and that has history before the replay.

    `weeks` are the last ones up to `as_of`; fewer where that would leave less than eight weeks to learn from. `sample` takes so many
    item-locations, chosen by a hash of item and location, so that the choice does not depend on what else is in the tables.
    Raises ValueError where there is nothing to replay.
    """
    begin = features.demand_weekly["week_start_date"].min()
    if begin is None:
        raise ValueError("nothing to replay: there is no week of history")
    total = ((as_of - begin).days + 1) // 7
    weeks = min(weeks, total - LEAST_HISTORY_WEEKS)
    if weeks < 1:
        raise ValueError(f"nothing to replay: {total} weeks of history, and {LEAST_HISTORY_WEEKS} are needed to learn from")
    first = total - weeks
    zero = as_of - timedelta(days=7 * total - 1)
    first_week = zero + timedelta(days=7 * first)

    known_before = features.demand_weekly.filter(pl.col("week_start_date") < first_week).select(KEY).unique()
    locations = features.item_locations.filter(
        pl.col("holding_cost_usd").is_not_null()
        & pl.col("shortage_cost_usd").is_not_null()
        & pl.col("unit_cost_usd").is_not_null()
    ).join(known_before, on=KEY, how="semi")
    terms = locations.join(features.order_terms, on=KEY, how="left").sort(KEY)
    if sample is not None and terms.height > sample:
        terms = terms[np.sort(np.argsort(_hash(terms, 0, seed), kind="stable")[:sample])]
    if terms.is_empty():
        raise ValueError("nothing to replay: no item with known cost and price has history before the weeks to replay")

    place = terms.select(KEY).with_row_index("row")
    demand = features.demand_weekly.join(place, on=KEY).with_columns(
        week=((pl.col("week_start_date") - pl.lit(zero)).dt.total_days() // 7).cast(pl.Int32)
    )
    grids = {
        name: _grid(demand, name, terms.height, total)
        for name in ("demand_units", "demand_low_units", "demand_high_units", "sold_units")
    }
    start = np.full(terms.height, total, dtype=np.intp)
    np.minimum.at(start, demand["row"].to_numpy(), demand["week"].to_numpy())
    vendor = terms["vendor_id"].fill_null(0).to_numpy()
    lines = features.purchase_lines
    leads = _LeadTimes(lines, zero, first, total, as_of)
    categories = terms["product_category"].fill_null("")
    group = categories.rank("dense").to_numpy().astype(np.intp) - 1
    stock = features.stock_weekly.join(place, on=KEY).with_columns(
        week=((pl.col("week_start_date") - pl.lit(zero)).dt.total_days() // 7).cast(pl.Int32)
    )
    closing = _grid(stock, "closing_units", terms.height, total)
    arriving, day = _open_orders(lines.join(place, on=KEY), first_week, terms.height, weeks)
    uniform = np.stack([_hash(terms, first + w, seed) for w in range(weeks)], axis=1) / 2.0**64
    lead_mean, lead_deviation = leads.known(vendor)

    def column(name: str, otherwise: float = 0.0) -> Array:
        return terms[name].cast(pl.Float64).fill_null(otherwise).to_numpy()

    return ReplayPanel(
        keys=terms.select(*KEY, pl.col("vendor_id").fill_null(0), "abc_class"),
        first_week=first_week,
        first=first,
        known=grids["demand_units"],
        start=start,
        group=group,
        demand=grids["demand_units"][:, first:],
        demand_low=grids["demand_low_units"][:, first:],
        demand_high=grids["demand_high_units"][:, first:],
        opening_units=np.maximum(closing[:, first - 1], 0),
        arriving_units=arriving,
        arriving_day=day,
        lead_days=leads.drawn(vendor, uniform),
        lead_mean=lead_mean,
        lead_deviation=lead_deviation,
        may_order=np.ones((terms.height, weeks), dtype=bool),
        review_weeks=np.maximum(np.rint(column("review_period_days", 7) / 7), 1).astype(np.int32),
        unit_cost=column("unit_cost_usd"),
        holding=column("holding_cost_usd"),
        shortage=column("shortage_cost_usd"),
        order_cost=column("order_cost_usd"),
        service_level=column("cycle_service_level", 0.95),
        fill_rate_level=column("fill_rate_level", np.nan),
        moq=np.maximum(column("moq_units", 1), 1),
        pack=np.maximum(column("pack_units", 1), 1),
        actual=None
        if features.stock_weekly.is_empty()
        else _actual(demand, stock, lines.join(place, on=KEY), zero, first, total, terms.height, grids["sold_units"]),
    )


def _grid(rows: pl.DataFrame, name: str, series: int, weeks: int) -> Floats:
    grid = np.zeros((series, weeks), dtype=np.float32)
    inside = rows.filter(pl.col("week").is_between(0, weeks - 1))
    grid[inside["row"].to_numpy(), inside["week"].to_numpy()] = inside[name].to_numpy()
    return grid


def _hash(keys: pl.DataFrame, week: int, seed: int) -> NDArray[np.uint64]:
    """64 random bits per item, location and week that depend on nothing else (splitmix64)."""
    item = keys["item_id"].to_numpy().astype(np.uint64)
    location = keys["location_id"].to_numpy().astype(np.uint64)
    with np.errstate(over="ignore"):
        state = (item << np.uint64(32)) ^ location
        for word in (np.uint64(week), np.uint64(seed)):
            state = _mix(state + np.uint64(0x9E3779B97F4A7C15) * (word + np.uint64(1)))
    return state


def _mix(state: NDArray[np.uint64]) -> NDArray[np.uint64]:
    state = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    state = (state ^ (state >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return state ^ (state >> np.uint64(31))


def _open_orders(lines: pl.DataFrame, first_week: date, series: int, weeks: int) -> tuple[Floats, Floats]:
    """Units on order when the replay begins, by the week they arrived in, and their mean day of it."""
    open_lines = lines.filter((pl.col("order_date") < first_week) & (pl.col("receipt_date") >= first_week)).with_columns(
        ahead=(pl.col("receipt_date") - pl.lit(first_week)).dt.total_days()
    )
    units, days = np.zeros((2, series, weeks), dtype=np.float32)
    inside = open_lines.filter(pl.col("ahead") < 7 * weeks)
    row, ahead = inside["row"].to_numpy(), inside["ahead"].to_numpy()
    quantity = inside["ordered_units"].to_numpy().astype(np.float32)
    np.add.at(units, (row, ahead // 7), quantity)
    np.add.at(days, (row, ahead // 7), quantity * (ahead % 7))
    return units, np.divide(days, units, out=np.zeros_like(days), where=units > 0)


class _LeadTimes:
    """Lead times of received lines per vendor: what they were about a week, and what of them was known by then."""

    def __init__(self, lines: pl.DataFrame, zero: date, first: int, total: int, as_of: date) -> None:
        received = (
            lines.filter(pl.col("receipt_date").is_not_null() & (pl.col("receipt_date") >= pl.col("order_date")))
            .with_columns(
                vendor_id=pl.col("vendor_id").fill_null(0),
                days=(pl.col("receipt_date") - pl.col("order_date")).dt.total_days(),
                ordered=((pl.col("order_date") - pl.lit(zero)).dt.total_days()).floordiv(7),
                received=((pl.col("receipt_date") - pl.lit(zero)).dt.total_days()).floordiv(7),
            )
            .group_by("vendor_id", "days", "ordered", "received", maintain_order=False)
            .agg(lines=pl.len())
            .sort("vendor_id", "ordered", "days", "received")
        )
        self._first, self._weeks = first, total - first
        self._all = received
        self._by_vendor = {key[0]: part for key, part in received.partition_by("vendor_id", as_dict=True).items()}
        # the youngest orders are in the table only if they came fast
        days = np.repeat(received["days"].to_numpy(), received["lines"].to_numpy())
        longest = float(np.quantile(days, _OVERDUE_SHARE)) if days.size else 0.0
        self._last_week = int(((as_of - zero).days - longest) // 7)

    def _of(self, vendor: int) -> pl.DataFrame:
        own = self._by_vendor.get(vendor)
        return own if own is not None and own["lines"].sum() >= _LEAST_LINES else self._all

    def drawn(self, vendor: NDArray, uniform: Array) -> Whole:
        """Days for every series and week: one of the lines that the vendor's orders of that week had, as `uniform` points to it.

        Where there are fewer than five, those of the weeks around it, as many as it takes; another vendor's where it delivered less
        than five lines in all. 14 days where nobody delivered anything.
        """
        days = np.full(uniform.shape, 14, dtype=np.int32)
        if self._all.is_empty():
            return days
        for one in np.unique(vendor):
            rows = np.flatnonzero(vendor == one)
            part = self._of(int(one))
            ordered, taken, count = (part[name].to_numpy() for name in ("ordered", "days", "lines"))
            for w in range(self._weeks):
                week = min(self._first + w, self._last_week)
                distance = np.abs(ordered - week)
                reach = 0
                while count[distance <= reach].sum() < _LEAST_LINES and reach <= self._first + self._weeks:
                    reach = 2 * reach + 1
                near = distance <= reach
                pool = np.sort(np.repeat(taken[near], count[near]))
                if pool.size:
                    days[rows, w] = pool[np.minimum((uniform[rows, w] * pool.size).astype(np.intp), pool.size - 1)]
        return np.minimum(days, 7 * LONGEST_LEAD_WEEKS - 1)

    def known(self, vendor: NDArray) -> tuple[Floats, Floats]:
        """Mean and deviation of the days of the lines received before each replayed week; all vendors' where there are under five."""
        mean, deviation = np.full((2, len(vendor), self._weeks), np.nan, dtype=np.float32)
        every = self._moments(self._all)
        for one in np.unique(vendor):
            own = self._by_vendor.get(int(one))
            count, average, spread = self._moments(own) if own is not None else (np.zeros(self._weeks), *every[1:])
            enough = count >= _LEAST_LINES
            rows = np.flatnonzero(vendor == one)[:, None]
            mean[rows, np.arange(self._weeks)] = np.where(enough, average, every[1])
            deviation[rows, np.arange(self._weeks)] = np.where(enough, spread, every[2])
        return mean, deviation

    def _moments(self, part: pl.DataFrame) -> tuple[Array, Array, Array]:
        sums = np.zeros((3, self._weeks + 1))
        days, lines = part["days"].to_numpy().astype(np.float64), part["lines"].to_numpy().astype(np.float64)
        week = np.clip(part["received"].to_numpy() + 1 - self._first, 0, self._weeks)
        for k in range(3):
            np.add.at(sums[k], week, lines * days**k)
        count, first, second = np.cumsum(sums, axis=1)[:, : self._weeks]
        mean = np.divide(first, count, out=np.full(self._weeks, 14.0), where=count > 0)
        square = np.divide(second, count, out=mean**2, where=count > 0)
        return count, mean, np.sqrt(np.maximum(square - mean**2, 0))


def _actual(
    demand: pl.DataFrame, stock: pl.DataFrame, lines: pl.DataFrame, zero: date, first: int, total: int, series: int, sold: Floats
) -> Actual:
    out_days = _grid(demand, "stock_out_days", series, total)[:, first:]
    ordered = _counts(lines.unique([*KEY, "purchase_order_id"]), "order_date", zero, series, total)[:, first:]
    receipts = _counts(lines.filter(pl.col("receipt_date").is_not_null()), "receipt_date", zero, series, total)[:, first:]
    cycles, short, is_short = np.zeros_like(sold[:, first:]), np.zeros_like(sold[:, first:]), np.zeros(series, dtype=bool)
    for w in range(total - first):
        ends = receipts[:, w] > 0
        is_short |= out_days[:, w] > 0
        cycles[:, w], short[:, w] = ends, ends & is_short
        is_short &= ~ends
    average = _grid(stock, "average_units", series, total)[:, first:]
    return Actual(average, sold[:, first:], ordered, cycles, short)


def _counts(lines: pl.DataFrame, day: str, zero: date, series: int, weeks: int) -> Floats:
    week = lines.select("row", week=(pl.col(day) - pl.lit(zero)).dt.total_days().floordiv(7)).filter(
        pl.col("week").is_between(0, weeks - 1)
    )
    grid = np.zeros((series, weeks), dtype=np.float32)
    np.add.at(grid, (week["row"].to_numpy(), week["week"].to_numpy()), 1)
    return grid
