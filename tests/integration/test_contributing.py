"""CONTRIBUTING.md does what it says: its blocks, put where it says into a copy of the project, build and give the numbers.

Belongs here: the recipes. Does not belong here: docs/adding-a-source.md, which has a test of its own.
"""

from __future__ import annotations

import csv
import re
import shutil
from datetime import date, timedelta
from pathlib import Path

import duckdb
import polars as pl
import pytest

from dagster_project.settings import DBT_PROJECT_DIR, PROJECT_ROOT, Settings

TEXT = (PROJECT_ROOT / "CONTRIBUTING.md").read_text()
BLOCKS = dict(re.findall(r"^```\w*\n(?:#|--) (.+?)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))


def block(start: str) -> str:
    [name] = [name for name in BLOCKS if name.startswith(start)]
    return BLOCKS[name]


@pytest.fixture(scope="module")
def changed(built_warehouse: Path, tiny_source: Path, tmp_path_factory: pytest.TempPathFactory):
    """A warehouse built by a copy of the project with the recipes followed; only what they touch is built."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.cli.main import dbtRunner

    home = tmp_path_factory.mktemp("contributing")
    project, warehouse = home / "dbt_project", home / "stockroom.duckdb"
    shutil.copytree(DBT_PROJECT_DIR, project, ignore=shutil.ignore_patterns("target", "logs"))
    shutil.copy(built_warehouse, warehouse)
    for name, content in BLOCKS.items():
        if name.startswith("dbt_project/"):
            (home / name).write_text(content)
        elif found := re.match(r"in (dbt_project/\S+), after: (.+)", name):
            path, place = home / found[1], found[2]
            text = path.read_text()
            assert text.count(place) == 1, f"{place} stands {text.count(place)} times in {found[1]}"
            # SQL is added as a line, YAML within one
            path.write_text(text.replace(place, place + ("\n" if path.suffix == ".sql" else "") + content.rstrip("\n")))
        elif found := re.match(r"in (dbt_project/\S+), last line", name):
            path = home / found[1]
            path.write_text(path.read_text().rstrip("\n") + "\n" + content)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in Settings(source_dir=tiny_source, warehouse=warehouse).to_env().items():
            patch.setenv(name, value)
        patch.setenv("DBT_TARGET_PATH", str(home / "target"))
        folders = ("--project-dir", str(project), "--profiles-dir", str(project))
        selections = (
            ("build", "--select", "rpt_weekend_share", "policy_assignments", "--indirect-selection", "buildable"),
            ("run", "--select", "path:models/recommendations", "path:models/staging/ml"),
            ("test", "--select", "rec_policy_targets,test_type:unit"),
        )
        try:
            for selection in selections:
                result = dbtRunner().invoke(["--quiet", *selection, *folders])
                failed = [f"{n.node.name}: {n.message}" for n in result.result or [] if n.status in ("error", "fail")]
                assert result.success, [result.exception, *failed]
        finally:
            DuckDBConnectionManager.close_all_connections()
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        yield connection


def test_the_kpi_counts_what_the_sales_file_says(changed, tiny_source: Path) -> None:
    units: dict[int, list[int]] = {}
    with next(tiny_source.glob("SalesFINAL*.csv")).open() as file:
        for row in csv.DictReader(file):
            month, day, year = re.split("[-/]", row["SalesDate"])
            weekend = date(int(year), int(month), int(day)).isoweekday() > 5
            sums = units.setdefault(int(row["Store"]), [0, 0])
            sums[0] += int(row["SalesQuantity"])
            sums[1] += int(row["SalesQuantity"]) * weekend
    rows = changed.sql(
        "select location_id, sold_units, weekend_sold_units, weekend_share from marts.rpt_weekend_share"
    ).fetchall()
    assert {store: [sold, weekend] for store, sold, weekend, _ in rows} == units
    assert all(share == pytest.approx(weekend / sold) for _, sold, weekend, share in rows)


def test_the_policy_is_assigned_and_its_targets_are_built(changed) -> None:
    assert "half_buffer" in {policy for (policy,) in changed.sql("select policy from policy.policy_assignments").fetchall()}
    columns = {name for name, *_ in changed.sql("describe recommendations.rec_policy_targets").fetchall()}
    assert "reorder_units" in columns


def test_the_model_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    from ml.forecasting import models

    spec = eval(block("in ml/forecasting/models.py"), vars(models))
    monkeypatch.setitem(models.REGISTRY, spec.name, spec)
    weeks = [date(2024, 1, 1) + timedelta(weeks=week) for week in range(40)]
    history = pl.DataFrame({"unique_id": "a", "ds": weeks, "y": [float(5 * (week % 4 == 3)) for week in range(40)]})
    scope: dict = {"history": history}
    lines = block("try it").strip().splitlines()
    exec("\n".join([*lines[:-1], f"result = {lines[-1]}"]), scope)
    assert scope["result"].columns == ["unique_id", "mean", "q0.5", "q0.9"]
    assert scope["result"]["mean"].item() == pytest.approx(5, rel=0.4), "5 units every fourth week: 5 in four weeks"


def test_every_block_is_followed() -> None:
    assert len(BLOCKS) == 7
