"""The registry: every model by name, and one way to ask any number of them for paths.

Belongs here: what a model is called, its family, what it costs, how a statistical one is built and fitted.
Does not belong here: boosting and networks themselves (`boosting`, `neural`), scores, distributions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from time import process_time
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.forecasting.common_plans import without_common_plans
from ml.forecasting.panel import Panel
from ml.forecasting.plans import without_plans
from ml.forecasting.settings import ForecastSettings
from ml.forecasting.year import without_year

Array = NDArray[np.float64]
Family = Literal["baseline", "intermittent", "smoothing", "boosting", "neural"]


@dataclass(frozen=True)
class ModelSpec:
    """One model: its name, its family, its cost, and for statistical ones `build(settings, season)`.

    cheap models are fitted to every series, fair and dear ones to those that move most, fair ones to their newest periods
    (`ForecastSettings`). `season` is 1 unless `uses_season`.
    """

    name: str
    family: Family
    cost: Literal["cheap", "fair", "dear"] = "cheap"
    library: str = "statsforecast"
    build: Callable[[ForecastSettings, int], Any] | None = None
    uses_season: bool = False
    is_mean: bool = True
    """Its path is an expectation. A path of medians may enter the ensemble, but is no forecast to compare with the others."""
    sees_plans: Literal["all", "common", "none"] = "none"
    """Plans that it judges by itself, of all, those that all series have in common, and none: it is given demand without what the others did."""

    @property
    def version(self) -> str:
        return f"{self.library} {version(self.library)}"


def _of_statsforecast(name: str, *given: Any, season: bool = False, **named: Any) -> Callable[[ForecastSettings, int], Any]:
    def build(settings: ForecastSettings, season_periods: int) -> Any:
        from statsforecast import models

        return getattr(models, name)(*given, **named, **({"season_length": season_periods} if season else {}))

    return build


def _moving_average(settings: ForecastSettings, season_periods: int) -> Any:
    from statsforecast.models import WindowAverage

    whole_seasons = 4 * season_periods if season_periods <= 12 else 1
    return WindowAverage(window_size=max(whole_seasons, settings.moving_average_periods))


def _mstl(settings: ForecastSettings, season_periods: int) -> Any:
    from statsforecast.models import MSTL, AutoETS

    return MSTL(season_length=season_periods, trend_forecaster=AutoETS(model="ZZN"))


@dataclass(frozen=True)
class Workshop:
    """Fitted models by name, and the seconds of CPU that fitting and forecasting took."""

    fitted: dict[str, Any] = field(default_factory=dict)
    training_seconds: dict[str, float] = field(default_factory=dict)
    inference_seconds: dict[str, float] = field(default_factory=dict)


REGISTRY: dict[str, ModelSpec] = {
    spec.name: spec
    for spec in (
        ModelSpec("historical_mean", "baseline", build=_of_statsforecast("HistoricAverage")),
        ModelSpec("seasonal_naive", "baseline", build=_of_statsforecast("SeasonalNaive", season=True), uses_season=True),
        ModelSpec("moving_average", "baseline", build=_moving_average, uses_season=True),
        ModelSpec("croston_sba", "intermittent", build=_of_statsforecast("CrostonSBA")),
        ModelSpec("tsb", "intermittent", build=_of_statsforecast("TSB", 0.2, 0.2)),
        ModelSpec("adida", "intermittent", build=_of_statsforecast("ADIDA")),
        ModelSpec("imapa", "intermittent", build=_of_statsforecast("IMAPA")),
        ModelSpec("exponential_smoothing", "smoothing", build=_of_statsforecast("SimpleExponentialSmoothingOptimized")),
        ModelSpec("theta", "smoothing", "fair", build=_of_statsforecast("Theta", season=True), uses_season=True),
        ModelSpec(
            "optimized_theta",
            "smoothing",
            "fair",
            build=_of_statsforecast("DynamicOptimizedTheta", season=True),
            uses_season=True,
        ),
        ModelSpec("auto_ets", "smoothing", "dear", build=_of_statsforecast("AutoETS", season=True), uses_season=True),
        ModelSpec("auto_arima", "smoothing", "dear", build=_of_statsforecast("AutoARIMA", season=True), uses_season=True),
        ModelSpec("mstl", "smoothing", "dear", build=_mstl, uses_season=True),
        ModelSpec("lightgbm", "boosting", library="lightgbm", sees_plans="all"),
        ModelSpec("lightgbm_squared", "boosting", library="lightgbm", sees_plans="common"),
        ModelSpec("lstm", "neural", library="neuralforecast"),
        ModelSpec("gru", "neural", library="neuralforecast"),
        ModelSpec("nhits", "neural", library="neuralforecast"),
        ModelSpec("tcn", "neural", library="neuralforecast"),
        ModelSpec("multitask", "neural", library="torch"),
        ModelSpec("lightgbm_absolute", "boosting", library="lightgbm", is_mean=False, sees_plans="all"),
    )
}

AUTO_STATISTICAL = (
    "historical_mean",
    "seasonal_naive",
    "moving_average",
    "croston_sba",
    "tsb",
    "adida",
    "exponential_smoothing",
    "theta",
)
BOOSTING = tuple(name for name, spec in REGISTRY.items() if spec.family == "boosting")
ENSEMBLE = "ensemble"
"""Name of the combination of all models that were run."""


def specs(names: Sequence[str]) -> list[ModelSpec]:
    """The specs of `names`, in that order. Raises ValueError for an unknown name."""
    unknown = [name for name in names if name not in REGISTRY]
    if unknown:
        raise ValueError(f"unknown models {unknown}; the registry has {sorted(REGISTRY)}")
    return [REGISTRY[name] for name in names]


def chosen_models(panel: Panel, horizon: int, settings: ForecastSettings) -> tuple[str, ...]:
    """The models a run fits: those of the settings, else what the size of the data allows."""
    if settings.models:
        specs(settings.models)
        return settings.models
    has_boosting = int(panel.history_periods(panel.periods).sum()) >= settings.boosting_min_rows
    has_network = panel.series >= settings.neural_min_series and panel.periods >= 4 * horizon
    return AUTO_STATISTICAL + (BOOSTING if has_boosting else ()) + (("lstm",) if has_network else ())


def paths(
    names: Sequence[str], panel: Panel, end: int, horizon: int, settings: ForecastSettings, workshop: Workshop
) -> dict[str, Array]:
    """Expected demand of the `horizon` periods from column `end` on, by each model: (series, horizon), 0 or more.

    Only columns before `end` are read, and what is known ahead. Rows are NaN where a model cannot or need not say
    anything: too little history, a failed fit, a dear model and a slow mover. `workshop` keeps the fitted models and their seconds: a
    network learned before the first origin of a backtest serves the later ones, too.
    """
    plain, plans = without_plans(panel, end, horizon, settings)
    bare, common = without_common_plans(plain, end, horizon)
    views = {"all": (panel, np.ones_like(plans)), "common": (plain, plans), "none": (bare, plans * common)}
    groups: dict[tuple[int, str, str], list[ModelSpec]] = {}
    for spec in specs(names):
        # statistical models of one cost are fitted together, boosting shares its training rows
        groups.setdefault((id(views[spec.sees_plans][0]), spec.library, spec.cost), []).append(spec)
    found: dict[str, Array] = {}
    for view, factor in {id(view): (view, factor) for view, factor in views.values()}.values():
        members = [group for key, group in groups.items() if key[0] == id(view)]
        if members:
            seen, year = without_year(view, end, horizon)
            for group in members:
                said = _family(group, seen, end, horizon, settings, workshop)
                found |= {name: path * factor * year for name, path in said.items()}
    return {name: found[name] for name in names}


def _family(
    members: list[ModelSpec], panel: Panel, end: int, horizon: int, settings: ForecastSettings, workshop: Workshop
) -> dict[str, Array]:
    """Paths of models of one library and cost."""
    from ml.forecasting import boosting

    names = [spec.name for spec in members]
    match members[0].family:
        case "boosting":
            return boosting.paths(names, panel, end, horizon, settings, workshop)
        case "neural":
            return {name: _neural(name, panel, end, horizon, settings, workshop) for name in names}
    started = process_time()
    found = _statistical(members, panel, end, horizon, settings)
    # statsforecast fits and forecasts in one call
    workshop.training_seconds.update(dict.fromkeys(names, (process_time() - started) / len(names)))
    return found


def _neural(name: str, panel: Panel, end: int, horizon: int, settings: ForecastSettings, workshop: Workshop) -> Array:
    from ml.forecasting.multitask import DemandOf
    from ml.forecasting.neural import NeuralModel, NeuralSettings

    rows = np.flatnonzero(panel.can_train(end, settings))
    found = np.full((panel.series, horizon), np.nan)
    if not rows.size:
        return found
    angle = 2 * np.pi * np.arange(end + horizon) / max(panel.season, 1)
    beside = {
        "calendar": np.column_stack([np.sin(angle), np.cos(angle)]) if panel.season > 1 else None,
        "exogenous": panel.known[rows, : end + horizon].astype(np.float64) if panel.known_names else None,
        "static": np.nan_to_num(panel.static[rows]) if panel.static_names else None,
    }
    arrays = (panel.training_units[rows, :end], panel.start[rows], horizon)
    started = process_time()
    if name not in workshop.fitted:
        levels = np.array([0.1, 0.5, 0.9])
        own = NeuralSettings(seed=settings.seed, max_steps=settings.neural_steps)
        fit = DemandOf.fit if name == "multitask" else partial(NeuralModel.fit, name)  # type: ignore[arg-type]
        workshop.fitted[name] = fit(*arrays, levels=levels, season=panel.season, settings=own, **beside)
        workshop.training_seconds[name] = process_time() - started
    started = process_time()
    found[rows] = workshop.fitted[name].predict(*arrays, **beside).mean
    workshop.inference_seconds[name] = process_time() - started
    return found


def _statistical(models: list[ModelSpec], panel: Panel, end: int, horizon: int, settings: ForecastSettings) -> dict[str, Array]:
    found = {spec.name: np.full((panel.series, horizon), np.nan) for spec in models}
    trainable = panel.can_train(end, settings)
    volume = np.where(trainable, panel.training_units[:, :end].sum(axis=1), -1.0)
    by_volume = np.argsort(-volume, kind="stable")
    limit = {"cheap": panel.series, "fair": settings.fair_series, "dear": settings.dear_series}
    groups: dict[tuple[str, int], list[ModelSpec]] = {}
    for spec in models:
        # a season of weeks is too long for classical models: boosting looks a year back instead
        season = panel.season if spec.uses_season and (panel.season <= 12 or spec.name in ("seasonal_naive", "mstl")) else 1
        groups.setdefault((spec.cost, season), []).append(spec)
    for (cost, season), members in groups.items():
        chosen = np.zeros(panel.series, dtype=bool)
        chosen[by_volume[: limit[cost]]] = True
        full = panel.start <= end - (2 * season if season > 12 else season)
        for rows, periods in ((chosen & trainable & full, season), (chosen & trainable & ~full, 1)):
            at = np.flatnonzero(rows)
            if at.size:
                built = [spec.build(settings, periods) for spec in members if spec.build]
                first = max(end - settings.fair_periods, 0) if cost == "fair" else 0
                values = _fit(built, panel.training_units[at, first:end], np.maximum(panel.start[at] - first, 0), horizon)
                for spec, value in zip(members, values, strict=True):
                    found[spec.name][at] = np.where(np.isfinite(value), np.maximum(value, 0.0), np.nan)
    return found


def _fit(models: list[Any], training: Array, begin: NDArray[np.int64], horizon: int) -> list[Array]:
    """Paths of all slices by each model; NaN for a slice whose fit raises, found by halving the batch."""
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
    aliased = []
    for number, model in enumerate(models):
        model.alias = f"m{number}"
        aliased.append(model)
    try:
        result = StatsForecast(models=aliased, freq=1, n_jobs=1).forecast(df=frame, h=horizon)
    except Exception:  # any failure of a library is the same to us: model and series are isolated and said to have failed
        if len(models) > 1:
            return [_fit([model], training, begin, horizon)[0] for model in models]
        if len(training) == 1:
            return [np.full((1, horizon), np.nan)]
        half = len(training) // 2
        parts = (slice(half), slice(half, None))
        return [np.vstack([_fit(models, training[part], begin[part], horizon)[0] for part in parts])]
    return [result[f"m{n}"].to_numpy().reshape(len(training), horizon).astype(np.float64) for n in range(len(models))]
