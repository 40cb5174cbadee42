"""Where things stand: the last runs, how fresh the data is, what was refused, what is open.

Belongs here: one page of what runs, tables of operations and alerts say. Does not belong here: judging; every flag is a column of SQL.

Runs are Dagster's own records, since a run that failed published nothing; all else is read from what is published, so a run at work
is not in the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import duckdb
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dagster_project.settings import Settings

_FRESHNESS = """
    select adapter || '.' || file_kind, newest_data_date, data_age_days, limit_days, is_missing
    from bi.ops_freshness where is_latest and (is_stale or is_missing) order by is_missing desc, data_age_days desc nulls last
"""
_KNOWN = "select count(*) from bi.ops_freshness where is_latest"
_REJECTS = """
    select object_name, row_count, rejected_count, reject_share
    from bi.ops_volume where is_latest and object_kind = 'file' and rejected_count > 0 order by reject_share desc
"""
_ALERTS = """
    select
        kind, count(*) filter (where severity = 'high'), count(*) filter (where severity = 'medium'),
        count(*) filter (where severity = 'low'), sum(at_risk_usd)
    from bi.rpt_alerts where is_open and acknowledged_at is null group by kind order by 2 desc, 3 desc, 5 desc nulls last
"""


def status_page(settings: Settings, runs: int, program: str) -> Group:
    """The page, with so many runs. Raises duckdb.Error where what is published cannot be read."""
    parts: list[Any] = [_runs(last_runs(settings)[:runs], program), ""]
    database = settings.published / "stockroom.duckdb"
    if not database.exists():
        return Group(*parts, f"Nothing is published yet. Next: {program} run")
    with duckdb.connect(str(database.resolve()), read_only=True) as connection:
        as_of_date, published_at = connection.sql("select as_of_date, published_at from bi.run_info").fetchone()
        parts += [f"Published: as of {as_of_date}, {_ago(published_at)} ago, in {settings.published}", ""]
        parts += [*_freshness(connection), "", *_rejects(connection, program), "", *_alerts(connection, program)]
    return Group(*parts)


def last_runs(settings: Settings) -> Sequence[dict[str, Any]]:
    """The newest runs on this warehouse, newest first, as Dagster knows them."""
    if not (settings.dagster_home / "dagster.yaml").exists():
        return []
    from dagster_project.home import open_instance
    from dagster_project.run_records import read_runs

    with open_instance(settings) as instance:
        return read_runs(instance, settings)[::-1]


def _runs(runs: Sequence[dict[str, Any]], program: str) -> Any:
    if not runs:
        return f"No run yet. Next: {program} run"
    table = Table(title="Last runs", title_justify="left")
    for name in ("started (UTC)", "job", "by", "as of", "ended", "took", "why not"):
        table.add_column(name)
    for run in runs:
        took = f"{(run['finished_at'] - run['started_at']).total_seconds():,.0f} s" if run["finished_at"] else ""
        colour = {"success": "green", "failure": "red"}.get(run["status"], "yellow")
        why = " ".join(
            part for part in (f"{run['failed_step']}:" if run["failed_step"] else "", run["failure_message"] or "") if part
        )
        table.add_row(
            f"{run['started_at']:%Y-%m-%d %H:%M}", run["job_name"], run["launched_by"], str(run["as_of_date"] or ""),
            f"[{colour}]{run['status']}[/{colour}]", took, escape(" ".join(why.split())[:300]),
        )  # fmt: skip
    return table


def _freshness(connection: duckdb.DuckDBPyConnection) -> list[Any]:
    rows, known = connection.sql(_FRESHNESS).fetchall(), connection.sql(_KNOWN).fetchone()[0]
    if not rows:
        return [f"Freshness: of {known} kinds of file none is late or missing."]
    table = Table(title="Late or missing files", title_justify="left")
    for name in ("file", "newest day", "age", "limit"):
        table.add_column(name)
    for name, newest, age, limit, is_missing in rows:
        table.add_row(name, str(newest or ""), "missing" if is_missing else f"{age} days", f"{limit} days" if limit else "")
    return [table, "Next: ask whoever sends these files; a file put into the inbox is taken by the next run."]


def _rejects(connection: duckdb.DuckDBPyConnection, program: str) -> list[Any]:
    rows = connection.sql(_REJECTS).fetchall()
    if not rows:
        return ["Rejects: every line could be read."]
    table = Table(title="Lines refused", title_justify="left")
    for name in ("file", "refused", "of", "share"):
        table.add_column(name, justify="left" if name == "file" else "right")
    for name, count, refused, share in rows:
        table.add_row(name, f"{refused:,}", f"{count:,}", f"{share:.2%}")
    return [table, f'Next: {program} query "from staging.rejects" says the file, the line and the reason of each.']


def _alerts(connection: duckdb.DuckDBPyConnection, program: str) -> list[Any]:
    rows = connection.sql(_ALERTS).fetchall()
    if not rows:
        return ["Alerts: none that nobody has seen to."]
    table = Table(title="Alerts nobody has seen to", title_justify="left")
    for name in ("kind", "high", "medium", "low", "USD at risk"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for kind, *counts, usd in rows:
        table.add_row(kind, *(str(count) if count else "" for count in counts), "unknown" if usd is None else f"{usd:,.0f}")
    return [table, Text(f"Next: {program} alerts list")]


def _ago(moment: datetime) -> str:
    now = datetime.now(UTC) if moment.tzinfo else datetime.now(UTC).replace(tzinfo=None)
    minutes = int((now - moment).total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours" if minutes < 48 * 60 else f"{minutes // 1440} days"
