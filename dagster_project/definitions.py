"""The one place where everything is put together: `defs` is what `dagster dev` loads.

Belongs here: composition, with overrides so that tests can swap resources. Does not belong here: logic.
"""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

import dagster as dg

from dagster_project.assets.constraints import order_constraints
from dagster_project.assets.forecasts import forecasts
from dagster_project.assets.order_targets import order_targets
from dagster_project.assets.publish import build_published_snapshot
from dagster_project.assets.raw import build_raw_assets
from dagster_project.assets.replay import replay
from dagster_project.assets.warehouse import build_dbt_assets
from dagster_project.build import ensure_manifest
from dagster_project.dbt_steps import Dbt
from dagster_project.input_tables import INPUT_SCHEMA
from dagster_project.jobs import daily_replenishment, policy_replay
from dagster_project.progress import progress_logger
from dagster_project.resources import Warehouse
from dagster_project.settings import Settings
from dagster_project.warehouse_file import WarehouseFile


def _take_entries(settings: Settings, warehouse: WarehouseFile) -> dict[str, int]:
    """What people entered in PostgreSQL, where one is set; refusals are told in its table input.refused."""
    if not settings.postgres_url:
        return {}
    from dagster_project.orders import OrdersError, approve
    from dagster_project.publish.errors import PublishError
    from dagster_project.publish.people import Refused, take_entries

    def approve_one(path: Path, proposal: str, moment: datetime) -> None:
        try:
            approve(path, [proposal], "stockroom", moment)
        except OrdersError as error:
            raise Refused("; ".join(error.problems)) from None

    try:
        taken = take_entries(settings, warehouse, approve_one)
    except PublishError as error:
        raise dg.Failure(str(error), allow_retries=False) from None
    return taken.taken if taken else {}


def build_defs(settings: Settings | None = None, **overrides: Any) -> dg.Definitions:
    """Definitions for one installation; `overrides` replace resources by name."""
    settings = settings or Settings.from_env()
    os.environ.update(settings.to_env())  # dbt reads its paths from the environment
    resources = {
        "warehouse": Warehouse(path=str(settings.warehouse), memory_limit=settings.memory_limit),
        "dbt": Dbt(),
    } | overrides
    raw_files = build_raw_assets(_take_entries)
    files = sorted(key for key in raw_files.keys if key.path[0] != INPUT_SCHEMA)
    return dg.Definitions(
        assets=[
            raw_files,
            build_dbt_assets(ensure_manifest(settings), files),
            forecasts,
            order_targets,
            order_constraints,
            replay,
            build_published_snapshot(),
        ],
        jobs=[daily_replenishment, policy_replay],
        resources=resources,
        loggers={"progress": progress_logger},
    )


@dg.definitions
def defs() -> dg.Definitions:
    return build_defs()
