"""One model, from its paths to calibrated means, variances and scores.

Belongs here: the steps between a model's weekly means and the numbers of the output frames, as arrays.
Does not belong here: frames, reasons, stamps (`run`); the mathematics of each step (`calibration`, `distribution`).

Means, quantiles and scores are all of the calibrated distribution: what is shown is what is scored. The score of an
origin uses a calibration (w, c, b) fitted without that origin; windows of neighbouring origins still overlap in time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml import evaluation
from ml.contracts import QUANTILES
from ml.forecasting.backtest import Windows, forecast_at
from ml.forecasting.calibration import Segments, dispersion, history_weight, shrunk, variance_law
from ml.forecasting.distribution import simple_quantiles_units
from ml.forecasting.models import ModelSpec
from ml.forecasting.series import Panel
from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """Everything one model says about all series."""

    centre: Array
    """Mean units of each week ahead, (series, weeks): of the distributions below, and what is published."""
    week_variance: Array
    """Variance of each single week, (series, weeks)."""
    sum_variance: Array
    """Variance of the sum up to the end of each week, whose mean is the sum of centres, (series, weeks)."""
    failed: NDArray[np.bool_]
    """The model could not be fitted to the whole history, and the mean of the history was used."""
    history_weight: dict[str, float]
    """Weight of the historical mean in the centre, per demand pattern."""
    scores: dict[str, Array]
    """rmse, mae, bias, wape, pinball per series, NaN where nothing was scored; origins, how many were."""


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
    """Backtest, calibrate and forecast with one model.

    `score_weeks` (series,) is the length of the sum each series is scored on.
    """
    code = segments.code
    path, failed = forecast_at(spec, panel, panel.weeks, full_season, horizon_weeks, settings)
    past_path, (history, phi) = np.zeros_like(windows.week_units), np.zeros((2, *windows.week_units.shape[:2]))
    for j, origin in enumerate(windows.origins):
        past_path[:, j] = forecast_at(spec, panel, origin, full_season, windows.horizon_weeks, settings)[0]
        history[:, j], phi[:, j] = panel.mean_units(origin), dispersion(panel, origin, segments, settings)

    def past_centre(kept: NDArray[np.bool_]) -> tuple[Array, Array]:
        """Weight per segment learned from the `kept` origins, and the weekly centres of all origins under it."""
        valid = windows.week_valid & kept[:, None]
        weight = history_weight(past_path, history, windows.week_units, phi, valid, segments)
        return weight, shrunk(past_path, history, weight[code], settings)

    sum_mean, sum_variance = np.zeros_like(past_path), np.zeros_like(past_path)
    for j in range(len(windows.origins)):
        kept = np.arange(len(windows.origins)) != j
        mean = past_centre(kept)[1].cumsum(axis=2)
        law = variance_law(mean, windows.sum_units, phi, windows.sum_valid & kept[:, None], segments, settings)
        sum_mean[:, j], sum_variance[:, j] = mean[:, j], law.variance(code, phi[:, j], mean[:, j])
    scores = _scores(sum_mean, sum_variance, windows, score_weeks, panel.is_whole_units, settings)

    weight, past = past_centre(np.ones(len(windows.origins), dtype=bool))
    week_law = variance_law(past, windows.week_units, phi, windows.week_valid, segments, settings)
    sum_law = variance_law(past.cumsum(axis=2), windows.sum_units, phi, windows.sum_valid, segments, settings)
    centre = shrunk(path, panel.mean_units(panel.weeks), weight[code], settings)
    phi_now = dispersion(panel, panel.weeks, segments, settings)
    return Estimate(
        centre,
        week_law.variance(code, phi_now, centre),
        sum_law.variance(code, phi_now, centre.cumsum(axis=1)),
        failed,
        dict(zip(segments.names, weight.round(4).tolist(), strict=True)),
        scores,
    )


def _scores(
    mean: Array,
    variance: Array,
    windows: Windows,
    score_weeks: NDArray[np.int64],
    is_whole_units: NDArray[np.bool_],
    settings: ForecastSettings,
) -> dict[str, Array]:
    """Point scores of the summed means, and pinball loss of the quantiles, at each series' own horizon."""
    pick = (score_weeks - 1)[:, None, None]
    mean, variance, actual, scored = (
        np.take_along_axis(values, pick, axis=2)[:, :, 0] for values in (mean, variance, windows.sum_units, windows.sum_valid)
    )
    loss = np.zeros_like(mean)
    levels = np.array(QUANTILES)
    series, origin = np.nonzero(scored)
    for begin in range(0, series.size, settings.chunk_series):
        part = (series[begin : begin + settings.chunk_series], origin[begin : begin + settings.chunk_series])
        quantiles = simple_quantiles_units(mean[part], variance[part], is_whole_units[part[0]], levels, settings.lattice_points)
        loss[part] = evaluation.pinball(quantiles, actual[part][:, None], levels)
    return {
        "rmse": evaluation.rmse(mean, actual, scored),
        "mae": evaluation.mae(mean, actual, scored),
        "bias": evaluation.bias(mean, actual, scored),
        "wape": evaluation.wape(mean, actual, scored),
        "pinball": evaluation.masked_mean(loss, scored),
        "origins": scored.sum(axis=1).astype(np.float64),
    }
