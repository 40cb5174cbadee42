"""Whether an order pays for itself: costs and service levels, and what is assumed where they are unknown.

Belongs here: reading costs, and weighing an order against what placing it costs. Does not belong here: packs and minimums (`lots`), what is
wanted (`search`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.replenishment.draws import Draws
from ml.replenishment.search import Situation, sold_and_held
from ml.replenishment.settings import DecisionSettings
from ml.replenishment.supply import Supply

Array = NDArray[np.float64]

_TINY = 1e-9


@dataclass(frozen=True)
class Costs:
    """Per series, per unit (and period)."""

    shortage: Array
    holding: Array
    is_by_level: NDArray[np.bool_]
    """A service level was asked for, or a cost is unknown: the shortage cost is such as leads to that level, and no margin to weigh an order by."""
    is_unknown: NDArray[np.bool_]
    """A cost is unknown, and `aim` is the service level that stands in for it."""
    is_no_level: NDArray[np.bool_]
    """A service level was said that is none."""
    aim: float


def read_costs(table: pl.DataFrame, settings: DecisionSettings) -> Costs:
    """From the terms shortage_cost, holding_cost and service_level."""
    shortage = table["shortage_cost"].fill_null(np.nan).to_numpy()
    holding = table["holding_cost"].fill_null(np.nan).to_numpy()
    level = table["service_level"].fill_null(np.nan).to_numpy()
    asked = (level > 0) & (level < 1)
    unknown = ~np.isfinite(shortage) | ~(holding > 0)
    aim = np.where(asked, level, settings.missing_cost_service_level)
    base = np.where(holding > 0, holding, 1.0)
    by_level = asked | unknown
    implied = np.where(by_level, base * aim / (1 - aim), shortage)
    return Costs(implied, base, by_level, unknown & ~asked, np.isfinite(level) & ~asked, settings.missing_cost_service_level)


def notes(costs: Costs, promised: NDArray[np.int64], lead: int) -> list[str]:
    """What was assumed, per series."""
    said = (
        (costs.is_unknown, f"cost unknown: aims at a service level of {costs.aim:g}"),
        (costs.is_no_level, "service level not between 0 and 1: not used"),
        (promised != lead, f"orders come after {lead} periods, not as promised"),
    )
    return ["; ".join(text for holds, text in said if holds[i]) for i in range(len(promised))]


def worth_ordering(
    now: Situation,
    supply: Supply,
    draws: Draws,
    quantity: Array,
    rate: Array,
    room: Array,
    waiting: Array,
    costs: Costs,
    table: pl.DataFrame,
) -> Array:
    """With a cost per order: at least an economic batch, as far as there is room for it, and only when what it earns pays for coming one
    review earlier. `waiting` (S, N) is what an order serves where unmet demand waits, not a number where it is lost. A service level asked
    for is kept whatever an order costs."""
    cost = table["order_cost"].fill_null(0.0).fill_nan(0.0).clip(lower_bound=0).to_numpy()
    if not (cost > 0).any():
        return quantity
    batch = np.maximum(quantity, np.sqrt(2 * cost * rate / np.maximum(now.holding_cost, _TINY)))
    batch = np.minimum(batch, np.maximum(room, 0.0))
    sold, held = sold_and_held(now, supply, draws, np.minimum(quantity, batch))
    served = np.minimum(waiting, batch[:, None]).mean(axis=1)
    sold = np.where(np.isnan(served), sold, served)
    share = np.minimum(1.0, now.review * rate / np.maximum(batch, _TINY))
    pays = costs.is_by_level | (now.shortage_cost * sold - now.holding_cost * held >= cost * share)
    return np.where((cost > 0) & (quantity > 0), np.where(pays, batch, 0.0), quantity)
