"""When things run by themselves. All of it is off until an operator switches it on, but for what only writes a text file.

Belongs here: schedules, sensors, conditions, and what starts them. Does not belong here: what a job does (jobs).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
import duckdb
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

from dagster_project.choices import RunChoices
from dagster_project.inbox import look
from dagster_project.inspecting import PHOTO_FOLDER
from dagster_project.jobs import DAILY_REPLENISHMENT, REPLAY_GROUP, daily_replenishment, judge_photos, retraining
from dagster_project.run_records import close_dead_runs, read_runs, write_metrics
from dagster_project.settings import Settings

every_morning = dg.ScheduleDefinition(
    name="every_morning",
    job=daily_replenishment,
    cron_schedule="0 5 * * *",
    description="Orders for the day, at 05:00 UTC.",
)

every_sunday = dg.ScheduleDefinition(
    name="every_sunday",
    job=retraining,
    cron_schedule="0 12 * * 0",
    description="A search for better forecast settings, Sundays at 12:00 UTC, when no daily run waits.",
)

AFTER_NEW_DEMAND = dg.AutomationCondition.on_cron("0 14 * * 0").with_label("on Sundays, once the week's demand is in")
"""Replay is worth its minutes once a week, and only after everything it reads was made anew since the last time: `on_cron` waits for
all of an asset's parents after the tick. Used by the replay's assets and by no other: orders have a schedule, since they must come even
when nothing is new."""


@dg.sensor(
    job=daily_replenishment,
    minimum_interval_seconds=60,
    description="New files: takes what is complete from the inbox, and runs.",
)
def inbox(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """A file is taken when it is marked as done, or unchanged since the last look and for a minute. One run at a time takes files."""
    found = look(Settings.from_env().inbox, json.loads(context.cursor or "{}"))
    context.update_cursor(json.dumps(found.seen))
    if not found.complete:
        waiting = f"{len(found.seen)} files are not complete yet" if found.seen else "the inbox is empty"
        return dg.SkipReason(waiting)
    if _is_at_work(context.instance, DAILY_REPLENISHMENT):
        return dg.SkipReason(f"{len(found.complete)} files wait for the end of the daily run")
    choices = dg.RunConfig(resources={"choices": RunChoices(inbox=found.complete)})
    return dg.SensorResult([dg.RunRequest(run_config=choices, tags={"stockroom/files": str(len(found.complete))})])


@dg.sensor(job=judge_photos, minimum_interval_seconds=300, description="New photos in the source folder: judges them.")
def new_photos(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Runs when the photos differ from those of the last run and have not changed between two looks. Starts with what is there."""
    now = _photos(Settings.from_env())
    state = json.loads(context.cursor or "null") or {"judged": now, "seen": now}
    is_quiet = state["seen"] == now
    is_new = now != state["judged"]
    context.update_cursor(json.dumps({"judged": now if is_new and is_quiet else state["judged"], "seen": now}))
    if is_new and is_quiet:
        yield dg.RunRequest(run_key=f"photos {now}")
    else:
        yield dg.SkipReason("photos are still coming" if is_new else "no new photos")


@dg.sensor(
    job=retraining, minimum_interval_seconds=3600, description="Drift: searches better settings once per model run that drifts."
)
def drift(_context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Reads what is published, never the warehouse, so that it cannot stand in a run's way."""
    database = Settings.from_env().published / "stockroom.duckdb"
    if not database.exists():
        return dg.SkipReason("nothing is published yet")
    try:
        with duckdb.connect(str(database.resolve()), read_only=True) as connection:
            run_id, names = connection.sql(
                "select any_value(run_id), list(distinct kind || ' ' || name order by kind || ' ' || name) "
                "from bi.ml_forecast_drift where is_drifting"
            ).fetchone()
    except duckdb.Error as error:
        return dg.SkipReason(f"what is published cannot be read: {error}")
    if run_id is None:
        return dg.SkipReason("no drift")
    return dg.RunRequest(run_key=f"drift {run_id}", tags={"stockroom/drift": ", ".join(names)[:200]})


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Keeps the file of run durations for Prometheus, and closes runs whose process is gone. On by default: it starts nothing.",
)
def run_metrics(context: dg.SensorEvaluationContext) -> dg.SkipReason:
    """Writes when a run has started or ended since the last look."""
    settings = Settings.from_env()
    dead = close_dead_runs(context.instance)
    newest = [f"{record.dagster_run.run_id} {record.end_time}" for record in context.instance.get_run_records(limit=20)]
    if newest == json.loads(context.cursor or "[]"):
        return dg.SkipReason("no run has started or ended")
    settings.metrics.parent.mkdir(parents=True, exist_ok=True)
    write_metrics(read_runs(context.instance, settings), settings.metrics)
    context.update_cursor(json.dumps(newest))
    return dg.SkipReason(f"{settings.metrics} is written" + (f"; closed: {', '.join(dead)}" if dead else ""))


weekly_replay = dg.AutomationConditionSensorDefinition(
    "weekly_replay",
    target=dg.AssetSelection.groups(REPLAY_GROUP),
    description="The replay of policies, Sundays from 14:00 UTC, once all it reads was made anew.",
)

SCHEDULES = (every_morning, every_sunday)
SENSORS = (inbox, new_photos, drift, weekly_replay, run_metrics)


def _is_at_work(instance: dg.DagsterInstance, job_name: str) -> bool:
    return bool(instance.get_run_records(dg.RunsFilter(job_name=job_name, statuses=NOT_FINISHED_STATUSES), limit=1))


def _photos(settings: Settings) -> list[Any]:
    """How many photos there are, how large in all, and the last change (ns): changes with every photo that comes or goes."""
    stats = [
        path.stat()
        for path in (settings.source_dir / PHOTO_FOLDER).rglob("*")
        if path.is_file() and not path.name.startswith(".")
    ]
    return [len(stats), sum(stat.st_size for stat in stats), max((stat.st_mtime_ns for stat in stats), default=0)]
