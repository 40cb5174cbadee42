"""The whole job on data/golden, small enough to work every number by hand.

Two stores, three items that sell, 70 days (1 January to 10 March 2016, ten whole weeks). Item 101 at store 1 is followed
through every table; the arithmetic stands beside each number.

    opening 100, two sold every day at 15.00 (cost 10.00), 60 received on 25 January (7 days after the order) and 60 on
    24 February (9 days after), 24 still on order; counted 78 on the last day where the books say 80.
"""

from __future__ import annotations

import csv
import itertools
import math
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest
from order_agreement import INPUTS, differences

from dagster_project import picture
from dagster_project.runner import run_daily_replenishment
from dagster_project.settings import PROJECT_ROOT, Settings
from ml.replenishment.orders import order_terms

GOLDEN = PROJECT_ROOT / "data" / "golden"
AS_OF = date(2016, 3, 10)
WHAT_WAS_COMPUTED = ("staging", "history", "intermediate", "marts", "features", "ml", "recommendations", "reports")


@pytest.fixture(scope="module")
def contents_of_two_runs(
    golden_settings: Settings, golden_warehouse: Path
) -> tuple[dict[str, pl.DataFrame], dict[str, pl.DataFrame]]:
    """Every table after the first run, and after the same run again."""
    first = _contents(golden_warehouse)
    run_daily_replenishment(golden_settings)
    return first, _contents(golden_settings.warehouse)


@pytest.fixture(scope="module")
def warehouse(contents_of_two_runs, golden_settings: Settings):
    with duckdb.connect(str(golden_settings.warehouse), read_only=True) as connection:
        yield connection


def _contents(warehouse: Path) -> dict[str, pl.DataFrame]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        names = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables where table_schema in (select unnest(?))",
            [list(WHAT_WAS_COMPUTED)],
        ).fetchall()
        return {name: connection.sql(f"from {name} order by all").pl() for (name,) in names}


def _row(warehouse: duckdb.DuckDBPyConnection, table: str, **key) -> dict:
    condition = " and ".join(f"{name} = ?" for name in key)
    frame = warehouse.execute(f"from {table} where {condition}", list(key.values())).pl()
    assert frame.height == 1, f"{table} {key}: {frame.height} rows"
    return frame.row(0, named=True)


def test_running_twice_changes_nothing(contents_of_two_runs):
    first, second = contents_of_two_runs
    assert first.keys() == second.keys()
    assert len(first) > 40
    differing = {name for name in first if not first[name].equals(second[name])}
    told_of_runs = {name for name in first if {"recorded_at", "started_at"} & set(first[name].columns)}
    assert "reports.ops_runs" in differing
    assert differing <= told_of_runs


def test_every_line_is_staged_or_blank_or_rejected_with_its_place(warehouse):
    lines = {
        row[0]: row[1:]
        for row in warehouse.sql(
            "select file_kind, lines_read, lines_blank, lines_rejected, lines_staged from staging.ingest_summary where adapter = 'retailer'"
        ).fetchall()
    }
    # read, blank, rejected, staged
    assert lines["sales"] == (194, 0, 1, 193)
    assert lines["closing_inventory"] == (6, 2, 0, 4)
    assert lines["purchases"] == (7, 0, 0, 7)
    assert warehouse.sql("from staging.rejects").fetchall() == [
        ("retailer", "sales", "SalesFINAL12312016.csv", 125, "SalesQuantity", "one", "is not a whole number")
    ]
    with (GOLDEN / "SalesFINAL12312016.csv").open() as file:
        assert file.read().splitlines()[124].split(",")[5] == "one"


def test_the_product_is_described(warehouse):
    product = _row(warehouse, "marts.dim_product", item_id=101)
    assert product == {
        "item_id": 101, "item_code": "101", "item_name": "Grey Heron Vodka", "category": "Unknown", "subcategory": "Unknown",
        "brand_name": "Unknown", "shelf_life_days": None, "size": "750mL", "volume_ml": Decimal("750.0"), "classification": 1,
        "vendor_id": 10, "list_price_usd": Decimal("15.0000"), "unit_cost_usd": Decimal("10.0000"),
        "unit_cost_source": "price list", "is_listed": True, "abc_class": "A",
        # 210 units (140 + 70 in store 2) x 10 x 365 / 70
        "annual_usage_usd": Decimal("10950.00"),
    }  # fmt: skip
    # 103: 18 x 20 x 365 / 70 = 1,877.14 of 13,557.14 in all, 81 % before it; 102: 730, 95 % (94.6) before it; 104 was never sold
    assert warehouse.sql("select item_id, abc_class from marts.dim_product order by item_id").fetchall() == [
        (101, "A"), (102, "B"), (103, "B"), (104, "Z"),
    ]  # fmt: skip
    assert _row(warehouse, "marts.dim_product", item_id=104)["list_price_usd"] is None, "a price of zero is an unknown price"


def test_the_vendor_has_its_observed_lead_times(warehouse):
    vendor = _row(warehouse, "marts.dim_vendor", vendor_id=10)
    # 110 units took 7 days and 110 took 9
    assert vendor["vendor_name"] == "NORTHERN BEVERAGE CO"
    assert (vendor["received_line_count"], vendor["open_line_count"]) == (6, 1)
    assert (vendor["mean_lead_time_days"], vendor["sd_lead_time_days"]) == (8.0, 1.0)
    assert (vendor["p50_lead_time_days"], vendor["p90_lead_time_days"]) == (7, 9)
    # the other vendor never delivered: it is expected to deliver as all do
    expected = warehouse.sql("select * from features.ftr_lead_time_distribution where vendor_id = 20 order by 2").fetchall()
    assert expected == [(20, 7, 0.5), (20, 9, 0.5)]


def test_facts_of_single_days(warehouse):
    sales = _row(warehouse, "marts.fct_sales_daily", item_id=101, location_id=1, sale_date=date(2016, 2, 13))
    assert (sales["sold_units"], sales["revenue_usd"]) == (2, Decimal("30.00"))
    # 24 January: 100 - 24 x 2 = 52; 25 January: + 60 - 2 = 110; the last day: counted
    days = warehouse.sql(
        """
        select inventory_date, opening_count_units, received_units, sold_units, adjusted_units, closing_units, valid_days
        from marts.fct_inventory_daily
        where item_id = 101 and location_id = 1 and inventory_date in ('2016-01-01', '2016-01-24', '2016-01-25', '2016-03-10')
        order by inventory_date
        """
    ).fetchall()
    assert days == [
        (date(2016, 1, 1), 100, 0, 2, 0, 98, 1),
        (date(2016, 1, 24), 0, 0, 2, 0, 52, 1),
        (date(2016, 1, 25), 0, 60, 2, 0, 110, 1),
        (date(2016, 3, 10), 0, 0, 2, -2, 78, 1),
    ]
    open_line = _row(warehouse, "marts.fct_purchase_order_lines", purchase_order_id=8003)
    # received on 17 March, which nobody knows on 10 March
    assert (open_line["receipt_date"], open_line["received_units"], open_line["open_units"]) == (None, 0, 24)
    first_line = _row(warehouse, "marts.fct_purchase_order_lines", purchase_order_id=8001, item_id=101, location_id=1)
    assert (first_line["lead_time_days"], first_line["received_units"], first_line["purchase_usd"]) == (7, 60, Decimal("600.00"))


def test_kpis_of_the_item_at_the_store(warehouse):
    kpi = _row(warehouse, "marts.rpt_inventory_item_location", item_id=101, location_id=1)
    assert (kpi["period_days"], kpi["ranged_days"], kpi["stock_out_days"]) == (70, 70, 0)
    assert (kpi["opening_units"], kpi["received_units"], kpi["sold_units"], kpi["adjusted_units"]) == (100, 120, 140, -2)
    assert kpi["on_hand_units"] == 78
    assert kpi["on_hand_usd"] == Decimal("780.00")
    # 100 x 70 + 60 x 46 + 60 x 16 - 2 x (70 x 71 / 2) - 2 x 1
    assert kpi["on_hand_unit_days"] == 7000 + 2760 + 960 - 4970 - 2 == 5748
    assert kpi["average_on_hand_units"] == pytest.approx(82.1142857, abs=1e-7)
    assert kpi["average_inventory_usd"] == Decimal("821.14")
    assert (kpi["revenue_usd"], kpi["cogs_usd"]) == (Decimal("2100.00"), Decimal("1400.00"))
    # 1,400 / 821.142857 x 365 / 70 and its inverse in days, 70 x 821.142857 / 1,400
    assert kpi["inventory_turnover"] == pytest.approx(8.8900487, abs=1e-7)
    assert kpi["days_inventory_outstanding"] == pytest.approx(41.0571429, abs=1e-7)
    # 0.25 x 57,480 / 365
    assert kpi["holding_cost_usd"] == Decimal("39.37")
    assert (kpi["mean_daily_demand_units"], kpi["sd_daily_demand_units"]) == (2.0, 0.0)
    # z 1.644854 x sqrt((8 + 7) x 0 + 2 x 2 x 1 x 1); 2 x 15 days on top
    assert kpi["textbook_safety_stock_units"] == Decimal("3.2897")
    assert kpi["textbook_safety_stock_usd"] == Decimal("32.90")
    assert kpi["textbook_reorder_point_units"] == Decimal("33.2897")


def test_kpis_of_the_item_over_both_stores(warehouse):
    kpi = _row(warehouse, "marts.rpt_inventory_item", item_id=101)
    # store 2: 40 x 70 + 20 x 46 + 20 x 16 - 70 x 71 / 2 = 1,555 unit-days, 70 sold, 10 left
    assert (kpi["sold_units"], kpi["on_hand_units"], kpi["cogs_usd"]) == (210, 88, Decimal("2100.00"))
    assert kpi["average_on_hand_units"] == pytest.approx((5748 + 1555) / 70)
    assert kpi["inventory_turnover"] == pytest.approx(2100 / (73030 / 70) * 365 / 70)
    assert kpi["holding_cost_usd"] == Decimal("50.02")  # 0.25 x 73,030 / 365


def test_an_item_that_ran_out_shows_its_stock_out_days(warehouse):
    # item 103: 18 on hand, one sold a day, gone at the end of 18 January: 14 + 29 + 10 days ended empty
    kpi = _row(warehouse, "marts.rpt_inventory_item_location", item_id=103, location_id=1)
    assert (kpi["stock_out_days"], kpi["on_hand_units"]) == (53, 0)
    weeks = warehouse.sql(
        "select sold_units, stock_out_days from features.ftr_demand_weekly where item_id = 103 order by week_start_date limit 3"
    ).fetchall()
    # 1-7, 8-14 and 15-21 January
    assert weeks == [(7.0, 0), (7.0, 0), (4.0, 4)]


def test_months_agree_with_a_day_by_day_count_of_the_files(warehouse):
    """The month mart never builds a row per day; this does, from the files alone."""
    cost = {101: 10, 102: 4, 103: 20}
    changes: dict[date, int] = {}
    sold: dict[date, int] = {}

    def read(name: str) -> list[dict]:
        with (GOLDEN / name).open(newline="") as file:
            return [row for row in csv.DictReader(file) if row["Brand"]]

    def month_first(text: str) -> date:
        month, day, year = text.replace("-", "/").split("/")
        return date(int(year), int(month), int(day))

    def day_first(text: str) -> date:
        day, month, year = text.split("-")
        return date(int(year), int(month), int(day))

    def move(day: date, usd: int) -> None:
        changes[day] = changes.get(day, 0) + usd

    for row in read("BegInvFINAL12312016.csv"):
        move(day_first(row["startDate"]), int(row["onHand"]) * cost[int(row["Brand"])])
    for row in read("SalesFINAL12312016.csv"):
        if row["SalesQuantity"].isdigit():
            day, units = month_first(row["SalesDate"]), int(row["SalesQuantity"])
            move(day, -units * cost[int(row["Brand"])])
            sold[day] = sold.get(day, 0) + units * cost[int(row["Brand"])]
    for row in read("PurchasesFINAL12312016.csv"):
        if day_first(row["ReceivingDate"]) <= AS_OF:
            move(day_first(row["ReceivingDate"]), int(row["Quantity"]) * cost[int(row["Brand"])])
    move(AS_OF, -2 * cost[101])  # counted 78, not 80

    stock, closing = 0, {}
    for day in (date(2016, 1, 1) + timedelta(days=n) for n in range(70)):
        stock += changes.get(day, 0)
        closing[day] = stock
    for month in (1, 2, 3):
        kpi = _row(warehouse, "marts.rpt_inventory_month", month_start_date=date(2016, month, 1))
        days = [day for day in closing if day.month == month]
        average, cogs = sum(closing[d] for d in days) / len(days), sum(sold.get(d, 0) for d in days)
        assert float(kpi["average_inventory_usd"]) == pytest.approx(average, abs=0.005)
        assert kpi["on_hand_usd"] == closing[days[-1]]
        assert kpi["cogs_usd"] == cogs
        assert kpi["inventory_turnover"] == pytest.approx(cogs / average * 365 / len(days))


def test_the_position_counts_what_is_on_order(warehouse):
    position = _row(warehouse, "recommendations.rec_inventory_position", item_id=101, location_id=1)
    assert (position["on_hand_units"], position["on_order_units"], position["inventory_position_units"]) == (78, 24, 102)


def test_enough_stock_orders_nothing_and_says_so(warehouse):
    order = _row(warehouse, "recommendations.rec_orders", item_id=101, location_id=1)
    # 14 a week without variation, over 8 days of lead time and 7 of review
    assert order["horizon_days"] == 15
    assert float(order["demand_units"]) == pytest.approx(30, abs=0.5)
    assert 30 <= order["reorder_point_units"] < 45
    assert order["need_units"] == order["reorder_point_units"] - 102
    assert (order["order_units"], order["order_usd"]) == (0, Decimal("0.00"))
    assert order["cover_days"] == pytest.approx(51, abs=1)  # 102 / 2
    assert order["reason"] == "stock and open orders reach beyond the next chance to order"


def test_an_empty_shelf_is_refilled_and_the_terms_add_up(warehouse):
    order = _row(warehouse, "recommendations.rec_orders", item_id=103, location_id=1)
    assert order["reason"] == "out of stock and nothing on order"
    # it sold 7 a week while it was there: the empty weeks must not have taught that nobody wants it
    assert float(order["demand_units"]) == pytest.approx(15, abs=2)
    # sqrt(2 x 2.50 x 365 x demand per day / (0.25 x 20)), about 19 units
    batch = math.sqrt(2 * 2.5 * 365 * float(order["demand_units"]) / 15 / 5)
    assert order["economic_order_units"] == pytest.approx(batch, rel=1e-4)
    assert order["order_units"] == math.ceil(max(batch, order["need_units"]))
    assert order["order_usd"] == order["order_units"] * 20
    terms = dict(
        warehouse.sql("select term, term_units from recommendations.rec_why where item_id = 103 and location_id = 1").fetchall()
    )
    assert terms["demand over the protection interval"] == order["demand_units"]
    assert terms["usable on hand"] == 0
    assert sum(terms.values()) == order["order_units"]


def test_python_orders_what_sql_orders(warehouse):
    columns = ", ".join(itertools.chain.from_iterable(INPUTS.values()))
    inputs = warehouse.sql(
        f"""
        select item_id, location_id, order_cost_usd_per_line, holding_cost_rate_per_year, max_cover_days, {columns}
        from recommendations.rec_order_targets
        inner join recommendations.rec_inventory_position using (item_id, location_id)
        inner join intermediate.int_item_location_terms using (item_id, location_id)
        cross join intermediate.int_policy
        """
    ).pl()
    orders = warehouse.sql("from recommendations.rec_order_terms").pl()
    assert orders.filter(pl.col("order_units") > 0).height > 0
    assert differences(orders, order_terms(inputs)) == {}


def test_what_is_missing_is_told_by_store_and_at_cost(warehouse):
    item = _row(warehouse, "marts.rpt_shrinkage", level="item_store", item_id=101, location_id=1)
    # 80 by the books, 78 counted; 140 sold for 2,100 at a cost of 1,400 by then
    assert (item["book_units"], item["counted_units"], item["shrinkage_units"], item["shrinkage_usd"]) == (
        80,
        78,
        2,
        Decimal("20.00"),
    )
    assert item["shrinkage_share_of_revenue"] == pytest.approx(20 / 2100)
    assert item["shrinkage_share_of_cogs"] == pytest.approx(20 / 1400)
    chain = _row(warehouse, "marts.rpt_shrinkage", level="chain")
    assert (chain["loss_units"], chain["gain_units"], chain["recorded_loss_units"]) == (2, 0, 0)
    reason = _row(warehouse, "marts.rpt_shrinkage_reason", level="chain")
    assert (reason["reason"], reason["loss_units"], reason["share_of_loss"]) == ("unknown", 2, 1.0)


def test_the_health_of_a_stock(warehouse):
    health = _row(warehouse, "reports.rpt_inventory_health", item_id=101, location_id=1)
    # the receipt of 24 February is there in full, 60 of 78, 15 days old; the other 18 are of 25 January, 45 days old
    assert (health["age_0_30_units"], health["age_31_60_units"], health["age_61_90_units"]) == (60, 18, 0)
    assert (health["age_0_30_usd"], health["age_31_60_usd"]) == (Decimal("600.00"), Decimal("180.00"))
    assert health["mean_age_days"] == pytest.approx((60 * 15 + 18 * 45) / 78)
    assert health["oldest_receipt_date"] == date(2016, 1, 25)
    # 2 a day: 78 on hand, 24 on order; the forecast of 14 a week is 1.1 % low
    assert health["forward_days_of_supply"] == pytest.approx(39, abs=0.5)
    assert health["forward_days_of_supply_with_on_order"] == pytest.approx(51, abs=0.7)
    assert health["days_inventory_outstanding"] == pytest.approx(41.0571429, abs=1e-7)
    assert (health["unsold_days"], health["is_dead"], health["is_slow"]) == (0, False, False)
    # 14 every week: the forecast hardly errs, and demand does not vary
    assert health["xyz_class"] == "X"
    assert health["weekly_demand_cv"] == 0
    # reorder point and one batch: sqrt(2 x 2.50 x 730 / (0.25 x 10)) is 38
    full = math.ceil(float(_row(warehouse, "recommendations.rec_orders", item_id=101, location_id=1)["reorder_point_units"])) + 39
    assert health["full_position_units"] == pytest.approx(full, abs=1)
    assert health["overstock_units"] == max(78 - health["full_position_units"], 0)


def test_a_past_day_is_built_with_what_was_known_then(run_dbt, tmp_path: Path):
    """As of 31 January neither the receipt of February nor the count of March is known."""
    path = tmp_path / "stockroom.duckdb"
    run_dbt(GOLDEN, path, "build", "--select", "+path:models/marts", "+rec_inventory_position", as_of=date(2016, 1, 31))
    with duckdb.connect(str(path), read_only=True) as warehouse:
        position = _row(warehouse, "recommendations.rec_inventory_position", item_id=101, location_id=1)
        # 100 + 60 - 31 x 2, nothing on order; nothing counted yet
        assert (position["on_hand_units"], position["on_order_units"]) == (98, 0)
        assert warehouse.sql("select max(sale_date) from marts.fct_sales_daily").fetchone() == (date(2016, 1, 31),)
        assert _row(warehouse, "marts.dim_vendor", vendor_id=10)["mean_lead_time_days"] == 7.0


@pytest.mark.parametrize(
    ("as_of", "message"),
    [
        (date(2015, 12, 31), "The as-of day 2015-12-31 lies before the first sale, 2016-01-01"),
        (date(2016, 4, 11), "The as-of day 2016-04-11 lies more than 31 days after the last sale, 2016-03-10"),
    ],
)
def test_a_day_the_sales_say_nothing_about_stops_the_run(run_dbt, tmp_path: Path, as_of: date, message: str):
    """Read as 'nobody buys anything', it would order nothing and say nothing."""
    result = run_dbt(GOLDEN, tmp_path / "stockroom.duckdb", "build", "--select", "+int_as_of", as_of=as_of, succeeds=False)
    messages = [node.message for node in result.result if node.status == "error"]
    assert len(messages) == 1
    assert message in messages[0]


def test_the_forecast_can_be_looked_at(warehouse, golden_settings: Settings, tmp_path: Path):
    found = picture.read_picture(golden_settings.warehouse, 101, 1)
    champion = _row(warehouse, "recommendations.rec_champion", item_id=101, location_id=1)["champion_model"]
    # two a day, in ten whole weeks
    assert [week.sold_units for week in found.history] == [14] * 10
    text = picture.as_text(found).plain
    assert text.startswith("Grey Heron Vodka (750mL), item 101, at store 1 ")
    assert f"by {champion}, as of 2016-03-10" in text
    picture.write_png(found, tmp_path / "forecast.png")
    assert (tmp_path / "forecast.png").read_bytes().startswith(b"\x89PNG")
