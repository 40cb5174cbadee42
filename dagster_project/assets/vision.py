"""Inspection photos: the model their labels make, and what it says of each; before the first table of dbt.

Belongs here: carrying frames between the source folder, tables and `ml.vision`. Does not belong here: training, scoring.
"""

import dagster as dg

from dagster_project.assets.specs import table_specs
from dagster_project.inspecting import describe, find_photos, judge, train_or_load, vision_settings
from dagster_project.resources import Warehouse
from dagster_project.settings import Settings
from dagster_project.warehouse_file import ML_SCHEMA
from ml import contracts

VISION_SPECS = table_specs(contracts.VISION, [("optional", "inspection_photos")], group="vision", kinds=("python", "pytorch"))


@dg.multi_asset(specs=VISION_SPECS, name="vision", pool="warehouse")
def vision(context: dg.AssetExecutionContext, warehouse: Warehouse):
    """Train where labels or settings changed, judge the photos that are new to the model, replace both tables."""
    photos = find_photos(Settings.from_env().source_dir)
    models, scores, new = contracts.VISION_MODELS.empty(), contracts.IMAGE_SCORES.empty(), 0
    if photos.to_judge.height:

        def progress(share: float, text: str) -> None:
            context.log.info(f"photos: {text} ({share:.0%})")

        model, how = train_or_load(warehouse.models_folder, photos, vision_settings(photos.choices), progress)
        context.log.info(f"model of the photos: {how}")
        scores, new = judge(warehouse, model, how, photos, progress)
        models = describe(model, scores, photos.choices.get("note")) if model else models
    frames = [(contracts.VISION_MODELS, models), (contracts.IMAGE_SCORES, scores)]
    warehouse.replace_rows(frames)
    context.log.info(f"{scores.height:,} inspection photos, {new:,} looked at now" if scores.height else "no inspection photos")
    for contract, frame in frames:
        yield dg.MaterializeResult(asset_key=[ML_SCHEMA, contract.name], metadata={"dagster/row_count": frame.height})
