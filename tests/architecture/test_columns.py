"""Columns of tables that people and models read: a name that says its unit, and a test that knows the column.

Belongs here: both measures and their known exceptions, which may only shrink. Does not belong here: descriptions and contracts (test_dbt_layers),
and whether a test would notice a wrong formula (`make mutants`).

After a column was tested or got a better name, take it off the lists:

    UPDATE_COLUMNS=1 pytest tests/architecture/test_columns.py
"""

from __future__ import annotations

import json
import os
import re
from collections import defaultdict
from pathlib import Path

import pytest

from dagster_project.publish.contract import unit_of

LAYERS = ("features", "marts", "recommendations", "reports")
NUMBERS = ("double", "decimal", "integer", "bigint", "smallint", "hugeint", "float")
NO_MEASURE = ("_id", "_number", "_rank")
UNNAMED = Path(__file__).with_name("columns_without_a_unit.txt")
UNTESTED = Path(__file__).with_name("columns_without_a_test.txt")


@pytest.fixture(scope="module")
def manifest(dbt_manifest, session_environment: Path) -> dict:
    return json.loads((session_environment / "dbt_target" / "manifest.json").read_text())


def tables(manifest: dict) -> dict[str, dict]:
    """Models of the layers, by dbt's id."""
    nodes = manifest["nodes"].items()
    return {key: node for key, node in nodes if node["resource_type"] == "model" and node["schema"] in LAYERS}


def without_a_unit(manifest: dict) -> set[str]:
    """Numbers whose name does not say what they count."""
    return {
        f"{node['name']}.{name}"
        for node in tables(manifest).values()
        for name, column in node["columns"].items()
        if (column["data_type"] or "").lower().startswith(NUMBERS) and not name.endswith(NO_MEASURE) and not unit_of(name)
    }


def without_a_test(manifest: dict) -> set[str]:
    """Columns that no data test of their table names and no unit test expects a value of."""
    found = tables(manifest)
    named: dict[str, set[str]] = defaultdict(set)
    for test in manifest["unit_tests"].values():
        rows = test["expect"]["rows"] or []
        named[test["model"]].update(*([re.findall(r"\bas (\w+)", rows)] if isinstance(rows, str) else rows))
    for node in manifest["nodes"].values():
        if node["resource_type"] == "test" and node.get("attached_node") in found:
            arguments = (node["test_metadata"] or {"kwargs": {}})["kwargs"]
            named[found[node["attached_node"]]["name"]] |= {node["column_name"], *arguments.get("columns", [])}
    return {f"{node['name']}.{name}" for node in found.values() for name in node["columns"] if name not in named[node["name"]]}


def held_to(file: Path, found: set[str], advice: str) -> None:
    known = set(file.read_text().split())
    if os.environ.get("UPDATE_COLUMNS"):
        known &= found
        file.write_text("".join(f"{name}\n" for name in sorted(known)))
    assert sorted(found - known) == [], advice
    assert sorted(known - found) == [], f"no longer an exception: take it off {file.name}"


def test_the_name_of_a_number_says_its_unit(manifest: dict) -> None:
    held_to(UNNAMED, without_a_unit(manifest), "end the name with its unit (_units, _usd, _days, _share, …; unit_of knows them)")


def test_a_column_is_known_to_a_test(manifest: dict) -> None:
    held_to(UNTESTED, without_a_test(manifest), "expect it in a unit test, or give it a data test")


def test_a_number_without_unit_and_test_is_found(manifest: dict) -> None:
    node = next(node for node in tables(manifest).values() if node["name"] == "dim_location")
    node = {**node, "columns": {**node["columns"], "height": {"name": "height", "data_type": "double"}}}
    mutant = {**manifest, "nodes": {**manifest["nodes"], node["unique_id"]: node}}
    assert without_a_unit(mutant) - without_a_unit(manifest) == {"dim_location.height"}
    assert without_a_test(mutant) - without_a_test(manifest) == {"dim_location.height"}
