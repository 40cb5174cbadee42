"""From a long frame of any kind to a panel: gaps, duplicates, negative and missing values, attributes.

Belongs here: what each oddity of a caller's frame means, and the words for it.
Does not belong here: types and missing columns (`given`), dates (`grid`), plans (`known_ahead`), the warehouse's own frames and keys (`run`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.forecasting.closures import closed_periods
from ml.forecasting.given import check_beside, check_history, frame_of, horizon_of
from ml.forecasting.grid import SEASONS, Grid, kind_of, strays
from ml.forecasting.known_ahead import known_ahead, known_columns, place
from ml.forecasting.panel import Panel, repair_stock_outs
from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class History:
    """A caller's history as a panel, with its keys and grid, and what was odd about each series."""

    panel: Panel
    ids: pl.Series
    grid: Grid
    reasons: list[str]
    """Per series "ok", or all that was found, joined by "; "."""


def read_history(
    history: Any, horizon: int, freq: str | int, future: Any | None, static: Any | None, settings: ForecastSettings
) -> History:
    """Lay the history on one grid that ends with the newest period of any series. Frames are of polars, lazy or not, or pandas.

    A period without a row is a period without demand; rows of one period are added up; a negative y counts as 0; a missing,
    NaN or infinite y is unknown, like a period out of stock. Leading periods without demand belong to the series only if they have
    rows. A few rows far after all others are left out, and rows older than the newest `max_history_periods`. What is known ahead has its rules in
    `known_ahead`. Columns that are not read may have any name and type. Raises ContractError when a column is missing or has the wrong type.
    """
    horizon, kind = horizon_of(horizon), kind_of(freq)
    history = frame_of("history", history)
    future, static = (None if own is None else frame_of(name, own) for name, own in (("future", future), ("static", static)))
    check_history(history, kind, freq)
    check_beside("future", future, ("unique_id", "ds"), history, kind)
    check_beside("static", static, ("unique_id",), history, kind)
    names = known_columns(history, future)
    ids = history["unique_id"].unique().sort()
    grid = Grid.of(history["ds"], kind)
    is_stray = strays(grid.back(history["ds"]).to_numpy(), SEASONS[kind])
    astray = history.filter(is_stray).select("unique_id", "ds")
    if is_stray.any():
        history = history.filter(~is_stray)
        grid = Grid.of(history["ds"], kind)
    numbers = pl.DataFrame({"unique_id": ids, "row": np.arange(len(ids))})
    has_stock = "in_stock" in history.columns
    rows = _placed(history, grid, numbers, names, ("y", "in_stock") if has_stock else ("y",))
    is_old = rows["back"] >= settings.max_history_periods
    kept = rows.filter(~is_old)
    periods = int(kept["back"].max()) + 1 if kept.height else 1  # type: ignore[arg-type]

    row, column = kept["row"].to_numpy(), periods - 1 - kept["back"].to_numpy()
    raw = kept["y"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    is_known = np.isfinite(raw)
    stocked = kept["in_stock"].fill_null(True).cast(pl.Boolean).to_numpy() if has_stock else np.ones(len(raw), bool)
    shape = (len(ids), periods)
    units, in_stock = np.zeros(shape), np.ones(shape, dtype=bool)
    np.add.at(units, (row, column), np.where(is_known, np.maximum(np.nan_to_num(raw, posinf=0.0, neginf=0.0), 0.0), 0.0))
    in_stock[row[~(stocked & is_known)], column[~(stocked & is_known)]] = False
    start = np.full(len(ids), periods, dtype=np.int64)
    np.minimum.at(start, row, column)

    season, known = SEASONS[kind], np.zeros((0, 0, 0), dtype=np.float32)
    if future is not None and names:
        ahead = _placed(future.filter(future["ds"].is_not_null()), grid, numbers, names).filter(pl.col("back") >= -horizon)
        known, names = known_ahead(kept, ahead, names, periods, horizon, len(ids))
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
    left_out = _left_out(astray.join(numbers, on="unique_id"), rows.filter(is_old), settings)
    return History(panel, ids, grid, _reasons(panel, raw, row, counts, stocked, left_out, settings))


def _placed(
    frame: pl.DataFrame, grid: Grid, numbers: pl.DataFrame, names: tuple[str, ...], beside: tuple[str, ...] = ()
) -> pl.DataFrame:
    """Series (row) and period (back) of each row, the columns `beside`, and those in `names` by their place: nothing else is read."""
    known = [frame[name].alias(place(k)) for k, name in enumerate(names)]
    back = grid.back(frame["ds"]).cast(pl.Int64).alias("back")
    own = pl.DataFrame([frame["unique_id"], back, *(frame[name] for name in beside), *known])
    return own.join(numbers, on="unique_id", maintain_order="left").drop("unique_id")


def _left_out(astray: pl.DataFrame, old: pl.DataFrame, settings: ForecastSettings) -> dict[int, list[str]]:
    """Words about the rows of a series that are not read, by its row."""
    words: dict[int, list[str]] = {}
    dates = astray.group_by("row").agg(pl.len(), first=pl.col("ds").min(), last=pl.col("ds").max())
    for at, count, first, last in dates.iter_rows():
        when = f"{first}" if first == last else f"{first} to {last}"
        words.setdefault(at, []).append(f"{count} rows far after all others left out: {when}")
    for at, count in old.group_by("row").len().iter_rows():
        text = f"{count} rows older than the newest {settings.max_history_periods} periods left out"
        words.setdefault(at, []).append(text)
    return words


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
            counts = pl.DataFrame({"value": values}).group_by("value").agg(rows=pl.len())
            order = counts.sort(["rows", "value"], descending=[True, False], nulls_last=True)["value"].to_list()
            values = values.replace_strict(order, list(range(len(order))), return_dtype=pl.Float64)
        columns.append(values.cast(pl.Float64).fill_null(np.nan).to_numpy())
    return (np.column_stack(columns) if columns else np.zeros((0, 0))), tuple(own.columns[1:])


def _reasons(
    panel: Panel,
    raw: Array,
    row: NDArray[np.int64],
    counts: NDArray[np.int32],
    stocked: NDArray[np.bool_],
    left_out: dict[int, list[str]],
    settings: ForecastSettings,
) -> list[str]:
    def of(rows: NDArray[np.bool_]) -> NDArray[np.int64]:
        return np.bincount(row[rows], minlength=panel.series)

    negative, unknown, cut = of(raw < 0), of(~np.isfinite(raw)), of(~stocked)
    is_unknown = (of(np.isfinite(raw) & stocked) == 0) & (counts.sum(axis=1) > 0)
    repeated = np.maximum(counts - 1, 0).sum(axis=1)
    inside = np.arange(panel.periods) >= panel.start[:, None]
    gaps = ((counts == 0) & inside).sum(axis=1)
    closed = (panel.closed(0, panel.periods) & inside).sum(axis=1)
    history = panel.history_periods(panel.periods)
    total = panel.training_units.sum(axis=1)
    words = []
    for i in range(panel.series):
        found = list(left_out.get(i, ()))
        if history[i] < settings.min_training_periods:
            found.append(f"short history: {history[i]} periods, mean of history used")
        if is_unknown[i]:
            found.append(f"demand is not known of any period, {'sales taken for it' if total[i] > 0 else 'forecast 0'}")
        elif total[i] <= 0:
            found.append("no demand")
        if total[i] > 0 and history[i] > 1 and np.ptp(panel.units[i, panel.start[i] :]) == 0:
            found.append("constant")
        for count, text in (
            (negative[i], "negative values read as 0"),
            (unknown[i], "missing values" + (" estimated" if not is_unknown[i] else "")),
            (cut[i], "periods out of stock" + (" lifted to expected demand" if not is_unknown[i] else "")),
            (closed[i], "closed periods left out"),
            (repeated[i], "repeated periods added up"),
            (gaps[i], "periods without a row read as 0"),
        ):
            if count:
                found.append(f"{count} {text}")
        words.append("; ".join(found) or "ok")
    return words
