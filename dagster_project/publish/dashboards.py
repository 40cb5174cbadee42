"""The dashboards of dashboards/*.yml, read and held against what is published.

Belongs here: what stands on which page, which tables a page reads, and what it names that is not there. Does not belong here: how a
tool writes a chart (superset), and what a metric means (metrics).

A dataset is a published table, or a query over published tables in dashboards/datasets.yml; a chart shows metrics or columns of one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb
import yaml

from dagster_project.publish.contract import BI_SCHEMA, PublishedColumn, PublishedTable
from dagster_project.publish.metrics import Metric, home, needed
from dagster_project.settings import PROJECT_ROOT

DASHBOARDS_DIR = PROJECT_ROOT / "dashboards"
KINDS = ("number", "line", "forecast", "bars", "scatter", "bubble", "table")
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CAPTIONS = {"item_name": "Item", "location_name": "Store", "vendor_name": "Vendor", "abc_class": "Class"}
_ACRONYMS = {"usd", "wape", "mase", "rmse", "otif", "km", "p90", "id"}
_DUCKDB_TYPES = re.compile(r"DECIMAL\((\d+),\s*(\d+)\)")


@dataclass(frozen=True)
class Dataset:
    """What charts read. `sql` is empty for a table as it is published; `metrics_of` is the table whose metrics it may show."""

    name: str
    description: str
    sql: str
    metrics_of: str
    date_column: str
    columns: tuple[PublishedColumn, ...]
    tables: tuple[str, ...]

    def column(self, name: str) -> PublishedColumn:
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True)
class Chart:
    """`metrics` are names of metrics, or `{value_of: column, label: words}`: the column of the one row that is left.

    `may_be_empty` says when there are no rows; without it, a chart without rows is a fault.
    """

    title: str
    kind: str
    dataset: str
    metrics: Sequence[str | Mapping[str, str]] = ()
    columns: Sequence[str] = ()
    x: str = ""
    by: str = ""
    grain: str = ""
    only: str = ""
    sort: str = ""
    limit: int = 1000
    note: str = ""
    may_be_empty: str = ""
    width: int = 4
    formats: Mapping[str, str] = field(default_factory=dict)
    look: Mapping[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Columns it names."""
        values = [metric["value_of"] for metric in self.metrics if not isinstance(metric, str)]
        return [*self.columns, *values, *self.formats, *[name for name, _ in self.order], *[n for n in (self.x, self.by) if n]]

    @property
    def order(self) -> list[tuple[str, bool]]:
        """Columns to sort by, and whether upwards: `-order_usd, term_number` is the largest first, then by term."""
        parts = [part.strip() for part in self.sort.split(",") if part.strip()]
        return [(part.removeprefix("-"), not part.startswith("-")) for part in parts]

    @property
    def metric_names(self) -> list[str]:
        return [metric for metric in self.metrics if isinstance(metric, str)]


@dataclass(frozen=True)
class Filter:
    """A filter over a column of every chart that has it. `one` asks for exactly one value, the first by `sort`."""

    title: str
    dataset: str
    column: str
    one: bool = False
    sort: str = ""


@dataclass(frozen=True)
class Page:
    """One dashboard. `rows` are its height in steps of 8 pixels and its charts."""

    name: str
    title: str
    question: str
    rows: Sequence[tuple[int, Sequence[Chart]]]
    filters: Sequence[Filter]

    @cached_property
    def charts(self) -> list[Chart]:
        return [chart for _, charts in self.rows for chart in charts]


@dataclass(frozen=True)
class Dashboards:
    """All pages in their order, and the datasets by name."""

    pages: Sequence[Page]
    datasets: Mapping[str, Dataset]

    def tables_of(self, page: Page) -> list[str]:
        """Published tables a page reads."""
        used = {chart.dataset for chart in page.charts} | {filter.dataset for filter in page.filters}
        return sorted({table for name in used for table in self.datasets[name].tables})


def read_dashboards(tables: Sequence[PublishedTable], metrics: Mapping[str, Metric], folder: Path = DASHBOARDS_DIR) -> Dashboards:
    """Every page, whole: raises ValueError with a line for each table, column or metric that is named and not published."""
    faults: list[str] = []
    datasets = {table.name: _as_published(table, metrics) for table in tables}
    with duckdb.connect() as connection:
        for table in tables:
            columns = ", ".join(f'"{column.name}" {column.type}' for column in table.columns)
            connection.execute(f"create schema if not exists {BI_SCHEMA}; create table {BI_SCHEMA}.{table.name} ({columns})")
        for name, content in _load(folder / "datasets.yml").items():
            try:
                datasets[name] = _queried(connection, name, content, tables)
            except duckdb.Error as error:
                faults.append(f"dataset {name}: {str(error).splitlines()[0]}")
        pages = [_page(path) for path in sorted((folder / "pages").glob("*.yml"))]
        for page in pages:
            faults += [f"page {page.title}, {fault}" for fault in _faults(connection, page, datasets, metrics)]
    if faults:
        raise ValueError("\n".join(faults))
    return Dashboards(pages, datasets)


def _load(path: Path) -> dict:
    return yaml.load(path.read_text(encoding="utf-8"), _YAML)


def _as_published(table: PublishedTable, metrics: Mapping[str, Metric]) -> Dataset:
    dates = [home(metric, metrics).date_column for metric in metrics.values() if home(metric, metrics).table == table.name]
    dates += [column.name for column in table.columns if column.type in ("date", "timestamp")]
    return Dataset(table.name, table.description, "", table.name, (dates or [""])[0], table.columns, (table.name,))


def _queried(connection: duckdb.DuckDBPyConnection, name: str, content: dict, tables: Sequence[PublishedTable]) -> Dataset:
    """The columns DuckDB says the query has; what they mean and how they are written is what the tables say of the same name."""
    sql = content["sql"].strip()
    used = [table for table in tables if re.search(rf"\b{BI_SCHEMA}\.{table.name}\b", sql)]
    known = {column.name: column for table in reversed(used) for column in table.columns}
    columns = []
    for column, dtype, *_ in connection.sql(f"describe {sql}").fetchall():
        like = known.get(content.get("like", {}).get(column, column))
        kind = _DUCKDB_TYPES.sub(r"decimal(\1, \2)", dtype).lower()
        columns.append(
            PublishedColumn(
                column, kind, like.description if like else "", like.unit if like else "", like.number_format if like else ""
            )
        )
    description = " ".join(content["description"].split())
    return Dataset(
        name,
        description,
        sql,
        content.get("metrics_of", ""),
        content.get("date", ""),
        tuple(columns),
        tuple(t.name for t in used),
    )


def _page(path: Path) -> Page:
    content = _load(path)
    rows = [(row["height"], [_made(Chart, chart, path) for chart in row["charts"]]) for row in content["rows"]]
    filters = [_made(Filter, item, path) for item in content.get("filters", [])]
    return Page(path.stem.partition("_")[2], content["title"], content["question"], rows, filters)


def _made(kind: type, content: dict, path: Path):
    known = [one.name for one in fields(kind)]
    unknown = [name for name in content if name not in known]
    if unknown:
        raise ValueError(f"{path.name}: {', '.join(map(str, unknown))} is not known; choose {', '.join(known)}")
    return kind(**content)


def _faults(
    connection: duckdb.DuckDBPyConnection, page: Page, datasets: Mapping[str, Dataset], metrics: Mapping[str, Metric]
) -> list[str]:
    found = []
    for item in [*page.charts, *page.filters]:
        if item.dataset not in datasets:
            found.append(f"{item.title}: {item.dataset} is not published, nor a dataset")
            continue
        dataset = datasets[item.dataset]
        there = {column.name for column in dataset.columns}
        names = item.names if isinstance(item, Chart) else [item.column]
        found += [f"{item.title}: {item.dataset} has no column {name}" for name in names if name not in there]
        shown = item.metric_names if isinstance(item, Chart) else []
        found += [
            f"{item.title}: {name} is not a metric of {item.dataset}"
            for name in [*shown, *([item.sort] if isinstance(item, Filter) and item.sort else [])]
            if name not in metrics or home(metrics[name], metrics).table != dataset.metrics_of
        ]
        if isinstance(item, Chart):
            if item.kind not in KINDS:
                found.append(f"{item.title}: {item.kind} is not a kind of chart; choose {', '.join(KINDS)}")
            if item.only:
                try:
                    connection.execute(f"select 1 from ({source(dataset)}) where {item.only}")
                except duckdb.Error as error:
                    found.append(f"{item.title}: only {item.only}: {str(error).splitlines()[0]}")
        for measure in [m for name in shown if name in metrics for m in needed(metrics[name], metrics)]:
            found += [f"{item.title}: {item.dataset} lacks {c}, of {measure.name}" for c in measure.columns if c not in there]
    return found


def source(dataset: Dataset) -> str:
    """SQL of all its rows."""
    return dataset.sql or f"select * from {BI_SCHEMA}.{dataset.name}"


def caption(name: str) -> str:
    """A column's name in words."""
    if name in _CAPTIONS:
        return _CAPTIONS[name]
    words = [word.upper() if word in _ACRONYMS else word for word in name.split("_")]
    return " ".join([words[0][:1].upper() + words[0][1:], *words[1:]])
