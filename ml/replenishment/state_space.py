"""A bank of small state-space models, each series weighing them by how well they foretold it.

Belongs here: levels, trends, seasons and autocorrelation of one series; filtering, evidence and paths.
Does not belong here: jumps of the level (`changes`), draws from the past (`resample`), and what their weights are (`demand`).

The models are dynamic linear models with discount factors and an unknown variance (West and Harrison, Bayesian Forecasting
and Dynamic Models, 1997, chapters 4 and 10). Variances are in units of the observation variance, so the gains are the same for
every series and only means differ.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ml.replenishment.draws import Draws
from ml.replenishment.settings import DecisionSettings

Array = NDArray[np.float64]

WAVES = (4.0, 5.0, 6.0, 7.0, 8.0, 10.0, 12.0, 16.0, 25.0)
"""Lengths of season that a series is tried for, in periods."""
_CLIP = 3.0  # errors beyond so many deviations move a state no further, unless the error before them said the same
_CLIP_VARIANCE = 4.0


@dataclass(frozen=True)
class Spec:
    """One model: discounts of level and of its second states, and what these are."""

    prior: float
    level: float
    slope: float = 0.0
    autocorrelation: float = 0.0
    period: float = 0.0
    """Length of a season in periods; one wave."""

    @property
    def second(self) -> float:
        return self.slope or 1.0


def specs(season_periods: tuple[float, ...]) -> tuple[Spec, ...]:
    """The bank: from steady to nervous levels, two trends, autocorrelation, and a wave per length of season."""
    return (
        Spec(2, 0.999),
        Spec(3, 0.9),
        Spec(2, 0.7),
        Spec(1, 0.4),
        Spec(1, 0.9, slope=0.9),
        Spec(1, 0.98, slope=0.99),
        Spec(1, 0.98, autocorrelation=0.6),
        *(Spec(1.5 / len(season_periods), 0.98, period=length) for length in season_periods),
    )


@dataclass(frozen=True)
class Filtered:
    """The bank after the last period of history: S series, K models."""

    bank: tuple[Spec, ...]
    mean: Array
    """(3, S, K): level, then slope or the two coefficients of a wave."""
    weight: Array
    """(S, K), summing to 1."""
    squares: Array
    """(S, K): sum of squares; over the degrees of freedom it is the variance."""
    residual: Array
    """(S, K): newest demand less its level, which autocorrelated models carry on."""
    log_evidence: Array
    """(S,): discounted log likelihood of the whole bank."""
    foretold: Array
    """(S, T): what the models, at their final weights, said of each period one before it; nothing before a series begins."""
    periods: NDArray[np.int64]
    """(S,): how many there were."""
    by_age: ByAge


@dataclass(frozen=True)
class ByAge:
    """What a bank knows of itself before it has seen demand, by age: the period of a series that is about to be seen, from 0 on.

    Variances are in units of the observation variance.
    """

    gain: Array
    """(T, 3, K)."""
    spread: Array
    """(T, K): variance of what is foretold."""
    degrees: Array
    """(T,): degrees of freedom of the variance before this period."""
    constant: Array
    """(T,): what all likelihoods before this period have in common."""
    root: Array
    """(T, K, 3, 3): Cholesky root of the covariance of the states before this period."""
    drift: Array
    """(T, 2, K): standard deviation per period by which level and slope move."""


@functools.lru_cache(maxsize=8)
def _by_age(bank: tuple[Spec, ...], ages: int, settings: DecisionSettings) -> ByAge:
    level = np.array([spec.level for spec in bank])
    second = np.array([spec.second for spec in bank])
    has_slope = np.array([spec.slope > 0 for spec in bank])
    length = np.array([spec.period for spec in bank])
    discount = np.stack([level, second, second], axis=1)
    shrink = np.sqrt(discount[:, :, None] * discount[:, None, :])
    wave = length > 0
    move = np.repeat(np.eye(3)[None], len(bank), axis=0)
    move[has_slope, 0, 1] = 1.0
    covariance = np.zeros((len(bank), 3, 3))
    covariance[:, 0, 0] = 1.0
    covariance[has_slope, 1, 1] = 0.25
    covariance[wave, 1, 1] = covariance[wave, 2, 2] = 1.0
    gain, spread = np.zeros((ages, len(bank), 3)), np.ones((ages, len(bank)))
    degrees, constant = np.full(ages, settings.prior_weight), np.zeros(ages)
    before = np.repeat(covariance[None], ages, axis=0)
    for age in range(1, ages):
        before[age] = covariance
        look = np.stack([np.ones(len(bank)), *_wave(length, np.array([age]))[:, 0]], axis=1)
        covariance = move @ covariance @ move.transpose(0, 2, 1) / shrink
        seen = np.einsum("kij,kj->ki", covariance, look)
        spread[age] = np.einsum("ki,ki->k", seen, look) + 1.0
        gain[age] = seen / spread[age][:, None]
        covariance = covariance - gain[age][:, :, None] * seen[:, None, :]
        if age + 1 < ages:
            degrees[age + 1] = settings.variance_discount * degrees[age] + 1.0
            constant[age + 1] = settings.evidence_discount * constant[age] - 0.5 * np.log(np.pi)
    stepped = move @ before @ move.transpose(0, 2, 1)
    moves = np.diagonal(stepped, axis1=2, axis2=3)[:, :, :2] * (1 / discount[:, :2] - 1)
    root = np.linalg.cholesky(before + 1e-12 * np.eye(3))
    return ByAge(
        gain.transpose(0, 2, 1).copy(), spread, degrees, constant, root, np.sqrt(np.maximum(moves, 0.0)).transpose(0, 2, 1)
    )


def filter_bank(
    units: Array, in_stock: NDArray[np.bool_], start: NDArray[np.int64], bank: tuple[Spec, ...], settings: DecisionSettings
) -> Filtered:
    """Run the bank over (S, T) demand from column `start` (ascending) on; a period cut by a stock-out counts as at least the expected."""
    series, periods = units.shape
    by_age = _by_age(bank, max(periods, settings.most_history_periods) + 1, settings)
    has_slope = np.array([spec.slope > 0 for spec in bank])
    carried = np.array([spec.autocorrelation for spec in bank])
    waves = _wave(np.array([spec.period for spec in bank]), np.arange(periods))

    first = units[np.arange(series), start][:, None]
    mean = np.zeros((3, series, len(bank)))
    mean[0] = first
    squares = (settings.prior_variation * np.maximum(first, 1.0)) ** 2 * settings.prior_weight
    squares = np.repeat(squares, len(bank), axis=1)
    log_weight, residual, pressed = np.zeros((3, series, len(bank)))
    foretold = np.zeros((periods, series, len(bank)))
    foretold[start, np.arange(series)] = first
    degrees_half = gammaln((by_age.degrees + 1) / 2) - gammaln(by_age.degrees / 2) - 0.5 * np.log(by_age.degrees)
    begun = np.searchsorted(start, np.arange(periods))  # so many series have begun before each period
    for t in range(periods):
        now = slice(0, begun[t])
        age = t - start[now]
        cosine, sine = waves[:, age]
        expected = mean[0, now] + np.where(has_slope, mean[1, now], cosine * mean[1, now]) + sine * mean[2, now]
        expected += carried * residual[now]
        foretold[t, now] = expected
        degrees = by_age.degrees[age][:, None]
        variance = by_age.spread[age] * squares[now] / degrees
        y = np.where(in_stock[now, t, None], units[now, t, None], np.maximum(units[now, t, None], expected))
        error = y - expected
        limit = _CLIP * np.sqrt(variance)
        log_weight[now] = settings.evidence_discount * log_weight[now] + (
            degrees_half[age][:, None] - 0.5 * np.log(variance) - (degrees + 1) / 2 * np.log1p(error**2 / (degrees * variance))
        )
        same_again = pressed[now] * error > 0
        pressed[now] = np.where(np.abs(error) > 0.7 * limit, np.sign(error), 0.0)
        moved = np.where(same_again, error, np.clip(error, -limit, limit))
        mean[0, now] += np.where(has_slope, mean[1, now], 0.0)
        mean[:, now] += by_age.gain[age].transpose(1, 0, 2) * moved
        seen = np.minimum(error**2, _CLIP_VARIANCE**2 * variance) / by_age.spread[age]
        squares[now] = settings.variance_discount * squares[now] + seen
        residual[now] = y - mean[0, now]
    prior = np.array([spec.prior for spec in bank])
    log_weight = log_weight + np.log(prior / prior.sum())
    top = log_weight.max(axis=1, keepdims=True)
    weight = np.exp(log_weight - top)
    whole = weight.sum(axis=1, keepdims=True)
    weight = weight / whole
    length = periods - start
    evidence = (top + np.log(whole))[:, 0] + by_age.constant[length]
    told = np.einsum("tsk,sk->st", foretold, weight)
    return Filtered(bank, mean, weight, squares, residual, evidence, told, length, by_age)


def _wave(length: Array, age: NDArray[np.int64]) -> Array:
    """(2, ages, K): cosine and sine of models with a wave at each age, 0 for others."""
    angle = 2 * np.pi * age[:, None] / np.where(length > 0, length, 1.0)
    return np.where(length > 0, np.stack([np.cos(angle), np.sin(angle)]), 0.0)


def draw_paths(made: Filtered, noise: Array, draws: Draws) -> Array:
    """Demand of the coming periods, (S, N, H), in units; `noise` (S, N, H) has mean 0 and standard deviation 1."""
    series = len(made.weight)
    cumulated = np.cumsum(made.weight, axis=1)
    chosen = (draws.model[None, :, None] > cumulated[:, None, :]).sum(axis=2).clip(0, len(made.bank) - 1)
    row = np.arange(series)[:, None]
    age, by_age = made.periods, made.by_age
    sigma = np.sqrt(made.squares[row, chosen] / draws.chi_square(by_age.degrees[age][:, None]))
    off = np.einsum("snij,nj->isn", by_age.root[age[:, None], chosen], draws.state)
    level, slope, wave_sine = made.mean[:, row, chosen] + sigma * off
    drift = sigma * by_age.drift[age].transpose(1, 0, 2)[:, row, chosen]
    has_slope = np.array([spec.slope > 0 for spec in made.bank])[chosen]
    carried = np.array([spec.autocorrelation for spec in made.bank])[chosen]
    waves = _wave(np.array([spec.period for spec in made.bank]), np.arange(age.max() + noise.shape[2]))
    residual = made.residual[row, chosen]
    paths = np.empty_like(noise)
    for h in range(noise.shape[2]):
        slope = slope + np.where(has_slope, drift[1] * draws.slope[None, :, h], 0.0)
        level = level + np.where(has_slope, slope, 0.0) + drift[0] * draws.level[None, :, h]
        cosine, sine = waves[:, age[:, None] + h, chosen]
        swing = cosine * slope + sine * wave_sine
        residual = carried * residual
        error = sigma * noise[:, :, h]
        paths[:, :, h] = level + swing + residual + error
        residual = residual + error
    shown = np.maximum(paths, 0.0)
    # what is cut off below zero would raise the mean: the paths keep the mean the models said
    wanted = np.maximum(paths.mean(axis=1, keepdims=True), 0.0)
    is_mean = shown.mean(axis=1, keepdims=True)
    return shown * np.divide(wanted, is_mean, out=np.ones_like(is_mean), where=is_mean > 0)
