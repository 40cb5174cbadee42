"""What a person sees of alerts in the terminal, and that they saw to one.

Belongs here: reading the table, and the entry. Does not belong here: what the entry does, which reports.rpt_alerts decides.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from dagster_project.alerting.errors import AlertsError
from dagster_project.alerting.message import clean
from dagster_project.input_tables import INPUT_SCHEMA
from dagster_project.warehouse_file import WarehouseFile

_STYLES = {"high": "bold red", "medium": "yellow", "low": "dim"}
NOTE_LENGTH = 500


@dataclass(frozen=True)
class Choice:
    """Which alerts are listed; empty means all. `everything`: those seen to and those that are over too."""

    everything: bool = False
    kind: str = ""
    store: int | None = None
    lines: int = 20


def list_alerts(warehouse: Path, choice: Choice, program: str) -> Group:
    """A line per kind, then the first alerts, most severe and most money first."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        alerts = _alerts(connection)
    chosen = [
        alert
        for alert in alerts
        if (choice.everything or (alert["is_open"] and alert["acknowledged_at"] is None))
        and choice.kind in ("", alert["kind"])
        and choice.store in (None, alert["location_id"])
    ]
    hidden = 0 if choice.everything else len([a for a in alerts if not a["is_open"] or a["acknowledged_at"]])
    note = [Text(f"{hidden:,} that somebody has seen to or that are over are not shown; --all shows them.")] if hidden else []
    if not chosen:
        return Group(Text("No alert to see to."), *note)
    more = len(chosen) - choice.lines
    if more > 0:
        note.insert(0, Text(f"and {more:,} more: --lines {len(chosen)} shows them; --kind and --store choose."))
    note.append(Text(f"Next: do what it says, then {program} alerts ack {chosen[0]['alert_id']}"))
    return Group(_kinds(chosen), _lines(chosen[: choice.lines]), *note)


def acknowledge(
    warehouse: Path, wanted: Sequence[str], by: str, note: str, program: str, now: datetime | None = None
) -> list[str]:
    """Keep that somebody has seen to alerts: all or none; what became of each, a line each. Raises AlertsError for one that is not open."""
    names = list(dict.fromkeys(name.strip().upper() for name in wanted))
    now = now or datetime.now(UTC).replace(tzinfo=None)
    if len(note) > NOTE_LENGTH:
        raise AlertsError([f"the note has {len(note)} characters; {NOTE_LENGTH} is the most"], "Nothing was kept.")
    file = WarehouseFile(str(warehouse))
    try:
        file.ensure_kept_tables()
        with file.connect() as connection:
            open_alerts = {alert["alert_id"]: alert for alert in _alerts(connection) if alert["is_open"]}
            unknown = [name for name in names if name not in open_alerts]
            if unknown:
                raise AlertsError([f"no open alert {name}" for name in unknown], f"Open alerts: {program} alerts list --all")
            connection.begin()
            try:
                for name in names:
                    alert = open_alerts[name]
                    connection.execute(
                        f"insert into {INPUT_SCHEMA}.alert_acknowledgements by name select ? as entry_id, ? as source_key, ? as as_of_date, "
                        "? as entered_by, ? as entered_at, ? as alert_id, ? as note",
                        [str(uuid.uuid4()), alert["source_key"], alert["as_of_date"], by, now, name, note or None],
                    )
                connection.commit()
            except BaseException:
                connection.rollback()
                raise
    except duckdb.IOException as error:
        raise AlertsError(
            [f"{warehouse} cannot be written: {error}"], "Is a run at work? Wait for its end, then try again."
        ) from None
    except duckdb.CatalogException as error:
        raise AlertsError([str(error)], f"Run the job to its end first: {program} run") from None
    return [f"{name} seen to: {open_alerts[name]['kind']}. It is not sent again unless it gets more severe." for name in names]


def _alerts(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    found = connection.execute(
        """
        select alerts.*, products.item_name, locations.city, vendors.vendor_name
        from reports.rpt_alerts as alerts
        left join marts.dim_product as products on alerts.item_id = products.item_id
        left join marts.dim_location as locations on alerts.location_id = locations.location_id
        left join marts.dim_vendor as vendors on alerts.vendor_id = vendors.vendor_id
        order by alerts.alert_rank
        """
    )
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _kinds(alerts: Sequence[dict[str, Any]]) -> Table:
    table = Table(title=f"Alerts as of {alerts[0]['as_of_date']}, by kind", title_justify="left")
    for name in ("kind", "alerts", "high", "findings", "USD at risk"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for kind in dict.fromkeys(alert["kind"] for alert in alerts):
        own = [alert for alert in alerts if alert["kind"] == kind]
        usd = [alert["at_risk_usd"] for alert in own if alert["at_risk_usd"] is not None]
        table.add_row(
            kind, f"{len(own):,}", f"{sum(a['severity'] == 'high' for a in own):,}", f"{sum(a['finding_count'] for a in own):,}",
            f"{sum(usd):,.0f}" if usd else "unknown",
        )  # fmt: skip
    return table


def _lines(alerts: Sequence[dict[str, Any]]) -> Table:
    table = Table(title="Most severe first", title_justify="left", show_lines=False)
    for name in ("alert", "severity", "USD", "what, where, what to do", "since"):
        table.add_column(name, justify="right" if name == "USD" else "left", no_wrap=name in ("alert", "since"))
    for alert in alerts:
        store = "" if alert["location_id"] is None else f"store {alert['location_id']} {alert['city'] or ''}".strip()
        about = ", ".join(clean(name) for name in (alert["item_name"], store, alert["vendor_name"]) if name)
        state = "" if alert["is_open"] else " [dim](over)[/dim]"
        if alert["acknowledged_by"]:
            state += f" [dim](seen to by {escape(alert['acknowledged_by'])})[/dim]"
        said = f"[bold]{alert['kind']}[/bold]{': ' if about else ''}{escape(about)}. {escape(clean(alert['message']))}: {escape(alert['next_step'])}{state}"
        usd = "?" if alert["at_risk_usd"] is None else f"{alert['at_risk_usd']:,.0f}"
        table.add_row(
            alert["alert_id"], Text(alert["severity"], _STYLES[alert["severity"]]), usd, said, f"{alert['first_seen_date']}"
        )
    return table
