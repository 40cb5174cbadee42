"""New items: the curve of their category, their other stores, their own first weeks, and how wrong that is."""

from __future__ import annotations

import numpy as np
import pytest

from ml.forecasting.launch import LaunchCurves, LaunchSettings, launch_curves, new_item_paths

LEVELS = np.array([0.1, 0.5, 0.9])


def simulated(seed: int, items: int = 100, stores: int = 5, weeks: int = 60, horizon: int = 8) -> dict[str, np.ndarray]:
    """Launches that start at 2.5 times their later level; a quarter of the items has at most five weeks, some none."""
    random = np.random.default_rng(seed)
    item, store = np.divmod(np.arange(items * stores), stores)
    quality = random.lognormal(-0.125, 0.5, items)[item] * random.lognormal(-0.03, 0.25, items * stores)
    is_new = random.random(items) < 0.25
    launch = np.where(is_new, weeks - random.integers(0, 6, items), random.integers(-60, weeks, items))[item]
    age = np.arange(weeks + horizon) - launch[:, None]
    mean = np.array([4.0, 10, 25])[item % 3] * np.linspace(0.5, 1.6, stores)[store] * quality
    mean = np.where(age >= 0, mean[:, None] * (1 + 1.5 * np.exp(-np.maximum(age, 0) / 4)), 0)
    units = np.where(mean > 0, random.negative_binomial(np.maximum(mean, 1e-9) / 0.8, 1 / 1.8), 0).astype(float)
    return {
        "panel": (units[:, :weeks], np.clip(launch, 0, weeks), item % 3, store, item),
        "is_new": is_new[item],
        "actual": units[:, weeks:].sum(axis=1),
    }


def test_eighty_percent_intervals_of_the_sum_cover_and_the_mean_beats_the_weeks_seen() -> None:
    covered, errors, naive_errors = [], [], []
    for seed in range(6):
        case = simulated(seed)
        units, start, is_new = case["panel"][0], case["panel"][1], case["is_new"]
        found = new_item_paths(launch_curves(*case["panel"]), *case["panel"], is_new, 8, LEVELS)
        actual, age = case["actual"][is_new], 60 - start[is_new]
        covered.append((actual >= found.sum_quantiles[:, 0]) & (actual <= found.sum_quantiles[:, 2]))
        errors.append(np.abs(found.mean.sum(axis=1) - actual)[age > 0])
        naive_errors.append(np.abs(8 * units[is_new].sum(axis=1) / np.maximum(age, 1) - actual)[age > 0])
    assert 0.70 <= np.concatenate(covered).mean() <= 0.90
    assert np.concatenate(errors).mean() < 0.6 * np.concatenate(naive_errors).mean()


def test_other_stores_of_an_item_tell_of_its_quality() -> None:
    """Items that sell ten times the usual elsewhere are expected to sell well at a store that has not had them yet."""
    case = simulated(3)
    units, start, category, store, item = (values.copy() for values in case["panel"])
    mine = np.flatnonzero((start > 4) & (start < 40))[0]
    others = (item == item[mine]) & (np.arange(len(item)) != mine)
    is_new = np.arange(len(item)) == mine
    units[mine], start[mine] = 0, 60
    curves = launch_curves(units, start, category, store, item)
    usual = new_item_paths(curves, units, start, category, store, item, is_new, 4, LEVELS).mean.sum()
    units[others] *= 10
    assert new_item_paths(curves, units, start, category, store, item, is_new, 4, LEVELS).mean.sum() > 4 * usual


def test_credibility_by_hand() -> None:
    curves = LaunchCurves(
        curve=np.array([[10.0, 6.0], [8.0, 4.0]]),
        launches=np.array([14, 20]),
        series=np.array([30, 60]),
        store_level=np.array([1.0, 0.5]),
        item_variance=0.1,
        store_variance=0.2,
        dispersion=2.0,
        scale=1.5,
    )
    units, zero = np.array([[0.0, 16.0]]), np.zeros(1, dtype=int)
    found = new_item_paths(
        curves,
        units,
        np.array([1]),
        zero,
        zero,
        zero,
        np.array([True]),
        2,
        LEVELS,
        ["Wine"],
        settings=LaunchSettings(min_lead_weeks=1),
    )
    # One week seen: 16 units where 10 were expected, so a quality of 1.6. Noise 2 / 10 = 0.2, unknown quality 0.1 + 0.2 = 0.3:
    # weight 0.3 / 0.5 = 0.6, quality 1 + 0.6 x 0.6 = 1.36. Weeks 2 and 3 of the curve are 6 and, held flat, 6.
    assert found.mean[0] == pytest.approx([8.16, 8.16])
    # Unknown after it 0.3 x 0.4 = 0.12. Sum: 1.5 (2 x 16.32 + 12^2 x 0.12) = 74.88.
    assert found.sum_variance[0, 1] == pytest.approx(74.88)
    assert found.reason == ["new item: from 14 launches in category Wine and 1 weeks of its own"]


def test_an_unknown_category_takes_the_curve_of_all() -> None:
    curves = LaunchCurves(np.array([[10.0], [4.0]]), np.array([3, 5]), np.array([3, 5]), np.ones(1), 0.1, 0.1, 1.0, 1.0)
    minus, zero, begin = np.array([-1]), np.zeros(1, dtype=int), np.zeros(1, dtype=int)
    assert curves.expected(minus, zero, begin, begin + 3).tolist() == [12]
    assert curves.path(zero, zero, begin, 2).tolist() == [[10, 10]]


def test_the_curve_of_a_category_is_shrunk_to_that_of_all_where_launches_are_few() -> None:
    """30 launches sell 10, one of another category sells 100: its curve is between, nearer to its own with more of them."""

    def level(count: int) -> float:
        units = np.zeros((30 + count, 20))
        units[:30, 8:], units[30:, 8:] = 10, 100
        start, category = np.full(30 + count, 8), np.r_[np.zeros(30, dtype=int), np.ones(count, dtype=int)]
        zero = np.zeros(30 + count, dtype=int)
        return launch_curves(units, start, category, zero, np.arange(30 + count)).curve[1].mean()

    assert 12 < level(1) < level(5) < level(30) < 100


def test_without_any_launch_running_series_stand_in() -> None:
    units = np.random.default_rng(1).poisson(6, (40, 30)).astype(float)
    start, zero = np.zeros(40, dtype=int), np.zeros(40, dtype=int)
    start[39], units[39] = 30, 0
    panel = (units, start, zero, zero, np.arange(40))
    found = new_item_paths(launch_curves(*panel), *panel, np.arange(40) == 39, 4, LEVELS, ["Wine"])
    assert found.mean[0] == pytest.approx([6] * 4, rel=0.1)
    assert found.reason == ["new item: from 40 running series in category Wine, as no launch was seen"]


def test_an_empty_history_expects_nothing() -> None:
    units, start, zero = np.zeros((1, 10)), np.array([10]), np.zeros(1, dtype=int)
    found = new_item_paths(launch_curves(units, start, zero, zero, zero), units, start, zero, zero, zero, start == 10, 4, LEVELS)
    assert found.mean.tolist() == [[0, 0, 0, 0]]
    assert found.sum_quantiles.tolist() == [[0, 0, 0]]


def test_weeks_without_stock_do_not_count_against_a_launch() -> None:
    case = simulated(1)
    units, start, *codes = case["panel"]
    in_stock = np.ones(units.shape, dtype=bool)
    row = np.flatnonzero(case["is_new"] & (start < 57))[0]
    plain = new_item_paths(launch_curves(units, start, *codes), units, start, *codes, case["is_new"], 4, LEVELS)
    cut = units.copy()
    cut[row, 59], in_stock[row, 59] = 0, False
    found = new_item_paths(
        launch_curves(cut, start, *codes, in_stock), cut, start, *codes, case["is_new"], 4, LEVELS, is_in_stock=in_stock
    )
    own = np.flatnonzero(np.flatnonzero(case["is_new"]) == row)[0]
    assert found.mean[own].sum() == pytest.approx(plain.mean[own].sum(), rel=0.3)


def test_one_large_recent_launch_does_not_make_the_curve_fall() -> None:
    """Twenty launches sell 5 a week for 40 weeks; two sell 200 a week, for the last 6 weeks only."""
    units, start = np.zeros((22, 50)), np.full(22, 10)
    units[:20, 10:], units[20:, 44:], start[20:] = 5, 200, 44
    zero = np.zeros(22, dtype=int)
    curve = launch_curves(units, start, zero, zero, np.arange(22)).curve[0]
    assert curve[:6].mean() == pytest.approx(curve[6:].mean(), rel=0.1)
