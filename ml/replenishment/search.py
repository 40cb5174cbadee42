"""The order quantity of least expected cost, by simulation with common random numbers.

Belongs here: what a unit more earns or costs on simulated paths, and where that turns. Does not belong here: the paths (`demand`), dates of
arrival (`supply`), and minimum, pack and other rules (`orders`).

Two ways, weighed by how reliable the supplier is. With a reliable one, this order and the next ones are planned together: backwards
through each path runs the value of one more unit, its margin if the period ends short, else minus the holding cost plus what it is
worth one period later; later orders can correct part of that (`correction`). With an unreliable one, an order has to last from its own
arrival to that of a later order, whenever these are, with later orders of about its own size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.replenishment.draws import Draws
from ml.replenishment.settings import DecisionSettings
from ml.replenishment.supply import Supply

Array = NDArray[np.float64]

_STEPS = 16
_ROUNDS = 3


@dataclass(frozen=True)
class Situation:
    """What is decided on: S series with N paths of H periods, the first being the one about to start. Units; costs per unit (and period)."""

    demand: Array
    """(S, N, H)."""
    inflow: Array
    """(S, N, H): arrivals of open orders."""
    on_hand: Array
    shortage_cost: Array
    holding_cost: Array
    lead_time: int
    review: int

    def rows(self, which: NDArray[np.bool_]) -> Situation:
        """The same of some series."""
        return Situation(
            self.demand[which],
            self.inflow[which],
            self.on_hand[which],
            self.shortage_cost[which],
            self.holding_cost[which],
            self.lead_time,
            self.review,
        )


def draw_inflow(open_units: Array, supply: Supply, draws: Draws, periods: int) -> Array:
    """Arrivals of open orders, (S, N, periods); `open_units` is (S, periods + ages), from age -periods on, before this period's arrivals."""
    series, paths = len(open_units), draws.age.shape[1]
    inflow = np.zeros((series, paths, periods + 1))
    row, path = np.arange(series)[:, None], np.arange(paths)[None, :]
    for column in np.flatnonzero(open_units.any(axis=0)):
        # ages below 0 have the last columns of the draws
        age = int(column) - periods
        inflow[row, path, arrivals(supply, age, draws.age[age], periods)] += open_units[:, column][:, None]
    return inflow[:, :, :periods]


def arrivals(supply: Supply, age: int, uniform: Array, periods: int) -> NDArray[np.int64]:
    """(S, N): the period in which an order of `age` comes; `periods` where it does not come in time."""
    by = supply.arrived_by(age, periods)
    return (uniform[None, :, None] > by[:, None, :]).sum(axis=2)


def best_order(situation: Situation, supply: Supply, draws: Draws, settings: DecisionSettings) -> Array:
    """(S,): units to order now, not yet rounded."""
    quantity = np.zeros(len(situation.on_hand))
    planned, loose = supply.reliable > 0.02, supply.reliable < 0.98
    if planned.any():
        quantity[planned] += supply.reliable[planned] * _planned(situation.rows(planned), settings)
    if loose.any():
        own = Supply(supply.hazard[loose], supply.reliable[loose])
        quantity[loose] += (1 - own.reliable) * _lasting(situation.rows(loose), own, draws)
    return quantity


def _planned(now: Situation, settings: DecisionSettings) -> Array:
    """This order and the next ones together, each arriving after the promised lead time."""
    lead, review = now.lead_time, now.review
    correction = 1 - (1 - settings.uncorrected_share) / (1 + settings.correction_lag * lead)
    stock = np.repeat(now.on_hand[:, None], now.demand.shape[1], axis=1)
    for j in range(lead):
        stock = np.maximum(stock + now.inflow[:, :, j] - now.demand[:, :, j], 0.0)
    demand, inflow = now.demand[:, :, lead:], now.inflow[:, :, lead:]
    periods = demand.shape[2]
    orders = -(-periods // review)
    shortage, holding = now.shortage_cost[:, None], now.holding_cost[:, None]

    mean = demand.mean(axis=(1, 2))
    quantity = np.repeat(np.maximum(mean * review, 0.0)[:, None], orders, axis=1)
    step = 0.4 * np.sqrt(review) * np.maximum(demand.std(axis=1).mean(axis=1), 0.02 * mean + 1e-6)
    step = np.repeat(step[:, None], orders, axis=1)
    ratio = now.shortage_cost / (now.shortage_cost + now.holding_cost)
    # begins near its end, so that few steps lead there however long the review: with what is asked for until the next order, as far as a unit
    # is worth keeping
    kept = np.minimum(now.shortage_cost / now.holding_cost, review - 1).astype(int)[:, None, None]
    needed = (demand - inflow)[:, :, :review].cumsum(axis=2)
    first = np.sort(np.take_along_axis(needed, kept, axis=2)[:, :, 0] - stock, axis=1)
    place = np.minimum((ratio * first.shape[1]).astype(int), first.shape[1] - 1)
    quantity[:, 0] = np.maximum(first[np.arange(len(first)), place], 0.0)
    before = np.zeros_like(quantity)
    short = np.empty((periods, *stock.shape), dtype=bool)
    for _ in range(_STEPS):
        left = stock
        for j in range(periods):
            left = left + inflow[:, :, j] - demand[:, :, j]
            if j % review == 0:
                left = left + quantity[:, j // review][:, None]
            short[j] = left < 0
            left = np.maximum(left, 0.0)
        value = np.zeros_like(stock)
        slope = np.zeros_like(quantity)
        for j in range(periods - 1, -1, -1):
            kept = correction if (j + 1) % review == 0 else 1.0
            value = np.where(short[j], shortage, kept * value - holding)
            if j % review == 0:
                slope[:, j // review] = value.mean(axis=1)
        sign = np.sign(slope)
        step = np.where(sign * before > 0, step * 1.3, np.where(sign * before < 0, step * 0.45, step))
        before = sign
        quantity = np.maximum(quantity + sign * step, 0.0)
    return quantity[:, 0]


def _lasting(now: Situation, supply: Supply, draws: Draws) -> Array:
    """The order that pays from its own arrival to that of a later order."""
    series, paths, periods = now.demand.shape
    ages = supply.hazard.shape[1]
    arrival = arrivals(supply, 0, draws.age[ages], periods)
    until = np.full((series, paths), periods)
    others = np.zeros((series, paths, periods + 1))
    mean = now.demand.mean(axis=1)
    row, path = np.arange(series)[:, None], np.arange(paths)[None, :]
    for number, i in enumerate(range(now.review, periods - now.lead_time, now.review), start=1):
        came = np.minimum(arrivals(supply, 0, draws.age[ages + number], periods) + i, periods)
        until = np.where(came > arrival, np.minimum(until, came), until)
        growth = np.clip(mean[:, min(i + 1, periods - 1)] / np.maximum(mean[:, min(1, periods - 1)], 1e-9), 0.2, 5.0)
        others[row, path, np.where(came <= arrival, came, periods)] += growth[:, None]
    earned = now.shortage_cost * (arrival < periods).sum(axis=1)
    size = np.maximum(mean.mean(axis=1) * now.review, 0.0) / np.maximum(supply.arrived_by(0, periods)[:, -1], 0.2)
    quantity = size
    points, weights = np.empty((series, paths, periods)), np.empty((series, paths, periods))
    for _ in range(_ROUNDS):
        stock = np.repeat(now.on_hand[:, None], paths, axis=1)
        lacking = np.zeros((series, paths))
        for j in range(periods):
            stock = stock + now.inflow[:, :, j] + size[:, None] * others[:, :, j] - now.demand[:, :, j]
            inside = (j >= arrival) & (j < until)
            lacking = lacking + np.where(inside, np.maximum(-stock, 0.0), 0.0)
            stock = np.maximum(stock, 0.0)
            points[:, :, j] = np.where(inside, lacking, -1.0)
            last = np.where(j == until - 1, now.shortage_cost[:, None], 0.0)
            weights[:, :, j] = np.where(inside, now.holding_cost[:, None] + last, 0.0)
        quantity = _turning_point(points.reshape(series, -1), weights.reshape(series, -1), earned)
        size = 0.5 * size + 0.5 * quantity
    return quantity


def _turning_point(points: Array, weights: Array, earned: Array) -> Array:
    """Where what one more unit earns, `earned` less the weights of all points below, turns negative; never below 0."""
    order = np.argsort(points, axis=1, kind="stable")
    cumulated = np.cumsum(np.take_along_axis(weights, order, axis=1), axis=1)
    place = (cumulated < earned[:, None]).sum(axis=1).clip(0, points.shape[1] - 1)
    return np.maximum(np.take_along_axis(points, order[np.arange(len(points)), place][:, None], axis=1)[:, 0], 0.0)


def sold_and_held(now: Situation, supply: Supply, draws: Draws, quantity: Array) -> tuple[Array, Array]:
    """What `quantity` ordered now does until the next order can be there, against ordering nothing: expected units that are
    sold more, and unit-periods that are held more, both (S,)."""
    periods = now.demand.shape[2]
    arrival = arrivals(supply, 0, draws.age[supply.hazard.shape[1]], periods)
    until = np.minimum(arrival + now.review, periods)
    stock = np.repeat(now.on_hand[:, None], now.demand.shape[1], axis=1)
    extra, more, held = np.zeros_like(stock), np.zeros_like(stock), np.zeros_like(stock)
    for j in range(periods):
        stock = stock + now.inflow[:, :, j] - now.demand[:, :, j]
        extra = extra + np.where(arrival == j, quantity[:, None], 0.0)
        inside = (j >= arrival) & (j < until)
        sold = np.where(inside, np.minimum(extra, np.maximum(-stock, 0.0)), 0.0)
        extra = extra - sold
        more += sold
        held += np.where(inside, extra, 0.0)
        stock = np.maximum(stock, 0.0)
    return more.mean(axis=1), held.mean(axis=1)


def unmet_units(now: Situation, quantity: Array, arrival: NDArray[np.int64], until: NDArray[np.int64]) -> Array:
    """Expected units that are asked for in vain before period `until`, with `quantity` coming in period `arrival`; both (S, N). (S,)."""
    stock = np.repeat(now.on_hand[:, None], now.demand.shape[1], axis=1)
    unmet = np.zeros_like(stock)
    for j in range(now.demand.shape[2]):
        stock = stock + now.inflow[:, :, j] + np.where(arrival == j, quantity[:, None], 0.0) - now.demand[:, :, j]
        unmet += np.where(j < until, np.maximum(-stock, 0.0), 0.0)
        stock = np.maximum(stock, 0.0)
    return unmet.mean(axis=1)
