"""Dagster's log of a run, with its SQLite files kept open.

Belongs here: how the log's files are opened. Does not belong here: what is logged, and how long it is kept (`run_records`).

Dagster opens and closes a file for every event, and a run of 320 tables has thousands of them: that took longer than the tables.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME, SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import QueuePool

OPEN_FILES = 8
"""Files that stay open: the index, and those of the runs last asked for."""


class KeptOpenEventLog(SqliteEventLogStorage):
    """The same files with the same rows as Dagster's own storage has; either can go on with what the other wrote."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, sqlalchemy.Engine] = {}
        self._opening = threading.Lock()
        super().__init__(base_dir, inst_data)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> KeptOpenEventLog:
        """`base_dir` is DAGSTER_HOME: below it the files lie where Dagster puts them."""
        return cls(os.path.join(config_value["base_dir"], "history", "runs"), inst_data)

    def _engine(self, shard: str) -> sqlalchemy.Engine:
        with self._opening:
            engine = self._engines.pop(shard, None)
            if engine is None:
                options = {"timeout": SQLITE_BUSY_TIMEOUT_SECONDS, "check_same_thread": False}
                engine = sqlalchemy.create_engine(self.conn_string_for_shard(shard), poolclass=QueuePool, connect_args=options)
                sqlalchemy.event.listen(engine, "connect", _spare_the_disk)
            self._engines[shard] = engine  # the last one asked for is the last to be closed
            if len(self._engines) > OPEN_FILES:
                self._engines.pop(next(iter(self._engines))).dispose()
            return engine

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sqlalchemy.Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.begin() as connection:
                yield connection

    def has_table(self, table_name: str) -> bool:
        """Whether the index has the table."""
        with self._engine(INDEX_SHARD_NAME).connect() as connection:
            return bool(connection.dialect.has_table(connection, table_name))

    def store_event(self, event: EventLogEntry) -> None:
        """Write it down, and wake who watches the run: the page waits for the file to change, and what is kept open changes its journal only."""
        super().store_event(event)
        os.utime(self.path_for_shard(event.run_id))

    def wipe(self) -> None:
        """Delete all of it."""
        self._close()
        super().wipe()

    def dispose(self) -> None:
        """Stop watching, and close all files."""
        super().dispose()
        self._close()

    def _close(self) -> None:
        with self._opening:
            for engine in self._engines.values():
                engine.dispose()
            self._engines.clear()


def _spare_the_disk(connection: Any, _record: Any) -> None:
    """Do not wait for the disk after every event: a crash of the machine may lose the last ones, and breaks nothing."""
    connection.execute("pragma synchronous = normal")
