"""`stockroom publish --to superset`: the dashboards and every published table as an import bundle of Apache Superset.

Belongs here: what Superset's files look like. Does not belong here: what stands on which page (dashboards/*.yml), what a metric means
(metrics), and Superset itself, which lives in an environment of its own (dashboards/serve.py).

The bundle holds no data and no path, and the same project gives the same files.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from dagster_project.publish.contract import BI_SCHEMA, published_tables
from dagster_project.publish.dashboards import DASHBOARDS_DIR, Dashboards, Dataset, Page, caption, read_dashboards
from dagster_project.publish.errors import PublishError
from dagster_project.publish.folder import new_folder
from dagster_project.publish.metrics import Metric, defined_metrics, home, sql
from dagster_project.publish.superset_charts import chart_params, metric_format
from dagster_project.settings import PROJECT_ROOT, Settings

DATABASE = "Stockroom"
# dashboards/superset_config.py puts the published file of the day in its place, read only
DATABASE_URI = "duckdb:///published"
_MADE = "2020-01-01T00:00:00+00:00"  # Superset wants a time; the same each time


@dataclass(frozen=True)
class Bundle:
    """What was written."""

    folder: Path
    dashboard_count: int
    chart_count: int
    dataset_count: int
    metric_count: int

    def __str__(self) -> str:
        return (
            f"{self.dashboard_count} dashboards of {self.chart_count} charts, {self.dataset_count} datasets with {self.metric_count}"
            f" metrics in {self.folder}"
        )


def serve_command(settings: Settings, port: int, environment: Path = PROJECT_ROOT / ".venv-superset") -> list[str]:
    """What starts the server. Raises PublishError where something is missing that it needs."""
    snapshot = settings.published / "stockroom.duckdb"
    if not snapshot.exists():
        raise PublishError([f"{snapshot}: nothing is published yet"], "Next: make run")
    python = environment / "bin" / "python"
    if not python.exists():
        raise PublishError(["Superset is not installed"], "Next: make dashboard (about 700 MB, in an environment of its own)")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise PublishError(
                [f"port {port} cannot be used: {error.strerror}"], f"Next: stockroom dashboard --port {port + 1}"
            ) from None
    script = DASHBOARDS_DIR / "serve.py"
    given = {"home": settings.superset_home, "snapshot": snapshot, "bundle": settings.published / "superset", "port": port}
    return [str(python), str(script), *[part for name, value in given.items() for part in (f"--{name}", str(value))]]


def publish_to_superset(settings: Settings) -> Bundle:
    """Write the bundle. Raises PublishError; then nothing has changed."""
    tables, metrics = published_tables(), defined_metrics()
    try:
        dashboards = read_dashboards(tables, metrics)
    except ValueError as error:
        raise PublishError(str(error).splitlines(), "Mend dashboards/: it names what is not published.") from None
    files = bundle_files(dashboards, metrics)
    with new_folder(settings.published, "superset") as folder:
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            text = yaml.dump(
                content, sort_keys=False, allow_unicode=True, width=130, Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper)
            )
            (folder / path).write_text(text, encoding="utf-8")
    charts = sum(len(page.charts) for page in dashboards.pages)
    home_folder = settings.published / "superset"
    return Bundle(home_folder, len(dashboards.pages), charts, len(dashboards.datasets), len(metrics))


def bundle_files(dashboards: Dashboards, metrics: Mapping[str, Metric]) -> dict[str, dict]:
    """Every file of the bundle by its path: one database, its datasets, charts and dashboards."""
    files: dict[str, dict] = {
        "metadata.yaml": {"version": "1.0.0", "type": "assets", "timestamp": _MADE},
        f"databases/{DATABASE}.yaml": _database(),
    }
    for dataset in dashboards.datasets.values():
        files[f"datasets/{DATABASE}/{dataset.name}.yaml"] = _dataset(dataset, metrics)
    for page in dashboards.pages:
        for chart in page.charts:
            dataset = dashboards.datasets[chart.dataset]
            kind, params = chart_params(chart, dataset, metrics)
            files[f"charts/{page.name}/{_file_name(chart.title)}.yaml"] = {
                "slice_name": chart.title,
                "description": chart.note or dataset.description,
                "viz_type": kind,
                "params": params,
                "uuid": _id("chart", page.name, chart.title),
                "version": "1.0.0",
                "dataset_uuid": _id("dataset", dataset.name),
            }
        files[f"dashboards/{page.name}.yaml"] = _dashboard(page, dashboards)
    return files


def _id(*names: str) -> str:
    """The same in every bundle, so that Superset replaces what it has and keeps what people made."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "stockroom/superset/" + "/".join(names)))


def _file_name(title: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in title)[:60]


def _database() -> dict:
    return {
        "database_name": DATABASE,
        "sqlalchemy_uri": DATABASE_URI,
        "expose_in_sqllab": True,
        "allow_run_async": False,
        "allow_ctas": False,
        "allow_cvas": False,
        "allow_dml": False,
        "allow_csv_upload": False,
        "extra": {"allows_virtual_table_explore": True},
        "uuid": _id("database"),
        "version": "1.0.0",
    }


def _dataset(dataset: Dataset, metrics: Mapping[str, Metric]) -> dict:
    own = [metric for metric in metrics.values() if home(metric, metrics).table == dataset.metrics_of]
    labels = {metric.name: metric.label for metric in own}  # Superset has one caption for a metric and a column of one name
    return {
        "table_name": dataset.name,
        "schema": BI_SCHEMA,
        "sql": dataset.sql or None,
        "description": dataset.description,
        "main_dttm_col": dataset.date_column or None,
        "filter_select_enabled": True,
        "uuid": _id("dataset", dataset.name),
        "database_uuid": _id("database"),
        "version": "1.0.0",
        "metrics": [
            {
                "metric_name": metric.name,
                "verbose_name": metric.label,
                "expression": sql(metric, metrics),
                "description": metric.description,
                "d3format": metric_format(metric),
            }
            for metric in own
            if not metric.is_hidden
        ],
        "columns": [
            {
                "column_name": column.name,
                "verbose_name": labels.get(column.name) or caption(column.name),
                "description": column.description,
                "type": column.type.upper(),
                "is_dttm": column.type in ("date", "timestamp"),
                "is_active": True,
                "groupby": True,
                "filterable": True,
            }
            for column in dataset.columns
        ],
    }


def _dashboard(page: Page, dashboards: Dashboards) -> dict:
    return {
        "dashboard_title": page.title,
        "description": page.question,
        "slug": page.name,
        "uuid": _id("dashboard", page.name),
        "version": "1.0.0",
        "published": True,
        "position": _position(page, dashboards),
        "metadata": {
            "cross_filters_enabled": True,
            "filter_bar_orientation": "HORIZONTAL",
            "native_filter_configuration": [_filter(page, number) for number in range(len(page.filters))],
            "refresh_frequency": 0,
            "timed_refresh_immune_slices": [],
            "expanded_slices": {},
            "label_colors": {},
            "color_scheme": "",
        },
    }


def _position(page: Page, dashboards: Dashboards) -> dict:
    """The layout: a line of links to the other pages, then the rows."""
    links = " · ".join(
        f"**{other.title}**" if other.name == page.name else f"[{other.title}](/superset/dashboard/{other.name}/)"
        for other in dashboards.pages
    )
    nodes: dict[str, object] = {
        "DASHBOARD_VERSION_KEY": "v2",
        "ROOT_ID": {"id": "ROOT_ID", "type": "ROOT", "children": ["GRID_ID"]},
        "HEADER_ID": {"id": "HEADER_ID", "type": "HEADER", "meta": {"text": page.title}},
        "GRID_ID": {"id": "GRID_ID", "type": "GRID", "children": [], "parents": ["ROOT_ID"]},
    }
    pages = {
        "id": "MARKDOWN-pages",
        "type": "MARKDOWN",
        "children": [],
        "meta": {"width": 12, "height": 10, "code": f"{links}\n\n{page.question}"},
    }
    rows = [[pages]]
    for number, (height, charts) in enumerate(page.rows):
        rows.append(
            [
                {
                    "id": f"CHART-{number}-{place}",
                    "type": "CHART",
                    "children": [],
                    "meta": {
                        "width": chart.width,
                        "height": height,
                        "chartId": 1 + len(nodes) * 100 + place,  # replaced by the import
                        "sliceName": chart.title,
                        "uuid": _id("chart", page.name, chart.title),
                    },
                }
                for place, chart in enumerate(charts)
            ]
        )
    for number, members in enumerate(rows):
        name = f"ROW-{number}"
        nodes["GRID_ID"]["children"].append(name)
        nodes[name] = {
            "id": name,
            "type": "ROW",
            "children": [member["id"] for member in members],
            "parents": ["ROOT_ID", "GRID_ID"],
            "meta": {"background": "BACKGROUND_TRANSPARENT"},
        }
        for member in members:
            nodes[member["id"]] = member | {"parents": ["ROOT_ID", "GRID_ID", name]}
    return nodes


def _filter(page: Page, number: int) -> dict:
    item = page.filters[number]
    return {
        "id": f"NATIVE_FILTER-{page.name}-{number}",
        "name": item.title,
        "type": "NATIVE_FILTER",
        "filterType": "filter_select",
        "targets": [{"datasetUuid": _id("dataset", item.dataset), "column": {"name": item.column}}],
        "defaultDataMask": {"extraFormData": {}, "filterState": {}, "ownState": {}},
        "cascadeParentIds": [],
        "requiredFirst": item.one,
        "scope": {"rootPath": ["ROOT_ID"], "excluded": []},
        "controlValues": {
            "enableEmptyFilter": item.one,
            "defaultToFirstItem": item.one,
            "multiSelect": not item.one,
            "searchAllOptions": item.one,
            "inverseSelection": False,
            **({"sortAscending": False} if item.sort else {}),
        },
        **({"sortMetric": item.sort} if item.sort else {}),
    }
