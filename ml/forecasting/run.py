"""The forecast run: three feature frames in, four output frames out.

Belongs here: the order of the steps, the checks of the inputs, the stamp.
Does not belong here: reading or writing tables, and the choice of a champion, which SQL makes from the scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from ml.contracts import (
    DEMAND_FORECASTS,
    DEMAND_WEEKLY,
    ITEM_LOCATIONS,
    LEAD_TIME_DEMAND,
    LEAD_TIME_DISTRIBUTION,
    MODEL_RUNS,
    SERIES_METRICS,
    ContractError,
)
from ml.forecasting import stamp
from ml.forecasting.backtest import build_windows
from ml.forecasting.calibration import Segments
from ml.forecasting.estimate import estimate
from ml.forecasting.lead_time import protection_intervals
from ml.forecasting.models import model_version, specs
from ml.forecasting.rows import forecast_rows, metric_rows, reasons, run_row, sum_rows
from ml.forecasting.series import build_panel, history_reasons, usable_demand
from ml.forecasting.settings import ForecastSettings

Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class ForecastResult:
    """The four frames a run writes, each conforming to its contract and sorted by its key."""

    demand_forecasts: pl.DataFrame
    lead_time_demand: pl.DataFrame
    series_metrics: pl.DataFrame
    model_runs: pl.DataFrame


def run_forecast(
    demand: pl.DataFrame,
    item_locations: pl.DataFrame,
    lead_times: pl.DataFrame,
    *,
    as_of_date: date,
    settings: ForecastSettings | None = None,
    progress: Progress | None = None,
) -> ForecastResult:
    """Forecast every row of `item_locations` with every model of the settings.

    Frames: DEMAND_WEEKLY, ITEM_LOCATIONS and LEAD_TIME_DISTRIBUTION of `ml.contracts`, rows in any order. Demand
    after `as_of_date`, and of item-locations that are not asked for, is not read. A series that cannot be fitted gets
    the mean of what it has and a reason in `series_metrics`. Raises ContractError when an input breaks its contract,
    ValueError for an unknown model. `progress(step, share done)` is called along the way.
    """
    settings = settings or ForecastSettings()
    report = progress or (lambda step, share: None)
    chosen = specs(settings)
    demand = DEMAND_WEEKLY.conform(demand)
    keys = ITEM_LOCATIONS.conform(item_locations).sort("item_id", "location_id")
    lead_times = LEAD_TIME_DISTRIBUTION.conform(lead_times).sort("vendor_id", "lead_time_days")
    for frame, column in ((demand, "sold_units"), (lead_times, "probability")):
        if frame[column].is_infinite().any():
            raise ContractError(f"{column}: infinite values")
    demand = usable_demand(demand, keys, as_of_date, settings.max_history_weeks)

    data, code, version = stamp.data_hash((demand, keys, lead_times)), stamp.code_hash(), model_version()
    stamped = {"run_id": stamp.run_id(as_of_date, data, code, settings, version), "as_of_date": as_of_date}
    run_columns = {
        **stamped,
        "model_version": version,
        "data_hash": data,
        "code_hash": code,
        "seed": 0,
        "series": keys.height,
    }
    if keys.is_empty():
        frames = ([], [], [], [run_row(spec, {}, settings, run_columns) for spec in chosen])
        return _result(frames)

    panel = build_panel(demand, keys, as_of_date, settings)
    intervals = protection_intervals(keys, lead_times, settings)
    horizon = settings.horizon_weeks or int(np.ceil(intervals.cut_days.max() / 7))
    horizon = min(max(horizon, 1), settings.max_horizon_weeks)
    windows = build_windows(panel, horizon, settings)
    names, pattern = np.unique(keys["demand_pattern"].to_numpy().astype(str), return_inverse=True)
    segments = Segments(pattern.astype(np.int64), tuple(names.tolist()))
    first_origin = windows.origins[0] if windows.origins else panel.weeks
    full_season = panel.start <= first_origin - settings.season_weeks
    own_weeks = np.ceil(intervals.mean_days / 7 - 1e-9).astype(np.int64)
    score_weeks = np.clip(own_weeks, 1, windows.horizon_weeks)
    history = history_reasons(panel, settings)

    forecasts, sums, metrics, runs = [], [], [], []
    for index, spec in enumerate(chosen):
        report(f"model {spec.name}", index / len(chosen))
        found = estimate(spec, panel, windows, full_season, segments, score_weeks, horizon, settings)
        columns = {**stamped, "model": spec.name}
        forecasts.append(forecast_rows(panel, found, columns, settings))
        sums.append(sum_rows(panel, found, intervals, columns, settings))
        words = reasons(panel, found, history, intervals, windows, settings)
        metrics.append(metric_rows(panel, found, score_weeks, words, columns))
        learned: dict[str, object] = {"weight_of_historical_mean": found.history_weight}
        if spec.uses_season:
            learned["series_with_full_season"] = int(full_season.sum())
        runs.append(run_row(spec, learned, settings, run_columns))
    report("done", 1.0)
    return _result((forecasts, sums, metrics, runs))


def _result(frames: tuple[list[pl.DataFrame], ...]) -> ForecastResult:
    contracts = (DEMAND_FORECASTS, LEAD_TIME_DEMAND, SERIES_METRICS, MODEL_RUNS)
    joined = (
        contract.conform(pl.concat(parts)).sort(contract.grain) if parts else contract.empty()
        for contract, parts in zip(contracts, frames, strict=True)
    )
    return ForecastResult(*joined)
