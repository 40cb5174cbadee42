"""Frames as people have them, read into arrays that a decision is made on.

Belongs here: columns, types, dates and ages, and what is said about rows that cannot be used. Does not belong here: any decision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.contracts import ContractError
from ml.replenishment.settings import DecisionSettings

Array = NDArray[np.float64]

REQUIRED = {
    "history": ("unique_id", "ds", "y"),
    "state": ("unique_id", "now", "on_hand", "on_order"),
    "pipeline": ("unique_id", "ordered_at", "expected_at", "quantity"),
    "receipts": ("unique_id", "ordered_at", "received_at", "quantity"),
    "params": ("unique_id", "lead_time_periods", "review_periods", "holding_cost", "shortage_cost"),
}
OPTIONAL_NUMBERS = ("order_cost", "moq", "pack", "shelf_life_periods", "max_stock", "service_level")
_MONTH_DAYS = 28


@dataclass(frozen=True)
class Clock:
    """What a period is: a whole number, so many days, or a month."""

    unit: str
    days: int = 1
    offset: int = 0
    """Days after 1970-01-01, within a period, on which periods begin."""

    def index(self, times: pl.Series) -> pl.Series:
        """Number of the period each time falls in."""
        if self.unit == "number":
            return times.cast(pl.Int64)
        if self.unit == "month":
            return times.dt.year().cast(pl.Int64) * 12 + times.dt.month().cast(pl.Int64)
        return (times.cast(pl.Date).to_physical().cast(pl.Int64) - self.offset) // self.days

    def season_positions(self, first: int, periods: int) -> tuple[NDArray[np.int64], int] | None:
        """Place of each period in its year (weeks, months) or week (days), and how many places there are; None for numbers."""
        step = np.arange(first, first + periods)
        if self.unit == "month":
            return (step - 1) % 12, 12
        if self.unit == "days" and self.days == 1:
            return step % 7, 7
        if self.unit == "days" and self.days == 7:
            days = (step * self.days + self.offset).astype("datetime64[D]")
            start = days.astype("datetime64[Y]")
            return np.minimum((days - start).astype(int) // 7, 51), 52
        return None


@dataclass(frozen=True)
class Batch:
    """Series with equally long histories, the same promised lead time and the same review period, in the order of their ids."""

    row: NDArray[np.int64]
    """Place of each series in the result."""
    units: Array
    in_stock: NDArray[np.bool_]
    first_period: int
    now: int
    lead_time: int
    review: int


@dataclass(frozen=True)
class Case:
    """Everything a call of `decide` says, one row per series of `table`, which is sorted by id."""

    table: pl.DataFrame
    """unique_id, now, on_hand, on_order, and the terms; `word` says what is wrong with the row, null where nothing is."""
    clock: Clock
    batches: list[Batch]
    orders: pl.DataFrame
    """row, age, came (bool), units, is_open: every order that is known, delivered or not, with its age when it came or its age now."""


def read_case(history: Any, state: Any, pipeline: Any, receipts: Any, params: Any, settings: DecisionSettings) -> Case:
    """Read and check the five frames (polars or pandas). Raises ContractError that names the frame and the column."""
    given = {"history": history, "state": state, "pipeline": pipeline, "receipts": receipts, "params": params}
    frames = {name: _frame(name, value) for name, value in given.items()}
    clock = _clock(frames["history"], frames["state"])
    table = _table(frames["state"], frames["params"])
    demand = _demand(frames["history"], table, clock)
    table = _judged(table, demand)
    batches = list(_batches(demand, table, clock, settings))
    return Case(table, clock, batches, _orders(frames["pipeline"], frames["receipts"], table, clock))


def _frame(name: str, value: Any) -> pl.DataFrame:
    if value is None and name in ("pipeline", "receipts"):
        return pl.DataFrame(schema=dict.fromkeys(REQUIRED[name], pl.Int64) | {"unique_id": pl.String})
    if not isinstance(value, pl.DataFrame):
        try:
            value = pl.from_pandas(value)
        except (TypeError, ValueError, AttributeError) as error:
            raise ContractError(f"{name}: a polars or pandas frame is expected, got {type(value).__name__}") from error
    missing = [column for column in REQUIRED[name] if column not in value.columns]
    if missing:
        raise ContractError(f"{name}: missing columns {missing}; it has {value.columns}")
    return value.with_columns(pl.col("unique_id").cast(pl.String))


def _clock(history: pl.DataFrame, state: pl.DataFrame) -> Clock:
    dtype = history["ds"].dtype
    if dtype.is_integer():
        return Clock("number")
    if not dtype.is_temporal():
        raise ContractError(f"history.ds: whole numbers or dates are expected, got {dtype}")
    days = history["ds"].cast(pl.Date).unique().sort()
    if days.len() < 2:
        return Clock("days", 1)
    step = days.diff().drop_nulls().dt.total_days()
    if step.min() >= _MONTH_DAYS and (days.dt.day() == days.dt.day()[0]).all():
        return Clock("month")
    width = int(np.gcd.reduce(step.to_numpy()))
    return Clock("days", width, offset=int(days.to_physical()[0]) % width)


def _table(state: pl.DataFrame, params: pl.DataFrame) -> pl.DataFrame:
    for name, frame in (("state", state), ("params", params)):
        if frame["unique_id"].is_duplicated().any():
            raise ContractError(
                f"{name}.unique_id: {frame.filter(pl.col('unique_id').is_duplicated())['unique_id'][0]!r} is there twice"
            )
    numbers = (*REQUIRED["params"][1:], *(name for name in OPTIONAL_NUMBERS if name in params.columns))
    others = [name for name in ("group", "supplier", "is_whole_units", "unmet") if name in params.columns]
    terms = params.select("unique_id", *(pl.col(name).cast(pl.Float64) for name in numbers), *others)
    absent = [pl.lit(None, pl.Float64).alias(name) for name in OPTIONAL_NUMBERS if name not in terms.columns]
    stock = state.select("unique_id", "now", pl.col("on_hand").cast(pl.Float64), pl.col("on_order").cast(pl.Float64))
    return (
        stock.with_columns(has_state=True)
        .join(terms.with_columns(absent).with_columns(has_terms=True), on="unique_id", how="full", coalesce=True)
        .sort("unique_id")
        .with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64))
    )


def _demand(history: pl.DataFrame, table: pl.DataFrame, clock: Clock) -> pl.DataFrame:
    in_stock = pl.col("in_stock").fill_null(True) if "in_stock" in history.columns else pl.lit(True)
    try:
        units = history["y"].cast(pl.Float64)
    except pl.exceptions.PolarsError as error:
        raise ContractError(f"history.y: numbers are expected, got {history['y'].dtype}") from error
    known = units.is_not_null() & units.is_finite()
    demand = (
        history.select("unique_id", in_stock=in_stock)
        .with_columns(
            period=clock.index(history["ds"]),
            # what is not known says as little as what a stock-out hid
            y=pl.when(known).then(units.clip(lower_bound=0)).otherwise(0.0),
            known=known,
        )
        .with_columns(in_stock=pl.col("in_stock") & pl.col("known"))
        .join(table.select("unique_id", "row", "now"), on="unique_id", how="inner")
    )
    if demand.is_empty():
        return demand
    demand = demand.filter(pl.col("now").is_null() | (pl.col("period") < clock.index(demand["now"])))
    repeated = demand.select(pl.struct("row", "period").is_duplicated().any()).item()
    if repeated:
        raise ContractError("history: a series has two rows of the same period")
    return demand.sort("row", "period")


def _judged(table: pl.DataFrame, demand: pl.DataFrame) -> pl.DataFrame:
    """The table with what stops a decision, as a word; numbers that cannot be are null."""
    lengths = demand.group_by("row").agg(pl.col("period").max().alias("last"), pl.col("period").min().alias("first"))
    column = pl.col
    word = (
        pl.when(column("has_state").is_null())
        .then(pl.lit("terms of an item without state: stock is not known"))
        .when(column("has_terms").is_null())
        .then(pl.lit("no terms: nothing can be weighed"))
        .when(column("on_hand").is_null() | ~column("on_hand").is_finite())
        .then(pl.lit("stock is not known"))
        .when(column("lead_time_periods").is_null() | ~(column("lead_time_periods") >= 0))
        .then(pl.lit("lead time unknown: the interval to cover has no end"))
        .when(column("first").is_null())
        .then(pl.lit("no history: no demand is expected"))
        .when(column("shortage_cost") <= 0)
        .then(pl.lit("nothing is lost by a sale that is missed: no order pays"))
    )
    return table.join(lengths, on="row", how="left").with_columns(word=word.otherwise(None))


def _batches(demand: pl.DataFrame, table: pl.DataFrame, clock: Clock, settings: DecisionSettings) -> Iterator[Batch]:
    usable = table.filter(pl.col("word").is_null()).select(
        "row",
        "first",
        "last",
        now=clock.index(table.filter(pl.col("word").is_null())["now"]),
        lead=pl.col("lead_time_periods").round(0).cast(pl.Int64),
        review=pl.col("review_periods").fill_null(1).fill_nan(1).clip(lower_bound=1).round(0).cast(pl.Int64),
    )
    usable = usable.with_columns(first=pl.max_horizontal("first", pl.col("last") - settings.most_history_periods + 1))
    keys = ["first", "last", "now", "lead", "review"]
    for key, part in usable.group_by(keys, maintain_order=True):
        first, last, now, lead, review = (int(value) for value in key)
        for begin in range(0, part.height, settings.chunk_series):
            rows = part["row"][begin : begin + settings.chunk_series]
            own = demand.filter(pl.col("row").is_in(rows.implode())).filter(pl.col("period") >= first)
            place = np.searchsorted(rows.to_numpy(), own["row"].to_numpy())
            at = own["period"].to_numpy() - first
            units = np.zeros((rows.len(), last - first + 1))
            in_stock = np.ones(units.shape, dtype=bool)
            units[place, at] = own["y"].to_numpy()
            in_stock[place, at] = own["in_stock"].to_numpy()
            yield Batch(rows.to_numpy(), units, in_stock, first, now, lead, review)


def _orders(pipeline: pl.DataFrame, receipts: pl.DataFrame, table: pl.DataFrame, clock: Clock) -> pl.DataFrame:
    keys = table.select("unique_id", "row", "now")
    open_ = pipeline.join(keys, on="unique_id", how="inner").drop_nulls("now")
    open_ = open_.select(
        "row",
        pl.col("quantity").cast(pl.Float64).fill_null(0.0).clip(lower_bound=0).alias("units"),
        age=_age(open_, "now", clock),
        came=pl.lit(False),
    )
    done = receipts.join(keys, on="unique_id", how="inner").drop_nulls("now")
    done = done.filter(clock.index(done["received_at"]) < clock.index(done["now"])) if done.height else done
    done = done.select(
        "row",
        pl.col("quantity").cast(pl.Float64).fill_null(0.0).clip(lower_bound=0).alias("units"),
        age=_age(done, "received_at", clock),
        came=pl.lit(True),
    )
    return pl.concat([open_, done]).filter((pl.col("age") >= 0) & (pl.col("units") > 0))


def _age(frame: pl.DataFrame, until: str, clock: Clock) -> pl.Series:
    if frame.is_empty():
        return pl.Series("age", [], pl.Int64)
    return clock.index(frame[until]) - clock.index(frame["ordered_at"])
