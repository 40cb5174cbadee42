"""The cheapest order: worked by hand on a few paths, and against brute force."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ml.replenishment.draws import draw
from ml.replenishment.search import (
    Situation,
    _lasting,
    _planned,
    _turning_point,
    best_order,
    draw_inflow,
    sold_and_held,
    unmet_units,
)
from ml.replenishment.settings import DecisionSettings
from ml.replenishment.supply import Supply

AGES = 3
NEXT_PERIOD = Supply(np.array([[0.0, 1.0, 0.0]]), np.array([0.0]))  # an order comes at age 1, always


def situation(
    demand: list[list[float]], on_hand: float = 0.0, shortage: float = 3.0, lead: int = 0, review: int = 1
) -> Situation:
    paths = np.array([demand], dtype=float)
    return Situation(paths, np.zeros_like(paths), np.array([on_hand]), np.array([shortage]), np.array([1.0]), lead, review)


def test_a_quantity_grows_until_the_next_unit_costs_more_than_it_earns() -> None:
    # one unit more earns 3; from 1 on it costs 2, from 2 on 4: it turns at 2
    assert _turning_point(np.array([[5.0, 1.0, 2.0]]), np.array([[2.0, 2.0, 2.0]]), np.array([3.0])).tolist() == [2.0]
    assert _turning_point(np.array([[5.0, 1.0, 2.0]]), np.array([[2.0, 2.0, 2.0]]), np.array([2.0])).tolist() == [1.0]
    assert _turning_point(np.array([[5.0, -4.0, 2.0]]), np.array([[2.0, 2.0, 2.0]]), np.array([0.0])).tolist() == [0.0]


def test_an_order_that_has_to_last_one_period_is_the_newsvendors() -> None:
    """It comes in the second period and the next order in the third; demand is 1 to 4, at 3 to 1 the third of four is met."""
    now = situation([[9, 4, 9], [9, 2, 9], [9, 1, 9], [9, 3, 9]], lead=1)
    draws = draw(4, 3, AGES + 4, 7)
    assert _lasting(now, NEXT_PERIOD, draws).tolist() == [3.0]
    assert best_order(now, NEXT_PERIOD, draws, DecisionSettings()).tolist() == [3.0]


def test_stock_that_will_be_left_is_not_ordered_again() -> None:
    # 11 at hand: 2 are left after the first period, and the third of four lacks 3 - 2
    now = situation([[9, 4, 9], [9, 2, 9], [9, 1, 9], [9, 3, 9]], lead=1, on_hand=11)
    assert _lasting(now, NEXT_PERIOD, draw(4, 3, AGES + 4, 7)).tolist() == [1.0]


def test_what_an_order_sells_and_leaves_until_the_next_one_comes() -> None:
    # of 3 units 1, 2, 3 and 3 are sold, 2 and 1 left
    now = situation([[9, 1, 9], [9, 2, 9], [9, 3, 9], [9, 4, 9]], lead=1)
    sold, held = sold_and_held(now, NEXT_PERIOD, draw(4, 3, AGES + 4, 7), np.array([3.0]))
    assert (sold.tolist(), held.tolist()) == ([9 / 4], [3 / 4])


def test_what_is_asked_for_in_vain_until_a_period() -> None:
    # 3 units come in the second period: 9 are missed before, then 0, 0, 0 and 1 more; with all three periods, 9 more again
    now = situation([[9, 1, 9], [9, 2, 9], [9, 3, 9], [9, 4, 9]], lead=1)
    arrival, until = np.full((1, 4), 1), np.full((1, 4), 2)
    assert unmet_units(now, np.array([3.0]), arrival, until).tolist() == [9 + 1 / 4]
    assert unmet_units(now, np.array([3.0]), arrival, until + 1).tolist() == [9 + 1 / 4 + 9 - 3 / 4]


@pytest.mark.parametrize(("review", "shortage", "units"), [(13, 2.0, 130), (52, 2.0, 205), (52, 20.0, 520), (52, 0.5, 55)])
def test_a_long_review_is_ordered_for_as_long_as_a_unit_is_worth_keeping(review: int, shortage: float, units: float) -> None:
    """Ten a period, holding 0.1: a unit for the k-th period costs 0.1 (k - 1), so those beyond 1 + shortage / 0.1 periods do not pay."""
    demand = np.full((1, 4, 2 * review), 10.0)
    for on_hand in (0.0, 20.0):
        now = Situation(
            demand, np.zeros_like(demand), np.array([on_hand]), np.array([shortage]), np.array([0.1]), lead_time=0, review=review
        )
        assert _planned(now, DecisionSettings())[0] == pytest.approx(units - on_hand, abs=6)


def test_open_orders_come_at_the_age_the_hazard_says() -> None:
    draws = draw(4, 3, AGES + 7, 7)
    # 5 ordered now come next period, 7 ordered in the last one come now, 9 of two periods ago never
    inflow = draw_inflow(np.array([[0.0, 0.0, 0.0, 5.0, 7.0, 9.0]]), NEXT_PERIOD, draws, 3)
    assert inflow.tolist() == [[[7.0, 5.0, 0.0]] * 4]
    # 4 that count as ordered in the next period come in the one after it
    inflow = draw_inflow(np.array([[0.0, 0.0, 4.0, 0.0, 0.0, 0.0]]), NEXT_PERIOD, draws, 3)
    assert inflow.tolist() == [[[0.0, 0.0, 4.0]] * 4]


def test_half_of_the_paths_see_an_order_that_comes_in_one_of_two_cases() -> None:
    supply = Supply(np.array([[0.5, 0.0, 0.0]]), np.array([0.0]))
    inflow = draw_inflow(np.array([[0.0, 0.0, 8.0, 0.0, 0.0]]), supply, draw(64, 2, AGES + 5, 7), 2)
    assert inflow[0, :, 0].sum() == 32 * 8
    assert inflow[0, :, 1].sum() == 0


def cost_of_a_plan(demand: np.ndarray, on_hand: float, first: np.ndarray, second: float, shortage: float) -> np.ndarray:
    """Expected cost of two periods for each first order; holding 1."""
    left = on_hand + first[:, None] - demand[None, :, 0]
    cost = np.where(left < 0, -left * shortage, left)
    left = np.maximum(left, 0) + second - demand[None, :, 1]
    return (cost + np.where(left < 0, -left * shortage, left)).mean(axis=1)


@pytest.mark.parametrize("shortage", [1.0, 4.0, 19.0])
@pytest.mark.parametrize("on_hand", [0.0, 12.0])
def test_a_plan_of_two_periods_is_as_cheap_as_brute_force_finds(shortage: float, on_hand: float) -> None:
    """With nothing corrected later the plan is exact: both orders at once, over 64 paths, against all whole quantities."""
    demand = np.random.default_rng(2).gamma(2, 10, (64, 2))
    grid = np.arange(0.0, 121.0)
    costs = np.stack([cost_of_a_plan(demand, on_hand, grid, second, shortage) for second in grid])
    now = situation(demand.tolist(), on_hand=on_hand, shortage=shortage)
    exact = DecisionSettings(uncorrected_share=1.0)
    first = _planned(now, exact)
    found = min(cost_of_a_plan(demand, on_hand, first, second, shortage)[0] for second in grid)
    assert found <= 1.01 * costs.min()


def test_where_later_orders_mend_everything_the_plan_is_the_newsvendors() -> None:
    demand = np.random.default_rng(3).gamma(2, 10, (256, 3))
    found = _planned(situation(demand.tolist(), shortage=4.0), DecisionSettings(uncorrected_share=0.0))
    assert found[0] == pytest.approx(np.quantile(demand[:, 0], 0.8), rel=0.03)


def test_more_stock_never_means_a_larger_order() -> None:
    demand = np.random.default_rng(4).gamma(2, 10, (256, 7)).tolist()
    supply = Supply(np.full((1, 12), 0.4), np.array([0.5]))
    draws = draw(256, 7, 24, 7)
    orders = [best_order(situation(demand, on_hand=h, lead=2), supply, draws, DecisionSettings())[0] for h in range(0, 200, 20)]
    assert all(later <= earlier + 1 for earlier, later in itertools.pairwise(orders))
    assert orders[0] > 10
    assert orders[-1] < 1
