"""The one place where everything is put together: `defs` is what `dagster dev` loads.

Belongs here: composition, with overrides so that tests can swap resources. Does not belong here: logic.
"""

from __future__ import annotations

import json
import os
from typing import Any

import dagster as dg

from dagster_project.alert_sensor import alert_delivery
from dagster_project.assets.constraints import order_constraints
from dagster_project.assets.forecasts import forecasts
from dagster_project.assets.operations import build_operations
from dagster_project.assets.order_targets import order_targets
from dagster_project.assets.publish import build_published_snapshot
from dagster_project.assets.raw import build_raw_assets
from dagster_project.assets.rebuild import rebuilt_orders
from dagster_project.assets.replay import replay
from dagster_project.assets.report import report
from dagster_project.assets.warehouse import build_dbt_assets
from dagster_project.automation import AFTER_NEW_DEMAND, SCHEDULES, SENSORS
from dagster_project.build import ensure_manifest
from dagster_project.choices import RunChoices
from dagster_project.dbt_steps import Dbt
from dagster_project.entries import take_entries
from dagster_project.input_tables import INPUT_SCHEMA
from dagster_project.jobs import JOBS
from dagster_project.progress import progress_logger
from dagster_project.resources import Warehouse
from dagster_project.settings import Settings
from dagster_project.translator import described_as_sources
from dagster_project.warehouse_file import ML_SCHEMA


def build_defs(settings: Settings | None = None, **overrides: Any) -> dg.Definitions:
    """Definitions for one installation; `overrides` replace resources by name."""
    settings = settings or Settings.from_env()
    os.environ.update(settings.to_env())  # dbt reads its paths from the environment
    resources = {
        "warehouse": Warehouse(path=str(settings.warehouse), memory_limit=settings.memory_limit),
        "dbt": Dbt(),
        "choices": RunChoices(),
    } | overrides
    raw_files = build_raw_assets(take_entries)
    nodes = json.loads(ensure_manifest(settings).read_text())
    files = sorted(key for key in raw_files.keys if key.path[0] not in (INPUT_SCHEMA, ML_SCHEMA))
    described = described_as_sources(nodes)
    weekly = replay.map_asset_specs(lambda spec: spec.replace_attributes(automation_condition=AFTER_NEW_DEMAND))
    python = (raw_files, forecasts, order_targets, order_constraints, weekly, build_operations(nodes))
    return dg.Definitions(
        assets=[
            *(asset.map_asset_specs(described) for asset in python),
            build_dbt_assets(nodes, files),
            rebuilt_orders,
            build_published_snapshot(),
            report,
        ],
        jobs=JOBS,
        schedules=SCHEDULES,
        sensors=[*SENSORS, alert_delivery],
        resources=resources,
        loggers={"progress": progress_logger},
    )


@dg.definitions
def defs() -> dg.Definitions:
    return build_defs()
