"""Weights and shares: convex, given to what is better, learned from hand-made backtests."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.forecasting import ForecastSettings
from ml.forecasting.backtest import Backtest
from ml.forecasting.ensemble import Weights, learn_weights

SETTINGS = ForecastSettings()


def backtest_of(units: np.ndarray, valid: np.ndarray | None = None, **paths: np.ndarray) -> Backtest:
    """A backtest of (series, origins, horizon) actuals and paths that broadcast to them."""
    valid = np.ones(units.shape, dtype=bool) if valid is None else valid
    full = {name: np.broadcast_to(path, units.shape).astype(float) for name, path in paths.items()}
    return Backtest(np.arange(len(units)), tuple(range(units.shape[1])), full, units, valid, valid, valid)


def weights_of(
    made: Backtest, segment: np.ndarray | None = None, segments: int = 1, level: float = 1.0, sale: float = 0.0
) -> Weights:
    series, origins, _ = made.units.shape
    code = np.zeros(series, dtype=np.int64) if segment is None else segment
    scales = (np.full((series, origins), value) for value in (level, sale))
    return learn_weights(made, *scales, code, segments, SETTINGS)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(1, 60), st.integers(0, 10_000))
def test_weights_are_convex_whatever_comes(models: int, series: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (series, 2, 3)
    paths = {f"m{j}": rng.gamma(1.0, 5.0, shape) for j in range(models)}
    found = weights_of(backtest_of(rng.poisson(3.0, shape).astype(float), rng.random(shape) > 0.3, **paths))
    for weights in (found.squared, found.absolute, found.mean):
        assert (weights >= 0).all()
        assert weights.sum(axis=1) == pytest.approx(1)


def test_the_better_model_gets_the_weight() -> None:
    rng = np.random.default_rng(1)
    truth = rng.gamma(4.0, 2.0, (200, 2, 3))
    found = weights_of(backtest_of(rng.poisson(truth).astype(float), good=truth, bad=truth[::-1]))
    for weights in (found.squared, found.absolute):
        assert weights[0, 0] > 0.9


def test_small_differences_count_where_all_models_err_little() -> None:
    # demand of a hundred, errors of one to five: what the prior weighs is in units of such errors, not of demand
    rng = np.random.default_rng(2)
    shape = (200, 2, 3)
    truth = rng.gamma(400.0, 0.25, shape)
    paths = {f"m{size}": truth + rng.normal(0, size, shape) for size in (1.0, 3.0, 5.0)}
    found = weights_of(backtest_of(truth, **paths), level=100.0)
    for weights in (found.squared, found.absolute):
        assert weights[0, 0] > 0.75


def test_a_model_too_high_and_one_too_low_share_the_weight() -> None:
    # Demand is 4, the models say 2 and 8: two thirds of 2 and one third of 8 are exact. The prior (a half each) moves it little.
    found = weights_of(backtest_of(np.full((100, 2, 3), 4.0), low=np.array(2.0), high=np.array(8.0)))
    assert found.squared[0] == pytest.approx([2 / 3, 1 / 3], abs=0.02)
    assert found.absolute[0] == pytest.approx([2 / 3, 1 / 3], abs=0.02)


def test_the_two_centres_part_where_demand_is_skewed() -> None:
    # Nothing in 70 % of the periods, else 10: the mean is 3, the median 0. Squared errors want the model that says 3, absolute
    # errors the one that says 0.
    rng = np.random.default_rng(2)
    units = 10.0 * (rng.random((400, 2, 3)) < 0.3)
    found = weights_of(backtest_of(units, mean=np.array(3.0), median=np.array(0.0)))
    assert found.squared[0, 0] > 0.9
    assert found.absolute[0, 1] > 0.7
    centres = [found.combine({"mean": np.full((400, 1), 3.0), "median": np.zeros((400, 1))}, np.zeros(400, dtype=int), w)
               for w in (found.squared, found.absolute)]  # fmt: skip
    assert centres[0].mean() > 2.7
    assert centres[1].mean() < 1


def test_segments_learn_their_own_and_small_ones_take_those_of_all() -> None:
    # 400 series where a is right, 400 where b is right, and one series with few periods.
    rng = np.random.default_rng(3)
    truth, wrong = rng.gamma(4.0, 2.0, (801, 2, 3)), rng.gamma(4.0, 2.0, (801, 2, 3))
    segment = np.repeat([0, 1, 2], [400, 400, 1])
    is_a = (segment == 0)[:, None, None]
    made = backtest_of(rng.poisson(truth).astype(float), a=np.where(is_a, truth, wrong), b=np.where(is_a, wrong, truth))
    found = weights_of(made, segment, 3)
    assert found.squared[0, 0] > 0.65
    assert found.squared[1, 0] < 0.35
    assert found.squared[2, 0] == pytest.approx(0.5, abs=0.1)


def test_nothing_to_learn_from_is_equal_weights() -> None:
    made = backtest_of(np.ones((3, 2, 2)), np.zeros((3, 2, 2), dtype=bool), a=np.array(1.0), b=np.array(2.0))
    assert weights_of(made).mean.tolist() == [[0.5, 0.5]]
    assert weights_of(backtest_of(np.ones((3, 2, 2)), alone=np.array(1.0))).mean.tolist() == [[1.0]]


def test_one_data_error_does_not_choose_the_models() -> None:
    rng = np.random.default_rng(4)
    truth = np.full((300, 2, 3), 5.0)
    units = rng.poisson(truth).astype(float)
    units[7, 1, 2] = 1e7
    found = weights_of(backtest_of(units, good=truth, ten_times=10 * truth), level=5.0)
    assert found.squared[0, 0] > 0.9
    assert found.absolute[0, 0] > 0.9


def test_combination_by_hand() -> None:
    weights = Weights(("a", "b"), np.array([[0.25, 0.75], [1.0, 0.0]]), np.array([[0.75, 0.25], [0.5, 0.5]]))
    assert weights.mean.tolist() == [[0.5, 0.5], [0.75, 0.25]]
    paths = {"a": np.array([[4.0, 8.0], [4.0, 8.0]]), "b": np.array([[0.0, 4.0], [0.0, 4.0]])}
    assert weights.combine(paths, np.array([0, 1]), weights.squared).tolist() == [[1, 5], [4, 8]]


@pytest.mark.parametrize("size", [1e-9, 1.0, 1e9])
def test_models_that_say_the_same_of_no_demand_are_weighed_all_the_same(size: float) -> None:
    # nothing to tell them apart by, and nothing to measure errors in: the equal weights of the prior
    same = np.random.default_rng(8).uniform(1, 2, (60, 2, 3)) * size
    found = weights_of(backtest_of(np.zeros((60, 2, 3)), a=same, b=same, c=same, d=same))
    assert found.squared[0] == pytest.approx([0.25] * 4, abs=0.01)
    assert found.absolute[0] == pytest.approx([0.25] * 4, abs=0.01)


def test_a_sale_of_what_sells_seldom_is_no_data_error() -> None:
    """One unit in fifty periods is fifty levels: cut to twenty, whoever says less than half of it would be right."""
    units = (np.random.default_rng(9).random((4_000, 3, 10)) < 0.02).astype(float)
    truth = np.full(units.shape, units.mean())
    made = backtest_of(units, right=truth, tenth=truth / 10)
    assert weights_of(made, level=0.02, sale=1.0).squared[0, 0] > 0.5
    assert weights_of(made, level=0.02, sale=0.0).squared[0, 0] < 0.4
