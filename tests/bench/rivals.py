"""The champion against every single model and against the median of Theta and LightGBM, at several origins of real demand.

Belongs here: one engine run per origin, which fits every model once, and the losses of what each says.
Does not belong here: reading files, tables.
"""

from __future__ import annotations

import time
from dataclasses import asdict
from datetime import timedelta
from typing import Any

import numpy as np
import polars as pl
from demand_sets import DemandSet
from forecast_losses import LEVELS, Distribution, HeldOut, Losses, compare, losses, measures
from plain_ensemble import plain_ensemble

from ml.forecasting import forecast, forecast_sum
from ml.forecasting.door import SETTINGS
from ml.forecasting.engine import Estimate, Forecasts, at_levels, estimate_all
from ml.forecasting.frames import read_history
from ml.forecasting.models import ENSEMBLE

OWN_MEDIAN = "median of our theta and lightgbm"
PLAIN_MEDIAN = "median of Theta and LightGBM, plain"
_DOOR_SERIES = 200


def said(made: Forecasts, estimate: Estimate) -> Distribution:
    """What an estimate says at LEVELS."""
    chunk, rows = made.settings.chunk_series, np.arange(made.panel.series)
    parts = [rows[b : b + chunk] for b in range(0, len(rows), chunk)]
    period = np.concatenate([at_levels(made.period_quantiles(estimate, p), LEVELS) for p in parts])
    total = np.concatenate([at_levels(made.sum_quantiles(estimate, p)[:, -1], LEVELS) for p in parts])
    return Distribution(estimate.path, made.published(period, rows), made.published(total, rows))


def held_out(made: Forecasts, ahead: pl.DataFrame, ids: pl.Series) -> HeldOut:
    """The horizon's truth in the order of the panel's series."""
    shape = (made.panel.series, made.horizon)
    assert ahead["unique_id"].unique(maintain_order=True).equals(ids)
    past = made.panel
    inside = np.arange(1, past.periods) > past.start[:, None]
    step = (np.abs(np.diff(past.units, axis=1)) * inside).sum(axis=1) / np.maximum(inside.sum(axis=1), 1)
    return HeldOut(ahead["y"].to_numpy().reshape(shape), ahead["in_stock"].to_numpy().reshape(shape), step)


def run_origin(data: DemandSet, back: int) -> dict[str, Any]:
    """Everything measured at one origin, `back` horizons before the last one, as plain numbers."""
    origin = data.origins(back + 1)[back]
    history, ahead = data.split(origin)
    future = ahead.drop("y", "in_stock") if data.known_ahead else None
    started = time.process_time()
    settings = SETTINGS
    read = read_history(history, data.horizon, data.freq, future, data.static, settings)
    made = estimate_all(read.panel, data.horizon, settings, singles=True, sum_lengths=(data.horizon,))
    champion = said(made, made.best)
    seconds = time.process_time() - started
    came = held_out(made, ahead, read.ids)

    found: dict[str, Losses] = {ENSEMBLE: losses(champion, came)}
    kept: dict[str, Distribution] = {}
    for name, estimate in made.estimates.items():
        if name == ENSEMBLE:
            continue
        spoken = said(made, estimate)
        found[name] = losses(spoken, came)
        if name in ("theta", "lightgbm"):
            kept[name] = spoken
    pair = [(getattr(kept["theta"], part) + getattr(kept["lightgbm"], part)) / 2 for part in ("mean", "period", "sum")]
    found[OWN_MEDIAN] = losses(Distribution(*pair), came)
    step = timedelta(days=7 if data.freq == "W" else 1)
    newest = history["ds"].max()
    ds = [newest + step * k for k in range(1 - read.panel.periods, data.horizon + 1)]
    found[PLAIN_MEDIAN] = losses(plain_ensemble(made, ds, data.known_ahead), came)

    rivals = {name: found[name] for name in found if name != ENSEMBLE}
    compared = compare(found[ENSEMBLE], rivals)
    return {
        "data": data.name,
        "origin": str(origin),
        "series": made.panel.series,
        "periods": made.panel.periods,
        "whole_sums": int(came.in_stock.all(axis=1).sum()),
        "cpu_s_per_1000": seconds / made.panel.series * 1_000,
        "model_seconds": made.fitted.workshop.training_seconds,
        "measures": {name: measures(own) for name, own in found.items()},
        "compared": {
            rival: {m: {**asdict(c), "verdict": c.verdict} for m, c in by.items()} for rival, by in compared.items()
        },
    }  # fmt: skip


def door_difference(data: DemandSet) -> float:
    """Largest relative difference between the doors and one engine run, as this benchmark makes it, on some series."""
    history, ahead = data.split(data.origins(1)[0])
    few = history["unique_id"].unique().sort().head(_DOOR_SERIES).implode()
    history, ahead = (frame.filter(pl.col("unique_id").is_in(few)) for frame in (history, ahead))
    future = ahead.drop("y", "in_stock") if data.known_ahead else None
    settings = SETTINGS
    read = read_history(history, data.horizon, data.freq, future, data.static, settings)
    made = estimate_all(read.panel, data.horizon, settings, singles=True, sum_lengths=(data.horizon,))
    own = said(made, made.best)
    asked = (history, data.horizon, data.freq, LEVELS, future, data.static)
    by_period = forecast(*asked).select(pl.nth(range(3, 3 + len(LEVELS)))).to_numpy().reshape(own.period.shape)
    by_sum = forecast_sum(*asked).select(pl.nth(range(2, 2 + len(LEVELS)))).to_numpy()
    pairs = ((by_period, own.period), (by_sum, own.sum))
    return max(float(np.max(np.abs(a - b) / np.maximum(np.abs(b), 1.0))) for a, b in pairs)
