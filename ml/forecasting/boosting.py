"""Gradient boosting over all series at once: each period ahead directly.

Belongs here: training rows, LightGBM's parameters, its forecasts. Does not belong here: features (`boosting_features`), sums over several
periods (`boosting_sums`), which origins are scored, weights, calibration.

A training row is a series, an origin in its past and a step ahead; everything is measured in units of the series' level at that
origin (`shared_level`), so that one model serves slow and fast movers. Series of a sample are drawn anew for every origin.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml.forecasting import shared_level
from ml.forecasting.boosting_features import origin_features, step_features
from ml.forecasting.panel import Panel
from ml.forecasting.settings import ForecastSettings
from ml.forecasting.shared_level import SharedLevel
from ml.forecasting.year import covers_year

if TYPE_CHECKING:
    from ml.forecasting.models import Workshop

Array = NDArray[np.float64]

MEAN: dict[str, Any] = {"objective": "tweedie", "tweedie_variance_power": 1.3}
"""Demand is positive and skewed: the Tweedie loss weighs errors as a compound Poisson would."""
_OBJECTIVES: dict[str, dict[str, Any]] = {
    "lightgbm": MEAN,
    "lightgbm_squared": {"objective": "regression"},
    "lightgbm_absolute": {"objective": "l1"},
}
_PLAIN = ("lightgbm_absolute",)
"""Models that count every row once: a weighted median of each leaf takes LightGBM twice the time, and foretells no better."""
_FEWEST_ROWS, _FEWEST_SALES = 80, 50
"""A leaf has so many rows, and as many as have so many sales on average: a leaf that saw no sale by chance says that there never is one."""
_WEEKLY = 52
"""Season of a panel of weeks."""
_WORKERS = 2
"""Boosters that train or foretell at a time."""
_BINNED_ROWS = 50_000
"""Rows that bins are cut from: all 150,000 take twice as long."""
_CAP = 0.9995
"""Quantile of the scaled targets above which a target counts as that: one data error must not bend all trees."""


@dataclass(frozen=True)
class Rows:
    """What boosting learns from: features (rows, features), and per row the target, in units of a level, and its weight."""

    values: NDArray[np.float32]
    target: Array
    weight: Array
    features: tuple[str, ...]


@dataclass(frozen=True)
class Booster:
    """One fitted model: LightGBM's booster, the names of its features, in order, and what they and its answers are in units of."""

    booster: Any
    features: tuple[str, ...]
    level: SharedLevel

    @property
    def learned(self) -> dict[str, object]:
        """What it found out from the data, beside its trees."""
        coefficients = self.level.coefficients
        return {} if coefficients is None else {"level_windows": self.level.windows, "level_coefficients": coefficients.tolist()}


def paths(
    names: Sequence[str], panel: Panel, end: int, horizon: int, settings: ForecastSettings, workshop: Workshop
) -> dict[str, Array]:
    """Expected demand of each period from column `end` on, by each objective: (series, horizon); NaN where nothing can be said."""
    started = process_time()
    nothing = np.full((panel.series, horizon), np.nan)
    boosters = fit(names, panel, end, horizon, settings)
    found = {name: nothing.copy() for name in names}
    workshop.fitted.update(boosters)
    workshop.training_seconds.update(dict.fromkeys(names, (process_time() - started) / len(names)))
    started = process_time()
    at = np.flatnonzero(panel.can_train(end, settings))
    if not boosters or not at.size:
        return found
    scale = next(iter(boosters.values())).level.scale(panel, end)
    for begin in range(0, at.size, settings.chunk_series):
        part = at[begin : begin + settings.chunk_series]
        own, _ = origin_features(panel, part, end, scale)
        for step in range(horizon):
            rows = np.hstack([own, step_features(panel, part, end, step, scale)[0]])
            for name, said in zip(boosters, foretold([model.booster for model in boosters.values()], rows), strict=True):
                found[name][part, step] = said * scale.units[part]
    workshop.inference_seconds.update(dict.fromkeys(names, (process_time() - started) / len(names)))
    return found


def rows_at(
    panel: Panel, part: NDArray[np.int64], origin: int, step: int, level: SharedLevel
) -> tuple[NDArray[np.float32], Array]:
    """Features of series `part` for the period `origin + step`, and the level their forecasts are in units of."""
    scale = level.scale(panel, origin)
    own, _ = origin_features(panel, part, origin, scale)
    return np.hstack([own, step_features(panel, part, origin, step, scale)[0]]), scale.units[part]


def fit(names: Sequence[str], panel: Panel, end: int, horizon: int, settings: ForecastSettings) -> dict[str, Booster]:
    """Boosters for the single periods, learned from origins whose horizon ends by `end`; none where too little was sold."""
    level = shared_level.learn(panel, end, horizon, settings)
    rows = _training_rows(panel, level, end, horizon, settings)
    if len(rows.target) < settings.boosting_min_rows or (target := capped(rows.target)) is None:
        return {}
    own = parameters(settings) | {"min_data_in_leaf": _leaf_rows(target)}
    data, made = dataset(rows, target), {}
    weighted, plain = ([name for name in names if (name in _PLAIN) == is_plain] for is_plain in (False, True))
    for part in (weighted, plain):
        made |= zip(part, trained(data, [own | _OBJECTIVES[name] for name in part], settings.boosting_rounds), strict=True)
        data.set_field("weight", None)
    return {name: Booster(made[name], rows.features, level) for name in names}


def _leaf_rows(target: Array) -> int:
    """Rows of a leaf, at least; a twentieth of all rows at most, or there is nothing to tell apart."""
    return int(np.clip(_FEWEST_SALES / (target > 0).mean(), _FEWEST_ROWS, max(len(target) / 20, _FEWEST_ROWS)))


def capped(target: Array) -> Array | None:
    """Targets for a mean; None without any sale in them: there is nothing to learn, and the Tweedie loss is not defined."""
    cap = np.quantile(target, _CAP) if len(target) else 0.0
    return np.minimum(target, cap) if cap > 0 else None


def dataset(rows: Rows, target: Array) -> Any:
    """The rows as LightGBM takes them."""
    import lightgbm

    return lightgbm.Dataset(rows.values, target, weight=rows.weight, feature_name=list(rows.features), free_raw_data=False,
                            params={"max_bin": 127, "bin_construct_sample_cnt": _BINNED_ROWS, "verbose": -1, "num_threads": 1})  # fmt: skip


def trained(data: Any, parameters: Sequence[dict[str, Any]], rounds: int) -> list[Any]:
    """A booster per set of parameters, side by side: each has one thread, so how many there are changes no digit."""
    import lightgbm

    data.construct()  # once, and not by two threads at a time
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        return list(pool.map(lambda own: lightgbm.train(own, data, rounds), parameters))


def foretold(boosters: Sequence[Any], rows: NDArray[np.float32]) -> list[Array]:
    """What each booster says of the rows, not below 0."""
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        return list(pool.map(lambda booster: np.maximum(booster.predict(rows, num_threads=1), 0.0), boosters))


def parameters(settings: ForecastSettings) -> dict[str, Any]:
    """What LightGBM is told of every model; its objective is added."""
    return {
        "learning_rate": settings.boosting_learning_rate,
        "num_leaves": settings.boosting_leaves,
        "min_data_in_leaf": _FEWEST_ROWS,
        "feature_fraction": 0.4,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 5.0,
        "max_bin": 127,
        "seed": settings.seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbose": -1,
    }


def _training_rows(panel: Panel, shared: SharedLevel, end: int, horizon: int, settings: ForecastSettings) -> Rows:
    steps = np.unique(np.linspace(0, horizon - 1, min(horizon, 14)).round().astype(int))
    origins = panel.learning_origins(end, horizon, settings, room(panel, end, len(steps), settings))
    per_origin = max(1, settings.boosting_max_rows // max(len(origins) * len(steps), 1))
    rows, targets, weights, names = [], [], [], ()
    for origin in origins:
        part, scale = panel.trainable(origin, settings, per_origin), shared.scale(panel, origin)
        level = scale.units[part]
        own, own_names = origin_features(panel, part, origin, scale)
        for step in steps:
            more, more_names = step_features(panel, part, origin, int(step), scale)
            keep = panel.is_in_stock[part, origin + step]
            rows.append(np.hstack([own, more])[keep])
            targets.append((panel.training_units[part, origin + step] / level)[keep])
            weights.append(np.sqrt(level)[keep])
            names = own_names + more_names
    return stacked(rows, targets, weights, names)


def room(panel: Panel, end: int, rows_of_each: int, settings: ForecastSettings) -> int:
    """Origins that fit among the training rows, with so many rows of every series at each; none beyond the usual in a first year of weeks.

    Where nothing tells the season, the newest weeks know best how it goes on.
    """
    if panel.season == _WEEKLY and not covers_year(panel, end):
        return 0
    return settings.boosting_max_rows // max(rows_of_each * panel.series, 1)


def stacked(rows: list[Any], targets: list[Array], weights: list[Array], names: tuple[str, ...]) -> Rows:
    """Parts as one, none of them or all empty included."""
    if not any(map(len, targets)):
        return Rows(np.zeros((0, 0), dtype=np.float32), np.zeros(0), np.zeros(0), names)
    weight = np.concatenate(weights)
    return Rows(np.vstack(rows), np.concatenate(targets), weight / max(weight.mean(), 1e-12), _told_apart(names))


def _told_apart(names: Sequence[str]) -> tuple[str, ...]:
    """Names as LightGBM takes them: people's columns may hold what JSON does not, or be called as a feature of ours is."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r'[\[\]{}",:\s]', "_", name)
        number = 1
        while (own := plain if number == 1 else f"{plain}_{number}") in found:
            number += 1
        found.append(own)
    return tuple(found)
