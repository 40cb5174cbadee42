"""What Dagster knows of runs, as rows of ops.runs and as metrics in a file; and runs that died without a word.

Belongs here: reading and closing Dagster's own records. Does not belong here: the warehouse, and what is unusual.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
from dagster._core.storage.dagster_run import IN_PROGRESS_RUN_STATUSES

from dagster_project.progress import root_message
from dagster_project.recording import record_runs
from dagster_project.settings import Settings
from dagster_project.warehouse_file import WarehouseFile

WAREHOUSE_TAG = "stockroom/warehouse"
SOURCE_TAG = "stockroom/source"
AS_OF_TAG = "stockroom/as_of"
PROCESS_TAG = "stockroom/process"
COMMAND_TAG = "stockroom/launched_by"
_LOOK_BACK = 100
_LAUNCHERS = {"dagster/schedule_name": "schedule", "dagster/sensor_name": "sensor", "dagster/backfill": "backfill"}
_STATUSES = {
    dg.DagsterRunStatus.SUCCESS: "success",
    dg.DagsterRunStatus.FAILURE: "failure",
    dg.DagsterRunStatus.CANCELED: "canceled",
}


def run_tags(settings: Settings) -> dict[str, str]:
    """What every run says of itself: where it reads and writes, for which day, and which process is at work."""
    return {
        WAREHOUSE_TAG: str(settings.warehouse),
        SOURCE_TAG: str(settings.source_dir),
        AS_OF_TAG: str(settings.as_of or "latest"),
        PROCESS_TAG: _this_process(),
    }


def close_dead_runs(instance: dg.DagsterInstance) -> list[str]:
    """Mark as failed every run whose process is gone (killed, or the machine went down), so that nothing waits for it.

    Runs of other machines and runs that do not say their process are left alone. Returns their ids.
    """
    records = instance.get_run_records(dg.RunsFilter(statuses=IN_PROGRESS_RUN_STATUSES))
    dead = [record.dagster_run for record in records if _is_dead(record.dagster_run.tags.get(PROCESS_TAG, ""))]
    for run in dead:
        instance.report_run_failed(
            run, "Its process is gone: it was killed, or the machine went down. Run again; nothing needs repair."
        )
    return [run.run_id for run in dead]


def read_runs(instance: dg.DagsterInstance, settings: Settings, known: Iterable[str] = ()) -> list[dict[str, Any]]:
    """The newest runs on this warehouse as rows of ops.runs, oldest first, without those in `known` (their ends are written)."""
    here, known = str(settings.warehouse), set(known)
    records = [
        record
        for record in reversed(instance.get_run_records(limit=_LOOK_BACK))
        if record.start_time
        and record.dagster_run.run_id not in known
        and record.dagster_run.tags.get(WAREHOUSE_TAG, here) == here
    ]
    return [_row(instance, record, str(settings.source_dir)) for record in records]


def keep_records(instance: dg.DagsterInstance, settings: Settings) -> None:
    """Write how runs ended into ops.runs and the metrics file; what cannot be written now, the next run writes."""
    warehouse = WarehouseFile(str(settings.warehouse), settings.memory_limit)
    with contextlib.suppress(duckdb.Error):
        warehouse.ensure_kept_tables()
        ended = warehouse.read("select run_id from ops.runs where finished_at is not null")["run_id"]
        record_runs(warehouse, read_runs(instance, settings, ended))
    with contextlib.suppress(OSError):
        write_metrics(read_runs(instance, settings), settings.metrics)


def write_metrics(runs: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The last run of each job in the text format of Prometheus, for node-exporter's textfile collector. Switched in at once."""
    last = {run["job_name"]: run for run in sorted(runs, key=lambda run: run["started_at"]) if run["finished_at"]}
    good = {run["job_name"]: run for run in sorted(runs, key=lambda run: run["started_at"]) if run["status"] == "success"}
    lines = [
        *_gauge("stockroom_run_duration_seconds", "Duration of the last run of the job that ended.", last, _seconds),
        *_gauge("stockroom_run_success", "1 where the last run of the job that ended went well.", last, _went_well),
        *_gauge("stockroom_run_finished_timestamp_seconds", "End of the last run of the job.", last, _finished),
        *_gauge("stockroom_run_last_success_timestamp_seconds", "End of the last run of the job that went well.", good, _finished),
        *_gauge("stockroom_run_failed_checks", "Checks that failed in the last run of the job.", last, lambda run: run["failed_check_count"]),
        *_gauge("stockroom_run_warned_checks", "Checks that warned in the last run of the job.", last, lambda run: run["warned_check_count"]),
    ]  # fmt: skip
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.write_text("\n".join(lines) + "\n")
    unfinished.replace(path)


def _row(instance: dg.DagsterInstance, record: Any, source_key: str) -> dict[str, Any]:
    run = record.dagster_run
    steps = [step for step in instance.get_run_step_stats(run.run_id) if step.start_time and step.end_time]
    slowest = max(steps, key=lambda step: step.end_time - step.start_time, default=None)
    failures = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
    failed = failures[0].dagster_event if failures else None
    checks = [
        entry.dagster_event.event_specific_data
        for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    ]
    missed = [check for check in checks if not check.passed]
    return {
        "run_id": run.run_id,
        "source_key": run.tags.get(SOURCE_TAG, source_key),
        "job_name": run.job_name,
        "launched_by": run.tags.get(COMMAND_TAG) or next((who for tag, who in _LAUNCHERS.items() if tag in run.tags), "person"),
        "status": _STATUSES.get(run.status, "running"),
        "as_of_date": _day(run.tags.get(AS_OF_TAG, "")),
        "started_at": _moment(record.start_time),
        "finished_at": _moment(record.end_time) if record.end_time else None,
        "step_count": len(steps),
        "slowest_step": slowest.step_key if slowest else None,
        "slowest_step_seconds": slowest.end_time - slowest.start_time if slowest else None,
        "failed_step": failed.step_key if failed else None,
        "failure_message": root_message(failed)[:2000] if failed else _closing_words(instance, run),
        "failed_check_count": sum(check.severity == dg.AssetCheckSeverity.ERROR for check in missed),
        "warned_check_count": sum(check.severity == dg.AssetCheckSeverity.WARN for check in missed),
    }


def _closing_words(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """What was said when a run failed without a step that failed."""
    if run.status != dg.DagsterRunStatus.FAILURE:
        return None
    said = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
    return root_message(said[-1].dagster_event) if said else None


def _this_process() -> str:
    return f"{socket.gethostname()} {os.getpid()} {_started(os.getpid())}"


def _is_dead(process: str) -> bool:
    host, _, rest = process.partition(" ")
    pid, _, started = rest.partition(" ")
    return host == socket.gethostname() and pid.isdigit() and _started(int(pid)) != started


def _started(pid: int) -> str:
    """When a process was started, in the system's own words: a number may be given to another one later. Empty where there is none."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        fields = stat.read_text().rpartition(")")[2].split()
        return "" if fields[0] == "Z" else fields[19]  # who is dead and not yet buried has ended
    except OSError:
        pass
    if Path("/proc/self/stat").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        pass
    return "alive"


def _day(text: str) -> Any:
    try:
        return datetime.strptime(text, "%Y-%m-%d").date()
    except ValueError:
        return None


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)


def _seconds(run: Mapping[str, Any]) -> float:
    return (run["finished_at"] - run["started_at"]).total_seconds()


def _went_well(run: Mapping[str, Any]) -> int:
    return int(run["status"] == "success")


def _finished(run: Mapping[str, Any]) -> float:
    return run["finished_at"].replace(tzinfo=UTC).timestamp()


def _gauge(name: str, meaning: str, runs: Mapping[str, Mapping[str, Any]], value: Callable[..., float]) -> list[str]:
    samples = [f'{name}{{job="{job}"}} {round(value(run), 3)}' for job, run in sorted(runs.items())]
    return [f"# HELP {name} {meaning}", f"# TYPE {name} gauge", *samples]
