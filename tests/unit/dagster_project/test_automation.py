"""What starts runs, with Dagster's own test contexts."""

from __future__ import annotations

import os
import time
from pathlib import Path

import dagster as dg
import duckdb
import pytest

from dagster_project.alert_sensor import alert_delivery
from dagster_project.automation import SCHEDULES, drift, every_morning, inbox, new_photos, run_metrics
from dagster_project.choices import RunChoices, tried_again
from dagster_project.definitions import build_defs
from dagster_project.settings import Settings


@pytest.fixture(autouse=True)
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings = Settings(source_dir=tmp_path / "raw", warehouse=tmp_path / "stockroom.duckdb", inbox=tmp_path / "inbox")
    for name, value in settings.to_env().items():
        monkeypatch.setenv(name, value)
    return settings


@pytest.fixture(scope="module")
def defs(dbt_manifest) -> dg.Definitions:
    return build_defs(Settings.from_env())


def put(path: Path, text: str = "x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    os.utime(path, (time.time() - 600, time.time() - 600))


def outcome(sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None) -> tuple[list, str, str | None]:
    context = dg.build_sensor_context(instance=instance, cursor=cursor)
    data = sensor.evaluate_tick(context)
    return data.run_requests, data.skip_message or "", data.cursor


def test_all_is_off_until_it_is_switched_on_but_for_what_only_writes_a_file(defs: dg.Definitions) -> None:
    on = [sensor.name for sensor in defs.sensors if sensor.default_status == dg.DefaultSensorStatus.RUNNING]
    assert sorted(on) == [alert_delivery.name, run_metrics.name]
    assert [one.name for one in (*defs.sensors, *defs.schedules) if not one.description] == []
    assert {schedule.default_status for schedule in SCHEDULES} == {dg.DefaultScheduleStatus.STOPPED}
    automatic = defs.resolve_asset_graph()
    conditions = {key for key in automatic.get_all_asset_keys() if automatic.get(key).automation_condition}
    assert {automatic.get(key).group_name for key in conditions} == {"replay"}


def test_the_inbox_sensor_runs_with_the_complete_files_and_waits_while_a_run_is_at_work(
    settings: Settings, defs: dg.Definitions
) -> None:
    put(settings.inbox / "sales.csv")
    put(settings.inbox / "prices.csv.part")
    with dg.DagsterInstance.ephemeral() as instance:
        requests, said, cursor = outcome(inbox, instance, None)
        assert (requests, said) == ([], "1 files are not complete yet")
        requests, _, _ = outcome(inbox, instance, cursor)
        (request,) = requests
        assert request.run_config["resources"]["choices"]["config"] == {"as_of": "", "models": [], "inbox": ["sales.csv"]}
        dg.validate_run_config(defs.resolve_job_def("daily_replenishment"), request.run_config)
        instance.add_run(dg.DagsterRun(job_name="daily_replenishment", status=dg.DagsterRunStatus.STARTED))
        requests, said, _ = outcome(inbox, instance, cursor)
        assert (requests, said) == ([], "1 files wait for the end of the daily run")


def test_new_photos_are_judged_once_they_have_all_come(settings: Settings) -> None:
    photos = settings.source_dir / "inspection_photos"
    put(photos / "a.jpg")
    with dg.DagsterInstance.ephemeral() as instance:
        requests, said, cursor = outcome(new_photos, instance, None)
        assert (requests, said) == ([], "no new photos")
        put(photos / "b.jpg")
        requests, said, cursor = outcome(new_photos, instance, cursor)
        assert (requests, said) == ([], "photos are still coming")
        requests, _, cursor = outcome(new_photos, instance, cursor)
        assert len(requests) == 1
        requests, said, _ = outcome(new_photos, instance, cursor)
        assert (requests, said) == ([], "no new photos")


def test_drift_asks_once_per_model_run_and_reads_what_is_published(settings: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert outcome(drift, instance, None)[1] == "nothing is published yet"
        settings.published.mkdir(parents=True)
        with duckdb.connect(str(settings.published / "stockroom.duckdb")) as connection:
            connection.execute("create schema bi")
            connection.execute(
                "create table bi.ml_forecast_drift (run_id varchar, kind varchar, name varchar, is_drifting boolean)"
            )
            connection.execute("insert into bi.ml_forecast_drift values ('m1', 'input', 'price', false)")
        assert outcome(drift, instance, None)[:2] == ([], "no drift")
        with duckdb.connect(str(settings.published / "stockroom.duckdb")) as connection:
            connection.execute("insert into bi.ml_forecast_drift values ('m1', 'error', 'A', true)")
        (request,), _, _ = outcome(drift, instance, None)
        assert request.run_key == "drift m1"
        assert request.tags["stockroom/drift"] == "error A"


def test_the_metrics_sensor_writes_when_a_run_has_ended(settings: Settings) -> None:
    @dg.op
    def nothing() -> None: ...

    @dg.job
    def small() -> None:
        nothing()

    with dg.DagsterInstance.ephemeral() as instance:
        small.execute_in_process(instance=instance)
        _, said, cursor = outcome(run_metrics, instance, None)
        assert said.endswith("is written")
        assert 'stockroom_run_success{job="small"} 1' in settings.metrics.read_text()
        assert outcome(run_metrics, instance, cursor)[1] == "no run has started or ended"


def test_the_morning_schedule_runs_the_daily_job() -> None:
    data = every_morning.evaluate_tick(dg.build_schedule_context())
    assert len(data.run_requests) == 1
    assert every_morning.job_name == "daily_replenishment"


@pytest.mark.parametrize("text", ["30.6.2016", "2016-06-31", "yesterday"])
def test_a_day_that_is_none_is_refused_before_the_run(text: str) -> None:
    with pytest.raises(ValueError, match="as_of"):
        RunChoices(as_of=text)


def test_the_chosen_day_is_the_one_that_dbt_reads() -> None:
    from datetime import date

    assert RunChoices(as_of="2016-06-30").settings().as_of == date(2016, 6, 30)
    assert os.environ["STOCKROOM_AS_OF"] == "2016-06-30"


def test_models_can_be_chosen_and_nothing_chosen_changes_nothing() -> None:
    from ml.forecasting import ForecastSettings

    assert RunChoices(models=["theta"]).chosen(ForecastSettings()).models == ("theta",)
    assert RunChoices().chosen(ForecastSettings()) == ForecastSettings()


def test_a_model_nobody_knows_is_refused_before_the_run() -> None:
    with pytest.raises(ValueError, match=r"unknown models.+'thetta'"):
        RunChoices(models=["theta", "thetta"])


def test_a_locked_file_is_tried_again_and_bad_data_is_not(tmp_path: Path) -> None:
    tries: list[str] = []

    @dg.op
    def meets_a_lock(context) -> None:
        with tried_again(context, wait_seconds=0):
            tries.append("lock")
            if len(tries) < 3:
                raise duckdb.IOException("IO Error: Could not set lock on file")

    @dg.op
    def meets_bad_data(context) -> None:
        with tried_again(context, wait_seconds=0):
            tries.append("bad")
            raise ValueError("no column Store")

    @dg.job
    def recovers() -> None:
        meets_a_lock()

    @dg.job
    def stops() -> None:
        meets_bad_data()

    assert recovers.execute_in_process().success
    assert tries == ["lock"] * 3
    assert not stops.execute_in_process(raise_on_error=False).success
    assert tries[3:] == ["bad"]
