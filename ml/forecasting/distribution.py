"""Distribution of demand over an interval, given its mean and variance.

Belongs here: the family of distributions, computed on a lattice; quantiles.
Does not belong here: where mean and variance come from (`calibration`), vendors and mixtures over lead times (`lead_time`).

The family is Panjer's (a, b, 0) class: binomial, Poisson or negative binomial, whichever has the variance. It is
discrete, as a slow mover's demand is, skewed as demand is, has no mass below zero, and all three are one recursion,
P(n) = P(n-1) (a + b / n) with a = (phi - 1) / phi, b = mean / phi - a, phi = variance / mean. Panjer (1981); Sundt
and Jewell (1981). Fast movers are computed in steps of several units: demand = step x lattice count, moments kept.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_NO_DEMAND_UNITS = 1e-9
"""Means below it are no demand: all mass lies at zero."""
_MIN_DISPERSION = 0.1
"""Smallest variance-to-mean ratio on the lattice: below it the first probability of a fast mover underflows."""
_BLOCK = 2_048
"""Series whose lattices are computed together."""


def lattice_step_units(mean: Array, variance: Array, is_whole_units: NDArray[np.bool_], points: int) -> Array:
    """Units per lattice point, so that `points` points reach far into the upper tail. Arrays broadcast; all in units.

    Whole-unit demand has a whole step of at least one unit; other demand has a step as fine as the points allow.
    """
    step = _reach_units(mean, variance, points) / (points - 1)
    return np.where(is_whole_units, np.maximum(1.0, np.ceil(step)), np.where(mean > _NO_DEMAND_UNITS, step, 1.0))


def _reach_units(mean: Array, variance: Array, points: int) -> Array:
    """Units beyond which there is next to no mass."""
    ratio = np.divide(variance, mean, out=np.ones_like(mean), where=mean > _NO_DEMAND_UNITS)
    # Six deviations reach past 99.5 % of near-normal demand; the ratio is the scale of the (gamma-like) tail of
    # skewed demand.
    deviation = np.maximum(np.sqrt(variance), mean * np.sqrt(_MIN_DISPERSION / points))
    return mean + 6 * deviation + 8 * ratio


def lattice_cdf(mean: Array, variance: Array, step: Array, points: int) -> Array:
    """P(demand <= n steps), n = 0 .. points - 1; `mean`, `variance` and `step` are (series,) in units; (points, series)."""
    cdf = _cumulated(mean, variance, step, points)
    # What lies beyond the lattice (far less than the last published quantile) is given to the points inside.
    return cdf / cdf[-1]


def _cumulated(mean: Array, variance: Array, step: Array, points: int) -> Array:
    """The same without what lies beyond the lattice."""
    mean = np.where(mean > _NO_DEMAND_UNITS, mean, 0.0)
    count = mean / step
    phi = np.divide(variance, mean * step, out=np.ones_like(mean), where=mean > _NO_DEMAND_UNITS)
    phi = np.maximum(phi, _MIN_DISPERSION)
    # A binomial needs a whole number of trials: the next larger one keeps the mean and errs towards more variance.
    trials = np.ceil(count / np.where(phi < 1, 1 - phi, 1.0) - 1e-9)
    phi = np.where(phi < 1, 1 - count / np.maximum(trials, 1.0), phi)
    slope = (phi - 1) / phi
    offset = count / phi - slope
    excess = phi - 1
    log_ratio = np.divide(np.log(phi), excess, out=np.ones_like(phi), where=np.abs(excess) > 1e-9)
    mass = np.exp(-count * log_ratio)
    cdf = np.empty((points, mean.size))
    cdf[0] = mass
    ratio = np.empty_like(mass)
    for n in range(1, points):
        np.divide(offset, n, out=ratio)
        ratio += slope
        np.maximum(ratio, 0.0, out=ratio)
        mass *= ratio
        np.add(cdf[n - 1], mass, out=cdf[n])
    return cdf


def quantiles_units(cdf: Array, step: Array, is_whole_units: NDArray[np.bool_], levels: Array) -> Array:
    """Quantiles of lattice distributions, in units; shape (series, levels).

    On a lattice of single whole units: the smallest number with P(demand <= number) >= level. On a coarser or finer
    lattice the probability of a point is spread over its cell; whole-unit demand is then rounded up.
    """
    at = _points_below(cdf, levels)
    exact = is_whole_units & (step == 1)
    if exact.all():
        return at.astype(np.float64)
    columns = np.arange(cdf.shape[1])[:, None]
    below = np.where(at > 0, cdf[np.maximum(at - 1, 0), columns], 0.0)
    inside = (levels - below) / np.maximum(cdf[at, columns] - below, 1e-300)
    spread = np.where(at > 0, (at - 0.5 + np.clip(inside, 0, 1)) * step[:, None], 0.0)
    rounded = np.where(is_whole_units[:, None], np.ceil(spread - 1e-9), spread)
    return np.where(exact[:, None], at, rounded)


def _points_below(cdf: Array, levels: Array) -> NDArray[np.int64]:
    """Lattice points whose distribution function lies below each level, (series, levels)."""
    found = np.empty((cdf.shape[1], len(levels)), dtype=np.int64)
    for j, level in enumerate(levels):
        found[:, j] = np.add.reduce(cdf < level - 1e-12, axis=0, dtype=np.int16)
    return np.minimum(found, len(cdf) - 1)


def simple_quantiles_units(mean: Array, variance: Array, is_whole_units: NDArray[np.bool_], levels: Array, points: int) -> Array:
    """Quantiles of demand with (n,) means and variances in units -> (n, levels) units."""
    step = lattice_step_units(mean, variance, is_whole_units, points)
    # A slow mover needs a few of the points: mass beyond its reach is nothing, and so is what a longer lattice would add.
    reach = np.where(is_whole_units & (step == 1), _reach_units(mean, variance, points), np.inf)
    needed = np.minimum(2 ** np.ceil(np.log2(reach + 1)), points).astype(np.int64)
    result = np.empty((mean.size, len(levels)))
    for count in np.unique(needed).tolist():
        for at in _blocks(np.flatnonzero(needed == count)):
            if count < points:
                result[at] = _points_below(_cumulated(mean[at], variance[at], step[at], count), levels)
            else:
                cdf = lattice_cdf(mean[at], variance[at], step[at], points)
                result[at] = quantiles_units(cdf, step[at], is_whole_units[at], levels)
    return result


def _blocks(rows: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Parts of `rows` whose lattices stay in the processor's cache."""
    return [rows[begin : begin + _BLOCK] for begin in range(0, rows.size, _BLOCK)]
