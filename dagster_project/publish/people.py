"""Taking what people entered in PostgreSQL into the warehouse, at the start of a run.

Belongs here: which entries are taken, which are refused and why, and that none is lost or taken twice. Does not belong here: the
tables people write into (postgres_input), and what an entry does, which SQL decides.

Entries stay in PostgreSQL and are copied into schema `input` of the warehouse, which no build touches. The warehouse remembers each by
its name in the same transaction, so a run that is killed at any moment loses nothing and takes nothing twice; what became of an
entry is then told to PostgreSQL, again by the next run where this one could not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_project.input_tables import ENTRIES, INPUT_SCHEMA, TAKEN_ENTRIES
from dagster_project.publish.errors import PublishError
from dagster_project.publish.postgres import URL_VARIABLE, checked_url, connected
from dagster_project.publish.postgres_input import ENTERED, SCHEMA, TABLES
from dagster_project.settings import Settings
from dagster_project.warehouse_file import WarehouseFile

if TYPE_CHECKING:
    import duckdb
    import psycopg

APPROVALS = "order_approvals"
Entry = dict[str, Any]
Approve = Callable[[Path, str, datetime], None]
"""Approves one proposal as of a moment; raises an exception whose text says why not."""


@dataclass
class Taken:
    """What a run took, by table, and what it refused with the reasons."""

    taken: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)


def take_entries(settings: Settings, warehouse: WarehouseFile, approve: Approve) -> Taken | None:
    """Take what people entered since the last run; None where no PostgreSQL is set. Raises PublishError where it does not answer:
    orders without people's words would be others than they think."""
    if not settings.postgres_url:
        return None
    url = checked_url(settings.postgres_url)
    try:
        with connected(url) as connection:
            entries = _entries(connection)
            if entries is None:
                return Taken()
            warehouse.ensure_kept_tables()
            result = _take(settings, warehouse, entries, approve)
            _tell(connection, warehouse)
            return result
    except PublishError as error:
        raise PublishError(
            [f"what people entered cannot be taken: {problem}" for problem in error.problems],
            f"Nothing is lost. Check {URL_VARIABLE}, or run without people's entries: unset it.",
        ) from None


def _entries(connection: psycopg.Connection) -> dict[str, list[Entry]] | None:
    """All entries that were not refused, oldest first; None where nobody could enter anything yet."""
    there = {name for (name,) in connection.execute("select tablename from pg_tables where schemaname = %s", [SCHEMA]).fetchall()}
    if not {*TABLES, "outcomes"} <= there:
        return None
    found: dict[str, list[Entry]] = {}
    for table, (_, columns) in TABLES.items():
        names = [*ENTERED, *columns]
        # an approval counts once, whatever becomes of the warehouse; all else is taken again into a new one
        settled = "" if table == APPROVALS else "and outcomes.outcome = 'refused'"
        rows = connection.execute(
            f"""
            select {", ".join(names)} from {SCHEMA}.{table} as entries
            where not exists (select 1 from {SCHEMA}.outcomes
                where outcomes.entry_table = '{table}' and outcomes.entry_id = entries.entry_id {settled})
            order by entered_at, entry_id
            """
        ).fetchall()
        found[table] = [dict(zip(names, row, strict=True)) for row in rows]
    for entry in (entry for entries in found.values() for entry in entries):
        entry["entry_id"] = str(entry["entry_id"])
        entry["entered_at"] = entry["entered_at"].astimezone(UTC).replace(tzinfo=None)
    return found


def _take(settings: Settings, warehouse: WarehouseFile, entries: dict[str, list[Entry]], approve: Approve) -> Taken:
    result = Taken()
    moment = datetime.now(UTC).replace(tzinfo=None)
    with warehouse.connect() as connection:
        known = {row[0] for row in connection.execute(f"select entry_id from {INPUT_SCHEMA}.{TAKEN_ENTRIES.name}").fetchall()}
        fresh = {table: [entry for entry in rows if entry["entry_id"] not in known] for table, rows in entries.items()}
        if not any(fresh.values()):
            return result
        held, alerts = _held(connection), _alerts(connection, settings)
        can_approve = _exists(connection, "recommendations", "rec_purchase_orders")
        connection.begin()
        try:
            for contract in ENTRIES:
                accepted = _accepted_weeks(connection, settings) if contract.name == "forecast_overrides" else []
                for entry in fresh[contract.name]:
                    if contract.name == "alert_acknowledgements":
                        reason = _why_not_acknowledged(entry, alerts)
                    else:
                        reason = _why_not(contract.name, entry, held, accepted)
                    if not reason:
                        _insert(connection, contract.name, {**entry, "source_key": str(settings.source_dir)})
                        result.taken[contract.name] = result.taken.get(contract.name, 0) + 1
                    else:
                        result.refused.append(f"{contract.name} of {entry['entered_by']}: {reason}")
                    _remember(connection, contract.name, entry, reason, moment)
            connection.commit()
        except BaseException:
            connection.rollback()
            raise
    for entry in fresh[APPROVALS] if can_approve else []:
        reason = ""
        try:
            # in local time, as the command line does
            approve(
                Path(warehouse.path),
                entry["proposal_id"],
                entry["entered_at"].replace(tzinfo=UTC).astimezone().replace(tzinfo=None),
            )
            result.taken[APPROVALS] = result.taken.get(APPROVALS, 0) + 1
        except Refused as error:
            reason = str(error)
            result.refused.append(f"{APPROVALS} of {entry['entered_by']}: {reason}")
        with warehouse.connect() as connection:  # approving again changes nothing, should the process end in between
            _remember(connection, APPROVALS, entry, reason, moment)
    return result


class Refused(Exception):
    """A proposal that cannot be approved; the text says why."""


def _remember(connection: duckdb.DuckDBPyConnection, table: str, entry: Entry, reason: str, moment: datetime) -> None:
    row = {
        "entry_id": entry["entry_id"],
        "entry_table": table,
        "outcome": "refused" if reason else "taken",
        "reason": reason or None,
    }
    _insert(connection, TAKEN_ENTRIES.name, {**row, "taken_at": moment})


def _insert(connection: duckdb.DuckDBPyConnection, table: str, row: Entry) -> None:
    names = ", ".join(row)
    marks = ", ".join("?" for _ in row)
    connection.execute(f"insert into {INPUT_SCHEMA}.{table} ({names}) values ({marks})", list(row.values()))


def _tell(connection: psycopg.Connection, warehouse: WarehouseFile) -> None:
    """Let people see what became of their entries."""
    told = {str(entry) for (entry,) in connection.execute(f"select entry_id from {SCHEMA}.outcomes").fetchall()}
    with warehouse.connect() as file:
        outcomes = file.execute(
            f"select entry_table, entry_id, outcome, reason, taken_at from {INPUT_SCHEMA}.{TAKEN_ENTRIES.name} order by taken_at"
        ).fetchall()
    rows = [
        (table, entry, outcome, reason, at.replace(tzinfo=UTC))
        for table, entry, outcome, reason, at in outcomes
        if entry not in told
    ]
    if rows:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(
                f"insert into {SCHEMA}.outcomes (entry_table, entry_id, outcome, reason, decided_at) values (%s, %s, %s, %s, %s) "
                "on conflict do nothing",
                rows,
            )


# What is refused ------------------------------------------------------------------------------------------------------------


def _held(connection: duckdb.DuckDBPyConnection) -> set[tuple[int, int]] | None:
    """Items and the stores that hold them, as of the last run; None before the first."""
    if not _exists(connection, "recommendations", "rec_orders"):
        return None
    return set(connection.execute("select item_id, location_id from recommendations.rec_orders").fetchall()) or None


def _alerts(connection: duckdb.DuckDBPyConnection, settings: Settings) -> set[str] | None:
    """Alerts that ever were; None before the first run that looked for any."""
    if not _exists(connection, "reports", "alert_history"):
        return None
    found = connection.execute(
        "select distinct alert_id from reports.alert_history where source_key = ?", [str(settings.source_dir)]
    )
    return {alert for (alert,) in found.fetchall()} or None


def _why_not_acknowledged(entry: Entry, alerts: set[str] | None) -> str:
    if alerts is not None and entry["alert_id"] not in alerts:
        return f"there never was an alert {entry['alert_id']}; bi.rpt_alerts lists those there are"
    return ""


def _exists(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    found = connection.execute(
        "select 1 from information_schema.tables where table_catalog = current_database() and table_schema = ? and table_name = ?",
        [schema, table],
    )
    return found.fetchone() is not None


def _accepted_weeks(connection: duckdb.DuckDBPyConnection, settings: Settings) -> list[tuple[int, int, date]]:
    """Weeks somebody spoke of already, here or in the seed."""
    weeks = connection.execute(
        f"select item_id, location_id, week_start_date from {INPUT_SCHEMA}.forecast_overrides where source_key = ?",
        [str(settings.source_dir)],
    ).fetchall()
    if _exists(connection, "policy", "forecast_overrides"):
        weeks += connection.execute("select item_id, location_id, week_start_date from policy.forecast_overrides").fetchall()
    return weeks


def _why_not(table: str, entry: Entry, held: set[tuple[int, int]] | None, weeks: list[tuple[int, int, date]]) -> str:
    """Why an entry cannot be followed; empty where it can. Weeks that are accepted are added to `weeks`."""
    if table == "inspection_labels":
        return ""
    item, location = entry["item_id"], entry["location_id"]
    if held is not None and (item, location) not in held:
        return f"item {item} is not held at store {location}; bi.rec_orders lists what is"
    last = entry["valid_to"] if table == "order_overrides" else entry["week_start_date"] + timedelta(days=6)
    if last < entry["as_of_date"]:
        return f"it speaks of days up to {last}, which were over: orders were made for {entry['as_of_date']}"
    if table == "forecast_overrides":
        start = entry["week_start_date"]
        other = _overlap(item, location, start, weeks)
        if other:
            return (
                f"seven days from {start} overlap those from {other}, of which somebody spoke already; "
                f"to correct them, enter the same first day ({other})"
            )
        weeks.append((item, location, start))
    return ""


def _overlap(item: int, location: int, start: date, weeks: Sequence[tuple[int, int, date]]) -> date | None:
    for other_item, other_location, other in weeks:
        if (other_item, other_location) == (item, location) and other != start and abs((other - start).days) < 7:
            return other
    return None
