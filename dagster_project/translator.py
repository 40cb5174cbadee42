"""How dbt's nodes look in Dagster's graph: the group of a model is its layer.

Belongs here: names, groups and kinds of dbt assets. Does not belong here: which assets run when.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject

OWNERS = ["team:stockroom"]
"""Who looks after the code of an asset. What its numbers mean to whom, README's tables say."""


class LayerTranslator(DagsterDbtTranslator):
    """Groups read like the data flow: policy, staging, intermediate, marts, features, recommendations, reports, operations."""

    def __init__(self, raw_keys: Sequence[dg.AssetKey]) -> None:
        super().__init__()
        self.raw_keys = raw_keys

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        if dbt_resource_props["resource_type"] == "seed":
            return "policy"
        if dbt_resource_props["resource_type"] == "model":
            _, layer, *rest = dbt_resource_props["fqn"]
            # what ML wrote is staged after the marts, far from the raw files' staging: another group, or the picture has a loop
            if rest[-1].startswith("ops_"):
                return "operations"
            return "ml" if (layer, rest[0]) == ("staging", "ml") else layer
        if dbt_resource_props["resource_type"] == "snapshot":
            return "history"
        return super().get_group_name(dbt_resource_props)

    def get_owners(self, dbt_resource_props: Mapping[str, Any]) -> Sequence[str]:
        return OWNERS

    def get_metadata(self, dbt_resource_props: Mapping[str, Any]) -> Mapping[str, Any]:
        """Columns and links as dbt says them, and what one row is."""
        grain = dbt_resource_props.get("config", {}).get("meta", {}).get("grain")
        return {**super().get_metadata(dbt_resource_props), **({"grain": grain} if grain else {})}

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """Seeds wait for the raw files: nothing, not even a policy table, is written before the files are found good."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        if unique_id.startswith("seed."):
            return spec.merge_attributes(deps=self.raw_keys)
        return spec
