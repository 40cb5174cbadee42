"""What `.vscode/settings.json` promises: every YAML file of dbt is checked as it is typed, with the schemas that dbt brings.

Belongs here: which file has which schema, and that all files are right by it. Does not belong here: what dbt itself says when it reads them.
"""

from __future__ import annotations

import json
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import dbt.jsonschemas
import pytest
import yaml
from jsonschema import Draft7Validator

from dagster_project.settings import PROJECT_ROOT

SETTINGS = json.loads((PROJECT_ROOT / ".vscode" / "settings.json").read_text())
SCHEMAS = Path(dbt.jsonschemas.__path__[0])  # make setup links .venv/dbt_jsonschemas to it
NOT_OF_DBT = {"dbt_project/profiles.yml", "dbt_project/bi_contract.yml"}


def matches(path: str, patterns: str | list[str]) -> bool:
    """As the editor does: some pattern fits, and none that starts with an exclamation mark."""
    listed = [patterns] if isinstance(patterns, str) else patterns
    braces = [
        pattern.replace(whole, name)
        for pattern in listed
        for whole in [pattern[pattern.find("{") : pattern.find("}") + 1]]
        for name in (whole[1:-1].split(",") if whole else [""])
    ]
    fits = [pattern for pattern in braces if fnmatch(path, pattern.lstrip("!"))]
    return bool(fits) and not any(pattern.startswith("!") for pattern in fits)


def schemas_of(path: str) -> list[str]:
    return [schema for schema, patterns in SETTINGS["yaml.schemas"].items() if matches(path, patterns)]


@cache
def validator(schema: str) -> Draft7Validator:
    return Draft7Validator(json.loads((SCHEMAS / schema.removeprefix("./.venv/dbt_jsonschemas/")).read_text()))


def faults(path: str, text: str) -> list[str]:
    [schema] = schemas_of(path)
    return [f"{path}: {list(fault.path)}: {fault.message}" for fault in validator(schema).iter_errors(yaml.safe_load(text))]


def yaml_files() -> list[str]:
    files = (path.relative_to(PROJECT_ROOT).as_posix() for path in (PROJECT_ROOT / "dbt_project").rglob("*.yml"))
    return sorted(path for path in files if not path.startswith("dbt_project/target/"))


def test_every_yaml_file_of_dbt_has_one_schema() -> None:
    assert {path: found for path in yaml_files() if len(found := schemas_of(path)) != (path not in NOT_OF_DBT)} == {}


def test_every_yaml_file_is_right_by_its_schema() -> None:
    assert [
        fault for path in yaml_files() if path not in NOT_OF_DBT for fault in faults(path, (PROJECT_ROOT / path).read_text())
    ] == []


@pytest.mark.parametrize(
    ("right", "wrong"), [("description:", "descriptoin:"), ("columns:\n", "colums:\n"), ("data_tests:", "data_test:")]
)
def test_a_slip_of_the_pen_is_found(right: str, wrong: str) -> None:
    path = "dbt_project/models/recommendations/rec_orders.yml"
    text = (PROJECT_ROOT / path).read_text()
    assert right in text
    assert faults(path, text.replace(right, wrong, 1))
