"""Rows of the output frames, from one model's arrays.

Belongs here: columns, keys, the reasons in words, the quantiles that are published.
Does not belong here: how the arrays were computed, and which models ran.
"""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.contracts import DEMAND_FORECASTS, LEAD_TIME_DEMAND, MODEL_RUNS, QUANTILES, SERIES_METRICS
from ml.forecasting import stamp
from ml.forecasting.backtest import Windows
from ml.forecasting.distribution import simple_quantiles_units
from ml.forecasting.estimate import Estimate
from ml.forecasting.lead_time import Intervals, interval_demand
from ml.forecasting.models import ModelSpec
from ml.forecasting.series import Panel
from ml.forecasting.settings import ForecastSettings


def _repeat_keys(panel: Panel, times: int) -> dict[str, NDArray[np.int32]]:
    return {name: np.repeat(panel.keys[name].to_numpy(), times) for name in ("item_id", "location_id")}


def _frame(columns: dict[str, object], constants: dict[str, object]) -> pl.DataFrame:
    return pl.DataFrame(columns).with_columns(**{name: pl.lit(value) for name, value in constants.items()})


def forecast_rows(panel: Panel, found: Estimate, constants: dict[str, object], settings: ForecastSettings) -> pl.DataFrame:
    """One row per series and week ahead; each week's quantiles are of that week alone, and do not add."""
    series, horizon = found.centre.shape
    levels = np.array([0.1, 0.5, 0.9])
    mean, variance = found.centre.ravel(), found.week_variance.ravel()
    whole = np.repeat(panel.is_whole_units, horizon)
    quantiles = np.empty((mean.size, len(levels)))
    for begin in range(0, mean.size, settings.chunk_series):
        part = slice(begin, begin + settings.chunk_series)
        quantiles[part] = simple_quantiles_units(mean[part], variance[part], whole[part], levels, settings.lattice_points)
    weeks = [panel.last_week + timedelta(days=7 * k) for k in range(1, horizon + 1)]
    columns = {
        **_repeat_keys(panel, horizon),
        "week_start_date": weeks * series,
        "mean_units": mean,
        "p10_units": quantiles[:, 0],
        "p50_units": quantiles[:, 1],
        "p90_units": quantiles[:, 2],
    }
    return _frame(columns, constants).select(*DEMAND_FORECASTS.schema)


def sum_rows(
    panel: Panel, found: Estimate, intervals: Intervals, constants: dict[str, object], settings: ForecastSettings
) -> pl.DataFrame:
    """One row per series and published quantile of demand summed over the protection interval."""
    levels = np.array(QUANTILES)
    mean, uncertain, fixed = interval_demand(
        found.centre.cumsum(axis=1), found.sum_variance, intervals, panel.is_whole_units, levels, settings
    )
    series, count = uncertain.shape
    columns = {
        **_repeat_keys(panel, count),
        "horizon_days": np.repeat(intervals.mean_days, count),
        "quantile": np.tile(levels, series),
        "mean_units": np.repeat(mean, count),
        "quantile_units": uncertain.ravel(),
        "fixed_lead_time_units": fixed.ravel(),
    }
    return _frame(columns, constants).select(*LEAD_TIME_DEMAND.schema)


def reasons(
    panel: Panel,
    found: Estimate,
    history: list[str],
    intervals: Intervals,
    windows: Windows,
    settings: ForecastSettings,
) -> list[str]:
    """Per series "ok", or all that is wrong with it, joined by "; "."""
    words = []
    for i, base in enumerate(history):
        parts = [base] if base else []
        if not base and found.scores["origins"][i] == 0:
            parts.append(_why_unscored(panel, i, windows, settings))
        if found.failed[i]:
            parts.append("model failed: mean of history used")
        if panel.has_negative[i]:
            parts.append("negative sales read as 0")
        if intervals.reason[i]:
            parts.append(intervals.reason[i])
        words.append("; ".join(parts) or "ok")
    return words


def _why_unscored(panel: Panel, series: int, windows: Windows, settings: ForecastSettings) -> str:
    if windows.was_trained[series]:
        return "stock-outs in every window"
    if windows.origins and windows.origins[-1] - panel.start[series] >= settings.min_training_weeks:
        return "no sales before any origin"
    return f"short history: {panel.weeks - panel.start[series]} weeks"


def metric_rows(
    panel: Panel,
    found: Estimate,
    score_weeks: NDArray[np.int64],
    reasons: list[str],
    constants: dict[str, object],
) -> pl.DataFrame:
    scores = found.scores
    units = {f"{name}_units": scores[name] for name in ("rmse", "mae", "bias", "pinball")}
    columns = {
        **_repeat_keys(panel, 1),
        "horizon_weeks": score_weeks.astype(np.int32),
        "origins": scores["origins"].astype(np.int32),
        **units,
        "wape": scores["wape"],
        "reason": reasons,
        "decision_cost_usd": np.full(len(reasons), np.nan),
    }
    return _frame(columns, constants).select(*SERIES_METRICS.schema).fill_nan(None)


def run_row(
    spec: ModelSpec, learned: dict[str, object], settings: ForecastSettings, constants: dict[str, object]
) -> pl.DataFrame:
    """The run of one model; `learned` is what it found out from the data and is worth recording."""
    parameters = {
        **spec.parameters(settings),
        **learned,
        "family": spec.family,
        "settings": json.loads(stamp.settings_json(settings)),
    }
    columns = {
        "model": [spec.name],
        "parameters": [json.dumps(parameters, sort_keys=True)],
        "features": ["[]"],
        "preprocessing": ["[]"],
        "metrics": ["{}"],
        "is_deployed": [True],
        "artefact": [None],
    }
    return _frame(columns, constants).select(*MODEL_RUNS.schema)
