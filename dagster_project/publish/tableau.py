"""Tableau: the published snapshot as .hyper extracts, and as data sources (.tdsx) with captions, formats, folders and metrics.

Belongs here: what Tableau's files look like. Does not belong here: what a metric means (metrics), and which tables (contract).

    published/tableau -> .tableau/N           the one pointer that is switched
      stockroom.hyper                         all tables
      extracts/TABLE.hyper                    one table each
      TABLE.tdsx                              a table that metrics are made of, its dimensions joined to it
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree as xml

import duckdb

from dagster_project.publish.contract import BI_SCHEMA, PublishedColumn, PublishedTable, published_tables
from dagster_project.publish.errors import PublishError
from dagster_project.publish.folder import new_folder
from dagster_project.publish.metrics import Metric, defined_metrics, home, tableau, unknown_columns
from dagster_project.settings import Settings

_BATCH_ROWS = 100_000
VERSION = "18.1"  # of the document, as Tableau writes it since 2018
_TYPES = {
    "varchar": ("string", "nominal", "dimension"),
    "boolean": ("boolean", "nominal", "dimension"),
    "date": ("date", "ordinal", "dimension"),
    "timestamp": ("datetime", "ordinal", "dimension"),
    "integer": ("integer", "quantitative", "measure"),
    "bigint": ("integer", "quantitative", "measure"),
    "double": ("real", "quantitative", "measure"),
    "decimal": ("real", "quantitative", "measure"),
}


@dataclass(frozen=True)
class Extracts:
    """What was written."""

    folder: Path
    table_count: int
    source_count: int


@dataclass(frozen=True)
class Field:
    """One column of a data source: `name` is what formulas call it, unique over the joined tables."""

    name: str
    table: str
    column: PublishedColumn
    is_own: bool


def publish_to_tableau(settings: Settings) -> Extracts:
    """Write the extracts and data sources of the published snapshot. Raises PublishError; then what was there is untouched."""
    try:
        import pantab
    except ModuleNotFoundError:
        raise PublishError(
            ["pantab is not installed; it writes Tableau's extracts"], "Next: pip install 'stockroom[tableau]'"
        ) from None
    tables, metrics = published_tables(), defined_metrics()
    broken = unknown_columns(metrics, tables)
    if broken:
        raise PublishError(broken, "Mend dbt_project/models/semantic: it names columns that are not published.")
    database = settings.published / "stockroom.duckdb"
    if not database.exists():
        raise PublishError([f"{database}: nothing is published yet"], "Next: stockroom publish")
    sources = sorted({home(metric, metrics).table for metric in metrics.values()})
    with new_folder(settings.published, "tableau") as folder:
        (folder / "extracts").mkdir()
        by_name = {table.name: table for table in tables}
        with duckdb.connect(str(database), read_only=True) as connection:

            def write(path: Path, names: Sequence[str]) -> None:
                # as streams: the facts of a large chain do not fit into memory as Arrow tables
                rows = {name: connection.cursor().execute(_select(by_name[name])).to_arrow_reader(_BATCH_ROWS) for name in names}
                pantab.frames_to_hyper(rows, path, atomic=False)

            write(folder / "stockroom.hyper", list(by_name))
            for name in by_name:
                write(folder / "extracts" / f"{name}.hyper", [name])
            for name in sources:
                extract = folder / f".{name}.hyper"
                write(extract, [name, *_dimensions(by_name[name])])
                own = [metric for metric in metrics.values() if home(metric, metrics).table == name]
                _pack(folder / f"{name}.tdsx", name, extract, tds(by_name[name], by_name, own, metrics))
                extract.unlink()
        for path in folder.rglob("*.hyper"):
            path.chmod(0o644)  # as any other file; Hyper shuts others out
    return Extracts(settings.published / "tableau", len(tables), len(sources))


def _select(table: PublishedTable) -> str:
    """Numbers as Tableau calculates them, in doubles: Hyper's decimals gain nothing there, and pantab 5.3 fails on -0.05.

    What is 128 bits wide has no type in Hyper.
    """
    columns = [
        f"cast({column.name} as double) as {column.name}"
        if column.type.startswith("decimal") or column.type in ("hugeint", "uhugeint")
        else column.name
        for column in table.columns
    ]
    return f"select {', '.join(columns)} from {BI_SCHEMA}.{table.name}"


def _dimensions(table: PublishedTable) -> list[str]:
    """The dimensions a table is joined to, each once, by the column of the same name."""
    return list(dict.fromkeys(name for column, (name, key) in table.references.items() if column == key and name != table.name))


def fields(table: PublishedTable, tables: Mapping[str, PublishedTable]) -> list[Field]:
    """The columns of a data source. Those of a dimension whose name is taken are called `name (dimension)`."""
    found = [Field(column.name, table.name, column, True) for column in table.columns]
    taken = {field.name for field in found}
    for name in _dimensions(table):
        for column in tables[name].columns:
            if column.name in tables[name].primary_key:
                continue  # equal to the table's own
            shown = f"{column.name} ({name})" if column.name in taken else column.name
            taken.add(shown)
            found.append(Field(shown, name, column, False))
    return found


def tds(
    table: PublishedTable, tables: Mapping[str, PublishedTable], own: Sequence[Metric], metrics: Mapping[str, Metric]
) -> bytes:
    """The description of one data source, as the .tds inside the .tdsx."""
    root = xml.Element(
        "datasource", {"formatted-name": table.name, "inline": "true", "source-platform": "linux", "version": VERSION}
    )
    federated = xml.SubElement(root, "connection", {"class": "federated"})
    named = xml.SubElement(xml.SubElement(federated, "named-connections"), "named-connection", caption=table.name, name="hyper")
    xml.SubElement(
        named,
        "connection",
        {"authentication": "auth-none", "class": "hyper", "dbname": f"Data/{table.name}.hyper", "default-settings": "yes",
         "schema": "public", "sslmode": "", "username": "tableau_internal_user"},
    )  # fmt: skip
    federated.append(_relation(table))
    every = fields(table, tables)
    columns = xml.SubElement(federated, "cols")
    for field in every:
        xml.SubElement(columns, "map", key=f"[{field.name}]", value=f"[{field.table}].[{field.column.name}]")
    xml.SubElement(root, "aliases", enabled="yes")
    labels = {metric.label for metric in own}
    for field in every:
        _column(root, field, labels)
    for metric in own:
        _calculation(root, metric, metrics)
    folders = xml.SubElement(root, "folders-common")
    grouped: dict[str, list[str]] = {}
    for metric in own:
        grouped.setdefault("Metrics" if not metric.is_hidden else "Steps of metrics", []).append(f"Metric_{metric.name}")
    for field in every:
        grouped.setdefault(f"Columns of {field.table}", []).append(field.name)
    for name, members in grouped.items():
        folder = xml.SubElement(folders, "folder", name=name)
        for member in members:
            xml.SubElement(folder, "folder-item", name=f"[{member}]", type="field")
    return xml.tostring(root, encoding="utf-8", xml_declaration=True)


def _relation(table: PublishedTable) -> xml.Element:
    """The table, its dimensions joined from the left: each row once, whatever it refers to."""
    relation = _table(table.name)
    for name in _dimensions(table):
        joined = xml.Element("relation", join="left", type="join")
        equal = xml.SubElement(xml.SubElement(joined, "clause", type="join"), "expression", op="=")
        key = next(
            column
            for column, (dimension, column_there) in table.references.items()
            if (dimension, column_there) == (name, column)
        )
        xml.SubElement(equal, "expression", op=f"[{table.name}].[{key}]")
        xml.SubElement(equal, "expression", op=f"[{name}].[{key}]")
        joined.append(relation)
        joined.append(_table(name))
        relation = joined
    return relation


def _table(name: str) -> xml.Element:
    return xml.Element("relation", connection="hyper", name=name, table=f"[public].[{name}]", type="table")


def _column(root: xml.Element, field: Field, labels: set[str]) -> None:
    column = field.column
    datatype, kind, role = _TYPES[column.type.partition("(")[0]]
    if column.is_number and not column.number_format:
        kind, role = "ordinal", "dimension"  # ids and numbers that nobody adds up
    told = {"caption": _caption(field, labels), "datatype": datatype, "name": f"[{field.name}]", "role": role, "type": kind}
    if column.number_format:
        told["default-format"] = number_format(column.number_format)
    if role == "measure" and column.unit not in ("USD", "units", "count", "USD-days", "unit-days"):
        told["aggregation"] = "Avg"  # never add up shares and days; metrics say how they combine
    element = xml.SubElement(root, "column", told)
    _described(element, column.description)


def _caption(field: Field, labels: set[str]) -> str:
    """A column's name in words; where a metric is called so, the column is that of a single row."""
    caption = field.column.name.replace("_", " ").replace(" usd", " USD").capitalize().replace(" usd", " USD")
    if caption in labels:
        return f"{caption} (of the row)"
    return caption if field.is_own else f"{caption} ({field.table.removeprefix('dim_')})"


def _calculation(root: xml.Element, metric: Metric, metrics: Mapping[str, Metric]) -> None:
    element = xml.SubElement(
        root,
        "column",
        {"caption": metric.label, "datatype": "real", "default-format": number_format(metric.number_format),
         "name": f"[Metric_{metric.name}]", "role": "measure", "type": "quantitative", **({"hidden": "true"} if metric.is_hidden else {})},
    )  # fmt: skip
    xml.SubElement(element, "calculation", {"class": "tableau", "formula": tableau(metric, metrics)})
    _described(element, metric.description)


def _described(element: xml.Element, text: str) -> None:
    run = xml.SubElement(xml.SubElement(xml.SubElement(element, "desc"), "formatted-text"), "run")
    run.text = text


def number_format(text: str) -> str:
    """A spreadsheet's format as Tableau's `default-format`: `p` for shares, `n` for numbers."""
    return f"p{text}" if text.endswith("%") else f"n{text};-{text}"


def _pack(path: Path, name: str, extract: Path, document: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.tds", document)
        archive.write(extract, f"Data/{name}.hyper")
