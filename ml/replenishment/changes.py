"""Demand whose level and variance jump now and then and stay in between.

Belongs here: the posterior over when the present run began. Does not belong here: slow movement (`state_space`).

Bayesian online changepoint detection (Adams and MacKay, arXiv:0710.3742) with a normal-inverse-gamma prior per run. A new run starts
near the level so far, with the variance so far, and knows little of either.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ml.replenishment.draws import Draws
from ml.replenishment.settings import DecisionSettings

Array = NDArray[np.float64]

_RUNS = 24
_PRIOR_PERIODS = 0.1  # what the level before a jump says of the level after it, in periods of demand


@dataclass(frozen=True)
class Runs:
    """Posterior over the beginning of the present run: S series, R beginnings."""

    weight: Array
    periods: Array
    mean: Array
    degrees: Array
    squares: Array
    log_evidence: Array
    """(S,): discounted log likelihood."""


def find_runs(units: Array, in_stock: NDArray[np.bool_], settings: DecisionSettings) -> Runs:
    """Follow (S, T) demand; beginnings older than the newest 24 are counted as one."""
    series, periods = units.shape
    shape = (series, _RUNS)
    first = np.maximum(units[:, 0], 1.0)
    log_weight = np.full(shape, -np.inf)
    log_weight[:, 0] = 0.0
    count = np.full(shape, _PRIOR_PERIODS)
    mean = np.repeat(first[:, None], _RUNS, axis=1)
    degrees = np.full(shape, settings.prior_weight)
    squares = np.repeat(((settings.prior_variation * first) ** 2 * settings.prior_weight)[:, None], _RUNS, axis=1)
    evidence = np.zeros(series)
    for t in range(periods):
        weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
        expected = (weight * mean).sum(axis=1) / weight.sum(axis=1)
        y = np.where(in_stock[:, t], units[:, t], np.maximum(units[:, t], expected))[:, None]
        variance = squares / degrees * (1 + 1 / count)
        log_likelihood = (
            gammaln((degrees + 1) / 2)
            - gammaln(degrees / 2)
            - 0.5 * np.log(degrees * np.pi * variance)
            - (degrees + 1) / 2 * np.log1p((y - mean) ** 2 / (degrees * variance))
        )
        if t == 0:
            log_likelihood = np.zeros(shape)
        joint = log_weight + log_likelihood
        step = np.logaddexp.reduce(joint, axis=1)
        if t > 0:
            evidence = settings.evidence_discount * evidence + step
        posterior = joint - step[:, None]
        error = y - mean
        squares = squares + error**2 * count / (count + 1)
        mean = mean + error / (count + 1)
        count, degrees = count + 1, degrees + 1
        weight = np.exp(posterior)
        level, spread = (weight * mean).sum(axis=1), (weight * squares / degrees).sum(axis=1)
        oldest_wins = posterior[:, -1] > posterior[:, -2]
        stay = posterior + np.log1p(-settings.change_probability)
        last = np.logaddexp(stay[:, -1], stay[:, -2])
        log_weight = _older(stay, np.full(series, np.log(settings.change_probability)), None)
        log_weight[:, -1] = last
        count = _older(count, np.full(series, _PRIOR_PERIODS), oldest_wins)
        mean = _older(mean, level, oldest_wins)
        degrees = _older(degrees, np.full(series, settings.prior_weight), oldest_wins)
        squares = _older(squares, spread * settings.prior_weight, oldest_wins)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    return Runs(weight / weight.sum(axis=1, keepdims=True), count, mean, degrees, squares, evidence)


def _older(values: Array, newest: Array, keep_oldest: NDArray[np.bool_] | None) -> Array:
    """Every run one period older; the two oldest become one, the likelier of them."""
    shifted = np.empty_like(values)
    shifted[:, 1:] = values[:, :-1]
    shifted[:, 0] = newest
    if keep_oldest is not None:
        shifted[:, -1] = np.where(keep_oldest, values[:, -1], values[:, -2])
    return shifted


def draw_paths(runs: Runs, noise: Array, draws: Draws) -> Array:
    """Demand of the coming periods if the present run lasts, (S, N, H), in units."""
    cumulated = np.cumsum(runs.weight, axis=1)
    chosen = (draws.run[None, :, None] > cumulated[:, None, :]).sum(axis=2).clip(0, _RUNS - 1)
    row = np.arange(len(chosen))[:, None]
    sigma = np.sqrt(runs.squares[row, chosen] / draws.chi_square(runs.degrees[row, chosen]))
    level = runs.mean[row, chosen] + sigma / np.sqrt(runs.periods[row, chosen]) * draws.state[None, :, 0]
    return np.maximum(level[:, :, None] + sigma[:, :, None] * noise, 0.0)
