"""The published snapshot: one DuckDB file and a Parquet file per table, made anew beside the old ones and switched in at once.

Belongs here: what lies where, and how it is swapped. Does not belong here: which tables (contract), and PostgreSQL.

    published/stockroom.duckdb  -> current/stockroom.duckdb
    published/parquet           -> current/parquet
    published/current           -> versions/20170101T060000_1a2b3c4d     the one pointer that is switched
    published/versions/                                                  this one and the one before, for who still reads it
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import duckdb

from dagster_project.intake import IntakeError, check_source
from dagster_project.publish.contract import (
    ACCEPT,
    BI_SCHEMA,
    Promise,
    PublishedTable,
    broken_promises,
    promised,
    published_tables,
)
from dagster_project.publish.errors import UNCHANGED, PublishError
from dagster_project.settings import Settings

_BI = f"published_snapshot.{BI_SCHEMA}"
_VERSIONS_KEPT = 2
EXCEL_ROWS = 1_048_576  # of a worksheet, since Excel 2007


@dataclass(frozen=True)
class Snapshot:
    """What was published: its name, where it is, and how much it is (rows per table)."""

    run_id: str
    folder: Path
    rows: Mapping[str, int]

    @property
    def table_count(self) -> int:
        return len(self.rows)

    @property
    def row_count(self) -> int:
        return sum(self.rows.values())

    @property
    def too_long_for_excel(self) -> list[str]:
        """Tables of which a worksheet cannot hold every row under a heading, the longest first."""
        longest_first = sorted(self.rows, key=lambda name: -self.rows[name])
        return [name for name in longest_first if self.rows[name] > EXCEL_ROWS - 1]

    @property
    def database(self) -> Path:
        return self.folder / "stockroom.duckdb"

    @property
    def parquet(self) -> Path:
        return self.folder / "parquet"


def publish_snapshot(
    settings: Settings,
    tables: Sequence[PublishedTable] | None = None,
    promise: Promise | None = None,
    now: datetime | None = None,
) -> Snapshot:
    """Write the published tables of the warehouse to new files and switch to them. Raises PublishError; then nothing has changed.

    Whoever has the old file open keeps it. What a killed run left behind is removed by the next.
    """
    tables = published_tables() if tables is None else tables
    promise = promise or promised()
    broken = broken_promises(tables, promise)
    if broken:
        raise PublishError(broken, f"{UNCHANGED} Put the columns back, or tell who uses them and accept the change: {ACCEPT}")
    if not settings.warehouse.exists():
        raise PublishError([f"{settings.warehouse}: no warehouse yet"], "Next: stockroom run")
    moment = (now or datetime.now(UTC)).astimezone(UTC).replace(tzinfo=None)
    home = settings.published
    with _alone(home):
        _remove_leftovers(home)
        unfinished = home / "versions" / f".unfinished_{os.getpid()}"
        try:
            (unfinished / "parquet").mkdir(parents=True)
            run_id, rows = _write(settings, tables, promise.version, unfinished, moment)
            _write_to_disk(unfinished)
            final = home / "versions" / run_id
            unfinished.rename(final)
            _switch(home, final)
        except duckdb.Error as error:
            raise _failure(error, settings) from None
        except OSError as error:
            raise PublishError([f"{home} cannot be written: {error}"], f"{UNCHANGED} {_REMEDY}") from None
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)
        _remove_leftovers(home)
    return Snapshot(run_id, home, rows)


_REMEDY = "Make room or allow writing there, or name another folder: STOCKROOM_PUBLISHED=DIR. Then: stockroom publish"


def _failure(error: duckdb.Error, settings: Settings) -> PublishError:
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException):
        return PublishError([str(error)], f"{UNCHANGED} Run the job to its end first: stockroom run")
    text = str(error)
    if str(settings.warehouse) in text:
        return PublishError([f"{settings.warehouse} cannot be read: {text}"], f"{UNCHANGED} Is a run at work? Wait for its end.")
    return PublishError([f"{settings.published} cannot be written: {text}"], f"{UNCHANGED} {_REMEDY}")


@contextlib.contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One publisher at a time; the lock goes with the process, however it ends."""
    try:
        (home / "versions").mkdir(parents=True, exist_ok=True)
        lock = (home / "versions" / ".lock").open("w")
    except OSError as error:
        raise PublishError([f"{home} cannot be written: {error}"], f"{UNCHANGED} {_REMEDY}") from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PublishError(
                [f"{home}: somebody else is publishing there"], "Wait for its end, then: stockroom publish"
            ) from None
        yield


def _remove_leftovers(home: Path) -> None:
    """All versions but this one and the one before; what was not finished."""
    current = (home / "current").resolve()
    finished = sorted(path for path in (home / "versions").iterdir() if path.is_dir() and not path.name.startswith("."))
    keep = {current, *[path.resolve() for path in finished if path.resolve() != current][1 - _VERSIONS_KEPT :]}
    for path in (home / "versions").iterdir():
        if path.is_dir() and path.resolve() not in keep:
            shutil.rmtree(path, ignore_errors=True)
    for path in home.glob(".new_*"):
        path.unlink(missing_ok=True)


def _switch(home: Path, version: Path) -> None:
    """Let the names point at the new version. `current` alone decides; the others are written once and point at it."""
    for name, target in (
        ("current", Path("versions") / version.name),
        ("stockroom.duckdb", Path("current") / "stockroom.duckdb"),
        ("parquet", Path("current") / "parquet"),
    ):
        link = home / name
        if link.is_symlink() and Path(os.readlink(link)) == target:
            continue
        new = home / f".new_{name}"
        new.unlink(missing_ok=True)
        new.symlink_to(target)
        new.replace(link)
    _sync_folder(home)


def _write_to_disk(folder: Path) -> None:
    """A pointer must not be switched to files that a power cut can still take."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(
    settings: Settings, tables: Sequence[PublishedTable], version: int, folder: Path, moment: datetime
) -> tuple[str, dict[str, int]]:
    """All tables into one new DuckDB file and Parquet; the publication's name and the rows of each table."""
    data = [table for table in tables if table.kind != "run"]
    path = folder / "stockroom.duckdb"
    with duckdb.connect(config={"memory_limit": settings.memory_limit}) as connection:
        # views of the warehouse name its tables by its own name, which is the file's
        connection.execute(f"attach '{_quoted(settings.warehouse)}' as \"{settings.warehouse.stem}\" (read_only)")
        connection.execute(f'use "{settings.warehouse.stem}"')
        connection.execute(f"attach '{_quoted(path)}' as published_snapshot")
        connection.begin()  # of one: each statement of its own would wait for the disk
        connection.execute(f"create schema {_BI}")
        hashes, counts = {}, {}
        for table in data:
            _check_columns(connection, table)
            connection.execute(f"create table {_BI}.{table.name} as {_select(table)}")
            counts[table.name], fingerprint = connection.execute(
                f"select count(*), coalesce(bit_xor(hash(rows)), 0) from {_BI}.{table.name} as rows"
            ).fetchone()
            hashes[table.name] = _hash([table.name, [(c.name, c.type) for c in table.columns], counts[table.name], fingerprint])
        data_hash = _hash(sorted((table.name, hashes[table.name]) for table in data if not table.tells_of_runs))
        run_id = f"{moment:%Y%m%dT%H%M%S}_{data_hash[:8]}"
        if (folder.parent / run_id).exists():  # twice in a second
            run_id = f"{moment:%Y%m%dT%H%M%S%f}_{data_hash[:8]}"
        _write_run(connection, settings, tables, version, moment, run_id, data_hash, counts, hashes)
        for table in tables:
            _describe(connection, table)
            connection.execute(
                f"copy {_BI}.{table.name} to '{_quoted(folder / 'parquet' / f'{table.name}.parquet')}' (format parquet, compression zstd)"
            )
        connection.commit()
        connection.execute("use memory")
        connection.execute("detach published_snapshot")  # the file is whole only now
    return run_id, counts


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


def _hash(value: object) -> str:
    return hashlib.sha256(json.dumps(value, default=str).encode()).hexdigest()[:16]


def _check_columns(connection: duckdb.DuckDBPyConnection, table: PublishedTable) -> None:
    """The table in the warehouse is the one dbt's YAML speaks of: it may be older than the project."""
    found = {name: dtype.lower().replace(",", ", ") for name, dtype, *_ in connection.sql(f"describe {table.source}").fetchall()}
    expected = {column.name: column.type for column in table.columns if not column.names}
    if found != expected:
        wrong = [
            f"{name} is {found.get(name, 'not there')}, not {dtype}"
            for name, dtype in expected.items()
            if found.get(name) != dtype
        ]
        wrong += [f"{name} is not declared" for name in found if name not in expected]
        raise PublishError(
            [f"{table.source}: {'; '.join(wrong)}"],
            f"{UNCHANGED} The warehouse is of another version of the project: stockroom run",
        )


_NAMES = {
    "item": ("marts.dim_product", "item_id", "item_name"),
    "location": ("marts.dim_location", "location_id", "concat_ws(' ', location_id, city)"),
    "vendor": ("marts.dim_vendor", "vendor_id", "vendor_name"),
}


def _select(table: PublishedTable) -> str:
    """The model's rows with the names beside the ids, in the order of the key: that is how readers prune."""
    columns, joins = [], []
    for column in table.columns:
        if not column.names:
            columns.append(f"rows.{column.name}")
            continue
        what = next(name for name in _NAMES if column.name.endswith(f"{name}_name"))
        source, key, expression = _NAMES[what]
        columns.append(f"{column.name}.name as {column.name}")
        joins.append(
            f"left join (select {key} as id, {expression} as name from {source}) as {column.name}"
            f" on rows.{column.names} = {column.name}.id"
        )
    order = f"order by {', '.join(_sort_key(table))}" if table.key else ""
    return f"select {', '.join(columns)} from {table.source} as rows {' '.join(joins)} {order}"


def _sort_key(table: PublishedTable) -> list[str]:
    """Days first in facts, which are asked for periods; else as the key says."""
    dates = [name for name in table.primary_key if table.kind == "fact" and table.column(name).type == "date"]
    rest = [part for part in table.key if part not in dates]
    return [part if "(" in part else f"rows.{part}" for part in [*dates, *rest]]


def _describe(connection: duckdb.DuckDBPyConnection, table: PublishedTable) -> None:
    def text(value: str) -> str:
        return "'" + value.replace("'", "''") + "'"

    connection.execute(f"comment on table {_BI}.{table.name} is {text(table.description)}")
    for column in table.columns:
        connection.execute(f"comment on column {_BI}.{table.name}.{column.name} is {text(column.description)}")


def _write_run(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    tables: Sequence[PublishedTable],
    version: int,
    moment: datetime,
    run_id: str,
    data_hash: str,
    counts: dict[str, int],
    hashes: dict[str, str],
) -> None:
    """The tables that say what this publication is."""
    for table in tables:
        if table.kind == "run":
            columns = ", ".join(f"{column.name} {column.type}" for column in table.columns)
            connection.execute(f"create table {_BI}.{table.name} ({columns})")
    changed = _changed_at(settings)
    sources = connection.execute(
        "select adapter, file_kind, file_count, lines_read, lines_rejected, absence from staging.ingest_summary order by all"
    ).fetchall()
    _insert(
        connection,
        "run_sources",
        [(adapter, kind, count, changed.get((adapter, kind)), *rest) for adapter, kind, count, *rest in sources],
    )
    as_of_date = connection.execute("select as_of_date from intermediate.int_as_of").fetchone()[0]
    model_run = connection.execute("select max(run_id) from recommendations.rec_orders").fetchone()[0]
    info = (
        run_id, as_of_date, model_run, moment, max(changed.values(), default=None), sum(row[2] for row in sources),
        sum(row[3] for row in sources), sum(row[4] for row in sources), len(counts), sum(counts.values()), version, data_hash,
        _is_synthetic(settings.source_dir),
    )  # fmt: skip
    _insert(connection, "run_info", [info])
    data = [table for table in tables if table.kind != "run"]
    _insert(connection, "run_tables", [(t.name, t.kind, t.description, t.grain, counts[t.name], hashes[t.name]) for t in data])
    columns = [
        (table.name, number, c.name, c.type, c.unit, c.number_format, c.description)
        for table in tables
        for number, c in enumerate(table.columns, start=1)
    ]
    _insert(connection, "run_columns", columns)


def _insert(connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple]) -> None:
    if rows:
        import pyarrow as pa

        names = [row[0] for row in connection.sql(f"describe {_BI}.{table}").fetchall()]
        frame = pa.table({name: [row[place] for row in rows] for place, name in enumerate(names)})
        connection.register("frame", frame)
        connection.execute(f"insert into {_BI}.{table} from frame")
        connection.unregister("frame")


def _changed_at(settings: Settings) -> dict[tuple[str, str], datetime]:
    """When the newest file of each kind was changed; nothing where the source folder is gone by now."""
    try:
        files = check_source(settings.source_dir).files
    except IntakeError:
        return {}
    newest = {key: max(path.stat().st_mtime for path in paths) for key, paths in files.items() if paths}
    return {key: datetime.fromtimestamp(second, UTC).replace(tzinfo=None, microsecond=0) for key, second in newest.items()}


def _is_synthetic(source_dir: Path) -> bool | None:
    """The demo says so in the first line of its README; nobody else says anything."""
    try:
        with (source_dir / "README.txt").open(encoding="utf-8", errors="replace") as file:
            return True if file.readline().startswith("SYNTHETIC DATA") else None
    except OSError:
        return None
