"""Adapters: what a folder of staging declares, what dbt_project.yml says of it, and what its models give must agree."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from dagster_project.intake import STAGING_DIR, country_of, declared_tables
from dagster_project.settings import DBT_PROJECT_DIR

ADAPTERS: dict[str, dict] = yaml.safe_load((DBT_PROJECT_DIR / "dbt_project.yml").read_text())["vars"]["adapters"]


def canonical_columns(table_name: str) -> list[dict]:
    return yaml.safe_load((STAGING_DIR / f"stg_{table_name}.yml").read_text())["models"][0]["columns"]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_adapter_reads_every_file_it_declares(adapter: str) -> None:
    declared = {table.name for table in declared_tables() if table.adapter == adapter}
    assert set(ADAPTERS[adapter]["files"]) == declared
    assert {path.stem for path in (STAGING_DIR / adapter).glob("base_*.sql")} == {f"base_{adapter}__{name}" for name in declared}
    if adapter != "optional":
        assert len(country_of(adapter)) == 2


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_adapter_fills_canonical_tables_with_all_their_columns(adapter: str) -> None:
    for table_name, model in ADAPTERS[adapter]["fills"].items():
        documented = yaml.safe_load((STAGING_DIR / adapter / f"{model}.yml").read_text())["models"][0]["columns"]
        missing = {column["name"] for column in canonical_columns(table_name)} - {column["name"] for column in documented}
        assert missing == set(), f"{model} lacks what stg_{table_name} promises"


def test_every_folder_of_staging_that_reads_files_is_registered() -> None:
    assert {path.parent.name for path in STAGING_DIR.glob("*/_*__sources.yml")} - {"ml", "input", "ops", "vision"} == set(
        ADAPTERS
    )


def test_every_canonical_column_has_a_type() -> None:
    """Of a table that no adapter fills, the type is all there is."""
    untyped = [
        f"{path.stem}.{column['name']}"
        for path in STAGING_DIR.glob("stg_*.yml")
        for column in canonical_columns(path.stem.removeprefix("stg_"))
        if "data_type" not in column
    ]
    assert untyped == []


def test_an_adapter_is_sql_and_yaml_and_nothing_else(dbt_manifest, session_environment: Path) -> None:
    for adapter in ADAPTERS:
        assert {path.suffix for path in (STAGING_DIR / adapter).iterdir()} == {".sql", ".yml"}
    nodes = json.loads((session_environment / "dbt_target" / "manifest.json").read_text())["nodes"].values()
    assert {node["language"] for node in nodes if node["resource_type"] == "model"} == {"sql"}


def test_what_a_mart_needs_is_something_that_can_be_missing(dbt_manifest) -> None:
    """`needs` in a mart's YAML are names of rpt_data_gaps: optional files, and the facts that no single file is needed for."""
    facts = re.findall(
        r'^    \(\n        "(\w+)"', (DBT_PROJECT_DIR / "models/intermediate/int_data_gaps.sql").read_text(), re.MULTILINE
    )
    assert "stock" in facts
    needs = {
        (node.name, name)
        for node in dbt_manifest.nodes.values()
        if node.resource_type == "model"
        for need in node.config.meta.get("needs", [])
        for name in need.split(" or ")
    }
    assert len(needs) > 15
    assert {(model, name) for model, name in needs if name not in {*facts, *ADAPTERS["optional"]["files"]}} == set()
