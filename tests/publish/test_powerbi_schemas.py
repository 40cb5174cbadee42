"""The JSON of the Power BI project by Microsoft's JSON schemas, which are not part of this repository.

With POWERBI_SCHEMAS, the folder of a clone of https://github.com/microsoft/json-schemas (it holds `fabric/…`), every JSON part
is validated by the schema that it names, and by all that this one refers to. Without it these tests are skipped.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

from dagster_project.publish.powerbi import publish_to_powerbi
from dagster_project.settings import Settings

WEB = "https://developer.microsoft.com/json-schemas/"
Parts = dict[str, dict]


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """Every file that is no TMDL, read: none is left out because its name is new."""
    root = publish_to_powerbi(Settings(published_dir=tmp_path_factory.mktemp("powerbi"))).file.parent
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and path.suffix != ".tmdl"]
    return {str(path.relative_to(root)): json.loads(path.read_text(encoding="utf-8")) for path in files}


@pytest.fixture(scope="module")
def errors() -> Callable[[dict], list[str]]:
    """What Microsoft's schemas find in one part. A schema that the folder lacks is an error of its own, never a pass."""
    folder = os.environ.get("POWERBI_SCHEMAS", "")
    if not folder:
        pytest.skip("POWERBI_SCHEMAS names no clone of https://github.com/microsoft/json-schemas")
    if not (Path(folder) / "fabric").is_dir():
        pytest.fail(f"POWERBI_SCHEMAS={folder}: there is no folder fabric")

    def read(uri: str) -> Resource:
        # the embedded schemas call themselves schema.embedded.json and lie in schema-embedded.json
        path = Path(folder) / uri.removeprefix(WEB).replace("schema.embedded.json", "schema-embedded.json")
        return Resource.from_contents(json.loads(path.read_text(encoding="utf-8")), default_specification=DRAFT7)

    registry = Registry(retrieve=read)

    def found(part: dict) -> list[str]:
        validator = jsonschema.Draft7Validator({"$ref": part["$schema"]}, registry=registry)
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(part)]

    return found


def test_every_part_is_as_microsofts_schemas_want_it(errors: Callable[[dict], list[str]], parts: Parts) -> None:
    assert {path: lines for path, part in parts.items() if (lines := errors(part))} == {}
    assert len({part["$schema"] for part in parts.values()}) == 9
    assert len(parts) > 50


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("Stockroom.pbip", '"version"', '"versions"'),
        ("Stockroom.pbip", '"path": ', '"folder": '),
        ("definition.pbism", '"settings": {}', '"settings": {"colour": 1}'),
        ("definition.pbir", '"byPath"', '"byFolder"'),
        ("SemanticModel/.platform", '"displayName"', '"name"'),
        ("version.json", "2.0.0", "2.0.1"),
        ("report.json", '"AllowSummarized"', '"All"'),
        ("report.json", '"themeCollection"', '"themes"'),
        ("pages.json", '"pageOrder"', '"order"'),
        ("overview/page.json", '"FitToPage"', '"Fit"'),
        ("overview/page.json", '"height": 720', '"height": "720"'),
        ("overview_0_0/visual.json", '"x": 12', '"x": "12"'),
        ("overview_0_0/visual.json", '"visual": {', '"visuals": {'),
        ("overview_0_0/visual.json", '"queryRef"', '"queryReference"'),
        ("overview_0_0/visual.json", '"Measure": {', '"Measures": {'),
        ("overview_0_0/visual.json", '"text": {', '"texts": {'),
        ("overview_0_0/visual.json", '"name": "overview_0_0"', f'"name": "{"n" * 51}"'),
        ("overview_0_0/visual.json", '{"Entity": "Metrics"}', '{"Entity": "Metrics", "Source": "m"}'),
        ("what_to_order_2_0/visual.json", '"Advanced"', '"Clever"'),
        ("what_to_order_2_0/visual.json", '"ComparisonKind": 1', '"ComparisonKind": 5'),
        ("what_to_order_2_0/visual.json", '"Condition"', '"Conditions"'),
        ("what_to_order_2_0/visual.json", '"Version": 2', '"Version": 1'),
        ("what_to_order_2_0/visual.json", '"Value": "0L"', '"Value": 0'),
        ("forecasts_2_0/visual.json", '"Values": [[', '"Values": [[7, '),
        ("inventory_policy_1_1/visual.json", '"Function": 0', '"Function": 9'),
    ],
)
def test_a_broken_part_is_refused(errors: Callable[[dict], list[str]], parts: Parts, path: str, old: str, new: str) -> None:
    (part,) = [part for name, part in parts.items() if name.endswith(path)]
    text = json.dumps(part)
    assert old in text, "the mutant is none"
    assert errors(json.loads(text.replace(old, new)))


def test_a_schema_that_is_not_there_is_no_pass(errors: Callable[[dict], list[str]], parts: Parts) -> None:
    unknown = {**parts["Stockroom.pbip"], "$schema": f"{WEB}fabric/pbip/pbipProperties/9.9.9/schema.json"}
    with pytest.raises(Exception, match=r"9\.9\.9"):
        errors(unknown)
