"""How good each model was in the backtest: per series for the choice, per segment to be looked at.

Belongs here: which windows are scored, the cost of the orders a forecast would have led to, tables of scores as arrays.
Does not belong here: the formulas (`ml.evaluation`), who wins (SQL).

Scores count periods in stock only. The sums are of each series' own protection interval, in whole weeks.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml import evaluation
from ml.forecasting.engine import Estimate, Forecasts, at_levels
from ml.forecasting.settings import GRID

Array = NDArray[np.float64]

_SCORED_LEVELS = np.array([level for level in GRID if 0.05 <= level <= 0.99])


@dataclass(frozen=True)
class SeriesScores:
    """Scores of one model for every series, NaN where nothing was scored."""

    columns: dict[str, Array]
    """rmse, mae, bias, wape, pinball and decision cost of the sums; origins scored, (series,)."""
    covered: Array
    """Share of the sums within the 80 % interval, (series,)."""


def score_series(made: Forecasts, estimate: Estimate, length: NDArray[np.int64], keys: pl.DataFrame) -> SeriesScores:
    """Score sums of `length` (series,) periods at every origin; series that were not tested have no score.

    The cost of a decision is that of one order up to the critical quantile, shortage / (shortage + holding): what is left over
    is held for the interval, what is missing is lost, both over the interval's weeks.
    """
    tested = made.tested
    keys, length = keys[tested.rows.astype(np.uint32)], np.minimum(length, tested.horizon)[tested.rows]
    pick = (length - 1)[:, None, None]

    def own(values: Array) -> Array:
        return np.take_along_axis(values, pick, axis=2)[:, :, 0]

    mean, actual = own(estimate.past.cumsum(axis=2)), own(tested.units.cumsum(axis=2))
    scored = own(tested.sum_scored)
    holding = keys["holding_cost_usd"].fill_null(np.nan).to_numpy() * length
    shortage = keys["shortage_cost_usd"].fill_null(np.nan).to_numpy()
    ratio = np.divide(shortage, shortage + holding, out=np.full(len(length), np.nan), where=shortage + holding > 0)
    loss, cost, covered = (np.full(mean.shape, np.nan) for _ in range(3))
    for j in range(len(tested.origins)):
        rows = np.flatnonzero(scored[:, j])
        for begin in range(0, rows.size, made.settings.chunk_series):
            part = rows[begin : begin + made.settings.chunk_series]
            grid = made.sum_quantiles(estimate, part, j, length[part])[:, 0]
            series = tested.rows[part]
            levels = made.published(at_levels(grid, _SCORED_LEVELS), series)
            loss[part, j] = evaluation.pinball(levels, actual[part, j][:, None], _SCORED_LEVELS)
            low, high = made.published(at_levels(grid, (0.1, 0.9)), series).T
            covered[part, j] = (actual[part, j] >= low) & (actual[part, j] <= high)
            stock = made.published(_at_own_level(grid, np.nan_to_num(ratio[part], nan=0.5)), series)
            left, missing = np.maximum(stock - actual[part, j], 0), np.maximum(actual[part, j] - stock, 0)
            cost[part, j] = (holding[part] * left + shortage[part] * missing) / length[part]
    columns = {
        "rmse": evaluation.rmse(mean, actual, scored),
        "mae": evaluation.mae(mean, actual, scored),
        "bias": evaluation.bias(mean, actual, scored),
        "wape": evaluation.wape(mean, actual, scored),
        "pinball": evaluation.masked_mean(loss, scored),
        "decision_cost": evaluation.masked_mean(cost, scored),
        "origins": scored.sum(axis=1).astype(np.float64),
    }

    def of_all(values: Array, otherwise: float = np.nan) -> Array:
        result = np.full((made.panel.series, *values.shape[1:]), otherwise)
        result[tested.rows] = values
        return result

    everything = {name: of_all(values, 0.0 if name == "origins" else np.nan) for name, values in columns.items()}
    return SeriesScores(everything, of_all(evaluation.masked_mean(covered, scored)))


def _at_own_level(grid: Array, level: Array) -> Array:
    """Quantile of each row at its own level, (rows,)."""
    known = np.array(GRID)
    right = np.clip(np.searchsorted(known, level), 1, len(known) - 1)
    share = np.clip((level - known[right - 1]) / (known[right] - known[right - 1]), 0.0, 1.0)
    every = np.arange(len(level))
    return grid[every, right - 1] * (1 - share) + grid[every, right] * share


@dataclass(frozen=True)
class NaiveErrors:
    """Mean absolute and mean squared step of each series before the first origin, (series,); 0 where there is none."""

    absolute: Array
    squared: Array


def segment_scores(
    made: Forecasts, estimate: Estimate, series: SeriesScores, naive: NaiveErrors, member: NDArray[np.bool_]
) -> dict[str, float]:
    """Scores of one model over the `member` series (series,): point scores of single periods, pinball and coverage of sums."""
    tested = made.tested
    used = tested.period_valid & member[tested.rows][:, None, None]
    mean, actual = estimate.past[used], tested.units[used]
    scale = np.broadcast_to(naive.absolute[tested.rows][:, None, None], used.shape)[used]
    squared = np.broadcast_to(naive.squared[tested.rows][:, None, None], used.shape)[used]
    error = mean - actual
    nonzero = actual > 0
    rows = member & (series.columns["origins"] > 0)
    pinball = series.columns["pinball"]

    def average(values: Array, where: NDArray[np.bool_]) -> float:
        return float(np.mean(values[where])) if where.any() else float("nan")

    everything = np.ones(error.shape, dtype=bool)
    spread = float(np.sum((actual - actual.mean()) ** 2)) if error.size else 0.0
    return {
        "mae_units": average(np.abs(error), everything),
        "mse_units": average(error**2, everything),
        "rmse_units": float(np.sqrt(average(error**2, everything))),
        "wape": float(np.abs(error).sum() / actual.sum()) if actual.sum() > 0 else float("nan"),
        "bias_units": average(error, everything),
        "mase": average(np.abs(error) / np.maximum(scale, 1e-12), scale > 0),
        "rmsse": float(np.sqrt(average(error**2 / np.maximum(squared, 1e-12), squared > 0))),
        "r2": 1 - float((error**2).sum()) / spread if spread > 0 else float("nan"),
        "mape_nonzero": average(np.abs(error) / np.where(nonzero, actual, 1.0), nonzero),
        "pinball_units": average(pinball, rows),
        "scaled_pinball": average(pinball / np.maximum(naive.absolute, 1e-12), rows & (naive.absolute > 0)),
        "coverage_80": average(series.covered, rows),
        "decision_cost_usd": average(series.columns["decision_cost"], rows & np.isfinite(series.columns["decision_cost"])),
    }


def naive_errors(made: Forecasts) -> NaiveErrors:
    """What the errors of a forecast are measured in, whatever the model."""
    panel = made.panel
    end = made.tested.origins[0] if made.tested.origins else panel.periods
    step = np.abs(np.diff(panel.training_units[:, :end], axis=1))
    inside = np.arange(1, end) > panel.start[:, None]
    count = np.maximum(inside.sum(axis=1), 1)
    return NaiveErrors((step * inside).sum(axis=1) / count, (step**2 * inside).sum(axis=1) / count)
