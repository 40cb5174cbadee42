"""A run that is killed, and a past day that is rebuilt: real runs of the golden data."""

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

from dagster_project.assets.rebuild import rebuilt_orders
from dagster_project.runner import run_daily_replenishment
from dagster_project.settings import Settings


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
    with dg.DagsterInstance.from_config(str(resumed.dagster_home)) as instance:
        assert instance.get_run_records(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])) == []
    assert 'stockroom_run_success{job="daily_replenishment"} 1' in resumed.metrics.read_text()


def test_a_past_day_is_rebuilt_beside_the_present_which_stays(
    resumed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(source_dir=resumed.source_dir, warehouse=tmp_path / "stockroom.duckdb", dagster_home=tmp_path / "dagster")
    shutil.copyfile(resumed.warehouse, settings.warehouse)
    for name, value in settings.to_env().items():
        monkeypatch.setenv(name, value)
    with duckdb.connect(str(settings.warehouse)) as connection:
        first, today = connection.sql("select stock_start_date, as_of_date from intermediate.int_as_of").fetchone()
        orders_before = connection.sql("from recommendations.rec_orders order by all").fetchall()
    day = first + (today - first) * 2 // 3
    with dg.instance_for_test() as instance:
        assert dg.materialize([rebuilt_orders], partition_key=str(day), instance=instance, selection=[rebuilt_orders]).success
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        days = connection.sql(
            "select as_of_date, is_rebuilt, count(*) from reports.rpt_order_history group by all order by all"
        ).fetchall()
        forecast_days = connection.sql("select distinct as_of_date from ml.demand_forecasts order by 1").fetchall()
        assert connection.sql("from recommendations.rec_orders order by all").fetchall() == orders_before
    assert [(as_of, is_rebuilt) for as_of, is_rebuilt, _ in days] == [(day, True), (today, False)]
    assert days[1][2] == len(orders_before)
    assert (day,) in forecast_days
    assert not list((tmp_path / "rebuilding").iterdir())
