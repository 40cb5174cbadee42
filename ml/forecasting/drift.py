"""Whether the world the models were chosen in is still there: drift of what they read, drift of their error.

Belongs here: the population stability index of inputs, ratios of recent to backtest error, the decision to train again.
Does not belong here: the training.

PSI = sum over bins of (current share - reference share) x ln(current share / reference share). Rule of thumb: under 0.1
nothing, above 0.2 the population is another one. Demand and price are compared within series (to their own reference), so
a change of assortment is no drift of demand. A season is drift, too, where the reference has no such season.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

Array = NDArray[np.float64]

_SCHEMA = {
    "kind": pl.String,
    "name": pl.String,
    "reference_value": pl.Float64,
    "current_value": pl.Float64,
    "statistic": pl.Float64,
    "threshold": pl.Float64,
    "is_drifting": pl.Boolean,
}


@dataclass(frozen=True)
class DriftSettings:
    """Raises ValueError when out of range."""

    current_weeks: int = 8
    """The last weeks, which are compared."""
    reference_weeks: int = 48
    """Weeks before them at most; at least two windows of the current length must be there."""
    bins: int = 10
    psi_threshold: float = 0.2
    error_ratio_threshold: float = 1.3
    """Recent error over backtest error from which the error drifts."""
    min_observations: int = 100
    """Series and weeks of the current window below which nothing is said."""
    inputs_to_retrain: int = 2
    """Drifting inputs that ask for new training while the error holds; one drifting error asks alone."""

    def __post_init__(self) -> None:
        if self.current_weeks < 1 or self.reference_weeks < 2 * self.current_weeks or self.bins < 2:
            raise ValueError("the reference needs two windows of the current length, and PSI two bins")
        if self.psi_threshold <= 0 or self.error_ratio_threshold <= 1:
            raise ValueError("psi_threshold must be above 0 and error_ratio_threshold above 1")


def psi(reference: Array, current: Array, bins: int = 10) -> float:
    """Population stability index over quantile bins of the reference; values that are equal share a bin."""
    edges = np.unique(np.quantile(reference, np.arange(1, bins) / bins))
    counts = [
        np.bincount(np.searchsorted(edges, values, side="left"), minlength=edges.size + 1) for values in (reference, current)
    ]
    return psi_of_counts(*counts)


def psi_of_counts(reference: NDArray, current: NDArray) -> float:
    """Population stability index of two tables of counts; half a count is added to each bin, so that none is empty."""
    expected, found = (
        (counts + 0.5) / (counts + 0.5).sum() for counts in (np.asarray(reference, float), np.asarray(current, float))
    )
    return float(((found - expected) * np.log(found / expected)).sum())


def input_drift(
    units: Array,
    start: NDArray[np.int64],
    settings: DriftSettings | None = None,
    price_usd: Array | None = None,
    promotion_days: Array | None = None,
) -> pl.DataFrame:
    """Rows of forecast_drift of kind "input", without their stamp. Arrays are (series, weeks); NaN is a price not known.

    demand_level: demand of a window over the series' mean in the other windows. zero_share: weeks without a sale. price:
    over the series' mean reference price. promotion_share: weeks with a promotion. No row where too little is known.
    """
    settings = settings or DriftSettings()
    weeks, length = units.shape[1], settings.current_weeks
    windows = min(settings.reference_weeks, weeks - length) // length
    begin = weeks - length * (windows + 1)
    series = start <= begin
    if windows < 2 or series.sum() * length < settings.min_observations:
        return pl.DataFrame(schema=_SCHEMA)
    reference, current = slice(begin, weeks - length), slice(weeks - length, weeks)
    rows = [_demand_level(units[series, begin:], windows, settings)]
    sold = units[series] > 0
    rows.append(_share("zero_share", ~sold[:, reference], ~sold[:, current], settings))
    if price_usd is not None:
        known = np.where(np.isfinite(price_usd) & (price_usd > 0), price_usd, np.nan)[series]
        has = np.isfinite(known[:, reference]).any(axis=1) & np.isfinite(known[:, current]).any(axis=1)
        if has.sum() * length >= settings.min_observations:
            own = np.nanmean(known[has, reference], axis=1, keepdims=True)
            parts = [(known[has, part] / own).ravel() for part in (reference, current)]
            before, now = (np.round(part[np.isfinite(part)], 3) for part in parts)
            rows.append(_row("price", before.mean(), now.mean(), psi(before, now, settings.bins), settings.psi_threshold))
    if promotion_days is not None:
        on = promotion_days[series] > 0
        rows.append(_share("promotion_share", on[:, reference], on[:, current], settings))
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


def _demand_level(units: Array, windows: int, settings: DriftSettings) -> tuple:
    """Each reference window is compared with the mean of the other ones, as the current window is with all of them."""
    sums = units.reshape(len(units), windows + 1, settings.current_weeks).sum(axis=2)
    reference, now = sums[:, :-1], sums[:, -1]
    total = reference.sum(axis=1)
    sells = total > 0
    others = (total[:, None] - reference) / (windows - 1)
    half = 0.5
    before = np.log((reference + half) / (others + half))[sells].ravel()
    current = np.log((now + half) / (total / windows + half))[sells]
    weekly = settings.current_weeks * max(len(units), 1)
    statistic = psi(before, current, settings.bins) if sells.any() else 0.0
    return _row("demand_level", reference.mean(axis=1).sum() / weekly, now.sum() / weekly, statistic, settings.psi_threshold)


def _share(name: str, before: NDArray, now: NDArray, settings: DriftSettings) -> tuple:
    statistic = psi_of_counts(*(np.array([part.sum(), part.size - part.sum()]) for part in (before, now)))
    return _row(name, before.mean(), now.mean(), statistic, settings.psi_threshold)


def _row(name: str, reference: float, current: float, statistic: float, threshold: float, kind: str = "input") -> tuple:
    return (kind, name, float(reference), float(current), float(statistic), threshold, bool(statistic > threshold))


def forecast_errors(
    actual: Array, quantile_units: Array, levels: Array, mean: Array, is_scored: NDArray[np.bool_]
) -> dict[str, float]:
    """WAPE and pinball loss over demand of the scored weeks; {} where nothing was sold in them.

    actual, mean, is_scored: (series, weeks); quantile_units: (series, weeks, levels).
    """
    total = actual[is_scored].sum()
    if total <= 0:
        return {}
    gap = actual[is_scored][:, None] - quantile_units[is_scored]
    pinball = np.maximum(levels * gap, (levels - 1) * gap).mean(axis=1).sum()
    return {"wape": float(np.abs(actual - mean)[is_scored].sum() / total), "scaled_pinball": float(pinball / total)}


def error_drift(
    recent: Mapping[str, float], backtest: Mapping[str, float], observations: int, settings: DriftSettings | None = None
) -> pl.DataFrame:
    """Rows of forecast_drift of kind "error": recent over backtest error of each measure that both have.

    `observations` is the number of series and weeks behind `recent`: with too few, no row.
    """
    settings = settings or DriftSettings()
    names = [name for name in recent if backtest.get(name, 0) > 0] if observations >= settings.min_observations else []
    rows = [
        _row(name, backtest[name], recent[name], recent[name] / backtest[name], settings.error_ratio_threshold, "error")
        for name in names
    ]
    return pl.DataFrame(rows, schema=_SCHEMA, orient="row")


@dataclass(frozen=True)
class Retrain:
    is_due: bool
    reason: str


def must_retrain(drift: pl.DataFrame, settings: DriftSettings | None = None) -> Retrain:
    """Whether models and their parameters should be chosen anew: one drifting error, or several drifting inputs."""
    settings = settings or DriftSettings()
    drifting = drift.filter("is_drifting").sort("kind", "name")
    errors, inputs = (drifting.filter(pl.col("kind") == kind) for kind in ("error", "input"))
    words = [
        f"{name} is {ratio:.2f} times that of the backtest" for name, ratio in errors.select("name", "statistic").iter_rows()
    ]
    words += [f"{name} drifts (PSI {value:.2f})" for name, value in inputs.select("name", "statistic").iter_rows()]
    is_due = bool(errors.height or inputs.height >= settings.inputs_to_retrain)
    return Retrain(is_due, "; ".join(words) or ("nothing drifts" if drift.height else "too little to compare"))
