"""Demand in parts that add up to it: trend, season, remainder.

Belongs here: STL of series with at least two whole seasons, a loess trend of shorter ones, the rows BI plots.
Does not belong here: forecasts; the parts are a picture of the past.

STL: Cleveland et al. (1990), statsmodels. With more than one season length it is MSTL (Bandara et al. 2021): the next
season is taken from what the shorter ones left. Shorter series have no season that could be told from their trend:
they get a local linear trend over `trend_weeks`, and the rest is remainder.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Components:
    """Parts of demand, each (series, periods); NaN before the first period of a series."""

    trend: Array
    seasonal: Array
    remainder: Array
    has_season: NDArray[np.bool_]
    """Whether the series had two whole seasons, so that `seasonal` is more than zeros."""


def decompose(
    demand_units: Array,
    start: NDArray[np.int64],
    seasons: tuple[int, ...] = (52,),
    trend_weeks: int = 13,
    fit_units: Array | None = None,
) -> Components:
    """Split each series from `start` on. `seasons` are season lengths in periods; each needs to be there twice in full.

    `fit_units` is what trend and season are fitted to, the demand itself by default: with outliers treated there, an odd
    week is remainder. (STL's own robust weights cannot do that: of two or three years, one week is half of its season.)
    """
    fit_units = demand_units if fit_units is None else fit_units
    series, periods = demand_units.shape
    trend, seasonal, remainder = (np.full((series, periods), np.nan) for _ in range(3))
    length = periods - np.minimum(start, periods)
    usable = tuple(sorted(season for season in seasons if season > 1))
    has_season = length >= 2 * usable[0] if usable else np.zeros(series, dtype=bool)
    for row in np.flatnonzero(has_season):
        begin = start[row]
        own = tuple(season for season in usable if length[row] >= 2 * season)
        trend[row, begin:], seasonal[row, begin:] = _stl(fit_units[row, begin:], own)
    for begin in np.unique(start[~has_season & (length > 0)]):
        rows = np.flatnonzero(~has_season & (start == begin))
        trend[rows, begin:] = fit_units[rows, begin:] @ _loess(periods - int(begin), trend_weeks).T
        seasonal[rows, begin:] = 0.0
    remainder = demand_units - trend - seasonal
    return Components(trend, seasonal, remainder, has_season)


def component_rows(parts: Components, demand_units: Array, keys: pl.DataFrame, last_week: date) -> pl.DataFrame:
    """One row per series and period from its first: the columns of `keys` (item_id and location_id, or any node's), the
    week, the demand and its parts. For item-locations that is demand_components without its stamp."""
    row, column = np.nonzero(np.isfinite(parts.trend))
    periods = demand_units.shape[1]
    days = np.array([last_week - timedelta(days=7 * (periods - 1 - k)) for k in range(periods)], dtype="datetime64[D]")
    return keys[row.astype(np.uint32)].with_columns(
        pl.Series("week_start_date", days[column]).cast(pl.Date),
        pl.Series("demand_units", demand_units[row, column]),
        pl.Series("trend_units", parts.trend[row, column]),
        pl.Series("seasonal_units", parts.seasonal[row, column]),
        pl.Series("remainder_units", parts.remainder[row, column]),
    )


def aggregate(
    demand_units: Array, start: NDArray[np.int64], code: NDArray[np.int64], groups: int
) -> tuple[Array, NDArray[np.int64]]:
    """Demand and first period of each group of series, for the components of an item, a store or a category."""
    total = np.zeros((groups, demand_units.shape[1]))
    np.add.at(total, code, demand_units)
    first = np.full(groups, demand_units.shape[1], dtype=np.int64)
    np.minimum.at(first, code, start)
    return total, first


def _stl(values: Array, seasons: tuple[int, ...]) -> tuple[Array, Array]:
    from statsmodels.tsa.seasonal import STL

    seasonal = np.zeros_like(values)
    rest = values
    for season in seasons:
        window = max(7, 2 * (values.size // season) + 1)
        fit = STL(rest, period=season, seasonal=window).fit(inner_iter=2, outer_iter=0)
        seasonal = seasonal + fit.seasonal
        rest = rest - fit.seasonal
    return np.asarray(fit.trend), seasonal


def _loess(periods: int, window: int) -> Array:
    """Hat matrix (periods, periods) of a local linear regression with tricube weights over `window` periods."""
    at = np.arange(periods, dtype=np.float64)
    gap = at[None, :] - at[:, None]
    reach = np.sort(np.abs(gap), axis=1)[:, min(window, periods) - 1] + 1
    weight = np.clip(1 - np.abs(gap / reach[:, None]) ** 3, 0, None) ** 3
    zeroth, first, second = (((weight * gap**power).sum(axis=1))[:, None] for power in (0, 1, 2))
    determinant = zeroth * second - first**2
    is_line = determinant > 1e-9 * zeroth * np.maximum(second, 1e-12)
    flat = weight / zeroth
    return np.where(is_line, weight * (second - first * gap) / np.where(is_line, determinant, 1.0), flat)
