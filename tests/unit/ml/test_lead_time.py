"""Protection intervals and the mixture over lead times."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from ml.contracts import QUANTILES, ContractError
from ml.forecasting import ForecastSettings
from ml.forecasting.lead_time import at_days, interval_demand, protection_intervals

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


def poisson_quantiles(rate_per_week: float, rows: list[tuple[int, int, float]], review: int = 0):
    cumulative = rate_per_week * np.arange(1.0, 7.0)[None, :]
    intervals = protection_intervals(items(1, review=review), lead_times(rows), SETTINGS)
    whole = np.array([True])
    return interval_demand(cumulative, cumulative, intervals, whole, LEVELS, SETTINGS)[1:]


def test_two_lead_times_by_hand() -> None:
    # Demand is Poisson(1) over 7 days and Poisson(3) over 21; each lead time is as likely as the other.
    # P(0) = (e^-1 + e^-3) / 2 = 0.209, so the 20 % quantile is 0 and the 30 % quantile is 1.
    uncertain, fixed = poisson_quantiles(1.0, [(1, 7, 0.5), (1, 21, 0.5)])
    by_level = dict(zip(QUANTILES, uncertain[0].tolist(), strict=True))
    assert by_level[0.2] == 0
    assert by_level[0.3] == 1
    table = 0.5 * stats.poisson.cdf(np.arange(40), 1) + 0.5 * stats.poisson.cdf(np.arange(40), 3)
    assert uncertain[0].tolist() == [float(np.argmax(table >= p)) for p in LEVELS]
    assert fixed[0].tolist() == stats.poisson.ppf(LEVELS, 2).tolist()
    assert uncertain[0, -1] > fixed[0, -1]


def test_a_mixture_is_the_convolution_of_weeks() -> None:
    # Three weeks of Poisson(2), convolved one by one, against the mixture with one lead time of 14 days + 7.
    week = stats.poisson.pmf(np.arange(60), 2)
    three = np.convolve(np.convolve(week, week), week).cumsum()
    uncertain, _ = poisson_quantiles(2.0, [(1, 14, 1.0)], review=7)
    assert uncertain[0].tolist() == [float(np.argmax(three >= p)) for p in LEVELS]


@pytest.mark.parametrize("days", [0, 1, 10, 35, 60])
def test_a_certain_lead_time_costs_nothing(days: int) -> None:
    uncertain, fixed = poisson_quantiles(3.0, [(1, days, 1.0)])
    assert uncertain.tolist() == fixed.tolist()


def test_both_kinds_of_quantiles_have_the_mean_of_the_mixture() -> None:
    # 0 units over 7 days, 40 over 21: 20 on average, although demand over the mean of 14 days would be 10.
    cumulative = np.array([[0.0, 10.0, 40.0]])
    intervals = protection_intervals(items(1), lead_times([(1, 7, 0.5), (1, 21, 0.5)]), SETTINGS)
    mean, _, fixed = interval_demand(cumulative, cumulative * 2, intervals, np.array([True]), LEVELS, SETTINGS)
    assert mean.tolist() == [20]
    assert fixed[0].tolist() == stats.poisson.ppf(LEVELS, 20).tolist()


def test_worked_fact_of_lead_time_variability() -> None:
    # d = 50, sigma = 15 a day, L = 14 +- 3 (discretised normal), R = 7: the definitions say 1,321 at 95 %, 1,163 when
    # the lead time's variability is left out.
    days = np.arange(3, 26)
    weight = stats.norm.pdf(days, 14, 3)
    rows = [(1, int(d), float(p)) for d, p in zip(days, weight / weight.sum(), strict=True)]
    weeks = np.arange(1.0, 9.0)[None, :]
    intervals = protection_intervals(items(1, review=7), lead_times(rows), SETTINGS)
    mean, uncertain, fixed = interval_demand(350 * weeks, 1575 * weeks, intervals, np.array([True]), np.array([0.95]), SETTINGS)
    assert mean[0] == pytest.approx(1050)
    assert uncertain[0, 0] == pytest.approx(1321, rel=0.015)
    assert fixed[0, 0] == pytest.approx(1163, rel=0.015)


def test_days_between_weeks_take_a_part_of_the_next() -> None:
    cumulative = np.array([[7.0, 21.0]])
    days = np.array([0, 3, 7, 10.5, 14, 21])
    assert at_days(cumulative, np.zeros(6, dtype=int), days).tolist() == [0, 3, 7, 14, 21, 35]


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
