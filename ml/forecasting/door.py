"""The whole layer as pure functions: a history in, distributions out.

Belongs here: the two doors `forecast` and `forecast_sum`, and `diagnose`, which says what was odd about a series.
Does not belong here: the warehouse's frames (`run`), and any step of the way (`engine`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import polars as pl

from ml.forecasting.engine import Forecasts, at_levels, estimate_all
from ml.forecasting.frames import History, read_history
from ml.forecasting.settings import ForecastSettings

Models = Literal["auto"] | str | Sequence[str]

SETTINGS = ForecastSettings(absolute_share=0.5)
"""What the doors use where nothing else is asked for."""


def quantile_name(level: float) -> str:
    """Name of the column of a quantile: q0.9."""
    return f"q{level:g}"


def forecast(
    history: pl.DataFrame,
    horizon: int,
    freq: str | int,
    quantiles: Sequence[float],
    future: pl.DataFrame | None = None,
    static: pl.DataFrame | None = None,
    models: Models = "auto",
    settings: ForecastSettings | None = None,
) -> pl.DataFrame:
    """Demand of each of the next `horizon` periods: unique_id, ds, mean, and a column per quantile (q0.1, q0.9 ...), in units.

    `history` has unique_id, ds, y, and optionally in_stock (false where a stock-out cut the sales: y is then less than the
    demand) and exogenous columns; `future` the exogenous columns of the periods ahead; `static` attributes per series. All series
    are forecast from the newest period of the frame on. `freq` is D, B (Mondays to Fridays), W, MS, QS or h, or 1 where ds is a whole number. `models`
    is "auto", the name of one model of `ml.forecasting.models.REGISTRY`, or several names, whose ensemble is taken.

    `mean` is the centre of the ensemble. Where demand is smooth, erratic or lumpy it lies half-way between the centres that serve squared
    and absolute errors (`ForecastSettings.absolute_share`; 0 gives the plain expectation), hence below it where demand is
    heavy-tailed. Quantiles are of single periods and do not add: for sums there is `forecast_sum`.
    Equal inputs give equal results, whatever the order of rows. Raises ContractError for missing columns or types, ValueError
    for an unknown model, freq or a quantile outside (0, 1).
    """
    read, made = _made(history, horizon, freq, quantiles, future, static, models, settings, ())
    rows = np.arange(read.panel.series)
    chunk = made.settings.chunk_series
    found = [at_levels(made.period_quantiles(made.best, rows[b : b + chunk]), quantiles) for b in range(0, len(rows), chunk)]
    values = np.concatenate(found).reshape(len(rows) * horizon, len(quantiles))
    ahead = pl.Series("ds", read.grid.ahead(horizon)).cast(history["ds"].dtype)
    columns: dict[str, object] = {
        "unique_id": read.ids.gather(np.repeat(rows, horizon)),
        "ds": ahead.gather(np.tile(np.arange(horizon), len(rows))),
        "mean": made.best.path.ravel(),
    }
    return pl.DataFrame(columns | {quantile_name(level): values[:, j] for j, level in enumerate(quantiles)})


def forecast_sum(
    history: pl.DataFrame,
    horizon: int,
    freq: str | int,
    quantiles: Sequence[float],
    future: pl.DataFrame | None = None,
    static: pl.DataFrame | None = None,
    models: Models = "auto",
    settings: ForecastSettings | None = None,
) -> pl.DataFrame:
    """Demand SUMMED over the next `horizon` periods: unique_id, mean, and a column per quantile (q0.1, q0.9 ...), in units.

    The arguments are those of `forecast`; `mean` is the sum of its means. The quantiles are of the sum, not sums of quantiles.
    """
    read, made = _made(history, horizon, freq, quantiles, future, static, models, settings, (horizon,))
    rows = np.arange(read.panel.series)
    chunk = made.settings.chunk_series
    found = [at_levels(made.sum_quantiles(made.best, rows[b : b + chunk])[:, -1], quantiles) for b in range(0, len(rows), chunk)]
    values = np.concatenate(found)
    columns: dict[str, object] = {"unique_id": read.ids, "mean": made.best.path.sum(axis=1)}
    return pl.DataFrame(columns | {quantile_name(level): values[:, j] for j, level in enumerate(quantiles)})


def diagnose(history: pl.DataFrame, freq: str | int, settings: ForecastSettings | None = None) -> pl.DataFrame:
    """What was odd about each series and what was made of it: unique_id, reason ("ok" where nothing was)."""
    read = read_history(history, 1, freq, None, None, settings or ForecastSettings())
    return pl.DataFrame({"unique_id": read.ids, "reason": read.reasons})


def _made(
    history: pl.DataFrame,
    horizon: int,
    freq: str | int,
    quantiles: Sequence[float],
    future: pl.DataFrame | None,
    static: pl.DataFrame | None,
    models: Models,
    settings: ForecastSettings | None,
    sum_lengths: tuple[int, ...],
) -> tuple[History, Forecasts]:
    outside = [level for level in quantiles if not 0 < level < 1]
    if outside:
        raise ValueError(f"quantiles must lie between 0 and 1, got {outside}")
    settings = settings or SETTINGS
    if models != "auto":
        settings = settings.changed({"models": (models,) if isinstance(models, str) else tuple(models)})
    read = read_history(history, horizon, freq, future, static, settings)
    return read, estimate_all(read.panel, horizon, settings, sum_lengths=sum_lengths)
