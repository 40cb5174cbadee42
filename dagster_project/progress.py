"""Events of a run for a person who waits: which asset is done, which step is at work.

Belongs here: turning Dagster's log records into progress. Does not belong here: drawing, which the command line does.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg

LOGGER_NAME = "stockroom.progress"


@dataclass(frozen=True)
class Progress:
    """One thing that happened: `kind` is step, asset, check_failed, message or error; `text` says it."""

    kind: str
    text: str


class ProgressHandler(logging.Handler):
    """Passes what a person cares about to `listener` and drops the rest."""

    def __init__(self, listener: Callable[[Progress], None]) -> None:
        super().__init__()
        self.listener = listener

    def emit(self, record: logging.LogRecord) -> None:
        progress = _translate(record)
        if progress:
            self.listener(progress)


@dg.logger(description="Feeds the progress display of the command line.")
def progress_logger(_context: dg.InitLoggerContext) -> logging.Logger:
    logger = logging.getLogger(LOGGER_NAME)
    logger.setLevel(logging.DEBUG)  # Dagster reports its events at this level
    logger.propagate = False
    return logger


def _translate(record: logging.LogRecord) -> Progress | None:
    event: dg.DagsterEvent | None = getattr(record, "dagster_meta", {}).get("dagster_event")
    if event is None:
        meta = getattr(record, "dagster_meta", {})
        is_for_people = record.levelno >= logging.INFO and not str(meta.get("op_name")).startswith("dbt")
        return Progress("message", meta.get("orig_message") or record.getMessage()) if is_for_people else None
    if event.event_type_value == "STEP_START":
        return Progress("step", event.step_key or "")
    if event.event_type_value == "ASSET_MATERIALIZATION" and event.asset_key:
        return Progress("asset", event.asset_key.to_user_string())
    if event.event_type_value == "ASSET_CHECK_EVALUATION":
        check = event.event_specific_data
        return None if check.passed else Progress("check_failed", f"{check.asset_key.to_user_string()}: {check.check_name}")
    if event.event_type_value == "STEP_FAILURE":
        return Progress("error", root_message(event))
    return None


def root_message(event: dg.DagsterEvent) -> str:
    """What first went wrong, of the event that a step or a run failed."""
    error = getattr(event.event_specific_data, "error", None)
    while error and error.cause:
        error = error.cause
    return error.message.strip() if error else event.message or f"{event.step_key} failed"
