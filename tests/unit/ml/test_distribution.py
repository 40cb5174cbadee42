"""The lattice family against closed forms, and what every distribution must keep."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from ml.contracts import QUANTILES
from ml.forecasting.distribution import lattice_cdf, lattice_step_units, quantiles_units, simple_quantiles_units

LEVELS = np.array(QUANTILES)


def quantiles(mean: float, variance: float, whole: bool = True) -> np.ndarray:
    one = np.array([whole])
    return simple_quantiles_units(np.array([mean]), np.array([variance]), one, LEVELS, 256)[0]


def cdf(mean: float, variance: float) -> np.ndarray:
    return lattice_cdf(np.array([mean]), np.array([variance]), np.ones(1), 256)[:, 0]


@pytest.mark.parametrize("mean", [0.05, 0.3, 1.0, 4.0, 40.0])
def test_variance_equal_to_the_mean_is_poisson(mean: float) -> None:
    assert np.allclose(cdf(mean, mean), stats.poisson.cdf(np.arange(256), mean), atol=1e-9)
    assert quantiles(mean, mean).tolist() == stats.poisson.ppf(LEVELS, mean).tolist()


@pytest.mark.parametrize(("mean", "ratio"), [(0.1, 3.0), (2.0, 1.5), (20.0, 4.0)])
def test_more_variance_is_negative_binomial(mean: float, ratio: float) -> None:
    expected = stats.nbinom(mean / (ratio - 1), 1 / ratio)
    assert np.allclose(cdf(mean, mean * ratio), expected.cdf(np.arange(256)), atol=1e-6)


def test_less_variance_is_binomial() -> None:
    assert np.allclose(cdf(6.0, 2.4), stats.binom.cdf(np.arange(256), 10, 0.6), atol=1e-9)


def test_a_fast_mover_is_near_its_gamma() -> None:
    mean, variance = 20_000.0, 4e6
    expected = stats.gamma.ppf(LEVELS, mean**2 / variance, scale=variance / mean)
    assert quantiles(mean, variance) == pytest.approx(expected, rel=0.01)


def test_fractional_units_are_not_rounded() -> None:
    values = quantiles(0.9, 0.04, whole=False)
    assert values == pytest.approx(stats.gamma.ppf(LEVELS, 0.81 / 0.04, scale=0.04 / 0.9), rel=0.05)
    assert (values != np.rint(values)).all()


def test_no_demand_has_no_quantiles_above_zero() -> None:
    assert quantiles(0.0, 0.0).tolist() == [0.0] * len(LEVELS)


@settings(max_examples=150, deadline=None)
@given(
    st.floats(0, 1e6, allow_subnormal=False),
    st.floats(0, 1e4),
    st.booleans(),
)
def test_quantiles_are_monotone_and_not_negative(mean: float, ratio: float, whole: bool) -> None:
    values = quantiles(mean, mean * ratio, whole)
    assert np.isfinite(values).all()
    assert (values >= 0).all()
    assert (np.diff(values) >= 0).all()
    if whole:
        assert (values == np.rint(values)).all()


@settings(max_examples=100, deadline=None)
@given(st.floats(0.001, 1e6), st.floats(0.05, 50), st.booleans())
def test_the_lattice_keeps_mean_and_variance(mean: float, ratio: float, whole: bool) -> None:
    mean_, variance = np.array([mean]), np.array([mean * ratio])
    step = lattice_step_units(mean_, variance, np.array([whole]), 256)
    table = lattice_cdf(mean_, variance, step, 256)[:, 0]
    mass, units = np.diff(table, prepend=0.0), np.arange(256) * step[0]
    assert mass @ units == pytest.approx(mean, rel=0.001)
    if whole and ratio >= 1 and step[0] == 1:
        assert mass @ (units - mean) ** 2 == pytest.approx(variance[0], rel=0.05)


def test_a_slow_movers_short_lattice_says_what_the_long_one_says() -> None:
    rng = np.random.default_rng(5)
    mean = np.exp(rng.normal(0.0, 2.0, 3_000))
    variance, whole = mean * np.exp(rng.normal(0.4, 0.7, 3_000)), np.ones(3_000, dtype=bool)
    step = lattice_step_units(mean, variance, whole, 256)
    long = quantiles_units(lattice_cdf(mean, variance, step, 256), step, whole, LEVELS)
    assert np.array_equal(simple_quantiles_units(mean, variance, whole, LEVELS, 256), long)
