"""The published snapshot in PostgreSQL: tables kept, their rows exchanged in one transaction.

Belongs here: making tables as the contract says and filling them. Does not belong here: roles and rights (postgres_access).

Rows are deleted and loaded anew in one transaction, not swapped by renaming schemas: readers see the old rows until the commit and wait
for nobody, nobody waits for them, and views, grants and policies that people made stay. The price is dead rows until the vacuum at
the end: a table takes up to twice its size. Tables whose rows have not changed are left alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_project.publish.contract import BI_SCHEMA, PublishedTable
from dagster_project.publish.errors import UNCHANGED, PublishError
from dagster_project.publish.postgres import (
    ATTEMPTS,
    LOCK_SECONDS,
    address,
    connected,
    literal,
    postgres_type,
    quoted,
    translated,
)

if TYPE_CHECKING:
    import duckdb
    import psycopg

MARK = "Published by Stockroom. Its tables are written anew by every publication; keep your own in other schemas."
_LOCK_KEY = 7308895167  # any number nobody else takes
_ROWS_PER_BATCH = 100_000
_INDEX_MEMORY = "256MB"

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Loaded:
    """What a publication did: tables and rows written, tables left alone, and what somebody should know."""

    run_id: str
    table_count: int
    row_count: int
    unchanged_count: int
    notices: tuple[str, ...] = ()


def load(
    url: str,
    snapshot: Path,
    tables: Sequence[PublishedTable],
    after_schema: Callable[[Any], list[str]] = lambda connection: [],
    progress: Progress = lambda text, share: None,
) -> Loaded:
    """Bring schema `bi` to what the snapshot holds, all or nothing. `after_schema` sets rights before any row is written; its words
    are passed on. Raises PublishError."""
    import duckdb

    if not snapshot.exists():
        raise PublishError([f"{snapshot}: nothing is published yet"], "Next: stockroom publish")
    with duckdb.connect(str(snapshot.resolve()), read_only=True) as source:
        run_id = source.sql(f"select run_id from {BI_SCHEMA}.run_info").fetchone()[0]
        present = {
            row[0] for row in source.sql(f"select table_name from duckdb_tables() where schema_name = '{BI_SCHEMA}'").fetchall()
        }
        missing = [table.name for table in tables if table.name not in present]
        if missing:
            raise PublishError([f"{snapshot} has no {', '.join(missing)}"], f"{UNCHANGED} Publish it anew: stockroom publish")
        with connected(url) as connection:
            _check_schema(connection, url)
            _with_patience(url, lambda: _make_schema(connection, tables))
            notices = _with_patience(url, lambda: after_schema(connection))
            _with_patience(url, lambda: _describe(connection, tables))
            changed = _changed(connection, source, tables)
            rows = _with_patience(url, lambda: _exchange(url, source, connection, tables, changed, progress))
            progress("tidying up", 1.0)
            notices = [*notices, *_tidy_up(connection, changed)]
    data = [table for table in changed if table.kind != "run"]
    whole = len([table for table in tables if table.kind != "run"])
    return Loaded(run_id, len(data), rows, whole - len(data), tuple(notices))


def _name(table: PublishedTable) -> str:
    return f"{BI_SCHEMA}.{quoted(table.name)}"


def _with_patience(url: str, action: Callable[[], Any]) -> Any:
    """Try again where somebody holds a lock; the rest of the errors are final."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with translated(url):
                return action()
        except PublishError as error:
            if attempt == ATTEMPTS or "holds a lock" not in str(error):
                raise
            time.sleep(attempt)
    raise AssertionError("not reached")


def _check_schema(connection: psycopg.Connection, url: str) -> None:
    """A schema of the same name that somebody else made is not emptied."""
    row = connection.execute(
        "select obj_description(oid, 'pg_namespace'), exists (select 1 from pg_class where relnamespace = pg_namespace.oid)"
        " from pg_namespace where nspname = %s",
        [BI_SCHEMA],
    ).fetchone()
    if row and row[1] and row[0] != MARK:
        raise PublishError(
            [f"{address(url)}: there is a schema {BI_SCHEMA} with tables that Stockroom did not make"],
            "Nothing was changed. Rename it, or publish into another database.",
        )
    if row is None:
        connection.execute(f"create schema {BI_SCHEMA}")
    if row is None or row[0] != MARK:
        connection.execute(f"comment on schema {BI_SCHEMA} is {literal(MARK)}")


# Tables as the contract says --------------------------------------------------------------------------------------------------


def _present(connection: psycopg.Connection) -> dict[str, dict[str, str]]:
    """Columns and types there are, by table, in the server's order."""
    found: dict[str, dict[str, str]] = {}
    for table, column, dtype in connection.execute(
        """
        select c.relname, a.attname, format_type(a.atttypid, a.atttypmod)
        from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relnamespace = %s::regnamespace and c.relkind = 'r' order by c.relname, a.attnum
        """,
        [BI_SCHEMA],
    ).fetchall():
        found.setdefault(table, {})[column] = dtype.replace("timestamp without time zone", "timestamp")
    return found


def _keyed(connection: psycopg.Connection) -> set[str]:
    """Tables with a key or an index: those that were filled before."""
    found = connection.execute("select tablename from pg_indexes where schemaname = %s", [BI_SCHEMA])
    return {name for (name,) in found.fetchall()}


def _wanted(table: PublishedTable) -> dict[str, str]:
    return {column.name: postgres_type(column.type) for column in table.columns}


def _make_schema(connection: psycopg.Connection, tables: Sequence[PublishedTable]) -> None:
    """New tables and columns, before any row is touched: nobody reads them yet, so this takes no time."""
    with connection.transaction():
        present = _present(connection)
        _check_dependents(connection, tables, present)
        for table in tables:
            wanted = _wanted(table)
            if table.name not in present:
                not_null = set(table.primary_key)
                columns = ", ".join(f"{quoted(n)} {t}{' not null' if n in not_null else ''}" for n, t in wanted.items())
                connection.execute(f"create table {_name(table)} ({columns})")
                continue
            for name in [name for name in wanted if name not in present[table.name]]:
                connection.execute(f"alter table {_name(table)} add column {quoted(name)} {wanted[name]}")


def _key_statements(table: PublishedTable) -> list[str]:
    """The key, and an index where readers come from another side: by store, item or vendor."""
    statements = []
    if table.primary_key:
        statements.append(f"alter table {_name(table)} add primary key ({', '.join(map(quoted, table.primary_key))})")
    elif table.key:
        parts = [f"({part})" if "(" in part else quoted(part) for part in table.key]
        statements.append(f"create unique index on {_name(table)} ({', '.join(parts)})")
    leading = table.key[:1]
    statements += [
        f"create index on {_name(table)} ({quoted(name)})"
        for name in table.references
        if (name,) != tuple(leading) and name in ("item_id", "location_id", "vendor_id")
    ]
    return statements


def _check_dependents(
    connection: psycopg.Connection, tables: Sequence[PublishedTable], present: dict[str, dict[str, str]]
) -> None:
    """Views of users that read what is going away: said before anything is done."""
    problems = []
    for name, columns in present.items():
        wanted = next((_wanted(table) for table in tables if table.name == name), None)
        if wanted is None and name in KEPT:
            continue
        gone = [column for column, dtype in columns.items() if wanted is None or wanted.get(column) != dtype]
        for view, column in connection.execute(
            """
            select distinct v.oid::regclass::text, a.attname
            from pg_depend d
            join pg_rewrite r on r.oid = d.objid join pg_class v on v.oid = r.ev_class
            join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
            where d.classid = 'pg_rewrite'::regclass and d.refobjid = %s::regclass and v.oid <> d.refobjid and a.attname = any(%s)
            """,
            [f"{BI_SCHEMA}.{quoted(name)}", gone],
        ).fetchall():
            now = "has another type now" if wanted and column in wanted else "is not published any more"
            problems.append(f"{view} reads {BI_SCHEMA}.{name}.{column}, which {now}")
    if problems:
        raise PublishError(problems, f"{UNCHANGED} Who owns the views drops or rewrites them; then publish again.")


KEPT = ("bi_access",)


# Rows ---------------------------------------------------------------------------------------------------------------------------


def _changed(
    connection: psycopg.Connection, source: duckdb.DuckDBPyConnection, tables: Sequence[PublishedTable]
) -> list[PublishedTable]:
    """Tables whose rows are not the ones that are there; those of the run always."""
    new = dict(source.sql(f"select table_name, data_hash from {BI_SCHEMA}.run_tables").fetchall())
    old = {
        name: data_hash
        for name, data_hash, row_count in connection.execute(
            f"select table_name, data_hash, row_count from {BI_SCHEMA}.run_tables"
        ).fetchall()
        # of a table that was left out the last time there is a line, and no rows
        if name in new and (row_count == 0 or _has_rows(connection, name))
    }
    return [table for table in tables if table.kind == "run" or new[table.name] != old.get(table.name)]


def _has_rows(connection: psycopg.Connection, name: str) -> bool:
    found = connection.execute("select to_regclass(%s) is not null", [f"{BI_SCHEMA}.{quoted(name)}"]).fetchone()[0]
    return found and connection.execute(f"select exists (select 1 from {BI_SCHEMA}.{quoted(name)})").fetchone()[0]


def _exchange(
    url: str,
    source: duckdb.DuckDBPyConnection,
    connection: psycopg.Connection,
    tables: Sequence[PublishedTable],
    changed: Sequence[PublishedTable],
    progress: Progress,
) -> int:
    """Old rows out, new rows in: one transaction for all tables."""
    import adbc_driver_postgresql.dbapi as adbc

    present, keyed = _present(connection), _keyed(connection)
    written = 0
    with adbc.connect(url) as loader, loader.cursor() as cursor:
        cursor.execute(f"set lock_timeout = '{LOCK_SECONDS}s'")
        cursor.execute(f"set maintenance_work_mem = '{_INDEX_MEMORY}'")
        cursor.execute(f"select pg_try_advisory_xact_lock({_LOCK_KEY})")
        if not cursor.fetchone()[0]:
            raise PublishError(
                [f"{address(url)}: somebody else is publishing there"], f"{UNCHANGED} Try again when they are done."
            )
        _remove_what_is_gone(cursor, tables, present)
        for number, table in enumerate(changed):
            progress(table.name, number / len(changed))
            cursor.execute(f"delete from {_name(table)}")
            # in the server's order of columns, which is older than the contract's where columns were added; it takes no zero bytes
            types = {column.name: column.type for column in table.columns}
            columns = ", ".join(
                f"replace({name}, chr(0), '') as {name}" if types[name] == "varchar" else name
                for name in present[table.name]
                if name in types
            )
            rows = source.execute(f"select {columns} from {BI_SCHEMA}.{table.name}")
            loaded = cursor.adbc_ingest(
                table.name, rows.to_arrow_reader(_ROWS_PER_BATCH), mode="append", db_schema_name=BI_SCHEMA
            )
            written += loaded if table.kind != "run" else 0
            # built at once over the rows that are there, not row by row
            for statement in _key_statements(table) if table.name not in keyed else ():
                cursor.execute(statement)
        loader.commit()
    return written


def _remove_what_is_gone(cursor: Any, tables: Sequence[PublishedTable], present: dict[str, dict[str, str]]) -> None:
    """Tables and columns of an older contract; columns whose type is another now are filled in the next moment."""
    by_name = {table.name: _wanted(table) for table in tables}
    for name, columns in present.items():
        if name in KEPT:
            continue
        if name not in by_name:
            cursor.execute(f"drop table {BI_SCHEMA}.{quoted(name)}")
            continue
        for column, dtype in columns.items():
            wanted = by_name[name].get(column)
            if wanted is None:
                cursor.execute(f"alter table {BI_SCHEMA}.{quoted(name)} drop column {quoted(column)}")
            elif wanted != dtype:
                cursor.execute(f"delete from {BI_SCHEMA}.{quoted(name)}")
                cursor.execute(f"alter table {BI_SCHEMA}.{quoted(name)} alter column {quoted(column)} type {wanted} using null")


def _tidy_up(connection: psycopg.Connection, changed: Sequence[PublishedTable]) -> list[str]:
    """Make room of the old rows for the next ones. The new ones are there already: nothing that fails here takes them back."""
    import psycopg

    try:
        for table in changed:
            connection.execute(f"vacuum (analyze, truncate off) {_name(table)}")
    except psycopg.Error as error:
        return [f"All is published, but the server did not tidy up the old rows: {str(error).strip().splitlines()[0]}"]
    return []


def _describe(connection: psycopg.Connection, tables: Sequence[PublishedTable]) -> None:
    """dbt's descriptions as comments, where they changed."""
    there = {
        (table, column): text
        for table, column, text in connection.execute(
            """
            select c.relname, coalesce(a.attname, ''), d.description
            from pg_description d
            join pg_class c on c.oid = d.objoid and d.classoid = 'pg_class'::regclass
            left join pg_attribute a on a.attrelid = c.oid and a.attnum = d.objsubid and d.objsubid > 0
            where c.relnamespace = %s::regnamespace
            """,
            [BI_SCHEMA],
        ).fetchall()
    }
    statements = []
    for table in tables:
        grain = f"{table.description} {table.grain[:1].upper()}{table.grain[1:]}."
        if there.get((table.name, "")) != grain:
            statements.append(f"comment on table {_name(table)} is {literal(grain)}")
        for column in table.columns:
            if there.get((table.name, column.name)) != column.description:
                statements.append(f"comment on column {_name(table)}.{quoted(column.name)} is {literal(column.description)}")
    if statements:
        with connection.transaction():
            connection.execute("; ".join(statements))
