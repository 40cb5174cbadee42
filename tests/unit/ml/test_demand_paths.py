"""Paths of demand: what they say of a past that is known, and of one that hardly is."""

from __future__ import annotations

import numpy as np
import pytest

from ml.replenishment import changes, resample, state_space
from ml.replenishment.demand import demand_paths
from ml.replenishment.draws import draw
from ml.replenishment.season import shared_season
from ml.replenishment.settings import DecisionSettings

SETTINGS = DecisionSettings()
WAVES = (4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 16.0, 25.0)
AHEAD = 6


def beginning(units: np.ndarray) -> np.ndarray:
    """All series from the first column on."""
    return np.zeros(len(units), dtype=np.int64)


def paths_of(units: np.ndarray, in_stock: np.ndarray | None = None) -> np.ndarray:
    """(S, 256, 6)"""
    units = np.atleast_2d(units).astype(float)
    known = np.ones(units.shape, dtype=bool) if in_stock is None else np.atleast_2d(in_stock)
    return demand_paths(units, known, beginning(units), WAVES, draw(SETTINGS.paths, AHEAD, 4, SETTINGS.seed), SETTINGS)


@pytest.mark.parametrize("periods", [1, 2, 3, 4, 5, 30])
def test_paths_are_numbers_of_units_however_short_the_past(periods: int) -> None:
    random = np.random.default_rng(periods)
    paths = paths_of(np.stack([random.poisson(9, periods), np.zeros(periods), 1e6 * random.random(periods)]))
    assert paths.shape == (3, 256, AHEAD)
    assert np.isfinite(paths).all()
    assert (paths >= 0).all()


def test_mean_and_deviation_of_steady_demand_are_found() -> None:
    random = np.random.default_rng(1)
    paths = paths_of(random.normal(100, 10, (20, 120)))
    assert paths.mean() == pytest.approx(100, rel=0.02)
    assert paths[:, :, 0].std(axis=1).mean() == pytest.approx(10, rel=0.2)


def test_a_short_past_leaves_more_doubt_than_a_long_one() -> None:
    long = np.random.default_rng(2).normal(100, 10, (10, 100))
    spread = [paths_of(units).sum(axis=2).std(axis=1).mean() for units in (long[:, -5:], long)]
    assert spread[0] > 1.2 * spread[1]


def test_no_demand_is_foreseen_where_there_was_none() -> None:
    assert paths_of(np.zeros(40)).mean() < 0.1


def test_a_new_level_is_followed() -> None:
    units = np.r_[np.full(30, 20.0), np.full(8, 60.0)] + np.random.default_rng(3).normal(0, 3, 38)
    assert paths_of(units).mean() == pytest.approx(60, rel=0.1)


def test_a_trend_is_carried_on() -> None:
    units = 20 + 2.0 * np.arange(50) + np.random.default_rng(4).normal(0, 2, 50)
    # 120 is the first value ahead, 130 the last
    mean = paths_of(units)[0].mean(axis=0)
    assert mean[0] == pytest.approx(120, rel=0.06)
    assert mean[-1] > mean[0]


def test_a_wave_is_carried_on() -> None:
    at = np.arange(66)
    wave = 50 + 30 * np.sin(2 * np.pi * at / 8)
    mean = paths_of(wave[:60] + np.random.default_rng(5).normal(0, 2, 60))[0].mean(axis=0)
    assert np.abs(mean - wave[60:]).mean() < 8
    assert np.corrcoef(mean, wave[60:])[0, 1] > 0.9


def test_one_burst_is_not_a_new_level() -> None:
    units = np.full(40, 20.0) + np.random.default_rng(6).normal(0, 2, 40)
    units[-3] = 120
    assert paths_of(units).mean() == pytest.approx(20, rel=0.35)


def test_lumpy_demand_stays_lumpy() -> None:
    random = np.random.default_rng(7)
    units = np.where(random.random((10, 80)) < 0.25, random.integers(5, 40, (10, 80)), 0)
    first = paths_of(units)[:, :, 0]
    assert (first < 1).mean() == pytest.approx(0.75, abs=0.25)
    assert first.mean() == pytest.approx(units.mean(), rel=0.3)


def test_a_past_without_stock_ahead_of_the_first_sales_says_nothing() -> None:
    units = np.r_[np.zeros(6), np.full(20, 30.0)]
    known = np.arange(26) >= 6
    assert paths_of(units, known).mean() == pytest.approx(30, rel=0.05)


def test_weighted_quantiles_of_the_past() -> None:
    units = np.array([[1.0, 2.0, 3.0, 4.0]])
    # equal weights: half are at or below 2; halved per period, 1/15, 2/15, 4/15, 8/15: only with the newest half is passed
    assert resample.quantiles(units, beginning(units), 1.0, np.array([0.5])).tolist() == [[2.0]]
    assert resample.quantiles(units, beginning(units), 0.5, np.array([0.5])).tolist() == [[4.0]]


def test_doubt_about_the_level_of_lumpy_demand_does_not_raise_its_mean() -> None:
    units = np.array([[0.0, 12.0, 0.0, 0.0, 3.0, 0.0, 40.0, 2.0, 0.0, 1.0]])
    drawn = resample.draw_paths(units, beginning(units), 1.0, draw(1_024, 8, 1, SETTINGS.seed))
    assert drawn.mean() == pytest.approx(units.mean(), rel=0.05)


def test_the_run_that_began_with_a_jump_is_found() -> None:
    units = np.r_[np.full(20, 10.0), np.full(5, 50.0)] + np.random.default_rng(8).normal(0, 1, 25)
    runs = changes.find_runs(units[None], np.ones((1, 25), dtype=bool), beginning(units[None]), SETTINGS)
    # the newest entry is a run that begins next; the present one is five periods old
    assert runs.weight[0, 1:].argmax() + 1 == 5
    assert runs.mean[0, 5] == pytest.approx(50, abs=2)


def test_weights_of_the_bank_add_up_and_a_trend_wins_where_there_is_one() -> None:
    units = np.stack([50 + np.random.default_rng(9).normal(0, 3, 40), 3.0 * np.arange(40)])
    bank = state_space.specs(WAVES)
    made = state_space.filter_bank(units, np.ones(units.shape, dtype=bool), beginning(units), bank, SETTINGS)
    assert made.weight.sum(axis=1) == pytest.approx([1, 1])
    has_slope = np.array([spec.slope > 0 for spec in bank])
    assert made.weight[1, has_slope].sum() > 0.9 > made.weight[0, has_slope].sum()


def test_a_season_in_common_has_mean_one_and_must_earn_its_place() -> None:
    place = np.arange(84) % 7
    random = np.random.default_rng(10)
    weekly = random.poisson(np.where(place >= 5, 30.0, 10.0), (12, 84)).astype(float)
    known = np.ones(weekly.shape, dtype=bool)
    factors = shared_season(weekly, known, place, 7)
    assert factors is not None
    assert factors.mean() == pytest.approx(1)
    # 30 and 10 around a mean of 110 / 7
    assert factors[5:].mean() == pytest.approx(30 * 7 / 110, rel=0.1)
    assert shared_season(random.poisson(15, (12, 84)).astype(float), known, place, 7) is None
    assert shared_season(weekly[:, :8], known[:, :8], place[:8], 7) is None


def test_what_never_was_in_stock_has_no_season() -> None:
    units = np.random.default_rng(3).poisson(5, (1, 84)).astype(float)
    assert shared_season(units, np.zeros((1, 84), dtype=bool), np.arange(84) % 7, 7) is None


def test_what_never_was_sold_has_no_season() -> None:
    assert shared_season(np.zeros((1, 84)), np.ones((1, 84), dtype=bool), np.arange(84) % 7, 7) is None


@pytest.mark.parametrize("length", [1, 2, 3, 4, 12, 30, 70])
def test_no_digit_of_a_series_hangs_on_what_began_before_it(length: int) -> None:
    random = np.random.default_rng(length)
    units, known = random.poisson(6, (3, 90)).astype(float), random.random((3, 90)) < 0.8
    start = np.array([0, 90 - length, 90 - length])
    begun = np.arange(90) >= start[:, None]
    draws = draw(SETTINGS.paths, AHEAD, 4, SETTINGS.seed)
    together = demand_paths(units * begun, known & begun, start, WAVES, draws, SETTINGS)
    alone = paths_of(units[1:2, -length:], known[1:2, -length:])
    assert np.array_equal(together[1], alone[0])
