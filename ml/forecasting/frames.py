"""From a long frame of any kind to a panel: dates to columns, gaps, duplicates, negative and missing values.

Belongs here: what a caller may hand to `forecast` and `forecast_sum`, and what each oddity in it means.
Does not belong here: the warehouse's own frames and keys (`run`), models.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.contracts import ContractError
from ml.forecasting.closures import closed_periods
from ml.forecasting.panel import Panel, repair_stock_outs
from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]

_STEPS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(days=7)}
_SEASONS = {"h": 24, "d": 7, "b": 5, "w": 52, "m": 12, "q": 4, "i": 1}
_STRAY_SHARE, _STRAY_PERIODS = 0.01, 28
"""Rows beyond so many periods in which no series has a row, and at most this share of all, lie in the future by mistake."""
_RESERVED = ("unique_id", "ds", "y", "in_stock")


@dataclass(frozen=True)
class Grid:
    """The periods of a frame: its step, and the newest period."""

    kind: str
    """h, d, b (Mondays to Fridays), w, m, q, or i for whole numbers."""
    newest: date | datetime | int
    is_month_end: bool = False
    """Months and quarters are named by their last day, not the first."""

    def column(self, frame: pl.DataFrame) -> pl.Series:
        """Periods before the newest one, 0 for the newest; negative after it."""
        ds = frame["ds"]
        if self.kind == "i":
            return (self.newest - ds.cast(pl.Int64)).alias("back")
        if self.kind in "mq":
            months = 12 * (_part(self.newest, "year")) + _part(self.newest, "month")
            back = months - (12 * ds.dt.year().cast(pl.Int64) + ds.dt.month().cast(pl.Int64))
            return back // (3 if self.kind == "q" else 1)
        if self.kind == "b":
            days = ds.cast(pl.Date).to_numpy().astype("datetime64[D]")
            return pl.Series("back", np.busday_count(days, np.datetime64(self._day, "D")))
        step = int(_STEPS[self.kind].total_seconds())
        newest = pl.Series([self.newest]).cast(pl.Datetime("us"))[0]
        return (newest - ds.cast(pl.Datetime("us"))).dt.total_seconds() // step

    def ahead(self, steps: int) -> list[date | datetime | int]:
        """The `steps` periods after the newest one."""
        if self.kind == "i":
            return [int(self.newest) + k for k in range(1, steps + 1)]  # type: ignore[arg-type]
        if self.kind in "mq":
            first = pl.Series([self.newest])
            size = 3 if self.kind == "q" else 1
            found = [first.dt.offset_by(f"{size * k}mo") for k in range(1, steps + 1)]
            return [(day.dt.month_end() if self.is_month_end else day)[0] for day in found]
        if self.kind == "b":
            days = np.busday_offset(np.datetime64(self._day, "D"), np.arange(1, steps + 1)).tolist()
            return [self.newest + (day - self._day) for day in days]  # type: ignore[operator]
        return [self.newest + k * _STEPS[self.kind] for k in range(1, steps + 1)]  # type: ignore[operator]

    def days_of_month(self, periods: int, horizon: int) -> Array | None:
        """Of `periods` up to the newest one and the `horizon` after it; None where a period is no day."""
        if self.kind not in "db":
            return None
        steps, newest = np.arange(1 - periods, horizon + 1), np.datetime64(self._day, "D")
        days = newest + steps if self.kind == "d" else np.busday_offset(newest, steps)
        return (days - days.astype("datetime64[M]")).astype(np.float64) + 1

    @property
    def _day(self) -> date:
        return self.newest.date() if isinstance(self.newest, datetime) else self.newest  # type: ignore[return-value]


def _part(value: object, name: str) -> int:
    return int(getattr(value, name))


def kind_of(freq: str | int) -> str:
    """The kind of step a frequency names: D, B, W, MS, QS, h, polars' 1d, 1w, 1mo, or 1 for whole numbers. Raises ValueError."""
    text = str(freq).lower().split("-")[0]
    text = text[1:] if text.startswith("1") else text
    names = {"": "i", "i": "i", "h": "h", "d": "d", "b": "b", "w": "w", "m": "m", "ms": "m", "me": "m", "mo": "m",
             "q": "q", "qs": "q", "qe": "q"}  # fmt: skip
    if text not in names:
        raise ValueError(
            f"unknown freq {freq!r}: give D, B, W, MS, QS or h (or 1d, 1w, 1mo, 1q, 1h; 1 where ds is a whole number)"
        )
    return names[text]


@dataclass(frozen=True)
class History:
    """A caller's history as a panel, with its keys and grid, and what was odd about each series."""

    panel: Panel
    ids: pl.Series
    grid: Grid
    reasons: list[str]
    """Per series "ok", or all that was found, joined by "; "."""


def read_history(
    history: pl.DataFrame,
    horizon: int,
    freq: str | int,
    future: pl.DataFrame | None,
    static: pl.DataFrame | None,
    settings: ForecastSettings,
) -> History:
    """Lay the history on one grid that ends with the newest period of any series.

    A period without a row is a period without demand; rows of one period are added up; a negative y counts as 0; a missing,
    NaN or infinite y is unknown, like a period out of stock. Leading periods without demand belong to the series only if they have
    rows. A few rows far after all others are left out. Raises ContractError when a column is missing or has the wrong type.
    """
    _check(history, horizon)
    kind = kind_of(freq)
    if kind == "i" and not history["ds"].dtype.is_integer():
        raise ContractError(f"history.ds is {history['ds'].dtype}; freq {freq!r} needs whole numbers")
    if kind != "i" and not history["ds"].dtype.is_temporal():
        raise ContractError(f"history.ds is {history['ds'].dtype}; freq {freq!r} needs a date: parse it, or give freq=1")
    names = _exogenous(history, future)
    for name, frame, keys in (("future", future, ("unique_id", "ds")), ("static", static, ("unique_id",))):
        _check_beside(name, frame, keys, history)
    if kind == "b" and (free := int((history["ds"].dt.weekday() > 5).sum())):
        raise ContractError(f"history.ds: {free} rows on a Saturday or Sunday, which freq {freq!r} does not have: give freq 'D'")
    ids = history["unique_id"].unique().sort()
    numbers = pl.DataFrame({"unique_id": ids, "row": np.arange(len(ids))})
    is_month_end = kind in "mq" and bool((history["ds"].dt.month_end() == history["ds"]).all())
    grid = Grid(kind, history["ds"].max(), is_month_end)  # type: ignore[arg-type]
    stray = _strays(grid.column(history).to_numpy(), _SEASONS[kind])
    if stray.any():
        astray = history.filter(pl.Series(stray))["unique_id"]
        history = history.filter(pl.Series(~stray))
        grid = Grid(kind, history["ds"].max(), is_month_end)  # type: ignore[arg-type]
    rows = history.with_columns(back=grid.column(history)).join(numbers, on="unique_id", maintain_order="left")
    kept = rows.filter(pl.col("back") < settings.max_history_periods)
    periods = int(kept["back"].max()) + 1 if kept.height else 1

    row, column = kept["row"].to_numpy(), periods - 1 - kept["back"].to_numpy()
    raw = kept["y"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    is_known = np.isfinite(raw)
    stocked = (
        kept["in_stock"].fill_null(True).cast(pl.Boolean).to_numpy() if "in_stock" in kept.columns else np.ones(len(raw), bool)
    )
    shape = (len(ids), periods)
    units, in_stock = np.zeros(shape), np.ones(shape, dtype=bool)
    np.add.at(units, (row, column), np.where(is_known, np.maximum(np.nan_to_num(raw, posinf=0.0, neginf=0.0), 0.0), 0.0))
    in_stock[row[~(stocked & is_known)], column[~(stocked & is_known)]] = False
    start = np.full(len(ids), periods, dtype=np.int64)
    np.minimum.at(start, row, column)

    season = _SEASONS[kind]
    known = _known(rows, future, names, grid, numbers, periods, horizon)
    closed = closed_periods(units, start, known)
    if closed is not None:
        in_stock &= ~closed[:, :periods]
    training = (
        repair_stock_outs(units, in_stock, start, season, settings.repair_window_periods) if settings.repair_stock_outs else units
    )
    panel = Panel(
        units,
        training,
        in_stock,
        start,
        season,
        known,
        names,
        *attributes(static, ids),
        is_closed=closed,
        day_of_month=grid.days_of_month(periods, horizon),
    )
    counts = np.zeros(shape, dtype=np.int32)
    np.add.at(counts, (row, column), 1)
    reasons = _reasons(panel, raw, row, counts, stocked, settings)
    if stray.any():
        for unique_id, count in astray.value_counts().iter_rows():
            at = int(ids.index_of(unique_id))  # type: ignore[arg-type]
            reasons[at] = f"{count} rows far after all others left out" + ("" if reasons[at] == "ok" else f"; {reasons[at]}")
    return History(panel, ids, grid, reasons)


def _strays(back: NDArray[np.int64], season: int) -> NDArray[np.bool_]:
    """Rows that lie, few of many, beyond a gap in which no series has a row: one wrong date must not move the grid of all series."""
    newest_first = np.sort(back)
    gaps = np.flatnonzero(np.diff(newest_first) > max(season, _STRAY_PERIODS)) + 1
    few = gaps[gaps <= _STRAY_SHARE * len(back)]
    return back < newest_first[few.max()] if few.size else np.zeros(len(back), dtype=bool)


def _check(history: pl.DataFrame, horizon: int) -> None:
    missing = [name for name in ("unique_id", "ds", "y") if name not in history.columns]
    if missing:
        raise ContractError(f"history: missing columns {missing}; it needs unique_id, ds and y")
    if horizon < 1:
        raise ValueError(f"horizon must be at least 1 period, got {horizon}")
    if history.is_empty():
        raise ContractError("history: no rows")
    for name in ("unique_id", "ds"):
        if history[name].null_count():
            raise ContractError(f"history.{name}: {history[name].null_count()} nulls")
    if not (history["y"].dtype.is_numeric() or history["y"].dtype == pl.Null):
        raise ContractError(f"history.y is {history['y'].dtype}, not a number")


def _check_beside(name: str, frame: pl.DataFrame | None, keys: tuple[str, ...], history: pl.DataFrame) -> None:
    if frame is None:
        return
    missing = [key for key in keys if key not in frame.columns]
    if missing:
        raise ContractError(f"{name}: missing columns {missing}; it needs {' and '.join(keys)}, and what is known beside them")
    for key in keys:
        left, right = frame[key].dtype, history[key].dtype
        is_alike = left == right or (left.is_temporal() and right.is_temporal()) or (left.is_integer() and right.is_integer())
        if not is_alike:
            raise ContractError(f"{name}.{key} is {left}, but history.{key} is {right}: give both the same type")


def _exogenous(history: pl.DataFrame, future: pl.DataFrame | None) -> tuple[str, ...]:
    """Numeric columns of both frames: what is known ahead. A column of the history alone cannot be known ahead and is not used."""
    if future is None:
        return ()
    return tuple(
        name
        for name in history.columns
        if name in future.columns
        and name not in _RESERVED
        and (history[name].dtype.is_numeric() or history[name].dtype == pl.Boolean)
    )


def _known(
    rows: pl.DataFrame,
    future: pl.DataFrame | None,
    names: tuple[str, ...],
    grid: Grid,
    numbers: pl.DataFrame,
    periods: int,
    horizon: int,
) -> NDArray[np.float32]:
    """Known values of past and future on the grid; what nobody gave is the newest value before it, else 0."""
    if future is None or not names:
        return np.zeros((0, 0, 0), dtype=np.float32)
    ahead = future.with_columns(back=grid.column(future)).join(numbers, on="unique_id")
    wanted = ["row", "back", *names]
    both = pl.concat(
        [frame.select(pl.col(name).cast(pl.Float64 if name in names else pl.Int64) for name in wanted) for frame in (rows, ahead)]
    )
    both = both.with_columns(column=periods - 1 - pl.col("back")).filter(pl.col("column").is_between(0, periods + horizon - 1))
    width = periods + horizon
    if both.height and np.bincount((both["row"] * width + both["column"]).to_numpy()).max() > 1:
        # of repeated rows the highest value counts: which of them comes last must not decide
        both = both.group_by("row", "column").agg(pl.col(names).max())
    values = np.full((numbers.height, width, len(names)), np.nan, dtype=np.float32)
    values[both["row"].to_numpy(), both["column"].to_numpy()] = both.select(names).to_numpy()
    for column in range(1, width):
        values[:, column] = np.where(np.isfinite(values[:, column]), values[:, column], values[:, column - 1])
    return np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)


def attributes(static: pl.DataFrame | None, ids: pl.Series) -> tuple[Array, tuple[str, ...]]:
    """Attributes as numbers, (series, names), and their names; words become codes by how often they occur, so that rows' order decides nothing."""
    if static is None:
        return np.zeros((0, 0)), ()
    own = pl.DataFrame({"unique_id": ids}).join(
        static.unique("unique_id", keep="first", maintain_order=True), on="unique_id", how="left", maintain_order="left"
    )
    columns = []
    for name in own.columns[1:]:
        values = own[name]
        if not (values.dtype.is_numeric() or values.dtype == pl.Boolean):
            order = own.group_by(name).len().sort(["len", name], descending=[True, False], nulls_last=True)[name].to_list()
            values = values.replace_strict(order, list(range(len(order))), return_dtype=pl.Float64)
        columns.append(values.cast(pl.Float64).fill_null(np.nan).to_numpy())
    return (np.column_stack(columns) if columns else np.zeros((0, 0))), tuple(own.columns[1:])


def _reasons(
    panel: Panel,
    raw: Array,
    row: NDArray[np.int64],
    counts: NDArray[np.int32],
    stocked: NDArray[np.bool_],
    settings: ForecastSettings,
) -> list[str]:
    def of(rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(row[rows], minlength=panel.series)

    negative, unknown, cut = of(raw < 0), of(~np.isfinite(raw)), of(~stocked)
    repeated = np.maximum(counts - 1, 0).sum(axis=1)
    inside = np.arange(panel.periods) >= panel.start[:, None]
    gaps = ((counts == 0) & inside).sum(axis=1)
    closed = (panel.closed(0, panel.periods) & inside).sum(axis=1)
    history = panel.history_periods(panel.periods)
    total = panel.training_units.sum(axis=1)
    words = []
    for i in range(panel.series):
        found = []
        if history[i] < settings.min_training_periods:
            found.append(f"short history: {history[i]} periods, mean of history used")
        if total[i] <= 0:
            found.append("no demand")
        elif history[i] > 1 and np.ptp(panel.units[i, panel.start[i] :]) == 0:
            found.append("constant")
        for count, text in (
            (negative[i], "negative values read as 0"),
            (unknown[i], "missing values estimated"),
            (cut[i], "periods out of stock lifted to expected demand"),
            (closed[i], "closed periods left out"),
            (repeated[i], "repeated periods added up"),
            (gaps[i], "periods without a row read as 0"),
        ):
            if count:
                found.append(f"{count} {text}")
        words.append("; ".join(found) or "ok")
    return words
