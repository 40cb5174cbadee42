"""The published snapshot, opened: its tables, the rows of an item at once, and the change to a newer one.

Belongs here: everything that knows DuckDB and the folder `published`. Does not belong here: requests, and which query is asked.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

ORDERS = "rec_orders"
_CACHED_BYTES = 64_000_000
_RUN_ID = re.compile(r"[A-Za-z0-9_]{1,80}")


class SnapshotError(Exception):
    """There is no snapshot that can be read; says what to do."""


class QueryTooSlow(Exception):
    """A query ran longer than it may."""


@dataclass(frozen=True)
class ServedColumn:
    """One column as `run_columns` describes it."""

    name: str
    type: str
    unit: str
    number_format: str
    description: str


@dataclass(frozen=True)
class ServedTable:
    """One table as `run_tables` describes it."""

    name: str
    kind: str
    description: str
    grain: str
    row_count: int
    columns: tuple[ServedColumn, ...]

    def column(self, name: str) -> ServedColumn | None:
        return next((column for column in self.columns if column.name == name), None)


class Snapshot:
    """One publication, open for reading. It is closed when the last request that holds it is done."""

    def __init__(self, folder: Path, memory_limit: str = "1GB", query_seconds: float = 10.0) -> None:
        """`folder` is a version's own, not the name that is switched. Raises SnapshotError."""
        self._query_seconds = query_seconds
        self._cached: OrderedDict[Any, bytes] = OrderedDict()
        self._cached_bytes = 0
        path = folder / "stockroom.duckdb"
        try:
            # whatever a query says, it reads this file and no other
            closed = {"enable_external_access": "false", "lock_configuration": "true"}
            config = {"memory_limit": memory_limit, "threads": "1", **closed}
            self._connection = duckdb.connect(str(path), read_only=True, config=config)
            self.run: dict[str, Any] = self._rows("from bi.run_info")[0]
            self.run_id: str = self.run["run_id"]
            self.as_of_date: date = self.run["as_of_date"]
            self.published_at: datetime = self.run["published_at"]
            self.tables = self._described()
            self._orders = self._read_orders()
        except (duckdb.Error, IndexError, KeyError) as error:
            raise SnapshotError(f"{path} cannot be read: {error}. Next: stockroom publish") from None

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> pa.Table:
        """The rows of a query. Any number of threads may ask at once. Raises QueryTooSlow."""
        cursor = self._connection.cursor()
        timer = threading.Timer(self._query_seconds, cursor.interrupt)
        timer.start()
        try:
            return cursor.execute(sql, list(parameters)).to_arrow_table()
        except duckdb.InterruptException:
            raise QueryTooSlow(
                f"the query ran longer than {self._query_seconds:g} s: ask for fewer rows or add a filter"
            ) from None
        finally:
            timer.cancel()
            cursor.close()

    def order_row(self, item_id: int, location_id: int) -> pa.Table | None:
        """The recommendation for an item in a store, one row; None where there is none. A search in memory, no query."""
        keys, rows = self._orders
        key = item_id << 32 | location_id
        place = int(np.searchsorted(keys, key))
        return rows.slice(place, 1) if place < len(keys) and keys[place] == key else None

    def order_rows(self, item_id: int) -> pa.Table:
        """The recommendations for an item in all stores."""
        keys, rows = self._orders
        first, last = np.searchsorted(keys, [item_id << 32, (item_id + 1) << 32])
        return rows.slice(int(first), int(last - first))

    def kept(self, key: Any) -> bytes | None:
        """An answer that was made before."""
        return self._cached.get(key)

    def keep(self, key: Any, made: bytes) -> None:
        """Keep an answer while there is room; the oldest goes first. Only the thread that answers requests may call it."""
        if key not in self._cached:
            self._cached[key] = made
            self._cached_bytes += len(made)
            while self._cached_bytes > _CACHED_BYTES:
                self._cached_bytes -= len(self._cached.popitem(last=False)[1])

    def _rows(self, sql: str) -> list[dict[str, Any]]:
        return self._connection.cursor().execute(sql).to_arrow_table().to_pylist()

    def _described(self) -> dict[str, ServedTable]:
        """What is there by what the snapshot says of itself; types are those of the file."""
        types = {
            (row["table_name"], row["column_name"]): row["data_type"].lower().replace(",", ", ")
            for row in self._rows("select table_name, column_name, data_type from duckdb_columns() where schema_name = 'bi'")
        }
        columns: dict[str, list[ServedColumn]] = {}
        for row in self._rows("from bi.run_columns order by table_name, column_number"):
            key = (row["table_name"], row["column_name"])
            if key in types:
                column = ServedColumn(
                    row["column_name"], types[key], row["unit"] or "", row["number_format"] or "", row["description"] or ""
                )
                columns.setdefault(row["table_name"], []).append(column)
        return {
            row["table_name"]: ServedTable(
                row["table_name"],
                row["kind"] or "data",
                row["description"] or "",
                row["grain"] or "",
                row["row_count"] or 0,
                tuple(columns[row["table_name"]]),
            )
            for row in self._rows("from bi.run_tables order by table_name")
            if row["table_name"] in columns
        }

    def _read_orders(self) -> tuple[np.ndarray, pa.Table]:
        """All recommendations in memory, in the order of item and store; text that repeats is there once."""
        if ORDERS not in self.tables:
            return np.zeros(0, dtype=np.int64), pa.table({})
        names = ", ".join(f'"{column.name}"' for column in self.tables[ORDERS].columns)
        rows = (
            self._connection.cursor().execute(f"select {names} from bi.{ORDERS} order by item_id, location_id").to_arrow_table()
        )
        texts = [field.name for field in rows.schema if pa.types.is_string(field.type)]
        for name in texts:
            rows = rows.set_column(rows.schema.get_field_index(name), name, rows[name].combine_chunks().dictionary_encode())
        keys = (rows["item_id"].to_numpy().astype(np.int64) << 32) | rows["location_id"].to_numpy().astype(np.int64)
        return keys, rows.combine_chunks()


class Snapshots:
    """The newest snapshot that can be read, and the one before it while its file is there."""

    def __init__(self, published: Path, memory_limit: str = "1GB", query_seconds: float = 10.0) -> None:
        self.published = published
        self.problem = ""
        """Why the newest snapshot could not be opened; empty where it could."""
        self._open = lambda folder: Snapshot(folder, memory_limit, query_seconds)
        self._current: Snapshot | None = None
        self._before: Snapshot | None = None
        self._lock = threading.Lock()

    @property
    def current(self) -> Snapshot:
        """Raises SnapshotError where none could be opened so far."""
        if self._current is None:
            raise SnapshotError(self.problem or self._missing())
        return self._current

    def refresh(self) -> bool:
        """Open what `current` points to, if it is another one than before; whether it was. What cannot be opened changes nothing."""
        with self._lock:
            target = (self.published / "current").resolve()
            if self._current is not None and target.name == self._current.run_id:
                self.problem = ""
                return False
            if not (target / "stockroom.duckdb").exists():
                self.problem = self._missing()
                return False
            try:
                new = self._open(target)
            except SnapshotError as error:
                self.problem = str(error)
                return False
            if self._current is not None and new.run_id == self._current.run_id:
                return False
            self._before, self._current, self.problem = self._current, new, ""
            return True

    def of(self, run_id: str) -> Snapshot | None:
        """The snapshot of a publication, for who began to read it before there was a newer one; None where it is gone."""
        with self._lock:
            for snapshot in (self._current, self._before):
                if snapshot is not None and snapshot.run_id == run_id:
                    return snapshot
            folder = self.published / "versions" / run_id
            if not _RUN_ID.fullmatch(run_id) or not (folder / "stockroom.duckdb").exists():
                return None
            try:
                self._before = self._open(folder)
            except SnapshotError:
                return None
            return self._before

    def _missing(self) -> str:
        return f"{self.published}: nothing is published there yet. Next: stockroom run, or stockroom publish after a run"
