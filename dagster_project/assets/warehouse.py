"""Every dbt seed, model and test as assets and checks, in the order of their references.

Belongs here: calling dbt. Does not belong here: SQL.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from dagster_dbt import dbt_assets

from dagster_project.choices import RunChoices, tried_again
from dagster_project.dbt_steps import Dbt
from dagster_project.translator import LayerTranslator


def build_dbt_assets(nodes: dict[str, Any], raw_keys: Sequence[dg.AssetKey]) -> dg.AssetsDefinition:
    """The dbt project's assets, drawn from its manifest's content. Dagster splits them around the forecasts by itself."""

    translator = LayerTranslator(raw_keys)

    @dbt_assets(manifest=nodes, name="dbt", dagster_dbt_translator=translator, pool="warehouse")
    def dbt_models(context: dg.AssetExecutionContext, dbt: Dbt, choices: RunChoices):
        choices.settings()  # the day to decide for
        # a test runs in the step that can build all its parents; unit tests are for developers (make test)
        with tried_again(context):
            yield from dbt.build(
                context, nodes, translator, ["--indirect-selection", "buildable", "--exclude-resource-type", "unit_test"]
            )

    return dbt_models
