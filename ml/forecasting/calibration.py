"""How far forecasts miss: variance and shape of demand around a path, learned from a rolling-origin backtest.

Belongs here: a series' own dispersion, the variance law of a pool and its fit, the empirical distribution of errors.
Does not belong here: how forecasts were made, and which distribution takes the variance.

The law is variance = c phi mu + b mu^2, per model, demand pattern and number of periods: mu is the centre, phi the
series' own variance-to-mean ratio, c what is left of independent periods, b the error of the level itself, which does
not average out over periods. (c, b) are fitted to squared OUT-OF-SAMPLE errors, so estimation error is inside.

Series of one pool share (c, b): adding a series moves its neighbours' quantiles a little. phi and the forecast are the series' own.

Where there are enough windows, what the law says is held against what came: the errors in units of the law's deviation,
pooled over series that are about as predictable, give an empirical (conformal) distribution beside the parametric one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.panel import Panel
from ml.forecasting.settings import GRID, ForecastSettings

Array = NDArray[np.float64]

_ROUNDS = 6
_MIN_SCALE = 0.05
_MAX_SURPRISE = 100.0
"""Squared errors above so many variances count as so many: one data error must not set the stock of a whole pool."""


@dataclass(frozen=True)
class Segments:
    """Pools of series: `code` (series,) into the sorted distinct demand patterns `names`."""

    code: NDArray[np.int64]
    names: tuple[str, ...]


@dataclass(frozen=True)
class VarianceLaw:
    """Coefficients of variance = scale phi mu + level mu^2, each of shape (segments, periods)."""

    scale: Array
    level: Array

    def variance(self, segment: NDArray[np.int64], phi: Array, mean: Array) -> Array:
        """Variance, units squared, for series of `segment` (n,), `phi` (n,), `mean` (n, periods).

        Periods beyond those fitted keep the coefficients of the last one. A later period, or a longer sum, is not better
        known: coefficients may trade places from one period to the next, so it is the variance that must not fall.
        """
        extra = max(mean.shape[1] - self.scale.shape[1], 0)
        scale, level = (np.pad(c, ((0, 0), (0, extra)), mode="edge")[segment] for c in (self.scale, self.level))
        return np.maximum.accumulate(scale * phi[:, None] * mean + level * mean**2, axis=1)


def dispersion(panel: Panel, end: int, segments: Segments, settings: ForecastSettings) -> Array:
    """Variance-to-mean ratio phi of each series' periods before column `end`, (series,).

    It is measured on in-stock periods and shrunk to the pooled ratio of its segment; 1 (Poisson) where nothing is known.
    Only the past of `end` is read.
    """
    begin = max(0, end - settings.dispersion_periods)
    used = (np.arange(begin, end) >= panel.start[:, None]) & panel.is_in_stock[:, begin:end]
    count = used.sum(axis=1)
    window = panel.training_units[:, begin:end]
    mean = np.where(used, window, 0.0).sum(axis=1) / np.maximum(count, 1)
    squares = np.where(used, (window - mean[:, None]) ** 2, 0.0).sum(axis=1)
    known = (count > 1) & (mean > 0)
    ratio_sum = np.divide(squares, mean, out=np.zeros_like(mean), where=known)
    freedom = np.where(known, count - 1.0, 0.0)
    prior = settings.dispersion_prior_periods
    code, pools = segments.code, len(segments.names)
    pooled = (np.bincount(code, ratio_sum, pools) + prior) / (np.bincount(code, freedom, pools) + prior)
    return (ratio_sum + prior * pooled[code]) / (freedom + prior)


def variance_law(
    mean: Array, actual: Array, phi: Array, valid: NDArray[np.bool_], segments: Segments, settings: ForecastSettings
) -> VarianceLaw:
    """Gamma-weighted regression of squared errors on (phi mu, mu^2); weights 1 / variance^2, reweighted.

    Only valid windows of `actual` are read. Shapes: mean, actual, valid (series, origins, periods), in units; phi
    (series, origins).
    """
    periods, pools = mean.shape[2], len(segments.names)
    sums = np.zeros((pools, periods, 6))
    for s in range(pools):
        member = segments.code == s
        middle = mean[member]
        used = valid[member] & (middle > 0)
        squared_error = np.square(actual[member] - middle)
        first, second = phi[member][:, :, None] * middle, middle**2
        scale, level = np.ones(periods), np.zeros(periods)
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
    """Two non-negative coefficients per (segment, period); small pools lean on the model's pool, then on c = 1, b = 0."""
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


@dataclass(frozen=True)
class ErrorShape:
    """Empirical quantiles of (actual - mean) / deviation by how predictable a series is.

    `log_cv` (buckets,) are the centres of the buckets, logarithm of deviation over mean; `table` (buckets, levels) the quantiles
    on the GRID. Between buckets they are interpolated.
    """

    log_cv: Array
    table: Array

    def quantiles(self, mean: Array, variance: Array) -> Array:
        """Quantiles around `mean` (n,) with `variance` (n,), in units, 0 or more: (n, levels)."""
        deviation = np.sqrt(np.maximum(variance, 0.0))
        position = np.log(np.maximum(deviation, 1e-12) / np.maximum(mean, 1e-12))
        if len(self.log_cv) == 1:
            standard = np.broadcast_to(self.table[0], (len(mean), self.table.shape[1]))
        else:
            right = np.clip(np.searchsorted(self.log_cv, position), 1, len(self.log_cv) - 1)
            gap = np.maximum(self.log_cv[right] - self.log_cv[right - 1], 1e-12)
            share = np.clip((position - self.log_cv[right - 1]) / gap, 0.0, 1.0)[:, None]
            standard = (1 - share) * self.table[right - 1] + share * self.table[right]
        return np.maximum(mean[:, None] + deviation[:, None] * standard, 0.0)


def error_shape(
    mean: Array, variance: Array, actual: Array, valid: NDArray[np.bool_], settings: ForecastSettings
) -> ErrorShape | None:
    """The empirical distribution of the valid windows (flat arrays); None where there are too few for even one bucket."""
    used = valid & (mean > 0) & (variance > 0)
    if used.sum() < settings.bucket_windows:
        return None
    mean, deviation, actual = mean[used], np.sqrt(variance[used]), actual[used]
    position, standard = np.log(deviation / mean), (actual - mean) / deviation
    order = np.argsort(position, kind="stable")
    buckets = np.array_split(order, int(min(settings.max_buckets, used.sum() // settings.bucket_windows)))
    levels = np.array(GRID)
    table = np.stack([np.quantile(standard[rows], levels) for rows in buckets])
    return ErrorShape(np.array([np.median(position[rows]) for rows in buckets]), table)
