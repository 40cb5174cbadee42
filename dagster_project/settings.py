"""Where things are: folders, files and limits. The one place that reads settings: when asked, and never at import.

Belongs here: paths, limits and secrets of one installation. Does not belong here: policy (service levels, cost rates), which lives in
the seeds of dbt_project with dates of validity.
"""

from __future__ import annotations

import os
import tomllib
from datetime import date
from pathlib import Path
from typing import Annotated, Any

from dotenv import dotenv_values
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, InitSettingsSource, SettingsError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DBT_PROJECT_DIR = PROJECT_ROOT / "dbt_project"
DATA_DIR = PROJECT_ROOT / "data"

SETTINGS_FILE = PROJECT_ROOT / "stockroom.toml"
ENV_FILE = PROJECT_ROOT / ".env"

# What dbt writes beside the warehouse in every run and nobody reads: its manifest, twice, and a log of each step it takes. It
# is a sixth of its own time. `--write-json` and `--log-level-file debug` bring them back.
LEAN_DBT = {"DBT_WRITE_JSON": "false", "DBT_LOG_LEVEL_FILE": "none"}

_Path = Annotated[Path, AfterValidator(lambda path: path.expanduser().resolve())]


def _set_by(variable: str, default: Any, **more: Any) -> Any:
    return Field(default, validation_alias=variable, **more)


class Settings(BaseModel):
    """One installation: where raw files come from, where the warehouse is, and what it may use.

    `Settings(...)` is what is given and defaults; `Settings.from_env()` is what the environment and the two files say.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    source_dir: _Path = _set_by("STOCKROOM_SOURCE", DATA_DIR / "raw")
    warehouse: _Path = _set_by("STOCKROOM_WAREHOUSE", DATA_DIR / "warehouse" / "stockroom.duckdb")
    as_of: date | None = _set_by("STOCKROOM_AS_OF", None)
    country: str = _set_by("STOCKROOM_COUNTRY", "")
    """Whose public holidays count; empty: the country the source's adapter declares."""
    memory_limit: str = _set_by("STOCKROOM_MEMORY_LIMIT", "4GB", pattern=r"(?i)^\s*\d+(\.\d+)?\s*[KMGT]i?B\s*$")
    dbt_threads: int = _set_by("STOCKROOM_DBT_THREADS", 1, ge=1)
    first_day: date = _set_by("STOCKROOM_FIRST_DAY", date(2016, 1, 1))
    """The first day that can be rebuilt."""
    forecast_settings: _Path | None = _set_by("STOCKROOM_FORECAST_SETTINGS", None)
    """JSON with changes to the forecast's settings, as `stockroom tune` writes it."""
    published_dir: _Path | None = _set_by("STOCKROOM_PUBLISHED", None)
    """Where BI reads; by default the folder `published` beside the warehouse."""
    alerts_file: _Path = _set_by("STOCKROOM_ALERTS", DATA_DIR / "alerts.yml")
    """Who hears of alerts, and by what; may be absent."""
    inbox: _Path = _set_by("STOCKROOM_INBOX", DATA_DIR / "inbox")
    """Where new files are put; a sensor takes what is complete into source_dir."""
    postgres_url: str = _set_by("STOCKROOM_POSTGRES_URL", "", repr=False)
    """Database that BI reads and people write to, with its password; empty: none."""
    api_keys: str = _set_by("STOCKROOM_API_KEYS", "", repr=False)
    api_keys_file: _Path | None = _set_by("STOCKROOM_API_KEYS_FILE", None)
    superset_home: _Path = _set_by("STOCKROOM_SUPERSET_HOME", DATA_DIR / "superset")
    """What the dashboards' server keeps: its database, its key, its password."""
    dagster_home: _Path = _set_by("DAGSTER_HOME", DATA_DIR / "dagster")

    @property
    def published(self) -> Path:
        """Folder of what BI reads: the snapshot's DuckDB file and Parquet."""
        return self.published_dir or self.warehouse.parent / "published"

    @property
    def report(self) -> Path:
        """The page that every run writes, beside what is published."""
        return (self.published_dir or self.warehouse.parent) / "report" / "index.html"

    @property
    def run_log(self) -> Path:
        """What dbt said in the last run, beside the warehouse."""
        return self.warehouse.with_suffix(".log")

    @property
    def metrics(self) -> Path:
        """Durations and ends of runs as Prometheus' text format, for node-exporter's textfile collector."""
        return self.warehouse.with_name("stockroom.prom")

    @classmethod
    def from_env(cls) -> Settings:
        """Every setting from its variable, else from `.env`, else from `stockroom.toml`, else its default.

        A variable that is there and empty says: the default, whatever the files say. Raises SystemExit with every wrong value.
        """
        try:
            return cls.model_validate(_Read().model_dump())
        except ValidationError as error:
            raise SystemExit("\n".join(_wrong(problem) for problem in error.errors())) from None
        except (SettingsError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SystemExit(f"{SETTINGS_FILE.name} or {ENV_FILE.name} cannot be read: {error}") from None

    def to_env(self) -> dict[str, str]:
        """The same settings as variables, for dbt and for processes that Dagster starts."""
        own = {variable: getattr(self, name) for name, variable in VARIABLES.items()}
        return {variable: "" if value is None else str(value) for variable, value in own.items()} | {
            "DAGSTER_TELEMETRY_DISABLED": "true",
            "DO_NOT_TRACK": "1",
            "DBT_USE_COLORS": "false",
        }

    def changed(self, **values: Any) -> Settings:
        """The same settings but for these, checked like all."""
        return type(self).model_validate(dict(self) | values)


VARIABLES = {name: str(field.validation_alias) for name, field in Settings.model_fields.items()}
"""The variable of each setting."""


def environment() -> dict[str, str]:
    """The environment, with what `.env` adds to it: secrets of receivers stand in either."""
    return {name: value for name, value in dotenv_values(ENV_FILE).items() if value} | os.environ


class _Read(Settings, BaseSettings):
    """Settings from the environment, `.env` and `stockroom.toml`, in this order."""

    model_config = ConfigDict(extra="forbid", validate_default=False)

    @classmethod
    def settings_customise_sources(cls, settings_cls: type[BaseSettings], **_: Any) -> tuple[Any, ...]:
        files = _of_toml() | {name: value for name, value in _of_env_file().items() if value}
        shadowed = {variable for variable in VARIABLES.values() if variable in os.environ}
        return (
            EnvSettingsSource(settings_cls, case_sensitive=True, env_ignore_empty=True),
            InitSettingsSource(settings_cls, {name: value for name, value in files.items() if name not in shadowed}),
        )


def _of_env_file() -> dict[str, str | None]:
    found = {name: value for name, value in dotenv_values(ENV_FILE).items() if name in VARIABLES.values()}
    return {name: _beside(ENV_FILE, name, value) for name, value in found.items()}


def _of_toml() -> dict[str, Any]:
    """Names are those of the variables in small letters and without `stockroom_`."""
    if not SETTINGS_FILE.exists():
        return {}
    known = {variable.removeprefix("STOCKROOM_").lower(): variable for variable in VARIABLES.values()}
    found = tomllib.loads(SETTINGS_FILE.read_text(encoding="utf-8"))
    if unknown := sorted(set(found) - set(known)):
        raise SystemExit(f"{SETTINGS_FILE}: no setting {', '.join(unknown)}. Known are {', '.join(known)}.")
    return {known[name]: _beside(SETTINGS_FILE, known[name], value) for name, value in found.items()}


def _beside(file: Path, variable: str, value: Any) -> Any:
    """A path of a file is meant from where the file lies."""
    name = next(name for name, own in VARIABLES.items() if own == variable)
    is_path = isinstance(Settings.model_fields[name].default, Path) or name in (
        "forecast_settings",
        "published_dir",
        "api_keys_file",
    )
    return file.parent / Path(value).expanduser() if is_path and value and isinstance(value, str) else value


def _wrong(problem: Any) -> str:
    where = str(problem["loc"][0]) if problem["loc"] else ""
    variable = VARIABLES.get(where, where)
    said = "not a date. Write it as YYYY-MM-DD." if "date" in problem["type"] else f"{problem['msg']}."
    return f"{variable}={problem['input']}: {said}"
