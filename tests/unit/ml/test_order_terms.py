"""The arithmetic of an order, worked by hand; and what no input may ever bring about."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.replenishment.orders import BATCH_RULES, order_terms

# demand 80 over 20 days, 4 a day; a target of 100; the economic batch is sqrt(2 x 2.5 x 1460 / 2.5) = 54.0370
PLAIN = {
    "mean_units": 80.0,
    "fixed_lead_time_target_units": 95.0,
    "reorder_units": 100.0,
    "target_units": 100.0,
    "horizon_days": 20.0,
    "mean_lead_time_days": 10.0,
    "batch_rule": "at least",
    "usable_on_hand_units": 30,
    "on_order_units": 20,
    "unit_cost_usd": 10.0,
    "order_cost_usd_per_line": 2.5,
    "holding_cost_rate_per_year": 0.25,
    "max_cover_days": 90.0,
    "moq_units": 1,
    "pack_units": 1,
}


def decide(**changes) -> dict:
    return order_terms(pl.DataFrame([PLAIN | changes])).row(0, named=True)


def test_the_terms_of_an_order() -> None:
    order = decide()
    assert (order["demand_units"], order["demand_safety_stock_units"], order["lead_time_safety_stock_units"]) == (80, 15, 5)
    assert (order["reorder_point_units"], order["inventory_position_units"], order["need_units"]) == (100, 50, 50)
    assert (order["batch_units"], order["order_units"]) == (54.037, 55)
    assert order["order_reason"] == "ordered"


@pytest.mark.parametrize(
    ("batch_rule", "batch", "order"),
    [
        ("none", 50, 50),
        ("at least", 54.037, 55),
        ("multiples", 54.037, 55),
        # 100 + 54.037 - 50
        ("above", 104.037, 105),
    ],
)
def test_how_the_economic_batch_shapes_an_order(batch_rule: str, batch: float, order: int) -> None:
    terms = decide(batch_rule=batch_rule)
    assert (terms["batch_units"], terms["order_units"]) == (batch, order)


def test_whole_batches_are_counted_until_the_need_is_met() -> None:
    # need 150 - 50 = 100 is more than one batch of 54.037: two
    assert decide(batch_rule="multiples", reorder_units=150.0)["batch_units"] == 108.074


@pytest.mark.parametrize(
    ("on_hand", "need", "order", "reason"),
    [
        # s = 60, S = 100: at 60 it orders up to 100, at 61 it waits although 39 are missing, at 100 nothing is missing
        (40, 40, 40, "ordered"),
        (41, 39, 0, "reorder level not reached"),
        (80, 0, 0, "nothing needed"),
        (500, -420, 0, "nothing needed"),
    ],
)
def test_a_reorder_level_below_the_target(on_hand: int, need: float, order: int, reason: str) -> None:
    terms = decide(batch_rule="none", reorder_units=60.0, usable_on_hand_units=on_hand)
    assert (terms["need_units"], terms["order_units"], terms["order_reason"]) == (need, order, reason)


@pytest.mark.parametrize(
    ("changes", "order", "reason"),
    [
        # need 50; packs of 12 make 60, the minimum of 70 makes 72
        ({"pack_units": 12}, 60, "ordered"),
        ({"pack_units": 12, "moq_units": 70}, 72, "ordered"),
        # neither makes an order where nothing is needed
        ({"pack_units": 12, "moq_units": 70, "usable_on_hand_units": 80}, 0, "nothing needed"),
        # room for 90 - 50 = 40: 3 packs of 12
        ({"pack_units": 12, "max_stock_units": 90}, 36, "cut to max stock"),
        ({"pack_units": 12, "max_stock_units": 90, "moq_units": 37}, 0, "no room for an order under max stock: nothing ordered"),
        ({"pack_units": 12, "max_stock_units": 90, "moq_units": 91}, 0, "minimum order above max stock: nothing ordered"),
        ({"max_stock_units": 49}, 0, "no room for an order under max stock: nothing ordered"),
        # 4 a day for 10 days are 40, less 50 - 4 x 10 = 10 that are left when it arrives: 30, 2 packs of 12
        ({"pack_units": 12, "shelf_life_days": 10}, 24, "cut to what the shelf life can sell"),
        ({"pack_units": 12, "shelf_life_days": 10, "moq_units": 25}, 0, "an order would outlast the shelf life: nothing ordered"),
        (
            {"pack_units": 12, "shelf_life_days": 10, "max_stock_units": 90},
            24,
            "cut to max stock and to what the shelf life can sell",
        ),
        ({"is_dormant": True}, 0, "not bought for long and nothing there: taken for dropped"),
    ],
)
def test_minimum_pack_and_caps(changes: dict, order: int, reason: str) -> None:
    terms = decide(batch_rule="none", **changes)
    assert (terms["order_units"], terms["order_reason"]) == (order, reason)
    parts = terms["packed_units"] + terms["max_stock_cut_units"] + terms["shelf_life_cut_units"]
    assert parts == order


@pytest.mark.parametrize(
    ("changes", "order", "reason"),
    [
        ({"usable_on_hand_units": None}, None, "stock is not known: only the target level is given"),
        ({"on_order_units": None}, None, "stock is not known: only the target level is given"),
        ({"reorder_units": None}, None, "no target: nothing can be decided"),
        ({"mean_units": float("nan")}, None, "no target: nothing can be decided"),
        # 100 - 0 - 20
        ({"usable_on_hand_units": -7}, 80, "ordered; books below zero: taken for none"),
        ({"unit_cost_usd": None}, 50, "ordered; cost unknown: no economic batch"),
        ({"unit_cost_usd": 0.0}, 50, "ordered; cost unknown: no economic batch"),
        ({"unit_cost_usd": -1.0}, 50, "ordered; cost unknown: no economic batch"),
        ({"horizon_days": None}, 50, "ordered; lead time unknown: no economic batch, no limit by shelf life"),
        (
            {"horizon_days": 0.0, "shelf_life_days": 1},
            50,
            "ordered; lead time unknown: no economic batch, no limit by shelf life",
        ),
        ({"pack_units": 0}, 55, "ordered; pack unknown: single units"),
        ({"pack_units": None}, 55, "ordered; pack unknown: single units"),
        ({"moq_units": None}, 55, "ordered; minimum order unknown: none"),
        (
            {"max_stock_units": -5},
            0,
            "minimum order above max stock: nothing ordered; max stock below zero: taken for none",
        ),
        ({"shelf_life_days": 0}, 55, "ordered; shelf life not above zero: not used"),
    ],
)
def test_bad_input_has_a_defined_result_and_a_reason(changes: dict, order: int | None, reason: str) -> None:
    terms = decide(**changes)
    assert (terms["order_units"], terms["order_reason"]) == (order, reason)


def test_an_order_is_the_need_divided_by_the_yield() -> None:
    # position 30 + 20 - 0.8 = 49.2; 50.8 are missing, and 4 % of what comes is defective: 50.8 / 0.96 = 52.9167
    terms = decide(batch_rule="none", on_order_defective_units=0.8, defect_share=0.04)
    assert (terms["need_units"], terms["gross_need_units"], terms["batch_units"], terms["order_units"]) == (
        50.8,
        52.9167,
        52.9167,
        53,
    )
    # an economic batch is no need, and what is not needed has no yield
    assert decide(on_order_defective_units=0.8, defect_share=0.01)["batch_units"] == 54.037
    assert decide(usable_on_hand_units=90, defect_share=0.04)["gross_need_units"] == -10
    # a share that is none counts as none; what is hardly believable is not believed beyond 0.9
    for share, order in ((None, 50), (float("nan"), 50), (-0.3, 50), (0.99, 500), (1.0, 500)):
        assert decide(batch_rule="none", defect_share=share)["order_units"] == order


def test_a_fraction_is_ordered_only_where_the_unit_allows_it() -> None:
    kilos = {"batch_rule": "none", "reorder_units": 100.5, "is_whole_units": False}
    assert decide(**kilos, pack_units=None)["order_units"] == 50.5
    assert decide(**kilos, pack_units=0.2)["order_units"] == 50.6
    assert decide(**kilos | {"is_whole_units": True}, pack_units=2.5)["order_units"] == 51, "packs of 3"


def test_absurd_orders_are_whole_though_doubles_are_coarse_there() -> None:
    # of many rows at once: polars divides a single one otherwise
    rows = [PLAIN | {"batch_rule": "none", "moq_units": 99_999_999_990_000 + 25 * k, "pack_units": 25} for k in range(40)]
    orders = order_terms(pl.DataFrame(rows))["order_units"].to_list()
    assert [order % 25 for order in orders] == [0] * 40


def test_columns_that_must_be_there_and_rules_that_exist() -> None:
    with pytest.raises(ValueError, match="orders need the columns"):
        order_terms(pl.DataFrame({"mean_units": [1.0]}))
    with pytest.raises(ValueError, match="batch_rule"):
        decide(batch_rule="sometimes")


numbers = st.one_of(
    st.none(), st.sampled_from([0.0, -1.0, 0.5, 1e9, float("nan"), float("inf")]), st.floats(-1000, 1000, allow_nan=False)
)
cases = st.fixed_dictionaries(
    {
        name: numbers
        for name in (
            *PLAIN,
            "override_shift_units",
            "on_order_defective_units",
            "defect_share",
            "max_stock_units",
            "shelf_life_days",
            "backorder_units",
        )
        if name != "batch_rule"
    }
    | {"batch_rule": st.sampled_from(BATCH_RULES), "is_dormant": st.booleans()}
)


@settings(max_examples=300, deadline=None)
@given(st.lists(cases, min_size=1, max_size=20))
def test_no_input_brings_a_negative_fractional_or_undefined_order(rows: list[dict]) -> None:
    frame = pl.DataFrame(
        rows, schema_overrides={name: pl.Float64 for name in rows[0] if name not in ("batch_rule", "is_dormant")}
    )
    orders = order_terms(frame)
    known = orders["order_units"].drop_nulls()
    assert known.is_finite().all()
    assert (known >= 0).all()
    assert (known % 1 == 0).all()
    assert orders["order_reason"].null_count() == 0
    ordered = orders.filter(pl.col("order_units") > 0)
    assert (ordered["order_units"] % ordered["pack_units"] == 0).all()
    assert (ordered["order_units"] >= ordered["moq_units"]).all()
    assert (ordered["need_units"] > 0).all()
    # each row is decided by itself
    alone = pl.concat([order_terms(frame[i]) for i in range(frame.height)])
    assert alone["order_units"].equals(orders["order_units"])
