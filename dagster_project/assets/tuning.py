"""The search for better forecast settings, as a step that a schedule or a sensor starts.

Belongs here: its choices, and where the result lies. Does not belong here: the search (forecasting), and using what it found: a person
reads the file and names it in STOCKROOM_FORECAST_SETTINGS.
"""

import dagster as dg
from pydantic import Field

from dagster_project.choices import tried_again
from dagster_project.resources import Warehouse
from dagster_project.run_records import run_tags
from dagster_project.settings import Settings

FOUND_SETTINGS = "found_forecast_settings.json"


class SearchChoices(dg.Config):
    """How long to search, and on how much."""

    trials: int = Field(20, ge=1, description="Settings tried, today's among them.")
    series: int = Field(1_000, ge=50, description="Item-stores tried on; a seeded sample where there are more.")
    seed: int = Field(1, description="Same seed, same search.")


@dg.op(out=dg.Out(dg.Nothing), description="Writes the settings of the lowest backtest loss beside the models; uses nothing.")
def search_settings(context: dg.OpExecutionContext, config: SearchChoices, warehouse: Warehouse) -> None:
    from dagster_project.forecasting import search, write_result

    def told(done: int, trials: int, best: float) -> None:
        context.log.info(f"{done} of {trials} settings tried, best loss {best:.4f}")

    context.instance.add_run_tags(context.run_id, run_tags(Settings.from_env()))
    with tried_again(context):
        result = search(warehouse, config.trials, config.seed, config.series, told)
    path = warehouse.models_folder / FOUND_SETTINGS
    write_result(result, path)
    context.add_output_metadata(
        {
            "file": dg.MetadataValue.path(path),
            "is_better": result.is_better,
            "loss_of_todays_settings": result.score_before,
            "loss_found": result.score_after,
        }
    )
