"""The whole choice against AutoARIMA on every series: computing, and error on the same series.

Belongs here: one sample of generated weekly series, both ways. Does not belong here: the data (`generator_truth`), tables.

AutoARIMA without a season, as the registry runs it on weeks. Its computing is one fit per series, which is kind to it: its quantiles
of the sum come from the engine's calibration, which fits it at three more origins.
"""

from __future__ import annotations

import dataclasses
import resource
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from forecast_losses import Distribution, HeldOut, compare, losses, measures
from generator_truth import SEED, WEEKS, true_demand
from numpy.typing import NDArray
from rivals import said

from ml.forecasting import ForecastSettings
from ml.forecasting.engine import estimate_all
from ml.forecasting.models import ENSEMBLE
from ml.forecasting.panel import Panel
from ml.forecasting.weekly import WeeklyPanel

_SAMPLE, _TIMED, _SCORED = 1_000, 100, 200


def _part(panel: Panel, rows: NDArray[np.int64]) -> Panel:
    own = {name: getattr(panel, name)[rows] for name in ("units", "training_units", "is_in_stock", "start")}
    beside = {name: getattr(panel, name)[rows] for name in ("known", "static") if getattr(panel, name).size}
    return dataclasses.replace(panel, **own, **beside)


def against_auto_arima(data: Path, as_of: date, weekly: WeeklyPanel) -> dict[str, Any]:
    """Computing of the whole choice for a sample of series against AutoARIMA on every one; error on a part of the sample."""
    from statsforecast import StatsForecast
    from statsforecast.models import AutoARIMA

    settings = ForecastSettings()
    able = np.flatnonzero(weekly.panel.can_train(weekly.panel.periods, settings))
    rng = np.random.default_rng(SEED)
    sample = np.sort(rng.choice(able, min(_SAMPLE, len(able)), replace=False))
    panel = _part(weekly.panel, sample)
    started = time.process_time()
    made = estimate_all(panel, WEEKS, settings, sum_lengths=(WEEKS,))
    champion = said(made, made.best)
    choice_s = (time.process_time() - started) / panel.series
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    timed = rng.choice(len(sample), _TIMED, replace=False)
    inside = np.arange(panel.periods) >= panel.start[timed][:, None]
    frame = pl.DataFrame(
        {
            "unique_id": np.repeat(timed, inside.sum(axis=1)),
            "ds": np.broadcast_to(np.arange(panel.periods), inside.shape)[inside],
            "y": panel.training_units[timed][inside],
        }
    )
    library = StatsForecast(models=[AutoARIMA(season_length=1)], freq=1, n_jobs=1)
    library.forecast(df=frame.filter(pl.col("unique_id").is_in(timed[:2].tolist())), h=WEEKS)  # compiled before the clock starts
    started = time.process_time()
    library.forecast(df=frame, h=WEEKS)
    arima_s = (time.process_time() - started) / len(timed)

    scored = np.sort(rng.choice(len(sample), _SCORED, replace=False))
    alone = estimate_all(
        _part(panel, scored), WEEKS, dataclasses.replace(settings, models=("auto_arima",), dear_series=len(scored))
    )
    rival = said(alone, alone.best)
    ours = Distribution(champion.mean[scored], champion.period[scored], champion.sum[scored])
    steps = np.abs(np.diff(panel.units[scored], axis=1)).mean(axis=1)
    came = true_demand(data, weekly.keys[sample[scored]], as_of)
    truth = HeldOut(came, np.ones((len(scored), WEEKS), dtype=bool), steps)
    found, other = losses(ours, truth), losses(rival, truth)
    compared = compare(found, {"auto_arima": other})["auto_arima"]
    return {
        "as_of": str(as_of),
        "chosen_for": made.best.path.shape[0],
        "timed": len(timed),
        "scored": len(scored),
        "peak_mib": peak_mib,
        "choice_s_per_series": choice_s,
        "arima_s_per_series": arima_s,
        "measures": {ENSEMBLE: measures(found), "auto_arima": measures(other)},
        "compared": {m: {**dataclasses.asdict(c), "verdict": c.verdict} for m, c in compared.items()},
    }
