"""Scores that compare a forecast with what happened.

Belongs here: pure functions of arrays, each with its formula, for any model of any kind.
Does not belong here: which windows are scored, which model wins, and anything that knows a frame or a series.

Every function reduces the LAST axis and takes `scored`, a boolean mask of the same shape (default: score all). Where
no element is scored the result is NaN: there is no error to report, which is not an error of zero.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def masked_mean(values: ArrayLike, scored: ArrayLike | None = None) -> Array:
    """Mean of the scored elements over the last axis; NaN where there are none."""
    values = np.asarray(values, dtype=np.float64)
    mask = _mask(values, scored)
    count = mask.sum(axis=-1)
    total = np.where(mask, values, 0.0).sum(axis=-1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def mae(forecast: ArrayLike, actual: ArrayLike, scored: ArrayLike | None = None) -> Array:
    """Mean absolute error, mean |f - a|, in the unit of the inputs."""
    return masked_mean(np.abs(_error(forecast, actual)), scored)


def rmse(forecast: ArrayLike, actual: ArrayLike, scored: ArrayLike | None = None) -> Array:
    """Root mean squared error, sqrt(mean (f - a)^2), in the unit of the inputs."""
    return np.sqrt(masked_mean(_error(forecast, actual) ** 2, scored))


def bias(forecast: ArrayLike, actual: ArrayLike, scored: ArrayLike | None = None) -> Array:
    """Mean of forecast minus actual, in the unit of the inputs; positive forecasts too much."""
    return masked_mean(_error(forecast, actual), scored)


def wape(forecast: ArrayLike, actual: ArrayLike, scored: ArrayLike | None = None) -> Array:
    """Weighted absolute percentage error, sum |f - a| / sum |a|, a ratio; NaN where the actuals sum to zero."""
    error = np.abs(_error(forecast, actual))
    size = np.abs(np.broadcast_to(np.asarray(actual, dtype=np.float64), error.shape))
    mask = _mask(error, scored)
    total = np.where(mask, error, 0.0).sum(axis=-1)
    sold = np.where(mask, size, 0.0).sum(axis=-1)
    return np.divide(total, sold, out=np.full(total.shape, np.nan), where=sold > 0)


def pinball(quantile_forecast: ArrayLike, actual: ArrayLike, level: ArrayLike, scored: ArrayLike | None = None) -> Array:
    """Mean pinball (quantile) loss max(p (a - q), (p - 1)(a - q)), in the unit of the inputs.

    `level` p is a probability in (0, 1) and broadcasts against the forecasts. Koenker and Bassett (1978).
    """
    gap = -_error(quantile_forecast, actual)
    p = np.asarray(level, dtype=np.float64)
    return masked_mean(np.maximum(p * gap, (p - 1.0) * gap), scored)


def _error(forecast: ArrayLike, actual: ArrayLike) -> Array:
    return np.asarray(forecast, dtype=np.float64) - np.asarray(actual, dtype=np.float64)


def _mask(values: Array, scored: ArrayLike | None) -> NDArray[np.bool_]:
    if scored is None:
        return np.ones(values.shape, dtype=bool)
    return np.broadcast_to(np.asarray(scored, dtype=bool), values.shape)
