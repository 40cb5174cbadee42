"""From tables to arrays, by hand."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from ml.contracts import DEMAND_WEEKLY, ITEM_LOCATIONS, ORDER_TERMS, PURCHASE_LINES, STOCK_WEEKLY
from ml.replenishment.replay_panel import ReplayFeatures, build_panel
from ml.replenishment.replay_tables import replay_tables

AS_OF = date(2016, 12, 31)
WEEKS = 30


def start_of(week: int) -> date:
    """First day of week `week`, 0 being the first of the history."""
    return AS_OF - timedelta(days=7 * (WEEKS - week) - 1)


def frame(contract, rows: list[dict]) -> pl.DataFrame:
    return contract.conform(pl.DataFrame(rows, schema=contract.schema) if rows else contract.empty())


def features(lines: list[dict] = (), stock: list[dict] = (), **location) -> ReplayFeatures:
    """One item in one store: 3 units a week, 4 wanted (3.5 to 6) in week 25, when the shelf was empty for two days."""
    demand = [
        {"item_id": 1, "location_id": 2, "week_start_date": start_of(w), "sold_units": 3.0, "stock_out_days": 2 * (w == 25), "demand_units": 3.0 + (w == 25),
         "demand_low_units": 3.0 + 0.5 * (w == 25), "demand_high_units": 3.0 + 3 * (w == 25), "price_usd": 9.0, "is_carried": True}
        for w in range(WEEKS)
    ]  # fmt: skip
    held = {
        "item_id": 1, "location_id": 2, "vendor_id": 7, "abc_class": "A", "demand_pattern": "smooth", "review_period_days": 14,
        "product_category": "Wine", "store_location": None, "first_week_start_date": None, "holding_cost_usd": 0.05,
        "shortage_cost_usd": 3.0, "unit_cost_usd": 6.0, "cycle_service_level": 0.95, "is_carried": True,
    } | location  # fmt: skip
    terms = [{"item_id": 1, "location_id": 2, "moq_units": 12.0, "pack_units": 6.0, "order_cost_usd": 2.5}]
    pairs = (
        (DEMAND_WEEKLY, demand),
        (ITEM_LOCATIONS, [held]),
        (ORDER_TERMS, terms),
        (PURCHASE_LINES, list(lines)),
        (STOCK_WEEKLY, list(stock)),
    )
    return ReplayFeatures(*(frame(contract, rows) for contract, rows in pairs))


def line(number: int, ordered: date, received: date | None, units: float = 10, item: int = 1, vendor: int = 7) -> dict:
    return {"purchase_order_id": number, "item_id": item, "location_id": 2, "vendor_id": vendor, "order_date": ordered, "receipt_date": received,
            "ordered_units": units}  # fmt: skip


def days(count: int) -> timedelta:
    return timedelta(days=count)


def test_the_last_weeks_are_replayed_and_the_rest_is_history() -> None:
    panel = build_panel(features(), AS_OF, 10)
    assert (panel.first, panel.weeks, panel.series) == (20, 10, 1)
    assert panel.first_week == start_of(20)
    assert panel.demand[0].tolist() == [3, 3, 3, 3, 3, 4, 3, 3, 3, 3]
    assert panel.demand_low[0, 5] == 3.5
    assert panel.demand_high[0, 5] == 6
    assert panel.known.shape == (1, 30)
    assert (panel.review_weeks[0], panel.moq[0], panel.pack[0], panel.order_cost[0]) == (2, 12, 6, 2.5)


def test_eight_weeks_are_left_to_learn_from() -> None:
    panel = build_panel(features(), AS_OF, 52)
    assert (panel.first, panel.weeks) == (8, 22)


def test_open_orders_arrive_when_they_did() -> None:
    """On order at the start of week 20: two lines that come in week 21, on its days 1 and 4 (10 and 20 units: mean day 3). What came
    before, was ordered after, or is still open, does not."""
    start = start_of(20)
    lines = [
        line(1, start - days(9), start + days(8), 10), line(2, start - days(3), start + days(11), 20),
        line(3, start - days(20), start - days(1)), line(4, start + days(1), start + days(8)), line(5, start - days(30), None),
    ]  # fmt: skip
    panel = build_panel(features(lines), AS_OF, 10)
    assert panel.arriving_units[0].tolist() == [0, 30, 0, 0, 0, 0, 0, 0, 0, 0]
    assert panel.arriving_day[0, 1] == 3


def test_an_order_takes_what_the_vendors_orders_of_that_week_took() -> None:
    """Orders of weeks 10 and before took 5 days, those of weeks 20 to 23 took 9, of 24 on 16. What came by the start of week 20 says 5."""
    lines = [line(100 * w + k, start_of(w), start_of(w) + days(9 if 20 <= w < 24 else 16 if w >= 24 else 5)) for w in (*range(11), *range(20, 28))
             for k in range(6)]  # fmt: skip
    panel = build_panel(features(lines), AS_OF, 10)
    # the last weeks' orders would be known only if they came fast: the youngest week all of whose orders came by now stands for them
    assert panel.lead_days[0].tolist() == [9, 9, 9, 9, 16, 16, 16, 16, 16, 16]
    assert panel.lead_mean[0, :2].tolist() == [5, 5]
    assert panel.lead_deviation[0, 0] == 0
    # by the start of week 22 the six lines of week 20 are in, beside 66 that took 5 days: (66·5 + 6·9) / 72
    assert panel.lead_mean[0, 2] == pytest.approx((66 * 5 + 6 * 9) / 72)


def test_few_lines_borrow_from_all_vendors_and_none_from_the_default() -> None:
    lines = [line(k, start_of(3), start_of(3) + days(4), vendor=8, item=9) for k in range(5)]
    panel = build_panel(features([*lines, line(9, start_of(3), start_of(3) + days(30))]), AS_OF, 10)
    assert panel.lead_mean[0, 0] == pytest.approx((5 * 4 + 30) / 6)
    assert build_panel(features(), AS_OF, 10).lead_days[0].tolist() == [14] * 10
    assert build_panel(features(), AS_OF, 10).lead_mean[0, 0] == 14


def test_what_was_done_counts_orders_once_and_receipts_as_cycles() -> None:
    """An order in week 21 comes in two pieces, in weeks 22 and 26: one line, two receipts; the shelf was empty in week 25, before the second."""
    lines = [line(1, start_of(21), start_of(22), 4), line(1, start_of(21), start_of(26), 6)]
    stock = [
        {"item_id": 1, "location_id": 2, "week_start_date": start_of(w), "average_units": w / 2, "closing_units": float(w)}
        for w in range(WEEKS)
    ]
    panel = build_panel(features(lines, stock), AS_OF, 10)
    assert panel.opening_units[0] == 19
    assert panel.actual.average_units[0, :2].tolist() == [10, 10.5]
    assert panel.actual.order_lines[0].tolist() == [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    assert panel.actual.cycles[0].tolist() == [0, 0, 1, 0, 0, 0, 1, 0, 0, 0]
    assert panel.actual.short_cycles[0].tolist() == [0, 0, 0, 0, 0, 0, 1, 0, 0, 0]


def test_where_stock_was_never_counted_the_textbook_is_the_baseline() -> None:
    panel = build_panel(features(), AS_OF, 10)
    assert panel.actual is None
    rows, compared = replay_tables(panel, AS_OF)
    assert "actual" not in rows["policy"].to_list()
    assert set(compared["baseline"]) == {"rs_textbook"}
    with pytest.raises(ValueError, match="nothing is known of what was really done"):
        replay_tables(panel, AS_OF, baseline="actual")


@pytest.mark.parametrize("missing", ["unit_cost_usd", "holding_cost_usd", "shortage_cost_usd"])
def test_without_a_cost_there_is_nothing_to_replay(missing: str) -> None:
    with pytest.raises(ValueError, match="no item with known cost and price"):
        build_panel(features(**{missing: None}), AS_OF, 10)


def test_without_enough_history_there_is_nothing_to_replay() -> None:
    few = features()
    short = few.demand_weekly.filter(pl.col("week_start_date") >= start_of(22))
    with pytest.raises(ValueError, match="8 weeks of history, and 8 are needed"):
        build_panel(ReplayFeatures(short, few.item_locations, few.order_terms, few.purchase_lines, few.stock_weekly), AS_OF, 10)


def test_rows_takes_every_array_along() -> None:
    panel = build_panel(
        features(
            stock=[{"item_id": 1, "location_id": 2, "week_start_date": start_of(1), "average_units": 1.0, "closing_units": 1.0}]
        ),
        AS_OF,
        10,
    )
    twice = panel.rows(np.array([0, 0]))
    assert twice.series == twice.keys.height == len(twice.actual.sold_units) == len(twice.lead_days) == 2
