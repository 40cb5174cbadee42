"""Where things are: folders, files and limits, read from the environment when asked and never at import.

Belongs here: paths and limits of one installation. Does not belong here: policy (service levels, cost rates), which lives in
the seeds of dbt_project with dates of validity.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parent.parent
DBT_PROJECT_DIR = PROJECT_ROOT / "dbt_project"
DATA_DIR = PROJECT_ROOT / "data"

# What dbt writes beside the warehouse in every run and nobody reads: its manifest, twice, and a log of each step it takes. It
# is a sixth of its own time. `--write-json` and `--log-level-file debug` bring them back.
LEAN_DBT = {"DBT_WRITE_JSON": "false", "DBT_LOG_LEVEL_FILE": "none"}


@dataclass(frozen=True)
class Settings:
    """One installation: where raw files come from, where the warehouse is, and what it may use."""

    source_dir: Path = DATA_DIR / "raw"
    warehouse: Path = DATA_DIR / "warehouse" / "stockroom.duckdb"
    as_of: date | None = None
    country: str = ""  # whose public holidays count; empty: the country the source's adapter declares
    memory_limit: str = "4GB"
    dbt_threads: int = 1
    dagster_home: Path = DATA_DIR / "dagster"
    superset_home: Path = DATA_DIR / "superset"  # what the dashboards' server keeps: its database, its key, its password
    forecast_settings: Path | None = None  # JSON with changes to the forecast's settings, as `stockroom tune` writes it
    published_dir: Path | None = None  # where BI reads; by default the folder `published` beside the warehouse
    alerts_file: Path = DATA_DIR / "alerts.yml"  # who hears of alerts, and by what; may be absent
    inbox: Path = DATA_DIR / "inbox"  # where new files are put; a sensor takes what is complete into source_dir
    postgres_url: str = field(default="", repr=False)  # holds a password; database that BI reads and people write to; empty: none

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
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Settings of this process: every field from its STOCKROOM_* variable, or its default."""
        env = os.environ if env is None else env
        default = cls()
        return cls(
            source_dir=Path(env.get("STOCKROOM_SOURCE") or default.source_dir).expanduser().resolve(),
            warehouse=Path(env.get("STOCKROOM_WAREHOUSE") or default.warehouse).expanduser().resolve(),
            as_of=_date("STOCKROOM_AS_OF", env),
            country=env.get("STOCKROOM_COUNTRY") or default.country,
            memory_limit=env.get("STOCKROOM_MEMORY_LIMIT") or default.memory_limit,
            dbt_threads=int(env.get("STOCKROOM_DBT_THREADS") or default.dbt_threads),
            forecast_settings=_path("STOCKROOM_FORECAST_SETTINGS", env),
            published_dir=_path("STOCKROOM_PUBLISHED", env),
            alerts_file=_path("STOCKROOM_ALERTS", env) or default.alerts_file,
            inbox=Path(env.get("STOCKROOM_INBOX") or default.inbox).expanduser().resolve(),
            postgres_url=env.get("STOCKROOM_POSTGRES_URL") or default.postgres_url,
            superset_home=Path(env.get("STOCKROOM_SUPERSET_HOME") or default.superset_home).expanduser().resolve(),
            dagster_home=Path(env.get("DAGSTER_HOME") or default.dagster_home).expanduser().resolve(),
        )

    def to_env(self) -> dict[str, str]:
        """The same settings as variables, for dbt and for processes that Dagster starts."""
        return {
            "STOCKROOM_SOURCE": str(self.source_dir),
            "STOCKROOM_WAREHOUSE": str(self.warehouse),
            "STOCKROOM_AS_OF": self.as_of.isoformat() if self.as_of else "",
            "STOCKROOM_COUNTRY": self.country,
            "STOCKROOM_MEMORY_LIMIT": self.memory_limit,
            "STOCKROOM_DBT_THREADS": str(self.dbt_threads),
            "STOCKROOM_FORECAST_SETTINGS": str(self.forecast_settings or ""),
            "STOCKROOM_PUBLISHED": str(self.published_dir or ""),
            "STOCKROOM_ALERTS": str(self.alerts_file),
            "STOCKROOM_INBOX": str(self.inbox),
            "STOCKROOM_POSTGRES_URL": self.postgres_url,
            "STOCKROOM_SUPERSET_HOME": str(self.superset_home),
            "DAGSTER_HOME": str(self.dagster_home),
            "DAGSTER_TELEMETRY_DISABLED": "true",
            "DO_NOT_TRACK": "1",
            "DBT_USE_COLORS": "false",
        }


def _path(name: str, env: Mapping[str, str]) -> Path | None:
    text = env.get(name)
    return Path(text).expanduser().resolve() if text else None


def _date(name: str, env: Mapping[str, str]) -> date | None:
    text = env.get(name)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise SystemExit(f"{name}={text}: not a date. Write it as YYYY-MM-DD.") from None
