"""The semantic model of the Power BI project, as TMDL text.

Belongs here: tables, columns, relationships and measures in Power BI's words. Does not belong here: what a metric means (metrics),
which tables there are (contract), and the report's pages.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from dagster_project.publish.contract import BI_SCHEMA, PublishedColumn, PublishedTable
from dagster_project.publish.metrics import Metric, dax, home

METRICS_TABLE = "Metrics"
_DATE_TABLE = "dim_date"
_SUMMED_UNITS = ("USD", "units", "count", "USD-days", "unit-days")
_TYPES = {
    "varchar": ("string", "type text"),
    "boolean": ("boolean", "type logical"),
    "date": ("dateTime", "type date"),
    "timestamp": ("dateTime", "type datetime"),
    "integer": ("int64", "Int64.Type"),
    "bigint": ("int64", "Int64.Type"),
    "double": ("double", "type number"),
    "decimal": ("decimal", "Currency.Type"),  # fixed, four digits after the point
}


@dataclass(frozen=True)
class Source:
    """Where the model's tables are read: a PostgreSQL server, or the folder of Parquet files where `server` is empty."""

    folder: str = ""
    server: str = ""
    database: str = ""

    @classmethod
    def of(cls, parquet: Path, postgres_url: str) -> Source:
        """PostgreSQL where a URL is given, without its user and password: Power BI asks each reader for their own."""
        if not postgres_url:
            return cls(folder=str(parquet))
        url = urlsplit(postgres_url)
        server = f"{url.hostname or 'localhost'}:{url.port}" if url.port else url.hostname or "localhost"
        return cls(server=server, database=url.path.strip("/") or "postgres")


@dataclass(frozen=True)
class Relationship:
    """Many rows of `table` to one of `to_table`. Only an active one filters by itself."""

    table: str
    column: str
    to_table: str
    to_column: str
    is_active: bool


def model_files(tables: Sequence[PublishedTable], metrics: Mapping[str, Metric], source: Source) -> dict[str, str]:
    """The files of the folder `definition`, by their path."""
    by_name = {table.name: table for table in tables}
    related = relationships(tables, metrics)
    files = {
        "database.tmdl": "database\n\tcompatibilityLevel: 1600\n",
        "model.tmdl": _model([*by_name, METRICS_TABLE]),
        "expressions.tmdl": _parameters(source),
        "relationships.tmdl": "\n".join(_relationship(link) for link in related),
        f"tables/{METRICS_TABLE}.tmdl": _metrics_table(metrics, by_name),
    }
    keys = {(link.table, link.column) for link in related} | {(link.to_table, link.to_column) for link in related}
    for table in tables:
        files[f"tables/{table.name}.tmdl"] = _table(table, keys, source)
    return files


def relationships(tables: Sequence[PublishedTable], metrics: Mapping[str, Metric]) -> list[Relationship]:
    """What the contract says a column refers to, and the date each metric is counted by.

    Power BI allows one active way from one table to another. Dimensions are therefore not related to each other (an item's vendor
    stands in dim_product by name), and a second column that refers to the same dimension is inactive. The date that metrics of a
    table are counted by comes before others.
    """
    dates: dict[str, str] = {}
    for metric in metrics.values():
        measure = home(metric, metrics)
        dates.setdefault(measure.table, measure.date_column)
    found: list[Relationship] = []
    for table in tables:
        wanted = list(table.references.items())
        if table.name in dates:
            wanted.insert(0, (dates[table.name], (_DATE_TABLE, "calendar_date")))
        reached: set[str] = set()
        for column, (to_table, to_column) in dict(wanted).items():
            is_active = to_table not in reached and table.kind != "dimension"
            reached.add(to_table)
            found.append(Relationship(table.name, column, to_table, to_column, is_active))
    return found


def quoted(name: str) -> str:
    """A name as TMDL writes it: in single quotes unless it is letters, digits and underscores."""
    return name if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) else "'" + name.replace("'", "''") + "'"


def _tag(*names: str) -> str:
    """The same in every generation, so that Power BI knows an object again."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "stockroom/powerbi/" + "/".join(names)))


def _described(text: str, tabs: str) -> str:
    return f"{tabs}/// {' '.join(text.split())}\n" if text else ""


def _model(names: Sequence[str]) -> str:
    references = "".join(f"ref table {quoted(name)}\n" for name in names)
    return (
        "model Model\n\tculture: en-US\n\tdefaultPowerBIDataSourceVersion: powerBI_V3\n\tsourceQueryCulture: en-US\n"
        "\tdataAccessOptions\n\t\tlegacyRedirects\n\t\treturnErrorValuesAsNull\n\n"
        f"annotation __PBI_TimeIntelligenceEnabled = 0\n\n{references}"
    )


def _parameters(source: Source) -> str:
    if source.server:
        parameters = {
            "Server": (source.server, "PostgreSQL server that Stockroom publishes to, host or host:port."),
            "Database": (source.database, "Its database."),
        }
    else:
        parameters = {"Folder": (source.folder, "Folder of the published Parquet files, as this computer sees it.")}
    text = ""
    for name, (value, description) in parameters.items():
        quoted_value = value.replace('"', '""')
        text += _described(description, "")
        text += f'expression {name} = "{quoted_value}" meta [IsParameterQuery=true, Type="Text", IsParameterQueryRequired=true]\n'
        text += f"\tlineageTag: {_tag('expression', name)}\n\n\tannotation PBI_ResultType = Text\n\n"
    return text


def _relationship(link: Relationship) -> str:
    text = f"relationship {_tag('relationship', link.table, link.column)}\n"
    if not link.is_active:
        text += "\tisActive: false\n"
    return (
        text
        + f"\tfromColumn: {quoted(link.table)}.{quoted(link.column)}\n\ttoColumn: {quoted(link.to_table)}.{quoted(link.to_column)}\n"
    )


def _table(table: PublishedTable, keys: set[tuple[str, str]], source: Source) -> str:
    text = (
        _described(f"{table.description} ({table.grain})", "") + f"table {quoted(table.name)}\n\tlineageTag: {_tag(table.name)}\n"
    )
    if table.name == _DATE_TABLE:
        text += "\tdataCategory: Time\n"
    text += "\n"
    adds_up = not {"level", "period_type"} & {column.name for column in table.columns}
    for column in table.columns:
        text += _column(table, column, (table.name, column.name) in keys, adds_up)
    return text + _partition(table, source)


def _column(table: PublishedTable, column: PublishedColumn, is_key: bool, adds_up: bool) -> str:
    lines = [f"column {quoted(column.name)}", f"\tdataType: {_TYPES[column.type.partition('(')[0]][0]}"]
    if table.kind == "dimension" and table.primary_key == (column.name,):
        lines.append("\tisKey")
    if is_key and column.name.endswith("_id"):
        lines.append("\tisHidden")
    if column.number_format:
        lines.append(f"\tformatString: {column.number_format}")
    elif column.type == "date":
        lines.append("\tformatString: yyyy-mm-dd")
    summarize = "sum" if column.is_number and adds_up and column.unit in _SUMMED_UNITS else "none"
    lines += [f"\tlineageTag: {_tag(table.name, column.name)}", f"\tsummarizeBy: {summarize}", f"\tsourceColumn: {column.name}"]
    body = "".join(f"\t{line}\n" for line in lines)
    return f"{_described(column.description, chr(9))}{body}\n\t\tannotation SummarizationSetBy = User\n\n"


def _partition(table: PublishedTable, source: Source) -> str:
    if source.server:
        rows = f'PostgreSQL.Database(Server, Database){{[Schema = "{BI_SCHEMA}", Item = "{table.name}"]}}[Data]'
    else:
        rows = f'Parquet.Document(File.Contents(Folder & "/{table.name}.parquet"))'
    types = ", ".join(f'{{"{column.name}", {_TYPES[column.type.partition("(")[0]][1]}}}' for column in table.columns)
    return (
        f"\tpartition {quoted(table.name)} = m\n\t\tmode: import\n\t\tsource =\n\t\t\t\tlet\n"
        f"\t\t\t\t\tRows = {rows},\n\t\t\t\t\tTyped = Table.TransformColumnTypes(Rows, {{{types}}})\n\t\t\t\tin\n\t\t\t\t\tTyped\n\n"
        "\tannotation PBI_ResultType = Table\n"
    )


def _metrics_table(metrics: Mapping[str, Metric], tables: Mapping[str, PublishedTable]) -> str:
    """A table without rows that holds all measures, in folders."""
    text = f"/// Measures, made from dbt's metrics.\ntable {METRICS_TABLE}\n\tlineageTag: {_tag(METRICS_TABLE)}\n\n"
    for metric in metrics.values():
        text += _described(metric.description, "\t")
        text += f"\tmeasure {quoted(metric.label)} = {dax(metric, metrics, tables)}\n"
        text += f"\t\tformatString: {metric.number_format}\n"
        if metric.is_hidden:
            text += "\t\tisHidden\n"
        text += f"\t\tdisplayFolder: {home(metric, metrics).folder}\n\t\tlineageTag: {_tag(METRICS_TABLE, metric.name)}\n\n"
    text += (
        f"\tcolumn placeholder\n\t\tdataType: string\n\t\tisHidden\n\t\tlineageTag: {_tag(METRICS_TABLE, '')}\n\t\tsummarizeBy: none\n"
        "\t\tsourceColumn: placeholder\n\n\t\tannotation SummarizationSetBy = User\n\n"
        f"\tpartition {METRICS_TABLE} = m\n\t\tmode: import\n\t\tsource = #table(type table [placeholder = text], {{}})\n\n"
        "\tannotation PBI_ResultType = Table\n"
    )
    return text
