"""Terms that meet: costs per order, packs, caps, service levels, backorders; and what an order leaves short."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from decide_frames import one_order
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.replenishment.orders import order_terms, room_units

STEADY = [10.0, 12.0, 9.0, 11.0, 8.0, 10.0] * 4
SLOW = [0.0, 1.0, 0.0, 0.0, 1.0] * 5


# What is owed ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("owed", "open_units"), [(200.0, 0.0), (50.0, 40.0), (30.0, 0.0)])
def test_what_is_owed_pays_for_an_order(owed: float, open_units: float) -> None:
    terms = {
        "on_hand": -owed, "unmet": "backordered", "lead_time_periods": 2, "holding_cost": 0.1, "shortage_cost": 2.0,
        "open_orders": [("A", 99, 101, open_units)] if open_units else [],
    }  # fmt: skip
    free, dear = one_order(STEADY, **terms), one_order(STEADY, **terms, order_cost=5.0)
    assert dear["order_qty"] >= free["order_qty"] > owed - open_units


def test_a_cost_per_order_that_nothing_owed_pays_for_waits() -> None:
    order = one_order(SLOW, on_hand=-1.0, unmet="backordered", order_cost=500.0)
    assert order["order_qty"] == 0
    assert order["reason"] == "an order would not pay for itself yet"


# A service level is kept ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("policy", ["least_cost", "quantile"])
@pytest.mark.parametrize("terms", [{"order_cost": 10.0}, {"pack": 24.0}, {"order_cost": 10.0, "pack": 24.0}])
def test_a_service_level_is_kept_whatever_an_order_costs(policy: str, terms: dict[str, float]) -> None:
    order = one_order(SLOW, policy, holding_cost=0.01, shortage_cost=20.0, service_level=0.95, **terms)
    assert order["order_qty"] >= 1
    assert order["reason"] == "ordered"


def test_where_the_margin_is_unknown_nothing_is_weighed_against_it() -> None:
    order = one_order(SLOW, holding_cost=0.01, shortage_cost=None, order_cost=10.0)
    assert order["order_qty"] >= 1
    assert order["reason"] == "ordered; cost unknown: aims at a service level of 0.95"


# Room -----------------------------------------------------------------------------------------------------------------------


def test_an_order_pays_with_what_there_is_room_for() -> None:
    """An economic batch of about 100 would earn its cost of 50; the 12 there is room for earn 24."""
    terms = {"holding_cost": 0.1, "shortage_cost": 2.0, "order_cost": 50.0}
    assert one_order(STEADY, **terms)["order_qty"] > 90
    assert one_order(STEADY, **terms, max_stock=12.0)["order_qty"] == 0
    assert one_order(STEADY, **terms, shelf_life_periods=1.0)["order_qty"] == 0
    assert one_order(STEADY, **terms | {"order_cost": 20.0}, max_stock=12.0)["order_qty"] == 12


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_room_is_what_the_arithmetic_cuts_to(data: st.DataObject) -> None:
    units = st.integers(0, 400).map(lambda n: n / 4)
    is_whole = data.draw(st.booleans())
    rate, lead, position = data.draw(st.integers(0, 40)) / 4, data.draw(st.integers(0, 6)), data.draw(units)
    terms = pl.DataFrame(
        {
            "max_stock": data.draw(st.none() | units),
            "shelf_life_periods": data.draw(st.none() | st.integers(1, 9).map(float)),
            "pack": data.draw(st.none() | st.integers(1, 24).map(float)),
            "moq": data.draw(st.none() | st.integers(0, 48).map(float)),
            "is_whole_units": is_whole,
        },
        schema_overrides=dict.fromkeys(("max_stock", "shelf_life_periods", "pack", "moq"), pl.Float64),
    )
    room = room_units(terms, np.array([position]), np.array([rate]), lead)[0]
    horizon = lead + 1
    made = order_terms(
        terms.select(
            mean_units=pl.lit(rate * horizon),
            reorder_units=pl.lit(1e6),
            usable_on_hand_units=pl.lit(position),
            on_order_units=pl.lit(0.0),
            horizon_days=pl.lit(float(horizon)),
            mean_lead_time_days=pl.lit(float(lead)),
            moq_units=pl.col("moq").fill_null(0),
            pack_units="pack",
            max_stock_units="max_stock",
            shelf_life_days="shelf_life_periods",
            is_whole_units="is_whole_units",
        )
    )
    cut = made["max_stock_cut_units"][0] + made["shelf_life_cut_units"][0]
    assert made["order_units"][0] == pytest.approx(room if cut < 0 else made["packed_units"][0], abs=1e-4)
    assert room >= made["order_units"][0] - 1e-4


# What an order leaves short -------------------------------------------------------------------------------------------------


def test_what_is_lost_before_an_order_can_come_is_expected_short() -> None:
    """Nothing on hand, and nothing comes for six periods that ask for ten each."""
    on_the_day = [("A", at, at + 6, 10.0) for at in range(40, 90)]
    late = one_order([10.0] * 20, lead_time_periods=6, open_orders=[("A", 99, 105, 80.0)], receipts=on_the_day)
    assert late["expected_shortage_units"] == pytest.approx(50, abs=4)


def test_an_order_that_is_cut_leaves_the_rest_short() -> None:
    on_the_day = [("A", at, at, 10.0) for at in range(40, 90)]
    short = {
        most: one_order([10.0] * 20, max_stock=most, receipts=on_the_day)["expected_shortage_units"] for most in (0.0, 5.0, 100.0)
    }
    assert short[0.0] == pytest.approx(10, abs=0.5)
    assert short[5.0] == pytest.approx(5, abs=0.5)
    assert short[100.0] < 0.5


def test_fractions_need_no_pack() -> None:
    assert one_order([0.5, 0.25, 0.75] * 5)["reason"] == "ordered"
