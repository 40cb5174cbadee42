"""DAGSTER_HOME: the folder in which Dagster keeps what it remembers.

Belongs here: making it, and opening what is in it. Does not belong here: jobs, and what is read from there (`run_records`).
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.settings import Settings

if TYPE_CHECKING:  # it takes seconds to import
    from dagster import DagsterInstance


def prepare_home(settings: Settings) -> None:
    """Make the folders a run writes to, and give Dagster its configuration."""
    for folder in (settings.dagster_home, settings.warehouse.parent):
        folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(Path(__file__).with_name("dagster.yaml"), settings.dagster_home / "dagster.yaml")


def open_instance(settings: Settings) -> DagsterInstance:
    """What Dagster remembers of this installation, in its prepared home; the variables say where its log of events lies."""
    import dagster as dg

    os.environ.update(settings.to_env())
    return dg.DagsterInstance.from_config(str(settings.dagster_home))
