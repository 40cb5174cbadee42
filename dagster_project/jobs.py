"""Jobs a person or a schedule launches.

Belongs here: which assets run together, in which process. Does not belong here: when (automation) and how (assets).
"""

from __future__ import annotations

import dagster as dg

from dagster_project.assets.tuning import search_settings
from dagster_project.assets.vision import VISION_SPECS
from dagster_project.partitions import DAYS

DAILY_REPLENISHMENT = "daily_replenishment"
POLICY_REPLAY = "policy_replay"
JUDGE_PHOTOS = "judge_photos"
REBUILD_DAY = "rebuild_day"
RETRAINING = "retraining"
REPLAY_GROUP = "replay"
"""Assets that take minutes and decide nothing today."""
REBUILD_GROUP = "rebuild"
"""Past days, each computed in a warehouse of its own."""

_IN_ONE_PROCESS = dg.in_process_executor
"""Dagster, dbt and its project are loaded once per run, not once per step."""

daily_replenishment = dg.define_asset_job(
    DAILY_REPLENISHMENT,
    selection=dg.AssetSelection.all() - dg.AssetSelection.groups(REPLAY_GROUP, REBUILD_GROUP),
    executor_def=_IN_ONE_PROCESS,
    tags={"stockroom/kind": "orders"},
    description="From raw files to reorder recommendations with their reasons. Choose a day or models under resources: choices.",
)

policy_replay = dg.define_asset_job(
    POLICY_REPLAY,
    selection=dg.AssetSelection.groups(REPLAY_GROUP),
    executor_def=_IN_ONE_PROCESS,
    tags={"stockroom/kind": "evaluation"},
    description="What other ways of ordering would have cost, on the tables of the last daily run.",
)

judge_photos = dg.define_asset_job(
    JUDGE_PHOTOS,
    selection=dg.AssetSelection.groups("raw", "vision")
    | dg.AssetSelection.assets(*[spec.key for spec in VISION_SPECS]).downstream()
    - dg.AssetSelection.groups(REPLAY_GROUP, REBUILD_GROUP),
    executor_def=_IN_ONE_PROCESS,
    tags={"stockroom/kind": "photos"},
    description="New inspection photos judged, and every table that knows of defects: rates, usable stock, orders.",
)

rebuild_day = dg.define_asset_job(
    REBUILD_DAY,
    selection=dg.AssetSelection.groups(REBUILD_GROUP),
    partitions_def=DAYS,
    executor_def=_IN_ONE_PROCESS,
    tags={"stockroom/kind": "history"},
    description="What would have been recommended on a past day with what was known then: a row per item and store in rpt_order_history.",
)


@dg.job(
    name=RETRAINING,
    executor_def=_IN_ONE_PROCESS,
    tags={"stockroom/kind": "training"},
    description="Searches better forecast settings by backtest. Every run learns anew from all data; this asks how it should learn.",
)
def retraining() -> None:
    search_settings()


JOBS = (daily_replenishment, policy_replay, judge_photos, rebuild_day, retraining)
