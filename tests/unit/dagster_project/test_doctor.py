"""The doctor: each thing that stops a run is found, and each finding that is not good says what to do."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from dagster_project import doctor
from dagster_project.cli import app
from dagster_project.settings import Settings


@pytest.fixture
def settings(tiny_source: Path, tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    return Settings(
        source_dir=tiny_source,
        warehouse=home / "stockroom.duckdb",
        dagster_home=home / "dagster",
        inbox=home / "inbox",
        alerts_file=home / "alerts.yml",
        memory_limit="1MB",
    )


def found(settings: Settings) -> dict[str, list[doctor.Finding]]:
    """What is not good, by what it is about; each with its remedy."""
    findings = [finding for finding in doctor.examine(settings) if finding.state != "good"]
    assert [finding for finding in findings if not finding.remedy] == []
    return {finding.about: [other for other in findings if other.about == finding.about] for finding in findings}


def test_a_machine_where_all_is_well_has_nothing_to_repair_but_that_nobody_is_told(settings: Settings) -> None:
    assert set(found(settings)) == {"alerts"}
    assert not settings.warehouse.parent.exists(), "looking changes nothing"


def test_every_missing_file_is_named(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (problem, *_) = found(settings.changed(source_dir=tmp_path / "raw"))["raw files"]
    assert problem.state == "bad"
    assert "no file of a known source" in problem.text + problem.remedy


def test_a_folder_that_cannot_be_written_is_found_before_the_run(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file where a folder should be")
    (problem,) = found(settings.changed(inbox=tmp_path / "file" / "inbox"))["folders"]
    assert (problem.state, "inbox" in problem.text, "STOCKROOM_INBOX" in problem.remedy) == ("bad", True, True)


def test_a_file_that_is_no_database_is_bad_and_one_that_is_open_elsewhere_passes_by_itself(settings: Settings) -> None:
    settings.warehouse.parent.mkdir()
    settings.warehouse.write_bytes(b"not a database" * 1000)
    (problem,) = found(settings)["database"]
    assert (problem.state, "mv " in problem.remedy) == ("bad", True)
    settings.warehouse.unlink()
    duckdb.connect(str(settings.warehouse)).close()
    hold = f"import duckdb, time; held = duckdb.connect({str(settings.warehouse)!r}); print('open', flush=True); time.sleep(60)"
    with subprocess.Popen([sys.executable, "-c", hold], stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        (problem,) = found(settings)["database"]
        process.kill()
    assert (problem.state, "wait for the run" in problem.remedy) == ("odd", True)


def test_too_little_disk_stops_and_too_little_memory_warns_with_a_limit_that_fits(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=2**29))
    monkeypatch.setattr(doctor, "_available_memory", lambda: 3 * 2**30)
    problems = found(settings.changed(memory_limit="4GB"))
    assert problems["disk"][0].state == "bad"
    assert "0.5 GiB free" in problems["disk"][0].text
    assert (problems["memory"][0].state, problems["memory"][0].remedy[-4:]) == ("odd", "=1GB")


def test_another_python_or_other_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [doctor._python(number).state for number in ((3, 10), (3, 11), (3, 12), (3, 13))] == ["bad", "good", "good", "bad"]
    monkeypatch.setattr(doctor, "version", lambda name: "0.1" if name == "duckdb" else version(name))
    (other,) = doctor._packages()
    assert (other.state, other.remedy) == ("odd", "make setup")
    assert "duckdb 0.1 (pinned: 1.5" in other.text


def test_a_wrong_file_of_receivers_and_a_database_that_does_not_answer_are_found(settings: Settings) -> None:
    settings.alerts_file.parent.mkdir()
    settings.alerts_file.write_text("receivers: [{name: shop, type: pigeon}]")
    problems = found(settings.changed(postgres_url="postgresql://127.0.0.1:1/nowhere"))
    assert "pigeon" in problems["alerts"][0].text
    assert (problems["PostgreSQL"][0].state, "STOCKROOM_POSTGRES_URL" in problems["PostgreSQL"][0].remedy) == ("bad", True)


def test_the_command_says_it_and_ends_with_an_error_where_a_run_would_fail(settings: Settings, tmp_path: Path) -> None:
    shown = CliRunner().invoke(app, ["doctor", "--source", str(tmp_path / "nowhere")])
    assert shown.exit_code == 1
    assert "Repair: Name the folder that holds your files" in shown.stdout
    assert "say that a run would fail" in shown.stderr
    good = CliRunner().invoke(app, ["doctor", "--source", str(settings.source_dir)])
    assert (good.exit_code, "A run can start" in good.stdout) == (0, True)
