"""Replay: the flow of stock by hand, and what must hold whatever the history."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from replay_panels import made_up_panel

from ml.replenishment.policies import fill_rate
from ml.replenishment.replay import MEASURES, differences, replay, simulate, summarised
from ml.replenishment.replay_panel import ReplayPanel
from ml.replenishment.replay_policies import POLICIES, Known, Levels
from ml.replenishment.replay_tables import what_if
from ml.replenishment.rolling import TrueDistribution, roll

WITHOUT_TRUTH = [name for name in POLICIES if name != "clairvoyant_distribution"]


def small(series: int = 60, history: int = 60, weeks: int = 20, seed: int = 5) -> ReplayPanel:
    return made_up_panel(series, history, weeks, seed)


def rolled(panel: ReplayPanel):
    return roll(panel.known, panel.start, panel.group, panel.first)


class _Fixed:
    """A policy for tests: order up to 10 at 4 or less."""

    def start(self, panel, rows, rolling):
        count = len(panel.start[rows])
        return lambda known: Levels(np.full(count, 4, dtype=np.float32), np.full(count, 10, dtype=np.float32))


@pytest.fixture
def by_hand(monkeypatch) -> ReplayPanel:
    """One item: 10 units at the start; 7 a week; an order takes 9 days, so it comes on the third morning of the next week."""
    monkeypatch.setitem(POLICIES, "fixed", _Fixed())
    demand = np.full((1, 4), 7, dtype=np.float32)
    panel = small(1, 60, 4)
    return panel.with_changes(
        demand=demand, demand_low=demand, demand_high=demand, opening_units=np.array([10], dtype=np.float32),
        lead_days=np.full((1, 4), 9, dtype=np.int32), review_weeks=np.ones(1, dtype=np.int32), holding=np.array([2.0]),
        shortage=np.array([5.0]), unit_cost=np.array([3.0]), order_cost=np.array([2.5]),
    )  # fmt: skip


def test_four_weeks_by_hand(by_hand: ReplayPanel) -> None:
    """Week 0: 10 > 4, no order; 10 - 7 = 3, mean 6.5. Week 1: 3 ≤ 4, order 7 for day 2 of week 2; 3 sell in 3 / 7 of the week, mean 1.5 × 3/7; 4 lost.
    Week 2: position 0 + 7 = 7 > 4; two days pass (2 lost), 7 come, 5 sell in five days: 2 left, mean (7 - 2.5) × 5/7. Week 3: 2 ≤ 4, order 8 for
    after the end; 2 sell, mean 1 × 2/7, 5 lost. Sold 7 + 3 + 5 + 2 = 17 of 28; one receipt, with a stock-out before it."""
    traced = simulate(by_hand, "fixed", rolled(by_hand), traced=True)["estimate"]
    assert traced.orders[0].tolist() == [0, 7, 0, 8]
    assert traced.received_units[0].tolist() == [0, 0, 7, 0]
    assert traced.closing_units[0].tolist() == pytest.approx([3, 0, 2, 0])
    assert traced.sold_by_week[0].tolist() == pytest.approx([7, 3, 5, 2])
    average = 6.5 + 1.5 * 3 / 7 + 4.5 * 5 / 7 + 1 * 2 / 7
    result = replay(by_hand, ["fixed"], variants=("estimate",)).row(0, named=True)
    assert result["holding_cost_usd"] == pytest.approx(2 * average)
    assert result["ordering_cost_usd"] == pytest.approx(5)
    assert result["lost_margin_usd"] == pytest.approx(5 * 11)
    assert (result["cycles"], result["short_cycles"], result["order_lines"]) == (1, 1, 2)
    assert result["cogs_usd"] == pytest.approx(3 * 17)
    assert result["inventory_usd_weeks"] == pytest.approx(3 * average)


def test_minimum_and_pack_shape_an_order_and_cause_none(by_hand: ReplayPanel) -> None:
    panel = by_hand.with_changes(moq=np.array([11.0]), pack=np.array([6.0]))
    traced = simulate(panel, "fixed", rolled(panel), traced=True)["estimate"]
    assert traced.orders[0].tolist() == [
        0,
        12,
        0,
        0,
    ]  # week 3: two days without, 12 came, 5 sold, 7 left: above the reorder level


def test_nothing_is_ordered_where_nothing_may_be_and_reviews_keep_their_turn(by_hand: ReplayPanel) -> None:
    shut = by_hand.with_changes(may_order=np.zeros((1, 4), dtype=bool))
    assert simulate(shut, "fixed", rolled(shut), traced=True)["estimate"].orders.sum() == 0
    panel = small(200, 60, 12).with_changes(review_weeks=np.full(200, 3, dtype=np.int32))
    orders = simulate(panel, "rs_textbook", rolled(panel), traced=True)["estimate"].orders > 0
    turn = (np.arange(12) + panel.keys["vendor_id"].to_numpy()[:, None]) % 3 == 0
    assert orders.any()
    assert not orders[~turn].any()


def test_open_orders_come_on_their_day_and_are_not_ordered_again(by_hand: ReplayPanel) -> None:
    arriving, day = np.zeros((2, 1, 4), dtype=np.float32)
    arriving[0, 1], day[0, 1] = 20, 3
    panel = by_hand.with_changes(arriving_units=arriving, arriving_day=day, opening_units=np.array([3], dtype=np.float32))
    traced = simulate(panel, "fixed", rolled(panel), traced=True)["estimate"]
    assert traced.orders[0].tolist() == [0, 0, 0, 0]  # 3 + 20 > 4; three days without in week 1, 4 sell, 16, 9, 2 are left
    assert traced.closing_units[0].tolist() == pytest.approx([0, 16, 9, 2])


def test_a_fill_rate_is_met_at_its_level_and_the_quantile_stands_in_where_none_is_asked_for() -> None:
    panel = small()
    asked = np.where(np.arange(panel.series) % 2, 0.9, np.nan)
    known = Known(panel.with_changes(fill_rate_level=asked), slice(None), rolled(panel), 0)
    levels, quantiles = (
        POLICIES[name].start(known.panel, known.rows, known.rolling)(known) for name in ("fill_rate", "quantile")
    )
    mean, batch = known.mean, np.maximum(levels.least, known.mean / known.horizon * known.review)
    met = fill_rate(levels.target, batch, mean, np.sqrt(known.variance(mean)))
    assert met[1::2] == pytest.approx(0.9, abs=1e-4)
    assert (levels.target[1::2] < quantiles.target[1::2]).all()
    np.testing.assert_array_equal(levels.target[::2], quantiles.target[::2])


@pytest.mark.parametrize("policy", WITHOUT_TRUTH)
def test_stock_balances_in_every_week(policy: str) -> None:
    panel = small()
    traced = simulate(panel, policy, rolled(panel), traced=True)["estimate"]
    opening = np.concatenate([panel.opening_units[:, None], traced.closing_units[:, :-1]], axis=1)
    assert opening + traced.received_units - traced.sold_by_week == pytest.approx(traced.closing_units, abs=1e-2)
    assert (traced.closing_units >= -1e-4).all()
    assert (traced.sold_by_week <= panel.demand + 1e-4).all()
    on_order = np.cumsum(traced.orders - traced.received_units, axis=1)
    assert (on_order >= -1e-3).all()
    assert (traced.orders == np.rint(traced.orders)).all()


@pytest.mark.parametrize("policy", WITHOUT_TRUTH)
def test_another_future_changes_no_order_before_it(policy: str) -> None:
    panel, cut = small(), 8
    known, demand = panel.known.copy(), panel.demand.copy()
    known[:, panel.first + cut :] = 999
    demand[:, cut:] = 999
    leads, mean = panel.lead_days.copy(), panel.lead_mean.copy()
    leads[:, cut:], mean[:, cut:] = 1, 1
    other = panel.with_changes(known=known, demand=demand, demand_low=demand, demand_high=demand, lead_days=leads, lead_mean=mean)
    before = simulate(panel, policy, rolled(panel), traced=True)["estimate"].orders
    after = simulate(other, policy, rolled(other), traced=True)["estimate"].orders
    assert before[:, : cut + 1].sum() > 0
    # the order of week `cut` itself knows weeks before it; lead times of that week are known at its start
    np.testing.assert_array_equal(before[:, :cut], after[:, :cut])
    assert (before[:, cut + 1 :] != after[:, cut + 1 :]).any()


def test_forecasts_of_a_week_know_nothing_of_it_or_after() -> None:
    panel = small(300, 70, 30)
    for cut in (0, 11):
        changed = panel.known.copy()
        changed[:, panel.first + cut :] = np.random.default_rng(1).poisson(50, changed[:, panel.first + cut :].shape)
        one, other = rolled(panel), roll(changed, panel.start, panel.group, panel.first)
        for name in ("level", "error_variance", "estimate_share"):
            np.testing.assert_array_equal(getattr(one, name)[:, : cut + 1], getattr(other, name)[:, : cut + 1])
        np.testing.assert_array_equal(one.season[:, : cut + 1], other.season[:, : cut + 1])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 19), st.floats(0.5, 60), st.sampled_from(["rs_textbook", "rss_textbook", "least_cost", "eoq_textbook"]))
def test_more_demand_never_means_less_sold_and_lost(week: int, extra: float, policy: str) -> None:
    panel = small(20)
    rolling = rolled(panel)  # decisions know the same past: only what customers want differs
    more = panel.demand.copy()
    more[:, week] += extra
    richer = panel.with_changes(demand=more)
    few, many = (simulate(p, policy, rolling)["estimate"] for p in (panel, richer))
    lost_few, lost_many = few.demand_units - few.sold_units, many.demand_units - many.sold_units
    assert many.sold_units + lost_many - few.sold_units - lost_few == pytest.approx(extra, abs=1e-2)
    assert (lost_many >= -1e-3).all()


def test_who_knows_the_distribution_pays_least() -> None:
    panel = small(1_500, 60, 52, seed=9)
    rate = np.random.default_rng(9).lognormal(0.3, 1.2, 1_500)  # as made_up_panel draws it first
    weeks = np.arange(53)
    truth = TrueDistribution(rate[:, None] * weeks, (rate + rate**2 / 1.5)[:, None] * weeks)
    costs = dict(
        replay(panel, ["clairvoyant_distribution", *WITHOUT_TRUTH], truth=truth, variants=("estimate",))
        .group_by("policy")
        .agg(pl.col("total_cost_usd").sum())
        .iter_rows()
    )
    assert min(costs, key=costs.get) == "clairvoyant_distribution"
    assert costs["least_cost"] < 1.25 * costs["clairvoyant_distribution"]
    assert costs["least_cost"] < 0.85 * costs["rs_textbook"]


def test_series_do_not_depend_on_who_else_is_replayed() -> None:
    panel = small(5_000, 20, 6)  # more than one chunk, no season yet
    some = panel.rows(np.array([3, 4_500]))
    rolling = rolled(panel)
    alone = type(rolling)(rolling.level[[3, 4_500]], rolling.error_variance[[3, 4_500]], rolling.estimate_share[[3, 4_500]], rolling.season,
                          rolling.group[[3, 4_500]])  # fmt: skip
    whole = replay(panel, ["least_cost"], rolling=rolling).filter(pl.struct("item_id", "location_id").is_in(
        some.keys.select(pl.struct("item_id", "location_id")).to_series().implode()))  # fmt: skip
    assert replay(some, ["least_cost"], rolling=alone).equals(whole)


def test_what_was_done_is_counted_not_simulated() -> None:
    panel = small(2, 60, 3)
    ones = np.ones((2, 3), dtype=np.float32)
    demand = np.array([[2, 2, 2], [0, 0, 0]], dtype=np.float32)
    done = type(panel.actual)(4 * ones, np.array([[1, 1, 1], [0, 0, 0]], dtype=np.float32), ones, ones, 0 * ones)
    panel = panel.with_changes(demand=demand, demand_low=demand / 2, demand_high=2 * demand, actual=done, holding=np.array([0.5, 0.5]),
                               shortage=np.array([3.0, 3.0]), unit_cost=np.array([10.0, 10.0]))  # fmt: skip
    first = replay(panel, ["actual"]).filter((pl.col("item_id") == 0) & (pl.col("location_id") == 0)).rows(named=True)
    # 3 weeks of 4 units at 0.50; three lines at 2.50; 6 asked for and 3 sold; at the low end 3 of 3, at the high end 3 of 12
    assert [row["holding_cost_usd"] for row in first] == [6, 6, 6]
    assert [row["ordering_cost_usd"] for row in first] == [7.5, 7.5, 7.5]
    assert [row["lost_margin_usd"] for row in first] == [9, 0, 27]


def test_ratios_are_of_sums_and_null_without_denominator() -> None:
    rows = []
    for variant in ("estimate", "low", "high"):
        for cls, demand, sold in (("A", 10.0, 10.0), ("A", 30.0, 0.0), ("Z", 0.0, 0.0)):
            rows.append({"item_id": 1, "location_id": len(rows), "vendor_id": 7, "abc_class": cls, "policy": "p", "variant": variant,
                         **dict.fromkeys(MEASURES, 0.0), "demand_units": demand, "sold_units": sold, "cogs_usd": sold * 2, "inventory_usd_weeks": 26.0})  # fmt: skip
    found = {row["abc_class"]: row for row in summarised(pl.DataFrame(rows), ["abc_class"], 52).iter_rows(named=True)}
    assert found["A"]["fill_rate"] == 0.25  # 10 of 40, not the mean of 1 and 0
    assert found["A"]["average_inventory_usd"] == 1
    assert found["A"]["turns"] == pytest.approx(20 / 52 * 365 / 7)
    assert found["Z"]["fill_rate"] is None
    assert found["A"]["cycle_service"] is None


def test_differences_are_paired_and_seeded() -> None:
    rng = np.random.default_rng(1)
    base = rng.lognormal(5, 1, 400)
    keys = {
        "item_id": np.repeat(np.arange(100), 4),
        "location_id": np.tile(np.arange(4), 100),
        "abc_class": ["A"] * 400,
        "variant": ["estimate"] * 400,
    }
    frame = pl.concat(
        [
            pl.DataFrame({**keys, "policy": ["base"] * 400, "total_cost_usd": base}),
            pl.DataFrame({**keys, "policy": ["cheaper"] * 400, "total_cost_usd": 0.8 * base + rng.normal(0, 1, 400)}),
        ]
    )
    found = differences(frame, "base", seed=3)
    assert found["segment"].to_list() == ["all", "A"]
    row = found.row(0, named=True)
    assert row["difference_share"] == pytest.approx(-0.2, abs=0.01)
    assert row["low_usd"] < row["difference_usd"] < row["high_usd"] < 0
    assert row["high_share"] - row["low_share"] < 0.02  # pairing takes the items' own size out
    assert found.equals(differences(frame, "base", seed=3))
    with pytest.raises(ValueError, match="was not replayed"):
        differences(frame, "nothing")


def test_what_cannot_be_replayed_says_so() -> None:
    panel = small(5)
    with pytest.raises(ValueError, match="no policy eoq; there are quantile"):
        replay(panel, ["eoq"])
    with pytest.raises(ValueError, match="generated data only"):
        replay(panel, ["clairvoyant_distribution"])
    with pytest.raises(ValueError, match="no parameter weather"):
        what_if(panel, date(2016, 5, 21), "weather")
    with pytest.raises(ValueError, match="between 0 and 1: 95"):
        what_if(panel, date(2016, 5, 21), "service_level", [95])


def test_more_service_costs_more_stock_and_loses_less() -> None:
    panel = small(400, 60, 26)
    curve = what_if(panel, date(2016, 7, 2), "service_level", [0.98, 0.7, 0.9])
    assert curve["value"].to_list() == [0.7, 0.9, 0.98]
    assert curve["holding_cost_usd"].is_sorted()
    assert curve["fill_rate"].is_sorted()
    assert curve["lost_margin_usd"].is_sorted(descending=True)
    for parameter, values in (("lead_time", [0.5, 2]), ("moq", [1, 200]), ("holding_rate", [1, 3])):
        costs = what_if(panel, date(2016, 7, 2), parameter, values)["total_cost_usd"]
        assert costs[0] < costs[1], parameter
