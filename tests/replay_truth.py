"""A replay of generated data with the generator's own truth: what was really demanded, and from which distribution.

Belongs here: what the proof and its small test share. Does not belong here: tables, expected numbers.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from dagster_project.demo.ranging import expected_demand
from dagster_project.demo.seasons import calendar, demand_factors
from dagster_project.demo.sizes import SIZES, WARM_UP_DAYS
from dagster_project.demo.world import build_world
from ml.contracts import DEMAND_WEEKLY, ITEM_LOCATIONS, REPLAY_FEATURES
from ml.replenishment.replay_panel import ReplayFeatures, ReplayPanel, build_panel
from ml.replenishment.rolling import TrueDistribution

_MOOD_VARIANCE = np.exp(0.10**2) - 1
"""A store's good and bad days: lognormal around 1."""


def read_features(warehouse: Path) -> tuple[ReplayFeatures, date]:
    """The tables of a replay, and the as-of day."""
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        frames = (connection.sql(f"from features.{c.name}").pl() for c in (DEMAND_WEEKLY, ITEM_LOCATIONS, *REPLAY_FEATURES))
        return ReplayFeatures(*frames).conformed(), connection.sql("select as_of_date from intermediate.int_as_of").fetchone()[0]


def true_panel(
    data: Path, warehouse: Path, size: str, seed: int, weeks: int = 52
) -> tuple[ReplayPanel, TrueDistribution, ReplayPanel]:
    """The panel with true demand, of item-stores that are in the range over all replayed weeks; their true distribution; and the panel of
    all item-stores as the warehouse knows them.

    Forecasts still learn from what the warehouse estimates. Nobody but the generator knows when an item enters or leaves the range, and
    demand after that depends on what the clerk had left: such item-stores would compare knowledge, not policies.
    """
    features, as_of = read_features(warehouse)
    panel = build_panel(features, as_of, weeks)
    asked = (
        pl.scan_parquet(data / "truth" / "demand.parquet")
        .with_columns(week=(pl.col("date") - pl.lit(panel.first_week)).dt.total_days().floordiv(7).cast(pl.Int32))
        .filter(pl.col("week").is_between(0, panel.weeks - 1))
        .group_by("item_id", "location_id", "week")
        .agg(pl.col("demand_units").sum(), pl.col("sales_units").sum())
        .collect()
        .join(panel.keys.select("item_id", "location_id").with_row_index("row"), on=["item_id", "location_id"])
    )
    demand = np.zeros_like(panel.demand)
    demand[asked["row"].to_numpy(), asked["week"].to_numpy()] = asked["demand_units"].to_numpy()
    mean, variance, in_range = _distribution(panel, size, seed)
    kept = np.flatnonzero(in_range)
    true = panel.with_changes(demand=demand, demand_low=demand, demand_high=demand).rows(kept)
    return true, TrueDistribution(*(_cumulative(values[kept]) for values in (mean, variance))), panel


def _cumulative(weekly: np.ndarray) -> np.ndarray:
    return np.concatenate([np.zeros((len(weekly), 1)), np.cumsum(weekly, axis=1)], axis=1)


def _distribution(panel: ReplayPanel, size_name: str, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and variance of each replayed week as the generator draws it, and who is in the range from before the first to the last."""
    size = SIZES[size_name]
    world = build_world(size, seed)
    factors = demand_factors(calendar(size.warm_start, size.total_days))
    first = (panel.first_week - size.start).days + WARM_UP_DAYS
    days = slice(first, first + 7 * panel.weeks)
    row = {key: k for k, key in enumerate(panel.keys.select("item_id", "location_id").iter_rows())}
    mean, variance = np.zeros((2, panel.series, panel.weeks))
    in_range = np.zeros(panel.series, dtype=bool)
    for items in world.ranges:
        daily = expected_demand(items, world.brands, world.prices, factors, size)[days]
        of_day = daily + daily**2 * ((1 + 1 / items.dispersion) * (1 + _MOOD_VARIANCE) - 1)
        weekly, spread = (values.reshape(panel.weeks, 7, -1).sum(axis=1) for values in (daily, of_day))
        for k, brand in enumerate(items.brand.tolist()):
            at = row.get((int(world.brands.number[brand]), int(world.stores.number[items.store])))
            if at is not None:
                mean[at], variance[at] = weekly[:, k], spread[:, k]
                in_range[at] = items.launch_day[k] < first and items.delist_day[k] >= days.stop
    return mean, variance, in_range
