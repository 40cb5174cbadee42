"""Alerts of a warehouse: since when, who saw to it, published, told, and a run that failed.

Belongs here: the way through tables, PostgreSQL, publication and Dagster. Does not belong here: when each kind is raised, which dbt's unit tests
of alert_findings show, and the rules of delivery (tests/alerting).
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from dagster_project.alert_sensor import failed_runs, tell
from dagster_project.alerting.acknowledging import Choice, acknowledge, list_alerts
from dagster_project.alerting.delivery import read_published
from dagster_project.alerting.errors import AlertsError
from dagster_project.jobs import DAILY_REPLENISHMENT
from dagster_project.publish.people import take_entries
from dagster_project.publish.snapshot import publish_snapshot
from dagster_project.settings import Settings
from dagster_project.warehouse_file import WarehouseFile

MODELS = ("alert_history", "rpt_alerts")
FINDING = "select 'A{n:010}' as alert_id, '{kind}' as kind, '' as subject, '{severity}' as severity, {usd}::decimal(18,2) as at_risk_usd, 1 as item_id, 1 as location_id, 1 as vendor_id, 1 as finding_count, 'wrong' as message, 'act' as next_step"


def finding(n: int, kind: str = "overstock", severity: str = "medium", usd: str = "250") -> str:
    return FINDING.format(n=n, kind=kind, severity=severity, usd=usd)


@pytest.fixture
def settings(finished_warehouse: Path, tiny_source: Path, tmp_path: Path) -> Settings:
    shutil.copyfile(finished_warehouse, tmp_path / "stockroom.duckdb")
    return Settings(
        source_dir=tiny_source,
        warehouse=tmp_path / "stockroom.duckdb",
        published_dir=tmp_path / "published",
        alerts_file=tmp_path / "alerts.yml",
    )


@pytest.fixture
def run_on(settings: Settings, tiny_source: Path, run_dbt) -> Callable[..., None]:
    """`run_on(day, finding(1), …)`: a run of that day that finds just these."""

    def run(day: date, *findings: str, arguments: tuple[str, ...] = ()) -> None:
        with duckdb.connect(str(settings.warehouse)) as connection:
            connection.execute("update intermediate.int_as_of set as_of_date = ?", [day])
            rows = " union all ".join(findings) or f"select * from ({finding(1)}) where false"
            connection.execute(f"create or replace table reports.alert_findings as {rows}")
        run_dbt(tiny_source, settings.warehouse, "run", "--select", *MODELS, *arguments)

    return run


def rows(settings: Settings, sql: str) -> list[tuple]:
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        return connection.sql(sql).fetchall()


SEEN = "select alert_id, first_seen_date, last_seen_date, is_open from reports.rpt_alerts order by alert_id"
FIRST, SECOND = date(2016, 3, 1), date(2016, 3, 5)


def test_the_first_day_survives_rebuilds_and_a_rerun_changes_nothing(settings: Settings, run_on) -> None:
    one, two = "A0000000001", "A0000000002"
    run_on(FIRST, finding(1))
    run_on(SECOND, finding(1), finding(2))
    expected = [(one, FIRST, SECOND, True), (two, SECOND, SECOND, True)]
    assert rows(settings, SEEN) == expected
    history = rows(settings, "from reports.alert_history order by all")
    run_on(SECOND, finding(1), finding(2))
    assert rows(settings, "from reports.alert_history order by all") == history
    run_on(SECOND, finding(1), finding(2), arguments=("--full-refresh",))
    assert rows(settings, SEEN) == expected, "not even a full refresh makes it forget"
    run_on(SECOND)
    assert rows(settings, SEEN) == [(one, FIRST, FIRST, False)], "a day that is decided again without findings has none"
    run_on(FIRST, finding(1))
    assert rows(settings, SEEN) == [(one, FIRST, FIRST, True)], "a past day does not know what came later"


def test_what_has_been_over_for_two_years_is_forgotten_and_what_is_open_keeps_its_first_day(settings: Settings, run_on) -> None:
    """A run of a past day forgets nothing: what came later is not over for it."""
    days = [FIRST + timedelta(days=13 * k) for k in range(58)]  # 741 days, never away for longer than the memory of 14
    history = "select alert_id, count(*), min(as_of_date) from reports.alert_history group by 1 order by 1"
    run_on(FIRST, finding(1), finding(2))
    with duckdb.connect(str(settings.warehouse)) as connection:
        connection.executemany(
            "insert into reports.alert_history select * replace (?::date as as_of_date) from reports.alert_history "
            "where alert_id = 'A0000000001' limit 1",
            [[day] for day in days[1:-1]],
        )
    run_on(FIRST + timedelta(days=730), finding(1))
    assert [alert for alert, *_ in rows(settings, history)] == ["A0000000001", "A0000000002"], "730 days are not longer than 730"
    run_on(days[-1], finding(1))
    assert rows(settings, history) == [("A0000000001", 59, FIRST)]
    assert rows(settings, SEEN) == [("A0000000001", FIRST, days[-1], True)]


def test_who_saw_to_it_shows_at_once_and_ends_when_it_gets_worse(settings: Settings, run_on) -> None:
    run_on(FIRST, finding(1), finding(2))
    one, two = (alert for alert, *_ in rows(settings, SEEN))
    with pytest.raises(AlertsError, match="no open alert A0000000000"):
        acknowledge(settings.warehouse, [one, "A0000000000"], "ann", "", "stockroom")
    assert rows(settings, "from input.alert_acknowledgements") == [], "all or none"
    acknowledge(settings.warehouse, [one.lower(), one], "ann", "returned 60", "stockroom", datetime(2016, 3, 2, 7))
    who = "select alert_id, acknowledged_by, acknowledged_at, acknowledgement_note, alert_rank from reports.rpt_alerts order by alert_rank"
    expected = [(two, None, None, None, 1), (one, "ann", datetime(2016, 3, 2, 7), "returned 60", 2)]
    assert rows(settings, who) == expected
    run_on(SECOND, finding(1), finding(2))
    assert rows(settings, who) == expected, "it holds while the alert stays"
    run_on(date(2016, 3, 6), finding(1, severity="high"), finding(2))
    assert rows(settings, "select acknowledged_by from reports.rpt_alerts where acknowledged_by is not null") == []


def test_the_list_says_how_much_of_each_kind_and_what_to_do(settings: Settings, run_on) -> None:
    from rich.console import Console

    run_on(FIRST, finding(1), finding(2, "order spike", "high", "1200"), finding(3, usd="null"))
    console = Console(width=130, record=True)
    console.print(list_alerts(settings.warehouse, Choice(lines=2), "stockroom"))
    text = console.export_text()
    assert "order spike │      1 │    1" in text
    assert "and 1 more: --lines 3" in text
    assert text.count("wrong: act") == 2
    assert "Next: do what it says, then stockroom alerts ack A0000000002" in text
    console.print(list_alerts(settings.warehouse, Choice(kind="rejects"), "stockroom"))
    assert "No alert to see to." in console.export_text()


def test_what_is_published_is_told_without_what_somebody_saw_to(settings: Settings, run_on, tmp_path: Path) -> None:
    assert read_published(settings) is None
    run_on(FIRST, finding(1), finding(2, usd="null"), finding(3))
    acknowledge(settings.warehouse, ["A0000000003"], "ann", "", "stockroom")
    publish_snapshot(settings)
    published = read_published(settings)
    assert published.as_of_date == FIRST
    assert [alert.alert_id for alert in published.alerts] == ["A0000000001", "A0000000002"]
    assert published.alerts[0].names[0].startswith("store 1")
    settings.alerts_file.write_text(f"receivers: [{{name: log, type: log, path: {tmp_path}/alerts.log}}]")
    with dg.DagsterInstance.ephemeral() as instance:
        assert [outcome.state for outcome in tell(settings, instance)] == ["sent"]
        assert [outcome.state for outcome in tell(settings, instance)] == ["nothing new"]
    assert (tmp_path / "alerts.log").read_text().count("[medium] overstock") == 2


def test_without_receivers_nothing_is_told_and_nothing_is_kept(settings: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert tell(settings, instance) == []
    assert not settings.warehouse.with_name("alert_deliveries.sqlite").exists()


def test_a_run_that_failed_is_told_with_its_reason(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    @dg.op
    def raw_files() -> None:
        raise ValueError("sales.csv has no column 'Quantity'")

    @dg.job(name=DAILY_REPLENISHMENT)
    def failing() -> None:
        raw_files()

    settings.alerts_file.write_text(f"receivers: [{{name: log, type: log, path: {tmp_path}/alerts.log}}]")
    with dg.DagsterInstance.ephemeral() as instance:
        run = failing.execute_in_process(instance=instance, raise_on_error=False)
        assert [notice for notice, *_ in failed_runs(instance)] == [run.run_id]
        for name, value in settings.to_env().items():
            monkeypatch.setenv(name, value)
        from dagster_project.alert_sensor import alert_delivery

        said = [alert_delivery(dg.build_sensor_context(instance=instance)).skip_message for _ in range(2)]
    assert said == ["log: Stockroom: something needs you", "log: nothing new"]
    text = (tmp_path / "alerts.log").read_text()
    assert text.count(f"The daily run {run.run_id[:8]} failed at") == 1
    assert (
        "UTC in raw_files: ValueError: sales.csv has no column 'Quantity'. Tables and orders are those of the last good run."
        in text
    )


def test_an_acknowledgement_comes_from_postgresql(settings: Settings, run_on, database: str, ask) -> None:
    psycopg = pytest.importorskip("psycopg")

    from dagster_project.publish.postgres_input import make_input_schema

    run_on(FIRST, finding(1), finding(2))
    with psycopg.connect(database, autocommit=True) as connection:
        make_input_schema(connection)
    with pytest.raises(psycopg.errors.CheckViolation):
        ask(database, "insert into input.alert_acknowledgements (alert_id) values ('all of them')")
    ask(
        database,
        "insert into input.alert_acknowledgements (alert_id, note, as_of_date) values ('A0000000001', 'done', %s)",
        FIRST,
    )
    ask(database, "insert into input.alert_acknowledgements (alert_id) values ('A00000000FF')")
    home = settings.changed(postgres_url=database)
    result = take_entries(home, WarehouseFile(str(home.warehouse)), lambda *_: None)
    assert result.taken == {"alert_acknowledgements": 1}
    assert result.refused == [
        "alert_acknowledgements of postgres: there never was an alert A00000000FF; bi.rpt_alerts lists those there are"
    ]
    who = "select alert_id, acknowledged_by, acknowledgement_note from reports.rpt_alerts where acknowledged_by is not null"
    assert rows(settings, who) == [("A0000000001", "postgres", "done")]
