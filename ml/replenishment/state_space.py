"""A bank of small state-space models, each series weighing them by how well they foretold it.

Belongs here: levels, trends, seasons and autocorrelation of one series; filtering, evidence and paths.
Does not belong here: jumps of the level (`changes`), draws from the past (`resample`), and what their weights are (`demand`).

The models are dynamic linear models with discount factors and an unknown variance (West and Harrison, Bayesian Forecasting
and Dynamic Models, 1997, chapters 4 and 10). Variances are in units of the observation variance, so the gains are the same for
every series and only means differ.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ml.replenishment.draws import Draws
from ml.replenishment.settings import DecisionSettings

Array = NDArray[np.float64]

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
    """(S, K, 3): level, then slope or the two coefficients of a wave."""
    root: Array
    """(K, 3, 3): Cholesky root of the covariance of the states, in units of the variance."""
    drift: Array
    """(K, 2): standard deviation per period by which level and slope move, in the same units."""
    weight: Array
    """(S, K), summing to 1."""
    degrees: float
    squares: Array
    """(S, K): sum of squares; over `degrees` it is the variance."""
    residual: Array
    """(S, K): newest demand less its level, which autocorrelated models carry on."""
    log_evidence: Array
    """(S,): discounted log likelihood of the whole bank."""
    foretold: Array
    """(S, T): what the models, at their final weights, said of each period one before it."""
    periods: int


def filter_bank(units: Array, in_stock: NDArray[np.bool_], bank: tuple[Spec, ...], settings: DecisionSettings) -> Filtered:
    """Run the bank over (S, T) demand; a period cut by a stock-out counts as at least what was expected."""
    series, periods = units.shape
    level = np.array([spec.level for spec in bank])
    second = np.array([spec.second for spec in bank])
    has_slope = np.array([spec.slope > 0 for spec in bank])
    carried = np.array([spec.autocorrelation for spec in bank])
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

    first = np.maximum(units[:, :1], 1e-9)
    mean = np.zeros((series, len(bank), 3))
    mean[:, :, 0] = units[:, :1]
    degrees = settings.prior_weight
    squares = np.repeat((settings.prior_variation * np.maximum(first, 1.0)) ** 2 * degrees, len(bank), axis=1)
    log_weight = np.zeros((series, len(bank)))
    residual = np.zeros((series, len(bank)))
    pressed = np.zeros((series, len(bank)))
    foretold = np.empty((periods, series, len(bank)))
    foretold[0] = units[:, :1]
    constant = 0.0
    for t in range(1, periods):
        look = _look(wave, length, t)
        covariance = move @ covariance @ move.transpose(0, 2, 1) / shrink
        seen = np.einsum("kij,kj->ki", covariance, look)
        spread = np.einsum("ki,ki->k", seen, look) + 1.0
        gain = seen / spread[:, None]
        covariance = covariance - gain[:, :, None] * seen[:, None, :]

        mean[:, :, 0] += np.where(has_slope, mean[:, :, 1], 0.0)
        expected = np.einsum("ski,ki->sk", mean, look) + carried * residual
        foretold[t] = expected
        variance = spread * squares / degrees
        y = np.where(in_stock[:, t : t + 1], units[:, t : t + 1], np.maximum(units[:, t : t + 1], expected))
        error = y - expected
        limit = _CLIP * np.sqrt(variance)
        log_weight = settings.evidence_discount * log_weight + (
            gammaln((degrees + 1) / 2)
            - gammaln(degrees / 2)
            - 0.5 * np.log(degrees * variance)
            - (degrees + 1) / 2 * np.log1p(error**2 / (degrees * variance))
        )
        constant = settings.evidence_discount * constant - 0.5 * np.log(np.pi)
        same_again = pressed * error > 0
        pressed = np.where(np.abs(error) > 0.7 * limit, np.sign(error), 0.0)
        moved = np.where(same_again, error, np.clip(error, -limit, limit))
        mean += gain * moved[:, :, None]
        squares = settings.variance_discount * squares + np.minimum(error**2, _CLIP_VARIANCE**2 * variance) / spread
        degrees = settings.variance_discount * degrees + 1.0
        residual = y - mean[:, :, 0]
    prior = np.array([spec.prior for spec in bank])
    log_weight = log_weight + np.log(prior / prior.sum())
    top = log_weight.max(axis=1, keepdims=True)
    weight = np.exp(log_weight - top)
    total = weight.sum(axis=1, keepdims=True)
    weight = weight / total
    stepped = move @ covariance @ move.transpose(0, 2, 1)
    drift = np.sqrt(np.maximum(np.diagonal(stepped, axis1=1, axis2=2)[:, :2] * (1 / discount[:, :2] - 1), 0.0))
    root = np.linalg.cholesky(covariance + 1e-12 * np.eye(3))
    evidence = (top + np.log(total))[:, 0] + constant
    told = np.einsum("tsk,sk->st", foretold, weight)
    return Filtered(bank, mean, root, drift, weight, degrees, squares, residual, evidence, told, periods)


def _look(wave: NDArray[np.bool_], length: Array, t: int) -> Array:
    """(K, 3): what period t shows of the states."""
    angle = 2 * np.pi * t / np.where(wave, length, 1.0)
    return np.stack([np.ones_like(length), np.where(wave, np.cos(angle), 0.0), np.where(wave, np.sin(angle), 0.0)], axis=1)


def draw_paths(made: Filtered, noise: Array, draws: Draws) -> Array:
    """Demand of the coming periods, (S, N, H), in units; `noise` (S, N, H) has mean 0 and standard deviation 1."""
    series = len(made.weight)
    cumulated = np.cumsum(made.weight, axis=1)
    chosen = (draws.model[None, :, None] > cumulated[:, None, :]).sum(axis=2).clip(0, len(made.bank) - 1)
    row = np.arange(series)[:, None]
    sigma = np.sqrt(made.squares[row, chosen] / draws.chi_square(made.degrees)[None, :])
    states = made.mean[row, chosen] + sigma[:, :, None] * np.einsum("snij,nj->sni", made.root[chosen], draws.state)
    level, slope, wave_sine = states[:, :, 0], states[:, :, 1], states[:, :, 2]
    drift = made.drift[chosen] * sigma[:, :, None]
    has_slope = np.array([spec.slope > 0 for spec in made.bank])[chosen]
    carried = np.array([spec.autocorrelation for spec in made.bank])[chosen]
    length = np.array([spec.period for spec in made.bank])
    wave = length > 0
    residual = made.residual[row, chosen]
    paths = np.empty_like(noise)
    for h in range(noise.shape[2]):
        slope = slope + np.where(has_slope, drift[:, :, 1] * draws.slope[None, :, h], 0.0)
        level = level + np.where(has_slope, slope, 0.0) + drift[:, :, 0] * draws.level[None, :, h]
        look = _look(wave, length, made.periods + h)[chosen]
        swing = look[:, :, 1] * slope + look[:, :, 2] * wave_sine
        residual = carried * residual
        error = sigma * noise[:, :, h]
        paths[:, :, h] = level + swing + residual + error
        residual = residual + error
    shown = np.maximum(paths, 0.0)
    # what is cut off below zero would raise the mean: the paths keep the mean the models said
    wanted = np.maximum(paths.mean(axis=1, keepdims=True), 0.0)
    is_mean = shown.mean(axis=1, keepdims=True)
    return shown * np.divide(wanted, is_mean, out=np.ones_like(is_mean), where=is_mean > 0)
