"""When orders arrive: hazards worked by hand, and what is believed of orders that are late."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from decide_frames import one_order
from scipy.special import beta

from ml.replenishment.settings import DecisionSettings
from ml.replenishment.supply import Supply, learn_supply, usual_lead_times

SETTINGS = DecisionSettings()


def test_the_chance_to_have_come_by_a_period() -> None:
    supply = Supply(np.array([[0.1, 0.5, 0.2]]), np.array([0.0]))
    # 0.1; 1 - 0.9 x 0.5; 1 - 0.9 x 0.5 x 0.8; nothing comes at ages that are not believed in
    assert supply.arrived_by(0, 4)[0] == pytest.approx([0.1, 0.55, 0.64, 0.64])
    assert supply.arrived_by(2, 3)[0] == pytest.approx([0.2, 0.2, 0.2])
    assert supply.arrived_by(3, 2)[0] == pytest.approx([0.0, 0.0])


def test_before_any_delivery_seven_in_ten_suppliers_keep_the_date() -> None:
    supply = learn_supply(np.zeros((1, 4)), np.zeros((1, 4)), 1, SETTINGS)
    assert supply.reliable[0] == pytest.approx(0.7)
    # early, on the day, late: 0.7 x 0.02 + 0.3 x 0.15; 0.7 x 0.98 + 0.3 x 0.4; 0.7 x 0.5 + 0.3 x 0.15
    assert supply.hazard[0] == pytest.approx([0.059, 0.806, 0.395, 0.395])


def test_hazards_are_posterior_means_of_beta_priors_weighed_by_the_evidence() -> None:
    """Ten orders, promised after one period: eight came then, one a period later, one is still open at age 2."""
    supply = learn_supply(np.array([[0.0, 8.0, 1.0]]), np.array([[10.0, 10.0, 2.0]]), 1, SETTINGS)
    # kept: beta(0.8, 39.2), beta(39.2, 0.8), beta(2, 2); loose: beta(0.15, 0.85), beta(0.4, 0.6), beta(0.15, 0.85)
    kept = np.array([0.8 / 50, (39.2 + 8) / 50, (2 + 1) / 6])
    loose = np.array([0.15 / 11, (0.4 + 8) / 11, (0.15 + 1) / 3])
    said_by_kept = beta(0.8, 49.2) / beta(0.8, 39.2) * beta(47.2, 2.8) / beta(39.2, 0.8) * beta(3, 3) / beta(2, 2)
    said_by_loose = beta(0.15, 10.85) / beta(0.15, 0.85) * beta(8.4, 2.6) / beta(0.4, 0.6) * beta(1.15, 1.85) / beta(0.15, 0.85)
    share = 0.7 * said_by_kept / (0.7 * said_by_kept + 0.3 * said_by_loose)
    assert supply.reliable[0] == pytest.approx(share)
    assert supply.hazard[0] == pytest.approx(share * kept + (1 - share) * loose)


def test_deliveries_on_the_day_make_a_supplier_reliable_and_late_ones_do_not() -> None:
    on_time = learn_supply(np.array([[0, 0, 12.0, 0, 0]]), np.array([[12.0, 12, 12, 0, 0]]), 2, SETTINGS)
    late = learn_supply(np.array([[0, 0, 3.0, 5, 4]]), np.array([[12.0, 12, 12, 9, 4]]), 2, SETTINGS)
    assert on_time.reliable[0] > 0.95
    assert late.reliable[0] < 0.01
    assert on_time.arrived_by(0, 3)[0, -1] > 0.95
    assert late.arrived_by(0, 3)[0, -1] < 0.5


def test_orders_that_never_come_are_learned_as_lost() -> None:
    """Twenty orders: ten came on the day, ten are open ever since; one that is late once is not waited for."""
    ages = 8
    arrived = np.zeros((1, ages))
    arrived[0, 1] = 10
    at_risk = np.full((1, ages), 10.0)
    at_risk[0, :2] = 20
    supply = learn_supply(arrived, at_risk, 1, SETTINGS)
    assert supply.arrived_by(0, ages)[0, -1] == pytest.approx(0.5, abs=0.12)
    assert supply.arrived_by(2, ages)[0, -1] < 0.15


@pytest.mark.parametrize("ordered_at", [86, 88, 40, 0])
def test_an_order_overdue_beyond_belief_stops_counting(ordered_at: int) -> None:
    """Promised after 2, not believed in from 12 periods on; the supplier is known to deliver on the day."""
    on_time = [("A", at, at + 2, 10.0) for at in range(50, 97)]
    overdue = one_order([10.0] * 30, lead_time_periods=2, receipts=on_time, open_orders=[("A", ordered_at, ordered_at + 2, 30.0)])
    assert overdue["believed_on_order_units"] == 0
    assert overdue["order_qty"] == one_order([10.0] * 30, lead_time_periods=2, receipts=on_time)["order_qty"] > 0


def test_belief_in_an_order_fades_as_it_gets_later() -> None:
    lost = [("A", at, at + 2, 10.0) for at in range(50, 80)]
    believed = [
        -one_order([10.0] * 30, lead_time_periods=2, receipts=lost, open_orders=[("A", 100 - age, 102 - age, 30.0)])[
            "believed_on_order_units"
        ]
        for age in (1, 12)
    ]
    assert believed[0] > 28
    assert believed[1] == 0


def test_open_orders_that_are_overdue_say_that_the_supplier_is_slow() -> None:
    """Five orders that should have come, against five that did."""
    open_orders = [("A", at, at + 1, 10.0) for at in range(91, 96)]
    waiting = one_order([10.0] * 30, lead_time_periods=1, open_orders=open_orders)
    came = one_order([10.0] * 30, lead_time_periods=1, receipts=[(i, at, due, q) for i, at, due, q in open_orders])
    assert waiting["lead_time_reliability"] < 0.01
    assert came["lead_time_reliability"] > 0.75


# Lead times of their own ----------------------------------------------------------------------------------------------------


def test_an_order_that_begins_to_age_later_comes_later() -> None:
    supply = Supply(np.array([[0.1, 0.5, 0.2]]), np.array([0.0]))
    assert supply.arrived_by(-2, 4)[0] == pytest.approx([0.0, 0.0, 0.1, 0.55])
    assert supply.arrived_by(-9, 3)[0] == pytest.approx([0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("delays", "lead_time"),
    [
        ([5, 5, 5], 7),
        ([4, 6, 5, 9], 8),  # the median, 5.5, rounded
        ([5, 5], 2),  # too few to say
        ([5, 5, 5, 0], 2),  # a quarter kept the day
        ([1, 1, 1, 1], 2),  # a period late is what the hazards are for
        ([-2, -2, -2], 0),
    ],
)
def test_a_lead_time_far_from_the_promised_one_is_learned(delays: list[int], lead_time: int) -> None:
    table = pl.DataFrame({"row": [0], "unique_id": ["A"], "lead_time_periods": [2.0]})
    orders = pl.DataFrame({"row": 0, "age": [2 + delay for delay in delays], "came": True})
    assert usual_lead_times(table, orders).to_list() == [lead_time]


def test_a_supplier_is_as_late_for_all_of_its_series() -> None:
    table = pl.DataFrame({"row": [0, 1, 2], "unique_id": list("ABC"), "lead_time_periods": [2.0, 4.0, None], "supplier": "V"})
    orders = pl.DataFrame({"row": [0, 0, 0], "age": [5, 5, 5], "came": True})
    assert usual_lead_times(table, orders).to_list() == [5, 7, None]


@pytest.mark.parametrize("policy", ["least_cost", "newsvendor", "just_in_time"])
@pytest.mark.parametrize("unmet", ["lost", "backordered"])
def test_who_always_comes_on_the_same_other_day_is_ordered_from_as_if_it_were_promised(policy: str, unmet: str) -> None:
    demand = [10.0, 12.0, 9.0, 11.0, 8.0, 10.0] * 4
    came = [("A", at, at + 7, 10.0) for at in range(76, 92)]
    open_orders = [("A", at, at + 2, 10.0) for at in range(94, 100)]
    promised = one_order(demand, policy, receipts=came, unmet=unmet, lead_time_periods=7,
                         open_orders=[(i, at, at + 7, units) for i, at, _, units in open_orders])  # fmt: skip
    late = one_order(demand, policy, receipts=came, unmet=unmet, lead_time_periods=2, open_orders=open_orders)
    # by period 107 six periods' orders arrive, and eight periods ask for about 80: what is open is not ordered once more
    assert late["order_qty"] == promised["order_qty"] < 40
    assert late["reason"] == "ordered; orders come after 7 periods, not as promised"
    assert late["lead_time_reliability"] == 0


def test_an_order_promised_for_later_than_usual_is_waited_for() -> None:
    demand = [10.0] * 20
    came = [("A", at, at + 2, 10.0) for at in range(80, 95)]
    quantity = {
        day: one_order(demand, on_hand=10.0, receipts=came, lead_time_periods=2, open_orders=[("A", 99, day, 20.0)])["order_qty"]
        for day in (101, 102, 114)
    }
    # 30 are wanted for three periods: 20 that come in time leave nothing; 20 that come after them count for nothing
    assert quantity[101] < 3
    assert quantity[114] == one_order(demand, on_hand=10.0, receipts=came, lead_time_periods=2)["order_qty"] > 8


def test_what_is_always_said_and_always_holds_is_no_other_promise() -> None:
    """Dates that are a period after the lead time of the terms, and orders that come on them."""
    came = [("A", at, at + 3, 10.0) for at in range(80, 95)]
    orders = [
        one_order([10.0] * 20, receipts=came, lead_time_periods=2, open_orders=[("A", 98, expected, 20.0)])
        for expected in (100, 101)
    ]
    assert orders[0]["order_qty"] == orders[1]["order_qty"]


def test_an_open_order_counts_without_the_day_it_was_placed() -> None:
    came = [("A", at, at + 2, 10.0) for at in range(80, 95)]
    order = {"receipts": came, "lead_time_periods": 2}
    dated = one_order([10.0] * 20, open_orders=[("A", 99, 101, 20.0)], **order)
    for ordered_at, expected_at in ((None, 101), (99, None)):
        assert one_order([10.0] * 20, open_orders=[("A", ordered_at, expected_at, 20.0)], **order) == dated
    # of neither, it is half-way
    assert one_order([10.0] * 20, open_orders=[("A", None, None, 20.0)], **order)["believed_on_order_units"] < -19
