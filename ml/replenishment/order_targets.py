"""Order-up-to positions of least expected cost for the warehouse, with the cost of ordering up to more or less.

Belongs here: frames of demand quantiles and terms in, the tables `order_targets` and `order_cost_curves` out.
Does not belong here: the search itself (`least_cost`), and orders, which SQL decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.contracts import ORDER_COST_CURVES, ORDER_TARGETS, TARGET_ECONOMICS
from ml.replenishment.least_cost import LeastCost, costs_around, least_cost_levels

Array = NDArray[np.float64]

SHARES = (0.5, 0.7, 0.85, 1.0, 1.15, 1.3, 1.5)
"""Targets of a curve, as shares of the cheapest one."""

_DAYS_PER_YEAR = 365
_KEYS = ("run_id", "as_of_date", "item_id", "location_id")


class OrderTargets(NamedTuple):
    """The two tables of `ml.contracts.ORDERS`."""

    targets: pl.DataFrame
    curves: pl.DataFrame


def search_targets(economics: pl.DataFrame) -> OrderTargets:
    """The cheapest (s, S) of every row of `economics` (`TARGET_ECONOMICS`); rows whose costs are unknown are not in it.

    Raises ContractError where the frame breaks its contract.
    """
    lines = TARGET_ECONOMICS.conform(economics).sort("item_id", "location_id")
    if lines.is_empty():
        return OrderTargets(ORDER_TARGETS.empty(), ORDER_COST_CURVES.empty())
    number = {name: lines[name].to_numpy() for name in lines.columns if lines[name].dtype == pl.Float64}
    variance = demand_variance(lines)
    terms = search_terms(number)
    mean = number["mean_units"]
    best = least_cost_levels(mean, variance, **terms)
    # an item that costs more to stock than it earns has no level to order at, and no curve
    reorder, target = np.maximum(best.reorder_units, 0.0), best.target_units
    stocked = best.reorder_units >= 0
    targets = lines.select(*_KEYS, "horizon_days").with_columns(
        reorder_units=pl.Series(reorder * stocked), target_units=pl.Series(target), **_per_year(best)
    )
    # packs are rounded up, so the level that is reached on average lies half a pack above the target
    half_pack = np.floor((np.maximum(number["pack_units"], 1.0) - 1) / 2)
    around = costs_around(mean, variance, reorder_units=reorder, target_units=target + half_pack, shares=SHARES, **terms)
    points = len(SHARES)
    curves = lines.select(_KEYS)[np.repeat(np.flatnonzero(stocked), points)].with_columns(
        point_number=pl.Series(np.tile(np.arange(1, points + 1, dtype=np.int32), int(stocked.sum()))),
        target_units=pl.Series(np.maximum(around.target_units - half_pack[:, None], 0.0)[stocked].ravel()),
        **_per_year(LeastCost(*(part[stocked].ravel() for part in around))),
    )
    return OrderTargets(ORDER_TARGETS.conform(targets), ORDER_COST_CURVES.conform(curves))


def search_terms(number: Mapping[str, Array]) -> dict[str, Array]:
    """Columns of `TARGET_ECONOMICS` as the arguments that `least_cost` asks for, demand aside."""
    return {
        "lead_time": np.maximum(number["horizon_days"] - number["review_period_days"], 0.0),
        "review_period": number["review_period_days"],
        "lead_time_deviation": number["lead_time_deviation_days"],
        "holding": number["holding_cost_usd"],
        "shortage": number["shortage_cost_usd"],
        "order_cost": number["order_cost_usd"],
        "moq": number["moq_units"],
        "pack": number["pack_units"],
        "max_cover": number["max_cover_days"],
    }


def _per_year(costs: LeastCost) -> dict[str, pl.Series]:
    return {
        "holding_cost_usd": pl.Series(costs.holding_cost * _DAYS_PER_YEAR),
        "shortage_cost_usd": pl.Series(costs.shortage_cost * _DAYS_PER_YEAR),
        "ordering_cost_usd": pl.Series(costs.ordering_cost * _DAYS_PER_YEAR),
    }


def demand_variance(lines: pl.DataFrame) -> Array:
    """Variance of demand over the interval from its quantiles: straight lines between them, flat beyond the outermost."""
    levels, units = (np.array(lines[name].to_list(), dtype=np.float64) for name in ("demand_levels", "demand_quantile_units"))
    width = np.diff(levels, axis=1, prepend=0.0, append=1.0)
    edge = np.concatenate([units[:, :1], units, units[:, -1:]], axis=1)
    left, right = edge[:, :-1], edge[:, 1:]
    mean = ((left + right) / 2 * width).sum(axis=1, keepdims=True)
    left, right = left - mean, right - mean
    return ((left**2 + left * right + right**2) / 3 * width).sum(axis=1)
