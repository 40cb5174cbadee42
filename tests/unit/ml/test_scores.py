"""Scores of the backtest: the cost of a decision, coverage and errors, worked by hand on made-up backtests."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from forecast_frames import panel_of
from scipy import stats

from ml import evaluation
from ml.forecasting import ForecastSettings
from ml.forecasting.backtest import Backtest, Fitted
from ml.forecasting.calibration import Segments, VarianceLaw
from ml.forecasting.engine import Centre, Estimate, Forecasts
from ml.forecasting.ensemble import Weights
from ml.forecasting.models import Workshop
from ml.forecasting.scores import naive_errors, score_series, segment_scores


def made_of(path: np.ndarray, units: np.ndarray, valid: np.ndarray | None = None, history=None) -> tuple[Forecasts, Estimate]:
    """A model that said `path` where `units` came, (series, origins, horizon), with Poisson quantiles around it."""
    valid = np.ones(units.shape, dtype=bool) if valid is None else valid
    series, origins, horizon = units.shape
    history = np.full((series, 20), 5.0) if history is None else history
    poisson_law = VarianceLaw(np.ones((1, horizon)), np.zeros((1, horizon)))
    centre = Centre(path[:, -1], path, poisson_law, poisson_law, None, ())
    estimate = Estimate("m", path[:, -1], path, (centre,), np.ones(series, dtype=bool), np.ones(1), np.ones(1))
    tested = Backtest(
        np.arange(series),
        tuple(range(8, 8 + origins)),
        {"m": path},
        units,
        valid,
        valid,
        np.logical_and.accumulate(valid, axis=2),
    )
    everyone, phi = Segments(np.zeros(series, dtype=np.int64), ("smooth",)), np.ones((series, origins))
    fitted = Fitted({"m": path[:, -1]}, {"m": np.ones(series, dtype=bool)}, Workshop())
    one = np.ones((1, 1))
    made = Forecasts(
        panel_of(history), ForecastSettings(), horizon, everyone, tested, fitted, Weights(("m",), one, one), {"m": estimate},
        phi[:, 0], phi,
    )  # fmt: skip
    return made, estimate


def keys(series: int, holding: float | None = 0.25, shortage: float | None = 2.0) -> pl.DataFrame:
    costs = {"holding_cost_usd": [holding] * series, "shortage_cost_usd": [shortage] * series}
    return pl.DataFrame(costs, schema=dict.fromkeys(costs, pl.Float64))


@pytest.mark.parametrize(
    ("came", "cost"),
    [
        # One order for two weeks, each unit left over costs 2 x 0.25 = 0.50, each unit missing 2.00: the critical ratio is
        # 2 / 2.5 = 0.8; the 80 % quantile of Poisson(10) is 13.
        (10.0, (13 - 10) * 0.50 / 2),
        (13.0, 0.0),
        (20.0, (20 - 13) * 2.00 / 2),
    ],
)
def test_the_cost_of_a_decision_by_hand(came: float, cost: float) -> None:
    assert stats.poisson.ppf(0.8, 10) == 13
    made, estimate = made_of(np.full((1, 1, 2), 5.0), np.full((1, 1, 2), came / 2))
    found = score_series(made, estimate, np.array([2]), keys(1))
    assert found.columns["decision_cost"][0] == pytest.approx(cost)
    assert segment_scores(made, estimate, found, naive_errors(made), np.array([True]))["decision_cost_usd"] == pytest.approx(cost)


def test_without_a_price_there_is_no_cost() -> None:
    made, estimate = made_of(np.full((1, 1, 2), 5.0), np.full((1, 1, 2), 4.0))
    for known in (keys(1, holding=None), keys(1, shortage=None)):
        found = score_series(made, estimate, np.array([2]), known)
        assert np.isnan(found.columns["decision_cost"][0])
        assert np.isnan(segment_scores(made, estimate, found, naive_errors(made), np.array([True]))["decision_cost_usd"])
        assert found.columns["pinball"][0] > 0


def test_coverage_by_hand() -> None:
    # The 80 % interval of Poisson(10) reaches from 6 to 14. Four origins: 6 and 14 lie inside, 5 and 15 do not.
    assert stats.poisson.ppf([0.1, 0.9], 10).tolist() == [6, 14]
    made, estimate = made_of(np.full((1, 4, 1), 10.0), np.array([[[6.0], [14.0], [5.0], [15.0]]]))
    found = score_series(made, estimate, np.array([1]), keys(1))
    assert found.covered.tolist() == [0.5]


def test_errors_of_sums_by_hand() -> None:
    # Sums of the first two of three periods; forecasts 3 + 3; actuals 2 + 6 and 1 + 1.
    made, estimate = made_of(np.full((1, 2, 3), 3.0), np.array([[[2.0, 6.0, 50.0], [1.0, 1.0, 50.0]]]))
    columns = score_series(made, estimate, np.array([2]), keys(1)).columns
    assert columns["bias"][0] == pytest.approx((-2 + 4) / 2)
    assert columns["mae"][0] == pytest.approx(3)
    assert columns["rmse"][0] == pytest.approx(np.sqrt((4 + 16) / 2))
    assert columns["wape"][0] == pytest.approx(6 / 10)
    levels = np.array([*(0.05 * k for k in range(1, 20)), 0.975, 0.99])
    wanted = [evaluation.pinball(stats.poisson.ppf(levels, 6), came, levels) for came in (8.0, 2.0)]
    assert columns["pinball"][0] == pytest.approx(np.mean(wanted))


def test_a_window_with_a_stock_out_is_not_scored() -> None:
    valid = np.array([[[True, False], [True, True]]])
    made, estimate = made_of(np.full((1, 2, 2), 3.0), np.array([[[9.0, 9.0], [2.0, 2.0]]]), valid)
    found = score_series(made, estimate, np.array([2]), keys(1))
    assert found.columns["origins"].tolist() == [1]
    assert found.columns["mae"].tolist() == [2]
    # of single periods the first of the first window counts
    whole = segment_scores(made, estimate, found, naive_errors(made), np.array([True]))
    assert whole["mae_units"] == pytest.approx((6 + 1 + 1) / 3)


def test_scores_of_a_segment_by_hand() -> None:
    # Two series with steps of 2 in their history; forecasts 4; actuals 6 and 4 of the first, 0 and 3 of the second.
    history = np.tile([4.0, 6.0], (2, 10))
    made, estimate = made_of(np.full((2, 1, 2), 4.0), np.array([[[6.0, 4.0]], [[0.0, 3.0]]]), history=history)
    found = score_series(made, estimate, np.array([2, 2]), keys(2))
    both = segment_scores(made, estimate, found, naive_errors(made), np.array([True, True]))
    assert both["mae_units"] == pytest.approx((2 + 0 + 4 + 1) / 4)
    assert both["mse_units"] == pytest.approx((4 + 0 + 16 + 1) / 4)
    assert both["rmse_units"] == pytest.approx(np.sqrt(21 / 4))
    assert both["wape"] == pytest.approx(7 / 13)
    assert both["bias_units"] == pytest.approx(3 / 4)
    assert both["mase"] == pytest.approx(7 / 4 / 2)
    assert both["rmsse"] == pytest.approx(np.sqrt(21 / 4 / 4))
    # the mean of the actuals is 3.25: squares 7.5625 + 0.5625 + 10.5625 + 0.0625
    assert both["r2"] == pytest.approx(1 - 21 / 18.75)
    # without the period of no sale
    assert both["mape_nonzero"] == pytest.approx((2 / 6 + 0 + 1 / 3) / 3)
    only = segment_scores(made, estimate, found, naive_errors(made), np.array([True, False]))
    assert only["mae_units"] == pytest.approx(1)


def test_an_empty_segment_has_no_score() -> None:
    made, estimate = made_of(np.full((1, 1, 1), 4.0), np.full((1, 1, 1), 4.0), np.zeros((1, 1, 1), dtype=bool))
    found = score_series(made, estimate, np.array([1]), keys(1))
    scores = segment_scores(made, estimate, found, naive_errors(made), np.array([True]))
    assert np.isnan(list(scores.values())).all()


def test_naive_steps_are_of_the_weeks_before_the_first_origin() -> None:
    history = np.r_[np.tile([4.0, 6.0], 4), np.full(12, 100.0)][None]
    made, _ = made_of(np.full((1, 1, 1), 4.0), np.full((1, 1, 1), 4.0), history=history)
    found = naive_errors(made)
    assert found.absolute.tolist() == [2]
    assert found.squared.tolist() == [4]
