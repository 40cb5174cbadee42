"""Gradient boosting over all series at once: each period ahead directly, and quantiles of the summed horizon directly.

Belongs here: features of a series at an origin, training rows, LightGBM's parameters, its forecasts.
Does not belong here: which origins are scored, weights, calibration.

A training row is a series, an origin in its past and a step ahead; everything is measured in units of the series' level at that
origin (`shared_level`), so that one model serves slow and fast movers. Features of an origin read columns before it, and what is known ahead at
the target period. Series of a sample are drawn anew for every origin.
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
from ml.forecasting.panel import Panel
from ml.forecasting.settings import ForecastSettings
from ml.forecasting.shared_level import Scale, SharedLevel
from ml.forecasting.year import without_year

if TYPE_CHECKING:
    from ml.forecasting.models import Workshop

Array = NDArray[np.float64]

QUANTILE_LEVELS = (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95)
"""Levels the sum's quantiles are fitted at; between them they are interpolated, beyond them not used."""

_OBJECTIVES: dict[str, dict[str, Any]] = {
    # demand is positive and skewed: the Tweedie loss weighs errors as a compound Poisson would
    "lightgbm": {"objective": "tweedie", "tweedie_variance_power": 1.3},
    "lightgbm_squared": {"objective": "regression"},
    "lightgbm_absolute": {"objective": "l1"},
}
_FORETOLD_SHARE = 0.6
"""Periods foretold for each one of history, at most, from more origins than usual: time must not grow by rows that say the same again."""
_WORKERS = 2
"""Boosters that train or foretell at a time."""
_REACH = 4.8
"""Rounds times learning rate of the quantiles."""
_CAP = 0.9995
"""Quantile of the scaled targets above which a target counts as that: one data error must not bend all trees."""


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
        own, _ = _origin_features(panel, part, end, scale)
        for step in range(horizon):
            rows = np.hstack([own, _step_features(panel, part, end, step, scale)[0]])
            for name, said in zip(boosters, _foretold([model.booster for model in boosters.values()], rows), strict=True):
                found[name][part, step] = said * scale.units[part]
    workshop.inference_seconds.update(dict.fromkeys(names, (process_time() - started) / len(names)))
    return found


def rows_at(
    panel: Panel, part: NDArray[np.int64], origin: int, step: int, level: SharedLevel
) -> tuple[NDArray[np.float32], Array]:
    """Features of series `part` for the period `origin + step`, and the level their forecasts are in units of."""
    scale = level.scale(panel, origin)
    own, _ = _origin_features(panel, part, origin, scale)
    return np.hstack([own, _step_features(panel, part, origin, step, scale)[0]]), scale.units[part]


def fit(names: Sequence[str], panel: Panel, end: int, horizon: int, settings: ForecastSettings) -> dict[str, Booster]:
    """Boosters for the single periods, learned from origins whose horizon ends by `end`; none where too little was sold."""
    import lightgbm

    level = shared_level.learn(panel, end, horizon, settings)
    rows, target, weight, features = _training_rows(panel, level, end, horizon, settings)
    # without any sale in the targets there is nothing to learn, and the Tweedie loss is not defined
    if len(target) < settings.boosting_min_rows or (cap := np.quantile(target, _CAP)) <= 0:
        return {}
    data = lightgbm.Dataset(rows, np.minimum(target, cap), weight=weight, feature_name=list(features),
                            free_raw_data=False, params={"max_bin": 127, "verbose": -1, "num_threads": 1})  # fmt: skip
    trained = _trained(data, [_parameters(settings) | _OBJECTIVES[name] for name in names], settings.boosting_rounds)
    return {name: Booster(booster, features, level) for name, booster in zip(names, trained, strict=True)}


def sum_quantiles(panel: Panel, fit_end: int, ends: Sequence[int], lengths: Sequence[int], settings: ForecastSettings) -> Array:
    """Quantiles of demand summed over the first `lengths` periods from each of `ends` on, NaN where nothing can be said.

    The models are learned once, from origins whose horizon ends by `fit_end`. Shape (series, ends, lengths, QUANTILE_LEVELS).
    """
    import lightgbm

    found = np.full((panel.series, len(ends), len(lengths), len(QUANTILE_LEVELS)), np.nan)
    past = without_year(panel, fit_end, 0)[0]
    shared = shared_level.learn(past, fit_end, max(lengths), settings)
    rows, target, weight, features = _sum_rows(past, shared, fit_end, lengths, settings)
    if len(target) < settings.boosting_min_rows // 2:
        return found
    parameters = _parameters(settings) | {
        "num_leaves": max(settings.boosting_leaves // 2, 4),
        "learning_rate": _quantile_rate(settings),
    }
    data = lightgbm.Dataset(rows, target, weight=weight, feature_name=list(features), free_raw_data=False,
                            params={"max_bin": 127, "verbose": -1, "num_threads": 1})  # fmt: skip
    asked = [parameters | {"objective": "quantile", "alpha": level} for level in QUANTILE_LEVELS]
    boosters = _trained(data, asked, settings.boosting_quantile_rounds)
    for e, end in enumerate(ends):
        here, year = without_year(panel, end, max(lengths))
        at, scale = np.flatnonzero(panel.can_train(end, settings)), shared.scale(here, end)
        for begin in range(0, at.size, settings.chunk_series):
            part = at[begin : begin + settings.chunk_series]
            own, _ = _origin_features(here, part, end, scale)
            for j, length in enumerate(lengths):
                rows = np.hstack([own, _sum_features(here, part, end, length, scale)[0]])
                is_open = ~here.closed(end, end + length)[part]
                units = scale.units[part] * (year[part, :length] * is_open).sum(axis=1)
                found[part, e, j] = np.column_stack(_foretold(boosters, rows)) * units[:, None]
    return np.maximum.accumulate(found, axis=3)


def _quantile_rate(settings: ForecastSettings) -> float:
    """Fewer rounds go as far by longer steps."""
    return min(_REACH / settings.boosting_quantile_rounds, 0.2)


def _trained(data: Any, parameters: Sequence[dict[str, Any]], rounds: int) -> list[Any]:
    """A booster per set of parameters, side by side: each has one thread, so how many there are changes no digit."""
    import lightgbm

    data.construct()  # once, and not by two threads at a time
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        return list(pool.map(lambda own: lightgbm.train(own, data, rounds), parameters))


def _foretold(boosters: Sequence[Any], rows: NDArray[np.float32]) -> list[Array]:
    """What each booster says of the rows, not below 0."""
    with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
        return list(pool.map(lambda booster: np.maximum(booster.predict(rows, num_threads=1), 0.0), boosters))


def _parameters(settings: ForecastSettings) -> dict[str, Any]:
    return {
        "learning_rate": settings.boosting_learning_rate,
        "num_leaves": settings.boosting_leaves,
        "min_data_in_leaf": 80,
        "feature_fraction": 0.6,
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


def _training_rows(
    panel: Panel, shared: SharedLevel, end: int, horizon: int, settings: ForecastSettings
) -> tuple[NDArray[np.float32], Array, Array, tuple[str, ...]]:
    steps = np.unique(np.linspace(0, horizon - 1, min(horizon, 14)).round().astype(int))
    origins = panel.learning_origins(end, horizon, settings, _room(panel, end, len(steps), settings))
    per_origin = max(1, settings.boosting_max_rows // max(len(origins) * len(steps), 1))
    rows, targets, weights, names = [], [], [], ()
    for origin in origins:
        part, scale = panel.trainable(origin, settings, per_origin), shared.scale(panel, origin)
        level = scale.units[part]
        own, own_names = _origin_features(panel, part, origin, scale)
        for step in steps:
            more, more_names = _step_features(panel, part, origin, int(step), scale)
            keep = panel.is_in_stock[part, origin + step]
            rows.append(np.hstack([own, more])[keep])
            targets.append((panel.training_units[part, origin + step] / level)[keep])
            weights.append(np.sqrt(level)[keep])
            names = own_names + more_names
    return _stacked(rows, targets, weights, names)


def _sum_rows(
    panel: Panel, shared: SharedLevel, end: int, lengths: Sequence[int], settings: ForecastSettings
) -> tuple[NDArray[np.float32], Array, Array, tuple[str, ...]]:
    origins = panel.learning_origins(end, max(lengths), settings, _room(panel, end, sum(lengths), settings))
    per_origin = max(1, settings.boosting_max_rows // max(len(origins) * len(lengths), 1))
    rows, targets, weights, names = [], [], [], ()
    for origin in origins:
        part, scale = panel.trainable(origin, settings, per_origin), shared.scale(panel, origin)
        level = scale.units[part]
        own, own_names = _origin_features(panel, part, origin, scale)
        for length in lengths:
            more, more_names = _sum_features(panel, part, origin, length, scale)
            inside = slice(origin, origin + length)
            is_open = ~panel.closed(origin, origin + length)[part]
            is_known = panel.is_in_stock[part, inside] | ~is_open
            keep = (is_known.mean(axis=1) >= settings.min_in_stock_share) & is_open.any(axis=1)
            units = (panel.training_units[part, inside] * is_open).sum(axis=1) / (level * np.maximum(is_open.sum(axis=1), 1))
            rows.append(np.hstack([own, more])[keep])
            targets.append(units[keep])
            weights.append(np.sqrt(level)[keep])
            names = own_names + more_names
    return _stacked(rows, targets, weights, names)


def _room(panel: Panel, end: int, foretold: int, settings: ForecastSettings) -> int:
    """Origins that fit among the training rows, with so many periods of every series foretold at each."""
    most = min(settings.boosting_max_rows, _FORETOLD_SHARE * panel.history_periods(end).sum())
    return int(most // max(foretold * panel.series, 1))


def _stacked(
    rows: list[Any], targets: list[Array], weights: list[Array], names: tuple[str, ...]
) -> tuple[Any, Array, Array, Any]:
    if not any(map(len, targets)):
        return np.zeros((0, 0), dtype=np.float32), np.zeros(0), np.zeros(0), names
    weight = np.concatenate(weights)
    return np.vstack(rows), np.concatenate(targets), weight / max(weight.mean(), 1e-12), _told_apart(names)


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


def _origin_features(
    panel: Panel, part: NDArray[np.int64], origin: int, scale: Scale
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """What is known of the series at the origin, in units of its level: (series, features), and their names."""
    demand, start, season = panel.training_units[part, :origin], panel.start[part], panel.season
    level = scale.units[part]
    age = (origin - start).astype(np.float64)
    columns: list[Array] = []
    names: list[str] = []

    def add(name: str, values: Array) -> None:
        names.append(name)
        columns.append(values)

    for lag in range(1, (season if season <= 12 else 4) + 1):
        add(f"lag_{lag}", demand[:, -lag] / level if lag <= origin else np.full(len(part), np.nan))
    total = np.concatenate([np.zeros((len(part), 1)), demand.cumsum(axis=1)], axis=1)
    for window in (2, 3, 4, 7, 8, 13, 14, 26, 28, 52, 56):
        span = min(window, origin)
        mean = (total[:, origin] - total[:, origin - span]) / span
        add(f"rolling_mean_{window}", np.where(age >= span, mean, np.nan) / level)
    for window in (7, 28) if season == 7 else (8, 26):
        recent = demand[:, -min(window, origin) :]
        add(f"nonzero_share_{window}", (recent > 0).mean(axis=1))
        add(f"rolling_std_{window}", recent.std(axis=1) / level)
        add(f"rolling_max_{window}", recent.max(axis=1) / level)
    for alpha in (0.1, 0.3):
        depth = min(origin, int(4 / alpha))
        decay = alpha * (1 - alpha) ** np.arange(depth)[::-1]
        inside = np.arange(origin - depth, origin) >= start[:, None]
        add(f"ewm_{alpha:g}", (demand[:, origin - depth :] * inside) @ decay / np.maximum(inside @ decay, 1e-12) / level)
    sold = demand[:, ::-1] > 0
    add("periods_since_sale", np.where(sold.any(axis=1), sold.argmax(axis=1), origin).astype(np.float64))
    add("stock_out_share_28", 1.0 - panel.is_in_stock[part, max(origin - 28, 0) : origin].mean(axis=1))
    add("age_periods", np.minimum(age, 200.0))
    add("log_level", np.log(level))
    if scale.own_units is not None:
        add("own_level", scale.own_units[part] / level)
    for j, name in enumerate(panel.static_names):
        add(name, panel.static[part, j])
    return np.column_stack(columns).astype(np.float32), tuple(names)


def _step_features(
    panel: Panel, part: NDArray[np.int64], origin: int, step: int, scale: Scale
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """What is known of the target period `origin + step`: its place in the season, then and there, and what is planned."""
    target, season, level = origin + step, panel.season, scale.units[part]
    columns: list[Array] = [np.full(len(part), float(step))]
    names = ["step"]
    if season > 1:
        names.append("place_in_season")
        columns.append(np.full(len(part), float(target % season)))
    if panel.day_of_month is not None:
        names.append("day_of_month")
        columns.append(np.full(len(part), panel.day_of_month[target]))
    if 1 < season <= 12:
        same = [target - season * j for j in range(1, 14) if target - season * j < origin]
        same = [column for column in same if column >= 0]
        for count in (1, 2, 4, 8):
            names.append(f"same_place_mean_{count}")
            value = panel.training_units[np.ix_(part, same[:count])].mean(axis=1) if same else np.full(len(part), np.nan)
            columns.append(value / level)
    elif season > 12:
        for around in (0, 1, 3):
            first, last = target - season - around, min(target - season + around + 1, origin)
            names.append(f"year_ago_mean_{2 * around + 1}")
            known = (panel.start[part] <= first) & (first >= 0) & (last > first)
            inside = panel.training_units[part, max(first, 0) : max(last, max(first, 0) + 1)].mean(axis=1)
            columns.append(np.where(known, inside / level, np.nan))
    if panel.known_names:
        now = panel.known[part, target].astype(np.float64)
        usual = panel.known[part, max(origin - 28, 0) : origin].astype(np.float64).mean(axis=1)
        for j, name in enumerate(panel.known_names):
            names += [name, f"{name}_beyond_usual"]
            columns += [now[:, j], now[:, j] - usual[:, j]]
    return np.column_stack(columns).astype(np.float32), tuple(names)


def _sum_features(
    panel: Panel, part: NDArray[np.int64], origin: int, length: int, scale: Scale
) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """The same of the `length` periods from the origin on, on average."""
    stacked = [_step_features(panel, part, origin, step, scale) for step in range(length)]
    names = stacked[0][1]
    rows = np.mean([values for values, _ in stacked], axis=0, dtype=np.float64)
    rows[:, names.index("step")] = length
    return rows.astype(np.float32), tuple("periods_summed" if name == "step" else name for name in names)
