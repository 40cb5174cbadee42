"""From the feature frames to arrays: one row per item and location, one column per week.

Belongs here: the weekly grid, gaps, negative sales, the repair of stock-out weeks, why a series has no usable
history.
Does not belong here: models, errors, distributions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.contracts import ContractError
from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Panel:
    """All series on one weekly grid that ends on the as-of date. Arrays are (series,) or (series, weeks)."""

    keys: pl.DataFrame
    """The item_locations rows, sorted by item and location: row i is series i."""
    last_week: date
    """First day of the last whole week."""
    sold_units: Array
    """Sales, zero or more; 0 before the first row and in gaps."""
    training_units: Array
    """Sales with stock-out weeks repaired: what models are fitted to."""
    is_in_stock: NDArray[np.bool_]
    """Week without a stock-out day; a week without a row counts as in stock."""
    start: NDArray[np.int64]
    """Column of the first week; equals the number of weeks where there is no history."""
    has_negative: NDArray[np.bool_]
    """Whether negative sales were read as 0."""
    is_whole_units: NDArray[np.bool_]
    """Whether all sales are whole numbers, so that quantiles are too."""

    @property
    def weeks(self) -> int:
        return self.sold_units.shape[1]

    def mean_units(self, end: int) -> Array:
        """Mean training units a week from the first week to before column `end`, (series,); 0 without any week."""
        weeks = np.maximum(end - self.start, 0)
        return self.training_units[:, :end].sum(axis=1) / np.maximum(weeks, 1)


def usable_demand(demand: pl.DataFrame, keys: pl.DataFrame, as_of_date: date, max_history_weeks: int) -> pl.DataFrame:
    """The demand rows a run reads, sorted: of series in `keys`, ended by `as_of_date`, not older than the maximum.

    Later weeks are ignored, so one table serves runs as of any of its week ends. Demand of an item-location that is
    not in `keys` is ignored too: nobody asked for its forecast, and an order without a row there could not be placed.
    Raises ContractError when a week does not end on the as-of date's weekday: such weeks cannot be aligned.
    """
    last_week = as_of_date - timedelta(days=6)
    days_back = (pl.lit(last_week) - pl.col("week_start_date")).dt.total_days()
    if demand.select((days_back % 7 != 0).any()).item():
        raise ContractError(f"ftr_demand_weekly: a week does not end on the weekday of the as-of date {as_of_date}")
    return (
        demand.filter(days_back >= 0, days_back < 7 * max_history_weeks)
        .join(keys.select("item_id", "location_id"), on=["item_id", "location_id"], how="semi")
        .sort("item_id", "location_id", "week_start_date")
    )


def build_panel(demand: pl.DataFrame, keys: pl.DataFrame, as_of_date: date, settings: ForecastSettings) -> Panel:
    """Lay `usable_demand` rows on the grid. `keys` must be sorted by item and location; row order decides nothing."""
    last_week = as_of_date - timedelta(days=6)
    rows = demand.join(keys.select("item_id", "location_id").with_row_index("row"), on=["item_id", "location_id"])
    rows = rows.with_columns(back=((pl.lit(last_week) - pl.col("week_start_date")).dt.total_days() // 7).cast(pl.Int64))
    weeks = int(rows["back"].max()) + 1 if rows.height else 1
    row, column = rows["row"].to_numpy().astype(np.int64), weeks - 1 - rows["back"].to_numpy()
    raw = rows["sold_units"].to_numpy()

    series = keys.height
    sold, in_stock = np.zeros((series, weeks)), np.ones((series, weeks), dtype=bool)
    sold[row, column] = np.maximum(raw, 0.0)
    in_stock[row, column] = rows["stock_out_days"].to_numpy() <= 0
    start = np.full(series, weeks, dtype=np.int64)
    np.minimum.at(start, row, column)
    has_negative, is_whole = np.zeros(series, dtype=bool), np.ones(series, dtype=bool)
    has_negative[row[raw < 0]] = True
    is_whole[row[raw != np.rint(raw)]] = False

    training = repair_stock_outs(sold, in_stock, start, settings.repair_window_weeks) if settings.repair_stock_outs else sold
    return Panel(keys, last_week, sold, training, in_stock, start, has_negative, is_whole)


def repair_stock_outs(sold: Array, in_stock: NDArray[np.bool_], start: NDArray[np.int64], window_weeks: int) -> Array:
    """Sales in which a week with a stock-out is at least the mean of up to `window_weeks` in-stock weeks before it.

    It looks at the past only, so the repaired past does not change when weeks are added. It is a floor that keeps an
    item out of stock from forecasting itself to zero, not an estimate: it never lowers a week, hence overstates weeks
    that lost nothing. A full censored-demand estimator replaces it later. Shapes (series, weeks) -> (series, weeks).
    """
    repaired = sold.copy()
    series, weeks = sold.shape
    ring = np.zeros((series, window_weeks))
    seen = np.zeros(series, dtype=np.int64)
    for week in range(weeks):
        held = np.minimum(seen, window_weeks)
        lift = (~in_stock[:, week]) & (held > 0)
        mean = ring.sum(axis=1) / np.maximum(held, 1)
        repaired[:, week] = np.where(lift, np.maximum(sold[:, week], mean), sold[:, week])
        keep = np.flatnonzero(in_stock[:, week] & (start <= week))
        ring[keep, seen[keep] % window_weeks] = sold[keep, week]
        seen[keep] += 1
    return repaired


def history_reasons(panel: Panel, settings: ForecastSettings) -> list[str]:
    """Per series: "" where models can be fitted, else why they cannot."""
    history = panel.weeks - panel.start
    has_sales = panel.training_units.sum(axis=1) > 0
    reasons = []
    for weeks, sales in zip(history.tolist(), has_sales.tolist(), strict=True):
        if weeks == 0:
            reasons.append("no history")
        elif not sales:
            reasons.append("no sales")
        elif weeks < settings.min_training_weeks:
            reasons.append(f"short history: {weeks} weeks")
        else:
            reasons.append("")
    return reasons
