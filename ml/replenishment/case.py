"""Frames as people have them, read into arrays that a decision is made on.

Belongs here: columns, types, dates and ages, and what is said about rows that cannot be used. Does not belong here: any decision.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
_LARGEST = 1e12  # larger numbers are taken for this one: squares of sums of them are still numbers
_SIMULATED_VALUES = 400_000  # per batch: what the processor's cache holds
_TIMES = {
    "history": ("ds",),
    "state": ("now",),
    "pipeline": ("ordered_at", "expected_at"),
    "receipts": ("ordered_at", "received_at"),
}
_NUMBERS = {
    "history": ("y",),
    "state": ("on_hand", "on_order"),
    "pipeline": ("quantity",),
    "receipts": ("quantity",),
    "params": (*REQUIRED["params"][1:], *OPTIONAL_NUMBERS),
}
_NAMES = ("group", "supplier", "is_whole_units", "unmet")
_TERMS = (*_NUMBERS["params"], *_NAMES)
_FLAGS = {"history": ("in_stock",), "params": ("is_whole_units",)}


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

    @property
    def season_periods(self) -> int:
        """Periods after which a season comes again: the days of a week, the weeks or months of a year; 1 where there is none."""
        found = self.season_positions(0, 1)
        return 1 if found is None else found[1]

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
    """Series decided in the same period with the same promised lead time and review period, those that began first coming first.

    All S of them lie on one grid of T periods that ends before `now`, zero and not in stock before they begin.
    """

    row: NDArray[np.int64]
    """Place of each series in the result."""
    units: Array
    in_stock: NDArray[np.bool_]
    start: NDArray[np.int64]
    """(S,): column of the first period, ascending."""
    now: int
    lead_time: int
    review: int

    @property
    def first_period(self) -> int:
        """Of the grid."""
        return self.now - self.units.shape[1]


@dataclass(frozen=True)
class Grid:
    """Series of several batches on one grid, zero and not in stock where they have no history; first_period is that of column 0."""

    units: Array
    in_stock: NDArray[np.bool_]
    start: NDArray[np.int64]
    """(S,): column of the first period."""
    first_period: int


def one_grid(places: Sequence[tuple[Batch, int]]) -> Grid:
    """The series at `places` of batches, in that order, from the first period of any to the last."""
    first = min(batch.first_period + int(batch.start[place]) for batch, place in places)
    shape = (len(places), max(batch.now for batch, _ in places) - first)
    grid = Grid(np.zeros(shape), np.zeros(shape, dtype=bool), np.zeros(len(places), dtype=np.int64), first)
    for i, (batch, place) in enumerate(places):
        begin, end = batch.first_period + int(batch.start[place]) - first, batch.now - first
        grid.units[i, begin:end] = batch.units[place, batch.start[place] :]
        grid.in_stock[i, begin:end] = batch.in_stock[place, batch.start[place] :]
        grid.start[i] = begin
    return grid


@dataclass(frozen=True)
class Case:
    """Everything a call of `decide` says, one row per series of `table`, which is sorted by id."""

    table: pl.DataFrame
    """unique_id, now, on_hand, on_order, and the terms; `word` says what is wrong with the row, null where nothing is; `was_whole`
    whether all past demand was whole; `is_whole_units` is what the terms say, else that."""
    id_dtype: pl.DataType
    """Type of the ids as they came."""
    clock: Clock
    batches: list[Batch]
    attributes: pl.DataFrame
    """unique_id and every column of the terms that is none of them, in the order of `table`: what series of a group may have in common."""
    orders: pl.DataFrame
    """row, units, age, came (bool): every order that is known, delivered or not, with its age when it came or its age now."""


def read_case(history: Any, state: Any, pipeline: Any, receipts: Any, params: Any, settings: DecisionSettings) -> Case:
    """Read and check the five frames (polars or pandas). Raises ContractError that names the frame and the column."""
    given = {"history": history, "state": state, "pipeline": pipeline, "receipts": receipts, "params": params}
    read = {name: _frame(name, value) for name, value in given.items()}
    id_dtype = read["state"]["unique_id"].dtype
    frames = _same_time({name: frame.with_columns(pl.col("unique_id").cast(pl.String)) for name, frame in read.items()})
    clock = _clock(frames["history"], frames["state"])
    table = _table(frames["state"], frames["params"])
    demand = _demand(frames["history"], table, clock)
    table = _judged(table, demand, settings.most_lead_time_periods)
    batches = list(_batches(demand, table, clock, settings))
    own = read["params"].select(pl.col("unique_id").cast(pl.String), pl.exclude("unique_id", *_TERMS))
    beside = table.select("unique_id").join(own, on="unique_id", how="left", maintain_order="left")
    return Case(table, id_dtype, clock, batches, beside, _orders(frames["pipeline"], frames["receipts"], table, clock))


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
    wanted = dict.fromkeys(_NUMBERS.get(name, ()), pl.Float64) | dict.fromkeys(_FLAGS.get(name, ()), pl.Boolean)
    for column, dtype in wanted.items():
        if column in value.columns:
            try:
                value = value.with_columns(pl.col(column).cast(dtype))
            except pl.exceptions.PolarsError as error:
                raise ContractError(
                    f"{name}.{column}: {'numbers' if dtype == pl.Float64 else 'true or false'} expected, got {value[column].dtype}"
                ) from error
    numbers = [column for column, dtype in wanted.items() if dtype == pl.Float64 and column in value.columns]
    # what is no number is not known
    return value.with_columns(
        pl.when(pl.col(column).is_finite()).then(pl.col(column).clip(-_LARGEST, _LARGEST)).alias(column) for column in numbers
    )


def _same_time(frames: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """All times as whole numbers or all as dates; a frame without rows takes part in neither."""
    first = next((frames[name] for name in ("history", "state") if frames[name].height), None)
    if first is None:
        return {name: _with_times(frame, _TIMES.get(name, ()), pl.Int64) for name, frame in frames.items()}
    dtype = first[first.columns[first.columns.index("ds") if "ds" in first.columns else first.columns.index("now")]].dtype
    if not (dtype.is_integer() or dtype.is_temporal()):
        raise ContractError(f"history.ds: whole numbers or dates are expected, got {dtype}")
    target = pl.Int64 if dtype.is_integer() else pl.Date
    for name, columns in _TIMES.items():
        for column in columns:
            found = frames[name][column].dtype
            fits = found.is_numeric() if target == pl.Int64 else found.is_temporal()
            if frames[name][column].null_count() < frames[name].height and not fits:
                raise ContractError(f"{name}.{column}: {found} does not go with {dtype} of history.ds")
    return {name: _with_times(frame, _TIMES.get(name, ()), target) for name, frame in frames.items()}


def _with_times(frame: pl.DataFrame, columns: tuple[str, ...], dtype: Any) -> pl.DataFrame:
    """Times of one type, so that all frames compare."""
    empty = [pl.lit(None, dtype).alias(c) for c in columns if frame[c].null_count() == frame.height]
    rest = [pl.col(c).cast(dtype, strict=False) for c in columns if frame[c].null_count() < frame.height]
    return frame.with_columns(*empty, *rest)


def _clock(history: pl.DataFrame, state: pl.DataFrame) -> Clock:
    """The longest period that all dates of the past are whole numbers of; the one thing that all series of a call share."""
    if history["ds"].dtype.is_integer():
        return Clock("number")
    days = history["ds"].drop_nulls().unique().sort()
    if state["now"].null_count() < state.height:
        days = days.filter(days < state["now"].max())
    if days.len() < 2:
        return Clock("days", 1)
    step = days.diff().drop_nulls().dt.total_days()
    same_day, last_day = (days.dt.day() == days.dt.day()[0]).all(), (days == days.dt.month_end()).all()
    if step.min() >= _MONTH_DAYS and (same_day or last_day):
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
    others = [name for name in _NAMES if name in params.columns]
    terms = params.select("unique_id", *numbers, *others)
    absent = [pl.lit(None, pl.Float64).alias(name) for name in OPTIONAL_NUMBERS if name not in terms.columns]
    stock = state.select("unique_id", "now", "on_hand", "on_order")
    return (
        stock.with_columns(has_state=True)
        .join(terms.with_columns(absent).with_columns(has_terms=True), on="unique_id", how="full", coalesce=True)
        .sort("unique_id")
        .with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64))
    )


def _demand(history: pl.DataFrame, table: pl.DataFrame, clock: Clock) -> pl.DataFrame:
    in_stock = pl.col("in_stock").fill_null(True) if "in_stock" in history.columns else pl.lit(True)
    demand = (
        history.select("unique_id", "y", in_stock=in_stock)
        .with_columns(
            period=clock.index(history["ds"]),
            # what is not known says as little as what a stock-out hid
            in_stock=pl.col("in_stock") & pl.col("y").is_not_null(),
            y=pl.col("y").fill_null(0.0).clip(lower_bound=0),
        )
        .drop_nulls("period")
        .join(table.select("unique_id", "row", "now"), on="unique_id", how="inner")
    )
    if demand.is_empty():
        return demand
    demand = demand.filter(pl.col("now").is_null() | (pl.col("period") < clock.index(demand["now"])))
    repeated = demand.select(pl.struct("row", "period").is_duplicated().any()).item()
    if repeated:
        raise ContractError("history: a series has two rows of the same period")
    return demand.sort("row", "period")


def _judged(table: pl.DataFrame, demand: pl.DataFrame, most_periods: int) -> pl.DataFrame:
    """The table with what stops a decision, as a word; numbers that cannot be are null."""
    lengths = demand.group_by("row").agg(
        pl.col("period").min().alias("first"), was_whole=(pl.col("y") == pl.col("y").round(0)).all()
    )
    said = pl.col("is_whole_units") if "is_whole_units" in table.columns else pl.lit(None, pl.Boolean)
    column = pl.col
    word = (
        pl.when(column("has_state").is_null())
        .then(pl.lit("terms of an item without state: stock is not known"))
        .when(column("has_terms").is_null())
        .then(pl.lit("no terms: nothing can be weighed"))
        .when(column("on_hand").is_null())
        .then(pl.lit("stock is not known"))
        .when(column("now").is_null())
        .then(pl.lit("the period to decide in is not known"))
        .when(column("lead_time_periods").is_null() | (column("lead_time_periods") < 0))
        .then(pl.lit("lead time unknown: the interval to cover has no end"))
        .when(pl.max_horizontal("lead_time_periods", "review_periods") > most_periods)
        .then(pl.lit(f"lead time or review of more than {most_periods} periods: nothing is foreseen so far"))
        .when(column("first").is_null())
        .then(pl.lit("no history: no demand is expected"))
        .when(column("shortage_cost") <= 0)
        .then(pl.lit("nothing is lost by a sale that is missed: no order pays"))
    )
    judged = table.join(lengths, on="row", how="left", maintain_order="left").with_columns(word=word.otherwise(None))
    was_whole = pl.col("was_whole").fill_null(True)
    return judged.with_columns(is_whole_units=said.fill_null(was_whole), was_whole=was_whole)


def _batches(demand: pl.DataFrame, table: pl.DataFrame, clock: Clock, settings: DecisionSettings) -> Iterator[Batch]:
    """Periods without a row, up to the last one before `now`, are periods without demand."""
    usable = table.filter(pl.col("word").is_null()).select(
        "row",
        "first",
        now=clock.index(table.filter(pl.col("word").is_null())["now"]),
        lead=pl.col("lead_time_periods").round(0).cast(pl.Int64),
        review=pl.col("review_periods").fill_null(1).clip(lower_bound=1).round(0).cast(pl.Int64),
    )
    usable = usable.with_columns(first=pl.max_horizontal("first", pl.col("now") - settings.most_history_periods))
    row, period = demand["row"].to_numpy(), demand["period"].to_numpy()
    y, in_stock = demand["y"].to_numpy(), demand["in_stock"].to_numpy()
    for key, part in usable.sort("first", "row").group_by(["now", "lead", "review"], maintain_order=True):
        now, lead, review = (int(value) for value in key)
        ahead = lead + max(settings.periods_beyond_lead_time, 2 * review)
        most = max(1, min(settings.chunk_series, _SIMULATED_VALUES // (settings.paths * ahead)))
        for begin in range(0, part.height, most):
            rows, first = (part[name][begin : begin + most].to_numpy() for name in ("row", "first"))
            start = first - first[0]
            has_begun = np.arange(now - first[0]) >= start[:, None]
            batch = Batch(rows, np.zeros(has_begun.shape), has_begun, start, now, lead, review)
            bounds = [np.searchsorted(row, rows, side).tolist() for side in ("left", "right")]
            at = np.concatenate([np.arange(b, e) for b, e in zip(*bounds, strict=True)])
            place = np.repeat(np.arange(len(rows)), np.subtract(bounds[1], bounds[0]))
            is_read = period[at] >= first[place]
            at, place = at[is_read], place[is_read]
            batch.units[place, period[at] - first[0]] = y[at]
            batch.in_stock[place, period[at] - first[0]] = in_stock[at]
            yield batch


def _orders(pipeline: pl.DataFrame, receipts: pl.DataFrame, table: pl.DataFrame, clock: Clock) -> pl.DataFrame:
    keys = table.select("unique_id", "row", "now")
    open_ = pipeline.join(keys, on="unique_id", how="inner").drop_nulls("now")
    open_ = open_.select(
        "row",
        pl.col("quantity").fill_null(0.0).clip(lower_bound=0).alias("units"),
        age=_age(open_, "now", clock),
        came=pl.lit(False),
    )
    done = receipts.join(keys, on="unique_id", how="inner").drop_nulls("now")
    done = done.filter(clock.index(done["received_at"]) < clock.index(done["now"])) if done.height else done
    done = done.select(
        "row",
        pl.col("quantity").fill_null(0.0).clip(lower_bound=0).alias("units"),
        age=_age(done, "received_at", clock),
        came=pl.lit(True),
    )
    # sorted, so that sums have the same digits whichever order the rows come in
    return pl.concat([open_, done]).filter((pl.col("age") >= 0) & (pl.col("units") > 0)).sort("row", "came", "age", "units")


def _age(frame: pl.DataFrame, until: str, clock: Clock) -> pl.Series:
    if frame.is_empty():
        return pl.Series("age", [], pl.Int64)
    return clock.index(frame[until]) - clock.index(frame["ordered_at"])
