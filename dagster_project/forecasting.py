"""What lies between the warehouse and `ml.forecasting`: its features, its settings, the search for better ones.

Belongs here: reading features and settings, running the search on them. Does not belong here: Dagster, estimation.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from dagster_project.settings import Settings
from dagster_project.warehouse_file import WarehouseFile
from ml import contracts

if TYPE_CHECKING:
    import polars as pl

    from ml.forecasting import Features, ForecastSettings
    from ml.forecasting.tune import TuneResult


def read_features(warehouse: WarehouseFile) -> tuple[Features, date]:
    """All feature tables, and the as-of date they were built for."""
    from ml.forecasting import Features

    frames = (warehouse.read(f"from features.{contract.name}") for contract in contracts.FEATURES)
    return Features(*frames), warehouse.read("select as_of_date from intermediate.int_as_of").item()


def forecast_settings(settings: Settings | None = None) -> ForecastSettings:
    """The defaults, changed by the file that STOCKROOM_FORECAST_SETTINGS names. Raises ValueError for a file that cannot be used."""
    from ml.forecasting import ForecastSettings

    path = (settings or Settings.from_env()).forecast_settings
    if path is None:
        return ForecastSettings()
    try:
        return ForecastSettings.of(json.loads(path.read_text())["parameters"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path}: not forecast settings ({error}). `stockroom tune` writes such a file; "
            "unset STOCKROOM_FORECAST_SETTINGS to use the defaults."
        ) from error


POLICY = "select champion_standard_errors::double as champion_standard_errors, champion_min_series::double as champion_min_series from {int_policy}"
"""What a run must know of the policy to write the forecasts that SQL will choose."""


def told_policy(settings: ForecastSettings, numbers: pl.DataFrame) -> ForecastSettings:
    """The settings with the policy's rule for champions: `numbers` is what POLICY finds. What the policy does not say keeps its default."""
    said = {name: value for name, value in numbers.row(0, named=True).items() if value is not None}
    if "champion_min_series" in said:
        said["champion_min_series"] = max(1, math.ceil(said["champion_min_series"]))
    return settings.changed(said)


def search(
    warehouse: WarehouseFile, n_trials: int, seed: int, most_series: int, progress: Callable[[int, int, float], None]
) -> TuneResult:
    """Look for settings with a lower backtest loss on the warehouse's features."""
    from ml.forecasting import backtest_score
    from ml.forecasting.tune import FORECAST_SPACE, tune

    features, as_of_date = read_features(warehouse)
    current = forecast_settings()

    def score(parameters: dict) -> float:
        tried = current.changed(parameters)
        return backtest_score(features, as_of_date=as_of_date, settings=tried, most_series=most_series)

    defaults = {name: getattr(current, name) for name in FORECAST_SPACE}
    return tune(score, FORECAST_SPACE, defaults, n_trials=n_trials, seed=seed, progress=progress)


def write_result(result: TuneResult, path: Path) -> None:
    """The configuration as a file to review."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(result.to_json() + "\n")
