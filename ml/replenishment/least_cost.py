"""The two levels of least expected cost: order where the position is at or below one, up to the other.

Belongs here: expected holding, shortage and ordering cost of an (R,s,S) policy and the search for its lowest point.
Does not belong here: where demand's mean and variance come from, how an order is netted and rounded.

Demand is of the Panjer class (binomial, Poisson, negative binomial), whichever has mean and variance, on a lattice of whole units (of
several units for fast movers). With G(y) the expected holding and shortage cost of the review period that an order can still change,
the lead time from now, at position y, and m the renewal density of demand per review, the cost per review of (s, S) is exactly

    (K + Σ_{j < S - s} m(j)·G(S - j)) / Σ_{j < S - s} m(j)

(Veinott and Wagner 1965; Zheng and Federgruen 1991). All pairs on the lattice are tried, so there is nothing to converge. Positions
are as with backorders, shortages are counted once, as lost sales; that differs little where shortages are dear. Where not even the
best pair costs less than not selling the item at all, nothing is ordered.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ml.forecasting.distribution import lattice_cdf

Array = NDArray[np.float64]

NEVER_ORDER = -1.0
"""Reorder level of an item that is not worth stocking: no position is at or below it."""

_CHUNK = 512
_NOTHING = 1e-9
_DEVIATIONS = 4.5


class LeastCost(NamedTuple):
    """Levels in units; costs per unit of the time that the arguments are in."""

    reorder_units: Array
    target_units: Array
    holding_cost: Array
    shortage_cost: Array
    ordering_cost: Array

    @property
    def total_cost(self) -> Array:
        return self.holding_cost + self.shortage_cost + self.ordering_cost


class _Terms(NamedTuple):
    """The arguments of `least_cost_levels`, one entry per series."""

    mean: Array
    variance: Array
    lead_time: Array
    review_period: Array
    lead_time_deviation: Array
    holding: Array
    shortage: Array
    order_cost: Array
    moq: Array
    pack: Array
    max_cover: Array


def least_cost_levels(
    mean: ArrayLike,
    variance: ArrayLike,
    *,
    lead_time: ArrayLike,
    review_period: ArrayLike,
    holding: ArrayLike,
    shortage: ArrayLike,
    order_cost: ArrayLike = 0.0,
    lead_time_deviation: ArrayLike = 0.0,
    moq: ArrayLike = 1.0,
    pack: ArrayLike = 1.0,
    max_cover: ArrayLike = np.inf,
    points: int = 64,
) -> LeastCost:
    """Reorder level and order-up-to level of least expected cost, for many series at once; arguments broadcast.

    `mean` and `variance`: of demand SUMMED over the protection interval (lead time + review period), with everything that is uncertain
    in it: demand, the estimate of its level, the lead time. `lead_time_deviation` says which part of the variance the lead time makes.
    `holding` per unit and time, `shortage` per unit lost, `order_cost` per order; `lead_time`, `review_period` and `max_cover` in the
    same time. `max_cover` cuts the batch. An order is at least `moq`; a target is half a pack lower, since rounding up adds that much.
    """
    arguments = (
        mean,
        variance,
        lead_time,
        review_period,
        lead_time_deviation,
        holding,
        shortage,
        order_cost,
        moq,
        pack,
        max_cover,
    )
    arrays = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in arguments))
    shape = arrays[0].shape
    flat = [a.ravel() for a in arrays]
    found = np.empty((5, flat[0].size))
    for begin in range(0, flat[0].size, _CHUNK):
        part = slice(begin, begin + _CHUNK)
        found[:, part] = _solve(_Terms(*(a[part] for a in flat)), points)
    return LeastCost(*(row.reshape(shape) for row in found))


def _solve(terms: _Terms, points: int) -> Array:
    """Levels and costs of one chunk, (5, series)."""
    horizon = terms.lead_time + terms.review_period
    rate = terms.mean / horizon
    per_time = np.maximum(terms.variance - (rate * terms.lead_time_deviation) ** 2, 0.1 * terms.variance) / horizon
    lead_mean, review_mean = rate * terms.lead_time, rate * terms.review_period
    lead_variance = per_time * terms.lead_time + (rate * terms.lead_time_deviation) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        batch = np.where(rate > 0, np.sqrt(2 * terms.order_cost * rate / terms.holding), 0.0)
    cover = np.maximum(np.where(rate > 0, rate, 1.0) * terms.max_cover, terms.moq)
    batch = np.clip(np.minimum(batch, cover), np.maximum(terms.moq, review_mean), np.maximum(1e6, terms.moq))
    reach = terms.mean + _DEVIATIONS * np.sqrt(terms.variance) + 1.5 * batch
    step = np.maximum(1.0, np.ceil(reach / (points - 1)))

    whole = lattice_cdf(terms.mean, terms.variance, step, points)
    lead = lattice_cdf(lead_mean, lead_variance, step, points)
    left_whole, left_lead = _left(whole, step), _left(lead, step)
    level = np.arange(points)[:, None] * step
    # E(D - y)+ = E D - y + E(y - D)+
    lost = np.maximum(review_mean + left_whole - left_lead, 0.0)
    held = (left_whole + left_lead) / 2 * terms.review_period
    density = _renewal_density(lattice_cdf(review_mean, per_time * terms.review_period, step, points))

    cost = terms.holding * held + terms.shortage * lost
    s, target, reviews = _cheapest_pair(cost, density, terms.order_cost, terms.moq / step, cover / step)
    columns = np.arange(rate.size)
    held_rate, lost_rate = (_mean_over_cycle(part, density, s, target, reviews) for part in (held, lost))
    holding_cost = terms.holding * held_rate / terms.review_period
    shortage_cost = terms.shortage * lost_rate / terms.review_period
    ordering_cost = terms.order_cost / reviews / terms.review_period
    nothing = terms.shortage * rate
    is_stocked = (rate > _NOTHING) & (holding_cost + shortage_cost + ordering_cost < nothing)
    reorder_units = level[s, columns]
    target_units = np.maximum(level[target, columns] - np.floor((terms.pack - 1) / 2), reorder_units + 1)
    return np.stack(
        [
            np.where(is_stocked, reorder_units, NEVER_ORDER),
            np.where(is_stocked, target_units, 0.0),
            np.where(is_stocked, holding_cost, 0.0),
            np.where(is_stocked, shortage_cost, nothing),
            np.where(is_stocked, ordering_cost, 0.0),
        ]
    )


def _left(cdf: Array, step: Array) -> Array:
    """E(y - D)+ at every lattice point y: what is left of y."""
    left = np.zeros_like(cdf)
    np.cumsum(cdf[:-1], axis=0, out=left[1:])
    return left * step


def _renewal_density(cdf: Array) -> Array:
    """Expected number of reviews at which demand since the order adds up to j, j = 0 .. points - 1."""
    mass = np.diff(cdf, axis=0)
    density = np.empty_like(cdf)
    moves = np.maximum(1 - cdf[0], 1e-9)
    density[0] = 1 / moves
    for j in range(1, len(cdf)):
        density[j] = np.einsum("ij,ij->j", mass[:j], density[j - 1 :: -1][:j]) / moves
    return density


def _cheapest_pair(
    cost: Array, density: Array, order_cost: Array, least_batch: Array, most_batch: Array
) -> tuple[NDArray[np.intp], NDArray[np.intp], Array]:
    """(s, S) as lattice points and the reviews per cycle; S - s between the batches where the lattice allows."""
    points, series = cost.shape
    best = np.full(series, np.inf)
    best_s, best_target = np.zeros(series, dtype=np.intp), np.ones(series, dtype=np.intp)
    best_reviews = np.ones(series)
    summed, reviews = np.zeros_like(cost), np.zeros(series)
    buffer = np.empty_like(cost)
    least = np.minimum(np.ceil(least_batch), points - 1)
    most = np.maximum(np.floor(most_batch), np.maximum(least, 1))
    columns = np.arange(series)
    for n in range(1, points):
        summed[n - 1 :] += np.multiply(density[n - 1], cost[: points - n + 1], out=buffer[: points - n + 1])
        reviews = reviews + density[n - 1]
        target = summed[n:].argmin(axis=0)
        total = (order_cost + summed[n + target, columns]) / reviews
        is_better = (total < best) & (n >= least) & (n <= most)
        if not is_better.any():
            continue
        best = np.where(is_better, total, best)
        best_s = np.where(is_better, target, best_s)
        best_target = np.where(is_better, target + n, best_target)
        best_reviews = np.where(is_better, reviews, best_reviews)
    return best_s, best_target, best_reviews


def _mean_over_cycle(part: Array, density: Array, s: NDArray[np.intp], target: NDArray[np.intp], reviews: Array) -> Array:
    """Mean per review of what `part` says of a position, over the positions of a cycle from S down to above s."""
    points, series = part.shape
    place = np.arange(points)[:, None]
    position = target - place
    inside = position > s
    at = np.maximum(position, 0)
    return np.where(inside, density * part[at, np.arange(series)], 0.0).sum(axis=0) / reviews
