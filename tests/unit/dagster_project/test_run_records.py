"""What Dagster knows of runs, of real runs of small jobs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from dagster_project.choices import RunChoices
from dagster_project.run_records import COMMAND_TAG, PROCESS_TAG, close_dead_runs, read_runs, run_tags, write_metrics
from dagster_project.settings import Settings


@dg.op
def count_shelves() -> None:
    pass


@dg.op
def fall() -> None:
    raise ValueError("the shelf is broken")


@dg.job
def goes_well() -> None:
    count_shelves()


@dg.job
def goes_wrong() -> None:
    fall()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(source_dir=tmp_path / "raw", warehouse=tmp_path / "stockroom.duckdb")


def test_a_run_says_how_it_ended_who_started_it_and_what_failed(settings: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        goes_well.execute_in_process(instance=instance, tags={COMMAND_TAG: "command", **run_tags(settings)})
        scheduled = {"dagster/schedule_name": "every_morning", "stockroom/as_of": "2016-06-30"}
        goes_wrong.execute_in_process(instance=instance, raise_on_error=False, tags=run_tags(settings) | scheduled)
        goes_well.execute_in_process(instance=instance, tags={"stockroom/warehouse": "elsewhere"})
        good, bad = read_runs(instance, settings)
        assert read_runs(instance, settings, known=[good["run_id"], bad["run_id"]]) == []
    assert (good["status"], good["launched_by"], good["slowest_step"], good["failure_message"]) == (
        "success",
        "command",
        "count_shelves",
        None,
    )
    assert (bad["status"], bad["launched_by"], bad["failed_step"]) == ("failure", "schedule", "fall")
    assert str(bad["as_of_date"]) == "2016-06-30"
    assert "the shelf is broken" in bad["failure_message"]
    assert good["finished_at"] >= good["started_at"]


def test_a_choice_that_is_refused_before_the_first_step_is_named_in_the_history(settings: Settings) -> None:
    @dg.op
    def decide(choices: RunChoices) -> None: ...

    @dg.job(resource_defs={"choices": RunChoices.configure_at_launch()})
    def decides() -> None:
        decide()

    config = {"resources": {"choices": {"config": {"as_of": "30.6.2016"}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        decides.execute_in_process(run_config=config, instance=instance, raise_on_error=False, tags=run_tags(settings))
        (run,) = read_runs(instance, settings)
    assert "30.6.2016: not a day" in run["failure_message"]


def test_a_run_whose_process_is_gone_is_closed_and_one_at_work_is_not(settings: Settings) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True)
    here = run_tags(settings)[PROCESS_TAG]
    host = here.split(" ")[0]
    with dg.DagsterInstance.ephemeral() as instance:
        started = {"status": dg.DagsterRunStatus.STARTED, "job_name": "goes_well"}
        killed = dg.DagsterRun(tags={PROCESS_TAG: f"{host} {ended.stdout.strip()} 1"}, **started)
        at_work = dg.DagsterRun(tags={PROCESS_TAG: here}, **started)
        elsewhere = dg.DagsterRun(tags={PROCESS_TAG: f"another-host {ended.stdout.strip()} 1"}, **started)
        unknown = dg.DagsterRun(**started)
        for run in (killed, at_work, elsewhere, unknown):
            instance.add_run(run)
        assert close_dead_runs(instance) == [killed.run_id]
        assert instance.get_run_by_id(killed.run_id).status == dg.DagsterRunStatus.FAILURE
        for run in (at_work, elsewhere, unknown):
            assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.STARTED


def test_metrics_are_of_the_last_run_of_each_job(settings: Settings, tmp_path: Path) -> None:
    from datetime import datetime

    def run(job: str, hour: int, seconds: int, status: str) -> dict:
        start, end = datetime(2026, 1, 1, hour), datetime(2026, 1, 1, hour, 0, seconds)
        return {"job_name": job, "started_at": start, "finished_at": end, "status": status} | {
            "failed_check_count": 1,
            "warned_check_count": 2,
        }

    path = tmp_path / "stockroom.prom"
    write_metrics([run("daily", 7, 40, "failure"), run("daily", 6, 30, "success")], path)
    lines = path.read_text().splitlines()
    assert 'stockroom_run_duration_seconds{job="daily"} 40.0' in lines
    assert 'stockroom_run_success{job="daily"} 0' in lines
    assert 'stockroom_run_last_success_timestamp_seconds{job="daily"} 1767247230.0' in lines  # 06:00:30 UTC
    assert "# TYPE stockroom_run_duration_seconds gauge" in lines
    assert [p.name for p in tmp_path.iterdir()] == ["stockroom.prom"]
