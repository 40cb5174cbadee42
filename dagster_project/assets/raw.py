"""The raw files as assets: checked before anything is written. The one step before the first table of dbt.

Belongs here: whether the files are there and have their columns. Does not belong here: their rows, which staging SQL reads.
"""

from collections.abc import Callable

import dagster as dg

from dagster_project.assets.vision import VISION_SPECS, judged_photos
from dagster_project.choices import RunChoices, tried_again
from dagster_project.inbox import take_files
from dagster_project.input_tables import INPUT_SCHEMA, INPUTS
from dagster_project.intake import check_source, country_of, declared_tables
from dagster_project.resources import Warehouse
from dagster_project.run_records import run_tags
from dagster_project.settings import Settings
from dagster_project.translator import OWNERS
from dagster_project.warehouse_file import REFERENCE_SCHEMA, WarehouseFile

TakeEntries = Callable[[Settings, WarehouseFile], dict[str, int]]
"""Takes what people entered since the last run; says how many rows per table."""


def build_raw_assets(take_entries: TakeEntries) -> dg.AssetsDefinition:
    """The raw files of every adapter as declared in dbt's source YAML, checked together in one step, the public holidays, and what
    the photos among them show."""
    tables = declared_tables()
    specs = [
        dg.AssetSpec(
            table.key,
            group_name="raw",
            owners=OWNERS,
            kinds={"csv"},
            description=f"Raw file {' or '.join(table.file_patterns)}. Source: {table.adapter}.",
        )
        for table in tables
    ]
    holidays = dg.AssetSpec(
        [REFERENCE_SCHEMA, "public_holidays"],
        group_name="raw",
        owners=OWNERS,
        kinds={"python"},
        description="Public holidays of the source's country, from the holidays library; a calendar file replaces them.",
    )

    # what people decided is there before the run; it is only seen to that its tables are, and what they entered is taken in
    inputs = [
        dg.AssetSpec(
            [INPUT_SCHEMA, contract.name],
            group_name="raw",
            owners=OWNERS,
            kinds={"python"},
            description="Written by `stockroom orders`, or entered in PostgreSQL.",
        )
        for contract in INPUTS
    ]

    @dg.multi_asset(specs=[*specs, holidays, *inputs, *VISION_SPECS], name="raw_files", pool="warehouse")
    def raw_files(context: dg.AssetExecutionContext, warehouse: Warehouse, choices: RunChoices):
        """Check names and headers of the source folder; a missing file or column stops the run here. Then judge its photos."""
        settings = choices.settings()
        context.instance.add_run_tags(context.run_id, run_tags(settings))
        for said in take_files(settings.inbox, settings.source_dir, choices.inbox):
            context.log.info(said)
        intake = check_source(settings.source_dir)
        country = settings.country or country_of(intake.adapter)
        with tried_again(context):
            holiday_count = warehouse.prepare(country)
        taken = take_entries(settings, warehouse)
        for table in tables:
            paths = intake.files[table.key]
            yield dg.MaterializeResult(
                asset_key=table.key,
                metadata={
                    "files": [path.name for path in paths],
                    "size_mib": round(sum(path.stat().st_size for path in paths) / 2**20, 1),
                    "absence": intake.absences.get(table.name, "")
                    if table.adapter in (intake.adapter, "optional")
                    else "another source",
                },
            )
        yield dg.MaterializeResult(asset_key=holidays.key, metadata={"country": country, "dagster/row_count": holiday_count})
        for spec in inputs:
            yield dg.MaterializeResult(asset_key=spec.key, metadata={"taken": taken.get(spec.key.path[-1], 0)})
        yield from judged_photos(context, warehouse, settings)

    return raw_files
