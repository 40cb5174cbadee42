"""Inspection photos: the model their labels make, and what it says of each.

Belongs here: carrying frames between the source folder, tables and `ml.vision`. Does not belong here: training, scoring.
They are judged in the step that checks the raw files: a step of their own would split dbt's first run in two.
"""

from collections.abc import Iterator

import dagster as dg
import polars as pl

from dagster_project.assets.specs import table_specs
from dagster_project.input_tables import INPUT_SCHEMA, INSPECTION_LABELS
from dagster_project.inspecting import describe, find_photos, judge, train_or_load, vision_settings
from dagster_project.settings import Settings
from dagster_project.warehouse_file import ML_SCHEMA, WarehouseFile
from ml import contracts

VISION_SPECS = table_specs(contracts.VISION, [("optional", "inspection_photos")], group="vision", kinds=("python", "pytorch"))


def judged_photos(
    context: dg.AssetExecutionContext, warehouse: WarehouseFile, settings: Settings
) -> Iterator[dg.MaterializeResult]:
    """Train where labels or settings changed, judge the photos that are new to the model, replace both tables."""
    from dagster_project.pictures import photo_pictures

    photos, pictures = find_photos(settings.source_dir, entered_labels(warehouse, settings)), {}
    models, scores, new = contracts.VISION_MODELS.empty(), contracts.IMAGE_SCORES.empty(), 0
    if photos.to_judge.height:

        def progress(share: float, text: str) -> None:
            context.log.info(f"inspection photos: {text} ({share:.0%})")

        model, how = train_or_load(warehouse.models_folder, photos, vision_settings(photos.choices, settings.as_of), progress)
        context.log.info(f"inspection photos: model {how}" if model else f"inspection photos: {how}")
        scores, new = judge(warehouse, model, how, photos, progress)
        models = describe(model, scores, photos.choices.get("note")) if model else models
        pictures = photo_pictures(models, scores, photos.labelled, photos.to_judge)
    frames = [(contracts.VISION_MODELS, models), (contracts.IMAGE_SCORES, scores)]
    warehouse.replace_rows(frames)
    context.log.info(f"inspection photos: {scores.height:,}, {new:,} judged now" if scores.height else "no inspection photos")
    for contract, frame in frames:
        shown = pictures if contract is contracts.IMAGE_SCORES else {}
        yield dg.MaterializeResult(asset_key=[ML_SCHEMA, contract.name], metadata={"dagster/row_count": frame.height, **shown})


def entered_labels(warehouse: WarehouseFile, settings: Settings) -> pl.DataFrame:
    """The last word people entered on each photo of this source folder: photo_hash, is_defective."""
    with warehouse.connect(read_only=True) as connection:
        return connection.execute(
            f"""
            select photo_hash, label = 'defective' as is_defective from {INPUT_SCHEMA}.{INSPECTION_LABELS.name} where source_key = ?
            qualify row_number() over (partition by photo_hash order by entered_at desc, entry_id) = 1 order by photo_hash
            """,
            [str(settings.source_dir)],
        ).pl()
