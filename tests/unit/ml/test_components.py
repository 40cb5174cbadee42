"""Components of demand: they add up, and each finds what was put in."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from ml.forecasting.components import aggregate, component_rows, decompose


def seasonal_demand(weeks: int = 156, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    at = np.arange(weeks)
    trend, season = 50 + 0.2 * at, 10 * np.sin(2 * np.pi * at / 52)
    return trend + season + np.random.default_rng(seed).normal(0, 1, weeks), trend, season


def test_the_parts_add_up_to_the_demand() -> None:
    demand = np.random.default_rng(1).poisson(6, (5, 120)).astype(float)
    start = np.array([0, 10, 40, 119, 120])
    parts = decompose(demand, start)
    assert parts.has_season.tolist() == [True, True, False, False, False]
    for row, begin in enumerate(start):
        total = (parts.trend + parts.seasonal + parts.remainder)[row]
        assert total[begin:] == pytest.approx(demand[row, begin:], abs=1e-9)
        assert np.isnan(total[:begin]).all()


def test_a_season_and_a_trend_are_found() -> None:
    demand, trend, season = seasonal_demand()
    parts = decompose(demand[None], np.zeros(1, dtype=int))
    assert np.abs(parts.trend[0] - trend).mean() < 1
    assert np.abs(parts.seasonal[0] - season).mean() < 1.2
    assert np.corrcoef(parts.seasonal[0], season)[0, 1] > 0.98


def test_an_odd_week_that_was_treated_is_remainder() -> None:
    demand, trend, _ = seasonal_demand()
    treated = demand.copy()
    demand[70] += 200
    parts = decompose(demand[None], np.zeros(1, dtype=int), fit_units=treated[None])
    assert parts.remainder[0, 70] > 180
    assert np.abs(parts.trend[0] - trend).max() < 5


def test_two_seasons_are_told_apart() -> None:
    at = np.arange(364)
    weekly, longer = 5 * np.sin(2 * np.pi * at / 7), 8 * np.sin(2 * np.pi * at / 91)
    parts = decompose((40 + weekly + longer)[None], np.zeros(1, dtype=int), seasons=(7, 91))
    assert np.abs(parts.seasonal[0] - weekly - longer).mean() < 1


def test_less_than_two_seasons_is_a_straight_line_where_demand_is_one() -> None:
    demand = np.stack([3 + 2.0 * np.arange(40), np.full(40, 7.0)])
    parts = decompose(demand, np.array([0, 25]))
    assert parts.trend[0] == pytest.approx(demand[0])
    assert parts.trend[1, 25:] == pytest.approx(7)
    assert (parts.seasonal[0] == 0).all()


def test_rows_have_the_weeks_of_each_series_only() -> None:
    demand = np.array([[0.0, 4.0, 6.0], [1.0, 1.0, 1.0]])
    keys = pl.DataFrame({"item_id": [58, 58], "location_id": [1, 2]}, schema={"item_id": pl.Int32, "location_id": pl.Int32})
    rows = component_rows(decompose(demand, np.array([1, 3])), demand, keys, date(2024, 12, 23))
    assert rows.columns == [
        "item_id",
        "location_id",
        "week_start_date",
        "demand_units",
        "trend_units",
        "seasonal_units",
        "remainder_units",
    ]
    assert rows["week_start_date"].to_list() == [date(2024, 12, 16), date(2024, 12, 23)]
    assert rows["demand_units"].to_list() == [4.0, 6.0]


def test_an_aggregate_is_the_sum_from_the_first_member_on() -> None:
    total, first = aggregate(np.array([[0.0, 2, 3], [1, 1, 1], [5, 5, 5]]), np.array([1, 0, 0]), np.array([0, 0, 1]), 2)
    assert total.tolist() == [[1, 3, 4], [5, 5, 5]]
    assert first.tolist() == [0, 0]
