"""Protection intervals and the mixture over lead times."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ml.contracts import QUANTILES, ContractError
from ml.forecasting import ForecastSettings
from ml.forecasting.lead_time import Intervals, _mixture_quantiles, at_days, interval_demand, protection_intervals
from ml.forecasting.settings import GRID

LEVELS = np.array(QUANTILES)
SETTINGS = ForecastSettings()


def items(*vendors: int | None, review: int = 0) -> pl.DataFrame:
    return pl.DataFrame(
        {"vendor_id": list(vendors), "review_period_days": [review] * len(vendors)},
        schema={"vendor_id": pl.Int32, "review_period_days": pl.Int32},
    )


def lead_times(rows: list[tuple[int, int, float]]) -> pl.DataFrame:
    schema = {"vendor_id": pl.Int32, "lead_time_days": pl.Int32, "probability": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def weekly_sums(rate_per_week: float, weeks: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Quantile functions and means of demand summed over 1, 2 ... weeks of Poisson demand, of one series."""
    mean = rate_per_week * np.arange(1.0, weeks + 1)
    return stats.poisson.ppf(np.array(GRID), mean[:, None])[None], mean[None]


def intervals_of(rows: list[tuple[int, int, float]], review: int = 0) -> Intervals:
    return protection_intervals(items(1, review=review), lead_times(rows), SETTINGS)


def one(quantiles: np.ndarray, mean: np.ndarray, rows: list[tuple[int, int, float]], review: int = 0, levels=LEVELS):
    """Mean, mixture quantiles and fixed quantiles of the first series."""
    found = interval_demand(quantiles, mean, intervals_of(rows, review), np.array([0]), levels)
    return [values[0] for values in found]


def test_two_lead_times_by_hand() -> None:
    # Two units for certain over 7 days, six for certain over 21; each lead time is as likely as the other. The mean lead time
    # of 14 days sees four.
    certain = np.repeat(np.array([[2.0], [4.0], [6.0]]), len(GRID), axis=1)[None]
    mean, uncertain, fixed = one(certain, certain[:, :, 0], [(1, 7, 0.5), (1, 21, 0.5)])
    assert mean == 4
    assert uncertain.tolist() == [2.0 if level <= 0.5 else 6.0 for level in QUANTILES]
    assert fixed.tolist() == [4.0] * len(QUANTILES)


def test_three_uneven_lead_times_by_hand() -> None:
    # Quantile functions of (0, 10): level p is 10 p; the weeks add 0, 10 and 30. Of weights 0.2, 0.5, 0.3 the middle one reaches
    # from 10 to 20: at 15 lie 0.2 + 0.25, at 20 lie 0.7. From 30 on: at 35 lie 0.7 + 0.15.
    grid = np.array(GRID)
    parts = 10 * grid[None, None, :] + np.array([0.0, 10.0, 30.0])[None, :, None]
    found = _mixture_quantiles(parts, np.array([[0.2, 0.5, 0.3]]), np.array([0.1, 0.45, 0.85]))
    assert found[0] == pytest.approx([5, 15, 35], abs=1e-6)


@pytest.mark.parametrize("days", [1, 10, 35, 60])
def test_a_certain_lead_time_costs_nothing(days: int) -> None:
    _, uncertain, fixed = one(*weekly_sums(3.0), [(1, days, 1.0)])
    assert uncertain.tolist() == fixed.tolist()


def test_a_certain_lead_time_of_whole_weeks_is_the_sums_own_distribution() -> None:
    mean, uncertain, _ = one(*weekly_sums(2.0), [(1, 14, 1.0)], review=7, levels=np.array(GRID))
    assert mean == 6
    assert uncertain.tolist() == stats.poisson.ppf(np.array(GRID), 6).tolist()


def test_one_of_many_equal_lead_times_is_as_good_as_certain() -> None:
    # the probability is split over two vendors' lines of the same day: the mixture of equal parts is that part
    quantiles, _ = weekly_sums(2.0)
    parts = np.repeat(quantiles[:, 2:3], 3, axis=1)
    found = _mixture_quantiles(parts, np.array([[0.2, 0.3, 0.5]]), np.array([0.1, 0.5, 0.9]))
    assert found[0].tolist() == stats.poisson.ppf([0.1, 0.5, 0.9], 6).tolist()


def test_whole_units_stay_whole() -> None:
    # rounded up to whole packs, a billionth above a whole unit would be an order
    _, uncertain, _ = one(*weekly_sums(1.0), [(1, 7, 0.4), (1, 14, 0.6)], levels=np.array(GRID))
    assert (np.ceil(uncertain) <= uncertain + 0.999).all()
    nothing, no_mean = np.zeros((1, 3, len(GRID))), np.zeros((1, 3))
    assert one(nothing, no_mean, [(1, 7, 0.4), (1, 14, 0.6)])[1].tolist() == [0.0] * len(QUANTILES)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_mixture_is_what_counting_says(data) -> None:
    # Brute force: the distribution function of each part, averaged; its quantile by search.
    grid, count = np.array(GRID), data.draw(st.integers(2, 4))
    units = st.integers(0, 40)
    parts = np.array(
        [sorted(data.draw(st.lists(units, min_size=len(GRID), max_size=len(GRID)))) for _ in range(count)], dtype=float
    )
    weight = np.array(data.draw(st.lists(st.integers(1, 9), min_size=count, max_size=count)), dtype=float)
    weight /= weight.sum()
    level = data.draw(st.sampled_from([0.05, 0.33, 0.5, 0.8, 0.95, 0.99]))

    def below(x: float) -> float:
        """P(mixture <= x): mass is spread evenly between two levels, and lies on the ends beyond them."""
        total = 0.0
        for own, share in zip(parts, weight, strict=True):
            if x >= own[-1]:
                total += share
            elif x >= own[0]:
                right = int(np.searchsorted(own, x, side="right"))
                inside = (x - own[right - 1]) / (own[right] - own[right - 1])
                total += share * (grid[right - 1] + inside * (grid[right] - grid[right - 1]))
        return total

    found = float(_mixture_quantiles(parts[None], weight[None], np.array([level]))[0, 0])
    assert below(found + 1e-6) >= level - 1e-6
    assert found == 0 or below(found - 1e-6) <= level + 1e-6


def test_the_mean_is_of_the_mixture() -> None:
    # 0 units over 7 days, 40 over 21: 20 on average, although demand over the mean of 14 days would be 10.
    cumulative = np.array([[0.0, 10.0, 40.0]])
    mean, _, fixed = one(np.repeat(cumulative[:, :, None], len(GRID), axis=2), cumulative, [(1, 7, 0.5), (1, 21, 0.5)])
    assert mean == 20
    assert fixed.tolist() == [10.0] * len(QUANTILES)


def test_worked_fact_of_lead_time_variability() -> None:
    # d = 50, sigma = 15 a day, L = 14 +- 3 (discretised normal), R = 7: the definitions say 1,321 at 95 %, 1,163 when
    # the lead time's variability is left out.
    days = np.arange(3, 26)
    weight = stats.norm.pdf(days, 14, 3)
    rows = [(1, int(d), float(p)) for d, p in zip(days, weight / weight.sum(), strict=True)]
    weeks = np.arange(1.0, 9.0)
    quantiles = stats.norm.ppf(np.array(GRID), 350 * weeks[:, None], np.sqrt(1575 * weeks)[:, None])[None]
    mean, uncertain, fixed = one(quantiles, 350 * weeks[None], rows, 7, np.array([0.95]))
    assert mean == pytest.approx(1050)
    assert uncertain[0] == pytest.approx(1321, rel=0.015)
    assert fixed[0] == pytest.approx(1163, rel=0.015)


def test_days_between_weeks_take_a_part_of_the_next() -> None:
    cumulative = np.array([[7.0, 21.0]])
    days = np.array([0, 3, 7, 10.5, 14, 21])
    assert at_days(cumulative, np.zeros(6, dtype=int), days).tolist() == [0, 3, 7, 14, 21, 35]


@pytest.mark.parametrize("days", [43, 60, 300])
def test_far_beyond_the_last_week_quantiles_are_still_in_order(days: int) -> None:
    # the last week adds a whole unit or none to each level: 37 times over, that would turn levels round
    quantiles, mean = weekly_sums(0.3)
    _, uncertain, fixed = one(quantiles, mean, [(1, days, 1.0)], levels=np.array(GRID))
    assert (np.diff(fixed) >= 0).all()
    assert uncertain.tolist() == fixed.tolist()
    _, uncertain, _ = one(quantiles, mean, [(1, days, 0.5), (1, 7, 0.5)], levels=np.array(GRID))
    assert (np.diff(uncertain) >= 0).all()


def test_beyond_the_last_week_by_hand() -> None:
    # certain sums 2, 4, 9, 10 of four weeks; over the second half they grew by (10 - 4) / 2 = 3 a week: six weeks are 16
    certain = np.repeat(np.array([[2.0], [4.0], [9.0], [10.0]]), len(GRID), axis=1)[None]
    assert one(certain, certain[:, :, 0], [(1, 42, 1.0)])[2].tolist() == [16.0] * len(QUANTILES)


def test_vendors_without_observations_share_the_pool() -> None:
    rows = [(1, 4, 1.0), (2, 10, 0.5), (2, 20, 0.5)]
    intervals = protection_intervals(items(1, None, 9, review=1), lead_times(rows), SETTINGS)
    assert intervals.first.tolist() == [0, 1, 4]
    assert intervals.days.tolist() == [5, 5, 11, 21, 5, 11, 21]
    assert intervals.probability.tolist() == [1, 0.5, 0.25, 0.25, 0.5, 0.25, 0.25]
    assert intervals.mean_days.tolist() == [5, 10.5, 10.5]
    assert intervals.reason == ["", *["lead time pooled over all vendors"] * 2]


def test_without_any_vendor_the_default_is_said() -> None:
    intervals = protection_intervals(items(None), lead_times([]), SETTINGS)
    assert intervals.mean_days.tolist() == [14]
    assert intervals.reason == ["no lead time: default 14 days"]


@pytest.mark.parametrize("rows", [[(1, 4, 0.6)], [(1, -1, 1.0)], [(1, 4, 1.5), (1, 5, -0.5)]])
def test_what_is_no_distribution_is_refused(rows: list[tuple[int, int, float]]) -> None:
    with pytest.raises(ContractError):
        protection_intervals(items(1), lead_times(rows), SETTINGS)
