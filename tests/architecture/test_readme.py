"""The README's tables of questions: every table they name exists, and every mart and role view is named."""

from __future__ import annotations

import json
import re
from pathlib import Path

from dagster_project.settings import PROJECT_ROOT

SCHEMAS = "staging|history|marts|recommendations|reports"


def test_the_readme_names_every_mart_and_nothing_that_is_not_there(dbt_manifest, session_environment: Path) -> None:
    nodes = json.loads((session_environment / "dbt_target" / "manifest.json").read_text())["nodes"].values()
    tables = {node["name"]: node["schema"] for node in nodes if node["resource_type"] in ("model", "snapshot")}
    text = (PROJECT_ROOT / "README.md").read_text()
    questions = text[text.index("## Questions") : text.index("## Everyday commands")]
    named = dict(reversed(pair) for pair in re.findall(rf"`({SCHEMAS})\.(\w+)`", questions))
    assert {name: tables.get(name) for name in named} == named
    asked = {name for name in tables if name.startswith(("rpt_", "role_", "fct_", "dim_"))}
    assert {name for name in asked if f"`{name}`" not in questions and name not in named} == set()
