"""The tables beside the forecasts: outliers, components, hierarchy, explanations, drift.

Belongs here: which series get them, and the steps from a run to their frames.
Does not belong here: the methods themselves, each in its own module.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.contracts import (
    DEMAND_COMPONENTS,
    DEMAND_OUTLIERS,
    FEATURE_IMPORTANCE,
    FORECAST_DRIFT,
    FORECAST_EXPLANATIONS,
    FORECAST_HIERARCHY,
    FrameContract,
)
from ml.forecasting import boosting, drift, explain, hierarchy, launch, models
from ml.forecasting.components import component_rows, decompose
from ml.forecasting.engine import Forecasts, StandIns, at_levels
from ml.forecasting.outliers import outlier_rows
from ml.forecasting.panel import Panel
from ml.forecasting.settings import ForecastSettings
from ml.forecasting.weekly import WeeklyPanel
from ml.forecasting.year import without_year

Stamp = dict[str, object]

_UPPER_MODELS = ("exponential_smoothing", "theta")
"""Models of stores, categories, items and the chain; their mean is the base forecast."""
_DRIFT_LEVELS = np.array([0.1, 0.3, 0.5, 0.7, 0.9])


def _stamped(frame: pl.DataFrame, contract: FrameContract, constants: Stamp) -> pl.DataFrame:
    return frame.with_columns(**{name: pl.lit(value) for name, value in constants.items()}).select(*contract.schema)


def stand_ins(weekly: WeeklyPanel, horizon: int, settings: ForecastSettings) -> tuple[StandIns | None, dict[int, str]]:
    """Forecasts of series that no model speaks for, and the words for it: nothing of those that are no longer carried, the launch
    curves of their category for those with some history but too little."""
    panel = weekly.panel
    is_dropped = ~weekly.keys["is_carried"].to_numpy()
    age, fewest = panel.history_periods(panel.periods), settings.min_training_periods
    # a whole chain in its first weeks has no launches to learn from
    is_new = (age >= 1) & (age < fewest) & (panel.periods >= 2 * fewest) & ~is_dropped
    own = np.flatnonzero(is_dropped | is_new)
    if not own.size:
        return None, {}
    row = np.full(panel.series, -1, dtype=np.int64)
    row[own] = np.arange(own.size)
    mean, variance = np.zeros((own.size, horizon)), np.zeros((own.size, horizon))
    words = dict.fromkeys(np.flatnonzero(is_dropped).tolist(), "no longer carried: no demand is expected")
    if is_new.any():
        found = _launched(weekly, is_new, horizon)
        mean[row[is_new]], variance[row[is_new]] = found.mean, found.sum_variance
        words |= zip(np.flatnonzero(is_new).tolist(), found.reason, strict=True)
    return StandIns(row, mean, variance), words


def _launched(weekly: WeeklyPanel, is_new: NDArray[np.bool_], horizon: int) -> launch.NewItemPaths:
    panel, codes = weekly.panel, weekly.codes
    category, location, item = codes["product_category"], codes["location_id"], codes["item_id"]
    names = weekly.keys["product_category"].drop_nulls().unique().sort().to_list()
    curves = launch.launch_curves(panel.training_units, panel.start, category, location, item, panel.is_in_stock)
    return launch.new_item_paths(
        curves,
        panel.training_units,
        panel.start,
        category,
        location,
        item,
        is_new,
        horizon,
        np.array([0.5]),
        names,
        panel.is_in_stock,
    )


def outliers(weekly: WeeklyPanel, constants: Stamp) -> pl.DataFrame:
    frame = outlier_rows(weekly.outliers, weekly.panel.units, weekly.demand_units, weekly.keys, weekly.last_week)
    return _stamped(frame, DEMAND_OUTLIERS, constants)


def components(weekly: WeeklyPanel, constants: Stamp, settings: ForecastSettings) -> pl.DataFrame:
    """Trend, season and remainder of the class A series that move most."""
    rows = _most_moving(weekly, settings.component_series)
    if not rows.size:
        return DEMAND_COMPONENTS.empty()
    demand, panel = weekly.demand_units[rows], weekly.panel
    parts = decompose(demand, panel.start[rows], fit_units=panel.training_units[rows])
    keys = weekly.keys.select("item_id", "location_id")[rows.astype(np.uint32)]
    return _stamped(component_rows(parts, demand, keys, weekly.last_week), DEMAND_COMPONENTS, constants)


def reconciled(made: Forecasts, weekly: WeeklyPanel, constants: Stamp) -> pl.DataFrame:
    """Forecasts of the chain, stores, categories, items and item-stores that add up."""
    series, horizon = made.best.path.shape
    if not series:
        return FORECAST_HIERARCHY.empty()
    weeks = weekly.weeks_ahead(horizon)
    at = np.repeat(np.arange(series, dtype=np.uint32), horizon)
    bottom = weekly.keys.select("item_id", "location_id", "product_category")[at].with_columns(
        pl.Series("week_start_date", weeks * series), pl.Series("mean_units", made.best.path.ravel())
    )
    tree = hierarchy.build_hierarchy(weekly.keys.select("item_id", "location_id", "product_category"))
    upper = tree.nodes.height - tree.bottom
    summing = tree.summing[:upper]
    panel = weekly.panel
    summed = np.asarray(summing @ panel.training_units)
    start = np.argmax(summed > 0, axis=1)
    start[summed.sum(axis=1) <= 0] = panel.periods
    in_stock = np.ones(summed.shape, dtype=bool)
    above = Panel(
        summed,
        summed,
        in_stock,
        start.astype(np.int64),
        panel.season,
        year_ago_alignment_ratio=panel.year_ago_alignment_ratio,
        is_feast=panel.is_feast,
    )
    names = list(_UPPER_MODELS)
    found = models.paths(names, above, panel.periods, horizon, made.settings, models.Workshop())
    base = np.mean([found[name] for name in names], axis=0)
    known = np.repeat(np.isfinite(base).all(axis=1), horizon)
    frame = (
        tree.nodes[:upper]
        .select("level", "node")[np.repeat(np.arange(upper, dtype=np.uint32), horizon)]
        .with_columns(pl.Series("week_start_date", weeks * upper), pl.Series("base_units", base.ravel()))
    )
    return _stamped(hierarchy.reconcile(bottom, frame.filter(pl.Series(known)), solver="direct"), FORECAST_HIERARCHY, constants)


def explanations(made: Forecasts, weekly: WeeklyPanel, constants: Stamp) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What boosting looks at, and why it says what it says of next week for the class A series that move most."""
    fitted = made.fitted.workshop.fitted.get("lightgbm")
    rows = _most_moving(weekly, made.settings.explained_series)
    if fitted is None or not rows.size:
        return FEATURE_IMPORTANCE.empty(), FORECAST_EXPLANATIONS.empty()
    seen, year = without_year(made.panel, made.panel.periods, 1)
    features, level = boosting.rows_at(seen, rows, made.panel.periods, 0, fitted.level)
    shap, base = explain.contributions(fitted.booster, features, level * year[rows, 0], link="log")
    keys = weekly.keys[rows.astype(np.uint32)]
    importance = explain.importance_rows(fitted.booster, shap, "lightgbm")
    arrays = (shap, base, features.astype(np.float64))
    reasons = explain.explanation_rows(keys, *arrays, list(fitted.features), "lightgbm", codes=made.panel.static_names)
    return _stamped(importance, FEATURE_IMPORTANCE, constants), _stamped(reasons, FORECAST_EXPLANATIONS, constants)


def drifted(made: Forecasts, weekly: WeeklyPanel, constants: Stamp) -> tuple[pl.DataFrame, drift.Retrain]:
    """Inputs against their past, and the errors of the newest origin against those of the older ones; whether to retrain."""
    panel, tested = weekly.panel, made.tested
    frames = [drift.input_drift(panel.units, panel.start, None, weekly.price_usd, weekly.promotion_days)]
    if len(tested.origins) > 1:
        rows = np.flatnonzero(tested.period_valid.any(axis=(1, 2)))[: made.settings.fair_series]
        errors = []
        for origins in ([len(tested.origins) - 1], list(range(len(tested.origins) - 1))):
            found = [
                at_levels(made.period_quantiles(made.best, rows, j)[:, : tested.horizon], tuple(_DRIFT_LEVELS)) for j in origins
            ]
            arrays = (
                np.concatenate([tested.units[rows, j] for j in origins]),
                np.concatenate(found),
                _DRIFT_LEVELS,
                np.concatenate([made.best.past[rows, j] for j in origins]),
                np.concatenate([tested.period_valid[rows, j] for j in origins]),
            )
            errors.append((drift.forecast_errors(*arrays), int(arrays[4].sum())))
        frames.append(drift.error_drift(errors[0][0], errors[1][0], errors[0][1]))
    frame = pl.concat(frames)
    return _stamped(frame, FORECAST_DRIFT, constants), drift.must_retrain(frame)


def _most_moving(weekly: WeeklyPanel, most: int) -> np.ndarray:
    """Rows of class A with a history, those with the most demand, in their order."""
    panel = weekly.panel
    is_asked = (weekly.keys["abc_class"] == "A").to_numpy() & (panel.history_periods(panel.periods) >= 8)
    total = np.where(is_asked, panel.training_units.sum(axis=1), -1.0)
    chosen = np.argsort(-total, kind="stable")[:most]
    return np.sort(chosen[total[chosen] > 0])
