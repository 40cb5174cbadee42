"""The log of runs with its files kept open: the same rows as Dagster's own, and whoever watches a run is woken."""

from __future__ import annotations

import queue
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log import SqliteEventLogStorage

from dagster_project.event_log import OPEN_FILES, KeptOpenEventLog
from dagster_project.home import open_instance, prepare_home
from dagster_project.settings import Settings


@dg.asset(check_specs=[dg.AssetCheckSpec("is_full", asset="shelf")])
def shelf() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"units": 7}, check_results=[dg.AssetCheckResult(passed=True, check_name="is_full")])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = Settings(warehouse=tmp_path / "stockroom.duckdb", dagster_home=tmp_path / "dagster")
    prepare_home(made)
    return made


def materialized(instance: dg.DagsterInstance) -> str:
    return dg.materialize([shelf], instance=instance).run_id


def seen(instance: dg.DagsterInstance, run_id: str) -> tuple[list[str], object, int, object]:
    """What the page of a run and the page of the asset read."""
    events = [record.event_log_entry.dagster_event_type for record in instance.get_records_for_run(run_id).records]
    latest = instance.get_latest_materialization_event(dg.AssetKey("shelf"))
    assert latest is not None
    check = dg.AssetCheckKey(dg.AssetKey("shelf"), "is_full")
    checked = instance.event_log_storage.get_latest_asset_check_execution_by_key([check])[check].status
    return (
        [str(event) for event in events],
        latest.run_id,
        len(instance.fetch_materializations(dg.AssetKey("shelf"), 99).records),
        checked,
    )


def test_the_home_of_a_run_keeps_its_files_open(settings: Settings) -> None:
    with open_instance(settings) as instance:
        assert isinstance(instance.event_log_storage, KeptOpenEventLog)


def test_dagsters_own_storage_reads_what_this_one_wrote_and_goes_on_with_it(settings: Settings) -> None:
    with open_instance(settings) as instance:
        first = materialized(instance)
        here = seen(instance, first)
    (settings.dagster_home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    with open_instance(settings) as instance:
        assert type(instance.event_log_storage) is SqliteEventLogStorage
        assert seen(instance, first) == here
        second = materialized(instance)
        there = seen(instance, second)
    prepare_home(settings)
    with open_instance(settings) as instance:
        assert seen(instance, second) == there
        assert there == (here[0], second, 2, here[3])


def test_who_watches_a_run_with_a_storage_of_its_own_hears_of_every_event(settings: Settings) -> None:
    """As the page of a run that is at work does: it waits for the file to change."""
    heard: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen(event: dg.EventLogEntry, _cursor: str) -> None:
        heard.put(event.message)

    with open_instance(settings) as instance:
        run_id = materialized(instance)
        page = SqliteEventLogStorage(str(settings.dagster_home / "history" / "runs"))
        page.watch(run_id, instance.get_records_for_run(run_id).cursor, listen)
        try:
            for message in ("the shelf is full", "the shelf is empty"):
                instance.report_engine_event(message, run_id=run_id, job_name="one")
                assert message in heard.get(timeout=10)
        finally:
            page.end_watch(run_id, listen)
            page.dispose()


def test_only_the_files_last_asked_for_stay_open(settings: Settings) -> None:
    with open_instance(settings) as instance:
        runs = [materialized(instance) for _ in range(OPEN_FILES + 2)]
        for run_id in runs:
            assert seen(instance, run_id)[0]
        assert len(instance.event_log_storage._engines) == OPEN_FILES


def test_what_was_wiped_is_gone_and_the_next_run_is_kept(settings: Settings) -> None:
    with open_instance(settings) as instance:
        first = materialized(instance)
        instance.event_log_storage.wipe()
        assert instance.get_records_for_run(first).records == []
        assert instance.get_latest_materialization_event(dg.AssetKey("shelf")) is None
        second = materialized(instance)
        assert seen(instance, second)[1:3] == (second, 1)
