"""Settings: which of the environment, .env, stockroom.toml and the defaults holds, and what is said of a wrong one."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from dagster_project import settings as module
from dagster_project.alerting.receivers import read_receivers
from dagster_project.settings import PROJECT_ROOT, VARIABLES, Settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation without any setting, whose files are in a folder of their own."""
    for variable in VARIABLES.values():
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(module, "SETTINGS_FILE", tmp_path / "stockroom.toml")
    monkeypatch.setattr(module, "ENV_FILE", tmp_path / ".env")
    return tmp_path


def test_without_variables_everything_lies_in_the_data_folder() -> None:
    settings = Settings.from_env()
    assert settings == Settings()
    assert settings.source_dir == PROJECT_ROOT / "data" / "raw"
    assert settings.warehouse == PROJECT_ROOT / "data" / "warehouse" / "stockroom.duckdb"
    assert settings.as_of is None


EVERYTHING = {
    "STOCKROOM_SOURCE": "/somewhere/raw",
    "STOCKROOM_WAREHOUSE": "/somewhere/w.duckdb",
    "STOCKROOM_AS_OF": "2016-06-30",
    "STOCKROOM_COUNTRY": "GB",
    "STOCKROOM_MEMORY_LIMIT": "1GB",
    "STOCKROOM_DBT_THREADS": "8",
    "STOCKROOM_FIRST_DAY": "2015-01-01",
    "STOCKROOM_FORECAST_SETTINGS": "/somewhere/found.json",
    "STOCKROOM_PUBLISHED": "/somewhere/published",
    "STOCKROOM_ALERTS": "/somewhere/alerts.yml",
    "STOCKROOM_INBOX": "/somewhere/inbox",
    "STOCKROOM_POSTGRES_URL": "postgresql://bi",
    "STOCKROOM_API_KEYS": "till 1 read 600/min",
    "STOCKROOM_API_KEYS_FILE": "/somewhere/keys.txt",
    "STOCKROOM_SUPERSET_HOME": "/somewhere/superset",
    "DAGSTER_HOME": "/somewhere/dagster",
}


def as_toml(variables: dict[str, str]) -> str:
    return "".join(f'{name.removeprefix("STOCKROOM_").lower()} = "{value}"\n' for name, value in variables.items())


@pytest.mark.parametrize("way", ["environment", ".env", "stockroom.toml"])
def test_every_setting_comes_from_its_variable_or_from_a_file(folder: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    assert set(EVERYTHING) == set(VARIABLES.values())
    if way == "environment":
        for name, value in EVERYTHING.items():
            monkeypatch.setenv(name, value)
    elif way == ".env":
        (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in EVERYTHING.items()))
    else:
        (folder / "stockroom.toml").write_text(as_toml(EVERYTHING))
    settings = Settings.from_env()
    default = Settings()
    assert [name for name in VARIABLES if getattr(settings, name) == getattr(default, name)] == []
    assert (settings.source_dir, settings.as_of, settings.dbt_threads) == (Path("/somewhere/raw"), date(2016, 6, 30), 8)
    assert settings.run_log == Path("/somewhere/w.log")


def test_the_environment_comes_before_the_env_file_and_that_before_the_toml_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "stockroom.toml").write_text('country = "FR"\nmemory_limit = "1GB"\ndbt_threads = 4\n')
    (folder / ".env").write_text("STOCKROOM_COUNTRY=DE\nSTOCKROOM_MEMORY_LIMIT=2GB\n")
    monkeypatch.setenv("STOCKROOM_COUNTRY", "GB")
    settings = Settings.from_env()
    assert (settings.country, settings.memory_limit, settings.dbt_threads) == ("GB", "2GB", 4)


def test_an_empty_variable_says_the_default_whatever_a_file_says(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a run of a past day, which is told of no database, does not write into that of the file."""
    (folder / "stockroom.toml").write_text('postgres_url = "postgresql://bi"\nas_of = 2016-06-30\n')
    assert Settings.from_env().as_of == date(2016, 6, 30)
    for name, value in Settings().to_env().items():
        monkeypatch.setenv(name, value)
    assert Settings.from_env() == Settings()


def test_paths_of_a_file_are_meant_from_where_it_lies_and_others_from_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "here").mkdir()
    monkeypatch.chdir(folder / "here")
    monkeypatch.setenv("HOME", "/home/someone")
    monkeypatch.setenv("STOCKROOM_SOURCE", "raw")
    (folder / "stockroom.toml").write_text('inbox = "inbox"\nwarehouse = "~/w.duckdb"\n')
    settings = Settings.from_env()
    assert settings.source_dir == folder / "here" / "raw"
    assert settings.inbox == folder / "inbox"
    assert settings.warehouse == Path("/home/someone/w.duckdb")


def test_settings_survive_the_way_through_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(source_dir=Path("/a/raw"), as_of=date(2016, 2, 29), dbt_threads=3, dagster_home=Path("/c"))
    for name, value in settings.to_env().items():
        monkeypatch.setenv(name, value)
    assert Settings.from_env() == settings


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('as_of = "30.6.2016"', "STOCKROOM_AS_OF=30.6.2016: not a date. Write it as YYYY-MM-DD."),
        ('dbt_threads = "many"', "STOCKROOM_DBT_THREADS=many: Input should be a valid integer"),
        ('memory_limit = "a lot"', "STOCKROOM_MEMORY_LIMIT=a lot"),
        ('sauce = "raw"', "no setting sauce. Known are source, warehouse"),
        ("source = ", "cannot be read"),
    ],
)
def test_a_wrong_setting_is_named_with_what_is_right(folder: Path, content: str, said: str) -> None:
    (folder / "stockroom.toml").write_text(content)
    with pytest.raises(SystemExit) as stopped:
        Settings.from_env()
    assert said in str(stopped.value)


def test_the_document_names_every_setting() -> None:
    text = (PROJECT_ROOT / "docs" / "operations.md").read_text()
    assert [variable for variable in VARIABLES.values() if f"`{variable}`" not in text] == []


def test_no_secret_is_shown() -> None:
    assert "hidden" not in repr(Settings(postgres_url="postgresql://a:hidden@b", api_keys="hidden"))


def test_secrets_of_receivers_may_stand_in_the_env_file(folder: Path) -> None:
    (folder / "alerts.yml").write_text("receivers: [{name: shop, type: webhook, url_env: SHOP_URL}]\n")
    (folder / ".env").write_text("SHOP_URL=https://example.com/hook\n")
    (receiver,) = read_receivers(folder / "alerts.yml").receivers
    assert receiver.channel.url == "https://example.com/hook"
