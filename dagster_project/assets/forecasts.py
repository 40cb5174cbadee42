"""Forecasts: read the features, estimate, replace the rows of the as-of date.

Belongs here: carrying frames between tables and `ml.forecasting`. Does not belong here: estimation.
"""

import shutil

import dagster as dg

from dagster_project.assets.specs import table_specs
from dagster_project.choices import RunChoices
from dagster_project.forecasting import POLICY, forecast_settings, read_features, told_policy
from dagster_project.resources import Warehouse
from dagster_project.warehouse_file import ML_SCHEMA
from ml import contracts

FORECAST_SPECS = table_specs(
    contracts.FORECASTS,
    [("features", feature.name) for feature in contracts.FEATURES],
    kinds=("python", "statsforecast", "lightgbm", "pytorch"),
)


@dg.multi_asset(specs=FORECAST_SPECS, name="forecasts", pool="warehouse")
def forecasts(context: dg.AssetExecutionContext, warehouse: Warehouse, choices: RunChoices):
    """Demand forecasts, the distribution of demand summed over each protection interval, and how good they are.

    A run on the same data, code and settings has the same name, and nothing is computed twice.
    """
    from dagster_project.pictures import PICTURED, forecast_pictures
    from ml.forecasting import identify, run_forecast
    from ml.forecasting.artefacts import save_artefacts

    features, as_of_date = read_features(warehouse)
    policy = warehouse.read(POLICY.format(int_policy="intermediate.int_policy"))
    settings = told_policy(choices.chosen(forecast_settings()), policy)
    identity = identify(features, as_of_date, settings)
    run_id = identity.run_id
    if warehouse.has_run(run_id):
        context.log.info(f"run {run_id} is in the tables already: same data, same code, same settings")
    else:
        result = run_forecast(
            features,
            as_of_date=as_of_date,
            settings=settings,
            identity=identity,
            progress=lambda message, share: context.log.info(f"{message} ({share:.0%})"),
        )
        folder = warehouse.models_folder / run_id
        # of a run of this name that was killed before it wrote its rows, or whose rows another run has replaced: no row names it
        shutil.rmtree(folder, ignore_errors=True)
        save_artefacts(folder, run_id, result.artefacts)
        warehouse.replace_as_of(as_of_date, [(contract, result[contract]) for contract in contracts.FORECASTS])
    pictures = forecast_pictures(
        {name: warehouse.read(f"from {ML_SCHEMA}.{name} where as_of_date = '{as_of_date}'") for name in PICTURED},
        warehouse.read(f"select week_start_date, demand_units from features.{contracts.DEMAND_WEEKLY.name}"),
    )
    for contract in contracts.FORECASTS:
        rows = warehouse.read(f"select count(*) from {ML_SCHEMA}.{contract.name} where as_of_date = '{as_of_date}'").item()
        metadata = {"dagster/row_count": rows, "model_run": run_id, **pictures.get(contract.name, {})}
        yield dg.MaterializeResult(asset_key=[ML_SCHEMA, contract.name], metadata=metadata)
