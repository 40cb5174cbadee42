"""Metrics: what MetricFlow answers is what the marts say, what is read of the one definition says the same, and the page is its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from dagster_project.publish.contract import published_tables
from dagster_project.publish.metrics import (
    SEMANTIC_DIR,
    defined_metrics,
    formula,
    home,
    metrics_page,
    needed,
    parse_expression,
    sql,
    tableau,
    unknown_columns,
)
from dagster_project.settings import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "metrics.md"
ROUNDED = 1e-5  # average inventory is stored in cents: relative difference to the unrounded sums
MetricFlow = Callable[..., list[tuple]]


@pytest.fixture(scope="module")
def metric_flow(dbt_manifest, session_environment: Path) -> MetricFlow:
    """`metric_flow(warehouse, ["revenue_usd"], ["metric_time__month"])`: what `mf query` answers, ordered by the groups."""
    pytest.importorskip("dbt_metricflow")
    from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
    from metricflow.protocols.sql_client import SqlEngine
    from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
    from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
    from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

    class Client:
        sql_engine_type = SqlEngine.DUCKDB
        sql_plan_renderer = DuckDbSqlPlanRenderer()

    text = (session_environment / "dbt_target" / "semantic_manifest.json").read_text()
    engine = MetricFlowEngine(SemanticManifestLookup(parse_manifest_from_dbt_generated_manifest(text)), Client())

    def ask(warehouse: Path, metrics: list[str], by: list[str] | None = None, where: str = "") -> list[tuple]:
        request = MetricFlowQueryRequest.create(
            metric_names=metrics, group_by_names=by, order_by_names=by, where_constraints=[where] if where else None
        )
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            answer = connection.sql(engine.explain(request).sql_statement.sql)  # its columns come in an order of its own
            return answer.project(", ".join([*(by or []), *metrics])).fetchall()

    return ask


@pytest.fixture(scope="module")
def golden(run_dbt, tmp_path_factory: pytest.TempPathFactory) -> Path:
    warehouse = tmp_path_factory.mktemp("golden_metrics") / "stockroom.duckdb"
    select = ("+rpt_turnover", "+fct_sales_daily", "+dim_product", "+dim_date")
    run_dbt(PROJECT_ROOT / "data" / "golden", warehouse, "build", "--select", *select, as_of=date(2016, 3, 10))
    return warehouse


def rows(warehouse: Path, text: str) -> list[tuple]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.sql(text).fetchall()


def test_turnover_of_january_worked_by_hand(metric_flow: MetricFlow, golden: Path) -> None:
    """As in test_golden_turnover: item 101 costs 10, sells at 15; 93 units sold, 3,412 unit-days of stock, 80 received."""
    metrics = ["cogs_usd", "gross_margin_usd", "inventory_turnover", "days_inventory_outstanding", "period_sell_through"]
    answer = {
        (month, item): values
        for month, item, *values in metric_flow(
            golden, [*metrics, "gross_margin_return_on_inventory"], ["metric_time__month", "item"]
        )
    }
    january = next(values for (month, item), values in answer.items() if (str(month)[:7], item) == ("2016-01", 101))
    cogs, margin, turns, days, sell_through, gmroi = january
    assert (float(cogs), float(margin)) == (930.0, 465.0)
    assert turns == pytest.approx(930 * 365 / 34120, rel=ROUNDED)
    assert days == pytest.approx(34120 / 930, rel=ROUNDED)
    assert gmroi == pytest.approx(465 * 365 / 34120, rel=ROUNDED)
    assert sell_through == pytest.approx(93 / 80)


def test_two_months_are_not_the_mean_of_two_months(metric_flow: MetricFlow, golden: Path) -> None:
    """January: 930 over 34,120 USD-days. Of February the mart's own sums: their ratio is that of both, the mean is not."""
    where = "{{ TimeDimension('metric_time', 'month') }} < '2016-03-01' and {{ Entity('item') }} = 101"
    ((turns,),) = metric_flow(golden, ["inventory_turnover"], where=where)
    months = rows(
        golden,
        "select cogs_usd, average_inventory_usd * period_days, inventory_turnover from marts.rpt_turnover"
        " where level = 'item' and item_id = 101 and period_type = 'month' and period_start_date < '2016-03-01' order by period_start_date",
    )
    assert len(months) == 2
    both = 365 * float(sum(row[0] for row in months)) / float(sum(row[1] for row in months))
    assert turns == pytest.approx(both, rel=1e-12)
    assert turns != pytest.approx(sum(row[2] for row in months) / 2, rel=1e-3)


CHAIN = "period_type = 'month' and level = 'chain'"


@pytest.mark.parametrize(
    ("metrics", "mart"),
    [
        (
            ["inventory_turnover", "days_inventory_outstanding", "gross_margin_return_on_inventory", "average_inventory_usd",
             "cogs_usd", "gross_margin_usd", "period_sell_through", "cohort_sell_through", "holding_cost_usd"],
            "select period_start_date, inventory_turnover, days_inventory_outstanding, gross_margin_return_on_inventory,"
            " average_inventory_usd, cogs_usd, gross_margin_usd, period_sell_through, cohort_sell_through, holding_cost_usd"
            f" from marts.rpt_turnover where {CHAIN} order by 1",
        ),
        (
            ["store_inventory_turnover", "store_days_inventory_outstanding"],
            "select period_start_date, inventory_turnover, days_inventory_outstanding"
            f" from marts.rpt_turnover where {CHAIN} order by 1",
        ),
        (
            ["ready_rate", "stock_out_rate", "fill_rate", "store_fill_rate", "lost_sales_units", "lost_sales_revenue_usd", "lost_sales_margin_usd"],
            "select period_start_date, ready_rate, stock_out_rate, fill_rate, fill_rate, lost_sales_units, lost_sales_revenue_usd,"
            f" lost_sales_margin_usd from marts.rpt_service where {CHAIN} order by 1",
        ),
    ],
    ids=["turnover of items", "turnover of stores", "service"],
)  # fmt: skip
def test_each_month_of_the_chain_is_what_the_mart_says(
    metrics: list[str], mart: str, metric_flow: MetricFlow, built_warehouse: Path
) -> None:
    answer = metric_flow(built_warehouse, metrics, ["metric_time__month"])
    expected = {
        str(row[0])[:7]: row[1:] for row in rows(built_warehouse, mart)
    }  # the first month starts with the first known day
    found = {str(row[0])[:7]: row[1:] for row in answer}
    assert set(expected) <= set(found)
    assert len(expected) >= 3
    for month, values in expected.items():
        wanted = [None if value is None else pytest.approx(float(value), rel=1e-4, abs=0.06) for value in values]
        assert [None if value is None else float(value) for value in found[month]] == wanted, month


@pytest.mark.parametrize(
    ("metric", "by", "mart"),
    [
        ("inventory_turnover", "item__category", "select category, inventory_turnover from marts.rpt_turnover"
         " where level = 'category' and period_type = 'month' and period_start_date = '{month}'"),
        ("store_inventory_turnover", "location", "select location_id, inventory_turnover from marts.rpt_turnover"
         " where level = 'store' and period_type = 'month' and period_start_date = '{month}'"),
        ("revenue_usd", "item__brand_name", "select brand_name, revenue_usd from marts.rpt_sales_trends"
         " where level = 'brand' and period_type = 'month' and period_start_date = '{month}' and revenue_usd > 0"),
        ("revenue_usd", "location__city", "select city, revenue_usd from marts.rpt_sales_trends"
         " where level = 'city' and period_type = 'month' and period_start_date = '{month}'"),
        ("average_selling_price_usd", "item", "select item_id, average_selling_price_usd from marts.rpt_sales_trends"
         " where level = 'item' and period_type = 'month' and period_start_date = '{month}' and sold_units > 0"),
        ("otif_share", "vendor", "select vendor_id, otif_share from marts.rpt_vendor_scorecard"
         " where period_type = 'month' and period_start_date = '{month}' and otif_share is not null"),
        ("observed_lead_time_days", "vendor", "select vendor_id, observed_mean_lead_time_days from marts.rpt_vendor_scorecard"
         " where period_type = 'month' and period_start_date = '{month}' and observed_mean_lead_time_days is not null"),
        ("invoice_match_share", "vendor", "select vendor_id, invoice_match_share from marts.rpt_vendor_scorecard"
         " where period_type = 'month' and period_start_date = '{month}' and invoice_match_share is not null"),
        ("purchase_price_variance_share", "vendor", "select vendor_id, purchase_price_variance_share from marts.rpt_vendor_scorecard"
         " where period_type = 'month' and period_start_date = '{month}' and purchase_price_variance_share is not null"),
    ],
    ids=lambda value: value if "select" not in value else "",
)  # fmt: skip
def test_each_member_of_a_level_is_what_the_mart_says(
    metric: str, by: str, mart: str, metric_flow: MetricFlow, built_warehouse: Path
) -> None:
    ((month,),) = rows(built_warehouse, f"select max(period_start_date) from marts.rpt_turnover where {CHAIN}")
    where = f"{{{{ TimeDimension('metric_time', 'month') }}}} = '{month}'"
    found = {row[0]: row[1] for row in metric_flow(built_warehouse, [metric], [by], where) if row[1] is not None}
    expected = {
        row[0]: pytest.approx(float(row[1]), rel=1e-4)
        for row in rows(built_warehouse, mart.format(month=month))
        if row[1] is not None
    }
    assert {key: float(value) for key, value in found.items() if key in expected} == expected
    assert expected


def test_shrinkage_stock_and_orders_are_what_the_reports_say(metric_flow: MetricFlow, finished_warehouse: Path) -> None:
    ((shrinkage, share),) = metric_flow(finished_warehouse, ["shrinkage_usd", "shrinkage_share_of_revenue"])
    wanted = rows(
        finished_warehouse, "select shrinkage_usd, shrinkage_share_of_revenue from marts.rpt_shrinkage where level = 'chain'"
    )
    assert [(shrinkage, pytest.approx(share))] == wanted
    ((stock, dead, lines),) = metric_flow(finished_warehouse, ["on_hand_usd", "dead_stock_usd", "order_lines"])
    ((stock_value,),) = rows(
        finished_warehouse,
        "select on_hand_usd from marts.rpt_turnover where level = 'chain' and period_type = 'month' order by period_start_date desc limit 1",
    )
    assert stock == stock_value
    assert [(dead,)] == rows(finished_warehouse, "select sum(on_hand_usd) from reports.rpt_inventory_health where is_dead")
    assert [(lines,)] == rows(
        finished_warehouse, "select nullif(count(*), 0) from recommendations.rec_orders where order_units > 0"
    )


def test_every_metric_read_from_the_yaml_answers_as_metricflow_does(metric_flow: MetricFlow, finished_warehouse: Path) -> None:
    metrics = defined_metrics()
    source = {table.name: table.source for table in published_tables()}
    answered = 0
    for metric in metrics.values():
        ((theirs,),) = metric_flow(finished_warehouse, [metric.name])
        ((ours,),) = rows(finished_warehouse, f"select {sql(metric, metrics)} from {source[home(metric, metrics).table]}")
        answered += theirs is not None
        assert (ours is None) == (theirs is None), metric.name
        assert float(ours or 0) == pytest.approx(float(theirs or 0), rel=1e-12), metric.name
    assert answered > 50


def test_wape_and_bias_are_ratios_of_sums() -> None:
    """Two as-of days: errors 6 of 20 sold and 8 of 40: 14 / 60, not the mean of 30 % and 20 %; bias (2 - 8) / 60."""
    metrics = defined_metrics()
    day = "select '{}' as abc_class, {} as wape, {} as bias_units, {} as scored_weeks, {} as sold_units"
    sample = " union all ".join(
        [day.format("all", 0.3, 0.5, 4, 20), day.format("all", 0.2, -1, 8, 40), day.format("A", 9, 9, 9, 9)]
    )
    with duckdb.connect() as connection:
        ((wape, bias),) = connection.sql(
            f"select {sql(metrics['forecast_wape'], metrics)}, {sql(metrics['forecast_bias'], metrics)} from ({sample})"
        ).fetchall()
    assert wape == pytest.approx(14 / 60)
    assert bias == pytest.approx(-6 / 60)


def test_metrics_read_only_what_is_published() -> None:
    metrics, tables = defined_metrics(), published_tables()
    assert unknown_columns(metrics, tables) == []
    for metric in metrics.values():
        assert len({measure.table for measure in needed(metric, metrics)}) == 1, (
            f"{metric.name} is of one table, as Tableau needs it"
        )


def test_a_renamed_column_is_found_before_users_find_it(tmp_path: Path) -> None:
    for path in SEMANTIC_DIR.glob("*.yml"):
        (tmp_path / path.name).write_text(path.read_text().replace("expr: revenue_usd", "expr: income_usd"))
    assert unknown_columns(defined_metrics(tmp_path), published_tables()) == [
        "metric revenue_usd: fct_sales_daily has no column income_usd"
    ]


@pytest.mark.parametrize(
    "text", ["sum(a)", "a / b", "a + b", "case when a then b end", "case when a = 'x' or b = 1 then c end", "a * ", "2 * a"]
)
def test_an_expression_that_could_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not understood"):
        parse_expression(text)


def test_a_ratio_is_never_a_mean_of_ratios_in_any_form() -> None:
    metrics = defined_metrics()
    assert tableau(metrics["fill_rate"], metrics).count("SUM(") == 3
    assert formula(metrics["fill_rate"], metrics) == "Units served / Demand"
    ratios = [metric for metric in metrics.values() if metric.kind == "ratio"]
    assert len(ratios) > 15
    for metric in ratios:
        assert all(measure.aggregate != "average" for measure in needed(metric, metrics))


def test_the_page_is_made_from_the_definition() -> None:
    text = metrics_page(defined_metrics())
    if os.environ.get("UPDATE_METRICS_PAGE"):
        PAGE.write_text(text)
    assert PAGE.read_text() == text, "write it anew: UPDATE_METRICS_PAGE=1 pytest tests/publish/test_metrics.py"
