"""The two real sources without stock, as they are: known totals, and the whole job to target levels.

The files are not part of the project: STOCKROOM_REAL_DATA names the folder that holds them; without it these tests are skipped. What
an order line is, is decided here once more, line by line in Python, so that the SQL is not its own judge.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from empty_tables import FILLED_LATER, LISTS, WORRIES

from dagster_project.choices import RunChoices
from dagster_project.runner import run_daily_replenishment
from dagster_project.settings import Settings

REAL_DATA = os.environ.get("STOCKROOM_REAL_DATA")  # read before the tests' own environment hides it
FRESH = "freshretail_daily.parquet"
FIRST_YEAR, SECOND_YEAR = "online_retail_2009_2010.parquet", "online_retail_2010_2011.parquet"
STAGING = ("path:seeds", "path:models/staging", "--exclude", "path:models/staging/ml")
SLICE = 200  # items in stores that the whole job runs on

pytestmark = pytest.mark.skipif(
    not (REAL_DATA and all((Path(REAL_DATA) / name).is_file() for name in (FRESH, FIRST_YEAR, SECOND_YEAR))),
    reason=f"STOCKROOM_REAL_DATA does not name a folder with {FRESH}, {FIRST_YEAR} and {SECOND_YEAR}",
)


def linked(folder: Path, *names: str) -> Path:
    """A source folder with these of the real files and no others."""
    for name in names:
        (folder / name).symlink_to(Path(REAL_DATA).resolve() / name)
    return folder


def rows(warehouse: Path, query: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.sql(query).fetchall()


def assert_targets_without_orders(warehouse: Path, items: int) -> None:
    assert rows(
        warehouse,
        """
        select count(*), count(*) filter (where reorder_point_units >= 0), count(order_units), list(distinct reason)
        from recommendations.rec_orders
        """,
    ) == [(items, items, 0, ["stock is not known: only the target level is given"])]
    assert rows(warehouse, "select sum(reorder_point_units) > 1.2 * sum(demand_units) from recommendations.rec_orders") == [
        (True,)
    ]
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        tables = connection.sql(
            "select table_schema || '.' || table_name from information_schema.tables where table_schema in ('marts', 'recommendations', 'reports')"
        ).fetchall()
        empty = {name for (name,) in tables if connection.sql(f"select count(*) from {name}").fetchone() == (0,)}
    listed = rows(warehouse, "select empty_tables from marts.rpt_data_gaps where empty_tables is not null")
    assert {table for (tables,) in listed for table in tables.split(", ")} == empty - FILLED_LATER - LISTS - WORRIES


# Fresh goods ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fresh_staged(tmp_path_factory: pytest.TempPathFactory, run_dbt) -> Path:
    """All 4.5 million lines, staged."""
    warehouse = tmp_path_factory.mktemp("fresh_staged") / "stockroom.duckdb"
    run_dbt(linked(tmp_path_factory.mktemp("fresh_source"), FRESH), warehouse, "build", "--select", *STAGING, checked=True)
    return warehouse


def test_every_line_of_the_fresh_goods_is_read(fresh_staged: Path) -> None:
    assert rows(
        fresh_staged,
        "select lines_read, lines_blank, lines_rejected, lines_staged from staging.ingest_summary where file_count > 0",
    ) == [(4_500_000, 0, 0, 4_500_000)]


def test_sales_of_the_fresh_goods_are_the_files_to_half_a_hundredth_a_line(fresh_staged: Path) -> None:
    units = int((pl.read_parquet(Path(REAL_DATA) / FRESH, columns=["sale"])["sale"] * 100).round().sum())
    assert units == 449_366_129
    assert rows(
        fresh_staged,
        """
        select count(*), min(sale_date), max(sale_date), sum(sold_units), count(distinct (item_id, location_id)), count(distinct item_id),
            count(distinct location_id)
        from staging.stg_sales
        """,
    ) == [(4_299_240, date(2024, 3, 28), date(2024, 6, 25), units, 50_000, 865, 898)]
    # 491 lines have a third decimal, so nothing finer than hundredths is lost by more than this
    [(scaled,)] = rows(fresh_staged, "select round(sum(scaled_units), 3) from staging.base_freshretail__days")
    assert abs(units - 100 * scaled) <= 0.5 * 491


def test_stock_out_hours_promotions_and_weather_of_the_fresh_goods(fresh_staged: Path) -> None:
    """44 % of the days have a stock-out hour in the open hours, as the data's README says; 18 % half of the open hours."""
    assert rows(
        fresh_staged,
        """
        select count(*), sum(stock_out_hours), min(open_hours), max(open_hours),
            round(count(*) filter (where stock_out_hours > 0) / count(*), 3), count(*) filter (where stock_out_hours >= 0.5 * open_hours)
        from staging.stg_stock_out_hours
        """,
    ) == [(4_500_000, 14_311_536, 16, 16, 0.443, 789_250)]
    assert rows(
        fresh_staged,
        """
        select count(*), sum(last_date - first_date + 1), count(distinct (item_id, location_id)), min(discount_share) >= 0, max(discount_share) < 1
        from staging.stg_promotions
        """,
    ) == [(165_408, 1_702_893, 41_916, True, True)]
    assert rows(fresh_staged, "select calendar_date from staging.stg_calendar_events order by 1") == [
        (date(2024, 4, 4),), (date(2024, 4, 5),), (date(2024, 5, 1),), (date(2024, 5, 2),), (date(2024, 5, 3),), (date(2024, 6, 10),),
    ]  # fmt: skip
    assert rows(fresh_staged, "select count(*), count(distinct signal_name) from staging.stg_external_signals") == [
        (898 * 90 * 4, 4)
    ]
    assert rows(
        fresh_staged, "select count(*), count(category), count(distinct item_id) from staging.stg_product_attributes"
    ) == [(865, 865, 865)]


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole job on the first items in stores."""
    source, home = tmp_path_factory.mktemp("fresh_slice"), tmp_path_factory.mktemp("fresh_job")
    with duckdb.connect() as connection:
        connection.execute(
            f"""
            copy (
                from read_parquet('{Path(REAL_DATA) / FRESH}')
                where (store_id, product_id) in (
                    select (store_id, product_id) from read_parquet('{Path(REAL_DATA) / FRESH}') group by all order by all limit {SLICE}
                )
            ) to '{source / FRESH}'
            """
        )
    settings = Settings(source_dir=source, warehouse=home / "stockroom.duckdb", dagster_home=home / "dagster")
    run_daily_replenishment(settings)
    return settings.warehouse


def test_fresh_goods_have_targets_and_service_and_no_orders(fresh: Path) -> None:
    assert_targets_without_orders(fresh, SLICE)
    # twelve whole weeks end on 25 June
    assert rows(fresh, "select count(*), min(week_start_date), max(week_start_date) from features.ftr_demand_weekly") == [
        (12 * SLICE, date(2024, 4, 3), date(2024, 6, 19))
    ]
    [(ready, fill, lost)] = rows(
        fresh,
        "select ready_rate, fill_rate, lost_sales_units from marts.rpt_service where level = 'chain' and period_type = 'whole period'",
    )
    assert 0.6 < ready < 1
    assert 0 < fill < 1
    assert lost > 0
    hours = rows(fresh, "select 1 - sum(stock_out_hours) / sum(open_hours) from staging.stg_stock_out_hours")
    assert ready == pytest.approx(hours[0][0])


def test_champions_of_fresh_goods_are_chosen_in_spite_of_twelve_weeks(fresh: Path) -> None:
    assert rows(fresh, "select count(*), count(champion_model) from recommendations.rec_champion") == [(SLICE, SLICE)]
    failed = rows(fresh, "select count(*) from ml.series_metrics where reason like '%model failed%'")
    assert failed == [(0,)]


# The wholesaler --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def wholesaler(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole job on all lines, with two models: all of them take minutes, and `make bench-forecasts` judges them."""
    home = tmp_path_factory.mktemp("wholesale_job")
    source = linked(tmp_path_factory.mktemp("wholesale_source"), FIRST_YEAR, SECOND_YEAR)
    settings = Settings(source_dir=source, warehouse=home / "stockroom.duckdb", dagster_home=home / "dagster")
    run_daily_replenishment(settings, choices=RunChoices(models=["exponential_smoothing", "lightgbm"]))
    return settings.warehouse


NO_GOODS = re.compile(r"POST|DOT|M|C2|C3|D|S|B|CRUK|BANK CHARGES|AMAZONFEE|ADJUST\d*|GIFT(_.*)?|TEST\d*")


@pytest.fixture(scope="module")
def judged() -> dict[str, Counter]:
    """Lines, units and USD by kind of line, and items and customers, found line by line."""
    columns = ["order", "code", "name", "units", "day", "price", "customer", "country"]
    first, second = (pl.read_parquet(Path(REAL_DATA) / name) for name in (FIRST_YEAR, SECOND_YEAR))
    first.columns = second.columns = columns
    repeated = set(second["order"].cast(pl.String))
    found = {name: Counter() for name in ("lines", "units", "usd")}
    found["items"], found["customers"] = set(), set()

    def count(kind: str, units: int, usd: Decimal) -> None:
        found["lines"][kind] += 1
        found["units"][kind] += units
        found["usd"][kind] += usd

    goods = []
    for frame, is_first in ((first, True), (second, False)):
        for order, code, _, units, day, price, customer, _ in frame.iter_rows():
            code = code.strip().upper()
            rate = Decimal("1.55") if day < "2011" else Decimal("1.60")
            # through text, as a person would read the number
            usd = (units * Decimal(str(price)).quantize(Decimal("0.0001")) * rate).quantize(Decimal("0.01"), ROUND_HALF_UP)
            if is_first and order in repeated:
                count("in the later file", units, usd)
            elif NO_GOODS.fullmatch(code):
                count("not goods", units, usd)
            elif price <= 0:
                count("no price", units, usd)
            else:
                goods.append((day[:10], units < 0, str(order), code, units, int(customer or 0), usd))
    open_lines = defaultdict(list)
    kinds: dict[int, str] = {}
    for place in sorted(range(len(goods)), key=lambda i: goods[i][:3]):
        _, is_cancellation, _, code, units, customer, _ = goods[place]
        key = (customer, code, abs(units))
        if not is_cancellation:
            kinds[place] = "sale"
            open_lines[key].append(place)
        elif customer and open_lines[key]:
            kinds[place] = "cancellation"
            kinds[open_lines[key].pop()] = "cancelled sale"
        else:
            kinds[place] = "return"
    for place, (_, _, _, code, units, customer, usd) in enumerate(goods):
        count(kinds[place], units, usd)
        if kinds[place] == "sale":
            found["items"].add(code)
            found["customers"] |= {customer} - {0}
    return found


def test_every_order_line_is_read(wholesaler: Path) -> None:
    assert rows(
        wholesaler,
        "select file_kind, lines_read, lines_blank, lines_rejected, lines_staged from staging.ingest_summary where file_count > 0 order by 1",
    ) == [("orders_2009_2010", 525_461, 0, 0, 525_461), ("orders_2010_2011", 531_282, 0, 0, 531_282)]


def test_every_order_line_is_what_it_is(wholesaler: Path, judged: dict) -> None:
    found = rows(
        wholesaler,
        "select line_kind, count(*), cast(sum(ordered_units) as bigint) from staging.stg_online_retail__lines group by 1",
    )
    assert {kind: lines for kind, lines, _ in found} == dict(judged["lines"]) == {
        "sale": 1_011_867, "cancelled sale": 3_221, "cancellation": 3_221, "return": 6_361,
        "in the later file": 22_130, "not goods": 5_242, "no price": 4_701,
    }  # fmt: skip
    assert {kind: units for kind, _, units in found} == dict(judged["units"])
    assert judged["units"]["cancelled sale"] == -judged["units"]["cancellation"] == 178_612


def test_sales_of_the_wholesaler_in_units_days_and_dollars(wholesaler: Path, judged: dict) -> None:
    assert rows(
        wholesaler,
        "select cast(sum(sold_units) as bigint), min(sale_date), max(sale_date), sum(revenue_usd), count(distinct item_id) from staging.stg_sales",
    ) == [(11_043_345, date(2009, 12, 1), date(2011, 12, 9), judged["usd"]["sale"], len(judged["items"]))]
    assert judged["units"]["sale"] == 11_043_345
    assert judged["usd"]["sale"] == Decimal("30738665.84")


def test_customers_of_the_wholesaler(wholesaler: Path, judged: dict) -> None:
    assert rows(wholesaler, "select count(*) from marts.rpt_customer_segments") == [(len(judged["customers"]),)]
    assert rows(
        wholesaler, "select count(*), sum(ordered_units) < 0 from staging.stg_customer_orders where ordered_units < 0"
    ) == [(6_174, True)]
    assert rows(
        wholesaler, "select count(distinct country) > 35, bool_or(country = 'United Kingdom') from staging.stg_customers"
    ) == [(True, True)]


def test_the_wholesaler_has_targets_and_no_orders(wholesaler: Path, judged: dict) -> None:
    assert_targets_without_orders(wholesaler, len(judged["items"]))
    assert rows(wholesaler, "select as_of_date, is_stock_known from intermediate.int_as_of") == [(date(2011, 12, 9), False)]
    # lumpy and intermittent, as a wholesaler's demand is: a source on which smooth methods fail
    [(uneven,)] = rows(
        wholesaler,
        "select count(*) filter (where demand_pattern in ('lumpy', 'intermittent', 'erratic')) / count(*) from intermediate.int_demand_profile",
    )
    assert uneven > 0.5
