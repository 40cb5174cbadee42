"""Textbook inventory formulas, vectorised.

Belongs here: closed forms and their inverses, each with its name and source. Does not belong here: searches over policies
(`least_cost`), anything that knows of weeks, files or history (`replay`).

All arguments broadcast. Demand and its deviation are per unit of time, and so are lead time and review period: days with days, weeks
with weeks. Where a formula has no answer (no demand, no cost) the result is said; nothing is ever NaN for finite, non-negative input.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr, ndtri

Array = NDArray[np.float64]

_NEWTON_STEPS = 40
_HIGHEST_K = 12.0


def economic_order_quantity(order_cost: ArrayLike, demand: ArrayLike, holding_cost: ArrayLike) -> Array:
    """Economic order quantity √(2Kλ/h): Harris (1913), "How many parts to make at once".

    `order_cost` per order, `demand` per time, `holding_cost` per unit and the SAME time. 0 where nothing is demanded or ordering is free;
    infinite where holding is free: no batch is too large then.
    """
    order_cost, demand, holding_cost = _arrays(order_cost, demand, holding_cost)
    numerator = 2 * order_cost * demand
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(numerator <= 0, 0.0, np.sqrt(numerator / holding_cost))


def ordering_and_holding_cost(quantity: ArrayLike, order_cost: ArrayLike, demand: ArrayLike, holding_cost: ArrayLike) -> Array:
    """Cost per time of ordering in batches of `quantity`: Kλ/Q + hQ/2 (Harris 1913). At the EOQ it is √(2Kλh).

    Infinite for a batch of 0 where there is demand and an order costs something.
    """
    quantity, order_cost, demand, holding_cost = _arrays(quantity, order_cost, demand, holding_cost)
    with np.errstate(divide="ignore", invalid="ignore"):
        ordering = np.where(order_cost * demand <= 0, 0.0, order_cost * demand / quantity)
    return ordering + holding_cost * quantity / 2


def critical_ratio(underage_cost: ArrayLike, overage_cost: ArrayLike) -> Array:
    """c_u / (c_u + c_o): the probability with which the newsvendor wants to have enough. 0 where neither costs anything."""
    under, over = _arrays(underage_cost, overage_cost)
    total = under + over
    return np.divide(under, total, out=np.zeros_like(total), where=total > 0)


def newsvendor_units(
    underage_cost: ArrayLike, overage_cost: ArrayLike, quantile: Callable[[Array], ArrayLike], lowest: float = 0.0
) -> Array:
    """Newsvendor level F⁻¹(c_u / (c_u + c_o)) for any quantile function (Arrow, Harris and Marschak 1951); never below `lowest`."""
    return np.maximum(np.asarray(quantile(critical_ratio(underage_cost, overage_cost)), dtype=np.float64), lowest)


def newsvendor_normal_units(mean: ArrayLike, deviation: ArrayLike, underage_cost: ArrayLike, overage_cost: ArrayLike) -> Array:
    """Newsvendor level μ + z(c_u / (c_u + c_o))·σ for normal demand; never below zero, 0 where a shortage costs nothing."""
    mean, deviation = _arrays(mean, deviation)
    ratio = critical_ratio(underage_cost, overage_cost)
    return np.maximum(np.where(ratio > 0, mean + safety_stock_for_cycle_service(ratio, deviation), 0.0), 0.0)


def standard_normal_loss(k: ArrayLike) -> Array:
    """Standard normal loss G(k) = φ(k) − k(1 − Φ(k)): expected units short, in deviations, with a buffer of k of them.

    Silver, Pyke and Thomas, Inventory and Production Management in Supply Chains, appendix on the unit normal.
    """
    (k,) = _arrays(k)
    return np.exp(-(k**2) / 2) / np.sqrt(2 * np.pi) - k * ndtr(-k)


def inverse_standard_normal_loss(loss: ArrayLike) -> Array:
    """The k with G(k) = `loss`; negative above G(0) = 0.3989. Newton's method from below: G is convex and falls, so no step goes too far.

    A loss of 0 or less has no k: the largest one, 12, is given.
    """
    (loss,) = _arrays(loss)
    k = -np.maximum(loss, 0.0)  # G(k) > −k: below the root
    for _ in range(_NEWTON_STEPS):
        slope = np.maximum(ndtr(-k), 1e-300)
        k = np.minimum(k + (standard_normal_loss(k) - loss) / slope, _HIGHEST_K)
    return np.where(loss > 0, k, _HIGHEST_K)


def lead_time_demand_deviation(
    deviation: ArrayLike, lead_time: ArrayLike, review_period: ArrayLike, demand: ArrayLike, lead_time_deviation: ArrayLike
) -> Array:
    """σ of demand over lead time and review period: √((L+R)·σ² + d²·σ_L²).

    Hadley and Whitin, Analysis of Inventory Systems (1963). `deviation` is of the forecast ERROR per time. R = 0 for continuous review.
    """
    deviation, lead_time, review_period, demand, lead_time_deviation = _arrays(
        deviation, lead_time, review_period, demand, lead_time_deviation
    )
    return np.sqrt((lead_time + review_period) * deviation**2 + (demand * lead_time_deviation) ** 2)


def safety_stock_for_cycle_service(service_level: ArrayLike, deviation: ArrayLike) -> Array:
    """z(CSL)·σ, one-sided: no stock-out in this share of the cycles (type 1). Levels of 0 and 1 are taken as 10⁻⁹ from there."""
    service_level, deviation = _arrays(service_level, deviation)
    return ndtri(np.clip(service_level, 1e-9, 1 - 1e-9)) * deviation


def safety_stock_for_fill_rate(fill_rate: ArrayLike, quantity: ArrayLike, deviation: ArrayLike) -> Array:
    """k·σ with G(k) = (1 − β)·Q/σ: this share of units is met at once (type 2). Can be negative: large batches hide short ends of cycles.

    Silver, Pyke and Thomas, decision rule for a specified fraction of demand satisfied from the shelf. 0 where nothing is uncertain.
    """
    fill_rate, quantity, deviation = _arrays(fill_rate, quantity, deviation)
    loss = np.divide((1 - fill_rate) * quantity, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    return np.where(deviation > 0, inverse_standard_normal_loss(loss) * deviation, 0.0)


def reorder_point_units(demand: ArrayLike, lead_time: ArrayLike, safety_stock: ArrayLike) -> Array:
    """Reorder point of (s,Q): d·L + SS, to be compared with the POSITION (on hand + on order − backorders)."""
    demand, lead_time, safety_stock = _arrays(demand, lead_time, safety_stock)
    return demand * lead_time + safety_stock


def order_up_to_units(demand: ArrayLike, lead_time: ArrayLike, review_period: ArrayLike, safety_stock: ArrayLike) -> Array:
    """Order-up-to level of (R,S): d·(L+R) + SS: what is ordered now must last until the NEXT order arrives."""
    demand, lead_time, review_period, safety_stock = _arrays(demand, lead_time, review_period, safety_stock)
    return demand * (lead_time + review_period) + safety_stock


def cycle_service_level(reorder_point: ArrayLike, mean: ArrayLike, deviation: ArrayLike) -> Array:
    """Cycle service (type 1) of (s,Q): Φ((s − μ)/σ) for normal demand over the lead time; 0 or 1 where nothing is uncertain."""
    reorder_point, mean, deviation = _arrays(reorder_point, mean, deviation)
    k = np.divide(reorder_point - mean, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    return np.where(deviation > 0, ndtr(k), (reorder_point >= mean) * 1.0)


def fill_rate(reorder_point: ArrayLike, quantity: ArrayLike, mean: ArrayLike, deviation: ArrayLike) -> Array:
    """Fill rate (type 2) of (s,Q): 1 − σ·G((s − μ)/σ)/Q, never below 0.

    Silver, Pyke and Thomas; what is short at the end of the cycle before is not subtracted again, as usual for s well above 0.
    """
    reorder_point, quantity, mean, deviation = _arrays(reorder_point, quantity, mean, deviation)
    k = np.divide(reorder_point - mean, deviation, out=np.zeros_like(deviation), where=deviation > 0)
    short = np.where(deviation > 0, deviation * standard_normal_loss(k), np.maximum(mean - reorder_point, 0.0))
    return np.maximum(1 - np.divide(short, quantity, out=np.ones_like(short), where=quantity > 0), 0.0)


def _arrays(*values: ArrayLike) -> tuple[Array, ...]:
    return tuple(np.broadcast_arrays(*(np.asarray(value, dtype=np.float64) for value in values)))
