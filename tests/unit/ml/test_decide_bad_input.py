"""What no input may bring about: an order that is negative, no number, a part of a unit, or without a reason; and what is refused."""

from __future__ import annotations

import math
from datetime import date

import polars as pl
import pytest
from decide_frames import Frames, frames, one_order
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.contracts import ContractError
from ml.replenishment import decide

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
STEADY = [10.0, 12.0, 9.0, 11.0, 10.0, 8.0]
NAN = math.nan


@pytest.mark.parametrize(
    ("terms", "reason"),
    [
        ({"lead_time_periods": None}, "lead time unknown: the interval to cover has no end"),
        ({"lead_time_periods": NAN}, "lead time unknown: the interval to cover has no end"),
        ({"lead_time_periods": math.inf}, "lead time unknown: the interval to cover has no end"),
        ({"lead_time_periods": -1}, "lead time unknown: the interval to cover has no end"),
        ({"lead_time_periods": 20_000}, "lead time or review of more than 1000 periods: nothing is foreseen so far"),
        ({"review_periods": 20_000}, "lead time or review of more than 1000 periods: nothing is foreseen so far"),
        ({"on_hand": None}, "stock is not known"),
        ({"on_hand": NAN}, "stock is not known"),
        ({"shortage_cost": 0.0}, "nothing is lost by a sale that is missed: no order pays"),
        ({"shortage_cost": -3.0}, "nothing is lost by a sale that is missed: no order pays"),
        ({"moq": 50, "max_stock": 40}, "minimum order above max stock: nothing ordered"),
        ({"max_stock": -5}, "no room for an order under max stock: nothing ordered; max stock below zero: taken for none"),
    ],
)
def test_no_order_and_why(terms: dict[str, float], reason: str) -> None:
    order = one_order(STEADY, **terms)
    assert (order["order_qty"], order["reason"]) == (0, reason)


def test_what_never_was_in_stock_is_ordered_all_the_same() -> None:
    made = dict(frames({"A": STEADY * 8}))
    days = pl.date_range(date(2024, 1, 1), date(2024, 2, 17), eager=True)
    made["history"] = made["history"].with_columns(ds=days, in_stock=pl.lit(value=False))
    made["state"] = made["state"].with_columns(now=pl.lit(date(2024, 2, 18)))
    order = decide(**made).row(0, named=True)
    assert order["order_qty"] >= 10
    assert order["reason"] == "ordered"


@pytest.mark.parametrize(
    ("terms", "said"),
    [
        ({"on_hand": -4.0}, "ordered; books below zero: taken for none"),
        ({"holding_cost": 0.0}, "ordered; cost unknown: aims at a service level of 0.95"),
        ({"holding_cost": None}, "ordered; cost unknown: aims at a service level of 0.95"),
        ({"holding_cost": math.inf}, "ordered; cost unknown: aims at a service level of 0.95"),
        ({"shortage_cost": None}, "ordered; cost unknown: aims at a service level of 0.95"),
        ({"shortage_cost": NAN}, "ordered; cost unknown: aims at a service level of 0.95"),
        ({"shelf_life_periods": 0}, "ordered; shelf life not above zero: not used"),
        ({"pack": 0}, "ordered; pack unknown: single units"),
        ({"pack": NAN}, "ordered"),
        ({"moq": NAN}, "ordered"),
        ({"moq": -3}, "ordered; minimum order unknown: none"),
        ({"order_cost": NAN}, "ordered"),
        ({"order_cost": -5.0}, "ordered"),
        ({"review_periods": None}, "ordered"),
        ({"review_periods": 0}, "ordered"),
        ({"service_level": 1.5}, "ordered; service level not between 0 and 1: not used"),
        ({"service_level": 0.0}, "ordered; service level not between 0 and 1: not used"),
        ({"max_stock": math.inf}, "ordered"),
    ],
)
def test_an_order_all_the_same_and_what_was_assumed(terms: dict[str, float], said: str) -> None:
    order = one_order(STEADY, **terms)
    assert order["reason"] == said
    assert 8 <= order["order_qty"] <= 40


def test_unknown_cost_orders_what_the_service_level_named_would() -> None:
    unknown = one_order(STEADY, policy="quantile", shortage_cost=None)
    assert unknown["target_units"] == one_order(STEADY, policy="quantile", service_level=0.95)["target_units"]


def test_terms_without_state_and_state_without_terms() -> None:
    made = frames({"A": STEADY, "B": STEADY, "C": STEADY})
    made["state"] = made["state"].filter(pl.col("unique_id") != "B")
    made["params"] = made["params"].filter(pl.col("unique_id") != "C")
    found = decide(**made).select("unique_id", "order_qty", "reason").rows()
    assert found[0][1] > 0
    assert found[1:] == [
        ("B", 0, "terms of an item without state: stock is not known"),
        ("C", 0, "no terms: nothing can be weighed"),
    ]


def test_history_and_orders_of_items_nobody_asked_for_are_left_aside() -> None:
    made = frames({"A": STEADY})
    more = frames({"A": STEADY, "Z": STEADY}, open_orders=[("Z", 99, 100, 5.0)], receipts=[("Z", 90, 91, 5.0)])
    assert decide(**(more | {"state": made["state"], "params": made["params"]})).equals(decide(**made))


def test_the_period_to_decide_in_must_be_known() -> None:
    made = frames({"A": STEADY, "B": STEADY})
    made["state"] = made["state"].with_columns(now=pl.when(pl.col("unique_id") == "A").then("now"))
    assert decide(**made)["reason"].to_list() == ["ordered", "the period to decide in is not known"]


@pytest.mark.parametrize("units", [None, NAN, math.inf])
def test_demand_that_is_no_number_is_not_known(units: float | None) -> None:
    made = frames({"A": [20.0] * 30})
    history = made["history"].with_columns(y=pl.when(pl.col("ds") % 3 == 0).then(pl.lit(units, pl.Float64)).otherwise("y"))
    order = decide(**(made | {"history": history}), policy="just_in_time")
    assert order["target_units"][0] == pytest.approx(20, abs=1.5)


def test_returns_below_zero_count_as_no_demand() -> None:
    assert one_order([10.0, -500.0, 10.0, 10.0]) == one_order([10.0, 0.0, 10.0, 10.0])


@pytest.mark.parametrize("units", [NAN, math.inf, -5.0, 0.0])
def test_open_orders_without_a_quantity_are_none(units: float) -> None:
    made = frames({"A": STEADY}, lead_time_periods=2)
    unclear = made | {
        "pipeline": pl.DataFrame({"unique_id": ["A"], "ordered_at": [99], "expected_at": [101], "quantity": [units]}),
        "state": made["state"].with_columns(on_order=pl.lit(NAN)),
    }
    assert decide(**unclear).equals(decide(**made))


def test_units_on_order_beyond_the_listed_ones_are_believed() -> None:
    listed = one_order(STEADY, lead_time_periods=2, open_orders=[("A", 99, 101, 9.0)])
    made = frames({"A": STEADY}, lead_time_periods=2)
    stated = decide(**(made | {"state": made["state"].with_columns(on_order=pl.lit(9.0)), "pipeline": None, "receipts": None}))
    # a listed order also says how old it is
    assert stated["believed_on_order_units"][0] == pytest.approx(listed["believed_on_order_units"], abs=0.2)


# What is refused ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "column"),
    [("history", "y"), ("state", "on_hand"), ("pipeline", "ordered_at"), ("receipts", "received_at"), ("params", "holding_cost")],
)
def test_a_missing_column_is_named(name: str, column: str) -> None:
    made = frames({"A": STEADY})
    with pytest.raises(ContractError, match=rf"{name}: missing columns \['{column}'\]"):
        decide(**(made | {name: made[name].drop(column)}))


def changed(made: Frames, name: str, **columns: pl.Expr) -> Frames:
    return made | {name: made[name].with_columns(**columns)}


@pytest.mark.parametrize(
    ("name", "columns", "said"),
    [
        ("history", {"y": pl.lit("many")}, r"history\.y: numbers expected"),
        ("history", {"ds": pl.lit("Monday")}, r"history\.ds: whole numbers or dates"),
        ("history", {"ds": pl.col("ds").cast(pl.Float64) + 0.5}, r"history\.ds: whole numbers or dates"),
        ("history", {"in_stock": pl.lit("maybe")}, r"history\.in_stock: true or false"),
        ("state", {"on_hand": pl.lit("a few")}, r"state\.on_hand: numbers expected"),
        ("state", {"now": pl.lit(date(2024, 1, 1))}, r"state\.now: Date does not go with Int64"),
        ("params", {"holding_cost": pl.lit("low")}, r"params\.holding_cost: numbers expected"),
        ("params", {"moq": pl.lit("a box")}, r"params\.moq: numbers expected"),
        ("pipeline", {"ordered_at": pl.lit(date(2024, 1, 1))}, r"pipeline\.ordered_at: Date does not go with Int64"),
        ("pipeline", {"quantity": pl.lit("ten")}, r"pipeline\.quantity: numbers expected"),
    ],
)
def test_a_wrong_type_is_refused(name: str, columns: dict[str, pl.Expr], said: str) -> None:
    made = frames({"A": STEADY}, open_orders=[("A", 99, 100, 5.0)])
    with pytest.raises(ContractError, match=said):
        decide(**changed(made, name, **columns))


@pytest.mark.parametrize("name", ["history", "state", "params"])
def test_rows_that_are_there_twice_are_refused(name: str) -> None:
    made = frames({"A": STEADY})
    with pytest.raises(ContractError, match=f"^{name}.* twice|^{name}.* two rows"):
        decide(**(made | {name: pl.concat([made[name], made[name].head(1)])}))


def test_something_that_is_no_frame_is_refused() -> None:
    with pytest.raises(ContractError, match=r"state: a polars or pandas frame is expected, got list"):
        decide(**(frames({"A": STEADY}) | {"state": [1, 2]}))


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(ValueError, match="policy 'guess' is not one of least_cost, newsvendor"):
        decide(**frames({"A": STEADY}), policy="guess")


def test_empty_frames_give_no_orders() -> None:
    made = frames({"A": STEADY})
    nothing = {name: frame.clear() for name, frame in made.items()}
    assert decide(**nothing).height == 0
    assert decide(**{name: frame.to_pandas() for name, frame in nothing.items()}).columns == decide(**made).columns


# Anything at all ------------------------------------------------------------------------------------------------------------

number = st.none() | st.floats(allow_nan=True, allow_infinity=True) | st.floats(0, 100)


@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_every_order_is_a_number_with_a_reason_and_whole_where_units_are(data: st.DataObject) -> None:
    said = data.draw(st.none() | st.booleans(), "is_whole_units")
    made = frames(
        {"A": data.draw(st.lists(st.floats(0, 1e6), max_size=8)), "B": STEADY},
        on_hand={"A": data.draw(number), "B": data.draw(number)},
        lead_time_periods={i: data.draw(st.none() | st.floats(-2, 12) | st.just(math.inf)) for i in "AB"},
        review_periods={i: data.draw(st.none() | st.floats(-2, 6) | st.just(NAN)) for i in "AB"},
        **{
            name: {i: data.draw(number) for i in "AB"}
            for name in (
                "holding_cost",
                "shortage_cost",
                "order_cost",
                "moq",
                "pack",
                "max_stock",
                "service_level",
                "shelf_life_periods",
            )
        },
    )
    units = [data.draw(number), data.draw(number)]
    made["pipeline"] = pl.DataFrame(
        {"unique_id": ["A", "B"], "ordered_at": [95, 99], "expected_at": [96, 120], "quantity": units},
        schema_overrides={"quantity": pl.Float64},
    )
    made["history"] = made["history"].with_columns(
        y=pl.when(pl.col("ds") == 97).then(pl.lit(data.draw(number), pl.Float64)).otherwise("y")
    )
    made["params"] = made["params"].with_columns(is_whole_units=pl.lit(said, pl.Boolean))
    orders = decide(**made)
    assert orders["unique_id"].to_list() == ["A", "B"]
    for quantity, reason in orders.select("order_qty", "reason").rows():
        assert quantity >= 0
        assert math.isfinite(quantity)
        assert quantity == round(quantity) or not said
        assert reason


# Ids and words --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("unmet", ["backorder", "Backordered"])
def test_a_word_nobody_knows_is_refused(unmet: str) -> None:
    with pytest.raises(ContractError, match=r"params.unmet: '.*' is not one of lost, backordered"):
        decide(**frames({"A": STEADY}, unmet=unmet))


def test_a_frequency_nobody_knows_is_refused() -> None:
    with pytest.raises(ContractError, match=r"freq 'Q' is not one of D, W, M"):
        decide(**frames({"A": STEADY}), freq="Q")


def test_terms_of_ids_the_state_cannot_hold_are_answered_all_the_same() -> None:
    made = frames({"A": STEADY, "B": STEADY})
    made["state"] = made["state"].filter(pl.col("unique_id") == "A").with_columns(pl.col("unique_id").cast(pl.Enum(["A"])))
    orders = decide(**made)
    assert orders["unique_id"].to_list() == ["A", "B"]
    assert orders["reason"].to_list() == ["ordered", "terms of an item without state: stock is not known"]


def test_whole_floats_are_the_ids_that_whole_numbers_are() -> None:
    made = frames({"1": STEADY})
    for name, dtype in (("history", pl.Float64), ("state", pl.Int64), ("params", pl.Int32)):
        made[name] = made[name].with_columns(pl.col("unique_id").cast(dtype))
    assert decide(**made)["reason"].to_list() == ["ordered"]
