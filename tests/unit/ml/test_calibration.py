"""Variance laws, shapes of errors, levels that cover what they promise: worked by hand, and against known truths.

The bounds at held-out time are wide enough for the sampling error of some 300 held-out sums (one deviation at 0.9 is 0.017), and
narrow enough that leaving out the review period, adding weekly quantiles, or a fixed Poisson for erratic demand falls outside.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from forecast_frames import AS_OF, QUICK, feature_frames, item_frame, lead_time_frame, panel_of
from scipy import stats

from ml.contracts import LEAD_TIME_DEMAND
from ml.forecasting import ForecastSettings, run_forecast
from ml.forecasting.calibration import ErrorShape, Segments, VarianceLaw, dispersion, error_shape, variance_law
from ml.forecasting.settings import GRID

SERIES, WEEKS, HELD_OUT = 300, 52, 4


def simulate(kind: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = (SERIES, WEEKS + HELD_OUT)
    if kind == "slow":
        return rng.poisson(rng.uniform(0.03, 0.3, SERIES)[:, None], shape).astype(float)
    rate = rng.lognormal(2.0, 1.0, SERIES)[:, None]
    if kind == "poisson":
        return rng.poisson(rate, shape).astype(float)
    return rng.poisson(rng.gamma(2.0, rate / 2.0, shape)).astype(float)


@pytest.mark.parametrize(
    ("kind", "pattern", "slack"),
    # A slow mover's quantile is a whole unit, so it covers at least what it says, and often more.
    [("poisson", "smooth", 0.06), ("negative binomial", "erratic", 0.045), ("slow", "intermittent", 0.09)],
)
def test_coverage_of_the_sum_at_held_out_time(kind: str, pattern: str, slack: float) -> None:
    sales = simulate(kind, seed=11)
    features = feature_frames(sales[:, :WEEKS], items=item_frame(SERIES, pattern), lead=lead_time_frame({21: 1.0}))
    result = run_forecast(features, as_of_date=AS_OF, settings=QUICK)
    actual = pl.DataFrame({"item_id": np.arange(SERIES, dtype=np.int32), "actual": sales[:, WEEKS:].sum(axis=1)})
    joined = result[LEAD_TIME_DEMAND].join(actual, on="item_id").with_columns(hit=pl.col("actual") <= pl.col("quantile_units"))
    shares = joined.group_by("model", "quantile").agg(pl.col("hit").mean())
    reached = {(model, level): share for model, level, share in shares.iter_rows()}
    for model in ("ensemble",):
        for nominal, low in ((0.9, 0.86), (0.95, 0.92), (0.99, 0.97)):
            share = reached[model, nominal]
            assert low <= share <= min(nominal + slack, 1.0), (model, nominal, share)


def pool(series: int, *names: str) -> Segments:
    return Segments(np.zeros(series, dtype=np.int64), names or ("smooth",))


def test_dispersion_by_hand() -> None:
    # Series 0: 2, 4, 6, 8: mean 5, squares 20, ratio sum 4, freedom 3. Series 1: constant: 0, freedom 3. The pool holds
    # (4 + 0 + 4) / (6 + 4) = 0.8, with 4 periods of Poisson; each series takes 4 periods of the pool.
    found = dispersion(panel_of([[2, 4, 6, 8], [5, 5, 5, 5]]), 4, pool(2), ForecastSettings())
    assert found.tolist() == pytest.approx([(4 + 4 * 0.8) / 7, (0 + 4 * 0.8) / 7])


def test_dispersion_reads_only_stocked_periods_before_the_origin() -> None:
    sales = [[2, 4, 99, 6, 8, 50, 70]]
    in_stock = [[True, True, False, True, True, True, True]]
    alone = dispersion(panel_of([[2, 4, 6, 8]]), 4, pool(1), ForecastSettings())
    assert dispersion(panel_of(sales, in_stock), 5, pool(1), ForecastSettings()) == pytest.approx(alone)
    # nothing known: Poisson
    assert dispersion(panel_of([[0, 0, 0]]), 3, pool(1), ForecastSettings()).tolist() == [1.0]


def test_the_law_recovers_known_variances() -> None:
    # Errors with variance 2 x phi mu + 0.09 mu^2, phi = 1, on means from 1 to 1,000.
    rng = np.random.default_rng(3)
    shape = (4000, 3, 1)
    mean = rng.lognormal(3.0, 1.5, shape)
    error = rng.normal(0, np.sqrt(2 * mean + 0.09 * mean**2))
    everything = np.ones(shape, dtype=bool)
    law = variance_law(mean, mean + error, np.ones(shape[:2]), everything, pool(4000), ForecastSettings())
    assert law.scale[0, 0] == pytest.approx(2.0, rel=0.1)
    assert law.level[0, 0] == pytest.approx(0.09, rel=0.1)


def test_without_a_window_the_law_is_that_of_independent_periods() -> None:
    nothing = np.zeros((5, 2, 3))
    law = variance_law(nothing, nothing, np.ones((5, 2)), nothing.astype(bool), pool(5), ForecastSettings())
    assert law.scale.tolist() == [[1.0] * 3]
    assert law.level.tolist() == [[0.0] * 3]


def test_a_longer_sum_is_not_better_known() -> None:
    law = VarianceLaw(np.array([[2.0, 0.5]]), np.array([[0.0, 0.01]]))
    found = law.variance(np.array([0]), np.array([1.0]), np.array([[4.0, 8.0, 12.0]]))
    # 2 x 4 = 8; 0.5 x 8 + 0.01 x 64 = 4.64, not below 8; beyond what was fitted the last coefficients stay: 6 + 1.44
    assert found[0].tolist() == [8, 8, 8]
    longer = law.variance(np.array([0]), np.array([1.0]), np.array([[4.0, 8.0, 40.0]]))
    assert longer[0].tolist() == [8, 8, 36]


def test_the_shape_of_errors_by_hand() -> None:
    # One bucket: errors in deviations are those given; mean 10, variance 4: 10 + 2 x.
    table = np.linspace(-2, 2, len(GRID))
    shape = ErrorShape(np.array([0.0]), table[None])
    assert shape.quantiles(np.array([10.0]), np.array([4.0]))[0] == pytest.approx(10 + 2 * table)
    # less than nothing is nothing
    assert shape.quantiles(np.array([1.0]), np.array([4.0]))[0][0] == 0


def test_between_two_buckets_the_shape_is_interpolated() -> None:
    narrow, wide = np.zeros(len(GRID)), np.full(len(GRID), 2.0)
    shape = ErrorShape(np.log(np.array([0.1, 1.0])), np.stack([narrow, wide]))
    # deviation over mean 0.1, its geometric middle, 1, and beyond both ends; deviation 1
    ratio = np.array([0.1, np.sqrt(0.1), 1.0, 0.01, 10.0])
    found = shape.quantiles(1 / ratio, np.ones(5))[:, 0]
    assert found == pytest.approx(1 / ratio + np.array([0, 1, 2, 0, 2]))


def test_the_shape_is_learned_where_there_are_enough_windows() -> None:
    rng = np.random.default_rng(2)
    count = 6000
    mean = rng.choice([5.0, 500.0], count)
    variance = mean * 4
    # skewed for small means, symmetric for large ones
    standard = np.where(mean < 50, rng.exponential(1.0, count) - 1, rng.normal(0, 1, count))
    actual = mean + np.sqrt(variance) * standard
    valid = np.ones(count, dtype=bool)
    found = error_shape(mean, variance, actual, valid, ForecastSettings(bucket_windows=3000, max_buckets=2))
    assert found is not None
    ninety = GRID.index(0.9)
    # the smaller the deviation over the mean, the earlier the bucket: large means first
    assert found.table[0, ninety] == pytest.approx(stats.norm.ppf(0.9), abs=0.1)
    assert found.table[1, ninety] == pytest.approx(-np.log(0.1) - 1, abs=0.12)
    assert error_shape(mean, variance, actual, valid & (np.arange(count) < 299), ForecastSettings()) is None


def test_windows_without_a_forecast_or_in_a_stock_out_teach_no_shape() -> None:
    mean, actual = np.r_[np.full(400, 10.0), np.zeros(400)], np.full(800, 12.0)
    valid = np.ones(800, dtype=bool)
    found = error_shape(mean, mean * 0.4, actual, valid, ForecastSettings())
    assert found is not None
    assert found.table == pytest.approx(np.ones((1, len(GRID))))  # (12 - 10) / 2
    assert error_shape(mean, mean * 0.4, actual, valid & (np.arange(800) >= 400), ForecastSettings()) is None
