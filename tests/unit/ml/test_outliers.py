"""Outliers: what is flagged, what is left alone, and what models are trained on."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from ml.forecasting.outliers import TREATMENTS, OutlierSettings, find_outliers, outlier_rows

ROBUST = OutlierSettings(use_forest=False)


def found(units, settings: OutlierSettings = ROBUST, event=None, in_stock=None, start=None):
    units = np.atleast_2d(np.asarray(units, dtype=float))
    start = np.zeros(len(units), dtype=int) if start is None else np.asarray(start)
    in_stock = np.ones(units.shape, dtype=bool) if in_stock is None else in_stock
    return find_outliers(units, start, in_stock, event, settings)


def clean(mean: float, ratio: float, weeks: int = 52, series: int = 400, seed: int = 1) -> np.ndarray:
    """Negative binomial demand with variance = ratio x mean."""
    return np.random.default_rng(seed).negative_binomial(mean / (ratio - 1), 1 / ratio, size=(series, weeks)).astype(float)


def test_the_bound_by_hand() -> None:
    units = np.full(25, 100.0)
    units[12] = 1000
    result = found(units)
    # 24 weeks lie on the level: the deviation is its floor, 1. Threshold 3.4 x (1 + 2.5 / 25) = 3.74, so that the root
    # may reach 2 sqrt(100.375) + 3.74 = 23.7775, which are (23.7775 / 2) ^ 2 - 3/8 = 140.97 units. The usual sale is 100, its
    # spread on the log scale 1 / sqrt(100) = 0.1: 100 exp(1.8 x 1.1 x 0.1) = 121.9 units is the lower of the two.
    assert result.training_units[0, 12] == pytest.approx(140.97, abs=0.01)
    assert result.is_robust_outlier.sum() == 1
    assert result.robust_z[0, 12] == pytest.approx(2 * np.sqrt(1000.375) - 2 * np.sqrt(100.375), rel=1e-4)
    assert result.training_units[0, np.arange(25) != 12].tolist() == [100.0] * 24


@pytest.mark.parametrize(
    ("mean", "ratio"), [(0.2, 1.5), (0.5, 2.0), (1.0, 1.001), (1.0, 3.0), (5.0, 4.0), (20.0, 2.0), (100.0, 8.0)]
)
def test_ordinary_noise_of_counts_is_not_flagged(mean: float, ratio: float) -> None:
    assert found(clean(mean, ratio)).is_robust_outlier.mean() <= 0.005


@pytest.mark.parametrize(("mean", "ratio"), [(5.0, 1.001), (5.0, 2.0), (5.0, 4.0), (20.0, 4.0), (100.0, 8.0)])
def test_ten_times_the_mean_is_found(mean: float, ratio: float) -> None:
    units = clean(mean, ratio)
    rows, weeks = np.arange(400), np.random.default_rng(2).integers(0, 52, 400)
    units[rows, weeks] = 10 * mean
    assert found(units).is_robust_outlier[rows, weeks].mean() >= 0.9


def test_a_lumpy_item_that_sells_its_usual_lot_is_no_outlier() -> None:
    units = np.zeros(52)
    units[[3, 11, 24, 30, 47]] = [40, 38, 41, 40, 42]
    assert not found(units).is_robust_outlier.any()
    units[24] = 900
    assert np.flatnonzero(found(units).is_robust_outlier).tolist() == [24]


def test_a_promotion_is_flagged_and_kept() -> None:
    units, event = np.full(30, 20.0), np.zeros((1, 30), dtype=bool)
    units[[10, 20]], event[0, 10] = 300, True
    result = found(units, event=event)
    assert TREATMENTS[result.treatment[0, 10]] == "kept: promotion or holiday"
    assert TREATMENTS[result.treatment[0, 20]] == "capped at the robust bound"
    assert result.training_units[0, 10] == 300
    assert result.training_units[0, 20] < 60


def test_a_new_level_is_kept() -> None:
    units = np.r_[np.full(40, 20.0), np.full(3, 200.0)]
    result = found(units)
    assert result.is_robust_outlier[0, 40:].all()
    assert result.training_units[0].tolist() == units.tolist()


def test_the_same_week_of_every_year_is_kept() -> None:
    units = np.full(130, 20.0)
    units[[20, 72, 124]] = 300
    result = found(units)
    assert {TREATMENTS[code] for code in result.treatment[0, [20, 72, 124]]} == {
        "kept: same week of another year moved the same way"
    }
    assert result.training_units[0].tolist() == units.tolist()


def test_a_low_week_is_lifted_but_not_one_without_stock() -> None:
    units, in_stock = np.full((2, 30), 100.0), np.ones((2, 30), dtype=bool)
    units[:, 15], in_stock[1, 15] = 0, False
    result = found(units, in_stock=in_stock)
    assert result.is_robust_outlier[:, 15].tolist() == [True, False]
    assert 50 < result.training_units[0, 15] < 100
    assert TREATMENTS[result.treatment[0, 15]] == "raised to the robust bound"
    assert result.training_units[1, 15] == 0


@pytest.mark.parametrize("units", [np.zeros(30), np.full(30, 7.0), np.r_[np.zeros(25), 5.0, np.zeros(4)], np.ones(3)])
def test_nothing_to_compare_with_is_nothing_found(units: np.ndarray) -> None:
    result = found(units, OutlierSettings())
    assert not result.is_robust_outlier.any()
    assert result.training_units[0].tolist() == units.tolist()


def test_weeks_before_the_first_are_not_tested() -> None:
    units = np.r_[np.zeros(20), np.full(20, 100.0)]
    result = found(units, start=[20])
    assert not result.is_robust_outlier.any()
    assert (result.robust_z[0, :20] == 0).all()


def test_the_forest_scores_candidates_only_and_says_the_same_twice() -> None:
    units = clean(20, 2, series=100)
    units[7, 30] = 2000
    first, second = (found(units, OutlierSettings()) for _ in range(2))
    assert np.array_equal(first.isolation_score, second.isolation_score, equal_nan=True)
    assert first.is_isolation_outlier[7, 30]
    assert first.is_isolation_outlier.mean() <= 0.002
    assert np.isfinite(first.isolation_score).mean() < 0.05


def test_chunks_do_not_change_the_result() -> None:
    units = clean(5, 4, series=50)
    whole, parts = found(units), found(units, OutlierSettings(use_forest=False, chunk_series=7))
    assert np.array_equal(whole.training_units, parts.training_units)
    assert np.array_equal(whole.treatment, parts.treatment)


def test_every_flagged_week_has_a_row_with_its_reading() -> None:
    """10 were sold before the shelf was empty, 300 would have been: the demand is capped, and still above the sales."""
    units = np.full((1, 30), 20.0)
    units[0, 29] = 300
    result = found(units)
    sold = units.copy()
    sold[0, 29] = 10
    keys = pl.DataFrame({"item_id": [58], "location_id": [1]}, schema={"item_id": pl.Int32, "location_id": pl.Int32})
    rows = outlier_rows(result, sold, units, keys, date(2024, 12, 23)).to_dicts()
    assert len(rows) == 1
    assert rows[0] | {"expected_units": None, "robust_z": None, "training_units": None} == {
        "item_id": 58,
        "location_id": 1,
        "week_start_date": date(2024, 12, 23),
        "sold_units": 10.0,
        "demand_units": 300.0,
        "expected_units": None,
        "robust_z": None,
        "isolation_score": None,
        "is_robust_outlier": True,
        "is_isolation_outlier": False,
        "training_units": None,
        "treatment": "capped at the robust bound",
    }
    assert rows[0]["expected_units"] == pytest.approx(20, abs=1e-4)
    assert 10 < rows[0]["training_units"] < 300


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="thresholds"):
        OutlierSettings(threshold=0)
