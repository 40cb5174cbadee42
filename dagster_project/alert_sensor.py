"""When people are told: after each run, good or failed, and again where a receiver did not answer.

Belongs here: Dagster's side, which runs failed and the sensor. Does not belong here: who hears of what, and how (alerting).

The sensor needs no cursor: what was sent is kept in a file of its own, so that `stockroom alerts send` and the sensor may both be used.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import dagster as dg

from dagster_project.alerting.errors import AlertsError
from dagster_project.jobs import DAILY_REPLENISHMENT
from dagster_project.settings import Settings

FAILED_WITHIN = timedelta(days=1)
"""Failures of before are not news: who sets up a receiver does not hear of them."""


def tell(settings: Settings, instance: dg.DagsterInstance, now: datetime | None = None) -> list:
    """Deliver what is there to tell, as outcomes per receiver; none without receivers. Raises AlertsError where the file is wrong."""
    from dagster_project.alerting.delivery import deliver, ledger_of, read_published
    from dagster_project.alerting.receivers import read_receivers

    receivers = read_receivers(settings.alerts_file)
    if not receivers.receivers:
        return []
    return deliver(receivers, ledger_of(settings), read_published(settings), failed_runs(instance), now)


def failed_runs(instance: dg.DagsterInstance) -> list[tuple[str, str, datetime]]:
    """Runs of the daily job that failed lately: id, a sentence, when (UTC)."""
    failed = dg.RunsFilter(
        job_name=DAILY_REPLENISHMENT, statuses=[dg.DagsterRunStatus.FAILURE], updated_after=datetime.now(UTC) - FAILED_WITHIN
    )
    return [_said(instance, record) for record in instance.get_run_records(failed, limit=20)]


def _said(instance: dg.DagsterInstance, record: dg.RunRecord) -> tuple[str, str, datetime]:
    run = record.dagster_run
    ended = datetime.fromtimestamp(record.end_time or record.create_timestamp.timestamp(), UTC).replace(tzinfo=None)
    reason = ""
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        data = entry.dagster_event.step_failure_data if entry.dagster_event else None
        if data and data.error:
            error = data.error.cause or data.error
            reason = f" in {entry.step_key}: {error.message.strip()}"
            break
    text = f"The daily run {run.run_id[:8]} failed at {ended:%Y-%m-%d %H:%M} UTC{reason}"
    return run.run_id, f"{text}. Tables and orders are those of the last good run. Next: stockroom run, or stockroom dev", ended


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells the receivers of data/alerts.yml of new alerts after a run, and of runs that failed. docs/alerts.md.",
)
def alert_delivery(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    try:
        outcomes = tell(Settings.from_env(), context.instance)
    except AlertsError as error:
        raise dg.Failure(str(error)) from None
    if not outcomes:
        return dg.SkipReason("No receiver: docs/alerts.md shows how to name some.")
    return dg.SkipReason("; ".join(f"{outcome.receiver}: {outcome.text}" for outcome in outcomes))
