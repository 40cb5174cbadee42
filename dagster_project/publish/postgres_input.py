"""Schema `input` of PostgreSQL: what people enter, who and when, and what became of it.

Belongs here: the tables, their constraints and rights. Does not belong here: taking the entries into the warehouse (people).

Rows are only ever added. Who and when are the server's word: the columns cannot be written. `as_of_date` is the day decided for that
was published when the entry was made: it counts from the orders of that day on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from dagster_project.publish.postgres_access import WRITER, ensure_role

if TYPE_CHECKING:
    import psycopg

SCHEMA = "input"
_STAMP = """
    entry_id uuid primary key default gen_random_uuid(),
    entered_by name not null default current_user,
    entered_at timestamp with time zone not null default now(),
    as_of_date date not null default input.published_as_of()
"""
ENTERED = ("entry_id", "entered_by", "entered_at", "as_of_date")

# what people fill in: table -> column -> definition, and what the table is for
TABLES: dict[str, tuple[str, dict[str, str]]] = {
    "forecast_overrides": (
        "What somebody knows better than the forecast: demand of seven days of an item in a store.",
        {
            "item_id": "integer not null",
            "location_id": "integer not null",
            "week_start_date": "date not null",
            "override_units": "double precision not null check (override_units >= 0 and override_units < 1e9)",
            "reason": "text not null check (length(trim(reason)) between 3 and 500)",
        },
    ),
    "order_overrides": (
        "What somebody orders instead of the model, of an item in a store, on each day of a period.",
        {
            "item_id": "integer not null",
            "location_id": "integer not null",
            "valid_from": "date not null",
            "valid_to": "date not null check (valid_to >= valid_from)",
            "order_units": "integer not null check (order_units >= 0)",
            "reason": "text not null check (length(trim(reason)) between 3 and 500)",
        },
    ),
    "order_approvals": (
        "A proposal of bi.rec_purchase_orders that may go to the vendor as it is.",
        {
            "proposal_id": "text not null check (proposal_id ~ '^P[0-9A-F]{8}$')",
            "note": "text check (length(note) <= 500)",
        },
    ),
    "inspection_labels": (
        "What a person sees on an inspection photo the model is unsure of, or was wrong about.",
        {
            "photo_hash": "text not null check (photo_hash ~ '^[0-9a-f]{64}$')",
            "label": "text not null check (label in ('good', 'defective'))",
            "note": "text check (length(note) <= 500)",
        },
    ),
    "alert_acknowledgements": (
        "An alert of bi.rpt_alerts that somebody has seen to: it is not sent again unless it gets worse.",
        {
            "alert_id": "text not null check (alert_id ~ '^A[0-9A-F]{10}$')",
            "note": "text check (length(note) <= 500)",
        },
    ),
}  # fmt: skip


def make_input_schema(connection: psycopg.Connection) -> list[str]:
    """The tables people write into, where they are not there yet; rights for planners. Nothing that is there is changed."""
    exists = connection.execute("select 1 from pg_namespace where nspname = %s", [SCHEMA]).fetchone()
    if not exists:
        connection.execute(f"create schema {SCHEMA}")
    with connection.transaction():
        connection.execute(_AS_OF)
        for name, (meaning, columns) in TABLES.items():
            body = ", ".join(f"{column} {definition}" for column, definition in columns.items())
            connection.execute(f"create table if not exists {SCHEMA}.{name} ({_STAMP}, {body})")
            connection.execute(
                f"comment on table {SCHEMA}.{name} is '{meaning} Rows are only added; a later one corrects an earlier one.'"
            )
        connection.execute(_OUTCOMES)
        connection.execute(_REFUSED)
    if not ensure_role(connection, WRITER):
        return [
            f"The role {WRITER} is not there, so nobody can enter anything yet. As administrator: create role {WRITER} nologin;"
        ]
    connection.execute(f"grant usage on schema {SCHEMA} to {WRITER}")
    connection.execute(f"grant execute on function {SCHEMA}.published_as_of() to {WRITER}")
    for name, (_, columns) in TABLES.items():
        connection.execute(f"grant select, insert ({', '.join(columns)}) on {SCHEMA}.{name} to {WRITER}")
    connection.execute(f"grant select on {SCHEMA}.outcomes, {SCHEMA}.refused to {WRITER}")
    return []


# with the owner's rights: who may write here need not be able to read all of schema bi
_AS_OF = """
create or replace function input.published_as_of() returns date language plpgsql stable security definer set search_path = pg_catalog as $$
begin
    return coalesce((select as_of_date from bi.run_info), current_date);
exception when undefined_table then
    return current_date;
end $$
"""

_OUTCOMES = """
create table if not exists input.outcomes (
    entry_table text not null,
    entry_id uuid not null,
    outcome text not null check (outcome in ('taken', 'refused')),
    reason text,
    decided_at timestamp with time zone not null default now(),
    primary key (entry_table, entry_id)
);
comment on table input.outcomes is 'What became of each entry at the start of the next run: taken, or refused and why.'
"""

_REFUSED = (
    "create or replace view input.refused as "
    + " union all ".join(
        f"select outcomes.entry_table, outcomes.entry_id, outcomes.reason, outcomes.decided_at, entries.entered_by, entries.entered_at, "
        f"to_jsonb(entries) - array['entry_id', 'entered_by', 'entered_at'] as entry from input.outcomes "
        f"join input.{name} as entries on outcomes.entry_id = entries.entry_id "
        f"where outcomes.outcome = 'refused' and outcomes.entry_table = '{name}'"
        for name in TABLES
    )
    + "; comment on view input.refused is 'Entries that were not taken, and why: enter them anew as they should be.'"
)
