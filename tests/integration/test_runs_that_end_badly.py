"""A run that is killed, or whose work another one replaced: real runs of the golden data."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from dagster_project.assets.forecasts import forecasts
from dagster_project.choices import RunChoices
from dagster_project.home import open_instance
from dagster_project.resources import Warehouse
from dagster_project.runner import run_daily_replenishment
from dagster_project.settings import Settings
from ml.forecasting.artefacts import MANIFEST, load_artefacts


def fingerprints(warehouse: Path) -> dict[str, tuple]:
    """Rows and a hash of them per table, in any order, without what is of the moment: history of runs, seconds that models took."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        names = connection.sql(
            "select schema_name || '.' || table_name from duckdb_tables() where not internal and schema_name <> 'ops' order by 1"
        ).fetchall()
        return {
            name: connection.sql(
                f"select count(*), bit_xor(hash(row_of)) from (select columns(name -> not contains(name, '_seconds')) from {name}) as row_of"
            ).fetchone()
            for (name,) in names
        }


@pytest.fixture(scope="module")
def resumed(golden_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The golden data run in a process that is killed in the middle, and then run again."""
    home = tmp_path_factory.mktemp("killed")
    settings = Settings(source_dir=golden_settings.source_dir, warehouse=home / "stockroom.duckdb", dagster_home=home / "dagster")
    command = [sys.executable, "-m", "dagster_project.cli", "run"]
    with subprocess.Popen(command, env={**os.environ, **settings.to_env()}, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr:
            if "forecasting demand" in line:
                os.kill(process.pid, signal.SIGKILL)
                break
    assert process.wait() == -signal.SIGKILL
    run_daily_replenishment(settings)
    return settings


def test_a_killed_run_is_run_again_without_repair_and_all_tables_are_as_if_nothing_had_been(
    resumed: Settings, golden_warehouse: Path
) -> None:
    assert fingerprints(resumed.warehouse) == fingerprints(golden_warehouse)


def test_the_killed_run_is_closed_and_stands_in_the_history(resumed: Settings) -> None:
    with duckdb.connect(str(resumed.warehouse), read_only=True) as connection:
        runs = connection.sql(
            "select status, launched_by, failure_message, is_latest from reports.ops_runs order by started_at"
        ).fetchall()
        latest = connection.sql("select count(*), bool_and(is_latest) from reports.ops_freshness").fetchone()
    assert [(status, by, is_latest) for status, by, _, is_latest in runs] == [
        ("failure", "command", False),
        ("success", "command", True),
    ]
    assert "Its process is gone" in runs[0][2]
    assert latest[0] > 3
    assert latest[1]
    with open_instance(resumed) as instance:
        assert instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])) == []
    assert 'stockroom_run_success{job="daily_replenishment"} 1' in resumed.metrics.read_text()


def test_models_of_a_run_whose_rows_are_not_in_the_tables_are_made_again(
    golden_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was killed before it wrote them, here even while it saved its models; or a run with other settings replaced them."""
    home = shutil.copytree(golden_settings.warehouse.parent, tmp_path / "copy", symlinks=True)
    settings = golden_settings.changed(warehouse=home / golden_settings.warehouse.name)
    for name, value in settings.to_env().items():
        monkeypatch.setenv(name, value)
    warehouse = Warehouse(path=str(settings.warehouse))
    run_id = warehouse.read("select any_value(run_id) from ml.model_runs").item()
    with warehouse.connect() as connection:
        connection.execute("delete from ml.model_runs")
    folder = home / "models" / run_id
    (folder / MANIFEST).rename(folder / "half_of_a_model.txt")
    assert dg.materialize([forecasts], resources={"warehouse": warehouse, "choices": RunChoices()}).success
    assert warehouse.has_run(run_id)
    load_artefacts(folder)
    assert not (folder / "half_of_a_model.txt").exists()
