"""How far forecasts miss: centre and variance of summed demand given a forecast, learned from a
rolling-origin backtest.

Belongs here: a series' own level and dispersion, the shrinkage of the centre, the variance law of a pool
and its fit.
Does not belong here: how forecasts were made, and which distribution takes the variance.

The law is variance = c phi mu + b mu^2, per model, demand pattern and number of summed weeks: mu is the
forecast mean, phi the series' own variance-to-mean ratio, c what is left of independent weeks, b the error
of the level itself, which does not average out over weeks. (c, b) are fitted to squared OUT-OF-SAMPLE
errors, so estimation error is inside. Series of one pool share (c, b): adding a series moves its
neighbours' quantiles a little. phi and mu are the series' own.

For intermittent and lumpy demand a forecast near zero is no evidence of a rate near zero: the item just did
not sell lately. There the centre of the distribution is (1 - w) x forecast + w x historical mean, with one
w per pool from the backtest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]

_ROUNDS = 6
_MIN_SCALE = 0.05
_SHRINKAGE_PRIOR = 5.0
"""Standardised information held against shrinking, so that a tiny pool trusts its model."""
_MAX_SURPRISE = 100.0
"""Squared errors above so many variances count as so many: one data error must not set the stock of a whole
pool."""


@dataclass(frozen=True)
class VarianceLaw:
    """Coefficients of variance = scale phi mu + level mu^2, each of shape (segments, horizons)."""

    scale: Array
    level: Array

    def variance(self, segment: NDArray[np.int64], phi: Array, mean: Array) -> Array:
        """Variance for series of `segment` (n,), `phi` (n,), `mean` (n, horizons); units squared."""
        return self.scale[segment] * phi[:, None] * mean + self.level[segment] * mean**2


@dataclass(frozen=True)
class Calibration:
    """What a backtest taught about one model: weight of the historical mean and variance law, per segment."""

    weight: Array
    """(segments, horizons), in [0, 1]."""
    law: VarianceLaw
    min_share_of_history: float

    def moments(
        self, segment: NDArray[np.int64], forecast: Array, history: Array, phi: Array
    ) -> tuple[Array, Array]:
        """Centre (units) and variance of demand given forecast and historical mean, all (series, horizons).

        Horizons beyond those fitted keep the coefficients of the last one.
        """
        extra = forecast.shape[1] - self.weight.shape[1]
        weight, scale, level = (
            np.pad(c, ((0, 0), (0, max(extra, 0))), mode="edge")
            for c in (self.weight, self.law.scale, self.law.level)
        )
        centre = shrunk_centre(forecast, history, weight[segment], self.min_share_of_history)
        variance = VarianceLaw(scale, level).variance(segment, phi, centre)
        # A later week, or a longer sum, is not better known. The coefficients themselves may trade places
        # from
        # one horizon to the next, so it is the variance that must not fall.
        return centre, np.maximum.accumulate(variance, axis=1)


def shrunk_centre(forecast: Array, history: Array, weight: Array, min_share_of_history: float) -> Array:
    """(1 - w) forecast + w history, and no less than a share of history; units."""
    return np.maximum((1 - weight) * forecast + weight * history, min_share_of_history * history)


def calibrate(
    forecast: Array,
    history: Array,
    actual: Array,
    phi: Array,
    valid: NDArray[np.bool_],
    segment: NDArray[np.int64],
    may_shrink: NDArray[np.bool_],
    settings: ForecastSettings,
) -> Calibration:
    """Learn weight and law from the valid windows; nothing else of the actuals is read.

    Shapes: forecast, history, actual, valid (series, origins, horizons), in units; phi (series, origins);
    segment (series,); may_shrink (segments,).
    """
    segments = len(may_shrink)
    weight = _history_weight(forecast, history, actual, phi, valid, segment, segments) * may_shrink[:, None]
    centre = shrunk_centre(forecast, history, weight[segment][:, None, :], settings.min_share_of_history)
    law = _variance_law(actual - centre, centre, phi, valid, segment, segments, settings)
    return Calibration(weight, law, settings.min_share_of_history)


def history_level(
    training: Array,
    in_stock: NDArray[np.bool_],
    start: NDArray[np.int64],
    end: int,
    segment: NDArray[np.int64],
    segments: int,
    settings: ForecastSettings,
) -> tuple[Array, Array]:
    """Mean units a week and variance-to-mean ratio phi of the weeks before column `end`; two (series,)
    arrays.

    The ratio is measured on in-stock weeks and shrunk to the pooled ratio of its segment; 1 (Poisson) where
    nothing is known. Only the past of `end` is read.
    """
    begin = max(0, end - settings.dispersion_weeks)
    column = np.arange(begin, end)
    used = (column >= start[:, None]) & in_stock[:, begin:end]
    count = used.sum(axis=1)
    window = training[:, begin:end]
    mean = np.where(used, window, 0.0).sum(axis=1) / np.maximum(count, 1)
    squares = np.where(used, (window - mean[:, None]) ** 2, 0.0).sum(axis=1)
    known = (count > 1) & (mean > 0)
    ratio_sum = np.divide(squares, mean, out=np.zeros_like(mean), where=known)
    freedom = np.where(known, count - 1.0, 0.0)
    prior_weeks = settings.dispersion_prior_weeks
    pooled = (np.bincount(segment, ratio_sum, segments) + prior_weeks) / (
        np.bincount(segment, freedom, segments) + prior_weeks
    )
    phi = (ratio_sum + prior_weeks * pooled[segment]) / (freedom + prior_weeks)
    inside = (np.arange(training.shape[1]) >= start[:, None]) & (np.arange(training.shape[1]) < end)
    level = np.where(inside, training, 0.0).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    return level, phi


def _history_weight(
    forecast: Array,
    history: Array,
    actual: Array,
    phi: Array,
    valid: NDArray[np.bool_],
    segment: NDArray[np.int64],
    segments: int,
) -> Array:
    """Regression of (actual - forecast) on (history - forecast), clipped to [0, 1]: (segments, horizons).

    Residuals are weighted by 1 / (phi x history), their variance if weeks were independent.
    """
    usable = valid & (history > 0)
    weight = np.divide(1.0, phi[:, :, None] * history, out=np.zeros_like(history), where=usable)
    gap = history - forecast
    cross, square = weight * gap * (actual - forecast), weight * gap**2
    cross, square = (
        np.stack([term[segment == s].sum(axis=(0, 1)) for s in range(segments)]) for term in (cross, square)
    )
    return np.clip(cross / (square + _SHRINKAGE_PRIOR), 0.0, 1.0)


def _variance_law(
    error: Array,
    mean: Array,
    phi: Array,
    valid: NDArray[np.bool_],
    segment: NDArray[np.int64],
    segments: int,
    settings: ForecastSettings,
) -> VarianceLaw:
    """Gamma-weighted regression of squared errors on (phi mu, mu^2); weights 1 / variance^2, reweighted."""
    horizons = error.shape[2]
    usable = valid & (mean > 0)
    law = VarianceLaw(np.ones((segments, horizons)), np.zeros((segments, horizons)))
    sums = np.zeros((segments, horizons, 6))
    for s in range(segments):
        member = segment == s
        own, used, middle = np.square(error[member]), usable[member], mean[member]
        first, second = phi[member][:, :, None] * middle, middle**2
        scale, level = np.ones(horizons), np.zeros(horizons)
        for _ in range(_ROUNDS):
            variance = scale * first + level * second
            inverse = np.divide(1.0, variance, out=np.zeros_like(variance), where=used)
            x, z = first * inverse, second * inverse
            y = np.minimum(own * inverse, _MAX_SURPRISE)
            terms = (x * x, x * z, z * z, x * y, z * y, used.astype(np.float64))
            sums[s] = np.stack([term.sum(axis=(0, 1)) for term in terms], axis=-1)
            law = _solve(sums[s : s + 1], settings)
            scale, level = law.scale[0], law.level[0]
    return _solve(sums, settings)


def _solve(sums: Array, settings: ForecastSettings) -> VarianceLaw:
    """Two non-negative coefficients per (segment, horizon); small pools lean on the model's pool, then on c
    = 1, b = 0.
    """
    everyone = sums.sum(axis=0, keepdims=True)
    share = settings.pool_prior_windows / np.maximum(everyone[..., 5:], settings.pool_prior_windows)
    xx, xz, zz, xy, zy, _ = np.moveaxis(sums + share * everyone, -1, 0)
    xx, xy = xx + settings.theory_prior_windows, xy + settings.theory_prior_windows
    determinant = xx * zz - xz**2
    solvable = determinant > 1e-9 * xx * np.maximum(zz, 1e-300)
    level = np.where(solvable, (xx * zy - xz * xy) / np.where(solvable, determinant, 1.0), 0.0)
    level = np.maximum(level, 0.0)
    scale = (xy - xz * level) / xx
    low = scale < _MIN_SCALE
    only_level = np.divide(zy - _MIN_SCALE * xz, zz, out=np.zeros_like(zz), where=zz > 0)
    return VarianceLaw(np.where(low, _MIN_SCALE, scale), np.where(low, np.maximum(only_level, 0.0), level))
