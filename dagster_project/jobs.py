"""Jobs a person or a schedule launches.

Belongs here: which assets run together. Does not belong here: when (automation) and how (assets).
"""

from __future__ import annotations

import dagster as dg

DAILY_REPLENISHMENT = "daily_replenishment"
POLICY_REPLAY = "policy_replay"
REPLAY_GROUP = "replay"
"""Assets that take minutes and decide nothing today."""

daily_replenishment = dg.define_asset_job(
    DAILY_REPLENISHMENT,
    selection=dg.AssetSelection.all() - dg.AssetSelection.groups(REPLAY_GROUP),
    description="From raw files to reorder recommendations with their reasons.",
)

policy_replay = dg.define_asset_job(
    POLICY_REPLAY,
    selection=dg.AssetSelection.groups(REPLAY_GROUP),
    description="What other ways of ordering would have cost, on the tables of the last daily run.",
)
