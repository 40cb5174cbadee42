"""Textbook formulas against numbers worked by hand, against the worked facts of the definitions, and against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ml.replenishment import policies

# the example of the definitions: 50 ± 15 units a day, 14 ± 3 days of lead time, a look every 7 days
DEMAND, ERROR, LEAD, LEAD_ERROR, REVIEW = 50.0, 15.0, 14.0, 3.0, 7.0


def level(review: float, lead_error: float) -> float:
    sigma = policies.lead_time_demand_deviation(ERROR, LEAD, review, DEMAND, lead_error)
    return float(policies.order_up_to_units(DEMAND, LEAD, review, policies.safety_stock_for_cycle_service(0.95, sigma)))


def test_the_order_up_to_level_depends_on_what_is_left_out() -> None:
    # L alone:      700 + 1.645·15·√14 = 700 + 92.3;  R + L: 1050 + 1.645·15·√21 = 1050 + 113.1
    # R + L with σ_L: 1050 + 1.645·√(21·225 + 2500·9) = 1050 + 1.645·165.0 = 1050 + 271.4
    assert [round(level(*case)) for case in ((0, 0), (REVIEW, 0), (REVIEW, LEAD_ERROR))] == [792, 1163, 1321]


@pytest.mark.parametrize(("units", "achieved"), [(792, 0.04), (1163, 0.74), (1321, 0.94)])
def test_what_each_level_achieves_in_a_simulation(units: float, achieved: float) -> None:
    """Orders every week up to the level, demand owed where it is short, deliveries that may overtake one another: the share of
    deliveries before which nothing was short. 60,000 of them, so that chance stays below 0.002; the rest of the 0.015 allowed is how a
    day is cut: whether the day of the delivery still counts, and how 14 ± 3 becomes whole days."""
    rng = np.random.default_rng(1)
    cycles = 60_000
    days = int(cycles * REVIEW)
    demanded = np.cumsum(rng.normal(DEMAND, ERROR, days).clip(0))
    ordered_at = np.arange(cycles) * int(REVIEW)
    arrival = ordered_at + np.rint(rng.normal(LEAD, LEAD_ERROR, cycles)).clip(0).astype(int)
    by_review = np.concatenate([[0.0], demanded[ordered_at[1:] - 1]])  # demand before each look
    quantity = np.diff(by_review, prepend=by_review[0] - units)
    arriving = np.bincount(arrival, weights=quantity, minlength=days + 100)[:days]
    stock = np.cumsum(arriving) - demanded
    assert np.mean(stock[arrival[20:-20] - 1] >= 0) == pytest.approx(achieved, abs=0.015)


def test_one_cycle_service_level_is_many_fill_rates() -> None:
    sigma = policies.lead_time_demand_deviation(ERROR, LEAD, 0, DEMAND, 0)  # 15·√14 = 56.12
    point = policies.reorder_point_units(DEMAND, LEAD, policies.safety_stock_for_cycle_service(0.95, sigma))
    # G(1.645) = 0.0209; 56.12·0.0209 = 1.173 units short a cycle, of 50, 200, 700
    assert np.round(100 * policies.fill_rate(point, [50, 200, 700], DEMAND * LEAD, sigma), 1).tolist() == [97.7, 99.4, 99.8]
    assert float(policies.cycle_service_level(point, DEMAND * LEAD, sigma)) == pytest.approx(0.95)


def test_a_fill_rate_takes_less_stock_with_larger_batches_down_to_none() -> None:
    sigma = policies.lead_time_demand_deviation(ERROR, LEAD, 0, DEMAND, 0)
    # G(k) = 0.05·50 / 56.12 = 0.0445: k = 1.31; 0.178: k = 0.566; 0.624: k = −0.39
    assert np.round(policies.safety_stock_for_fill_rate(0.95, [50, 200, 700], sigma)).tolist() == [74, 32, -22]


def test_economic_order_quantity() -> None:
    # Harris's example as Silver and others work it: A = 3.20 USD, D = 2,400 a year, h = 0.24·0.40 = 0.096 USD: √(2·3.2·2400/0.096) = 400
    assert float(policies.economic_order_quantity(3.20, 2_400, 0.096)) == pytest.approx(400)
    # K = 100, λ = 1,200, h = 6: √40,000 = 200; 100·6 + 6·100 = 1,200 = √(2·100·1200·6)
    assert float(policies.economic_order_quantity(100, 1_200, 6)) == pytest.approx(200)
    assert float(policies.ordering_and_holding_cost(200, 100, 1_200, 6)) == pytest.approx(1_200)
    # flat: half as much again costs 8.3 % more (½·(1.5 + 1/1.5))
    assert float(policies.ordering_and_holding_cost(300, 100, 1_200, 6)) == pytest.approx(1_300)


def test_economic_order_quantity_at_the_edges() -> None:
    assert policies.economic_order_quantity([0, 5, 5], [9, 0, 9], [1, 1, 0]).tolist() == [0, 0, np.inf]
    assert policies.ordering_and_holding_cost([0, 0], [5, 5], [9, 0], 1).tolist() == [np.inf, 0]


def test_newsvendor() -> None:
    # bought for 50 cents, sold for 1.00, worth nothing after: ratio 0.5, the mean itself; sold for 1.25: 0.6, z = 0.2533
    assert float(policies.newsvendor_normal_units(100, 20, 0.50, 0.50)) == pytest.approx(100)
    assert float(policies.newsvendor_normal_units(100, 20, 0.75, 0.50)) == pytest.approx(105.067, abs=1e-3)
    # uniform between 0 and 1,000 at a ratio of 0.9: 900
    assert float(policies.newsvendor_units(9, 1, stats.uniform(0, 1_000).ppf)) == pytest.approx(900)
    # Poisson 3 at 0.8: P(≤ 4) = 0.815 is the first above
    assert float(policies.newsvendor_units(4, 1, stats.poisson(3).ppf)) == 4
    assert policies.newsvendor_normal_units(100, 20, [0, 0], [0, 1]).tolist() == [0, 0]


def test_the_newsvendor_level_is_where_expected_cost_is_lowest() -> None:
    under, over = 4.0, 1.0
    tried = np.linspace(50, 200, 15_001)
    short = 20 * policies.standard_normal_loss((tried - 100) / 20)
    cost = under * short + over * (tried - 100 + short)
    assert float(policies.newsvendor_normal_units(100, 20, under, over)) == pytest.approx(tried[cost.argmin()], abs=0.02)


def test_the_loss_function_is_the_one_of_the_tables() -> None:
    # unit normal loss tables: G(0) = 0.3989, G(1) = 0.0833, G(2) = 0.0085, G(−1) = 1.0833
    assert np.round(policies.standard_normal_loss([0, 1, 2, -1]), 4).tolist() == [0.3989, 0.0833, 0.0085, 1.0833]


@given(st.floats(-40, 6))
def test_the_inverse_loss_finds_its_way_back(k: float) -> None:
    assert float(policies.inverse_standard_normal_loss(policies.standard_normal_loss(k))) == pytest.approx(k, abs=1e-6)


@given(st.floats(0.5, 0.999), st.floats(1, 500), st.floats(0.1, 200))
def test_a_safety_stock_for_a_fill_rate_gives_that_fill_rate(target: float, quantity: float, sigma: float) -> None:
    stock = policies.safety_stock_for_fill_rate(target, quantity, sigma)
    assert float(policies.fill_rate(100 + stock, quantity, 100, sigma)) == pytest.approx(target, abs=1e-6)


def test_certain_demand_needs_no_safety_stock() -> None:
    assert float(policies.safety_stock_for_fill_rate(0.95, 100, 0)) == 0
    assert float(policies.safety_stock_for_cycle_service(0.95, 0)) == 0
    assert policies.cycle_service_level([9, 10], 10, 0).tolist() == [0, 1]
    assert policies.fill_rate([10, 5], 10, 10, 0).tolist() == [1, 0.5]
