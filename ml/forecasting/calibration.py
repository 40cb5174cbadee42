"""How far forecasts miss: centre and variance of demand given a model's path, learned from a rolling-origin backtest.

Belongs here: a series' own dispersion, the shrinkage of the centre, the variance law of a pool and its fit.
Does not belong here: how forecasts were made, and which distribution takes the variance.

For intermittent and lumpy demand a forecast near zero is no evidence of a rate near zero: the item just did not sell
lately. There the centre of a week is (1 - w) x forecast + w x historical mean. One w per model and demand pattern
serves all weeks, so that weekly centres add up to the centre of any sum. The centre is what is published and scored.
The rule is the same for every model, baselines too: the naive model's zero would otherwise be a quantile of zero (its
95 % quantile then covers 49 to 62 % of simulated slow and lumpy demand, instead of 96 to 97 %).

The law is variance = c phi mu + b mu^2, per model, demand pattern and number of weeks: mu is the centre, phi the
series' own variance-to-mean ratio, c what is left of independent weeks, b the error of the level itself, which does
not average out over weeks. (c, b) are fitted to squared OUT-OF-SAMPLE errors, so estimation error is inside.

Series of one pool share (w, c, b): adding a series moves its neighbours' quantiles a little, and where w is not zero
their means. phi and the forecast are the series' own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.series import Panel
from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]

SHRUNK_PATTERNS = ("intermittent", "lumpy")
"""Demand patterns whose centre may be shrunk to the historical mean."""

_ROUNDS = 6
_MIN_SCALE = 0.05
_SHRINKAGE_PRIOR = 5.0
"""Standardised information held against shrinking, so that a tiny pool trusts its model."""
_MAX_SURPRISE = 100.0
"""Squared errors above so many variances count as so many: one data error must not set the stock of a whole pool."""


@dataclass(frozen=True)
class Segments:
    """Pools of series: `code` (series,) into the sorted distinct demand patterns `names`."""

    code: NDArray[np.int64]
    names: tuple[str, ...]


@dataclass(frozen=True)
class VarianceLaw:
    """Coefficients of variance = scale phi mu + level mu^2, each of shape (segments, weeks)."""

    scale: Array
    level: Array

    def variance(self, segment: NDArray[np.int64], phi: Array, mean: Array) -> Array:
        """Variance, units squared, for series of `segment` (n,), `phi` (n,), `mean` (n, weeks).

        Weeks beyond those fitted keep the coefficients of the last one. A later week, or a longer sum, is not better
        known: coefficients may trade places from one week to the next, so it is the variance that must not fall.
        """
        extra = max(mean.shape[1] - self.scale.shape[1], 0)
        scale, level = (np.pad(c, ((0, 0), (0, extra)), mode="edge")[segment] for c in (self.scale, self.level))
        return np.maximum.accumulate(scale * phi[:, None] * mean + level * mean**2, axis=1)


def dispersion(panel: Panel, end: int, segments: Segments, settings: ForecastSettings) -> Array:
    """Variance-to-mean ratio phi of each series' weeks before column `end`, (series,).

    It is measured on in-stock weeks and shrunk to the pooled ratio of its segment; 1 (Poisson) where nothing is known.
    Only the past of `end` is read.
    """
    begin = max(0, end - settings.dispersion_weeks)
    used = (np.arange(begin, end) >= panel.start[:, None]) & panel.is_in_stock[:, begin:end]
    count = used.sum(axis=1)
    window = panel.training_units[:, begin:end]
    mean = np.where(used, window, 0.0).sum(axis=1) / np.maximum(count, 1)
    squares = np.where(used, (window - mean[:, None]) ** 2, 0.0).sum(axis=1)
    known = (count > 1) & (mean > 0)
    ratio_sum = np.divide(squares, mean, out=np.zeros_like(mean), where=known)
    freedom = np.where(known, count - 1.0, 0.0)
    prior = settings.dispersion_prior_weeks
    code, pools = segments.code, len(segments.names)
    pooled = (np.bincount(code, ratio_sum, pools) + prior) / (np.bincount(code, freedom, pools) + prior)
    return (ratio_sum + prior * pooled[code]) / (freedom + prior)


def shrunk(path: Array, history: Array, weight: Array, settings: ForecastSettings) -> Array:
    """(1 - w) path + w history, and no less than a share of history; units a week.

    Shapes: path (series, ..., weeks), history (series, ...), weight (series,).
    """
    history = history[..., None]
    weight = weight.reshape(-1, *[1] * (path.ndim - 1))
    return np.maximum((1 - weight) * path + weight * history, settings.min_share_of_history * history)


def history_weight(path: Array, history: Array, actual: Array, phi: Array, valid: NDArray[np.bool_], segments: Segments) -> Array:
    """Weight of the historical mean, (segments,) in [0, 1]; 0 for patterns that are not shrunk.

    Regression of (actual - forecast) on (history - forecast) over the valid single weeks, weighted by
    1 / (phi x history), their variance if weeks are independent. For a flat forecast that is the regression on the sum
    of all weeks, too. Shapes: path, actual, valid (series, origins, weeks); history, phi (series, origins).
    """
    history = history[:, :, None]
    precision = np.divide(1.0, phi[:, :, None] * history, out=np.zeros_like(history), where=history > 0) * valid
    gap = history - path
    cross, square = (
        np.bincount(segments.code, (precision * gap * other).sum(axis=(1, 2)), len(segments.names))
        for other in (actual - path, gap)
    )
    may_shrink = np.array([name in SHRUNK_PATTERNS for name in segments.names])
    return np.clip(cross / (square + _SHRINKAGE_PRIOR), 0.0, 1.0) * may_shrink


def variance_law(
    mean: Array, actual: Array, phi: Array, valid: NDArray[np.bool_], segments: Segments, settings: ForecastSettings
) -> VarianceLaw:
    """Gamma-weighted regression of squared errors on (phi mu, mu^2); weights 1 / variance^2, reweighted.

    Only valid windows of `actual` are read. Shapes: mean, actual, valid (series, origins, weeks), in units; phi
    (series, origins).
    """
    weeks, pools = mean.shape[2], len(segments.names)
    sums = np.zeros((pools, weeks, 6))
    for s in range(pools):
        member = segments.code == s
        middle = mean[member]
        used = valid[member] & (middle > 0)
        squared_error = np.square(actual[member] - middle)
        first, second = phi[member][:, :, None] * middle, middle**2
        scale, level = np.ones(weeks), np.zeros(weeks)
        for _ in range(_ROUNDS):
            variance = scale * first + level * second
            inverse = np.divide(1.0, variance, out=np.zeros_like(variance), where=used)
            x, z = first * inverse, second * inverse
            y = np.minimum(squared_error * inverse, _MAX_SURPRISE)
            terms = (x * x, x * z, z * z, x * y, z * y, used.astype(np.float64))
            sums[s] = np.stack([term.sum(axis=(0, 1)) for term in terms], axis=-1)
            scale, level = _solve(sums[s], sums[s], settings)
    return VarianceLaw(*_solve(sums, sums.sum(axis=0), settings))


def _solve(sums: Array, everyone: Array, settings: ForecastSettings) -> tuple[Array, Array]:
    """Two non-negative coefficients per (segment, week); small pools lean on the model's pool, then on c = 1, b = 0."""
    share = settings.pool_prior_windows / np.maximum(everyone[..., 5:], settings.pool_prior_windows)
    xx, xz, zz, xy, zy, _ = np.moveaxis(sums + share * everyone, -1, 0)
    xx, xy = xx + settings.theory_prior_windows, xy + settings.theory_prior_windows
    determinant = xx * zz - xz**2
    solvable = determinant > 1e-9 * xx * zz
    level = np.divide(xx * zy - xz * xy, determinant, out=np.zeros_like(xx), where=solvable)
    level = np.maximum(level, 0.0)
    scale = (xy - xz * level) / xx
    low = scale < _MIN_SCALE
    only_level = np.divide(zy - _MIN_SCALE * xz, zz, out=np.zeros_like(zz), where=zz > 0)
    return np.where(low, _MIN_SCALE, scale), np.where(low, np.maximum(only_level, 0.0), level)
