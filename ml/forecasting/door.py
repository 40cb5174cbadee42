"""The whole layer as pure functions: a history in, distributions out.

Belongs here: the two doors `forecast` and `forecast_sum`, and `diagnose`, which says what was odd about a series.
Does not belong here: the warehouse's frames (`run`), and any step of the way (`engine`).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import polars as pl

from ml.forecasting.engine import Forecasts, at_levels, estimate_all
from ml.forecasting.frames import History, read_history
from ml.forecasting.given import horizon_of, levels_of
from ml.forecasting.models import BOOSTING
from ml.forecasting.settings import ForecastSettings

Models = Literal["auto"] | str | Sequence[str]
Frame = Any
"""A polars frame, lazy or not, or one of pandas, which not everybody has."""

SETTINGS = ForecastSettings(absolute_share=0.5)
"""What the doors use where nothing else is asked for."""


def quantile_names(levels: Sequence[float]) -> list[str]:
    """Names of the columns of quantiles: q0.9; with all digits where six are those of another level, or of 0 or 1."""
    short = {float(level): f"{level:g}" for level in levels}
    shared = {"0", "1", *(text for text in short.values() if list(short.values()).count(text) > 1)}
    return [f"q{level!r}" if short[level] in shared else f"q{short[level]}" for level in map(float, levels)]


def forecast(
    history: Frame,
    horizon: int,
    freq: str | int,
    quantiles: Sequence[float],
    future: Frame | None = None,
    static: Frame | None = None,
    models: Models = "auto",
    settings: ForecastSettings | None = None,
) -> pl.DataFrame:
    """Demand of each of the next `horizon` periods: unique_id, ds, mean, and a column per quantile (q0.1, q0.9 ...), in units.

    `history` has unique_id, ds, y, and optionally in_stock (false where a stock-out cut the sales: y is then less than the
    demand) and exogenous columns; `future` the exogenous columns of the periods ahead; `static` attributes per series. All three are frames of
    polars, lazy or not, or pandas; columns that are not read may have any name. All series
    are forecast from the newest period of the frame on. `freq` is D, B (Mondays to Fridays), W, MS, QS or h, or 1 where ds is a whole number. Times with a
    zone are read as its clocks show them, hours as they pass. `models` is "auto", the name of one model of `ml.forecasting.models.REGISTRY`, or
    several names, whose ensemble is taken.

    What is in both `history` and `future` is known ahead; a period ahead without a row is as one with nulls.

    - Flags (0 and 1, booleans): null is what is usual in the history: 0, or 1 where there are more ones than zeros, as of "open".
    - Other numbers (prices, temperatures): null is the newest value before it. A column of one sign, without zeros, that is null in a fifth of the
      history's rows or more, and not because nothing was sold, is an amount (a discount in money), and null is 0.
    - Words (text, categories): each is a flag of its own, at most ten a column that come in two periods of the history or more: those planned in
      `future`, then the most frequent. Null and "" are none; where neither occurs, the most frequent word is. Words that never change within a
      series are not read: give them in `static`.
    - Dates, lists and the like are not read.

    `mean` is the centre of the ensemble. Where demand is smooth, erratic or lumpy it lies half-way between the centres that serve squared
    and absolute errors (`ForecastSettings.absolute_share`; 0 gives the plain expectation), hence below it where demand is
    heavy-tailed. Quantiles are of single periods and do not add: for sums there is `forecast_sum`. They are whole where
    all sales of a series are. Below 0.005 and above 0.995 the outermost quantile
    stands. Equal inputs give equal results, whatever the order of rows. Raises ContractError for missing columns, types, or what is no frame;
    ValueError for an unknown model or freq, a horizon that is no whole number from 1 on, a quantile outside (0, 1). Where none of the models named
    has enough to learn from to speak of any series, the mean of the history stands in, and a warning says so.
    """
    horizon, quantiles = horizon_of(horizon), levels_of(quantiles)
    read, made = _made(history, horizon, freq, future, static, models, settings, ())
    rows = np.arange(read.panel.series)
    chunk = made.settings.chunk_series
    found = [at_levels(made.period_quantiles(made.best, rows[b : b + chunk]), quantiles) for b in range(0, len(rows), chunk)]
    values = made.published(np.concatenate(found), rows).reshape(len(rows) * horizon, len(quantiles))
    columns: dict[str, object] = {
        "unique_id": read.ids.gather(np.repeat(rows, horizon)),
        "ds": read.grid.ahead(horizon).gather(np.tile(np.arange(horizon), len(rows))),
        "mean": made.best.path.ravel(),
    }
    return pl.DataFrame(columns | {name: values[:, j] for j, name in enumerate(quantile_names(quantiles))})


def forecast_sum(
    history: Frame,
    horizon: int,
    freq: str | int,
    quantiles: Sequence[float],
    future: Frame | None = None,
    static: Frame | None = None,
    models: Models = "auto",
    settings: ForecastSettings | None = None,
) -> pl.DataFrame:
    """Demand SUMMED over the next `horizon` periods: unique_id, mean, and a column per quantile (q0.1, q0.9 ...), in units.

    The arguments are those of `forecast`; `mean` is the sum of its means. The quantiles are of the sum, not sums of quantiles.
    """
    horizon, quantiles = horizon_of(horizon), levels_of(quantiles)
    read, made = _made(history, horizon, freq, future, static, models, settings, (horizon,))
    rows = np.arange(read.panel.series)
    chunk = made.settings.chunk_series
    found = [at_levels(made.sum_quantiles(made.best, rows[b : b + chunk])[:, -1], quantiles) for b in range(0, len(rows), chunk)]
    values = made.published(np.concatenate(found), rows)
    columns: dict[str, object] = {"unique_id": read.ids, "mean": made.best.path.sum(axis=1)}
    return pl.DataFrame(columns | {name: values[:, j] for j, name in enumerate(quantile_names(quantiles))})


def diagnose(history: Frame, freq: str | int, settings: ForecastSettings | None = None) -> pl.DataFrame:
    """What was odd about each series and what was made of it: unique_id, reason ("ok" where nothing was).

    `history` and `freq` are those of `forecast`. Named are rows with a wrong date or too old to be read, short, constant, missing and unknown demand,
    negative values, stock-outs, repeated periods and gaps; not what is known ahead.
    """
    read = read_history(history, 1, freq, None, None, settings or ForecastSettings())
    return pl.DataFrame({"unique_id": read.ids, "reason": read.reasons})


def _made(
    history: Frame,
    horizon: int,
    freq: str | int,
    future: Frame | None,
    static: Frame | None,
    models: Models,
    settings: ForecastSettings | None,
    sum_lengths: tuple[int, ...],
) -> tuple[History, Forecasts]:
    settings = settings or SETTINGS
    is_auto = isinstance(models, str) and models == "auto"
    if not is_auto:
        settings = settings.changed({"models": (models,) if isinstance(models, str) else tuple(models)})
    read = read_history(history, horizon, freq, future, static, settings)
    made = estimate_all(read.panel, horizon, settings, sum_lengths=sum_lengths)
    if settings.models and not is_auto:
        _warn_of_silence(made)
    return read, made


def _warn_of_silence(made: Forecasts) -> None:
    """Says so where none of the models spoke of any series: a stand-in under the name of another must not be taken for it.

    Of no demand at all every model would say what the stand-in says.
    """
    said = made.fitted.was_said
    if not made.panel.training_units.any() or any(own.any() for own in said.values()):
        return
    least = f"a series with demand and {made.settings.min_training_periods} periods"
    rows = f"{made.settings.boosting_min_rows} training rows (series times past origins times periods ahead, boosting_min_rows)"
    needs = "; ".join(f"{name} has too little to learn from: it needs {rows if name in BOOSTING else least}" for name in said)
    text = f'{needs}. The mean of the history stands in: give more history or more series, or models="auto"'
    warnings.warn(text, UserWarning, stacklevel=4)
