from __future__ import annotations

import pytest

from dagster_project.definitions import build_defs
from dagster_project.resources import Warehouse
from dagster_project.settings import Settings


def test_a_resource_can_be_replaced_by_name(dbt_manifest) -> None:
    other = Warehouse(path="other.duckdb")
    assert build_defs(Settings.from_env(), warehouse=other).resources["warehouse"] is other


def test_dbt_is_found_beside_python_without_an_activated_environment(dbt_manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert build_defs(Settings.from_env()).resources["dbt"]
