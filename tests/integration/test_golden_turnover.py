"""Turnover and sales trends: on data/golden by hand, on the tiny demo data against a count of every day and every single unit.

Item 101 costs 10.00 and sells at 15.00. Store 1 opens with 100, sells two every day, receives 60 on 25 January and 60 on 24 February,
and counts 2 less than the books on 10 March; store 2 opens with 40, sells one every day, receives 20 and 20 on the same days.
"""

from __future__ import annotations

from collections import Counter, deque
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from dagster_project.settings import PROJECT_ROOT

GOLDEN = PROJECT_ROOT / "data" / "golden"
JANUARY, FEBRUARY, MARCH = (date(2016, month, 1) for month in (1, 2, 3))


def _build(run_dbt, folder: Path, as_of: date) -> Path:
    path = folder / "stockroom.duckdb"
    run_dbt(GOLDEN, path, "build", "--select", "+rpt_turnover", "+rpt_sales_trends", as_of=as_of)
    return path


@pytest.fixture(scope="module")
def golden(run_dbt, tmp_path_factory: pytest.TempPathFactory):
    path = _build(run_dbt, tmp_path_factory.mktemp("golden_turnover"), date(2016, 3, 10))
    with duckdb.connect(str(path), read_only=True) as connection:
        yield connection


@pytest.fixture(scope="module")
def tiny(built_warehouse: Path):
    with duckdb.connect(str(built_warehouse), read_only=True) as connection:
        yield connection


def _row(warehouse: duckdb.DuckDBPyConnection, table: str, period_type: str, start: date, level: str, key: str) -> dict:
    frame = warehouse.execute(
        f"from marts.{table} where period_type = ? and period_start_date = ? and level = ? and level_key = ?",
        [period_type, start, level, key],
    ).pl()
    assert frame.height == 1, f"{table} {period_type} {start} {level} {key}: {frame.height} rows"
    return frame.row(0, named=True)


def test_a_whole_month_of_an_item_over_both_stores(golden):
    kpi = _row(golden, "rpt_turnover", "month", JANUARY, "item", "101")
    assert (kpi["period_end_date"], kpi["period_days"], kpi["is_complete"]) == (date(2016, 1, 31), 31, True)
    assert (kpi["item_id"], kpi["location_id"], kpi["vendor_id"]) == (101, None, None)
    # 31 x 3 sold, 60 + 20 received; of those 80, by 10 March: store 1 sold 140, 100 of which were there before; store 2 sold 70,
    # 40 of which were there before, then all 20 of January
    assert (kpi["sold_units"], kpi["received_units"], kpi["cohort_sold_units"]) == (93, 80, 40 + 20)
    assert kpi["period_sell_through"] == pytest.approx(93 / 80)
    assert kpi["cohort_sell_through"] == 0.75
    assert (kpi["revenue_usd"], kpi["revenue_at_known_cost_usd"]) == (Decimal("1395.00"), Decimal("1395.00"))
    assert (kpi["cogs_usd"], kpi["gross_margin_usd"]) == (Decimal("930.00"), Decimal("465.00"))
    # 100 x 31 + 60 x 7 - 2 x (31 x 32 / 2), and 40 x 31 + 20 x 7 - 31 x 32 / 2
    unit_days = (3100 + 420 - 992) + (1240 + 140 - 496)
    assert unit_days == 3412
    assert kpi["average_inventory_units"] == pytest.approx(unit_days / 31)
    assert kpi["average_inventory_usd"] == Decimal("1100.65")
    assert (kpi["average_below_zero_units"], kpi["average_below_zero_usd"]) == (0.0, Decimal("0.00"))
    # 930 / (34,120 / 31) x 365 / 31
    assert kpi["inventory_turnover"] == pytest.approx(930 * 365 / 34120)
    assert kpi["days_inventory_outstanding"] == pytest.approx(34120 / 930)
    assert kpi["gross_margin_return_on_inventory"] == pytest.approx(465 * 365 / 34120)
    assert kpi["holding_cost_usd"] == Decimal("23.37")  # 0.25 x 34,120 / 365
    # 100 + 60 - 62 and 40 + 20 - 31
    assert (kpi["on_hand_units"], kpi["on_hand_usd"]) == (98 + 29, Decimal("1270.00"))


def test_a_month_cut_by_the_as_of_day_says_how_many_days_it_has(golden):
    kpi = _row(golden, "rpt_turnover", "month", MARCH, "item", "101")
    assert (kpi["period_end_date"], kpi["period_days"], kpi["is_complete"]) == (date(2016, 3, 31), 10, False)
    # store 1: 100 x 10 - 2 x 55 - 2 x 1 counted less; store 2: 20 x 10 - 55
    assert kpi["average_inventory_units"] == pytest.approx((888 + 145) / 10)
    assert kpi["inventory_turnover"] == pytest.approx(300 * 365 / 10330)
    assert kpi["on_hand_units"] == 78 + 10
    assert (kpi["received_units"], kpi["period_sell_through"], kpi["cohort_sell_through"]) == (0, None, None)


def test_longer_periods_are_made_of_the_same_days(golden):
    """3,412 unit-days in January, 98 x 29 + 60 x 6 - 870 and 29 x 29 + 20 x 6 - 435 in February, 1,033 in March."""
    january, february, march = 3412, 2332 + 526, 1033
    periods = {
        ("quarter", JANUARY): (70, 210, january + february + march),
        ("year", JANUARY): (70, 210, january + february + march),
        ("rolling_12_months", date(2015, 2, 1)): (31, 93, january),
        ("rolling_12_months", date(2015, 3, 1)): (60, 180, january + february),
        ("rolling_12_months", date(2015, 4, 1)): (70, 210, january + february + march),
    }
    for (period_type, start), (days, sold, unit_days) in periods.items():
        kpi = _row(golden, "rpt_turnover", period_type, start, "item", "101")
        assert (kpi["period_days"], kpi["is_complete"], kpi["sold_units"]) == (days, False, sold)
        assert kpi["average_inventory_units"] == pytest.approx(unit_days / days)
        assert kpi["days_inventory_outstanding"] == pytest.approx(unit_days / sold)
    # of February's 80: store 1 is still selling January's, store 2 has sold 10
    assert _row(golden, "rpt_turnover", "month", FEBRUARY, "item", "101")["cohort_sold_units"] == 10
    assert _row(golden, "rpt_turnover", "quarter", JANUARY, "item", "101")["cohort_sell_through"] == pytest.approx(70 / 160)


def test_levels_recompute_their_ratios(golden):
    """Item 102 (cost 4): 20 on hand, one sold on odd days, 30 came on 25 January: 620 + 210 - 256 unit-days. Item 103 (cost 20): 18 sold
    one a day from 18 on hand, 17 + 16 + ... + 0 = 153 unit-days."""
    usd_days = {"101": 34120, "102": 574 * 4, "103": 153 * 20}
    cogs = {"101": 930, "102": 16 * 4, "103": 18 * 20}
    for level, key, items in (
        ("chain", "all", ("101", "102", "103")),
        ("category", "Unknown", ("101", "102", "103")),
        ("brand", "Unknown", ("101", "102", "103")),
        ("vendor", "10", ("101", "102")),
        ("vendor", "20", ("103",)),
    ):
        kpi = _row(golden, "rpt_turnover", "month", JANUARY, level, key)
        assert kpi["inventory_turnover"] == pytest.approx(sum(cogs[i] for i in items) * 365 / sum(usd_days[i] for i in items))
    # store 1 has all of 102 and 103, and of 101 62 sold and 2,528 unit-days
    for level, key in (("store", "1"), ("city", "ALDERTON")):
        kpi = _row(golden, "rpt_turnover", "month", JANUARY, level, key)
        assert kpi["inventory_turnover"] == pytest.approx((620 + 64 + 360) * 365 / (25280 + 2296 + 3060))


def test_a_past_leap_day_is_built_with_what_was_known_then(run_dbt, tmp_path: Path):
    """On 29 February store 1 has sold 120, 20 of January's 60; store 2 has sold 60, all of January's 20."""
    with duckdb.connect(str(_build(run_dbt, tmp_path, date(2016, 2, 29))), read_only=True) as warehouse:
        kpi = _row(warehouse, "rpt_turnover", "month", FEBRUARY, "item", "101")
        assert (kpi["period_days"], kpi["is_complete"], kpi["on_hand_units"]) == (29, True, 120)
        assert kpi["inventory_turnover"] == pytest.approx(870 * 365 / 28580)
        assert _row(warehouse, "rpt_turnover", "month", JANUARY, "item", "101")["cohort_sold_units"] == 20 + 20
        assert warehouse.sql("select max(period_end_date) from marts.rpt_turnover where period_type = 'month'").fetchone() == (
            date(2016, 2, 29),
        )


def test_sales_of_a_month_and_its_prices(golden):
    item = _row(golden, "rpt_sales_trends", "month", FEBRUARY, "item", "101")
    assert (item["sold_units"], item["revenue_usd"]) == (87, Decimal("1305.00"))
    assert item["average_selling_price_usd"] == Decimal("15.0000")
    # January had two days more; nobody knows of February 2015
    assert item["sold_units_change_from_previous"] == pytest.approx(87 / 93 - 1)
    assert item["sold_units_change_from_year_ago"] is None
    # ten days of March against all of February would be a fall that is none
    assert _row(golden, "rpt_sales_trends", "month", MARCH, "item", "101")["sold_units_change_from_previous"] is None
    bands = {
        key: _row(golden, "rpt_sales_trends", "month", JANUARY, "price_band", key) for key in ("under 10", "10 to 20", "20 to 50")
    }
    # 16 at 6.00, 93 at 15.00, 18 at 30.00
    assert {key: (band["sold_units"], band["revenue_usd"]) for key, band in bands.items()} == {
        "under 10": (16, Decimal("96.00")), "10 to 20": (93, Decimal("1395.00")), "20 to 50": (18, Decimal("540.00")),
    }  # fmt: skip
    assert bands["10 to 20"]["share_of_chain_revenue"] == pytest.approx(1395 / 2031)
    # 1 to 3 January, a Friday to a Sunday: 3 x 3 of item 101, 2 of 102, 3 of 103
    week = _row(golden, "rpt_sales_trends", "iso_week", date(2015, 12, 28), "chain", "all")
    assert (week["period_days"], week["is_complete"]) == (3, False)
    assert (week["sold_units"], week["revenue_usd"]) == (14, Decimal("237.00"))


def test_average_inventory_agrees_with_a_count_of_every_day(tiny):
    """The marts never build a row per day; this does, from the ledger's days."""
    differing = tiny.sql(
        """
        with days as (
            select item_id, location_id, inventory_date + cast(unnest(range(valid_days)) as integer) as day, closing_units
            from intermediate.int_stock_ledger
            where closing_units is not null
        ),
        counted as (
            select 'item' as level, cast(item_id as varchar) as level_key, date_trunc('month', day) as month, greatest(closing_units, 0) as units
            from days
            union all
            select 'store', cast(location_id as varchar), date_trunc('month', day), greatest(closing_units, 0)
            from days
        )
        select level, level_key, month, sum(units) as unit_days, any_value(average_inventory_units * period_days) as mart_unit_days
        from counted
        full join marts.rpt_turnover as turnover using (level, level_key)
        where month = period_start_date and period_type = 'month'
        group by all
        """
    )
    assert differing.filter("abs(unit_days - mart_unit_days) > 1e-6").fetchall() == []
    rows = "select count(*) from marts.rpt_turnover where period_type = 'month' and level in ('item', 'store')"
    assert differing.aggregate("count(*)").fetchone() == tiny.sql(rows).fetchone()


def test_cohorts_agree_with_a_queue_of_single_units(tiny):
    """First in, first out, one unit at a time: what was sold of each month's receipts. Differences count at the month's end."""
    months = tiny.sql(
        """
        select
            item_id, location_id, cast(date_trunc('month', inventory_date) as date) as month, sum(opening_count_units)::int,
            sum(received_units)::int, sum(sold_units)::int, sum(recorded_adjustment_units + adjusted_units)::int
        from intermediate.int_stock_ledger
        group by all
        order by all
        """
    ).fetchall()
    queues: dict[tuple[int, int], deque] = {}
    received, sold = Counter(), Counter()
    for item_id, location_id, month, opening_units, received_units, sold_units, difference_units in months:
        queue = queues.setdefault((item_id, location_id), deque())
        queue.extend([None] * opening_units + [month] * received_units + [None] * max(difference_units, 0))
        received[item_id, location_id, month] += received_units
        for _ in range(sold_units):
            sold[item_id, location_id, queue.popleft()] += 1
        for _ in range(-difference_units):
            queue.popleft()
    expected = {key: (units, sold[key]) for key, units in received.items() if units > 0}
    cohorts = tiny.sql("from intermediate.int_receipt_cohorts").fetchall()
    assert {(item, store, month): (units, sold_units) for item, store, month, units, sold_units in cohorts} == expected
    assert len(expected) > 50
