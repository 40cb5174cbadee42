"""Feature frames for tests, from arrays of weekly sales."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl

from ml.contracts import SIGNALS_WEEKLY
from ml.forecasting import Features, ForecastSettings
from ml.forecasting.panel import Panel
from ml.forecasting.settings import GRID

AS_OF = date(2024, 12, 29)
WEEKS_AHEAD = 26
QUICK = ForecastSettings(models=("moving_average", "tsb"), origins=2)
"""Two cheap models and two origins."""
NAN = float("nan")
NOT_SAID = ("product_category", "store_location", "first_week_start_date", "unit_cost_usd")


def poisson(series: int, weeks: int = 40, rate: float = 5.0, seed: int = 1) -> np.ndarray:
    """(series, weeks) independent sales."""
    return np.random.default_rng(seed).poisson(rate, (series, weeks)).astype(float)


def negative_binomial(rng: np.random.Generator, mean: np.ndarray, ratio: float, shape: tuple[int, ...]) -> np.ndarray:
    """Demand of so much mean whose variance is `ratio` times it."""
    return rng.negative_binomial(mean / (ratio - 1), 1 / ratio, shape).astype(float)


def weeks_before(count: int, as_of: date = AS_OF) -> list[date]:
    """First days of the last `count` weeks, the newest of which ends on `as_of`."""
    return [as_of - timedelta(days=6 + 7 * (count - 1 - j)) for j in range(count)]


def demand_frame(sales, stock_out_days=None, items=None, as_of: date = AS_OF, demand=None, is_carried=True) -> pl.DataFrame:
    """(series, weeks) sales, NaN for a missing row; the last column is the week that ends on `as_of`."""
    sales = np.atleast_2d(np.asarray(sales, dtype=float))
    out = np.zeros(sales.shape) if stock_out_days is None else np.atleast_2d(stock_out_days)
    demand = sales if demand is None else np.atleast_2d(np.asarray(demand, dtype=float))
    series, weeks = sales.shape
    frame = pl.DataFrame(
        {
            "item_id": np.repeat(np.arange(series) if items is None else items, weeks),
            "location_id": np.ones(series * weeks, dtype=int),
            "week_start_date": weeks_before(weeks, as_of) * series,
            "sold_units": sales.ravel(),
            "stock_out_days": out.astype(int).ravel(),
            **{f"{name}_units": demand.ravel() for name in ("demand", "demand_low", "demand_high")},
            "price_usd": np.full(series * weeks, 10.0),
            "is_carried": np.broadcast_to(is_carried, sales.shape).ravel(),
        }
    )
    return frame.filter(pl.col("sold_units").is_not_nan())


def item_frame(series: int, patterns="smooth", vendors=1, review_days: int = 7, **columns) -> pl.DataFrame:
    """Item-locations 0 .. series - 1 at location 1; a unit costs 0.1 USD a week to hold and 0.9 USD to miss."""
    frame = pl.DataFrame(
        {
            "item_id": np.arange(series),
            "location_id": np.ones(series, dtype=int),
            "vendor_id": [vendors] * series if not isinstance(vendors, list) else vendors,
            "abc_class": ["A"] * series,
            "demand_pattern": [patterns] * series if isinstance(patterns, str) else patterns,
            "review_period_days": [review_days] * series,
            **{name: [None] * series for name in NOT_SAID},
            "holding_cost_usd": [0.1] * series,
            "shortage_cost_usd": [0.9] * series,
            "cycle_service_level": [0.95] * series,
            "fill_rate_level": [0.98] * series,
            "is_carried": [True] * series,
        },
        schema_overrides={"vendor_id": pl.Int32},
    )
    return frame.with_columns(**{name: pl.Series(name, values) for name, values in columns.items()})


def lead_time_frame(distribution: dict[int, float] | None = None, vendor: int = 1) -> pl.DataFrame:
    """One vendor's lead times; 7 or 14 days, evenly, unless said otherwise."""
    distribution = {7: 0.5, 14: 0.5} if distribution is None else distribution
    return pl.DataFrame(
        {
            "vendor_id": [vendor] * len(distribution),
            "lead_time_days": list(distribution),
            "probability": list(distribution.values()),
        },
        schema={"vendor_id": pl.Int32, "lead_time_days": pl.Int32, "probability": pl.Float64},
    )


def calendar_frame(weeks: int, locations=(1,), as_of: date = AS_OF) -> pl.DataFrame:
    """The weeks of history and 26 ahead, without a holiday."""
    starts = weeks_before(weeks + WEEKS_AHEAD, as_of + timedelta(days=7 * WEEKS_AHEAD))
    middle = [start + timedelta(days=3) for start in starts]
    rows = {
        "week_start_date": starts,
        "holiday_days": [0] * len(starts),
        "month": [day.month for day in middle],
        "quarter": [(day.month + 2) // 3 for day in middle],
        "week_of_year": [day.isocalendar().week for day in middle],
        "year_ago_alignment_ratio": [1.0] * len(starts),
    }
    return pl.concat([pl.DataFrame(rows).with_columns(location_id=pl.lit(location)) for location in locations])


def promotion_frame(rows: list[tuple[int, date, int]] | None = None) -> pl.DataFrame:
    """(item, week, promoted days) at location 1, no discount said."""
    schema = {"item_id": pl.Int32, "week_start_date": pl.Date, "promotion_days": pl.Int32}
    frame = pl.DataFrame(rows or [], schema=schema, orient="row")
    return frame.with_columns(location_id=pl.lit(1), discount=pl.lit(0.0))


def feature_frames(sales, *, out=None, items=None, lead=None, demand=None, known=None, is_carried=True) -> Features:
    """All frames of a run; whatever is not said is as plain as can be."""
    sales = np.atleast_2d(np.asarray(sales, dtype=float))
    return Features(
        demand_weekly=demand_frame(sales, out, demand=demand, is_carried=is_carried),
        known_weekly=promotion_frame() if known is None else known,
        calendar_weekly=calendar_frame(sales.shape[1]),
        signals_weekly=SIGNALS_WEEKLY.empty(),
        item_locations=item_frame(len(sales)) if items is None else items,
        lead_time_distribution=lead_time_frame() if lead is None else lead,
    )


def shuffled(features: Features, seed: int = 3) -> Features:
    """The same rows in another order."""
    return Features(*(frame.sample(fraction=1.0, shuffle=True, seed=seed) for frame in features.frames))


def with_frame(features: Features, **frames: pl.DataFrame) -> Features:
    return replace(features, **frames)


def panel_of(sales, in_stock=None, season: int = 1, start=None, known=None, known_names=()) -> Panel:
    """A panel whose demand is its sales."""
    sales = np.atleast_2d(np.asarray(sales, dtype=float))
    return Panel(
        units=sales,
        training_units=sales,
        is_in_stock=np.ones(sales.shape, dtype=bool) if in_stock is None else np.atleast_2d(in_stock),
        start=np.zeros(len(sales), dtype=np.int64) if start is None else np.asarray(start, dtype=np.int64),
        season=season,
        **({} if known is None else {"known": np.asarray(known, dtype=np.float32), "known_names": tuple(known_names)}),
    )


GRID_ARRAY = np.array(GRID)
