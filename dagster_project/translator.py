"""How dbt's nodes look in Dagster's graph: the group of a model is its layer.

Belongs here: names, groups and kinds of dbt assets. Does not belong here: which assets run when.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
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

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetCheckSpec | None:
        """What a check means: its description, or the comment that its SQL begins with."""
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        said = _said(manifest["nodes"][unique_id])
        return spec._replace(description=said) if spec and said else spec

    def get_asset_spec(self, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None) -> dg.AssetSpec:
        """Seeds wait for the raw files: nothing, not even a policy table, is written before the files are found good."""
        spec = super().get_asset_spec(manifest, unique_id, project)
        if unique_id.startswith("seed."):
            return spec.merge_attributes(deps=self.raw_keys)
        return spec


def described_as_sources(nodes: Mapping[str, Any]) -> Callable[[dg.AssetSpec], dg.AssetSpec]:
    """What dbt says of a table or file that it reads, for the asset that writes it: in words, and column by column."""
    known = {(source["source_name"], source["name"]): source for source in nodes["sources"].values()}

    def described(spec: dg.AssetSpec) -> dg.AssetSpec:
        source = known.get(tuple(spec.key.path))
        if not source or not source["description"]:
            return spec
        columns = [
            dg.TableColumn(column["name"], (column.get("data_type") or "text").lower(), column.get("description"))
            for column in source["columns"].values()
        ]
        schema = {"dagster/column_schema": dg.TableSchema(columns)} if columns else {}
        return spec.replace_attributes(description=" ".join(source["description"].split())).merge_attributes(metadata=schema)

    return described


def _said(test: Mapping[str, Any]) -> str:
    lines = [line.strip() for line in test["raw_code"].splitlines() if line.strip() and not line.startswith("{{ config")]
    comment = itertools.takewhile(lambda line: line.startswith("--"), lines)
    return test.get("description") or " ".join(line.removeprefix("--").strip() for line in comment)
