"""The search for the cheapest levels, against simulation and against what is known in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.replenishment import policies
from ml.replenishment.least_cost import NEVER_ORDER, costs_around, least_cost_levels

MEAN, SPREAD = 5.0, 2.0
LEAD, HOLDING, SHORTAGE, ORDER = 2, 0.05, 4.0, 2.5


def simulated_cost(reorder: float, target: float, weeks: int = 200_000, seed: int = 3) -> float:
    """Cost per week of ordering up to `target` at or below `reorder`: negative binomial demand of mean 5 and variance 10, lost sales, two weeks
    of lead time; half of a week's demand is held for half of it."""
    rng = np.random.default_rng(seed)
    shape = MEAN / (SPREAD - 1)
    demand = rng.negative_binomial(shape, shape / (shape + MEAN), weeks)
    stock, pipeline, cost = target, [0.0] * LEAD, 0.0
    for asked in demand:
        position = stock + sum(pipeline)
        order = target - position if position <= reorder else 0.0
        cost += ORDER * (order > 0)
        pipeline.append(order)
        stock += pipeline.pop(0)
        sold = min(stock, asked)
        cost += HOLDING * (stock + stock - sold) / 2 + SHORTAGE * (asked - sold)
        stock -= sold
    return cost / weeks


def levels(**changes):
    given_ = {"lead_time": LEAD, "review_period": 1, "holding": HOLDING, "shortage": SHORTAGE, "order_cost": ORDER, "points": 128}
    return least_cost_levels(3 * MEAN, 3 * MEAN * SPREAD, **(given_ | changes))


def test_the_expected_cost_is_what_a_simulation_costs() -> None:
    found = levels()
    assert float(found.total_cost) == pytest.approx(
        simulated_cost(float(found.reorder_units), float(found.target_units)), rel=0.02
    )


def test_no_pair_nearby_is_cheaper_in_a_simulation() -> None:
    found = levels()
    s, target = float(found.reorder_units), float(found.target_units)
    here = simulated_cost(s, target, 60_000)
    for down, up in ((-4, -4), (4, 4), (-4, 0), (4, 0), (0, -8), (0, 8)):
        assert simulated_cost(s + down, target + up, 60_000) > 0.997 * here, (down, up)


def test_steady_demand_comes_to_the_economic_order_quantity() -> None:
    # nearly certain demand of 4 a week: EOQ √(2·2.5·4/0.05) = 20, and the level covers lead time and review
    found = least_cost_levels(12.0, 0.6, lead_time=2, review_period=1, holding=HOLDING, shortage=50, order_cost=ORDER)
    batch = float(policies.economic_order_quantity(ORDER, 4, HOLDING))
    assert batch == pytest.approx(20)
    ordered = float(found.target_units - found.reorder_units)
    assert batch - 4 <= ordered <= batch + 4
    assert float(found.ordering_cost) == pytest.approx(ORDER * 4 / 20, rel=0.15)


def test_free_ordering_comes_to_the_newsvendor_level() -> None:
    """Order every week: P(demand over the interval ≤ S) = p / (p + h) but for what is held on the way."""
    found = levels(order_cost=0.0)
    rng = np.random.default_rng(1)
    shape = 3 * MEAN / (SPREAD - 1)
    demand = rng.negative_binomial(shape, shape / (shape + 3 * MEAN), 400_000)
    ratio = float(policies.critical_ratio(SHORTAGE, HOLDING))
    assert float(found.target_units) == pytest.approx(np.quantile(demand, ratio), abs=2)
    assert float(found.target_units - found.reorder_units) == 1


def test_what_is_not_worth_its_shelf_is_not_stocked() -> None:
    found = levels(shortage=[0.0, 0.3, 4.0], holding=[0.05, 3.0, 0.05])
    assert found.reorder_units[:2].tolist() == [NEVER_ORDER, NEVER_ORDER]
    assert found.target_units[:2].tolist() == [0, 0]
    assert found.shortage_cost[:2].tolist() == [0, pytest.approx(0.3 * MEAN)]
    assert found.target_units[2] > found.reorder_units[2] > 0


def test_no_demand_needs_no_stock() -> None:
    found = least_cost_levels([0.0, 0.0], [0.0, 1.0], lead_time=2, review_period=1, holding=0.05, shortage=4, order_cost=2.5)
    assert found.target_units.tolist() == [0, 0]
    assert found.total_cost.tolist() == [0, 0]


def test_a_minimum_order_lowers_the_reorder_level_and_raises_the_batch() -> None:
    free, bound = levels(), levels(moq=100)
    assert float(bound.target_units - bound.reorder_units) >= 100
    assert float(bound.reorder_units) < float(free.reorder_units)
    assert float(bound.total_cost) > float(free.total_cost)


def test_a_pack_lowers_the_target_by_what_rounding_up_adds() -> None:
    assert float(levels().target_units - levels(pack=7).target_units) == 3


def test_cover_cuts_the_batch() -> None:
    found = levels(order_cost=500.0, max_cover=4)
    assert float(found.target_units - found.reorder_units) <= 4 * MEAN


@settings(max_examples=60, deadline=None)
@given(
    st.floats(0.01, 2_000), st.floats(0.5, 20), st.floats(0, 12), st.floats(0.001, 5), st.floats(0, 100), st.floats(0, 50), st.integers(1, 500)
)  # fmt: skip
def test_levels_are_sane_for_anything(mean, spread, lead, holding, shortage, order_cost, moq) -> None:
    found = least_cost_levels(
        mean, mean * spread, lead_time=lead, review_period=1, holding=holding, shortage=shortage, order_cost=order_cost, moq=moq
    )
    values = [float(value) for value in found]
    assert np.isfinite(values).all()
    assert found.target_units >= 0
    assert found.reorder_units == NEVER_ORDER or 0 <= found.reorder_units < found.target_units
    assert float(found.total_cost) <= shortage * mean / (lead + 1) + 1e-9  # never dearer than selling nothing


def test_each_series_is_decided_alone() -> None:
    means = np.array([0.3, 4.0, 70.0, 900.0])
    together = least_cost_levels(means, 2 * means, lead_time=2, review_period=1, holding=0.05, shortage=4, order_cost=2.5)
    for k, mean in enumerate(means):
        alone = least_cost_levels(mean, 2 * mean, lead_time=2, review_period=1, holding=0.05, shortage=4, order_cost=2.5)
        assert [float(value) for value in alone] == pytest.approx([float(value[k]) for value in together])


def test_the_curve_is_lowest_at_the_target_and_says_what_the_search_says() -> None:
    terms = {"lead_time": LEAD, "review_period": 1, "holding": HOLDING, "shortage": SHORTAGE, "order_cost": ORDER}
    means = np.array([15.0, 150.0])
    best = least_cost_levels(means, 2 * means, **terms, points=96)
    curve = costs_around(means, 2 * means, reorder_units=best.reorder_units, target_units=best.target_units, **terms)
    assert curve.target_units.shape == (2, 9)
    assert curve.target_units[:, 4].tolist() == best.target_units.tolist()
    assert curve.total_cost[:, 4] == pytest.approx(best.total_cost)
    assert (curve.total_cost.argmin(axis=1) == 4).all()
    assert (np.diff(curve.shortage_cost, axis=1) <= 1e-9).all()
    assert (np.diff(curve.holding_cost, axis=1) >= 0).all()
