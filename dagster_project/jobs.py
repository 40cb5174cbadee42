"""Jobs a person or a schedule launches.

Belongs here: which assets run together. Does not belong here: when (automation) and how (assets).
"""

from __future__ import annotations

import dagster as dg

DAILY_REPLENISHMENT = "daily_replenishment"

daily_replenishment = dg.define_asset_job(
    DAILY_REPLENISHMENT,
    selection=dg.AssetSelection.all(),
    description="From raw files to reorder recommendations with their reasons.",
)
