"""What BI may rely on: the published tables, their columns, types and keys, read from dbt's YAML, and the committed promise.

Belongs here: which models are published, and how a change of them is judged. Does not belong here: data, and databases.

A model of marts, recommendations or reports with an enforced contract is published unless its `meta` says `publish: false`; a model
of another layer is published where its `meta` says `publish: true`. Beside each `..._id` of an item, store or vendor stands its name
(not in facts, which keep to keys): people read names.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from dagster_project.settings import DBT_PROJECT_DIR

BI_SCHEMA = "bi"
MODELS_DIR = DBT_PROJECT_DIR / "models"
CONTRACT_FILE = DBT_PROJECT_DIR / "bi_contract.yml"
ACCEPT = "UPDATE_BI_CONTRACT=1 pytest tests/architecture/test_bi_contract.py"
PUBLISHED_LAYERS = ("marts", "recommendations", "reports")
_YAML = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_ID = re.compile(r"((?:.+_)?(item|location|vendor))_id")
_KINDS = {
    "dim": "dimension",
    "fct": "fact",
    "rpt": "report",
    "role": "role",
    "rec": "recommendation",
    "ml": "estimate",
    "ops": "operation",
}

# ending of a column's name: unit, and how a spreadsheet writes it
_UNITS = (
    (r"_change_from_|(^|_)wape$|^mape", "share", "0.0%"),
    (r"_usd_days$", "USD-days", "#,##0"),
    (r"_unit_days$", "unit-days", "#,##0"),
    (r"_usd(_.+)?$", "USD", "#,##0.00"),
    (r"_per_year$", "share per year", "0.0%"),
    (r"_sell_through$|(^|_)(share|rate|coverage|probability|level|service)(_.+)?$", "share", "0.0%"),
    (r"_units(_.+)?$", "units", "#,##0"),
    (r"_days$|(^|_)days_", "days", "#,##0.0"),
    (r"_weeks$", "weeks", "#,##0.0"),
    (r"(^|_)turn(over|s)$", "turns per year", "0.0"),
    (r"_count$|^lines_|_lines$", "count", "#,##0"),
    (r"_seconds$", "seconds", "#,##0.0"),
    (r"_ratio$", "ratio", "0.0"),
    (r"_ml$", "ml", "#,##0.0"),
)


@dataclass(frozen=True)
class PublishedColumn:
    """One column: `type` is DuckDB's, lower case; `unit` and `number_format` (as in a spreadsheet) are empty where there is none.

    `names` is the id this column is the name of: such a column is not in the model, publishing adds it.
    """

    name: str
    type: str
    description: str
    unit: str = ""
    number_format: str = ""
    names: str = ""

    @property
    def is_number(self) -> bool:
        return self.type.startswith(("decimal", "double", "integer", "bigint"))


@dataclass(frozen=True)
class PublishedTable:
    """One table of schema `bi`. `kind`: dimension, fact, report, role, recommendation, estimate, operation, data or run.

    `key` is what names one row: columns, or an expression where one may be null; empty where nothing does. `references` is, per
    column, the dimension and its column that it points to.
    """

    name: str
    source: str
    kind: str
    description: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[PublishedColumn, ...]
    references: dict[str, tuple[str, str]]

    @property
    def primary_key(self) -> tuple[str, ...]:
        """The key where it is plain columns, none of which is ever null; else empty."""
        names = {column.name for column in self.columns}
        return self.key if set(self.key) <= names else ()

    @property
    def tells_of_runs(self) -> bool:
        """Whether its rows say when something ran: they differ from run to run, whatever the data."""
        return any(column.name in ("recorded_at", "started_at") for column in self.columns)

    def column(self, name: str) -> PublishedColumn:
        return next(column for column in self.columns if column.name == name)


def published_tables(models_dir: Path = MODELS_DIR) -> list[PublishedTable]:
    """Every table of the contract: dimensions first, then by name, what a run says of itself last. Runs no dbt; takes a moment."""
    models = [_model(model, path) for path, model in _declared(models_dir) if _is_published(model, path, models_dir)]
    dimensions = {table.primary_key[0]: table.name for table in models if table.kind == "dimension"}
    tables = [_with_references(table, dimensions) for table in models]
    return [*sorted(tables, key=lambda table: (table.kind != "dimension", table.name)), *RUN_TABLES]


def _declared(models_dir: Path) -> list[tuple[Path, dict]]:
    return [
        (path, model)
        for path in sorted(models_dir.rglob("*.yml"))
        if not path.name.startswith("_")
        for model in yaml.load(_without_unit_tests(path.read_text()), _YAML).get("models", [])
    ]


def _without_unit_tests(text: str) -> str:
    """Unit tests are most of the text, and nothing of the contract."""
    return re.split(r"^unit_tests:", text, maxsplit=1, flags=re.MULTILINE)[0]


def _is_published(model: dict, path: Path, models_dir: Path) -> bool:
    config = model.get("config", {})
    layer = path.relative_to(models_dir).parts[0]
    by_default = layer in PUBLISHED_LAYERS and config.get("contract", {}).get("enforced", False)
    return config.get("meta", {}).get("publish", by_default)


def _model(model: dict, path: Path) -> PublishedTable:
    name = model["name"].replace("stg_ml__", "ml_")
    meta = model["config"]["meta"]
    kind = _KINDS.get(name.partition("_")[0], "data")
    untyped = [column["name"] for column in model["columns"] if not column.get("data_type")]
    if untyped:
        raise ValueError(f"{path.name}: {model['name']} is published, but has no data_type for {', '.join(untyped)}")
    columns: list[PublishedColumn] = []
    present = {column["name"] for column in model["columns"]}
    for column in model["columns"]:
        columns.append(_column(column["name"], column["data_type"], " ".join(column["description"].split())))
        match = _ID.fullmatch(column["name"])
        if match and kind != "fact" and f"{match[1]}_name" not in present:
            what = {"item": "Name of the item", "location": "Number and city of the store", "vendor": "Name of the vendor"}
            columns.append(PublishedColumn(f"{match[1]}_name", "varchar", f"{what[match[2]]} in {match[0]}.", names=match[0]))
    tests = [test["unique_grain"] for test in model.get("data_tests", []) if "unique_grain" in test]
    key = tuple(tests[0]["arguments"]["columns"]) if tests else tuple(meta.get("key", ()))
    parts = path.parts
    schema = parts[parts.index("models") + 1]
    description = " ".join(model["description"].split())
    return PublishedTable(name, f"{schema}.{model['name']}", kind, description, meta["grain"], key, tuple(columns), {})


def _column(name: str, dtype: str, description: str) -> PublishedColumn:
    dtype = re.sub(r",\s*", ", ", dtype.lower())
    column = PublishedColumn(name, dtype, description)
    if not column.is_number or name.endswith(("_id", "_number", "_rank")):
        return column
    return PublishedColumn(name, dtype, description, *(unit_of(name) or ("", "")))


def unit_of(name: str) -> tuple[str, str] | None:
    """Unit of a number and how a spreadsheet writes it, as the column's name says it; None where it does not."""
    return next(((unit, form) for pattern, unit, form in _UNITS if re.search(pattern, name)), None)


def _with_references(table: PublishedTable, dimensions: dict[str, str]) -> PublishedTable:
    if table.kind == "dimension":
        dimensions = {key: name for key, name in dimensions.items() if name != table.name}
    references = {}
    for column in table.columns:
        match = _ID.fullmatch(column.name)
        if match and f"{match[2]}_id" in dimensions:
            references[column.name] = (dimensions[f"{match[2]}_id"], f"{match[2]}_id")
        elif column.type == "date" and "calendar_date" in dimensions and table.kind == "fact":
            references[column.name] = (dimensions["calendar_date"], "calendar_date")
    return PublishedTable(**{**table.__dict__, "references": references})


def _run_table(
    name: str, description: str, grain: str, key: tuple[str, ...], columns: Sequence[tuple[str, str, str]]
) -> PublishedTable:
    return PublishedTable(name, "", "run", description, grain, key, tuple(PublishedColumn(*column) for column in columns), {})


RUN_TABLES = (
    _run_table(
        "run_info",
        "Of which run is all this, how fresh is it, what was refused?",
        "one row",
        ("run_id",),
        (
            ("run_id", "varchar", "Name of this publication: a hash of its data and the moment it was published."),
            ("as_of_date", "date", "Last day whose data the run knows."),
            ("model_run_id", "varchar", "Model run the orders rest on; null where there is none."),
            ("published_at", "timestamp", "When it was published, UTC."),
            ("newest_file_at", "timestamp", "Last change of the newest source file, UTC; null where the source folder is gone."),
            ("source_file_count", "bigint", "Source files that were read."),
            ("lines_read", "bigint", "Lines of source files that were read."),
            ("lines_rejected", "bigint", "Lines that were refused; see rejects."),
            ("table_count", "integer", "Published tables, without those of the run itself."),
            ("row_count", "bigint", "Their rows."),
            ("contract_version", "integer", "Version of the contract with BI; a table or column that was promised can only go with a new one."),
            ("data_hash", "varchar", "Hash of all published rows but those that tell of runs: equal data, equal hash."),
            ("is_synthetic", "boolean", "The data was made by the demo; null where nothing says so."),
        ),
    ),
    _run_table(
        "run_sources",
        "How fresh is each source, and what was refused of it?",
        "one row per kind of file",
        ("adapter", "file_kind"),
        (
            ("adapter", "varchar", "Source the file belongs to."),
            ("file_kind", "varchar", "Kind of file."),
            ("file_count", "bigint", "Files of this kind that were read; 0 where there is none."),
            ("newest_file_at", "timestamp", "Last change of the newest of them, UTC; null without one."),
            ("lines_read", "bigint", "Lines read."),
            ("lines_rejected", "bigint", "Lines refused; see rejects."),
            ("absence", "varchar", "What is missing while there is no such file."),
        ),
    ),
    _run_table(
        "run_tables",
        "Which tables are there, how large are they, and did they change?",
        "one row per table",
        ("table_name",),
        (
            ("table_name", "varchar", "Table."),
            ("kind", "varchar", "dimension, fact, report, role, recommendation, estimate, operation or data."),
            ("description", "varchar", "The question it answers."),
            ("grain", "varchar", "What one row is."),
            ("row_count", "bigint", "Rows."),
            ("data_hash", "varchar", "Hash of its rows, in any order."),
        ),
    ),
    _run_table(
        "run_columns",
        "What does each column mean, in which unit?",
        "one row per table and column",
        ("table_name", "column_number"),
        (
            ("table_name", "varchar", "Table."),
            ("column_number", "integer", "Place in the table, from 1."),
            ("column_name", "varchar", "Column."),
            ("column_type", "varchar", "Type, as DuckDB calls it."),
            ("unit", "varchar", "Unit; empty where there is none."),
            ("number_format", "varchar", "How a spreadsheet writes it; empty where it is not a number."),
            ("description", "varchar", "What it means."),
        ),
    ),
)  # fmt: skip


# The committed promise ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Promise:
    """What was promised: the version, and types by table and column."""

    version: int
    keys: dict[str, list[str]]
    columns: dict[str, dict[str, str]]


def promised(path: Path = CONTRACT_FILE) -> Promise:
    """The committed contract."""
    content = yaml.load(path.read_text(), _YAML)
    tables = content["tables"]
    return Promise(
        content["version"],
        {name: table["key"] for name, table in tables.items()},
        {name: table["columns"] for name, table in tables.items()},
    )


def broken_promises(tables: Sequence[PublishedTable], promise: Promise) -> list[str]:
    """What dashboards may rely on and is not there any more, one line each; empty where there is nothing to fear."""
    now = {table.name: {column.name: column.type for column in table.columns} for table in tables}
    found = []
    for name, columns in promise.columns.items():
        if name not in now:
            found.append(f"{BI_SCHEMA}.{name}: the table is not published any more; dashboards may read it")
            continue
        new = [column for column in now[name] if column not in columns]
        for column, dtype in columns.items():
            if column not in now[name]:
                renamed = f" (renamed to {' or '.join(new)}?)" if new else ""
                found.append(f"{BI_SCHEMA}.{name}.{column}: the column is gone{renamed}; dashboards may read it")
            elif now[name][column] != dtype:
                found.append(f"{BI_SCHEMA}.{name}.{column}: was promised as {dtype}, is {now[name][column]}")
    return found


def additions(tables: Sequence[PublishedTable], promise: Promise) -> list[str]:
    """Tables and columns that nobody was promised yet, and keys that changed."""
    found = []
    for table in tables:
        if table.name not in promise.columns:
            found.append(f"{BI_SCHEMA}.{table.name}: a new table")
            continue
        found += [
            f"{BI_SCHEMA}.{table.name}.{c.name}: a new column" for c in table.columns if c.name not in promise.columns[table.name]
        ]
        if list(table.key) != promise.keys[table.name]:
            found.append(f"{BI_SCHEMA}.{table.name}: the key is {', '.join(table.key)} now")
    return found


def contract_text(tables: Sequence[PublishedTable], version: int) -> str:
    """The contract file: readable, and a change of it is a difference to read."""
    lines = [
        "# What dashboards rely on. Written by a test, read before every publication; a change is accepted with:",
        f"#   {ACCEPT}",
        f"version: {version}",
        "tables:",
    ]
    for table in tables:
        lines += [f"  {table.name}:", f"    key: [{', '.join(_quoted(part) for part in table.key)}]", "    columns:"]
        lines += [f"      {column.name}: {column.type}" for column in table.columns]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return text if text.isidentifier() else f'"{text}"'


def accept(path: Path = CONTRACT_FILE, models_dir: Path = MODELS_DIR) -> str:
    """Write the contract as it is now; the version rises where something promised has gone. Returns what was written."""
    tables = published_tables(models_dir)
    version = 1
    if path.exists():
        before = promised(path)
        version = before.version + bool(broken_promises(tables, before))
    text = contract_text(tables, version)
    path.write_text(text)
    return text
