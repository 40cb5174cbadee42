"""Who may read what in PostgreSQL: the role of readers, the role of planners, and rows by store.

Belongs here: roles, grants and policies. Does not belong here: tables and rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dagster_project.publish.contract import BI_SCHEMA, PublishedTable
from dagster_project.publish.postgres import quoted

if TYPE_CHECKING:
    import psycopg

READER = "bi_reader"
WRITER = "bi_writer"
ALL_STORES = "bi_all_stores"
ACCESS_TABLE = "bi_access"
POLICY = "bi_rows_of_own_stores"


def ensure_role(connection: psycopg.Connection, role: str) -> bool:
    """Make the role where it is not there; False where this user may not."""
    import psycopg

    if connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone():
        return True
    try:
        connection.execute(f"create role {role} nologin")
    except psycopg.errors.InsufficientPrivilege:
        return False
    except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation):  # somebody else was faster
        pass
    return True


def let_read(connection: psycopg.Connection) -> list[str]:
    """`bi_reader` may read schema `bi` and nothing else; what to do by hand where the role cannot be made."""
    if not ensure_role(connection, READER):
        return [
            f"The role {READER} is not there and this user may not make it, so nobody else can read yet. As administrator: "
            f"create role {READER} nologin; then publish again."
        ]
    connection.execute(f"grant usage on schema {BI_SCHEMA} to {READER}")
    connection.execute(f"grant select on all tables in schema {BI_SCHEMA} to {READER}")
    return []


def filter_rows(connection: psycopg.Connection, tables: Sequence[PublishedTable], is_wanted: bool | None) -> list[str]:
    """Rows by store: on, off, or (None) as it is; new tables follow the others."""
    is_on = bool(
        connection.execute(
            "select 1 from pg_policies where schemaname = %s and policyname = %s limit 1", [BI_SCHEMA, POLICY]
        ).fetchone()
    )
    if is_wanted is False or not (is_on or is_wanted):
        if is_on:
            _switch_off(connection, tables)
        return []
    notices = []
    if not ensure_role(connection, ALL_STORES):
        notices.append(f"Nobody but the owner sees all stores. As administrator: create role {ALL_STORES} nologin;")
    _make_access_table(connection)
    for table in tables:
        condition = _condition(table)
        if condition and not _has_policy(connection, table):
            name = f"{BI_SCHEMA}.{quoted(table.name)}"
            with connection.transaction():
                connection.execute(f"alter table {name} enable row level security")
                connection.execute(f"create policy {POLICY} on {name} for select using ({condition})")
    return notices


def stores_of(table: PublishedTable) -> list[str]:
    """The columns that say whose store a row is about: `location_id`, or where a row is of two stores, both."""
    names = [column.name for column in table.columns if column.name.endswith("location_id")]
    return ["location_id"] if "location_id" in names else names


def _condition(table: PublishedTable) -> str:
    if table.kind == "dimension":  # that there are other stores is no secret; what they sell is
        return ""
    own = f"select location_id from {BI_SCHEMA}.{ACCESS_TABLE}"  # a policy there shows everybody their own lines only
    stores = " or ".join(f"{quoted(name)} in ({own})" for name in stores_of(table))
    sees_all = f"(select exists (select 1 from pg_roles where rolname = '{ALL_STORES}' and pg_has_role(oid, 'member')))"
    return f"{sees_all} or {stores}" if stores else ""


def _has_policy(connection: psycopg.Connection, table: PublishedTable) -> bool:
    return bool(
        connection.execute(
            "select 1 from pg_policies where schemaname = %s and tablename = %s and policyname = %s",
            [BI_SCHEMA, table.name, POLICY],
        ).fetchone()
    )


def _make_access_table(connection: psycopg.Connection) -> None:
    """Who runs which store: kept by an administrator, never touched by a publication."""
    name = f"{BI_SCHEMA}.{ACCESS_TABLE}"
    connection.execute(
        f"create table if not exists {name} (user_name name not null, location_id integer not null, primary key (user_name, location_id))"
    )
    if not connection.execute(
        "select 1 from pg_policies where schemaname = %s and tablename = %s", [BI_SCHEMA, ACCESS_TABLE]
    ).fetchone():
        with connection.transaction():
            connection.execute(f"alter table {name} enable row level security")
            connection.execute(f"create policy bi_own_lines on {name} for select using (user_name = current_user)")
            connection.execute(
                f"comment on table {name} is 'Which stores a user sees: one row per user and store. Members of {ALL_STORES} see all.'"
            )


def _switch_off(connection: psycopg.Connection, tables: Sequence[PublishedTable]) -> None:
    for table in tables:
        if _has_policy(connection, table):
            name = f"{BI_SCHEMA}.{quoted(table.name)}"
            with connection.transaction():
                connection.execute(f"drop policy {POLICY} on {name}")
                connection.execute(f"alter table {name} disable row level security")
