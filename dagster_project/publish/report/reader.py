"""Questions to the published snapshot.

Belongs here: opening it, rows as dictionaries, what a column means. Does not belong here: which questions.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.publish.contract import BI_SCHEMA

Row = dict[str, Any]


class Reader:
    """Reads one snapshot, and nothing else; use it in a `with`."""

    def __init__(self, database: Path) -> None:
        self._connection = duckdb.connect(str(database), read_only=True)
        self._connection.execute(f"use {BI_SCHEMA}")

    def __enter__(self) -> Reader:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def rows(self, sql: str, *parameters: Any) -> list[Row]:
        """Every row as a dictionary."""
        found = self._connection.execute(sql, parameters or None)
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]

    def one(self, sql: str, *parameters: Any) -> Row:
        """The first row; all columns null where there is none."""
        found = self._connection.execute(sql, parameters or None)
        names = [column[0] for column in found.description]
        return dict(zip(names, found.fetchone() or [None] * len(names), strict=True))

    def has(self, *tables: str) -> bool:
        """All these tables are published (they may be empty)."""
        return set(tables) <= self._tables

    def definition(self, of: str) -> str:
        """What `table.column` means, as dbt's YAML says; empty where nobody says."""
        return self._definitions.get(of, "")

    def question(self, table: str) -> str:
        """The question the table answers."""
        return self._tables_said.get(table, "")

    @cached_property
    def _tables(self) -> set[str]:
        return {row["table_name"] for row in self.rows("select table_name from run_tables")}

    @cached_property
    def _definitions(self) -> dict[str, str]:
        rows = self.rows("select table_name || '.' || column_name as name, description from run_columns")
        return {row["name"]: row["description"] for row in rows}

    @cached_property
    def _tables_said(self) -> dict[str, str]:
        return {row["table_name"]: row["description"] for row in self.rows("select table_name, description from run_tables")}
