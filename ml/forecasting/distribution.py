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


def lattice_step_units(mean: Array, variance: Array, is_whole_units: NDArray[np.bool_], points: int) -> Array:
    """Units per lattice point, so that `points` points reach far into the upper tail. Arrays broadcast; all in units.

    Whole-unit demand has a whole step of at least one unit; other demand has a step as fine as the points allow.
    """
    ratio = np.divide(variance, mean, out=np.ones_like(mean), where=mean > _NO_DEMAND_UNITS)
    # Six deviations reach past 99.5 % of near-normal demand; the ratio is the scale of the (gamma-like) tail of
    # skewed demand.
    deviation = np.maximum(np.sqrt(variance), mean * np.sqrt(_MIN_DISPERSION / points))
    reach = mean + 6 * deviation + 8 * ratio
    step = reach / (points - 1)
    return np.where(is_whole_units, np.maximum(1.0, np.ceil(step)), np.where(mean > _NO_DEMAND_UNITS, step, 1.0))


def lattice_cdf(mean: Array, variance: Array, step: Array, points: int) -> Array:
    """P(demand <= n steps), n = 0 .. points - 1; `mean`, `variance` and `step` are (series,) in units; (points, series)."""
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
    for n in range(1, points):
        mass = mass * np.maximum(slope + offset / n, 0.0)
        np.add(cdf[n - 1], mass, out=cdf[n])
    # What lies beyond the lattice (far less than the last published quantile) is given to the points inside.
    return cdf / cdf[-1]


def quantiles_units(cdf: Array, step: Array, is_whole_units: NDArray[np.bool_], levels: Array) -> Array:
    """Quantiles of lattice distributions, in units; shape (series, levels).

    On a lattice of single whole units: the smallest number with P(demand <= number) >= level. On a coarser or finer
    lattice the probability of a point is spread over its cell; whole-unit demand is then rounded up.
    """
    columns = np.arange(cdf.shape[1])
    exact = is_whole_units & (step == 1)
    result = np.empty((cdf.shape[1], len(levels)))
    for j, level in enumerate(levels):
        at = np.count_nonzero(cdf < level - 1e-12, axis=0)
        below = np.where(at > 0, cdf[np.maximum(at - 1, 0), columns], 0.0)
        inside = (level - below) / np.maximum(cdf[at, columns] - below, 1e-300)
        spread = np.where(at > 0, (at - 0.5 + np.clip(inside, 0, 1)) * step, 0.0)
        rounded = np.where(is_whole_units, np.ceil(spread - 1e-9), spread)
        result[:, j] = np.where(exact, at, rounded)
    return result


def simple_quantiles_units(mean: Array, variance: Array, is_whole_units: NDArray[np.bool_], levels: Array, points: int) -> Array:
    """Quantiles of demand with (n,) means and variances in units -> (n, levels) units."""
    step = lattice_step_units(mean, variance, is_whole_units, points)
    return quantiles_units(lattice_cdf(mean, variance, step, points), step, is_whole_units, levels)
