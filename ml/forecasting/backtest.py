"""Rolling-origin backtest: refit at origins in the past, compare sums of demand with what was sold.

Belongs here: which origins, which windows count, the arrays of forecasts and actuals.
Does not belong here: scores (`ml.evaluation`), calibration, distributions.

At an origin only the columns before it are read, by the models and by the series' dispersion. Windows of neighbouring
origins overlap in time, so their errors are not independent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.models import ModelSpec, mean_paths
from ml.forecasting.series import Panel
from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Windows:
    """The windows of a backtest, shared by all models: arrays (series, origins, weeks) unless said otherwise."""

    origins: tuple[int, ...]
    """Columns at which a forecast begins, oldest first; empty where the history is too short for any."""
    horizon_weeks: int
    was_trained: NDArray[np.bool_]
    """The series could be trained at the newest origin, (series,)."""
    week_units: Array
    """Sales of the single week."""
    week_valid: NDArray[np.bool_]
    """The series had enough training weeks and sales, and the week no stock-out."""
    sum_units: Array
    """Sales summed from the origin to the end of the week."""
    sum_valid: NDArray[np.bool_]
    """As `week_valid`, for every week of the sum."""


def build_windows(panel: Panel, horizon_weeks: int, settings: ForecastSettings) -> Windows:
    """Choose origins and cut windows. A horizon of more than half the weeks left after training is cut to that half."""
    horizon = max(1, min(horizon_weeks, (panel.weeks - settings.min_training_weeks) // 2))
    newest = panel.weeks - horizon
    candidates = [newest - settings.origin_step_weeks * j for j in range(settings.origins)]
    origins = tuple(o for o in reversed(candidates) if o >= settings.min_training_weeks)
    shape = (len(panel.start), len(origins), horizon)
    units, valid = np.zeros(shape), np.zeros(shape, dtype=bool)
    trained = np.zeros(len(panel.start), dtype=bool)
    for j, origin in enumerate(origins):
        units[:, j] = panel.sold_units[:, origin : origin + horizon]
        trained = can_train(panel, origin, settings)
        valid[:, j] = panel.is_in_stock[:, origin : origin + horizon] & trained[:, None]
    return Windows(origins, horizon, trained, units, valid, units.cumsum(axis=2), np.logical_and.accumulate(valid, axis=2))


def can_train(panel: Panel, end: int, settings: ForecastSettings) -> NDArray[np.bool_]:
    """Series with enough weeks, and any sale, before column `end`."""
    return (end - panel.start >= settings.min_training_weeks) & (panel.training_units[:, :end].sum(axis=1) > 0)


def forecast_at(
    spec: ModelSpec,
    panel: Panel,
    end: int,
    full_season: NDArray[np.bool_],
    horizon_weeks: int,
    settings: ForecastSettings,
) -> tuple[Array, NDArray[np.bool_]]:
    """Mean paths from column `end` on, (series, horizon) units a week, and which fits failed (series,).

    Series that cannot be trained or fitted get the mean of their history, zero where there is none.
    """
    paths = np.repeat(panel.mean_units(end)[:, None], horizon_weeks, axis=1)
    failed = np.zeros(len(paths), dtype=bool)
    fit = np.flatnonzero(can_train(panel, end, settings))
    if fit.size:
        start = panel.start[fit]
        found = mean_paths(spec, panel.training_units[fit, :end], start, full_season[fit], horizon_weeks, settings)
        missing = ~np.isfinite(found).all(axis=1)
        paths[fit[~missing]] = np.maximum(found[~missing], 0.0)
        failed[fit] = missing & (end - start >= spec.mean_below_weeks(settings))
    return paths, failed
