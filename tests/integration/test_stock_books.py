"""The books against a day-by-day count of the same movements, with cycle counts and recorded adjustments; and no count at all.

Belongs here: the ledger as a whole, on data in which much happens. Does not belong here: single rules, which are dbt unit tests.
"""

from __future__ import annotations

import shutil
from collections import defaultdict
from datetime import date, timedelta
from pathlib import Path

import duckdb

INVENTORY_MARTS = (
    "rpt_inventory_item_location",
    "rpt_inventory_item",
    "rpt_inventory_location",
    "rpt_inventory_vendor",
    "rpt_inventory_month",
)

Key = tuple[int, int]


def test_books_follow_every_movement_and_every_count(busy_warehouse: Path) -> None:
    with duckdb.connect(str(busy_warehouse), read_only=True) as warehouse:
        start, end = warehouse.sql("select stock_start_date, as_of_date from intermediate.int_as_of").fetchone()
        moved: dict[Key, dict[date, int]] = defaultdict(lambda: defaultdict(int))
        for query in (
            "select item_id, location_id, count_date, counted_units from main.file_counts where count_kind = 'opening'",
            "select item_id, location_id, receipt_date, received_units from intermediate.int_purchase_lines where receipt_date is not null",
            "select item_id, location_id, sale_date, -sold_units from staging.stg_sales",
            "select item_id, location_id, day, units from main.adjustments",
        ):
            for item, location, day, units in warehouse.sql(query).fetchall():
                moved[item, location][day] += units
        counted = {(*row[:3],): row[3] for row in warehouse.sql("from main.cycle_counts").fetchall()}
        listed = warehouse.sql(
            "select item_id, location_id, count_date, counted_units from main.file_counts where count_kind = 'closing'"
        ).fetchall()
        assert {row[2] for row in listed} == {end}, "the demo counts its stores on the last day"
        for item, location in moved:
            counted[item, location, end] = 0
        counted |= {(*row[:3],): row[3] for row in listed}

        differences, balances = {}, {}
        for item, location in {key[:2] for key in counted} | moved.keys():
            book = 0
            for day in (start + timedelta(days=n) for n in range((end - start).days + 1)):
                book += moved[item, location][day]
                if (item, location, day) in counted:
                    differences[item, location, day] = counted[item, location, day] - book
                    book = counted[item, location, day]
                balances[item, location, day] = book

        found = warehouse.sql(
            "select item_id, location_id, count_date, adjusted_units from intermediate.int_stock_adjustments"
        ).fetchall()
        assert {row[:3]: row[3] for row in found} == differences
        assert len({day for _, _, day in differences}) > 50
        ledger = warehouse.sql(
            """
            select item_id, location_id, cast(unnest(range(inventory_date, inventory_date + valid_days, interval 1 day)) as date), closing_units
            from intermediate.int_stock_ledger where closing_units is not null
            """
        ).fetchall()
        in_books = {row[:3]: row[3] for row in ledger}
        assert len(in_books) == len(ledger)
        assert {key: units for key, units in balances.items() if in_books.get(key, 0) != units} == {}


def test_recorded_and_unknown_losses_are_told_apart(busy_warehouse: Path) -> None:
    with duckdb.connect(str(busy_warehouse), read_only=True) as warehouse:
        recorded = warehouse.sql(
            """
            select sum(units) from main.adjustments
            where day between (select stock_start_date from intermediate.int_as_of) and (select as_of_date from intermediate.int_as_of)
            """
        ).fetchone()
        assert recorded != (0,)
        assert (
            warehouse.sql("select sum(recorded_adjustment_units) from intermediate.int_inventory_item_location").fetchone()
            == recorded
        )


def test_without_any_count_sales_are_counted_and_stock_is_unknown(tiny_source: Path, run_dbt, tmp_path: Path) -> None:
    folder, path = tmp_path / "raw", tmp_path / "stockroom.duckdb"
    shutil.copytree(tiny_source, folder, ignore=shutil.ignore_patterns("*Inv*12312016*", "stock_counts*"))
    assert [*folder.glob("*BegInv*"), *folder.glob("*EndInv*"), *folder.glob("stock_counts*")] == [], "no count is left"
    run_dbt(folder, path, "build", "--select", "+path:models/marts", "+path:models/features", checked=True)
    with duckdb.connect(str(path), read_only=True) as warehouse:
        sold, stocks = warehouse.sql(
            "select sum(sold_units), count(closing_units) + count(stock_out_days) from intermediate.int_inventory_item_location"
        ).fetchone()
        assert sold > 0
        assert stocks == 0
        assert warehouse.sql("select count(closing_units) from marts.fct_inventory_daily").fetchone() == (0,)
        assert {
            mart: warehouse.sql(f"select count(*) from marts.{mart}").fetchone() for mart in INVENTORY_MARTS
        } == dict.fromkeys(INVENTORY_MARTS, (0,))
        assert warehouse.sql("select sum(stock_out_days), sum(sold_units) > 0 from features.ftr_demand_weekly").fetchone() == (
            0,
            True,
        )
