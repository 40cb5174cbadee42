"""The decision as a whole: what it may know, what it may not depend on, and what comes out where the answer is known."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from decide_frames import Frames, frames, one_order
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from scipy.stats import norm, poisson

from ml.replenishment import decide
from ml.replenishment.decide import COLUMNS, explain

POLICIES = ("least_cost", "newsvendor", "quantile", "base_stock", "just_in_time")


def shop(seed: int = 0, series: int = 6, **terms) -> Frames:
    """Some series of different lengths and kinds, with open and past orders."""
    random = np.random.default_rng(seed)
    demand = {f"S{i}": random.poisson(random.uniform(0.3, 30), 8 + 9 * (i % 3)).tolist() for i in range(series)}
    return frames(
        demand,
        on_hand={i: float(random.integers(0, 20)) for i in demand},
        open_orders=[(i, 98, 100, 7.5) for i in demand if random.random() < 0.6],
        receipts=[(i, 90 + k, 92 + k + int(random.integers(0, 2)), 5.0) for i in demand for k in range(4)],
        lead_time_periods={i: 2 * (k % 2) for k, i in enumerate(demand)},
        is_whole_units=False,
        **terms,
    )


# What it may know -----------------------------------------------------------------------------------------------------------


def test_the_future_changes_no_order() -> None:
    now = shop()
    later = dict(now)
    ids = now["state"]["unique_id"]
    tail = pl.DataFrame({"unique_id": ids, "ds": 100, "y": 9999.0}).cast({"ds": pl.Int64})
    later["history"] = pl.concat([now["history"], tail, tail.with_columns(ds=pl.lit(101, pl.Int64))])
    came = pl.DataFrame({"unique_id": ids, "ordered_at": 95, "received_at": 100, "quantity": 50.0})
    came = came.cast(now["receipts"].schema)
    later["receipts"] = pl.concat([now["receipts"], came, came.with_columns(received_at=pl.lit(104, pl.Int64))])
    placed = pl.DataFrame({"unique_id": ids, "ordered_at": 101, "expected_at": 103, "quantity": 50.0})
    placed = placed.cast(now["pipeline"].schema)
    later["pipeline"] = pl.concat([now["pipeline"], placed])
    assert_frame_equal(decide(**later), decide(**now), check_exact=True)


def test_dates_of_the_future_do_not_change_what_a_period_is() -> None:
    weeks = pl.date_range(date(2024, 1, 1), date(2024, 6, 24), "1w", eager=True)
    now = dict(frames({"A": [10, 12, 9, 11] * 6 + [10, 10]}, lead_time_periods=1))
    now["history"] = now["history"].with_columns(ds=weeks)
    now["state"] = now["state"].with_columns(now=pl.lit(date(2024, 7, 1)))
    later = now | {
        "history": pl.concat([now["history"], pl.DataFrame({"unique_id": ["A"], "ds": [date(2024, 7, 4)], "y": [500.0]})])
    }
    assert_frame_equal(decide(**later), decide(**now), check_exact=True)


# What it may not depend on --------------------------------------------------------------------------------------------------


@given(seed=st.integers(0, 30), kept=st.sets(st.integers(0, 5), min_size=1))
@settings(max_examples=40, deadline=None)
def test_a_series_is_decided_the_same_whichever_others_are_there(seed: int, kept: set[int]) -> None:
    everything = shop(seed)
    ids = [f"S{i}" for i in kept]
    part = {name: frame.filter(pl.col("unique_id").is_in(ids)) for name, frame in everything.items()}
    expected = decide(**everything).filter(pl.col("unique_id").is_in(ids))
    assert_frame_equal(decide(**part), expected, check_exact=True)


def test_another_demand_of_the_others_changes_nothing() -> None:
    now = shop()
    changed = now | {"history": now["history"].with_columns(y=pl.when(pl.col("unique_id") == "S0").then("y").otherwise(77.0))}
    assert_frame_equal(decide(**changed).head(1), decide(**now).head(1), check_exact=True)


@pytest.mark.parametrize("shared", [{}, {"group": "all", "supplier": "one"}])
def test_the_order_of_rows_changes_nothing(shared: dict[str, str]) -> None:
    now = shop(**shared)
    shuffled = {name: frame.sample(fraction=1, shuffle=True, seed=3) for name, frame in now.items()}
    assert_frame_equal(decide(**shuffled), decide(**now), check_exact=True)


def test_chunks_are_for_memory_only() -> None:
    from ml.replenishment import DecisionSettings

    now = shop(series=9)
    assert_frame_equal(decide(**now, settings=DecisionSettings(chunk_series=2)), decide(**now), check_exact=True)


def test_the_same_call_gives_the_same_orders() -> None:
    assert_frame_equal(decide(**shop()), decide(**shop()), check_exact=True)


def test_pandas_and_lazy_frames_give_the_same_orders() -> None:
    now = shop()
    for other in (pl.DataFrame.to_pandas, pl.DataFrame.lazy):
        assert_frame_equal(decide(**{name: other(frame) for name, frame in now.items()}), decide(**now), check_exact=True)


# What is shared where it is asked for ---------------------------------------------------------------------------------------


def test_series_of_a_supplier_learn_its_lead_times_from_each_other() -> None:
    late = [("B", at, at + 4, 10.0) for at in range(60, 95)]
    alone = decide(**frames({"A": [10.0] * 20, "B": [10.0] * 20}, receipts=late, lead_time_periods=1))
    shared = decide(**frames({"A": [10.0] * 20, "B": [10.0] * 20}, receipts=late, lead_time_periods=1, supplier="V"))
    assert alone["lead_time_reliability"][0] == pytest.approx(0.7, abs=1e-9)
    assert shared["lead_time_reliability"][0] == shared["lead_time_reliability"][1] == alone["lead_time_reliability"][1]
    assert shared["lead_time_reliability"][0] < 0.01


def test_a_series_without_a_supplier_learns_from_itself() -> None:
    late = [("B", at, at + 4, 10.0) for at in range(60, 95)]
    found = decide(
        **frames({"A": [10.0] * 20, "B": [10.0] * 20}, receipts=late, supplier={"A": None, "B": "V"}, lead_time_periods=1)
    )
    assert found["lead_time_reliability"][0] == pytest.approx(0.7, abs=1e-9)


def weekly_frames(demand: dict[str, np.ndarray], **terms) -> Frames:
    """Series of weeks that end before Monday 2024-01-01."""
    weeks = len(next(iter(demand.values())))
    made = frames({name: units.tolist() for name, units in demand.items()}, **terms)
    days = (np.datetime64("2024-01-01") - 7 * np.arange(weeks, 0, -1)).astype("datetime64[D]")
    made["history"] = made["history"].with_columns(ds=pl.Series(np.tile(days, len(demand))))
    made["state"] = made["state"].with_columns(now=pl.lit(date(2024, 1, 1)))
    return made


def test_series_of_a_group_share_a_season() -> None:
    # 30 a week on average, 50 in the first weeks of a year, lumpy: one series alone cannot tell
    random = np.random.default_rng(1)
    mean = 30 + 20 * np.cos(2 * np.pi * np.arange(-130, 0) / 52)
    many = {f"S{i:02d}": random.poisson(mean * random.gamma(1, 1, 130)).astype(float) for i in range(30)}
    alone = decide(**weekly_frames(many), policy="just_in_time")
    shared = decide(**weekly_frames(many, group="toys"), policy="just_in_time")
    errors = [np.sqrt(((orders["target_units"] - 50) ** 2).mean()) for orders in (alone, shared)]
    assert errors[1] < 0.8 * errors[0]


# Calendars ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("period", ["1d", "1w", "1mo"])
def test_dates_give_what_whole_numbers_give(period: str) -> None:
    count = frames(
        {"A": [7, 3, 8, 6, 5, 9], "B": [0, 2, 0, 0, 4, 1]},
        open_orders=[("A", 99, 101, 4.0)],
        receipts=[("A", 94, 96, 5.0), ("B", 95, 98, 2.0)],
        lead_time_periods=2,
    )
    start = date(2024, 1, 1)  # a Monday, and the first of a month
    days = pl.date_range(start, date(2026, 12, 31), period, eager=True)[:20]

    def dated(frame: pl.DataFrame, *names: str) -> pl.DataFrame:
        return frame.with_columns(pl.Series(name, [days[at - 90] for at in frame[name]]) for name in names)

    calendar = {
        "history": dated(count["history"], "ds"),
        "state": dated(count["state"], "now"),
        "pipeline": dated(count["pipeline"], "ordered_at", "expected_at"),
        "receipts": dated(count["receipts"], "ordered_at", "received_at"),
        "params": count["params"],
    }
    assert_frame_equal(decide(**calendar), decide(**count), check_exact=True)
    stamps = {name: frame.to_pandas() for name, frame in calendar.items()}
    stamps["history"]["ds"] = stamps["history"]["ds"].astype("datetime64[ns]")
    assert_frame_equal(decide(**stamps), decide(**count), check_exact=True)


def dated(demand: dict[str, list[float]], begin: dict[str, date], step: str, now: date) -> Frames:
    """Series that begin on days of their own."""
    made = frames(demand, lead_time_periods=2)
    rows = [
        pl.DataFrame({"unique_id": i, "ds": pl.date_range(begin[i], now, step, eager=True)[: len(y)], "y": y})
        for i, y in demand.items()
    ]
    made["history"] = pl.concat(rows)
    made["state"] = made["state"].with_columns(now=pl.lit(now))
    return made


def test_weeks_begin_on_the_weekday_of_each_series() -> None:
    now = date(2024, 7, 1)
    both = dated({"A": [20.0] * 26, "B": [20.0] * 26}, {"A": date(2024, 1, 1), "B": date(2023, 12, 31)}, "1w", now)
    orders = decide(**both)
    alone = [decide(**{name: frame.filter(pl.col("unique_id") == i) for name, frame in both.items()}) for i in "AB"]
    assert_frame_equal(orders, pl.concat(alone), check_exact=True)
    assert orders["expected_demand_units"].to_list() == pytest.approx([60, 60], abs=1)


def test_rows_of_series_nobody_asked_for_do_not_change_what_a_period_is() -> None:
    made = dated({"A": [20.0] * 26}, {"A": date(2024, 1, 1)}, "1w", date(2024, 7, 1))
    stray = pl.DataFrame({"unique_id": ["X"] * 3, "ds": [date(2024, 3, 5), date(2024, 3, 6), date(2024, 3, 9)], "y": [1.0] * 3})
    more = made | {"history": pl.concat([made["history"], stray])}
    assert_frame_equal(decide(**more), decide(**made), check_exact=True)


def test_a_frequency_that_is_said_needs_no_other_series_to_read_it_from() -> None:
    """Sold every other week, with the weeks without a sale left out."""
    made = dated({"A": [4.0] * 13}, {"A": date(2024, 1, 1)}, "2w", date(2024, 7, 1))
    assert decide(**made)["expected_demand_units"][0] == pytest.approx(12, abs=1)
    assert decide(**made, freq="W")["expected_demand_units"][0] == pytest.approx(6, abs=1)


def test_the_last_days_of_months_are_months() -> None:
    ends = pl.date_range(date(2023, 1, 1), date(2023, 12, 1), "1mo", eager=True).dt.month_end()
    made = frames({"A": [10.0] * 12})
    made["history"] = made["history"].with_columns(ds=ends)
    made["state"] = made["state"].with_columns(now=pl.lit(date(2024, 1, 31)))
    assert decide(**made)["expected_demand_units"][0] == pytest.approx(10, abs=0.5)


def test_periods_after_the_last_row_are_not_forgotten() -> None:
    """A history that leaves out periods without demand: an item that last sold 30 periods ago is not ordered as if it were yesterday."""
    made = frames({"A": [20.0] * 20})
    old = made | {"history": made["history"].with_columns(pl.col("ds") - 30)}
    assert decide(**old)["order_qty"][0] < 0.3 * decide(**made)["order_qty"][0]


# Where the answer is known --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("points", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("policy", POLICIES)
def test_few_points_of_history_are_enough(points: int, policy: str) -> None:
    order = one_order([10.0] * points, policy=policy, lead_time_periods=1)
    assert 8 <= order["order_qty"] <= 60
    assert order["reason"] == "ordered"


def test_an_empty_history_orders_nothing_and_says_why() -> None:
    made = frames({"A": [], "B": [5.0] * 6})
    order = decide(**made).row(0, named=True)
    assert (order["order_qty"], order["reason"]) == (0, "no history: no demand is expected")
    nobody = made | {"history": made["history"].clear()}
    assert decide(**nobody)["order_qty"].to_list() == [0, 0]


@pytest.mark.parametrize("policy", ["least_cost", "newsvendor"])
@pytest.mark.parametrize("shortage", [1.0, 4.0, 19.0])
def test_steady_demand_is_ordered_up_to_the_critical_quantile(policy: str, shortage: float) -> None:
    """The newsvendor's limit: a supplier known to deliver at once, so that every period stands by itself."""
    random = np.random.default_rng(5)
    at_once = [("A", at, at, 100.0) for at in range(20, 100)]
    found = [
        one_order(random.normal(100, 10, 120), policy=policy, shortage_cost=shortage, receipts=at_once)["order_qty"]
        for _ in range(6)
    ]
    wanted = norm.ppf(shortage / (shortage + 1), 100, 10)
    assert np.mean(found) == pytest.approx(wanted, abs=7)


def test_poisson_demand_is_ordered_up_to_the_critical_quantile() -> None:
    random = np.random.default_rng(6)
    found = [one_order(random.poisson(4, 120), policy="newsvendor", shortage_cost=9.0)["target_units"] for _ in range(8)]
    assert np.mean(found) == pytest.approx(poisson.ppf(0.9, 4), abs=1.2)


def test_the_quantile_is_that_of_the_summed_demand() -> None:
    """Over lead time 3 and review 1: 4 x 100 + 1.645 x 10 x 2, not 4 x 116.4."""
    random = np.random.default_rng(7)
    found = [
        one_order(random.normal(100, 10, 150), policy="base_stock", shortage_cost=19.0, lead_time_periods=3)["target_units"]
        for _ in range(6)
    ]
    assert np.mean(found) == pytest.approx(400 + 1.645 * 20, abs=20)


def test_a_service_level_takes_the_place_of_costs() -> None:
    random = np.random.default_rng(8)
    demand = random.normal(100, 10, 120)
    by_cost = one_order(demand, policy="quantile", shortage_cost=9.0)
    by_level = one_order(demand, policy="quantile", shortage_cost=1.0, service_level=0.9)
    assert by_level["target_units"] == by_cost["target_units"]
    assert by_level["target_units"] > one_order(demand, policy="quantile", service_level=0.5)["target_units"]


def test_just_in_time_orders_the_expected_need() -> None:
    order = one_order([10.0] * 30, policy="just_in_time", on_hand=4.0, lead_time_periods=2)
    assert order["target_units"] == pytest.approx(30, abs=0.5)
    assert order["order_qty"] == pytest.approx(26, abs=1)


def test_backorders_are_ordered_up_to_the_same_level_whatever_is_lost() -> None:
    """Where unmet demand waits, the position decides: 4 periods of 10, less 12 at hand and 8 on order."""
    made = {"open_orders": [("A", 99, 102, 8.0)], "on_hand": 12.0, "lead_time_periods": 3, "unmet": "backordered"}
    order = one_order([10.0] * 40, **made)
    assert order["target_units"] == one_order([10.0] * 40, policy="base_stock", **made)["target_units"]
    assert order["order_qty"] == pytest.approx(20, abs=6)


def test_stock_below_zero_is_owed_where_unmet_demand_waits() -> None:
    none = one_order([10.0] * 40, unmet="backordered")
    owed = one_order([10.0] * 40, unmet="backordered", on_hand=-7.0)
    assert owed["order_qty"] == none["order_qty"] + 7


def test_periods_cut_by_a_stock_out_are_not_taken_for_low_demand() -> None:
    random = np.random.default_rng(9)
    demand = random.poisson(20, 60).astype(float)
    made = frames({"A": demand})
    cut = np.arange(60) % 3 == 0
    hidden = made | {"history": made["history"].with_columns(y=pl.Series(np.where(cut, 0.0, demand)), in_stock=pl.Series(~cut))}
    unmarked = hidden | {"history": hidden["history"].drop("in_stock")}
    true = decide(**made, policy="just_in_time")["target_units"][0]
    assert decide(**hidden, policy="just_in_time")["target_units"][0] == pytest.approx(true, rel=0.1)
    assert decide(**unmarked, policy="just_in_time")["target_units"][0] < 0.8 * true


# Terms ----------------------------------------------------------------------------------------------------------------------


def test_an_order_cost_makes_economic_batches() -> None:
    # sqrt(2 x 50 x 10 / 1) = 31.6
    without = one_order([10.0] * 30)
    batch = one_order([10.0] * 30, order_cost=50.0)
    assert without["order_qty"] < 20
    assert 31 <= batch["order_qty"] <= 33


def test_an_order_that_does_not_pay_for_itself_waits() -> None:
    order = one_order([10.0] * 30, on_hand=9.0, order_cost=50.0)
    assert order["order_qty"] == 0
    assert order["reason"].startswith("an order would not pay for itself yet")


@pytest.mark.parametrize(
    ("terms", "quantity", "reason"),
    [
        ({"moq": 50}, 50, "ordered"),
        ({"pack": 24}, 24, "ordered"),
        ({"moq": 50, "pack": 24}, 72, "ordered"),
        ({"max_stock": 8}, 8, "cut to max stock"),
        ({"max_stock": 8, "pack": 5}, 5, "cut to max stock"),
        ({"max_stock": 8, "moq": 9}, 0, "minimum order above max stock: nothing ordered"),
        ({"max_stock": 0}, 0, "no room for an order under max stock: nothing ordered"),
    ],
)
def test_minimum_pack_and_max_stock(terms: dict[str, float], quantity: float, reason: str) -> None:
    order = one_order([10.0] * 30, **terms)
    assert (order["order_qty"], order["reason"]) == (quantity, reason)


def test_no_more_is_ordered_than_the_shelf_life_sells() -> None:
    # 4 periods of 10 are covered; what can be sold in 2 is 20
    free = one_order([10.0] * 30, lead_time_periods=0, review_periods=4)
    short = one_order([10.0] * 30, lead_time_periods=0, review_periods=4, shelf_life_periods=2)
    assert free["order_qty"] >= 30
    assert short["order_qty"] == pytest.approx(20, abs=1)
    assert short["reason"].startswith("cut to what the shelf life can sell")


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_the_terms_add_up_to_the_order_exactly(data: st.DataObject) -> None:
    amount = st.floats(0, 500, allow_nan=False)
    maybe = st.none() | amount
    ids = ["A", "B", "C"]
    made = frames(
        {i: data.draw(st.lists(amount, min_size=1, max_size=12)) for i in ids},
        on_hand={i: data.draw(st.floats(-20, 300)) for i in ids},
        open_orders=[("A", 97, 101, data.draw(amount)), ("B", 90, 92, data.draw(amount))],
        lead_time_periods={i: data.draw(st.integers(0, 4)) for i in ids},
        review_periods={i: data.draw(st.integers(1, 3)) for i in ids},
        holding_cost={i: data.draw(st.none() | st.floats(0.01, 5)) for i in ids},
        shortage_cost={i: data.draw(st.none() | st.floats(0.01, 50)) for i in ids},
        **{name: {i: data.draw(maybe) for i in ids} for name in ("order_cost", "moq", "pack", "max_stock")},
        unmet={i: data.draw(st.sampled_from(["lost", "backordered", None])) for i in ids},
        is_whole_units={i: data.draw(st.booleans()) for i in ids},
    )
    orders = decide(**made, policy=data.draw(st.sampled_from(POLICIES)))
    counted = orders.select("unique_id", "order_qty", terms=pl.sum_horizontal((pl.col(COLUMNS) * 10_000).round(0)))
    assert counted["terms"].to_list() == [round(10_000 * quantity) for quantity in orders["order_qty"]]
    assert orders["order_qty"].is_finite().all()
    assert (orders["order_qty"] >= 0).all()
    whole = made["params"].filter("is_whole_units")["unique_id"]
    assert orders.filter(pl.col("unique_id").is_in(whole))["order_qty"].map_elements(float.is_integer, pl.Boolean).all()
    rows = explain(orders).group_by("unique_id").agg(pl.col("units").sum())
    said = orders.join(rows, on="unique_id", how="left")
    assert said["units"].fill_null(0).to_list() == pytest.approx(said["order_qty"].to_list(), abs=1e-6)


# Demand that moves ----------------------------------------------------------------------------------------------------------


def played_cost(demand: np.ndarray, policy) -> float:
    """Holding 1 and lost margin 4 over the periods from the 20th on, lead time 1; `policy(past, on_hand, on_order)`."""
    on_hand, coming, cost = 40.0, 0.0, 0.0
    for t in range(20, len(demand)):
        order = policy(demand[:t], on_hand, coming)
        on_hand += coming
        coming = order
        cost += 4 * max(demand[t] - on_hand, 0) + max(on_hand - demand[t], 0)
        on_hand = max(on_hand - demand[t], 0)
    return cost


def by_decide(past: np.ndarray, on_hand: float, coming: float) -> float:
    orders = [("A", 99, 100, coming)] if coming else []
    return one_order(past, on_hand=on_hand, open_orders=orders, lead_time_periods=1)["order_qty"]


def by_mean_of_all(past: np.ndarray, on_hand: float, coming: float) -> float:
    """(R, S) with the mean and deviation of the whole past at the critical ratio 0.8."""
    return max(round(2 * past.mean() + 0.8416 * past.std() * np.sqrt(2) - on_hand - coming), 0)


@pytest.mark.parametrize(
    ("pattern", "most"),
    [
        ("shift", 0.8),
        ("trend", 0.9),
        ("season", 0.9),
        ("steady", 1.1),
    ],
)
def test_shifts_trends_and_seasons_are_followed(pattern: str, most: float) -> None:
    """Cost over 40 periods against a policy that takes the past as one; where nothing moves, nothing much is lost."""
    t = np.arange(60)
    mean = {
        "shift": np.where(t < 30, 30.0, 80.0),
        "trend": 20.0 + 2.0 * t,
        "season": 50 + 30 * np.sin(2 * np.pi * t / 8),
        "steady": np.full(60, 50.0),
    }[pattern]
    own = other = 0.0
    for seed in range(3):
        demand = np.random.default_rng(seed).poisson(mean).astype(float)
        own += played_cost(demand, by_decide)
        other += played_cost(demand, by_mean_of_all)
    assert own < most * other


# What comes out has the form of what went in ---------------------------------------------------------------------------------


def test_ids_keep_their_type_and_their_order() -> None:
    named = shop(series=12)
    number = {name: int(name[1:]) for name in named["state"]["unique_id"]}
    numbered = {
        key: frame.with_columns(pl.col("unique_id").replace_strict(number, return_dtype=pl.Int64)) for key, frame in named.items()
    }
    orders = decide(**numbered)
    assert orders["unique_id"].to_list() == sorted(number.values())
    wanted = dict(zip(decide(**named)["unique_id"], decide(**named)["order_qty"], strict=True))
    assert {f"S{i}": units for i, units in orders.select("unique_id", "order_qty").iter_rows()} == wanted


def test_what_is_sold_by_weight_is_ordered_by_weight() -> None:
    kilograms = [0.31, 0.27, 0.33, 0.29, 0.3, 0.35, 0.28]
    order = one_order(kilograms, holding_cost=1.0, shortage_cost=4.0)["order_qty"]
    assert 0.3 < order < 0.6
    assert one_order(kilograms, is_whole_units=True)["order_qty"] == 1
    assert one_order([3.0, 2.0, 4.0, 3.0])["order_qty"] % 1 == 0


def test_whole_units_are_the_nearest_to_what_smooth_demand_asks_for() -> None:
    # of a Poisson demand of 0.4 nine in ten periods ask for one at most; smooth demand says a little more than one
    rare = np.random.default_rng(0).poisson(0.4, 40).tolist()
    assert 1.02 < one_order(rare, is_whole_units=False, shortage_cost=9.0)["order_qty"] < 1.4
    assert one_order(rare, shortage_cost=9.0)["order_qty"] == 1
    for policy in POLICIES:
        made = shop()
        smooth = decide(**made, policy=policy)
        whole = decide(**made | {"params": made["params"].with_columns(is_whole_units=pl.lit(True))}, policy=policy)
        assert whole["order_qty"].to_list() == [np.floor(units + 0.5) for units in smooth["order_qty"]]


def test_an_economic_order_just_above_a_whole_number_is_that_number() -> None:
    # sqrt(2 x 10.2 x 5 / 0.7) is 12.07
    order = one_order([5] * 30, on_hand=3.0, order_cost=10.2, holding_cost=0.7, shortage_cost=60.0)
    assert order["order_qty"] == 12
