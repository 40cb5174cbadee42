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
from ml.forecasting.given import frame_of
from ml.replenishment.clock import Clock, clock_of, numbered
from ml.replenishment.settings import DecisionSettings
from ml.replenishment.supply import usual_lead_times

Array = NDArray[np.float64]

REQUIRED = {
    "history": ("unique_id", "ds", "y"),
    "state": ("unique_id", "now", "on_hand", "on_order"),
    "pipeline": ("unique_id", "ordered_at", "expected_at", "quantity"),
    "receipts": ("unique_id", "ordered_at", "received_at", "quantity"),
    "params": ("unique_id", "lead_time_periods", "review_periods", "holding_cost", "shortage_cost"),
}
OPTIONAL_NUMBERS = ("order_cost", "moq", "pack", "shelf_life_periods", "max_stock", "service_level")
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


UNMET = ("lost", "backordered")


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
    """Periods after which orders are counted on: as promised, or as deliveries have shown (`supply.usual_lead_times`)."""
    review: int
    first_day: int
    """Days after 1970-01-01 on which period 0 begins, where periods are days."""

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
    whether all past demand was whole; `is_whole_units` is what the terms say, else that; `lead_periods` the lead time counted with."""
    id_dtype: pl.DataType
    """Type of the ids as they came with the state; text where it does not hold all of them."""
    clock: Clock
    batches: list[Batch]
    attributes: pl.DataFrame
    """unique_id and every column of the terms that is none of them, in the order of `table`: what series of a group may have in common."""
    orders: pl.DataFrame
    """row, units, age, came (bool): every order that is known, delivered or not, with its age when it came or its age now; an open one
    promised for another day than usual has the age at which it would be promised for that day, below 0 if that is far off."""


def read_case(
    history: Any, state: Any, pipeline: Any, receipts: Any, params: Any, settings: DecisionSettings, freq: str | None = None
) -> Case:
    """Read and check the five frames (polars or pandas). Raises ContractError that names the frame and the column."""
    given = {"history": history, "state": state, "pipeline": pipeline, "receipts": receipts, "params": params}
    read = {name: _frame(name, value) for name, value in given.items()}
    frames = _same_time({name: frame.with_columns(_as_text(frame["unique_id"])) for name, frame in read.items()})
    asked = pl.concat([frames["state"]["unique_id"], frames["params"]["unique_id"]]).unique().implode()
    frames["history"] = frames["history"].filter(pl.col("unique_id").is_in(asked))
    clock, first_days = clock_of(frames["history"], frames["state"], freq)
    frames = {name: numbered(frame, _TIMES.get(name, ()), clock, first_days) for name, frame in frames.items()}
    table = _table(frames["state"], frames["params"])
    demand = _demand(frames["history"], table)
    table = _judged(table, demand, settings.most_lead_time_periods)
    orders = _orders(frames["pipeline"], frames["receipts"], table)
    table = table.with_columns(lead_periods=usual_lead_times(table, orders))
    own = read["params"].select(_as_text(read["params"]["unique_id"]), pl.exclude("unique_id", *_TERMS))
    beside = table.select("unique_id").join(own, on="unique_id", how="left", maintain_order="left")
    batches = list(_batches(demand, table, first_days, settings))
    return Case(table, _id_dtype(read["state"]["unique_id"].dtype, table), clock, batches, beside, orders)


def _as_text(ids: pl.Series) -> pl.Series:
    """Ids as text; whole floats, as pandas makes of whole numbers beside a missing one, as the whole numbers they are."""
    if ids.dtype.is_float() and (ids.is_null() | (ids == ids.round(0))).all():
        ids = ids.cast(pl.Int64)
    return ids.cast(pl.String).alias("unique_id")


def _id_dtype(wanted: pl.DataType, table: pl.DataFrame) -> pl.DataType:
    try:
        table["unique_id"].cast(wanted)
    except pl.exceptions.PolarsError:
        return pl.String()
    return wanted


def _frame(name: str, value: Any) -> pl.DataFrame:
    if value is None and name in ("pipeline", "receipts"):
        return pl.DataFrame(schema=dict.fromkeys(REQUIRED[name], pl.Int64) | {"unique_id": pl.String})
    value = frame_of(name, value)
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


def _table(state: pl.DataFrame, params: pl.DataFrame) -> pl.DataFrame:
    for name, frame in (("state", state), ("params", params)):
        if frame["unique_id"].is_duplicated().any():
            raise ContractError(
                f"{name}.unique_id: {frame.filter(pl.col('unique_id').is_duplicated())['unique_id'][0]!r} is there twice"
            )
    if "unmet" in params.columns:
        unknown = params.filter(~pl.col("unmet").cast(pl.String).is_in(UNMET))["unmet"]
        if unknown.len():
            raise ContractError(f"params.unmet: {unknown[0]!r} is not one of {', '.join(UNMET)}")
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


def _demand(history: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    in_stock = pl.col("in_stock").fill_null(True) if "in_stock" in history.columns else pl.lit(True)
    demand = (
        history.select("unique_id", "y", in_stock=in_stock)
        .with_columns(
            period=history["ds"],
            # what is not known says as little as what a stock-out hid
            in_stock=pl.col("in_stock") & pl.col("y").is_not_null(),
            y=pl.col("y").fill_null(0.0).clip(lower_bound=0),
        )
        .drop_nulls("period")
        .join(table.select("unique_id", "row", "now"), on="unique_id", how="inner")
    )
    if demand.is_empty():
        return demand
    demand = demand.filter(pl.col("now").is_null() | (pl.col("period") < pl.col("now")))
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


def _batches(demand: pl.DataFrame, table: pl.DataFrame, first_days: pl.DataFrame, settings: DecisionSettings) -> Iterator[Batch]:
    """Periods without a row, up to the last one before `now`, are periods without demand."""
    usable = table.join(first_days, on="unique_id", how="left", maintain_order="left").filter(pl.col("word").is_null())
    usable = usable.select(
        "row",
        "first",
        "now",
        lead="lead_periods",
        review=pl.col("review_periods").fill_null(1).clip(lower_bound=1).round(0).cast(pl.Int64),
        first_day=pl.col("first_day").fill_null(0),
    )
    usable = usable.with_columns(first=pl.max_horizontal("first", pl.col("now") - settings.most_history_periods))
    row, period = demand["row"].to_numpy(), demand["period"].to_numpy()
    y, in_stock = demand["y"].to_numpy(), demand["in_stock"].to_numpy()
    for key, part in usable.sort("first", "row").group_by(["now", "lead", "review", "first_day"], maintain_order=True):
        now, lead, review, first_day = (int(value) for value in key)
        ahead = lead + max(settings.periods_beyond_lead_time, 2 * review)
        most = max(1, min(settings.chunk_series, _SIMULATED_VALUES // (settings.paths * ahead)))
        for begin in range(0, part.height, most):
            rows, first = (part[name][begin : begin + most].to_numpy() for name in ("row", "first"))
            start = first - first[0]
            has_begun = np.arange(now - first[0]) >= start[:, None]
            batch = Batch(rows, np.zeros(has_begun.shape), has_begun, start, now, lead, review, first_day)
            bounds = [np.searchsorted(row, rows, side).tolist() for side in ("left", "right")]
            at = np.concatenate([np.arange(b, e) for b, e in zip(*bounds, strict=True)])
            place = np.repeat(np.arange(len(rows)), np.subtract(bounds[1], bounds[0]))
            is_read = period[at] >= first[place]
            at, place = at[is_read], place[is_read]
            batch.units[place, period[at] - first[0]] = y[at]
            batch.in_stock[place, period[at] - first[0]] = in_stock[at]
            yield batch


def _orders(pipeline: pl.DataFrame, receipts: pl.DataFrame, table: pl.DataFrame) -> pl.DataFrame:
    """Open orders are as old as their promise says; one that was placed later than `now`, or came later, is not known yet."""
    column = pl.col
    keys = table.select("unique_id", "row", "now", promised=column("lead_time_periods").fill_null(0).round(0).cast(pl.Int64))
    units = column("quantity").fill_null(0.0).clip(lower_bound=0).alias("units")
    done = receipts.join(keys, on="unique_id", how="inner").filter(column("received_at") < column("now"))
    done = done.select("row", units, age=column("received_at") - column("ordered_at"), came=pl.lit(value=True))
    done = done.filter(column("age") >= 0)
    usual = done.group_by("row").agg(usual=column("age").median())
    placed = pipeline.join(keys, on="unique_id", how="inner").join(usual, on="row", how="left", maintain_order="left")
    said = column("expected_at") - column("ordered_at")
    # a date that is always said, and at which orders come, is no other promise
    moved = pl.when(said != column("usual").fill_null(-1)).then(said - column("promised")).fill_null(0)
    open_ = placed.filter(
        column("now").is_not_null() & (column("ordered_at").is_null() | (column("ordered_at") <= column("now")))
    )
    open_ = open_.select(
        "row",
        units,
        age=pl.coalesce(
            column("now") - column("ordered_at") - moved,
            column("promised") - (column("expected_at") - column("now")),
            pl.max_horizontal(column("promised") // 2, 1),
        ),
        came=pl.lit(value=False),
    )
    # sorted, so that sums have the same digits whichever order the rows come in
    return pl.concat([open_, done]).filter(column("units") > 0).sort("row", "came", "age", "units")
