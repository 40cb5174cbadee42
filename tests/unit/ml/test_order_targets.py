"""Targets of least cost for the warehouse: frames in, frames out, and a minimum that is one."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy import stats

from ml.contracts import ORDER_COST_CURVES, ORDER_TARGETS, QUANTILES, TARGET_ECONOMICS, ContractError
from ml.replenishment.least_cost import least_cost_levels
from ml.replenishment.order_targets import search_targets


def economics(**changed: float) -> pl.DataFrame:
    """One item at one store: Poisson demand of 30 in 21 days of lead time and review."""
    values = {
        "horizon_days": 21.0,
        "review_period_days": 7.0,
        "lead_time_deviation_days": 0.0,
        "mean_units": 30.0,
        "holding_cost_usd": 0.01,
        "shortage_cost_usd": 5.0,
        "order_cost_usd": 2.5,
        "moq_units": 1.0,
        "pack_units": 1.0,
        "max_cover_days": 90.0,
    } | changed
    levels = list(QUANTILES)
    demand = [float(units) for units in stats.poisson.ppf(levels, values["mean_units"])]
    keys = {"run_id": "r", "as_of_date": date(2016, 12, 31), "item_id": 1, "location_id": 2}
    row = keys | values | {"demand_levels": levels, "demand_quantile_units": demand}
    return TARGET_ECONOMICS.conform(pl.DataFrame([row]))


def test_both_tables_keep_their_contracts() -> None:
    found = search_targets(economics())
    assert ORDER_TARGETS.conform(found.targets).equals(found.targets)
    assert ORDER_COST_CURVES.conform(found.curves).equals(found.curves)


def test_the_target_is_that_of_the_search_with_the_variance_of_the_quantiles() -> None:
    target = search_targets(economics()).targets
    terms = {"lead_time": 14.0, "review_period": 7.0, "holding": 0.01, "shortage": 5.0, "order_cost": 2.5, "max_cover": 90.0}
    wanted = least_cost_levels(np.array([30.0]), np.array([30.0]), **terms)
    # nineteen quantiles say nearly, but not quite, that the variance is 30
    assert target["reorder_units"][0] == pytest.approx(wanted.reorder_units[0], abs=1)
    assert target["target_units"][0] == pytest.approx(wanted.target_units[0], abs=1)
    # costs are per year
    assert target["holding_cost_usd"][0] == pytest.approx(wanted.holding_cost[0] * 365, rel=0.05)


@pytest.mark.parametrize("changed", [{}, {"pack_units": 12.0}, {"mean_units": 3.0}, {"order_cost_usd": 0.0}])
def test_no_other_target_of_the_curve_costs_less(changed: dict[str, float]) -> None:
    curve = search_targets(economics(**changed)).curves
    total = curve.select(pl.sum_horizontal("holding_cost_usd", "shortage_cost_usd", "ordering_cost_usd")).to_series()
    assert curve["point_number"].to_list() == [1, 2, 3, 4, 5, 6, 7]
    assert curve["target_units"].is_sorted()
    assert total[3] <= total.min() * 1.02  # levels are rounded to whole units


def test_more_margin_asks_for_more_stock() -> None:
    levels = [search_targets(economics(shortage_cost_usd=margin)).targets["reorder_units"][0] for margin in (0.5, 5.0, 50.0)]
    assert levels[0] < levels[1] < levels[2]


def test_what_costs_more_to_stock_than_it_earns_has_no_target_and_no_curve() -> None:
    found = search_targets(economics(shortage_cost_usd=0.001, holding_cost_usd=1.0))
    assert found.targets.select("reorder_units", "target_units").row(0) == (0.0, 0.0)
    assert found.curves.is_empty()


def test_nothing_in_nothing_out() -> None:
    found = search_targets(TARGET_ECONOMICS.empty())
    assert found.targets.is_empty()
    assert found.curves.is_empty()


def test_a_frame_without_costs_is_refused() -> None:
    with pytest.raises(ContractError, match="holding_cost_usd"):
        search_targets(economics().with_columns(holding_cost_usd=pl.lit(None, pl.Float64)))
