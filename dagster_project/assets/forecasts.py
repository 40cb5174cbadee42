"""Forecasts: read the features, estimate, replace the rows of the as-of date.

Belongs here: carrying frames between tables and `ml.forecasting`. Does not belong here: estimation.
"""

import dagster as dg

from dagster_project.resources import Warehouse
from dagster_project.warehouse_file import ML_SCHEMA
from ml import contracts

FORECAST_SPECS = [
    dg.AssetSpec(
        [ML_SCHEMA, contract.name],
        deps=[["features", feature.name] for feature in contracts.FEATURES],
        group_name="ml",
        kinds={"python", "statsforecast"},
        description=f"One row per {', '.join(contract.grain)}.",
    )
    for contract in contracts.OUTPUTS
]


@dg.multi_asset(specs=FORECAST_SPECS, name="forecasts", pool="warehouse")
def forecasts(context: dg.AssetExecutionContext, warehouse: Warehouse):
    """Weekly demand forecasts and the distribution of demand summed over each protection interval."""
    from ml.forecasting import run_forecast

    features = [contract.conform(warehouse.read(f"from features.{contract.name}")) for contract in contracts.FEATURES]
    as_of_date = warehouse.read("select as_of_date from intermediate.int_as_of").item()
    result = run_forecast(
        *features, as_of_date=as_of_date, progress=lambda message, share: context.log.info(f"{message} ({share:.0%})")
    )
    frames = [(contract, getattr(result, contract.name)) for contract in contracts.OUTPUTS]
    warehouse.replace_as_of(as_of_date, frames)
    for contract, frame in frames:
        yield dg.MaterializeResult(asset_key=[ML_SCHEMA, contract.name], metadata={"dagster/row_count": frame.height})
