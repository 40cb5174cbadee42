"""One forecast from many: weights per segment, learned from the backtest.

Belongs here: the weights and the two centres they give. Does not belong here: fitting models, distributions.

The weights are convex and found twice, for the least squared error and for the least absolute error, both in units of the
series' level: where demand is heavy-tailed the two centres differ. Pools of series lean on all
series, and all series on equal weights, so that few windows teach little.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.backtest import Backtest
from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]

_ROUNDS = 25
_RIDGE = 0.04
"""Weight of the prior, as a share of its squared errors: where all models err little, small differences count."""
_SEGMENT_PRIOR_ROWS = 2_000.0
_MAX_ROWS = 60_000
_TINY = 1e-12
_CAP_LEVELS = 20.0
"""Demand beyond so many levels, and so many usual sales, counts as so many in the squared loss and in the prior: one data error must not
choose the models. Of what sells once in three months, one sale is a hundred levels and no error."""


@dataclass(frozen=True)
class Weights:
    """Convex weights per segment and model, (segments, models), for the two losses."""

    names: tuple[str, ...]
    squared: Array
    absolute: Array

    @property
    def mean(self) -> Array:
        return (self.squared + self.absolute) / 2

    def combine(self, paths: dict[str, Array], segment: NDArray[np.int64], weights: Array) -> Array:
        """Weighted sum of paths (series, ..., horizon) with the weights of each series' segment."""
        total = np.zeros_like(next(iter(paths.values())))
        for j, name in enumerate(self.names):
            total += weights[segment, j].reshape(-1, *[1] * (total.ndim - 1)) * paths[name]
        return total


def learn_weights(
    tested: Backtest,
    level: Array,
    sale: Array,
    segment: NDArray[np.int64],
    segments: int,
    settings: ForecastSettings,
    medians: Container[str] = (),
) -> Weights:
    """Weights from the valid periods of all origins. `level` is the scale of a series at an origin, `sale` what it sells in a period in which
    it sells at all: both (series, origins), in units. `medians` are models of medians: of a mean they are not expected to say anything.
    """
    names = tuple(tested.paths)
    equal = np.full(len(names), 1 / len(names))
    valid = np.argwhere(tested.period_valid)
    if len(names) == 1 or not len(valid):
        return Weights(names, np.tile(equal, (segments, 1)), np.tile(equal, (segments, 1)))
    member = segment[valid[:, 0]]
    most = _CAP_LEVELS * np.maximum(1.0, sale / np.maximum(level, _TINY))
    found = []
    for is_squared in (True, False):
        fit = np.array([float(not is_squared or name not in medians) for name in names])
        prior = fit / fit.sum() if fit.any() else equal
        everyone = _solve(tested, level, most, _rows(valid, settings), prior, _RIDGE, is_squared)
        weights = np.tile(everyone, (segments, 1))
        for s in np.unique(member):
            rows = valid[member == s]
            if len(rows) >= 200:
                strength = _RIDGE * (1 + _SEGMENT_PRIOR_ROWS / len(rows))
                weights[s] = _solve(tested, level, most, _rows(rows, settings), everyone, strength, is_squared)
        found.append(weights)
    return Weights(names, *found)


def _rows(valid: NDArray[np.int64], settings: ForecastSettings) -> NDArray[np.int64]:
    if len(valid) <= _MAX_ROWS:
        return valid
    return valid[np.sort(np.random.default_rng(settings.seed).choice(len(valid), _MAX_ROWS, replace=False))]


def _solve(
    tested: Backtest, level: Array, most: Array, rows: NDArray[np.int64], prior: Array, ridge: float, is_squared: bool
) -> Array:
    """Non-negative least squares with weights that sum to 1, reweighted towards absolute errors where asked."""
    from scipy.optimize import nnls

    series, origin, step = rows.T
    scale, cap = np.maximum(level[series, origin], _TINY), most[series, origin]
    design = np.column_stack([path[series, origin, step] / scale for path in tested.paths.values()])
    actual = tested.units[series, origin, step] / scale
    if is_squared:
        actual = np.minimum(actual, cap)
        importance = np.ones(len(actual))
    else:
        # absolute errors in units, so that the total is what a weighted absolute percentage error counts
        importance = scale / max(scale.mean(), _TINY)
    weights, count = prior, len(prior)
    size, missed = (np.minimum(np.abs(values), cap) for values in (actual, design @ prior - actual))
    for _ in range(1 if is_squared else _ROUNDS):
        error = np.abs(design @ weights - actual)
        own = np.ones_like(error) if is_squared else importance / np.maximum(error, 0.1 * max(size.mean(), _TINY))
        gram = design.T @ (design * own[:, None])
        # the second term keeps what cannot be told apart solvable where there was no demand
        strength = ridge * float(own @ missed**2) + 1e-6 * np.trace(gram) / count + 1e-12
        gram = gram + strength * np.eye(count)
        target = design.T @ (own * actual) + strength * prior
        # the sum constraint enters as one heavy row; the Cholesky factor keeps the problem as small as the number of models
        heavy = 1e4 * max(np.trace(gram) / count, _TINY)
        factor = np.linalg.cholesky(gram + heavy + 1e-9 * heavy * np.eye(count))
        right = np.linalg.solve(factor, target + heavy)
        new, _ = nnls(factor.T, right)
        new = new / max(new.sum(), _TINY)
        if np.abs(new - weights).max() < 1e-4:
            weights = new
            break
        weights = new
    return weights
