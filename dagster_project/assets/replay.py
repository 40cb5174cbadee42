"""Replay of policies: read history, replay, replace the rows of the as-of date.

Belongs here: carrying frames between tables and `ml.replenishment`. Does not belong here: policies, costs.
"""

import dagster as dg

from dagster_project.assets.specs import table_specs
from dagster_project.replaying import run_replay, run_what_if
from dagster_project.resources import Warehouse
from dagster_project.warehouse_file import ML_SCHEMA
from ml import contracts

_READS = (contracts.DEMAND_WEEKLY, contracts.ITEM_LOCATIONS, *contracts.REPLAY_FEATURES)

REPLAY_SPECS = table_specs(contracts.REPLAYS, [("features", feature.name) for feature in _READS], group="replay")


@dg.multi_asset(specs=REPLAY_SPECS, name="replay", pool="warehouse")
def replay(context: dg.AssetExecutionContext, warehouse: Warehouse):
    """What each policy would have cost over the last year, and the curve of cost against service level."""
    rows, compared = run_replay(warehouse, progress=lambda share: context.log.info(f"replaying ({share:.0%})"))
    curve = run_what_if(warehouse, "service_level")
    for contract, frame in zip(contracts.REPLAYS, (rows, compared, curve), strict=True):
        yield dg.MaterializeResult(asset_key=[ML_SCHEMA, contract.name], metadata={"dagster/row_count": frame.height})
