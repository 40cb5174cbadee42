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

from collections.abc import Sequence
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
    shape, chunks = _chunks(arguments)
    found = np.concatenate([_solve(terms, points) for terms in chunks], axis=1) if chunks else np.empty((5, 0))
    return LeastCost(*(row.reshape(shape) for row in found))


def costs_around(
    mean: ArrayLike,
    variance: ArrayLike,
    *,
    reorder_units: ArrayLike,
    target_units: ArrayLike,
    shares: Sequence[float] = (0.5, 0.7, 0.85, 0.95, 1.0, 1.05, 1.15, 1.3, 1.5),
    points: int = 96,
    **terms: ArrayLike,
) -> LeastCost:
    """Expected costs of other targets than the cheapest: `shares` times `target_units`, the batch between the levels as it is.

    `terms` are those of `least_cost_levels`. Levels are rounded to the lattice and cut at its end; the answer says which were taken. The
    shares are an axis of their own, the last one.
    """
    names = ("lead_time", "review_period", "lead_time_deviation", "holding", "shortage", "order_cost", "moq", "pack", "max_cover")
    usual = {"lead_time_deviation": 0.0, "order_cost": 0.0, "moq": 1.0, "pack": 1.0, "max_cover": np.inf}
    given = usual | terms
    shape, chunks = _chunks((mean, variance, *(given[name] for name in names)))
    reorder, target = (np.broadcast_to(np.asarray(u, dtype=np.float64), shape).ravel() for u in (reorder_units, target_units))
    parts, begin = [], 0
    for chunk in chunks:
        end = begin + chunk.mean.size
        expected = _expected(chunk, points)
        batch = np.maximum(target[begin:end] - reorder[begin:end], expected.step)
        columns = []
        for share in shares:
            top = np.clip(np.rint(share * target[begin:end] / expected.step), 1, points - 1).astype(np.intp)
            low = np.clip(np.rint(top - batch / expected.step), 0, top - 1).astype(np.intp)
            columns.append(np.stack([low * expected.step, top * expected.step, *_costs(chunk, expected, low, top)]))
        parts.append(np.stack(columns, axis=-1))
        begin = end
    found = np.concatenate(parts, axis=1) if parts else np.empty((5, 0, len(shares)))
    return LeastCost(*(row.reshape(*shape, len(shares)) for row in found))


def _chunks(arguments: tuple[ArrayLike, ...]) -> tuple[tuple[int, ...], list[_Terms]]:
    """The common shape of the arguments, and chunks of flat series that fit the processor's cache."""
    arrays = np.broadcast_arrays(*(np.asarray(a, dtype=np.float64) for a in arguments))
    flat = [a.ravel() for a in arrays]
    return arrays[0].shape, [_Terms(*(a[b : b + _CHUNK] for a in flat)) for b in range(0, flat[0].size, _CHUNK)]


class _Expected(NamedTuple):
    """What one chunk of series can expect at each position of its lattice; (points, series) unless said."""

    level: Array
    """Units of the position."""
    held: Array
    """Unit-time held over a review period."""
    lost: Array
    density: Array
    batch: tuple[Array, Array]
    """(series,) least and most units of an order."""
    step: Array


def _expected(terms: _Terms, points: int) -> _Expected:
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

    left_whole = _left(lattice_cdf(terms.mean, terms.variance, step, points), step)
    left_lead = _left(lattice_cdf(lead_mean, lead_variance, step, points), step)
    return _Expected(
        level=np.arange(points)[:, None] * step,
        held=(left_whole + left_lead) / 2 * terms.review_period,
        # lost in the review period that ends with the interval; E(D - y)+ = E D - y + E(y - D)+
        lost=np.maximum(review_mean + left_whole - left_lead, 0.0),
        density=_renewal_density(lattice_cdf(review_mean, per_time * terms.review_period, step, points)),
        batch=(terms.moq, cover),
        step=step,
    )


def _solve(terms: _Terms, points: int) -> Array:
    """Levels and costs of one chunk, (5, series)."""
    expected = _expected(terms, points)
    cost = terms.holding * expected.held + terms.shortage * expected.lost
    least, most = (units / expected.step for units in expected.batch)
    s, target = _cheapest_pair(cost, expected.density, terms.order_cost, least, most)
    costs = _costs(terms, expected, s, target)
    rate = terms.mean / (terms.lead_time + terms.review_period)
    nothing = terms.shortage * rate
    is_stocked = (rate > _NOTHING) & (costs.sum(axis=0) < nothing)
    columns = np.arange(rate.size)
    reorder_units = expected.level[s, columns]
    target_units = np.maximum(expected.level[target, columns] - np.floor((terms.pack - 1) / 2), reorder_units + 1)
    return np.stack(
        [
            np.where(is_stocked, reorder_units, NEVER_ORDER),
            np.where(is_stocked, target_units, 0.0),
            np.where(is_stocked, costs[0], 0.0),
            np.where(is_stocked, costs[1], nothing),
            np.where(is_stocked, costs[2], 0.0),
        ]
    )


def _costs(terms: _Terms, expected: _Expected, s: NDArray[np.intp], target: NDArray[np.intp]) -> Array:
    """Holding, shortage and ordering cost per time at the lattice points (s, S), (3, series)."""
    points, series = expected.level.shape
    position = target - np.arange(points)[:, None]
    at = np.maximum(position, 0)
    density = np.where(position > s, expected.density, 0.0)  # of the positions of a cycle: from S down to above s
    reviews = density.sum(axis=0)
    held, lost = ((density * part[at, np.arange(series)]).sum(axis=0) / reviews for part in (expected.held, expected.lost))
    return np.stack([terms.holding * held, terms.shortage * lost, terms.order_cost / reviews]) / terms.review_period


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
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(s, S) as lattice points; S - s between the batches where the lattice allows."""
    points, series = cost.shape
    best = np.full(series, np.inf)
    best_s, best_target = np.zeros(series, dtype=np.intp), np.ones(series, dtype=np.intp)
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
    return best_s, best_target
