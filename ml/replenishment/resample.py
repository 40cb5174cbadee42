"""A future drawn from the past as it was: what lumpy demand is best foretold by.

Belongs here: draws of past demand, newer ones more often, and their quantiles. Does not belong here: any model of it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from ml.replenishment.draws import Draws

Array = NDArray[np.float64]

_BLUR = 0.2  # of a standard deviation: what was sold once is not the only thing that can be sold
_LARGEST_LEVEL_ERROR = 0.6


def total(values: Array) -> Array:
    """Sums over the last axis, added up in order: zeros before a series begins change no digit, as they would in a sum by pairs."""
    return np.cumsum(values, axis=-1)[..., -1]


def _shares(periods: int, start: NDArray[np.int64], discount: float) -> Array:
    """(S, T): weights of the past, newer ones more; each row adds up to 1."""
    weight = np.where(np.arange(periods) >= start[:, None], discount ** np.arange(periods - 1, -1, -1.0), 0.0)
    return weight / total(weight)[:, None]


def draw_paths(units: Array, start: NDArray[np.int64], discount: float, draws: Draws) -> Array:
    """(S, T) demand -> (S, N, H) paths in units; a path has one error of the level, as large as the mean of the past is uncertain."""
    periods = units.shape[1]
    share = _shares(periods, start, discount)
    effective = 1 / total(share**2)
    starts, kind = np.unique(start, return_inverse=True)
    place = norm.cdf(draws.noise)
    picked = np.stack([np.searchsorted(np.cumsum(own), place).clip(0, periods - 1) for own in _shares(periods, starts, discount)])
    mean = total(units * share)
    spread = np.sqrt(total((units - mean[:, None]) ** 2 * share) * effective / np.maximum(effective - 1, 0.5))
    error = np.minimum(spread / np.sqrt(effective) / np.maximum(mean, 1e-9), _LARGEST_LEVEL_ERROR)
    drawn = units[np.arange(len(units))[:, None, None], picked[kind]]
    # less half the variance: an error of the level either way leaves its mean as it was
    blurred = drawn * np.exp(draws.scale[None, :] * error[:, None] - 0.5 * error[:, None] ** 2)[:, :, None]
    return np.maximum(blurred + _BLUR * spread[:, None, None] * draws.level[None] * (drawn > 0), 0.0)


def quantiles(units: Array, start: NDArray[np.int64], discount: float, levels: Array) -> Array:
    """Weighted quantiles of (S, T) past demand; (S, levels)."""
    order = np.argsort(units, axis=1, kind="stable")
    cumulated = np.cumsum(np.take_along_axis(_shares(units.shape[1], start, discount), order, axis=1), axis=1)
    place = (cumulated[:, None, :] < levels[None, :, None]).sum(axis=2).clip(0, units.shape[1] - 1)
    return np.take_along_axis(np.take_along_axis(units, order, axis=1), place, axis=1)
