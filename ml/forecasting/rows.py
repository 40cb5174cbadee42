"""Rows of the output frames, from the arrays of a run.

Belongs here: columns, keys, the reasons in words, the quantiles that are published.
Does not belong here: how the arrays were computed, and which models ran.
"""

from __future__ import annotations

import json

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.contracts import (
    DEMAND_FORECASTS,
    ENSEMBLE_WEIGHTS,
    LEAD_TIME_DEMAND,
    MODEL_METRICS,
    MODEL_RUNS,
    QUANTILES,
    SERIES_METRICS,
)
from ml.forecasting import stamp
from ml.forecasting.engine import Estimate, Forecasts, at_levels
from ml.forecasting.lead_time import Intervals, interval_demand
from ml.forecasting.models import REGISTRY
from ml.forecasting.panel import Panel
from ml.forecasting.scores import SeriesScores
from ml.forecasting.weekly import KNOWN_NAMES, WeeklyPanel

Stamp = dict[str, object]


def _repeat_keys(weekly: WeeklyPanel, rows: NDArray[np.int64], times: int) -> dict[str, NDArray[np.int32]]:
    return {name: np.repeat(weekly.keys[name].to_numpy()[rows], times) for name in ("item_id", "location_id")}


def stamped(columns: dict[str, object], constants: Stamp) -> pl.DataFrame:
    """A frame of `columns`, with the constants in every row."""
    return pl.DataFrame(columns).with_columns(**{name: pl.lit(value) for name, value in constants.items()})


def forecast_rows(
    made: Forecasts, estimate: Estimate, rows: NDArray[np.int64], weekly: WeeklyPanel, constants: Stamp
) -> pl.DataFrame:
    """One row per series of `rows` and week ahead; each week's quantiles are of that week alone, and do not add."""
    horizon, chunk = estimate.path.shape[1], made.settings.chunk_series
    parts = [at_levels(made.period_quantiles(estimate, rows[b : b + chunk]), (0.1, 0.5, 0.9)) for b in range(0, len(rows), chunk)]
    quantiles = made.published(np.concatenate(parts), rows).reshape(-1, 3)
    columns = {
        **_repeat_keys(weekly, rows, horizon),
        "week_start_date": weekly.weeks_ahead(horizon) * len(rows),
        "mean_units": estimate.path[rows].ravel(),
        "p10_units": quantiles[:, 0],
        "p50_units": quantiles[:, 1],
        "p90_units": quantiles[:, 2],
    }
    return stamped(columns, constants).select(*DEMAND_FORECASTS.schema)


def sum_rows(
    made: Forecasts,
    estimate: Estimate,
    rows: NDArray[np.int64],
    weekly: WeeklyPanel,
    intervals: Intervals,
    constants: Stamp,
) -> pl.DataFrame:
    """One row per series of `rows` and published quantile of demand summed over the protection interval."""
    levels, count = np.array(QUANTILES), len(QUANTILES)
    chunk = made.settings.chunk_series
    cumulated = estimate.path.cumsum(axis=1)
    parts = []
    for begin in range(0, len(rows), chunk):
        part = rows[begin : begin + chunk]
        parts.append(interval_demand(made.sum_quantiles(estimate, part), cumulated[part], intervals, part, levels))
    mean, uncertain, fixed = (np.concatenate(values) for values in zip(*parts, strict=True))
    uncertain, fixed = made.published(uncertain, rows), made.published(fixed, rows)
    columns = {
        **_repeat_keys(weekly, rows, count),
        "horizon_days": np.repeat(intervals.mean_days[rows], count),
        "quantile": np.tile(levels, len(rows)),
        "mean_units": np.repeat(mean, count),
        "quantile_units": uncertain.ravel(),
        "fixed_lead_time_units": fixed.ravel(),
    }
    return stamped(columns, constants).select(*LEAD_TIME_DEMAND.schema)


def reasons(
    made: Forecasts,
    estimate: Estimate,
    scores: SeriesScores,
    weekly: WeeklyPanel,
    intervals: Intervals,
    history: list[str],
    stand_ins: dict[int, str],
    rows: NDArray[np.int64],
) -> list[str]:
    """Per series of `rows` "ok", or all that is wrong with it, joined by "; "."""
    words = []
    origins = scores.columns["origins"]
    was_tested = np.zeros(made.panel.series, dtype=bool)
    was_tested[made.tested.rows] = True
    for i in rows.tolist():
        base = history[i]
        parts = [base] if base else []
        if i in stand_ins:
            parts.append(stand_ins[i])
        elif not base:
            if origins[i] == 0:
                parts.append(_why_unscored(made, i) if was_tested[i] else "not in the sample that was backtested")
            if not estimate.was_said[i]:
                parts.append("model silent: a simpler one stands in")
        if weekly.has_negative[i]:
            parts.append("negative sales read as 0")
        if intervals.reason[i]:
            parts.append(intervals.reason[i])
        words.append("; ".join(parts) or "ok")
    return words


def _why_unscored(made: Forecasts, i: int) -> str:
    panel, settings = made.panel, made.settings
    newest = made.tested.origins[-1] if made.tested.origins else 0
    if panel.periods - settings.min_training_periods < panel.start[i] or newest - panel.start[i] < settings.min_training_periods:
        return "history too short to backtest"
    return "stock-outs in every window" if panel.training_units[i, :newest].any() else "no sales before any origin"


def series_rows(
    weekly: WeeklyPanel,
    rows: NDArray[np.int64],
    length: NDArray[np.int64],
    scores: SeriesScores,
    reason: list[str],
    constants: Stamp,
) -> pl.DataFrame:
    """One row per series of `rows`, with the `reason` of each."""
    found = scores.columns
    columns = {
        **_repeat_keys(weekly, rows, 1),
        "horizon_weeks": length[rows].astype(np.int32),
        "origins": found["origins"][rows].astype(np.int32),
        **{f"{name}_units": found[name][rows] for name in ("rmse", "mae", "bias", "pinball")},
        "wape": found["wape"][rows],
        "reason": reason,
        "decision_cost_usd": found["decision_cost"][rows],
    }
    return stamped(columns, constants).select(*SERIES_METRICS.schema).fill_nan(None)


def metric_rows(found: list[dict[str, object]], constants: Stamp) -> pl.DataFrame:
    """Rows of model_metrics from one dictionary per model and segment."""
    frame = pl.DataFrame(found, schema={n: t for n, t in MODEL_METRICS.schema.items() if n not in constants}, orient="row")
    return (
        frame.with_columns(**{name: pl.lit(value) for name, value in constants.items()})
        .select(*MODEL_METRICS.schema)
        .fill_nan(None)
    )


def weight_rows(made: Forecasts, constants: Stamp) -> pl.DataFrame:
    """The mean weight of each model in the two centres of the ensemble, per demand pattern that occurs."""
    present = np.unique(made.segments.code)
    columns: dict[str, object] = {
        "segment": np.repeat([made.segments.names[s] for s in present], len(made.weights.names)),
        "model": list(made.weights.names) * len(present),
        "weight": made.weights.mean[present].ravel(),
    }
    return stamped(columns, constants).select(*ENSEMBLE_WEIGHTS.schema)


PREPROCESSING = (
    "weeks counted back from the as-of day; weeks without a row are weeks without demand",
    "weeks cut by a stock-out: the estimated demand of SQL, else the mean of earlier weeks in stock",
    "outliers far above level and usual sale, outside promotions and holidays, capped at the robust bound; weeks far below raised to it",
    "what promotions and discounts do, learned from all series together, divided out and multiplied back; lightgbm and lightgbm_absolute see it",
    "from a year and a quarter on: the shape of the year, of all series together and of each category, divided out and multiplied back",
    "boosting: everything in units of a level in which the same item in other stores and other items of the store have a say",
    "networks: everything in units of the series' own level",
)
_OWN_FEATURES = ("lags", "rolling means, deviations, maxima", "exponentially weighted means", "share of weeks with a sale",
                 "weeks since the last sale", "weeks since launch", "the same weeks of last year", "share of weeks with a stock-out")  # fmt: skip
_SOURCES = {"promotion_days": "ftr_known_weekly", "discount": "ftr_known_weekly",
            "holiday_days": "ftr_calendar_weekly", "month": "ftr_calendar_weekly",
            "product_category": "ftr_item_locations", "store_location": "ftr_item_locations",
            "item_id": "ftr_item_locations"}  # fmt: skip


def _features(name: str, panel: Panel) -> list[dict[str, str]]:
    own = [{"feature": "demand_units", "source": "ftr_demand_weekly", "grain": "item, location, week"}]
    if name in REGISTRY and REGISTRY[name].family not in ("boosting", "neural"):
        return own
    made = [{"feature": text, "source": "ftr_demand_weekly", "grain": "item, location, week"} for text in _OWN_FEATURES]
    beside = [
        {"feature": n, "source": _SOURCES[n], "grain": "item, location, week" if n in KNOWN_NAMES else "item, location"}
        for n in (*panel.known_names, *panel.static_names)
    ]
    return own + made + beside


def run_row(
    name: str,
    made: Forecasts,
    learned: dict[str, object],
    metrics: dict[str, object],
    *,
    is_deployed: bool,
    artefact: str | None,
    constants: Stamp,
) -> pl.DataFrame:
    """The run of one model; `learned` is what it found out from the data and is worth recording."""
    settings = json.loads(stamp.settings_json(made.settings))
    family = REGISTRY[name].family if name in REGISTRY else "ensemble"
    columns: dict[str, object] = {
        "model": [name],
        "model_version": [REGISTRY[name].version if name in REGISTRY else "stockroom"],
        "parameters": [json.dumps({**learned, "family": family, "settings": settings}, sort_keys=True)],
        "seed": [made.settings.seed if family in ("boosting", "neural", "ensemble") else 0],
        "features": [json.dumps(_features(name, made.panel))],
        "preprocessing": [json.dumps(PREPROCESSING)],
        "metrics": [json.dumps(metrics, sort_keys=True)],
        "is_deployed": [is_deployed],
        "artefact": pl.Series([artefact], dtype=pl.String),
    }
    return stamped(columns, constants).select(*MODEL_RUNS.schema)
