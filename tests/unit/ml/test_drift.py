"""Drift: what shifted is found, what was only shuffled is not."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from ml.forecasting.drift import DriftSettings, error_drift, forecast_errors, input_drift, must_retrain, psi, psi_of_counts

ZERO = np.zeros(300, dtype=int)


def demand(seed: int = 1, series: int = 300, weeks: int = 56) -> np.ndarray:
    random = np.random.default_rng(seed)
    mean = random.gamma(0.7, 8, (series, 1)) + 0.1
    return random.negative_binomial(mean, 0.5, (series, weeks)).astype(float)


def drifting(frame: pl.DataFrame) -> list[str]:
    return frame.filter("is_drifting")["name"].to_list()


def test_psi_by_hand() -> None:
    # half a count in each bin: shares 0.5 and 0.5 before, 50.5 / 201 = 0.25124 and 150.5 / 201 = 0.74876 now;
    # -0.24876 ln 0.50249 = 0.17119, 0.24876 ln 1.49751 = 0.10045
    assert psi_of_counts(np.array([100, 100]), np.array([50, 150])) == pytest.approx(0.27164, abs=1e-5)


def test_equal_populations_do_not_drift() -> None:
    values = np.random.default_rng(1).normal(size=(2, 5000))
    assert psi(values[0], values[1]) < 0.02
    assert psi(np.ones(50), np.ones(50)) == 0


@pytest.mark.parametrize("seed", range(5))
def test_shuffled_weeks_do_not_drift(seed: int) -> None:
    units = np.random.default_rng(seed).permuted(demand(seed), axis=1)
    price = np.random.default_rng(seed).normal(10, 0.5, units.shape)
    promotions = (np.random.default_rng(seed).random(units.shape) < 0.1) * 7.0
    found = input_drift(units, ZERO, price_usd=price, promotion_days=promotions)
    assert found["name"].to_list() == ["demand_level", "zero_share", "price", "promotion_share"]
    assert drifting(found) == []


def test_what_shifts_drifts_and_nothing_else() -> None:
    units, price = demand(), np.full((300, 56), 10.0) + np.random.default_rng(1).normal(0, 0.3, (300, 56))
    promotions = (np.random.default_rng(2).random(units.shape) < 0.1) * 7.0
    price[:, -8:] *= 1.2
    assert drifting(input_drift(units, ZERO, price_usd=price, promotion_days=promotions)) == ["price"]
    promotions[:, -8:] = 7
    assert drifting(input_drift(units, ZERO, promotion_days=promotions)) == ["promotion_share"]
    units[:, -8:] *= 2
    assert drifting(input_drift(units, ZERO)) == ["demand_level"]
    units[:, -8:] *= np.random.default_rng(3).random((300, 8)) < 0.3
    assert "zero_share" in drifting(input_drift(units, ZERO))


def test_values_are_levels_a_reader_knows() -> None:
    units = np.full((300, 56), 4.0)
    units[:, -8:] = 6
    row = input_drift(units, ZERO).row(0, named=True)
    assert (row["kind"], row["reference_value"], row["current_value"], row["is_drifting"]) == ("input", 4, 6, True)


def test_too_little_says_nothing() -> None:
    assert input_drift(demand(weeks=20), ZERO).height == 0
    assert input_drift(demand(series=5), ZERO[:5]).height == 0
    assert input_drift(demand(), ZERO + 50).height == 0
    assert error_drift({"wape": 9.0}, {"wape": 1.0}, observations=3).height == 0
    assert must_retrain(input_drift(demand(weeks=20), ZERO)).reason == "too little to compare"


def test_errors_by_hand() -> None:
    actual, mean = np.array([[10.0, 4.0]]), np.array([[8.0, 99.0]])
    quantiles = np.array([[[6.0, 12.0], [0.0, 0.0]]])
    found = forecast_errors(actual, quantiles, np.array([0.1, 0.9]), mean, np.array([[True, False]]))
    # |10 - 8| / 10; losses 0.1 x 4 and 0.1 x 2, their mean 0.3, over 10 units
    assert found == pytest.approx({"wape": 0.2, "scaled_pinball": 0.03})
    assert forecast_errors(0 * actual, quantiles, np.array([0.1, 0.9]), mean, np.array([[True, True]])) == {}


def test_an_error_that_grew_asks_for_training() -> None:
    drift = error_drift({"wape": 0.6, "scaled_pinball": 0.11}, {"wape": 0.4, "scaled_pinball": 0.1}, observations=500)
    assert drift["statistic"].to_list() == pytest.approx([1.5, 1.1])
    assert drifting(drift) == ["wape"]
    found = must_retrain(drift)
    assert found.is_due
    assert found.reason == "wape is 1.50 times that of the backtest"


def test_one_input_is_a_warning_two_are_a_reason() -> None:
    units = demand()
    units[:, -8:] *= 2
    one = input_drift(units, ZERO)
    assert not must_retrain(one).is_due
    assert "demand_level drifts" in must_retrain(one).reason
    units[:, -8:] *= np.random.default_rng(3).random((300, 8)) < 0.3
    assert must_retrain(input_drift(units, ZERO)).is_due


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="reference"):
        DriftSettings(current_weeks=8, reference_weeks=10)
