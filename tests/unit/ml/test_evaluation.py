"""Scores, worked by hand on three windows: forecasts 10, 4, 6 against actuals 8, 7, 6."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml import evaluation

FORECAST, ACTUAL = [10.0, 4.0, 6.0], [8.0, 7.0, 6.0]


def test_scores_by_hand() -> None:
    assert evaluation.mae(FORECAST, ACTUAL) == pytest.approx(5 / 3)
    assert evaluation.rmse(FORECAST, ACTUAL) == pytest.approx(np.sqrt(13 / 3))
    assert evaluation.bias(FORECAST, ACTUAL) == pytest.approx(-1 / 3)
    assert evaluation.wape(FORECAST, ACTUAL) == pytest.approx(5 / 21)


def test_pinball_by_hand() -> None:
    # p = 0.9: 2 over costs 0.1 x 2, 3 under costs 0.9 x 3, a hit nothing.
    assert evaluation.pinball(FORECAST, ACTUAL, 0.9) == pytest.approx((0.2 + 2.7 + 0.0) / 3)


def test_only_scored_windows_count() -> None:
    scored = [True, False, True]
    assert evaluation.mae(FORECAST, ACTUAL, scored) == pytest.approx(1.0)
    assert evaluation.bias(FORECAST, ACTUAL, scored) == pytest.approx(1.0)
    assert evaluation.wape(FORECAST, ACTUAL, scored) == pytest.approx(2 / 14)


def test_nothing_scored_is_not_an_error_of_zero() -> None:
    nothing = [False] * 3
    for score in (evaluation.mae, evaluation.rmse, evaluation.bias, evaluation.wape):
        assert np.isnan(score(FORECAST, ACTUAL, nothing))
    assert np.isnan(evaluation.wape([1.0, 2.0], [0.0, 0.0]))


def test_the_last_axis_is_reduced() -> None:
    result = evaluation.mae([[1.0, 3.0], [5.0, 5.0]], [[0.0, 0.0], [5.0, 5.0]])
    assert result.tolist() == [2.0, 0.0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 100), min_size=5, max_size=40), st.sampled_from([0.1, 0.5, 0.9]))
def test_pinball_is_least_at_the_sample_quantile(actual: list[int], level: float) -> None:
    best = np.quantile(actual, level, method="inverted_cdf")
    loss = evaluation.pinball(np.full(len(actual), best), actual, level)
    others = [evaluation.pinball(np.full(len(actual), float(q)), actual, level) for q in range(101)]
    assert loss <= min(others) + 1e-9
