"""Every constraint by hand: the reward of a unit, the calendar, minimums, budget, storage, transfers, and all of them together."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from constraint_lines import lines

from ml.replenishment.constraints import Constrained, constrain, next_order_date
from ml.replenishment.constraints.reward import Demand, Rewards


def orders(result: Constrained) -> list[int]:
    return result.orders["order_units"].to_list()


def said(result: Constrained) -> list[tuple]:
    return result.adjustments.select("item_id", "location_id", "adjustment", "adjustment_units").rows()


def reward(units: float, **change) -> float:
    return float(Rewards(lines(change)).of(np.array([0]), np.zeros(1), np.array([units]))[0])


# The reward of units ---------------------------------------------------------------------------------------------------------


def test_units_earn_the_margin_of_demand_that_reaches_them_and_cost_holding_where_it_does_not() -> None:
    # even demand up to 100: of the first 20 units 20^2 / 200 = 2 stay, 18 are sold: 4 x 18 - 1 x 2
    assert reward(20) == pytest.approx(70)
    # of units 80 to 100: (100^2 - 80^2) / 200 = 18 stay
    assert reward(20, inventory_position_units=80) == pytest.approx(4 * 2 - 18)
    # beyond all demand every unit is held
    assert reward(20, inventory_position_units=100) == pytest.approx(-20)
    # what is owed to customers is sold for certain
    assert reward(20, inventory_position_units=-20) == pytest.approx(80)


def test_the_newsvendor_quantile_is_where_the_next_unit_earns_nothing() -> None:
    # 4 / (4 + 1) of 100
    assert reward(1, inventory_position_units=79) > 0 > reward(1, inventory_position_units=80)


def test_demand_of_mostly_nothing_jumps_at_zero() -> None:
    demand = Demand(pl.Series([[0.5, 0.9, 0.95]]), pl.Series([[0.0, 0.0, 10.0]]))
    # P(D <= 0) = 0.9; from there to 0.95 at 10, and with that slope to 1 at 20
    assert demand.not_sold(np.array([0]), np.array([10.0])) == pytest.approx(9.25)
    assert demand.not_sold(np.array([0]), np.array([20.0])) == pytest.approx(9.25 + 9.75)
    assert demand.not_sold(np.array([0]), np.array([21.0])) == pytest.approx(9.25 + 9.75 + 1)


def test_a_line_without_a_forecast_has_no_demand() -> None:
    assert reward(20, demand_levels=[], demand_quantile_units=[]) == pytest.approx(-20)


# Order calendar --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("weekdays", "every", "first", "expected"),
    [
        (None, None, None, date(2016, 6, 30)),
        ("4", None, None, date(2016, 6, 30)),
        ("1,3", None, None, date(2016, 7, 4)),
        (None, 14, date(2016, 6, 16), date(2016, 6, 30)),
        (None, 14, date(2016, 6, 17), date(2016, 7, 1)),
        # the cycle has not begun
        (None, 14, date(2016, 8, 1), date(2016, 8, 1)),
        # every second Thursday
        ("4", 14, date(2016, 6, 23), date(2016, 7, 7)),
        # Mondays of a cycle of weeks that starts on a Tuesday: never
        ("1", 7, date(2016, 6, 28), None),
    ],
)
def test_the_next_day_a_vendor_takes_orders(weekdays, every, first, expected) -> None:
    assert next_order_date(date(2016, 6, 30), weekdays, every, first) == expected


def test_an_order_on_a_day_the_vendor_takes_none_waits_and_says_until_when() -> None:
    result = constrain(lines({"order_weekdays": "1"}, {"order_weekdays": "1", "order_units": 0}, {"vendor_id": 8}))
    assert orders(result) == [0, 0, 20]
    assert said(result) == [(1, 1, "order calendar", -20)]
    # 18 of 20 units would have been sold before the next order arrives
    assert result.adjustments["cost_usd"].to_list() == pytest.approx([72])
    assert result.adjustments["reason"][0] == "vendor 7 takes no orders today; the need is looked at again on 2016-07-04"


def test_a_persons_order_on_a_closed_day_is_not_filled_up_with_what_waits() -> None:
    closed = {"order_weekdays": "1", "minimum_order_usd": 300}
    assert orders(constrain(lines(closed | {"override_order_units": 2}, closed))) == [2, 0]


# Vendor minimums -------------------------------------------------------------------------------------------------------------


def test_an_order_below_the_minimum_is_filled_up_where_that_costs_less_than_waiting() -> None:
    """200 USD are ordered, 300 asked for: 10 units more. Item 2 has 60 units for the same demand, item 3 has 30: its next order is
    nearer, and its first 10 units beyond 30 earn 4 x 6.5 - 3.5 = 22.5."""
    result = constrain(
        lines(
            {"minimum_order_usd": 300, "inventory_position_units": 79},
            {"minimum_order_usd": 300, "inventory_position_units": 60, "order_units": 0},
            {"minimum_order_usd": 300, "inventory_position_units": 30, "order_units": 0},
        )
    )
    assert orders(result) == [20, 0, 10]
    assert said(result) == [(3, 1, "joint order", 10)]
    assert result.adjustments["cost_usd"].to_list() == pytest.approx([-22.5])
    assert (
        "takes orders from 300.00 USD, this one is 200.00: filling it up costs -22.50 USD, waiting"
        in result.adjustments["reason"][0]
    )


def test_an_order_below_the_minimum_waits_where_that_costs_less_than_filling_up() -> None:
    """20 units beyond 90: 10 + (100^2 - 90^2)/200 = 9.5 of 10 and all of the others stay; waiting loses 4 x 0.5 = 2 USD. 10 units
    more of the same would be held for certain: 10 USD."""
    result = constrain(lines({"minimum_order_usd": 300, "inventory_position_units": 90}))
    assert orders(result) == [0]
    assert said(result) == [(1, 1, "vendor minimum", -20)]
    assert result.adjustments["cost_usd"].to_list() == pytest.approx([2])
    assert result.adjustments["reason"][0].endswith(
        "the order waits, which costs 2.00 USD of expected margin, filling it up 10.00"
    )


@pytest.mark.parametrize(
    "useless",
    [
        {"is_dormant": True},
        {"daily_demand_units": 0.0},
        {"unit_cost_usd": None},
        {"inventory_position_units": None, "order_units": None},
        {"room_units": 9.0},
    ],
)
def test_a_minimum_is_not_filled_up_with_what_nobody_needs(useless: dict) -> None:
    result = constrain(
        lines({"minimum_order_usd": 300, "daily_demand_units": 20 / 90}, {"minimum_order_usd": 300, "order_units": 0} | useless)
    )
    assert orders(result) == [0, 0]
    assert "nothing sensible is there to fill it up" in result.adjustments["reason"][0]


def test_the_minimum_is_of_all_stores_together_and_no_minimum_makes_an_order() -> None:
    both = constrain(lines({"minimum_order_usd": 400}, {"minimum_order_usd": 400, "location_id": 2}))
    assert orders(both) == [20, 20]
    none = constrain(lines({"minimum_order_usd": 400, "order_units": 0}))
    assert (orders(none), said(none)) == ([0], [])


def test_an_order_of_unknown_worth_is_not_held_to_a_minimum() -> None:
    assert orders(constrain(lines({"minimum_order_usd": 400, "unit_cost_usd": None}, {"minimum_order_usd": 400}))) == [20, 20]


# Budget ----------------------------------------------------------------------------------------------------------------------


def test_the_budget_buys_what_earns_most_per_dollar() -> None:
    """Both lines want 20 units. Unit costs 10 and 20: the same reward per unit is half as much per dollar. 300 USD buy all 20 of
    the first and 5 of the second."""
    result = constrain(lines({"total_budget_usd": 300}, {"total_budget_usd": 300, "unit_cost_usd": 20.0}))
    assert orders(result) == [20, 5]
    assert said(result) == [(2, 1, "budget", -15)]
    # units 6 to 20: (20^2 - 5^2) / 200 = 1.875 stay: 4 x 13.125 - 1.875
    assert result.adjustments["cost_usd"].to_list() == pytest.approx([50.625])
    assert result.adjustments["reason"][0] == "the budget is short (300.0 USD in all): other packs earn more per dollar"


def test_what_was_exported_for_the_day_is_paid_from_its_money() -> None:
    """300 USD a day, 250 exported this morning: 50 are left, 5 units at 10. What is spent beyond a budget leaves nothing."""
    line = {"total_budget_usd": 300, "total_exported_usd": 250.0, "vendor_exported_usd": 250.0}
    result = constrain(lines(line))
    assert orders(result) == [5]
    assert result.adjustments["reason"][0].startswith("the budget is short (300.0 USD in all, 250.0 of it exported already)")
    assert orders(constrain(lines(line | {"vendor_budget_usd": 200}))) == [0]
    # without a budget nobody counts
    assert orders(constrain(lines(line | {"total_budget_usd": None}))) == [20]


def test_budgets_of_vendors_and_classes_hold_beside_the_total() -> None:
    result = constrain(
        lines(
            {"total_budget_usd": 1000, "vendor_budget_usd": 50},
            {"total_budget_usd": 1000, "vendor_id": 8, "abc_class": "B", "class_budget_usd": 120},
            {"total_budget_usd": 1000, "vendor_id": 8, "abc_class": "C"},
        )
    )
    assert orders(result) == [5, 12, 20]


def test_a_line_is_cut_in_packs_and_not_below_its_minimum() -> None:
    two = {"pack_units": 4, "moq_units": 10}
    assert orders(constrain(lines({"total_budget_usd": 199} | two))) == [16]
    assert orders(constrain(lines({"total_budget_usd": 119} | two))) == [0]


def test_what_a_person_orders_is_paid_first_and_what_has_no_price_is_not_bought_from_a_budget() -> None:
    result = constrain(
        lines(
            {"total_budget_usd": 300},
            {"total_budget_usd": 300, "override_order_units": 25, "order_units": 3},
            {"total_budget_usd": 300, "unit_cost_usd": None},
        )
    )
    assert orders(result) == [5, 25, 0]
    assert result.adjustments["reason"][1].startswith("its cost is not known, so it cannot be counted against the budget")


# Storage ---------------------------------------------------------------------------------------------------------------------


def test_what_does_not_fit_is_cut_where_it_earns_least() -> None:
    """Room for 70 units, 30 of item 2 are there: of 40 wanted 40 fit; with 60 only 30, and the shelf of item 1 is the emptier one."""
    there = {"inventory_position_units": 30, "stored_units": 30}
    roomy = lines({"storage_capacity_units": 70}, {"storage_capacity_units": 70} | there)
    assert orders(constrain(roomy)) == [20, 20]
    narrow = constrain(lines({"storage_capacity_units": 60}, {"storage_capacity_units": 60} | there))
    assert orders(narrow) == [20, 10]
    assert said(narrow) == [(2, 1, "storage", -10)]


def test_room_is_taken_by_what_is_there_not_by_what_can_be_sold() -> None:
    """50 lie there, 40 of them quarantined: a position of 10. With 60 units of room 10 can come; a position would have let 20 in."""
    line = {"storage_capacity_units": 60, "inventory_position_units": 10, "stored_units": 50}
    assert orders(constrain(lines(line))) == [10]


def test_fractions_of_units_add_up_over_the_store() -> None:
    # ten lines of 0.9 units take 9 of 20 units of room: 11 are left, not 20
    line = {"storage_capacity_units": 20, "order_units": 2, "stored_units": 0.9}
    assert sum(orders(constrain(lines(*[line] * 10)))) == 11


def test_what_other_stores_send_takes_room_and_what_goes_to_them_makes_it() -> None:
    """Store 2 sends 20 of its 750 units of item 1 to store 1, which has room for 30: 10 are left for item 3. Store 2 has room for 740:
    730 stay, 10 of item 2 fit."""
    full = {"location_id": 2, "storage_capacity_units": 740}
    result = constrain(
        lines(
            {"transfer_cover_days": 30.0, "storage_capacity_units": 30},
            {"item_id": 3, "storage_capacity_units": 30, "order_units": 20},
            surplus(750, stored_units=750) | full,
            {"item_id": 2} | full,
        )
    )
    assert result.transfers["transfer_units"].to_list() == [20]
    assert dict(zip(result.orders.select("item_id", "location_id").rows(), orders(result), strict=True)) == {
        (1, 1): 0, (1, 2): 0, (2, 2): 10, (3, 1): 10,
    }  # fmt: skip


def test_litres_count_by_the_volume_of_the_item() -> None:
    # 9 litres: twelve bottles of 0.75; what has no volume takes none
    assert orders(constrain(lines({"storage_capacity_litres": 9}))) == [12]
    assert orders(constrain(lines({"storage_capacity_litres": 9, "unit_volume_ml": None}))) == [20]


# Transfers -------------------------------------------------------------------------------------------------------------------


def surplus(units: int, **change) -> dict:
    return {"item_id": 1, "location_id": 2, "order_units": 0, "need_units": -1.0, "inventory_position_units": units, "usable_on_hand_units": units, "transfer_cover_days": 30.0} | change  # fmt: skip


def test_a_need_is_filled_from_another_stores_surplus_before_it_is_bought() -> None:
    """Store 2 sells 5 a day and may give what it has beyond 150 units, 30 days. It has 730 beyond its reorder point of 20: the last
    20 would have stood 142 to 146 days: 20 x 10 x 0.25 x 144 / 365 = 19.73 of holding, and 2.50 for the order line; the transfer
    costs 5 + 2."""
    result = constrain(lines({"transfer_cover_days": 30.0}, surplus(750)))
    assert orders(result) == [0, 0]
    assert result.transfers.select("from_location_id", "to_location_id", "transfer_units").rows() == [(2, 1, 20)]
    assert result.transfers["saving_usd"].to_list() == pytest.approx([20 * 10 * 0.25 * 144 / 365 + 2.5 - 7], abs=1e-4)
    assert said(result) == [(1, 1, "transfer in", -20), (1, 2, "transfer out", 0)]


def test_a_store_gives_only_what_it_has_beyond_its_own_cover_and_what_is_left_is_bought() -> None:
    result = constrain(
        lines({"transfer_cover_days": 30.0, "pack_units": 6, "order_units": 24}, surplus(158, unit_cost_usd=100.0))
    )
    # 8 of 20 come from there: 12 are bought instead of 24
    assert result.transfers["transfer_units"].to_list() == [8]
    assert orders(result) == [12, 0]


@pytest.mark.parametrize(
    "given",
    [
        surplus(750, transfer_cover_days=0.0),
        surplus(150),
        # on order is nothing to give
        surplus(750, usable_on_hand_units=0),
        # 0.20 USD of holding are not worth a transfer
        surplus(750, unit_cost_usd=0.1),
        surplus(750, item_id=2),
    ],
)
def test_no_transfer_without_surplus_or_saving(given: dict) -> None:
    result = constrain(lines({"transfer_cover_days": given["transfer_cover_days"]}, given))
    assert orders(result) == [20, 0]
    assert result.transfers.is_empty()


# All together ----------------------------------------------------------------------------------------------------------------


def test_a_vendor_that_the_budget_leaves_below_its_minimum_waits_and_the_others_get_its_money() -> None:
    """250 USD; vendor 7 takes orders from 200 and earns less. With 20 units of vendor 8 it would keep 5: it waits, and vendor 8 has
    all it wants."""
    result = constrain(
        lines(
            {"total_budget_usd": 250, "minimum_order_usd": 200, "shortage_cost_usd": 2.0},
            {"total_budget_usd": 250, "vendor_id": 8},
        )
    )
    assert orders(result) == [0, 20]
    assert said(result) == [(1, 1, "vendor minimum", -20)]
    assert (
        result.adjustments["reason"][0]
        == "vendor 7 takes orders from 200.00 USD, and budget or storage leave less: the order waits"
    )


def test_a_vendor_waits_too_where_the_budget_leaves_out_the_line_whose_cost_nobody_knew() -> None:
    """Without a known total the minimum does not hold; the budget drops the unpriced line, and 10 USD are left of the 50 asked for."""
    short = {"total_budget_usd": 1000, "minimum_order_usd": 50, "order_units": 1}
    assert orders(constrain(lines(short, short | {"unit_cost_usd": None}))) == [0, 0]


def test_without_limits_nothing_changes() -> None:
    result = constrain(lines({}, {"order_units": None, "inventory_position_units": None}, {"order_units": 0}))
    assert orders(result) == [20, 0, 0]
    assert result.adjustments.is_empty()
    assert constrain(lines().head(0)).orders.is_empty()
