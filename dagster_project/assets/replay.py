"""Replay of policies: read history, replay, replace the rows of the as-of date.

Belongs here: carrying frames between tables and `ml.replenishment`. Does not belong here: policies, costs.
"""

import dagster as dg
from pydantic import Field

from dagster_project.assets.specs import table_specs
from dagster_project.replaying import run_replay, run_what_if
from dagster_project.resources import Warehouse
from dagster_project.run_records import run_tags
from dagster_project.settings import Settings
from dagster_project.warehouse_file import ML_SCHEMA
from ml import contracts

_READS = (contracts.DEMAND_WEEKLY, contracts.ITEM_LOCATIONS, *contracts.REPLAY_FEATURES)

REPLAY_SPECS = table_specs(contracts.REPLAYS, [("features", feature.name) for feature in _READS], group="replay")


class ReplayChoices(dg.Config):
    """How much of history is replayed, and which policies."""

    policies: list[str] = Field([], description="Policies to replay; empty: all.")
    weeks: int = Field(52, ge=1, description="The last weeks of history.")
    sample: int | None = Field(None, description="Items in stores, a seeded sample; empty: all.")
    seed: int = Field(1, description="Same seed, same sample.")


@dg.multi_asset(specs=REPLAY_SPECS, name="replay", pool="warehouse")
def replay(context: dg.AssetExecutionContext, config: ReplayChoices, warehouse: Warehouse):
    """What each policy would have cost over the last year, and the curve of cost against service level."""
    from dagster_project.pictures import cost_curve_picture

    context.instance.add_run_tags(context.run_id, run_tags(Settings.from_env()))
    scope = {"weeks": config.weeks, "sample": config.sample, "seed": config.seed}
    rows, compared = run_replay(
        warehouse, config.policies, progress=lambda share: context.log.info(f"replaying ({share:.0%})"), **scope
    )
    curve = run_what_if(warehouse, "service_level", **scope)
    for contract, frame in zip(contracts.REPLAYS, (rows, compared, curve), strict=True):
        picture = cost_curve_picture(curve) if frame is curve else {}
        yield dg.MaterializeResult(asset_key=[ML_SCHEMA, contract.name], metadata={"dagster/row_count": frame.height, **picture})
