"""The Superset bundle: metrics are dbt's, every query runs on what is published, and what goes from the contract is found here.

Pages in a browser: tests/dashboards.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))

from small_snapshot import write_snapshot

from dagster_project.publish.contract import PublishedTable, published_tables
from dagster_project.publish.dashboards import DASHBOARDS_DIR, Dashboards, caption, read_dashboards, source
from dagster_project.publish.errors import PublishError
from dagster_project.publish.metrics import defined_metrics, home, sql
from dagster_project.publish.superset import bundle_files, publish_to_superset, serve_command
from dagster_project.publish.superset_charts import d3_format
from dagster_project.settings import PROJECT_ROOT, Settings

METRICS = defined_metrics()


@pytest.fixture(scope="module")
def tables() -> list[PublishedTable]:
    return published_tables()


@pytest.fixture(scope="module")
def dashboards(tables: list[PublishedTable]) -> Dashboards:
    return read_dashboards(tables, METRICS)


@pytest.fixture(scope="module")
def bundle(dashboards: Dashboards) -> dict[str, dict]:
    return bundle_files(dashboards, METRICS)


@pytest.fixture
def changed(tmp_path: Path, tables: list[PublishedTable]) -> Callable[[str, str, str], str]:
    """`changed("pages/1_overview.yml", old, new)`: what reading the dashboards says after a change of one file."""

    def change(file: str, old: str, new: str) -> str:
        folder = tmp_path / "dashboards"
        shutil.copytree(DASHBOARDS_DIR, folder, ignore=shutil.ignore_patterns("*.py"))
        text = (folder / file).read_text()
        assert old in text
        (folder / file).write_text(text.replace(old, new))
        with pytest.raises(ValueError, match=r".") as fault:
            read_dashboards(tables, METRICS, folder)
        return str(fault.value)

    return change


def test_every_metric_is_in_superset_as_dbt_defines_it(bundle: dict[str, dict], tables: list[PublishedTable]) -> None:
    for table in tables:
        written = {metric["metric_name"]: metric for metric in bundle[f"datasets/Stockroom/{table.name}.yaml"]["metrics"]}
        own = {m.name: m for m in METRICS.values() if home(m, METRICS).table == table.name and not m.is_hidden}
        assert list(written) == list(own)
        for name, metric in own.items():
            assert written[name]["expression"] == sql(metric, METRICS)
            assert (written[name]["verbose_name"], written[name]["description"]) == (metric.label, metric.description)


def test_every_dataset_and_metric_answers_on_what_is_published(dashboards: Dashboards, tmp_path: Path) -> None:
    orders = [
        {"item_id": 1, "location_id": 7, "item_name": "Tea", "location_name": "7 HAZELFORD", "order_units": n} for n in (5, 0)
    ]
    database = write_snapshot(tmp_path / "stockroom.duckdb", {"rec_orders": orders})
    with duckdb.connect(str(database), read_only=True) as connection:
        for dataset in dashboards.datasets.values():
            shown = [sql(m, METRICS) for m in METRICS.values() if home(m, METRICS).table == dataset.metrics_of]
            connection.execute(f"select {', '.join([*shown, 'count(*)'])} from ({source(dataset)})")
            described = connection.sql(f"describe {source(dataset)}").fetchall()
            assert [name for name, *_ in described] == [column.name for column in dataset.columns]
        found = connection.sql(f"select order_line, order_units from ({source(dashboards.datasets['orders'])})").fetchall()
    assert found == [("Tea, store 7 HAZELFORD", 5)]


def test_the_pages_are_those_that_people_ask_for(dashboards: Dashboards, bundle: dict[str, dict]) -> None:
    titles = ["Overview", "What to order", "Forecasts", "Inventory policy", "Vendors", "Quality", "Data health"]
    assert [page.title for page in dashboards.pages] == titles
    charts = {content["uuid"] for path, content in bundle.items() if path.startswith("charts/")}
    assert len(charts) == sum(len(page.charts) for page in dashboards.pages)
    for page in dashboards.pages:
        position = bundle[f"dashboards/{page.name}.yaml"]["position"]
        placed = [node["meta"]["uuid"] for node in position.values() if isinstance(node, dict) and node["type"] == "CHART"]
        assert len(placed) == len(set(placed)) == len(page.charts)
        assert set(placed) <= charts
        assert all(sum(chart.width for chart in row) == 12 for _, row in page.rows)
        links = position["MARKDOWN-pages"]["meta"]["code"]
        assert re.findall(r"/superset/dashboard/(\w+)/", links) == [p.name for p in dashboards.pages if p != page]


def test_a_filter_reaches_a_chart_of_its_page(dashboards: Dashboards) -> None:
    """Superset leaves charts without the column as they are, and says nothing."""
    for page in dashboards.pages:
        for item in page.filters:
            reached = [
                chart.title
                for chart in page.charts
                if item.column in {c.name for c in dashboards.datasets[chart.dataset].columns}
            ]
            assert reached, f"{page.title}: {item.title}"


@pytest.mark.parametrize(
    ("table", "column", "found"),
    [
        (
            "rec_orders",
            "order_usd",
            "page What to order, Orders of today: click a line to see why: orders has no column order_usd",
        ),
        ("rec_exceptions", "message", "page Overview, What needs a person today: rec_exceptions has no column message"),
        ("rpt_service", "cycle_service_level_target", "service_last_year has no column cycle_service_level_target"),
        ("rpt_demand_weekly", "week_start_date", "dataset demand_weeks: "),
        ("rpt_demand_weekly", "closing_units", "demand_weeks lacks closing_units, of weeks_closing_units"),
    ],
)
def test_a_column_that_is_renamed_is_found_before_users_find_it(
    tables: list[PublishedTable], table: str, column: str, found: str
) -> None:
    def renamed(one: PublishedTable) -> PublishedTable:
        columns = [dataclasses.replace(c, name=f"{c.name}_new") if c.name == column else c for c in one.columns]
        return dataclasses.replace(one, columns=tuple(columns))

    with pytest.raises(ValueError, match=re.escape(found)):
        read_dashboards([renamed(one) if one.name == table else one for one in tables], METRICS)


@pytest.mark.parametrize(
    ("file", "old", "new", "found"),
    [
        ("pages/1_overview.yml", "metrics: [order_usd]", "metrics: [order_euro]", "order_euro is not a metric of rec_orders"),
        ("pages/1_overview.yml", "metrics: [order_usd]", "metrics: [revenue_usd]", "revenue_usd is not a metric of rec_orders"),
        (
            "pages/1_overview.yml",
            "dataset: rec_exceptions",
            "dataset: rec_exception",
            "rec_exception is not published, nor a dataset",
        ),
        ("pages/1_overview.yml", "kind: bars", "kind: pie", "pie is not a kind of chart; choose number, line"),
        ("pages/1_overview.yml", "level = 'chain'", "levle = 'chain'", "levle"),
        ("pages/1_overview.yml", "sort: exception_rank", "sotr: exception_rank", "1_overview.yml: sotr is not known; choose"),
        ("datasets.yml", "from bi.rec_why", "from bi.rec_because", "rec_because"),
    ],
)
def test_a_slip_in_a_page_is_said_with_its_place(changed: Callable, file: str, old: str, new: str, found: str) -> None:
    assert found in changed(file, old, new)


def test_the_bundle_is_written_whole_and_twice_the_same(tmp_path: Path) -> None:
    settings = Settings(published_dir=tmp_path)
    publish_to_superset(settings)
    first = {
        p.relative_to(settings.published / "superset").as_posix(): p.read_text() for p in (tmp_path / "superset").rglob("*.yaml")
    }
    publish_to_superset(settings)
    second = {
        p.relative_to(settings.published / "superset").as_posix(): p.read_text() for p in (tmp_path / "superset").rglob("*.yaml")
    }
    assert first == second
    assert {yaml.safe_load(text)["version"] for text in first.values()} == {"1.0.0"}
    assert str(tmp_path) not in json.dumps(first)


def test_what_is_missing_is_said_before_anything_starts(tmp_path: Path) -> None:
    settings = Settings(published_dir=tmp_path)
    with pytest.raises(PublishError, match="nothing is published yet"):
        serve_command(settings, 8088)
    (tmp_path / "stockroom.duckdb").touch()
    with pytest.raises(PublishError, match="Superset is not installed"):
        serve_command(settings, 8088, tmp_path / "no environment")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").touch()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PublishError, match=f"port {port} cannot be used"):
            serve_command(settings, port, tmp_path)
    assert serve_command(settings, port, tmp_path)[:2] == [str(tmp_path / "bin" / "python"), str(DASHBOARDS_DIR / "serve.py")]


def test_superset_reads_with_the_duckdb_that_writes() -> None:
    pins = [
        re.search(r"^duckdb==(\S+)$", (PROJECT_ROOT / file).read_text(), re.MULTILINE)[1]
        for file in ("constraints.txt", "dashboards/constraints.txt")
    ]
    assert pins[0] == pins[1]


def test_formats_and_captions() -> None:
    written = {"#,##0.00": ",.2f", "#,##0": ",.0f", "#,##0.0": ",.1f", "0.0%": ".1%", "0.00": ".2f", "": ""}
    assert {form: d3_format(form) for form in written} == written
    assert [caption(name) for name in ("item_name", "order_usd", "otif_share")] == ["Item", "Order USD", "OTIF share"]
