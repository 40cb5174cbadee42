"""Feature frames for tests, from arrays of weekly sales."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

AS_OF = date(2024, 12, 29)
NOT_SAID = (
    "product_category",
    "store_location",
    "first_week_start_date",
    "holding_cost_usd",
    "shortage_cost_usd",
    "unit_cost_usd",
)


def demand_frame(sales, stock_out_days=None, items=None, as_of: date = AS_OF) -> pl.DataFrame:
    """(series, weeks) sales, NaN for a missing row; the last column is the week that ends on `as_of`."""
    sales = np.atleast_2d(np.asarray(sales, dtype=float))
    out = np.zeros(sales.shape) if stock_out_days is None else np.atleast_2d(stock_out_days)
    series, weeks = sales.shape
    starts = [as_of - timedelta(days=6 + 7 * (weeks - 1 - j)) for j in range(weeks)]
    frame = pl.DataFrame(
        {
            "item_id": np.repeat(np.arange(series) if items is None else items, weeks),
            "location_id": np.ones(series * weeks, dtype=int),
            "week_start_date": starts * series,
            "sold_units": sales.ravel(),
            "stock_out_days": out.astype(int).ravel(),
            **{f"{name}_units": sales.ravel() for name in ("demand", "demand_low", "demand_high")},
            "price_usd": np.full(series * weeks, 10.0),
        }
    )
    return frame.filter(pl.col("sold_units").is_not_nan())


def item_frame(series: int, patterns="smooth", vendors=1, review_days: int = 7) -> pl.DataFrame:
    """Item-locations 0 .. series - 1 at location 1."""
    return pl.DataFrame(
        {
            "item_id": np.arange(series),
            "location_id": np.ones(series, dtype=int),
            "vendor_id": [vendors] * series if not isinstance(vendors, list) else vendors,
            "abc_class": ["A"] * series,
            "demand_pattern": [patterns] * series if isinstance(patterns, str) else patterns,
            "review_period_days": [review_days] * series,
            **{name: [None] * series for name in NOT_SAID},
            "cycle_service_level": [0.95] * series,
        },
        schema_overrides={"vendor_id": pl.Int32},
    )


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
