"""Running the daily job in this process, with progress and with reasons when it fails.

Belongs here: starting the job and translating its failure. Does not belong here: what the job does, and printing.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from dagster_project.build import ensure_manifest
from dagster_project.home import open_instance, prepare_home
from dagster_project.progress import LOGGER_NAME, Progress, ProgressHandler
from dagster_project.settings import Settings

_STEP_WORDS = {
    "raw_files": "checking the raw files…",
    "dbt": "building the warehouse…",
    "forecasts": "forecasting demand…",
    "order_constraints": "holding orders against limits…",
    "operations": "recording the run…",
    "bi__published_snapshot": "publishing for BI…",
    "bi__report": "writing the report…",
}


class RunFailed(Exception):
    """The job did not finish. `reasons` says why, one line each."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons


def run_daily_replenishment(
    settings: Settings, show: Callable[[int, int, str], None] = lambda done, total, text: None, **overrides: Any
) -> None:
    """Execute the job once. `show` gets assets done, assets in all and what is at work.

    Raises RunFailed. Running again with the same data changes nothing in the warehouse.
    """
    os.environ.update(settings.to_env())
    prepare_home(settings)
    _check_writable(settings.warehouse)
    show(0, 1, "reading the project…")
    ensure_manifest(settings)

    from dagster_project.definitions import build_defs
    from dagster_project.jobs import DAILY_REPLENISHMENT
    from dagster_project.run_records import COMMAND_TAG, close_dead_runs, keep_records, run_tags

    for name in ("dagster", "dagster.builtin"):
        logging.getLogger(name).setLevel(logging.ERROR)
    job = build_defs(settings, **overrides).resolve_job_def(DAILY_REPLENISHMENT)
    total = len(job.asset_layer.selected_asset_keys)
    done: set[str] = set()
    failures: list[str] = []

    def listen(progress: Progress) -> None:
        if progress.kind == "asset":
            done.add(progress.text)
            show(len(done), total, progress.text)
        elif progress.kind == "step":
            show(len(done), total, _STEP_WORDS.get(re.sub(r"_\d+$", "", progress.text), progress.text))
        elif progress.kind == "message":
            show(len(done), total, progress.text)
        else:
            failures.append(progress.text)

    handler = ProgressHandler(listen)
    logger = logging.getLogger(LOGGER_NAME)
    logger.addHandler(handler)
    try:
        with (
            settings.run_log.open("w") as log,
            contextlib.redirect_stdout(log),  # dbt's own lines: for who looks, not for who waits
            open_instance(settings) as instance,
        ):
            close_dead_runs(instance)
            result = job.execute_in_process(
                instance=instance,
                raise_on_error=False,
                run_config={"loggers": {"progress": {}}},
                tags={COMMAND_TAG: "command", **run_tags(settings)},
            )
            keep_records(instance, settings)
    finally:
        logger.removeHandler(handler)
    if not result.success:
        raise RunFailed(failures or ["the job failed; `make dev` shows its log"])


def _check_writable(warehouse: Path) -> None:
    """DuckDB lets one process write: find out before the work, not after it."""
    if not warehouse.exists():
        return
    try:
        duckdb.connect(str(warehouse)).close()
    except duckdb.IOException as error:
        raise RunFailed(
            [f"{warehouse} cannot be written: {error}", "Close the program that has it open, then run again."]
        ) from None
