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


def draw_paths(units: Array, discount: float, draws: Draws) -> Array:
    """(S, T) demand -> (S, N, H) paths in units; a path has one error of the level, as large as the mean of the past is uncertain."""
    weight = discount ** np.arange(units.shape[1] - 1, -1, -1.0)
    share = weight / weight.sum()
    effective = 1 / (share**2).sum()
    picked = np.searchsorted(np.cumsum(share), norm.cdf(draws.noise)).clip(0, units.shape[1] - 1)
    mean = (units * share).sum(axis=1)
    spread = np.sqrt(((units - mean[:, None]) ** 2 * share).sum(axis=1) * effective / max(effective - 1, 0.5))
    error = np.minimum(spread / np.sqrt(effective) / np.maximum(mean, 1e-9), _LARGEST_LEVEL_ERROR)
    drawn = units[:, picked]
    # less half the variance: an error of the level either way leaves its mean as it was
    blurred = drawn * np.exp(draws.scale[None, :] * error[:, None] - 0.5 * error[:, None] ** 2)[:, :, None]
    return np.maximum(blurred + _BLUR * spread[:, None, None] * draws.level[None] * (drawn > 0), 0.0)


def quantiles(units: Array, discount: float, levels: Array) -> Array:
    """Weighted quantiles of (S, T) past demand; (S, levels)."""
    weight = discount ** np.arange(units.shape[1] - 1, -1, -1.0)
    order = np.argsort(units, axis=1, kind="stable")
    cumulated = np.cumsum(weight[order], axis=1) / weight.sum()
    place = (cumulated[:, None, :] < levels[None, :, None]).sum(axis=2).clip(0, units.shape[1] - 1)
    return np.take_along_axis(np.take_along_axis(units, order, axis=1), place, axis=1)
