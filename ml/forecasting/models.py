"""The registry of statistical models: each turns training series into mean paths.

Belongs here: what a model is called, with which parameters it is built, and the one way to fit them.
Does not belong here: which weeks are training weeks, distributions, scores.

A model's paths are not yet what is published: for slow demand `calibration` leans all of them on the historical mean.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ModelSpec:
    """One model: its name, its family, how to build it.

    `build(settings, season_weeks)` returns a statsforecast model; `parameters(settings)` what is worth recording.
    `uses_season` says that series with a whole season of history are fitted apart from those without.
    """

    name: str
    family: Literal["baseline", "intermittent", "smoothing"]
    build: Callable[[ForecastSettings, int], Any]
    parameters: Callable[[ForecastSettings], dict[str, Any]]
    uses_season: bool = False
    mean_below_weeks: Callable[[ForecastSettings], int] = lambda settings: 0
    """History below which the model is, by its own definition, the mean of what there is."""


def _seasonal_naive(settings: ForecastSettings, season_weeks: int) -> Any:
    from statsforecast.models import SeasonalNaive

    return SeasonalNaive(season_length=season_weeks)


def _moving_average(settings: ForecastSettings, season_weeks: int) -> Any:
    from statsforecast.models import WindowAverage

    return WindowAverage(window_size=settings.moving_average_weeks)


def _croston_sba(settings: ForecastSettings, season_weeks: int) -> Any:
    from statsforecast.models import CrostonSBA

    return CrostonSBA()


def _theta(settings: ForecastSettings, season_weeks: int) -> Any:
    from statsforecast.models import Theta

    return Theta(season_length=1)


REGISTRY: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec(
            "seasonal_naive",
            "baseline",
            _seasonal_naive,
            lambda s: {"season_weeks": s.season_weeks, "season_weeks_where_history_is_shorter": 1},
            uses_season=True,
        ),
        ModelSpec(
            "moving_average",
            "baseline",
            _moving_average,
            lambda s: {"window_weeks": s.moving_average_weeks},
            mean_below_weeks=lambda s: s.moving_average_weeks,
        ),
        ModelSpec("croston_sba", "intermittent", _croston_sba, lambda s: {"alpha": 0.1, "debias_factor": 0.95}),
        # The plain theta method fits 2,200 series a second; the dynamic optimised one half as many and, on weekly
        # series without a season, follows the last weeks of a slow mover further than they deserve.
        ModelSpec("theta", "smoothing", _theta, lambda s: {"season_weeks": 1, "theta": 2}),
    )
}


def model_version() -> str:
    """Library and version that fits the models."""
    return f"statsforecast {version('statsforecast')}"


def specs(settings: ForecastSettings) -> list[ModelSpec]:
    """The specs the settings name, in that order. Raises ValueError for an unknown name."""
    unknown = [name for name in settings.models if name not in REGISTRY]
    if unknown:
        raise ValueError(f"unknown models {unknown}; the registry has {sorted(REGISTRY)}")
    return [REGISTRY[name] for name in settings.models]


def mean_paths(
    spec: ModelSpec,
    training: Array,
    begin: NDArray[np.int64],
    full_season: NDArray[np.bool_],
    horizon_weeks: int,
    settings: ForecastSettings,
) -> Array:
    """Fit one model to every slice `training[i, begin[i]:]` and forecast; (slices, horizon_weeks) units a week.

    A slice the model cannot fit is NaN and does not disturb the others. Shapes: `training` (slices, weeks); begin and
    full_season (slices,).
    """
    paths = np.empty((len(training), horizon_weeks))
    seasonal = full_season if spec.uses_season else np.zeros_like(full_season)
    for member, season in ((seasonal, settings.season_weeks), (~seasonal, 1)):
        if member.any():
            paths[member] = _fit(spec.build(settings, season), training[member], begin[member], horizon_weeks)
    return paths


def _fit(model: Any, training: Array, begin: NDArray[np.int64], horizon_weeks: int) -> Array:
    """Paths of all slices; NaN for a slice whose fit raises, found by halving the batch."""
    from statsforecast import StatsForecast

    column = np.arange(training.shape[1])
    inside = column >= begin[:, None]
    frame = pl.DataFrame(
        {
            "unique_id": np.repeat(np.arange(len(training)), inside.sum(axis=1)),
            "ds": np.broadcast_to(column, inside.shape)[inside],
            "y": training[inside],
        }
    )
    try:
        result = StatsForecast(models=[model], freq=1, n_jobs=1).forecast(df=frame, h=horizon_weeks)
    except Exception:  # any failure of a library is the same to us: the series is isolated and said to have failed
        if len(training) == 1:
            return np.full((1, horizon_weeks), np.nan)
        half = len(training) // 2
        parts = (slice(half), slice(half, None))
        return np.vstack([_fit(model, training[part], begin[part], horizon_weeks) for part in parts])
    return result[:, -1].to_numpy().reshape(len(training), horizon_weeks).astype(np.float64)
