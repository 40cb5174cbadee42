"""Every dbt seed, model and test as assets and checks, in the order of their references.

Belongs here: calling dbt. Does not belong here: SQL.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from dagster_dbt import dbt_assets

from dagster_project.dbt_steps import Dbt
from dagster_project.translator import LayerTranslator


def build_dbt_assets(manifest: Path, raw_keys: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """The dbt project's assets, drawn from its manifest. Dagster splits them around the forecasts by itself."""

    translator = LayerTranslator(raw_keys)
    nodes = json.loads(manifest.read_text())

    @dbt_assets(manifest=nodes, name="dbt", dagster_dbt_translator=translator, pool="warehouse")
    def dbt_models(context: dg.AssetExecutionContext, dbt: Dbt):
        # a test runs in the step that can build all its parents; unit tests are for developers (make test)
        yield from dbt.build(
            context, nodes, translator, ["--indirect-selection", "buildable", "--exclude-resource-type", "unit_test"]
        )

    return dbt_models
