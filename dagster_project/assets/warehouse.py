"""Every dbt seed, model and test as assets and checks, in the order of their references.

Belongs here: calling dbt. Does not belong here: SQL.
"""

import shutil
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from dagster_dbt import DbtCliResource, dbt_assets

from dagster_project.translator import LayerTranslator


def build_dbt_assets(manifest: Path, raw_keys: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """The dbt project's assets, drawn from its manifest. Dagster splits them around the forecasts by itself."""

    @dbt_assets(manifest=manifest, name="dbt", dagster_dbt_translator=LayerTranslator(raw_keys), pool="warehouse")
    def dbt_models(context: dg.AssetExecutionContext, dbt: DbtCliResource):
        # a test runs in the step that can build all its parents; unit tests are for developers (make test)
        arguments = ["build", "--indirect-selection", "buildable", "--exclude-resource-type", "unit_test"]
        arguments.append("--no-write-json")  # Dagster listens to what dbt says, and has the manifest already
        invocation = dbt.cli(arguments, context=context)
        yield from invocation.stream()
        shutil.rmtree(invocation.target_path, ignore_errors=True)  # one folder per run; kept where the run failed

    return dbt_models
