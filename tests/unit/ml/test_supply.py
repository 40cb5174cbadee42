"""When orders arrive: hazards worked by hand, and what is believed of orders that are late."""

from __future__ import annotations

import numpy as np
import pytest
from decide_frames import one_order
from scipy.special import beta

from ml.replenishment.settings import DecisionSettings
from ml.replenishment.supply import Supply, learn_supply

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
