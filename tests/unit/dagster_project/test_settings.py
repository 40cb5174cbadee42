from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from dagster_project.settings import PROJECT_ROOT, Settings


def test_without_variables_everything_lies_in_the_data_folder() -> None:
    settings = Settings.from_env({})
    assert settings == Settings()
    assert settings.source_dir == PROJECT_ROOT / "data" / "raw"
    assert settings.warehouse == PROJECT_ROOT / "data" / "warehouse" / "stockroom.duckdb"
    assert settings.as_of is None


def test_an_empty_variable_is_no_variable() -> None:
    assert Settings.from_env({"STOCKROOM_SOURCE": "", "STOCKROOM_AS_OF": "", "STOCKROOM_DBT_THREADS": ""}) == Settings()


def test_every_setting_comes_from_its_variable() -> None:
    settings = Settings.from_env(
        {
            "STOCKROOM_SOURCE": "/somewhere/raw",
            "STOCKROOM_WAREHOUSE": "/somewhere/w.duckdb",
            "STOCKROOM_AS_OF": "2016-06-30",
            "STOCKROOM_COUNTRY": "GB",
            "STOCKROOM_MEMORY_LIMIT": "1GB",
            "STOCKROOM_DBT_THREADS": "8",
            "DAGSTER_HOME": "/somewhere/dagster",
        }
    )
    assert settings == Settings(
        source_dir=Path("/somewhere/raw"),
        warehouse=Path("/somewhere/w.duckdb"),
        as_of=date(2016, 6, 30),
        country="GB",
        memory_limit="1GB",
        dbt_threads=8,
        dagster_home=Path("/somewhere/dagster"),
    )
    assert settings.run_log == Path("/somewhere/w.log")


def test_relative_paths_and_the_home_folder_are_resolved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/someone")
    settings = Settings.from_env({"STOCKROOM_SOURCE": "raw", "STOCKROOM_WAREHOUSE": "~/w.duckdb"})
    assert settings.source_dir == tmp_path / "raw"
    assert settings.warehouse == Path("/home/someone/w.duckdb")


def test_settings_survive_the_way_through_the_environment() -> None:
    settings = Settings(Path("/a/raw"), Path("/b/w.duckdb"), date(2016, 2, 29), "GB", "2GB", 3, Path("/c"))
    assert Settings.from_env(settings.to_env()) == settings
    assert Settings.from_env(Settings().to_env()) == Settings()
