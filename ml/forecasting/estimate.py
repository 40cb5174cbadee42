"""One model, from its paths to calibrated means, variances and scores.

Belongs here: the steps between a model's weekly means and the numbers of the output frames, as arrays.
Does not belong here: frames, reasons, stamps (`run`); the mathematics of each step (`calibration`,
`distribution`).

Means and point scores are the model's own. Quantiles, and the pinball loss, are of the calibrated
distribution. The score of an origin uses a calibration (w, c, b) fitted without that origin; windows of
neighbouring origins still overlap in time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml import evaluation
from ml.contracts import QUANTILES
from ml.forecasting.backtest import Windows, can_train, forecast_at
from ml.forecasting.calibration import calibrate, history_level
from ml.forecasting.distribution import simple_quantiles_units
from ml.forecasting.models import ModelSpec
from ml.forecasting.series import Panel
from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]

SHRUNK_PATTERNS = ("intermittent", "lumpy")
"""Demand patterns whose centre may be shrunk to the historical mean."""


@dataclass(frozen=True)
class Segments:
    """Pools of series: `code` (series,) into the sorted distinct demand patterns `names`."""

    code: NDArray[np.int64]
    names: tuple[str, ...]

    @property
    def may_shrink(self) -> NDArray[np.bool_]:
        return np.array([name in SHRUNK_PATTERNS for name in self.names])


@dataclass(frozen=True)
class Moments:
    """Calibrated moments per series: of weeks 1..H alone, or of sums up to week 1..H. Shapes (series, H)."""

    centre: Array
    variance: Array


@dataclass(frozen=True)
class Estimate:
    """Everything one model says about all series."""

    path: Array
    """Mean units of each week, (series, H)."""
    failed: NDArray[np.bool_]
    """The model could not be fitted to the whole history, and the mean of the history was used."""
    was_trained: NDArray[np.bool_]
    """The model could be fitted at some origin."""
    weekly: Moments
    summed: Moments
    scores: dict[str, Array]
    """rmse, mae, bias, wape, pinball per series, NaN where nothing was scored."""


def estimate(
    spec: ModelSpec,
    panel: Panel,
    windows: Windows,
    full_season: NDArray[np.bool_],
    segments: Segments,
    score_weeks: NDArray[np.int64],
    horizon_weeks: int,
    settings: ForecastSettings,
) -> Estimate:
    """Backtest, calibrate and forecast with one model. `score_weeks` (series,) is the length of the sum
    each series is scored on.
    """
    path, failed = forecast_at(spec, panel, panel.weeks, full_season, horizon_weeks, settings)
    past = [
        forecast_at(spec, panel, o, full_season, windows.horizon_weeks, settings)[0] for o in windows.origins
    ]
    shape = (len(path), len(windows.origins), windows.horizon_weeks)
    past_path = np.stack(past, axis=1) if past else np.zeros(shape)

    levels = [
        history_level(
            panel.training_units,
            panel.is_in_stock,
            panel.start,
            o,
            segments.code,
            len(segments.names),
            settings,
        )
        for o in (*windows.origins, panel.weeks)
    ]
    level, phi = (np.stack([pair[i] for pair in levels], axis=1) for i in (0, 1))
    code, may_shrink = segments.code, segments.may_shrink

    expected = np.repeat(level[:, :-1, None], windows.horizon_weeks, axis=2)
    arguments = (past_path, expected, windows.week_units, phi[:, :-1], windows.week_valid)
    calibration = calibrate(*arguments, code, may_shrink, settings)
    ahead = np.repeat(level[:, -1:], horizon_weeks, axis=1)
    weekly = Moments(*calibration.moments(code, path, ahead, phi[:, -1]))

    past_sum, expected_sum = past_path.cumsum(axis=2), expected.cumsum(axis=2)
    arguments = (past_sum, expected_sum, windows.sum_units, phi[:, :-1])
    calibration = calibrate(*arguments, windows.sum_valid, code, may_shrink, settings)
    summed = Moments(*calibration.moments(code, path.cumsum(axis=1), ahead.cumsum(axis=1), phi[:, -1]))

    held_out = Moments(np.zeros(shape), np.zeros(shape))
    for j in range(len(windows.origins)):
        others = windows.sum_valid.copy()
        others[:, j] = False
        calibration = calibrate(*arguments, others, code, may_shrink, settings)
        held_out.centre[:, j], held_out.variance[:, j] = calibration.moments(
            code, past_sum[:, j], expected_sum[:, j], phi[:, j]
        )
    scores = _scores(past_sum, windows, held_out, score_weeks, panel.is_whole_units, settings)
    trained = np.zeros(len(path), dtype=bool)
    for origin in windows.origins:
        trained |= can_train(panel, origin, settings)
    return Estimate(
        path,
        failed,
        trained,
        weekly,
        Moments(summed.centre, np.maximum.accumulate(summed.variance, axis=1)),
        scores,
    )


def _scores(
    past_sum: Array,
    windows: Windows,
    moments: Moments,
    score_weeks: NDArray[np.int64],
    is_whole_units: NDArray[np.bool_],
    settings: ForecastSettings,
) -> dict[str, Array]:
    """Point scores of the model's own sums and pinball loss of the calibrated quantiles, at each series'
    own horizon.
    """
    pick = (score_weeks - 1)[:, None, None]

    def at_own_horizon(values: Array) -> Array:
        return np.take_along_axis(values, pick, axis=2)[:, :, 0]

    forecast, actual = at_own_horizon(past_sum), at_own_horizon(windows.sum_units)
    scored = at_own_horizon(windows.sum_valid)
    loss = np.zeros_like(forecast)
    levels = np.array(QUANTILES)
    series, origin = np.nonzero(scored)
    mean, variance = at_own_horizon(moments.centre)[scored], at_own_horizon(moments.variance)[scored]
    for begin in range(0, series.size, settings.chunk_series):
        part = slice(begin, begin + settings.chunk_series)
        rows, columns = series[part], origin[part]
        quantiles = simple_quantiles_units(
            mean[part], variance[part], is_whole_units[rows], levels, settings.lattice_points
        )
        loss[rows, columns] = evaluation.pinball(quantiles, actual[rows, columns][:, None], levels)
    return {
        "rmse": evaluation.rmse(forecast, actual, scored),
        "mae": evaluation.mae(forecast, actual, scored),
        "bias": evaluation.bias(forecast, actual, scored),
        "wape": evaluation.wape(forecast, actual, scored),
        "pinball": evaluation.masked_mean(loss, scored),
        "origins": scored.sum(axis=1).astype(np.float64),
    }
