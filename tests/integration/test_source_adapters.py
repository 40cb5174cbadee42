"""The adapters of sources without stock, on small files worked by hand: the whole job, from the lines to target levels.

Belongs here: what the adapters make of lines, and what becomes of tables that need what such a source does not tell.
Does not belong here: single rules of a model (its unit tests), and the real files (test_real_sources).
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from empty_tables import FILLED_LATER, LISTS, WORRIES
from rich.console import Console
from typer.testing import CliRunner

from dagster_project.cli import app
from dagster_project.intake import check_source
from dagster_project.runner import run_daily_replenishment
from dagster_project.settings import Settings
from dagster_project.summary import run_summary

# Fresh goods: 12 weeks from Monday, 1 January, to Sunday, 24 March 2024 ----------------------------------------------------

FIRST, WEEKS = date(2024, 1, 1), 12
DAYS = [FIRST + timedelta(days=n) for n in range(7 * WEEKS)]
PROMOTED = {date(2024, 1, 5): "0.8", date(2024, 1, 6): "0.7", date(2024, 1, 7): "0", date(2024, 1, 10): "0.9"}
EMPTY = {date(2024, 2, 13), date(2024, 2, 14)}  # in the seventh week
HALF_EMPTY = date(2024, 2, 15)


def fresh_lines() -> Iterator[dict[str, object]]:
    """Item 11 sells 1.2 scaled units every day in store 1; item 12 half of that, promoted, and out of stock for some days; item 13
    comes into the range of store 2 on 12 February and nobody ever buys it."""
    for day in DAYS:
        common = {
            "city_id": 5,
            "first_category_id": 3,
            "second_category_id": 33,
            "third_category_id": 133,
            "dt": day,
            "holiday": int(day == FIRST or day.isoweekday() > 5),
            "precpt": 2.5,
            "temp": 8,
            "hum": 70,
            "wind": 1.5,
        }
        yield {**common, "store_id": 1, "product_id": 11, "sale": 1.2, "so_hours_6_22": 0, "discount": 1, "activity": 0}
        yield {
            **common,
            "store_id": 1,
            "product_id": 12,
            "sale": 0 if day in EMPTY else 0.6,
            "so_hours_6_22": 16
            if day in EMPTY
            else 8
            if day == HALF_EMPTY
            else 7
            if day == HALF_EMPTY + timedelta(days=7)
            else 0,
            "discount": PROMOTED.get(day, "1"),
            "activity": int(day in PROMOTED),
        }
        if day >= date(2024, 2, 12):
            yield {**common, "store_id": 2, "product_id": 13, "sale": 0, "so_hours_6_22": 0, "discount": 1, "activity": 0}


# The wholesaler ----------------------------------------------------------------------------------------------------------

UK = "United Kingdom"
FIRST_YEAR = [
    # 12 x 6.95 GBP x 1.55 = 129.27 USD
    ("489434", "85048", "15CM BALL", 12, "12/1/2009 7:45", "6.95", "13085.0", UK),
    # a line that is cancelled on the next day, in full
    ("489435", "22195", "LARGE LADLE", 24, "12/1/2009 7:46", "1.65", "13085.0", UK),
    ("C489449", "22195", "LARGE LADLE", -24, "12/2/2009 9:10", "1.65", "13085.0", UK),
    # a cancellation of something bought before the file begins: a return of 12 x 2.95 x 1.55 = 54.87 USD
    ("C489450", "22087", "PAPER BUNTING", -12, "12/2/2009 9:20", "2.95", "16321.0", "Australia"),
    # the same item in small letters, by a customer nobody knows: 5 x 1.00 x 1.55 = 7.75 USD
    ("489500", "85048a", "SMALL BALL", 5, "12/3/2009 10:00", "1", "", UK),
    ("489501", "85048A", "SMALL BALL", 5, "12/3/2009 11:00", "1", "13085.0", "EIRE"),
    # neither goods nor sales
    ("489600", "POST", "POSTAGE", 1, "12/3/2009 12:00", "18", "13085.0", UK),
    ("C489601", "D", "Discount", -1, "12/3/2009 12:00", "27.5", "13085.0", UK),
    ("A506401", "B", "Adjust bad debt", 1, "4/29/2010 13:36", "-53594.36", "", UK),
    ("489464", "21733", "85123a mixed", -96, "12/1/2009 10:52", "0", "", UK),
    # in both files
    ("536365", "85123A", "HEART HOLDER", 6, "12/1/2010 8:26", "2.55", "17850.0", UK),
    ("536390", "22556", "PLASTERS", 12, "12/1/2010 10:19", "1.65", "17548.0", UK),
    # only the first file knows that the plasters were not wanted
    ("C536391", "22556", "PLASTERS", -12, "12/1/2010 10:24", "1.65", "17548.0", UK),
]
SECOND_YEAR = [
    (536365, "85123A", "HEART HOLDER", 6, "2010-12-01 08:26:00", 2.55, 17850.0, UK),
    (536390, "22556", "PLASTERS", 12, "2010-12-01 10:19:00", 1.65, 17548.0, UK),
    (536544, "DOT", "DOTCOM POSTAGE", 1, "2010-12-01 14:32:00", 569.77, 0.0, UK),
    (536600, "gift_0001_20", "Gift Voucher", 1, "2010-12-02 14:32:00", 16.67, 0.0, UK),
    # every Wednesday of 2011 ten of one item: 10 x 2.55 GBP x 1.60 = 40.80 USD
    *(
        (540000 + n, "85123A", "HEART HOLDER", 10, f"{date(2011, 1, 5) + timedelta(days=7 * n)} 09:00:00", 2.55, 17850.0, UK)
        for n in range(52)
    ),
]
AS_OF_WHOLESALER = date(2011, 12, 28)


def run(source: Path, home: Path) -> Settings:
    settings = Settings(source_dir=source, warehouse=home / "stockroom.duckdb", dagster_home=home / "dagster")
    run_daily_replenishment(settings)
    return settings


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    source = tmp_path_factory.mktemp("fresh_source")
    lines = list(fresh_lines())
    with (source / "freshretail_2024.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, lines[0])
        writer.writeheader()
        writer.writerows(lines)
    return run(source, tmp_path_factory.mktemp("fresh"))


@pytest.fixture(scope="module")
def wholesaler(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    source = tmp_path_factory.mktemp("wholesale_source")
    header = ("Invoice", "StockCode", "Description", "Quantity", "InvoiceDate", "Price", "Customer ID", "Country")
    with (source / "online_retail_2009_2010.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *FIRST_YEAR])
    names = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]
    pl.DataFrame(SECOND_YEAR, schema=names, orient="row").write_parquet(source / "online_retail_2010_2011.parquet")
    return run(source, tmp_path_factory.mktemp("wholesale"))


@pytest.fixture(params=["fresh", "wholesaler"])
def without_stock(request: pytest.FixtureRequest) -> Settings:
    return request.getfixturevalue(request.param)


def rows(settings: Settings, query: str) -> list[tuple]:
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        return connection.sql(query).fetchall()


def page(settings: Settings) -> str:
    console = Console(width=500, record=True, file=open(os.devnull, "w"))  # noqa: SIM115
    console.print(run_summary(settings.warehouse, 500))
    return console.export_text()


# What the lines become ----------------------------------------------------------------------------------------------------


def test_fresh_goods_are_counted_in_hundredths(fresh: Settings) -> None:
    """84 days of 120 units; 82 days of 60, the two empty ones left out."""
    assert rows(
        fresh,
        "select location_id, item_id, count(*), sum(sold_units), sum(revenue_usd) from staging.stg_sales group by all order by all",
    ) == [(1, 11, 84, 84 * 120, 0), (1, 12, 82, 82 * 60, 0)]
    [(as_of, known)] = rows(fresh, "select as_of_date, is_stock_known from intermediate.int_as_of")
    assert (as_of, known) == (DAYS[-1], False)


def test_promoted_days_in_a_row_are_one_promotion(fresh: Settings) -> None:
    """5 to 7 January at ratios 0.8, 0.7 and unknown: 1 - 0.75; 10 January alone at 0.9."""
    found = rows(
        fresh,
        "select item_id, location_id, first_date, last_date, round(discount_share, 9) from staging.stg_promotions order by 3",
    )
    assert found == [
        (12, 1, date(2024, 1, 5), date(2024, 1, 7), 0.25),
        (12, 1, date(2024, 1, 10), date(2024, 1, 10), 0.1),
    ]


def test_what_fresh_goods_are_and_what_the_day_was_like(fresh: Settings) -> None:
    assert rows(fresh, "select distinct category, subcategory from marts.dim_product") == [
        ("First category 3", "Second category 33")
    ]
    assert rows(fresh, "from marts.dim_location order by 1") == [(1, "City 5"), (2, "City 5")]
    # a Monday; the holidays of the country follow after the last day the file calls one
    holidays = rows(
        fresh,
        "select calendar_date, event_names from marts.dim_date where is_holiday and calendar_date < '2024-02-20' order by 1",
    )
    assert holidays[0] == (FIRST, "Holiday")
    assert date(2024, 2, 10) in {day for day, _ in holidays}, "Chinese New Year"
    # 84 days at store 1, 42 at store 2 from 12 February on, four signals each
    assert rows(fresh, "select count(*), sum(signal_value) from marts.fct_external_signals") == [
        (4 * 126, 126 * (2.5 + 8 + 70 + 1.5))
    ]


def test_weeks_know_their_days_out_of_stock(fresh: Settings) -> None:
    """Two empty days and one of 8 of 16 hours in the seventh week; 7 hours in the eighth are not half of the day."""
    assert rows(
        fresh,
        "select week_start_date, sold_units, stock_out_days from features.ftr_demand_weekly where item_id = 12 and stock_out_days > 0",
    ) == [(date(2024, 2, 12), 5 * 60.0, 3)]
    # in the range from 12 February on: six weeks, though nobody bought it
    assert rows(
        fresh,
        "select min(week_start_date), count(*), sum(sold_units) from features.ftr_demand_weekly where item_id = 13 and location_id = 2",
    ) == [(date(2024, 2, 12), 6, 0)]


def test_service_is_known_without_a_ledger(fresh: Settings) -> None:
    """Item 12: out of stock for 16 + 16 + 8 + 7 of 84 x 16 hours."""
    [(stock_out_rate,)] = rows(
        fresh,
        "select stock_out_rate from marts.rpt_service where level = 'item' and level_id = '12' and period_type = 'whole period'",
    )
    assert stock_out_rate == pytest.approx(47 / (84 * 16))


def test_every_wholesale_line_is_a_sale_or_has_a_reason(wholesaler: Settings) -> None:
    kinds = rows(
        wholesaler, "select line_kind, count(*), sum(ordered_units) from staging.stg_online_retail__lines group by 1 order by 1"
    )
    assert kinds == [
        ("cancellation", 2, -24 - 12),
        ("cancelled sale", 2, 24 + 12),
        ("in the later file", 2, 6 + 12),
        ("no price", 1, -96),
        ("not goods", 5, 1 - 1 + 1 + 1 + 1),
        ("return", 1, -12),
        ("sale", 56, 12 + 5 + 5 + 6 + 52 * 10),
    ]
    assert sum(lines for _, lines, _ in kinds) == len(FIRST_YEAR) + len(SECOND_YEAR)
    left_out = rows(wholesaler, "select sum(line_count) from staging.stg_left_out_lines")
    assert left_out == [(13,)]


def test_pounds_become_dollars_at_the_rate_of_their_day(wholesaler: Settings) -> None:
    """6 x 2.55 GBP on 1 December 2010 at 1.55 is 23.715, so 23.72 USD; 10 x 2.55 in 2011 at 1.60 is 40.80."""
    holder = "select item_id from marts.dim_product where item_code = '85123A'"
    sales = rows(
        wholesaler, f"select sale_date, sold_units, revenue_usd from marts.fct_sales_daily where item_id = ({holder}) order by 1"
    )
    assert sales[:2] == [(date(2010, 12, 1), 6, Decimal("23.72")), (date(2011, 1, 5), 10, Decimal("40.80"))]
    assert len(sales) == 53
    total = Decimal("129.27") + 2 * Decimal("7.75") + Decimal("23.72") + 52 * Decimal("40.80")
    assert rows(wholesaler, "select sum(revenue_usd) from staging.stg_sales") == [(total,)]


def test_items_are_numbered_by_first_appearance(wholesaler: Settings) -> None:
    """1 December 2009: 22195 and 85048, in the order of their codes; then day by day. Small letters make no other item."""
    assert rows(wholesaler, "select item_id, item_code, item_name from marts.dim_product order by 1") == [
        (1, "22195", "LARGE LADLE"),
        (2, "85048", "15CM BALL"),
        (3, "22087", "PAPER BUNTING"),
        (4, "85048A", "SMALL BALL"),
        (5, "22556", "PLASTERS"),
        (6, "85123A", "HEART HOLDER"),
    ]


def test_a_number_stays_while_days_are_added(wholesaler: Settings, tmp_path: Path, run_dbt) -> None:
    """The first file alone gives its items the numbers that both files give them."""
    source = tmp_path / "raw"
    source.mkdir()
    (source / "online_retail_2009_2010.csv").symlink_to(wholesaler.source_dir / "online_retail_2009_2010.csv")
    assert check_source(source).absences["orders_2010_2011"] == "no orders from after 9 December 2010"
    warehouse = tmp_path / "stockroom.duckdb"
    run_dbt(source, warehouse, "build", "--select", "+stg_online_retail__products")
    both = set(rows(wholesaler, "select item_id, item_code from staging.stg_products"))
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        first_year = set(connection.sql("select item_id, item_code from staging.stg_online_retail__products").fetchall())
    assert first_year <= both
    assert len(first_year) == 6


def test_customers_have_their_orders_and_returns(wholesaler: Settings) -> None:
    """Customer 13085: the ball and a small ball, most of its lines in the United Kingdom. Unknown customers are no customers."""
    assert rows(
        wholesaler,
        "select customer_id, country, order_count, ordered_units, revenue_usd from marts.rpt_customer_segments order by 1",
    ) == [
        (13085, UK, 2, 17, Decimal("137.02")),
        (17850, UK, 53, 526, Decimal("23.72") + 52 * Decimal("40.80")),
    ]
    assert rows(
        wholesaler,
        "select customer_id, order_id, ordered_units, revenue_usd from staging.stg_customer_orders where ordered_units < 0",
    ) == [(16321, "C489450", -12, Decimal("-54.87"))]


# What becomes of it without stock ------------------------------------------------------------------------------------------


def test_targets_stand_instead_of_orders(without_stock: Settings) -> None:
    [(items, targets, reasons, known)] = rows(
        without_stock,
        """
        select count(*), count(reorder_point_units), list(distinct reason),
            count(order_units) + count(order_usd) + count(need_units) + count(on_hand_units) + count(on_order_units) + count(cover_days)
        from recommendations.rec_orders
        """,
    )
    assert items == targets > 0
    assert reasons == ["stock is not known: only the target level is given"]
    assert known == 0
    assert rows(
        without_stock,
        """
        select count(*) from recommendations.rec_inventory_position
        where on_hand_units is not null or inventory_position_units is not null or on_order_units is not null or is_dormant
        """,
    ) == [(0,)]


def test_the_target_of_steady_demand_is_known_beforehand(fresh: Settings, wholesaler: Settings) -> None:
    """120 a day and 10 a week over the policy's 14 days of lead time and 7 of review: 2,520 and 30, and something in reserve."""
    for settings, item, demand in ((fresh, 11, 2520), (wholesaler, 6, 30)):
        [(horizon, expected, target)] = rows(
            settings,
            f"select horizon_days, demand_units, reorder_point_units from recommendations.rec_orders where item_id = {item} and location_id = 1",
        )
        assert horizon == 21
        assert float(expected) == pytest.approx(demand, rel=0.02)
        assert expected < target < 2 * expected


def test_every_item_and_store_in_the_range_is_decided(fresh: Settings, wholesaler: Settings) -> None:
    assert rows(fresh, "select item_id, location_id from recommendations.rec_orders order by all") == [(11, 1), (12, 1), (13, 2)]
    # what was only returned, or cancelled in full, is not sold anywhere
    assert rows(wholesaler, "select item_id from recommendations.rec_orders order by all") == [(2,), (4,), (6,)]


def test_the_terms_add_up_to_the_target(without_stock: Settings) -> None:
    assert rows(
        without_stock,
        """
        select count(*) from recommendations.rec_orders as orders
        left join (select item_id, location_id, sum(term_units) as units from recommendations.rec_why group by all) as why using (item_id, location_id)
        where why.units is distinct from orders.reorder_point_units
        """,
    ) == [(0,)]
    assert {term for (term,) in rows(without_stock, "select distinct term from recommendations.rec_why")} <= {
        "demand over the protection interval",
        "safety stock for demand",
        "safety stock for lead time",
    }


def test_every_empty_table_has_a_reason(without_stock: Settings) -> None:
    """And what is said to be empty is."""
    with duckdb.connect(str(without_stock.warehouse), read_only=True) as connection:
        tables = connection.sql(
            """
            select table_schema || '.' || table_name from information_schema.tables
            where table_schema in ('marts', 'recommendations', 'reports')
            """
        ).fetchall()
        empty = {name for (name,) in tables if connection.sql(f"select count(*) from {name}").fetchone() == (0,)}
        gaps = {
            name: (effect, tables)
            for name, effect, tables in connection.sql(
                "select input_name, effect, empty_tables from marts.rpt_data_gaps"
            ).fetchall()
        }
    explained = {table for _, tables in gaps.values() if tables for table in tables.split(", ")}
    assert explained == empty - FILLED_LATER - LISTS - WORRIES
    assert {"stock", "purchases", "vendors", "costs", "invoices"} <= gaps.keys()
    assert "target levels stand instead of orders" in gaps["stock"][0]
    assert "marts.rpt_inventory_month" in gaps["stock"][1].split(", ")


def test_what_a_source_tells_is_no_gap(fresh: Settings, wholesaler: Settings) -> None:
    gaps = {
        settings: {name for (name,) in rows(settings, "select input_name from marts.rpt_data_gaps")}
        for settings in (fresh, wholesaler)
    }
    assert {"promotions", "calendar", "external_signals", "products", "stock_outs"} & gaps[fresh] == set()
    assert {"revenue", "customers", "customer_orders"} <= gaps[fresh]
    assert {"revenue", "customers", "customer_orders"} & gaps[wholesaler] == set()
    assert {"promotions", "stock_outs", "currency_rates"} <= gaps[wholesaler]


def test_the_page_shows_targets_and_says_what_is_missing(fresh: Settings, wholesaler: Settings) -> None:
    fresh_page, wholesale_page = page(fresh), page(wholesaler)
    for text in (fresh_page, wholesale_page):
        assert "Stock was never counted:" in text
        assert "Up to which level to fill as of" in text
        assert "From whom" not in text
        [line] = re.findall(r"^Not there: .*", text, re.MULTILINE)
        assert "vendor_terms" in line
        assert text.count(" is absent: ") == 0, "optional files share one line"
    assert "the 2 largest of 2 targets" in fresh_page
    [line] = re.findall(r"^Lines that are no sales: .*", wholesale_page, re.MULTILINE)
    for part in ("2 were cancelled", "2 are cancellations, each of one cancelled line", "1 are returns, or cancel something"):
        assert part in line
    assert "no sales" not in fresh_page


def test_why_explains_a_target(fresh: Settings) -> None:
    result = CliRunner().invoke(app, ["why", "11", "1", "--warehouse", str(fresh.warehouse)])
    assert result.exit_code == 0, result.output
    assert "Why up to 2," in result.output
    assert "target level" in result.output
    assert "Stock is not known: only the target level is given." in result.output


def test_one_count_makes_orders_of_targets(fresh: Settings, tmp_path: Path, run_dbt) -> None:
    """A stock_counts.csv beside the source's file: stock is known from then on, and the gap is closed."""
    source = tmp_path / "raw"
    source.mkdir()
    (source / "freshretail_2024.csv").symlink_to(fresh.source_dir / "freshretail_2024.csv")
    (source / "stock_counts.csv").write_text("location_id,item_id,count_date,counted_units\n1,11,2024-03-20,900\n")
    warehouse = tmp_path / "stockroom.duckdb"
    run_dbt(source, warehouse, "build", "--select", "+rpt_data_gaps", "+rpt_inventory_item_location", checked=True)
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        assert connection.sql("select is_stock_known from intermediate.int_as_of").fetchone() == (True,)
        assert connection.sql(
            "select count(*) from marts.rpt_data_gaps where input_name in ('stock', 'stock_counts')"
        ).fetchone() == (0,)
        assert connection.sql("select count(*) > 0 from marts.rpt_inventory_item_location").fetchone() == (True,)
