"""The whole job on the real retailer's files, as they are, against what is known of them.

The files are not part of the project: STOCKROOM_REAL_DATA names the folder that holds `bibitor/`; without it these tests are
skipped. Price list and invoices are complete; sales, purchases and the closing count are excerpts; there is no opening count.
"""

from __future__ import annotations

import csv
import os
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from rich.console import Console

from dagster_project.runner import run_daily_replenishment
from dagster_project.settings import Settings
from dagster_project.summary import run_summary

REAL_DATA = os.environ.get("STOCKROOM_REAL_DATA")  # read before the tests' own environment hides it

pytestmark = pytest.mark.skipif(
    not (REAL_DATA and (Path(REAL_DATA) / "bibitor").is_dir()),
    reason="STOCKROOM_REAL_DATA does not name a folder with bibitor/",
)


@pytest.fixture(scope="module")
def source() -> Path:
    return Path(REAL_DATA) / "bibitor"


@pytest.fixture(scope="module")
def settings(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = tmp_path_factory.mktemp("real")
    settings = Settings(source_dir=source, warehouse=home / "stockroom.duckdb", dagster_home=home / "dagster")
    run_daily_replenishment(settings)
    return settings


@pytest.fixture(scope="module")
def warehouse(settings: Settings):
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        yield connection


def test_every_line_is_accounted_for(warehouse):
    lines = {
        row[0]: row[1:]
        for row in warehouse.sql(
            "select file_kind, lines_read, lines_blank, lines_rejected, lines_staged from staging.ingest_summary where adapter = 'retailer'"
        ).fetchall()
    }
    # read, blank, rejected, staged
    assert lines == {
        "purchase_prices": (12_261, 0, 0, 12_261),
        "invoices": (5_543, 0, 0, 5_543),
        "sales": (2_157, 0, 0, 2_157),
        # the excerpt ends in lines that lost everything but price, quantity, dollars and class
        "purchases": (1_013 + 1_098, 0, 1_098, 1_013),
        "closing_inventory": (2_782 + 221_707, 221_707, 0, 2_782),
        "opening_inventory": (0, 0, 0, 0),
    }
    rejects = warehouse.sql(
        "select column_name, reason, min(line_number), max(line_number), count(*) from staging.rejects group by all"
    )
    assert rejects.fetchall() == [("Store", "is missing", 1_015, 2_112, 1_098)]


def test_sales_are_read_month_first_and_purchases_day_first(warehouse, source):
    """Day-first sales would spread over the year, month-first purchases over months that never were."""
    assert warehouse.sql("select min(sale_date), max(sale_date), sum(sold_units), sum(revenue_usd) from staging.stg_sales").fetchone() == (
        date(2016, 1, 1), date(2016, 1, 31), 4_633, Decimal("66694.81"),
    )  # fmt: skip
    with next(source.glob("*SalesFINAL*.csv")).open(newline="") as file:
        spellings = {row["SalesDate"].replace("-", "/").split("/")[0].lstrip("0") for row in csv.DictReader(file)}
    assert spellings == {"1"}, "all of the excerpt is January, written first"
    assert warehouse.sql(
        "select min(order_date), max(order_date), min(receipt_date), max(receipt_date), count(distinct location_id) from staging.stg_purchase_lines"
    ).fetchone() == (date(2015, 12, 20), date(2015, 12, 25), date(2016, 1, 1), date(2016, 1, 3), 36)


def test_invoices_have_the_known_totals_and_delays(warehouse):
    units, dollars, in_2017, approved = warehouse.sql(
        """
        select sum(invoiced_units), sum(invoiced_usd), count(*) filter (where year(invoice_date) = 2017),
            count(*) filter (where approved_by <> 'None')
        from staging.stg_invoices
        """
    ).fetchone()
    assert (units, dollars) == (33_584_377, Decimal("321900765.53"))
    assert (in_2017, approved) == (140, 374)
    delays = warehouse.sql(
        """
        select min(invoice_date - order_date), median(invoice_date - order_date), max(invoice_date - order_date),
            min(payment_date - invoice_date), max(payment_date - invoice_date), round(100 * sum(freight_usd) / sum(invoiced_usd), 2)
        from staging.stg_invoices
        """
    ).fetchone()
    assert delays == (9, 16.0, 23, 23, 48, 0.51)


def test_vendor_names_lose_their_blanks_and_keep_their_spellings(warehouse, source):
    with next(source.glob("*PurchasePrices*.csv")).open(newline="") as file:
        padded = sum(row["VendorName"] != row["VendorName"].rstrip() for row in csv.DictReader(file))
    assert padded == 10_407
    assert warehouse.sql("select count(*) from staging.stg_vendor_names where vendor_name <> trim(vendor_name)").fetchone() == (
        0,
    )
    several = warehouse.sql("select vendor_id from marts.dim_vendor where has_several_names order by 1").fetchall()
    assert several == [(1587,), (2000,)]


def test_oddities_of_the_price_list_are_told_not_guessed(warehouse):
    nameless = warehouse.sql(
        "select item_name, size, volume_ml, list_price_usd, unit_cost_usd from marts.dim_product where item_id = 4202"
    ).fetchone()
    assert nameless == ("Item 4202 (no description)", "Unknown", None, None, Decimal("11.1900"))
    free = warehouse.sql(
        "select list_price_usd, unit_cost_usd, unit_cost_source from marts.dim_product where item_id = 2166"
    ).fetchone()
    assert free == (None, None, "unknown")
    assert warehouse.sql("select count(*) from staging.stg_products where purchase_price_usd > list_price_usd").fetchone() == (1,)
    assert warehouse.sql("select count(*) from marts.dim_product where size = 'Unknown'").fetchone() == (5,)
    assert warehouse.sql("select count(*), count(distinct item_id) from marts.dim_product").fetchone() == (12_261, 12_261)


def test_the_nearest_count_stands_for_the_opening_stock_and_the_run_says_so(warehouse, settings):
    as_of = warehouse.sql("select as_of_date, stock_start_date, is_opening_stand_in from intermediate.int_as_of").fetchone()
    assert as_of == (date(2016, 1, 31), date(2016, 1, 1), True)
    assert warehouse.sql(
        "select sum(counted_units), bool_and(is_opening_stand_in) from intermediate.int_opening_stock"
    ).fetchone() == (68_209, True)
    console = Console(width=120, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(run_summary(settings.warehouse))
    page = console.export_text()
    assert "opening_inventory is absent: the nearest count stands in for the opening stock" in page
    assert "1,098 rejected in excerpt_PurchasesFINAL12312016.csv: Store is missing" in page


def test_stock_of_one_item_by_hand(warehouse, source):
    """Brand 58 at store 1: the count of its line, plus its receipts, minus its January sales."""

    def total(pattern: str, column: str) -> int:
        with next(source.glob(pattern)).open(newline="") as file:
            return sum(int(row[column]) for row in csv.DictReader(file) if row["Store"] == "1" and row["Brand"] == "58")

    expected = (
        total("*EndInvFINAL*.csv", "onHand")
        + total("*PurchasesFINAL*.csv", "Quantity")
        - total("*SalesFINAL*.csv", "SalesQuantity")
    )
    on_hand = warehouse.sql(
        "select on_hand_units from recommendations.rec_orders where item_id = 58 and location_id = 1"
    ).fetchone()
    assert on_hand == (expected,)


def test_the_store_gets_explained_recommendations(warehouse):
    decided, ordered = warehouse.sql(
        "select count(*), count(*) filter (where order_units > 0) from recommendations.rec_orders where location_id = 1"
    ).fetchone()
    assert (
        decided
        == warehouse.sql("select count(*) from intermediate.int_inventory_item_location where location_id = 1").fetchone()[0]
    )
    assert 0 < ordered < decided / 2
    # nothing is ordered for the stores of which only receipts are known
    assert warehouse.sql("select sum(order_units) from recommendations.rec_orders where location_id <> 1").fetchone() == (0,)
    unexplained = warehouse.sql(
        """
        select count(*) from recommendations.rec_orders as orders
        left join (
            select item_id, location_id, sum(term_units) as units from recommendations.rec_why group by all
        ) as why using (item_id, location_id)
        where why.units is distinct from orders.order_units or orders.reason is null
        """
    ).fetchone()
    assert unexplained == (0,)
