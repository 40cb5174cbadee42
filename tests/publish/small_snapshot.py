"""A published snapshot of a few rows written down by a test; every table of the contract is there, empty where nothing was said.

Belongs here: writing it. Does not belong here: rows.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

import duckdb

from dagster_project.publish.contract import published_tables

AS_OF = date(2016, 12, 31)
RUN = {
    "run_id": "20170101T060000_00000000",
    "as_of_date": AS_OF,
    "published_at": datetime(2017, 1, 1, 6),
    "contract_version": 1,
    "table_count": 54,
    "row_count": 0,
}

NAMES = {
    "item_id": 1,
    "item_name": "Tea",
    "location_id": 7,
    "location_name": "7 HAZELFORD",
    "vendor_id": 5,
    "vendor_name": "LEAF CO",
}
"""What most rows are of; a table takes those of them that it has."""

Rows = Mapping[str, Sequence[Mapping[str, object]]]


def write_snapshot(database: Path, rows: Rows, more: Sequence[str] = ()) -> Path:
    """The tables with `rows`, columns that are not named null; `more` SQL at the end."""
    database.parent.mkdir(parents=True, exist_ok=True)
    database.write_bytes(_empty())
    with duckdb.connect(str(database)) as connection:
        connection.execute("use bi")
        for table, content in rows.items():
            present = {name for name, *_ in connection.sql(f"describe {table}").fetchall()}
            for row in content:
                row = {name: value for name, value in row.items() if name in present or name not in NAMES}
                names, places = ", ".join(row), ", ".join("?" * len(row))
                connection.execute(f"insert into {table} ({names}) values ({places})", list(row.values()))
        for statement in more:
            connection.execute(statement)
    return database


@functools.cache
def _empty() -> bytes:
    """A snapshot without rows but those that say what it is."""
    tables = published_tables()
    said = [(t.name, t.kind, t.grain) for t in tables if t.kind != "run"]
    meant = [(t.name, n, c.name, c.description) for t in tables for n, c in enumerate(t.columns)]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.duckdb"
        with duckdb.connect(str(path)) as connection:
            connection.execute("create schema bi; use bi; begin")
            for table in tables:
                connection.execute(f"create table {table.name} ({', '.join(f'{c.name} {c.type}' for c in table.columns)})")
            names, places = ", ".join(RUN), ", ".join("?" * len(RUN))
            connection.execute(f"insert into run_info ({names}) values ({places})", list(RUN.values()))
            for rows, into in (
                (said, "run_tables (table_name, kind, grain, row_count)"),
                (meant, "run_columns (table_name, column_number, column_name, description)"),
            ):
                columns = [list(column) for column in zip(*rows, strict=True)]
                parts = ", ".join("unnest(?)" for _ in columns) + (", 0" if "row_count" in into else "")
                connection.execute(f"insert into {into} select {parts}", columns)
            connection.execute("commit")
        return path.read_bytes()
