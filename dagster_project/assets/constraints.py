"""Constraints on orders: read the lines with their economics, adjust them, replace the rows of the as-of date.

Belongs here: carrying frames between tables and `ml.replenishment.constraints`. Does not belong here: what a limit does.
"""

import dagster as dg

from dagster_project.assets.specs import table_specs
from dagster_project.resources import Warehouse
from dagster_project.warehouse_file import ML_SCHEMA
from ml import contracts

CONSTRAINT_SPECS = table_specs(contracts.CONSTRAINTS, [("recommendations", contracts.ORDER_ECONOMICS.name)])


@dg.multi_asset(specs=CONSTRAINT_SPECS, name="order_constraints", pool="warehouse")
def order_constraints(context: dg.AssetExecutionContext, warehouse: Warehouse):
    """What calendars, vendor minimums, money, room and other stores' stock change about the orders."""
    from ml.replenishment.constraints import constrain

    lines = warehouse.read(f"from recommendations.{contracts.ORDER_ECONOMICS.name}")
    as_of_date = warehouse.read("select as_of_date from intermediate.int_as_of").item()
    result = constrain(lines)
    frames = [(contracts.ORDER_ADJUSTMENTS, result.adjustments), (contracts.ORDER_TRANSFERS, result.transfers)]
    warehouse.replace_as_of(as_of_date, frames)
    context.log.info(f"{result.adjustments.height:,} changes of orders, {result.transfers.height:,} transfers")
    for contract, frame in frames:
        yield dg.MaterializeResult(asset_key=[ML_SCHEMA, contract.name], metadata={"dagster/row_count": frame.height})
