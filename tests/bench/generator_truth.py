"""Forecasts of generated demand against the generator's own distribution.

Belongs here: a warehouse as of a day in the past, the true distribution of the weeks after it, the ratio of losses.
Does not belong here: real data (`rivals`), the cost of computing (`arima_cost`), tables.
"""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
from forecast_losses import LEVELS, pinball
from numpy.typing import NDArray
from rivals import said

from dagster_project.demo.ranging import expected_demand
from dagster_project.demo.seasons import calendar, demand_factors
from dagster_project.demo.sizes import SIZES, WARM_UP_DAYS
from dagster_project.demo.world import build_world
from dagster_project.settings import Settings
from ml import contracts
from ml.forecasting import Features, ForecastSettings
from ml.forecasting.engine import estimate_all
from ml.forecasting.weekly import WeeklyPanel, build_panel, usable_demand

Array = NDArray[np.float64]

SIZE, SEED, WEEKS = "medium", 7, 4
_DRAWS, _MOOD, _WEEKS_APART = 2_000, 0.10, 13


def stockroom(*arguments: str, env: dict[str, str] | None = None) -> None:
    """One command of the product. Stops the benchmark when it fails."""
    command = [sys.executable, "-m", "dagster_project.cli", *arguments]
    done = subprocess.run(command, env={**os.environ, **(env or {})}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"stockroom {' '.join(arguments)} failed:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")


def as_of_days(count: int, size: str = SIZE) -> list[date]:
    """Days to decide for, newest first, a quarter of a year apart: the last one leaves the horizon to score."""
    return [SIZES[size].end - timedelta(days=7 * (WEEKS + _WEEKS_APART * k)) for k in range(count)]


def features_of(data: Path, as_of: date, home: Path) -> Features:
    """The features of a warehouse that knows nothing after `as_of`."""
    settings = Settings(source_dir=data.resolve(), warehouse=home / f"{as_of}.duckdb", as_of=as_of)
    selection = ["--select", "+path:models/features", "--exclude-resource-type", "test", "unit_test"]
    stockroom("dbt", "build", *selection, env=settings.to_env())
    with duckdb.connect(str(settings.warehouse), read_only=True) as connection:
        return Features(*(connection.sql(f"from features.{c.name}").pl() for c in contracts.FEATURES)).conformed()


def weekly_panel(data: Path, as_of: date, home: Path) -> WeeklyPanel:
    """The same on a grid of weeks."""
    features = features_of(data, as_of, home)
    demand = usable_demand(features.demand_weekly, features.item_locations, as_of, ForecastSettings())
    return build_panel(dataclasses.replace(features, demand_weekly=demand), as_of, WEEKS, ForecastSettings())


def true_sums(keys: pl.DataFrame, as_of: date, periods: int) -> tuple[Array, NDArray[np.bool_], Array]:
    """Draws of true demand over the weeks after `as_of`, (series, 2 x draws); who is in the range all along; and the true mean of
    each of the `periods` weeks before and the weeks after, (series, periods + weeks), 0 before the generator's first day.

    As the generator does: a negative binomial per day around the true rate, times the mood of a store's day.
    """
    size = SIZES[SIZE]
    world = build_world(size, SEED)
    factors = demand_factors(calendar(size.warm_start, size.total_days))
    first = (as_of - size.start).days + 1 + WARM_UP_DAYS
    days = slice(first, first + 7 * WEEKS)
    whole_weeks = min(first // 7, periods)
    rng = np.random.default_rng(SEED)
    row = {(item, store): k for k, (item, store) in enumerate(keys.select("item_id", "location_id").iter_rows())}
    drawn, ranged = np.zeros((keys.height, 2 * _DRAWS)), np.zeros(keys.height, dtype=bool)
    means = np.zeros((keys.height, periods + WEEKS))
    for items in world.ranges:
        every = expected_demand(items, world.brands, world.prices, factors, size)
        expected = every[days]
        weekly = every[first - 7 * whole_weeks : days.stop].reshape(whole_weeks + WEEKS, 7, -1).sum(axis=1)
        mood = rng.lognormal(-0.5 * _MOOD**2, _MOOD, (2 * _DRAWS, 7 * WEEKS))
        for k, (brand, shape) in enumerate(zip(items.brand.tolist(), items.dispersion.tolist(), strict=True)):
            at = row.get((int(world.brands.number[brand]), int(world.stores.number[items.store])))
            if at is not None:
                rate = rng.standard_gamma(shape, mood.shape) * mood * expected[:, k] / shape
                drawn[at] = rng.poisson(rate).sum(axis=1)
                means[at, periods - whole_weeks :] = weekly[:, k]
                ranged[at] = items.launch_day[k] < first and items.delist_day[k] >= days.stop
    return drawn, ranged, means


def true_demand(data: Path, keys: pl.DataFrame, as_of: date) -> Array:
    """Units asked for in each of the weeks after `as_of`, (series, weeks)."""
    asked = (
        pl.scan_parquet(data / "truth" / "demand.parquet")
        .with_columns(week=(pl.col("date") - pl.lit(as_of)).dt.total_days().sub(1) // 7)
        .filter(pl.col("week").is_between(0, WEEKS - 1))
        .group_by("item_id", "location_id", "week")
        .agg(pl.col("demand_units").sum())
        .collect()
    )
    place = keys.select(pl.col("item_id", "location_id").cast(pl.Int32)).with_row_index("row")
    found = np.zeros((keys.height, WEEKS))
    rows = asked.join(place, on=["item_id", "location_id"])
    found[rows["row"].to_numpy(), rows["week"].to_numpy()] = rows["demand_units"].to_numpy()
    return found


def against_generator(data: Path, as_of: date, weekly: WeeklyPanel) -> dict[str, Any]:
    """Pinball loss of the sum over the weeks, class A, as a ratio to that of the generator's own quantiles.

    `expected` takes the mean over the true distribution, `came` what happened: the same loss with the luck of one draw in it.
    `attainable` is the ratio of somebody who knows the generator's season, trend, prices and spread, and learns each series' level from
    its history alone: a mark of what can be reached.
    """
    started = time.process_time()
    made = estimate_all(weekly.panel, WEEKS, ForecastSettings(), singles=True, sum_lengths=(WEEKS,))
    seconds = time.process_time() - started
    is_a = (weekly.keys["abc_class"] == "A").fill_null(value=False).to_numpy()
    wanted = weekly.keys.filter(pl.Series(is_a))
    drawn, ranged, means = true_sums(wanted, as_of, weekly.panel.periods)
    at = np.flatnonzero(is_a)[ranged]
    drawn, means = drawn[ranged], means[ranged]
    own = np.quantile(drawn[:, :_DRAWS], LEVELS, axis=1).T
    came = true_demand(data, weekly.keys, as_of)[at].sum(axis=1)

    def loss(quantiles: Array) -> tuple[float, float]:
        judged = np.concatenate([drawn[:, _DRAWS:], came[:, None]], axis=1)
        found = np.concatenate([pinball(quantiles[b : b + 200, None, :], judged[b : b + 200]) for b in range(0, len(at), 200)])
        return float(found[:, :-1].mean()), float(found[:, -1].mean())

    best = loss(own)
    ratios = {}
    for name, estimate in made.estimates.items():
        expected, happened = loss(said(made, estimate).sum[at])
        ratios[name] = {"expected": expected / best[0], "came": happened / best[1]}
    sums = said(made, made.best).sum[at]
    panel = weekly.panel
    used = panel.is_in_stock[at] & (np.arange(panel.periods) >= panel.start[at][:, None])
    past = means[:, : panel.periods]
    level = ((panel.training_units[at] * used).sum(axis=1) + 1) / ((past * used).sum(axis=1) + 1)
    ahead = means[:, panel.periods :].sum()
    return {
        "as_of": str(as_of),
        "class_a": int(is_a.sum()),
        "scored": len(at),
        "mean_units": float(came.mean()),
        "generator_loss_units": best[0],
        "covered_80": float(((came >= sums[:, 1]) & (came <= sums[:, LEVELS.index(0.9)])).mean()),
        "bias": float(made.best.path[at].sum() / ahead - 1),
        "attainable": loss(own * level[:, None])[0] / best[0],
        "series": weekly.panel.series,
        "cpu_s_per_1000": seconds / weekly.panel.series * 1_000,
        "ratios": ratios,
    }
