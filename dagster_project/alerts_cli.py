"""The command line of alerts: `stockroom alerts`.

Belongs here: options and messages. Does not belong here: work; every command calls a function of `alerting`.
"""

from __future__ import annotations

import contextlib
import getpass
import sys
from collections.abc import Iterator
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from dagster_project.terminal import WarehouseOption, console, existing_warehouse, fail, program, settings_of

alerts_app = typer.Typer(help="Alerts: list them, say that you saw to one, tell people.", no_args_is_help=True)


@alerts_app.command("list")
def list_command(
    everything: Annotated[bool, typer.Option("--all", help="Those somebody has seen to and those that are over too.")] = False,
    kind: Annotated[str, typer.Option("--kind", help="Of this kind only, for example 'order spike'.")] = "",
    store: Annotated[int | None, typer.Option("--store", help="Of this store only.")] = None,
    lines: Annotated[int, typer.Option("--lines", min=1, help="Alerts shown.")] = 20,
    warehouse: WarehouseOption = None,
) -> None:
    """Show what somebody should know this morning: how much of each kind, then the most severe."""
    from dagster_project.alerting.acknowledging import Choice, list_alerts
    from dagster_project.alerting.message import KINDS

    if kind and kind not in KINDS:
        raise fail([f"--kind {kind}: not known"], f"Kinds are {', '.join(KINDS)}.")
    with _refusing():
        path = existing_warehouse(warehouse)
        console.print(list_alerts(path, Choice(everything, kind, store, lines), program()))


@alerts_app.command()
def ack(
    alerts: Annotated[list[str], typer.Argument(help="Names of alerts, as `alerts list` shows them.")],
    note: Annotated[str, typer.Option("--note", help="What was done.")] = "",
    by: Annotated[str, typer.Option("--by", help="Who saw to it (default: the login).")] = "",
    warehouse: WarehouseOption = None,
) -> None:
    """Say that you saw to alerts: they are not sent again unless they get more severe."""
    from dagster_project.alerting.acknowledging import acknowledge

    with _refusing():
        path = existing_warehouse(warehouse)
        outcomes = acknowledge(path, alerts, by or getpass.getuser(), note, program())
    for outcome in outcomes:
        console.print(escape(outcome), soft_wrap=True)


@alerts_app.command()
def send(warehouse: WarehouseOption = None) -> None:
    """Tell the receivers what they have not heard of, as the sensor does: for cron, after `stockroom run`."""
    from dagster_project.home import open_instance, prepare_home

    settings = settings_of(warehouse=warehouse)
    with _refusing():
        from dagster_project.alert_sensor import tell

        prepare_home(settings)
        with open_instance(settings) as instance:
            outcomes = tell(settings, instance)
    if not outcomes:
        raise fail([f"{settings.alerts_file} names no receiver"], "docs/alerts.md shows a whole file.")
    for outcome in outcomes:
        console.print(f"{escape(outcome.receiver)}: {outcome.state}: {escape(outcome.text)}", soft_wrap=True)
    if any(outcome.state == "failed" for outcome in outcomes):
        raise typer.Exit(1)


@alerts_app.command()
def receivers(warehouse: WarehouseOption = None) -> None:
    """Check the file of receivers, and show who hears of what and where each stands."""
    from dagster_project.alerting.delivery import ledger_of
    from dagster_project.alerting.message import KINDS
    from dagster_project.alerting.receivers import read_receivers

    settings = settings_of(warehouse=warehouse)
    with _refusing():
        found = read_receivers(settings.alerts_file).receivers
        standings = ledger_of(settings).standings()
    if not found:
        raise fail([f"{settings.alerts_file} names no receiver"], "docs/alerts.md shows a whole file.")
    table = Table(title=f"Receivers of {settings.alerts_file}", title_justify="left")
    for name in ("receiver", "hears of", "stores", "told as of", "trouble"):
        table.add_column(name)
    for receiver in found:
        standing = standings.get(receiver.name)
        kinds = "every kind" if set(receiver.kinds) == set(KINDS) else ", ".join(receiver.kinds)
        stores = ", ".join(map(str, receiver.stores)) or "all"
        told = f"{standing.as_of_date}" if standing and standing.run_id else "not yet"
        trouble = f"{standing.last_error} ({standing.failure_count} times)" if standing and standing.failure_count else ""
        table.add_row(escape(receiver.name), f"{kinds}, from {receiver.minimum_severity}", stores, told, escape(trouble))
    console.print(table)


@contextlib.contextmanager
def _refusing() -> Iterator[None]:
    """What cannot be done is a message."""
    from dagster_project.alerting.errors import AlertsError

    try:
        yield
    except AlertsError as error:
        raise fail(error.problems, error.next_step) from None
    except Exception as error:
        duckdb = sys.modules.get("duckdb")
        if duckdb is None or not isinstance(error, duckdb.Error):
            raise
        raise fail([str(error)], f"Tables are missing, or a run is at work? To its end: {program()} run") from None
