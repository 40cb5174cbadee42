"""A past day, decided for once more: in a copy of the warehouse, of which only that day's results are kept.

Belongs here: the copy, the run in it, what comes back. Does not belong here: Dagster, and how a day is decided for.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from dagster_project.operation_tables import ORDER_HISTORY
from dagster_project.recording import read_history_rows, rebuilt_as_decided, record_rebuilt_day
from dagster_project.settings import Settings
from dagster_project.warehouse_file import ML_SCHEMA, WarehouseFile
from ml.contracts import FORECASTS

_LINES_TOLD = 8


class RebuildFailed(Exception):
    """The day could not be decided for; the message is what the run said."""


def rebuild_day(settings: Settings, day: date, run_id: str, say: Callable[[str], None] = lambda line: None) -> dict[str, int]:
    """Run the whole graph as of `day` in a copy of the warehouse, and keep its recommendations and forecasts beside those of other days.

    Nothing else of the warehouse changes, and nothing is published. Repeating it replaces the day. Returns rows kept per table
    and, where a run decided for that day then, how many recommendations are the same and how many are not. Raises RebuildFailed.
    """
    if not settings.warehouse.exists():
        raise RebuildFailed(f"{settings.warehouse}: no warehouse yet. Run the daily job first.")
    warehouse = WarehouseFile(str(settings.warehouse), settings.memory_limit)
    with _copy_of(settings, day) as copy:
        _run(settings, copy, day, say)
        built = WarehouseFile(str(copy), settings.memory_limit)
        orders = read_history_rows(built)
        frames = [
            (contract, built.read(f"from {ML_SCHEMA}.{contract.name} where as_of_date = '{day}'")) for contract in FORECASTS
        ]
    warehouse.replace_as_of(day, frames)
    source_key = str(settings.source_dir)
    kept = record_rebuilt_day(warehouse, run_id, source_key, orders)
    as_decided = rebuilt_as_decided(warehouse, source_key, day)
    return {ORDER_HISTORY.name: kept, **{contract.name: frame.height for contract, frame in frames}, **as_decided}


@contextmanager
def _copy_of(settings: Settings, day: date) -> Iterator[Path]:
    """The warehouse, copied into a folder of its own that goes in the end; models learned before are found there, too."""
    folder = settings.warehouse.parent / "rebuilding" / day.isoformat()
    shutil.rmtree(folder, ignore_errors=True)  # of an attempt that was killed
    folder.mkdir(parents=True)
    copy = folder / settings.warehouse.name
    try:
        # open for reading, so that nobody writes while it is copied
        with WarehouseFile(str(settings.warehouse)).connect(read_only=True):
            shutil.copyfile(settings.warehouse, copy)
        models = settings.warehouse.parent / "models"
        models.mkdir(exist_ok=True)
        (folder / "models").symlink_to(models, target_is_directory=True)
        yield copy
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(settings: Settings, copy: Path, day: date, say: Callable[[str], None]) -> None:
    """`stockroom run` in a process of its own, which writes and publishes beside the copy and asks no database of people."""
    beside = {
        "STOCKROOM_WAREHOUSE": str(copy),
        "STOCKROOM_AS_OF": day.isoformat(),
        "STOCKROOM_PUBLISHED": str(copy.parent / "published"),
        "STOCKROOM_POSTGRES_URL": "",
        "DAGSTER_HOME": str(copy.parent / "dagster"),
    }
    command = [sys.executable, "-m", "dagster_project.cli", "run"]
    last: deque[str] = deque(maxlen=_LINES_TOLD)
    with subprocess.Popen(
        command, env={**os.environ, **settings.to_env(), **beside}, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            for line in process.stderr or ():
                last.append(line.strip())
                say(line.strip())
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        raise RebuildFailed("\n".join(last) or f"the run for {day} ended with {process.returncode}")
