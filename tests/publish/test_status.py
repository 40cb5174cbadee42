"""`stockroom status`: real runs of a small job, and a snapshot with something late, refused and open."""

from __future__ import annotations

from collections.abc import Callable

import dagster as dg
import pytest
from typer.testing import CliRunner

from dagster_project.cli import app
from dagster_project.home import open_instance, prepare_home
from dagster_project.publish.snapshot import publish_snapshot
from dagster_project.run_records import run_tags
from dagster_project.settings import Settings


@dg.op
def fall() -> None:
    raise ValueError("the shelf is broken")


@dg.job
def goes_wrong() -> None:
    fall()


def shown(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> str:
    for name, value in settings.to_env().items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(app, ["status"])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_before_the_first_run_it_says_what_to_do(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    said = shown(Settings(warehouse=tmp_path / "w.duckdb", dagster_home=tmp_path / "dagster"), monkeypatch)
    assert "No run yet. Next:" in said
    assert "Nothing is published yet" in said
    assert list(tmp_path.iterdir()) == []


def test_runs_late_files_refused_lines_and_open_alerts_are_on_one_page(
    change: Callable[..., Settings], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = change().source_dir
    insert = (
        "insert into ops.files (run_id, source_key, recorded_at, as_of_date, adapter, file_kind, file_count, newest_file_at, "
        "newest_data_date, usual_gap_days, row_count, rejected_count) values "
        f"('r1', '{source}', timestamp '2017-01-01 06:00', date '2016-12-31', 'retailer', {{}}, 1, timestamp '2017-01-01 06:00', {{}}, 1, 100, {{}})"
    )
    settings = change(insert.format("'sales'", "date '2016-12-01'", 3), insert.format("'purchases'", "date '2016-12-31'", 0))
    settings = settings.changed(dagster_home=settings.warehouse.parent / "dagster")
    publish_snapshot(settings)
    prepare_home(settings)
    with open_instance(settings) as instance:
        goes_wrong.execute_in_process(instance=instance, raise_on_error=False, tags=run_tags(settings))
    said = " ".join(shown(settings, monkeypatch).split())
    assert "goes_wrong" in said
    assert "the shelf is broken" in said
    assert "retailer.sales │ 2016-12-01 │ 30 days" in said
    assert "purchases │ 2016" not in said
    assert "retailer.sales │ 3 │ 100 │ 3.00%" in said
    assert "alerts" in said.lower()
