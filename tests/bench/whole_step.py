"""The whole forecasting step for a large chain: time and memory, and computing and error beside AutoARIMA on every series.

Belongs here: one run as the asset makes it, AutoARIMA on a sample of the same series, the errors of both over the same weeks.
Does not belong here: making the data (`generator_truth`), tables.

The step is everything from feature frames to output frames: backtest, all models, distributions, lead times, hierarchy, explanations.
AutoARIMA is one fit per series without a season, as the registry runs it on weeks, with its own intervals: the least it can cost.
"""

from __future__ import annotations

import resource
import time
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from forecast_losses import Comparison, compare_ratios, pinball
from generator_truth import SEED, WEEKS, true_demand
from numpy.typing import NDArray

from ml.contracts import DEMAND_FORECASTS
from ml.forecasting import Features, run_forecast
from ml.forecasting.models import ENSEMBLE

Array = NDArray[np.float64]

_SAMPLE, _LEVELS = 1_000, (0.1, 0.5, 0.9)
_KEY = ["item_id", "location_id"]


def whole_step(data: Path, as_of: date, features: Features) -> dict[str, Any]:
    """One run of the step, and AutoARIMA on a random sample of the series with 8 weeks of history or more and a sale."""
    clock, started = time.time(), time.process_time()
    made = run_forecast(features, as_of_date=as_of)
    cpu_s, wall_s = time.process_time() - started, time.time() - clock
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    history = features.demand_weekly.sort(*_KEY, "week_start_date")
    able = history.group_by(_KEY, maintain_order=True).agg(weeks=pl.len(), units=pl.col("demand_units").sum())
    sample = able.filter(pl.col("weeks") >= 8, pl.col("units") > 0).sample(_SAMPLE, seed=SEED).sort(_KEY)
    sample = sample.select(_KEY).with_columns(unique_id=np.arange(_SAMPLE))
    past = history.join(sample, on=_KEY, maintain_order="left")
    rival, arima_s = _auto_arima(past)

    ahead = made[DEMAND_FORECASTS].filter(pl.col("model") == ENSEMBLE).join(sample, on=_KEY).sort("unique_id", "week_start_date")
    ahead = ahead.group_by("unique_id", maintain_order=True).head(WEEKS)
    ours = ahead.select("mean_units", "p10_units", "p50_units", "p90_units").to_numpy().reshape(_SAMPLE, WEEKS, 4)
    came = true_demand(data, sample, as_of)
    step = (
        past.group_by("unique_id", maintain_order=True).agg(pl.col("demand_units").diff().abs().mean())["demand_units"].to_numpy()
    )
    found = {name: _errors(said, came, step) for name, said in ((ENSEMBLE, ours), ("auto_arima", rival))}
    compared: dict[str, Comparison] = {
        measure: compare_ratios(found[ENSEMBLE][measure], found["auto_arima"][measure]) for measure in found[ENSEMBLE]
    }
    series = features.item_locations.height
    return {
        "as_of": str(as_of),
        "series": series,
        "periods": history["week_start_date"].n_unique(),
        "cpu_s": cpu_s,
        "wall_s": wall_s,
        "peak_mib": peak_mib,
        "sample": _SAMPLE,
        "step_s_per_series": cpu_s / series,
        "arima_s_per_series": arima_s / _SAMPLE,
        "measures": {n: {m: float(top.sum() / bottom.sum()) for m, (top, bottom) in f.items()} for n, f in found.items()},
        "compared": {m: {**asdict(c), "verdict": c.verdict} for m, c in compared.items()},
    }


def _auto_arima(past: pl.DataFrame) -> tuple[Array, float]:
    """Mean and quantiles of each week ahead, (series, weeks, 4), and CPU seconds; compiled before the clock starts."""
    from statsforecast import StatsForecast
    from statsforecast.models import AutoARIMA

    frame = past.select("unique_id", ds=pl.int_range(pl.len()).over("unique_id"), y="demand_units")
    library = StatsForecast(models=[AutoARIMA(season_length=1)], freq=1, n_jobs=1)
    library.forecast(df=frame.filter(pl.col("unique_id") < 2), h=WEEKS, level=[80])
    started = time.process_time()
    found = library.forecast(df=frame, h=WEEKS, level=[80])
    seconds = time.process_time() - started
    mean = found["AutoARIMA"]
    columns = np.column_stack([mean, found["AutoARIMA-lo-80"], mean, found["AutoARIMA-hi-80"]])
    return np.maximum(columns, 0.0).reshape(-1, WEEKS, 4), seconds


def _errors(said: Array, came: Array, step: Array) -> dict[str, tuple[Array, Array]]:
    """Numerator and denominator of each measure, per series."""
    known = step > 0
    loss = pinball(said[:, :, 1:], came, _LEVELS).mean(axis=1)
    return {
        "wape": (np.abs(said[:, :, 0] - came).sum(axis=1), came.sum(axis=1)),
        "period": (np.where(known, loss / np.where(known, step, 1.0), 0.0), known.astype(float)),
        "period_units": (loss * WEEKS, came.sum(axis=1)),
    }
