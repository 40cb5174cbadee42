"""The report: its numbers are those of the tables, it needs nothing but itself, and it is whole on whatever is published."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest
from html_page import Page
from small_snapshot import AS_OF, NAMES, Rows, write_snapshot
from typer.testing import CliRunner

from dagster_project.cli import app
from dagster_project.publish.errors import PublishError
from dagster_project.publish.report.page import render, write_report
from dagster_project.publish.report.reader import Reader
from dagster_project.settings import Settings

ORDER = NAMES | {
    "as_of_date": AS_OF, "policy": "quantile", "model": "ensemble", "usable_on_hand_units": 3, "on_order_units": 2,
    "reorder_point_units": 14.5, "order_units": 12, "order_usd": 120, "cover_days": 2.5, "reason": "position below the reorder point",
    "cycle_service_level": 0.95, "horizon_days": 10, "demand_units": 9.5, "safety_stock_units": 5, "economic_order_units": 12,
}  # fmt: skip
NO_NUMBER = re.compile(r"\b(nan|none|null|inf|NaT)\b", re.IGNORECASE)


@pytest.fixture
def page_of(tmp_path: Path) -> Callable[..., Page]:
    """`page_of({"table": [row, ...]})`: the page of a snapshot that holds just that."""

    def make(rows: Rows, **more) -> Page:
        with Reader(write_snapshot(tmp_path / "stockroom.duckdb", rows, **more)) as read:
            return checked(render(read))

    return make


@pytest.fixture(scope="module")
def real_page(published: Settings) -> Page:
    with Reader(published.published / "stockroom.duckdb") as read:
        return checked(render(read))


def checked(text: str) -> Page:
    """The page, after all that must hold on any: whole, alone, without a number that is none."""
    page = Page(text)  # every tag closes in its place
    assert text.startswith("<!doctype html>")
    assert len(page.ids) == len(set(page.ids))
    for tag, attributes in page.tags:
        for name in ("href", "src", "action", "poster", "data"):
            link = attributes.get(name, "")
            assert link.startswith("#") or link in ("", "data:,"), f"<{tag} {name}={link}>"
            assert not link.startswith("#") or link[1:] in page.ids, f"{link} leads nowhere"
    assert not re.search(r"url\(|@import|@font-face|https?:", text)
    shown = [
        attributes[name]
        for _, attributes in page.tags
        for name in ("aria-label", "data-v", "value", "d", "width")
        if name in attributes
    ]
    said = re.sub(r"<dl>.*</dl>|title=\"[^\"]*\"", "", text, flags=re.DOTALL)  # definitions say "null where …"
    assert re.findall(rf".{{0,60}}{NO_NUMBER.pattern}.{{0,20}}", Page(said).text, re.IGNORECASE) == []
    assert not [value for value in shown if NO_NUMBER.search(value)]
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))  # no heading skips a level
    assert all("aria-label" in attributes for tag, attributes in page.tags if tag == "svg")
    return page


def test_the_numbers_of_the_page_are_those_of_the_tables(real_page: Page, published: Settings) -> None:
    with duckdb.connect(str(published.published / "stockroom.duckdb"), read_only=True) as bi:
        bi.execute("use bi")

        def ask(sql: str) -> tuple:
            return bi.sql(sql).fetchone()

        (stock,) = ask("select sum(on_hand_usd) from rpt_inventory_location")
        achieved, promised, served = ask(
            "select cycle_service_level_achieved, cycle_service_level_target, fill_rate from rpt_service"
            " where level = 'chain' and period_type = 'whole period'"
        )
        (received, on_time, due) = ask(
            "select sum(received_usd), sum(otif_line_count), sum(due_line_count) from rpt_vendor_scorecard where period_type = 'all'"
        )
        (lines,) = ask("select sum(lines_read) from run_sources")
        stores = bi.sql(
            "select location_name, on_hand_usd, inventory_turnover from rpt_inventory_location order by location_id"
        ).fetchall()
        vendors = bi.sql(
            "select vendor_name, received_usd from rpt_vendor_scorecard where period_type = 'all' order by 2 desc, vendor_id limit 15"
        ).fetchall()
    assert real_page.tiles["Stock value"][0] == f"{stock:,.0f}"
    assert real_page.tiles["Service delivered"][0] == f"{100 * achieved:.1f}%"
    assert (
        real_page.tiles["Service delivered"][1]
        == f"promised {100 * promised:.1f}% of cycles; {100 * served:.1f}% of demand met at once"
    )
    assert f"{received:,.0f} USD received. {100 * on_time / due:.1f}% of {due:,} lines due" in real_page.text
    assert f"{lines:,} lines of " in real_page.text
    by_store = real_page.tables["Store by store"]
    assert [(row[0], row[4], row[6]) for row in by_store.rows] == [
        (name, f"{usd:,.0f}", f"{turns:.1f}") for name, usd, turns in stores
    ]
    scorecard = real_page.tables["Scorecard, most money first"]
    assert [(row[0], row[1]) for row in scorecard.rows] == [(name, f"{usd:,.0f}") for name, usd in vendors]
    assert scorecard.total[1] == f"{received:,.0f}"


def test_data_made_by_the_demo_says_so(real_page: Page, page_of) -> None:
    assert "Synthetic data" in real_page.text
    assert "Synthetic data" not in page_of({}).text


def test_every_heading_and_number_leads_to_its_definition(real_page: Page, published: Settings) -> None:
    with Reader(published.published / "stockroom.duckdb") as read:
        meant = read.definition("rpt_vendor_scorecard.otif_share")
    links = [attributes for tag, attributes in real_page.tags if attributes.get("href") == "#def-rpt_vendor_scorecard-otif_share"]
    assert meant
    assert {link["title"] for link in links} == {meant}
    assert "def-rpt_vendor_scorecard-otif_share" in real_page.ids


def test_the_largest_order_comes_first_with_its_terms(page_of) -> None:
    small = ORDER | {
        "location_id": 8,
        "location_name": "8 SELSTEAD",
        "order_units": 4,
        "order_usd": 40,
        "reason": "out of stock and nothing on order",
    }
    unpriced = ORDER | {
        "item_id": 2,
        "item_name": "Salt",
        "vendor_id": None,
        "vendor_name": None,
        "order_units": 6,
        "order_usd": None,
    }
    none = ORDER | {"item_id": 3, "item_name": "Rice", "order_units": 0, "order_usd": 0}
    terms = [
        ("demand over the protection interval", 9.5),
        ("safety stock for demand", 5),
        ("usable on hand", -3),
        ("on order", -2),
        ("whole packs", 2.5),
    ]
    why = [
        NAMES | {"as_of_date": AS_OF, "term_number": number, "term": term, "term_units": units}
        for number, (term, units) in enumerate(terms)
    ]
    page = page_of({"rec_orders": [small, unpriced, ORDER, none], "rec_why": why})
    assert page.tiles["Orders today"] == ["160", "USD", "3 lines, 1 vendor; 1 without a known cost not in it"]
    table = page.tables["3 orders"]
    assert table.rows == [
        ["Tea", "7 HAZELFORD", "LEAF CO", "3", "2", "14.5", "12", "120", "2.5", "position below the reorder point"],
        ["Tea", "8 SELSTEAD", "LEAF CO", "3", "2", "14.5", "4", "40", "2.5", "out of stock and nothing on order"],
        ["Salt", "7 HAZELFORD", "no vendor known", "3", "2", "14.5", "6", "–", "2.5", "position below the reorder point"],
    ]
    assert (table.total[6], table.total[7]) == ("22", "160")
    said = page.text
    for term, units in (("demand over the protection interval", "+9.5"), ("usable on hand", "-3.0"), ("whole packs", "+2.5")):
        assert f"{term} {units}" in said  # 9.5 + 5 - 3 - 2 + 2.5 = 12


def test_each_role_sees_its_own_first_number(page_of) -> None:
    concern = NAMES | {"as_of_date": AS_OF, "what_to_do": "approve today's order", "priority": 1}
    page = page_of(
        {
            "role_store_manager": [
                concern | {"concern": "sold out", "at_stake_usd": 30},
                concern | {"item_id": 2, "concern": "runs out before the next delivery", "at_stake_usd": 12.5},
                concern | {"item_id": 3, "concern": "stuck: not sold for long", "at_stake_usd": 1000},
            ],
            "role_customer_support": [
                NAMES | {"status": "on the way", "expected_back_date": date(2017, 1, 4), "substitute_item_id": 9}
            ],
            "role_procurement": [
                NAMES
                | {
                    "order_line_count": 3,
                    "order_usd": 160,
                    "unpriced_line_count": 1,
                    "is_below_minimum": True,
                    "beyond_experience_line_count": 2,
                }
            ],
            "role_inventory_analyst": [
                NAMES
                | {
                    "category": "tea",
                    "on_hand_usd": 400,
                    "overstock_usd": 100,
                    "dead_usd": 25,
                    "slow_usd": 0,
                    "age_over_180_usd": 5,
                }
            ],
            "role_marketing": [
                NAMES | {"promotion_id": "P1", "shortfall_units": 8, "advice": "order: too little for the promotion"}
            ],
        }
    )
    assert page.tiles["Sales at stake"] == [
        "42",
        "USD",
        "2 items sold out or running out before the next delivery, in 1 store",
    ]  # 30 + 12.50
    assert page.tiles["Sold out"] == ["1", "items in stores", "1 with a day they are expected back"]
    assert page.tiles["To order today"] == ["160", "USD", "3 lines from 1 vendor"]
    assert page.tiles["More than the policy would keep"] == ["100", "USD", "25% of 400 USD in stock"]
    assert page.tiles["Promoted and short"] == ["1", "items", "of 1 promoted item"]
    assert "Vendors with an order below their minimum: 1" in page.text
    assert "Without a known cost, and not in the USD: 1 line" in page.text


def test_stock_that_was_never_counted_gives_levels_and_no_orders(page_of) -> None:
    page = page_of(
        {"rec_orders": [ORDER | {"order_units": None, "order_usd": None, "usable_on_hand_units": None, "on_order_units": None}]}
    )
    assert page.tiles["To fill up"] == ["1", "levels", "stock was never counted"]
    assert page.tables["The 1 largest targets"].rows == [["Tea", "7 HAZELFORD", "10.0", "9.5", "5", "14.5"]]
    assert "Orders today" not in page.tiles


@pytest.mark.parametrize(
    "rows",
    [
        {},
        {"rec_orders": [ORDER]},  # no forecast, no vendor, no sale is known
        {"rec_orders": [ORDER | dict.fromkeys(set(ORDER) - {"item_id", "location_id"})]},
        {"rec_orders": [ORDER | {"order_units": 0, "order_usd": 0}]},
        {"rec_champion": [NAMES | {"wape": 0.5, "mae_units": 2.0, "bias_units": 0.0}]},  # one series
        {"rec_champion": [NAMES | {"wape": float("nan"), "mae_units": float("inf"), "bias_units": 0.0}]},
        {"ml_model_metrics": [{"model": "naive", "segment": "all", "wape": float("nan")}]},
        {"rpt_vendor_scorecard": [{"vendor_id": 5, "vendor_name": "LEAF CO", "period_type": "all"}]},
        {"rec_demand_forecast": [NAMES | {"as_of_date": AS_OF, "model": "naive", "week_start_date": date(2017, 1, 1), "mean_units": 3.0}]},
        {"rpt_service": [{"level": "chain", "level_id": "all", "period_type": "whole period", "lost_sales_units": 4}]},
        {"ml_order_cost_curves": [NAMES | {"point_number": 1, "target_units": 1.0, "holding_cost_usd": 0.0, "shortage_cost_usd": 0.0, "ordering_cost_usd": 0.0}],
         "rec_orders": [ORDER], "rpt_inventory_item_location": [NAMES]},
    ],
    ids=["nothing", "one order", "an order of nulls", "nothing to order", "one scored series", "scores that are no numbers", "a model without scores",
         "a vendor without deliveries", "one week ahead", "lost units without a price", "one point of a curve"],
)  # fmt: skip
def test_the_page_is_whole_on_little_data(page_of, rows: Rows) -> None:
    page = page_of(rows)
    assert {"overview", "roles", "orders", "forecasts", "policy", "vendors", "quality", "health", "definitions"} <= set(page.ids)


def test_what_is_not_there_yet_is_said(page_of) -> None:
    text = page_of({}).text
    assert "There are no forecasts yet" in text
    assert "No vendor has delivered anything yet" in text
    assert "No inspections yet" in text
    assert "Nothing has been decided yet" in text


def test_names_are_shown_as_they_are_written(page_of) -> None:
    name = '<img src=x onerror="alert(1)">&amp;'
    page = page_of(
        {
            "rec_orders": [ORDER | {"item_name": name, "reason": name}],
            "rec_exceptions": [NAMES | {"exception_rank": 1, "kind": name, "message": name}],
        }
    )
    assert page.tables["1 order"].rows[0][0] == name
    assert "img" not in [tag for tag, _ in page.tags]


def test_many_rows_are_cut_and_counted(tmp_path: Path) -> None:
    many = [
        "insert into rec_orders (item_id, location_id, item_name, vendor_id, vendor_name, location_name, order_units, order_usd)"
        " select i, 1 + i % 300, 'Item ' || i, i % 500, 'Vendor ' || i % 500, (1 + i % 300) || ' STORE', 1, i from range(100_000) as r (i)",
        "insert into rpt_vendor_scorecard (vendor_id, vendor_name, period_type, received_usd) select i, 'Vendor ' || i, 'all', i from range(500) as r (i)",
        "insert into rejects (source_file, column_name, reason, line_number) select 'f' || i % 50, 'c', 'bad', i from range(10_000) as r (i)",
        "insert into rec_champion (item_id, location_id, item_name, wape, mae_units, bias_units) select i, 1, 'Item', 0.5, i + 1, 0 from range(10_000) as r (i)",
        "insert into rpt_inventory_location (location_id, location_name, on_hand_usd) select i, i || ' STORE', i from range(300) as r (i)",
    ]
    with Reader(write_snapshot(tmp_path / "stockroom.duckdb", {}, more=many)) as read:
        text = render(read)
    page = checked(text)
    assert len(text) < 1_000_000
    orders = page.tables["The 20 largest orders"]
    assert [row[0] for row in orders.rows[:2]] == ["Item 99999", "Item 99998"]
    assert (orders.total[6], orders.total[7]) == ("100,000", "4,999.95 M")  # 0 + 1 + … + 99,999
    assert "99,980 smaller lines are in the total" in page.text
    assert "485 smaller vendors are in the total" in page.text
    assert len(page.tables["Refused lines"].rows) == 10


def test_weeks_end_with_the_as_of_day_and_those_without_stock_are_shaded(page_of) -> None:
    sold = [
        NAMES | {"sale_date": day, "sold_units": units}
        for day, units in ((date(2016, 12, 31), 7), (date(2016, 12, 24), 3), (date(2016, 12, 18), 1))
    ]
    ahead = NAMES | {
        "as_of_date": AS_OF,
        "model": "naive",
        "week_start_date": date(2017, 1, 1),
        "mean_units": 5.5,
        "p10_units": 2.0,
        "p90_units": 9.0,
    }
    # empty on the 20th and the 21st, and from the 24th to the 25th: in the weeks of the 18th and the 25th
    empty = [NAMES | {"inventory_date": date(2016, 12, day), "closing_units": 0, "valid_days": 2} for day in (20, 24)]
    full = NAMES | {"inventory_date": date(2016, 12, 1), "closing_units": 9, "valid_days": 19}
    page = page_of({"fct_sales_daily": sold, "rec_demand_forecast": [ahead], "fct_inventory_daily": [full, *empty]})
    for said in (
        "2016-12-25, sold: 7 units",
        "2016-12-18, sold: 4 units",
        "2016-12-11, sold: 0 units",
        "2017-01-01, forecast: 5.5 units",
    ):
        assert said in page.text
    assert len([tag for tag, attributes in page.tags if tag == "rect" and attributes.get("class") == "gap"]) == 2


def test_inspections_bring_their_section(page_of) -> None:
    rates = [
        "create or replace table rpt_defect_rates (group_kind varchar, group_key varchar, vendor_id integer, vendor_name varchar, period_type varchar,"
        " period_start_date date, inspected_units bigint, defective_units bigint, defect_share double, defect_share_low double,"
        " defect_share_high double, shrunk_defect_share double, is_significantly_worse boolean)",
        "insert into rpt_defect_rates values"
        " ('all', 'all', null, null, 'all', '2016-01-01', 1012, 36, 36 / 1012, 0.026, 0.049, null, null),"
        " ('all', 'all', null, null, 'month', '2016-01-01', 1012, 36, 36 / 1012, 0.026, 0.049, null, null),"
        " ('vendor', '5', 5, 'LEAF CO', 'all', '2016-01-01', 12, 6, 0.5, 0.25, 0.75, 0.3, true),"
        " ('vendor', '5', 5, 'LEAF CO', 'recent', '2016-01-01', 12, 6, 0.5, 0.25, 0.75, 0.3, true)",
        "insert into run_tables (table_name) values ('rpt_defect_rates')",
    ]
    page = page_of({}, more=rates)
    assert page.tiles["Defect rate"] == ["3.6%", "2.6% to 4.9%"]
    assert "36 of 1,012 units judged were defective. Worse than the rest, beyond chance: 1 vendor, item or lot." in page.text
    assert "LEAF CO: 50.0% of 12, 25.0% to 75.0%" in page.text


# Writing it ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def installed(tmp_path: Path) -> Settings:
    """An installation that has published nothing."""
    return Settings(warehouse=tmp_path / "stockroom.duckdb")


def test_it_is_written_beside_what_is_published_and_the_same_each_time(installed: Settings) -> None:
    write_snapshot(installed.published / "stockroom.duckdb", {"rec_orders": [ORDER]})
    first = write_report(installed)
    content = first.path.read_bytes()
    assert first.path == installed.warehouse.parent / "report" / "index.html"
    assert first.bytes == len(content)
    write_report(installed)
    assert first.path.read_bytes() == content
    assert [path.name for path in first.path.parent.iterdir()] == ["index.html"]
    elsewhere = installed.changed(published_dir=installed.warehouse.parent / "shared")
    assert elsewhere.report == installed.warehouse.parent / "shared" / "report" / "index.html"


def test_nothing_published_is_told(installed: Settings) -> None:
    with pytest.raises(PublishError, match="nothing is published yet"):
        write_report(installed)


@pytest.mark.parametrize(("damage", "told"), [("old", "another version of the project"), ("broken", "cannot be read")])
def test_a_snapshot_that_cannot_be_read_leaves_the_page_of_before(installed: Settings, damage: str, told: str) -> None:
    database = installed.published / "stockroom.duckdb"
    write_snapshot(database, {})
    before = write_report(installed).path.read_bytes()
    if damage == "old":
        with duckdb.connect(str(database)) as connection:
            connection.execute("alter table bi.rec_orders rename order_usd to order_dollars")
    else:
        database.write_bytes(b"no database" * 1000)
    with pytest.raises(PublishError, match=told):
        write_report(installed)
    assert installed.report.read_bytes() == before


def test_a_folder_that_cannot_be_made_is_told(installed: Settings) -> None:
    write_snapshot(installed.published / "stockroom.duckdb", {})
    (installed.warehouse.parent / "report").write_text("a file stands where the folder should be")
    with pytest.raises(PublishError, match="cannot be written"):
        write_report(installed)


def test_the_command_writes_it_and_says_where(installed: Settings) -> None:
    write_snapshot(installed.published / "stockroom.duckdb", {})
    result = CliRunner().invoke(app, ["report", "--warehouse", str(installed.warehouse)])
    assert result.exit_code == 0
    assert f"{installed.report}, " in result.stdout
    result = CliRunner().invoke(app, ["report", "--warehouse", str(installed.warehouse.parent / "nowhere" / "x.duckdb")])
    assert result.exit_code == 1
    assert "nothing is published yet" in result.stderr
