"""What both versions' orders are expected to hold, to serve and to cost, and what their policies would have cost on history.

Belongs here: both priced the same way, with the base's costs. Does not belong here: the cost model and the replay, which `ml` has.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from dagster_project.policy_diff.building import Built, Side
from dagster_project.policy_diff.comparing import KEY, both, places
from ml import contracts

if TYPE_CHECKING:
    from ml.replenishment.replay_panel import ReplayPanel

_FEATURES = (contracts.DEMAND_WEEKLY, contracts.ITEM_LOCATIONS, *contracts.REPLAY_FEATURES)


@dataclass(frozen=True)
class Outcome:
    """Of one version. USD; costs per year in `expected`, over the replayed weeks in `replayed`."""

    stock_usd: float
    """Average stock at unit cost."""
    fill_rate: float
    holding_usd: float
    ordering_usd: float
    lost_margin_usd: float

    @property
    def total_usd(self) -> float:
        return self.holding_usd + self.ordering_usd + self.lost_margin_usd


@dataclass(frozen=True)
class Expected:
    """Both versions' levels in the long run; `series` item-stores whose demand, cost and price are known on both sides."""

    before: Outcome
    after: Outcome
    series: int
    left_out: int


@dataclass(frozen=True)
class Replayed:
    """Both versions' policies over the same weeks of history."""

    before: Outcome
    after: Outcome
    series: int
    sampled_from: int
    weeks: int
    left_out: int
    """Series of the sample whose policy the replay does not know."""


def expected(built: Built) -> Expected | None:
    """Expected cost of the levels that orders are made from, by the demand and the costs the base believes in; None without any.

    The cost is the one the search for the least cost minimises (`ml.replenishment.least_cost`): holding, lost margin, ordering.
    """
    from ml.replenishment.least_cost import costs_around
    from ml.replenishment.order_targets import demand_variance, search_terms

    terms_of = "recommendations.rec_order_terms"
    levels = "item_id, location_id, reorder_point_units, order_up_to_units, batch_rule, economic_batch_units, unit_cost_usd"
    with both(built) as connection:
        lines = connection.sql(f"from {places(built, f'recommendations.{contracts.TARGET_ECONOMICS.name}')[0]}").pl()
        frames = [
            connection.sql(f"select {levels} from {place} where reorder_point_units is not null").pl()
            for place in places(built, terms_of)
        ]
    lines = contracts.TARGET_ECONOMICS.conform(lines)
    all_lines = lines.height
    for frame, name in zip(frames, ("before", "after"), strict=True):
        lines = lines.join(frame.select(*KEY, pl.exclude(*KEY).name.suffix(f"_{name}")), on=KEY, how="inner")
    lines = lines.filter(pl.col("unit_cost_usd_before") > 0).sort(*KEY)
    if lines.is_empty():
        return None
    number = {name: lines[name].to_numpy() for name in lines.columns if lines[name].dtype == pl.Float64}
    terms = search_terms(number)
    variance = demand_variance(lines)
    unit_cost = lines["unit_cost_usd_before"].cast(pl.Float64).to_numpy()
    demand = number["mean_units"] / np.maximum(number["horizon_days"], 1e-9)

    def outcome(name: str) -> Outcome:
        reorder, up_to, batch = (
            lines[f"{column}_{name}"].cast(pl.Float64).fill_null(0).to_numpy()
            for column in ("reorder_point_units", "order_up_to_units", "economic_batch_units")
        )
        in_batches = lines[f"batch_rule_{name}"].is_in(["at least", "multiples"]).to_numpy()
        # packs are rounded up: the level that is reached lies half a pack higher on average
        target = np.maximum(up_to, reorder + np.where(in_batches, batch, 0)) + np.floor(
            (np.maximum(number["pack_units"], 1) - 1) / 2
        )
        costs = costs_around(
            number["mean_units"], variance, reorder_units=np.maximum(reorder, 0), target_units=target, shares=(1.0,), **terms
        )
        holding, shortage, ordering = (part[:, 0] for part in (costs.holding_cost, costs.shortage_cost, costs.ordering_cost))
        lost = (shortage / number["shortage_cost_usd"]).sum()
        return Outcome(
            stock_usd=float((holding / number["holding_cost_usd"] * unit_cost).sum()),
            fill_rate=float(1 - lost / demand.sum()) if demand.sum() > 0 else 1.0,
            holding_usd=365 * float(holding.sum()),
            ordering_usd=365 * float(ordering.sum()),
            lost_margin_usd=365 * float(shortage.sum()),
        )

    return Expected(outcome("before"), outcome("after"), lines.height, all_lines - lines.height)


def replay_differs(built: Built) -> bool:
    """Whether anything that the replay reads differs: its features, or which policy an item follows."""
    tables = [f"features.{contract.name}" for contract in _FEATURES]
    with both(built) as connection:
        pairs = [tuple(f"from {place}" for place in places(built, table)) for table in tables]
        pairs.append(
            tuple(f"select item_id, location_id, policy from {p}" for p in places(built, "recommendations.rec_policy_targets"))
        )
        return any(
            old != new and connection.sql(f"select 1 from ({one} except all {other}) limit 1").fetchone()
            for old, new in pairs
            for one, other in ((old, new), (new, old))
        )


def replayed(built: Built, sample: int, weeks: int = 52, seed: int = 1) -> Replayed:
    """The policies of both versions on the same sample of history, at the base's costs. Raises ValueError where nothing can be replayed."""
    from ml.replenishment.replay_policies import POLICIES

    panels = [_panel(built, side, weeks, sample, seed) for side in (built.before, built.after)]
    base = panels[0]
    if not base.keys.select(KEY).equals(panels[1].keys.select(KEY)):
        raise ValueError("both versions have different items to replay")
    policies = []
    with both(built) as connection:
        for place in places(built, "recommendations.rec_policy_targets"):
            found = connection.sql(f"select item_id, location_id, policy from {place}").pl()
            policies.append(
                base.keys.join(found, on=KEY, how="left", maintain_order="left")["policy"].fill_null("none").to_numpy()
            )
        features = connection.sql(f"select count(*) from {places(built, 'features.ftr_item_locations')[0]}").fetchone()[0]
    known = np.isin(policies[0], list(POLICIES)) & np.isin(policies[1], list(POLICIES))
    if not known.any():
        raise ValueError(f"the replay knows none of the policies followed ({', '.join(sorted(set(policies[0])))})")
    outcomes = [_replay_side(panel, base, chosen, known) for panel, chosen in zip(panels, policies, strict=True)]
    return Replayed(outcomes[0], outcomes[1], int(known.sum()), features, base.weeks, int((~known).sum()))


def _panel(built: Built, side: Side, weeks: int, sample: int, seed: int) -> ReplayPanel:
    from ml.replenishment.replay_panel import ReplayFeatures, build_panel

    with side.connect() as connection:
        frames = [connection.sql(f"from {side.place(f'features.{contract.name}')}").pl() for contract in _FEATURES]
        as_of = connection.sql(f"select as_of_date from {side.place('intermediate.int_as_of')}").fetchone()[0]
    return build_panel(ReplayFeatures(*frames).conformed(), as_of, weeks, sample=sample, seed=seed)


def _replay_side(panel: ReplayPanel, base: ReplayPanel, policies: np.ndarray, known: np.ndarray) -> Outcome:
    from ml.replenishment.replay import simulate
    from ml.replenishment.rolling import roll

    rolling = roll(panel.known, panel.start, panel.group, panel.first)
    average, lines, demand, sold = np.zeros((4, panel.series))
    for policy in sorted(set(policies[known])):
        own = (policies == policy) & known
        result = simulate(panel, policy, rolling)["estimate"]
        for total, part in (
            (average, result.average_units),
            (lines, result.order_lines),
            (demand, result.demand_units),
            (sold, result.sold_units),
        ):
            total[own] = part[own]
    lost = np.maximum(demand - sold, 0)
    return Outcome(
        stock_usd=float((average * base.unit_cost).sum() / panel.weeks),
        fill_rate=float(sold.sum() / demand.sum()) if demand.sum() > 0 else 1.0,
        holding_usd=float((average * base.holding).sum()),
        ordering_usd=float((lines * base.order_cost).sum()),
        lost_margin_usd=float((lost * base.shortage).sum()),
    )
