"""From paths to distributions: levels, boosting's own quantiles of sums, and random histories."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from forecast_frames import GRID_ARRAY, QUICK, panel_of, poisson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ml.forecasting import ForecastSettings, boosting_sums, forecast, forecast_sum
from ml.forecasting.engine import Direct, at_levels, estimate_all
from ml.forecasting.models import ENSEMBLE
from ml.forecasting.settings import GRID

LINE = GRID_ARRAY[None] * 100
"""The quantile function of a uniform distribution from 0 to 100."""


def test_levels_between_the_grid_are_interpolated_and_beyond_it_its_ends_stand() -> None:
    found = at_levels(LINE, [0.5, 0.33, 0.97, 0.0001, 0.9999])[0]
    assert found == pytest.approx([50, 33, 97, 0.5, 99.5])


@pytest.fixture(scope="module")
def made():
    settings = replace(QUICK, models=("moving_average", "tsb", "lightgbm"), boosting_min_rows=300, boosting_rounds=10,
                       boosting_quantile_rounds=10)  # fmt: skip
    return estimate_all(panel_of(poisson(40, 60), season=7), 6, settings, singles=True, sum_lengths=(2, 6))


def test_the_ensemble_lies_between_its_models(made) -> None:
    assert set(made.estimates) == {ENSEMBLE, "moving_average", "tsb", "lightgbm"}
    paths = np.stack([made.fitted.paths[name] for name in ("moving_average", "tsb", "lightgbm")])
    best = made.best
    assert best.name == ENSEMBLE
    assert (best.path >= paths.min(axis=0) - 1e-9).all()
    assert (best.path <= paths.max(axis=0) + 1e-9).all()


def test_ensemble_boosting_and_direct_quantiles_count_alike(made) -> None:
    assert made.best.period_shares.tolist() == pytest.approx([1 / 2, 1 / 2])
    assert made.best.sum_shares.tolist() == pytest.approx([1 / 3, 1 / 3, 1 / 3])
    rows, shares = np.arange(5), np.eye(3)
    parts = [made.sum_quantiles(replace(made.best, sum_shares=share), rows) for share in shares]
    assert made.sum_quantiles(made.best, rows) == pytest.approx(sum(parts) / 3)


def test_several_boosting_models_share_one_part() -> None:
    settings = replace(QUICK, models=("moving_average", "lightgbm", "lightgbm_squared", "lightgbm_absolute"), boosting_min_rows=300,
                       boosting_rounds=5, boosting_quantile_rounds=5)  # fmt: skip
    best = estimate_all(panel_of(poisson(40, 60), season=7), 4, settings, sum_lengths=(4,)).best
    # a path of medians says nothing about the spread around a mean
    assert best.period_shares.tolist() == pytest.approx([1 / 2, 1 / 4, 1 / 4])
    assert best.sum_shares.tolist() == pytest.approx([1 / 3, 1 / 6, 1 / 6, 1 / 3])


def test_without_boosting_the_distribution_is_that_around_the_centre() -> None:
    best = estimate_all(panel_of(poisson(5, 40)), 3, replace(QUICK, models=("tsb", "moving_average")), sum_lengths=(3,)).best
    assert best.direct is None
    assert best.period_shares.tolist() == best.sum_shares.tolist() == [1]


def test_one_model_alone_is_its_own_estimate() -> None:
    found = estimate_all(panel_of(poisson(5, 40)), 3, replace(QUICK, models=("tsb",)))
    assert list(found.estimates) == ["tsb"]
    assert found.best.path.tolist() == found.fitted.paths["tsb"].tolist()


def test_sums_of_one_length_are_those_of_all_lengths(made) -> None:
    rows, length = np.arange(40), np.arange(40) % 6 + 1
    for estimate in made.estimates.values():
        whole = made.sum_quantiles(estimate, rows, 1)
        assert made.sum_quantiles(estimate, rows, 1, length)[:, 0] == pytest.approx(whole[rows, length - 1])
        assert (np.diff(whole, axis=2) >= 0).all()


def test_boosting_quantiles_of_sums_between_and_beyond_the_lengths_asked_for(made) -> None:
    # asked for 2 and 4 periods: 20 and 36 at every level, up to one unit per level
    spread = np.arange(len(boosting_sums.QUANTILE_LEVELS), dtype=float)
    now = np.stack([np.stack([20 + spread, 36 + spread])] * 2)
    estimate = replace(made.best, direct=Direct((2, 4), now, now[:, None]))
    found = made.direct_quantiles(estimate, np.array([0, 1]), None)
    middle, at = GRID.index(0.5), boosting_sums.QUANTILE_LEVELS.index(0.5)
    # half of two periods, two, half-way, four, then in proportion
    assert found[0, :, middle] == pytest.approx([10 + at / 2, 20 + at, 28 + at, 36 + at, (36 + at) * 5 / 4, (36 + at) * 6 / 4])
    assert found[0, 1, GRID.index(0.05)] == pytest.approx(20)
    assert found[0, 1, GRID.index(0.95)] == pytest.approx(20 + spread[-1])
    # beyond the outermost levels the first centre goes on from there
    centre = made.centre_quantiles(made.best.centres[0], np.array([0]), None, is_sum=True)[0, 1]
    low, high = GRID.index(0.05), GRID.index(0.95)
    assert found[0, 1, -1] - found[0, 1, high] == pytest.approx(centre[-1] - centre[high])
    assert found[0, 1, 0] == pytest.approx(max(20 + centre[0] - centre[low], 0))


def test_where_boosting_is_silent_the_first_centre_speaks(made) -> None:
    nothing = np.full((40, 1, len(boosting_sums.QUANTILE_LEVELS)), np.nan)
    estimate = replace(made.best, direct=Direct((6,), nothing, nothing[:, None]))
    rows = np.arange(3)
    left = made.direct_quantiles(estimate, rows, None)
    assert left.tolist() == made.centre_quantiles(made.best.centres[0], rows, None, is_sum=True).tolist()


VALUES = st.one_of(
    st.none(),
    st.integers(-3, 30).map(float),
    st.sampled_from([0.0, 0.5, 1e9, 1e-9, float("nan"), float("inf"), float("-inf")]),
)
ROWS = st.lists(
    st.tuples(st.sampled_from("abc"), st.integers(0, 30), VALUES, st.sampled_from([True, False, None])), min_size=1, max_size=60
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    ROWS,
    st.integers(1, 5),
    st.sampled_from([("moving_average", "tsb"), ("lightgbm",), ("croston_sba", "lightgbm")]),
    st.integers(0, 2),
)
def test_any_history_has_a_forecast_in_order(rows, horizon: int, models: tuple[str, ...], origins: int) -> None:
    schema = {"unique_id": pl.String, "ds": pl.Date, "y": pl.Float64, "in_stock": pl.Boolean}
    dated = [(key, date(2024, 1, 1) + timedelta(days=day), y, stocked) for key, day, y, stocked in rows]
    history = pl.DataFrame(dated, schema=schema, orient="row")
    quick = ForecastSettings(models=models, origins=origins, boosting_min_rows=20, boosting_rounds=3, boosting_quantile_rounds=3)
    for door, count in ((forecast, horizon), (forecast_sum, 1)):
        found = door(history, horizon, "D", [0.01, 0.1, 0.5, 0.9, 0.99], settings=quick)
        assert found.height == count * history["unique_id"].n_unique()
        values = found.select("mean", "^q.*$").to_numpy()
        assert np.isfinite(values).all()
        assert (values >= 0).all()
        assert (np.diff(values[:, 1:], axis=1) >= 0).all()


@pytest.mark.parametrize("model", ["lightgbm", ENSEMBLE])
def test_what_sells_a_few_times_a_year_is_foretold_in_full(seldom, model: str) -> None:
    """A sale in fifty days: no leaf may take a lull for never, and no sale is an error."""
    assert 0.8 < seldom.estimates[model].path.mean() / 0.02 < 1.2


@pytest.fixture(scope="module")
def seldom():
    settings = ForecastSettings(models=("moving_average", "tsb", "lightgbm", "lightgbm_absolute"))
    return estimate_all(panel_of(poisson(150, 365, 0.02), season=7), 14, settings, singles=True)
