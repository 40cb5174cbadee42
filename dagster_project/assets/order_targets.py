"""Targets of least expected cost: read demand and terms, search, replace the rows of the as-of date.

Belongs here: carrying frames between tables and `ml.replenishment`. Does not belong here: the search, and orders.
"""

import dagster as dg

from dagster_project.assets.specs import table_specs
from dagster_project.resources import Warehouse
from dagster_project.warehouse_file import ML_SCHEMA
from ml import contracts

TARGET_SPECS = table_specs(contracts.ORDERS, [("recommendations", contracts.TARGET_ECONOMICS.name)])


@dg.multi_asset(specs=TARGET_SPECS, name="order_targets", pool="warehouse")
def order_targets(context: dg.AssetExecutionContext, warehouse: Warehouse):
    """The position to order at and up to that costs least, and what other targets would cost."""
    from ml.replenishment.order_targets import search_targets

    lines = warehouse.read(f"from recommendations.{contracts.TARGET_ECONOMICS.name}")
    as_of_date = warehouse.read("select as_of_date from intermediate.int_as_of").item()
    found = search_targets(lines)
    frames = list(zip(contracts.ORDERS, found, strict=True))
    warehouse.replace_as_of(as_of_date, frames)
    context.log.info(f"{found.targets.height:,} targets of least cost")
    for contract, frame in frames:
        yield dg.MaterializeResult(asset_key=[ML_SCHEMA, contract.name], metadata={"dagster/row_count": frame.height})
