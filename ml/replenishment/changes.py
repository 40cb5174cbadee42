"""Demand whose level and variance jump now and then and stay in between.

Belongs here: the posterior over when the present run began. Does not belong here: slow movement (`state_space`).

Bayesian online changepoint detection (Adams and MacKay, arXiv:0710.3742) with a normal-inverse-gamma prior per run. A new run starts
near the level so far, with the variance so far, and knows little of either.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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


def find_runs(units: Array, in_stock: NDArray[np.bool_], start: NDArray[np.int64], settings: DecisionSettings) -> Runs:
    """Follow (S, T) demand from column `start` (ascending) on; beginnings older than the newest 24 are counted as one."""
    series, periods = units.shape
    shape = (series, _RUNS)
    first = np.maximum(units[np.arange(series), start], 1.0)[:, None]
    log_weight = np.full(shape, -np.inf)
    log_weight[:, 0] = 0.0
    seen = np.zeros(shape, dtype=np.int64)  # periods of each run
    mean = np.repeat(first, _RUNS, axis=1)
    squares = np.repeat((settings.prior_variation * first) ** 2 * settings.prior_weight, _RUNS, axis=1)
    evidence = np.zeros(series)
    all_degrees = settings.prior_weight + np.arange(periods + 1.0)
    normalizer = gammaln((all_degrees + 1) / 2) - gammaln(all_degrees / 2) - 0.5 * np.log(np.pi)
    begun = np.searchsorted(start, np.arange(periods), side="right")  # so many series have begun by each period
    for t in range(periods):
        now, is_first = slice(0, begun[t]), (start[: begun[t]] == t)[:, None]
        count, degrees = seen[now] + _PRIOR_PERIODS, seen[now] + settings.prior_weight
        weight = np.exp(log_weight[now] - log_weight[now].max(axis=1, keepdims=True))
        expected = (weight * mean[now]).sum(axis=1) / weight.sum(axis=1)
        y = np.where(in_stock[now, t], units[now, t], np.maximum(units[now, t], expected))[:, None]
        error = y - mean[now]
        scale = squares[now] * (1 + 1 / count)
        log_likelihood = normalizer[seen[now]] - 0.5 * np.log(scale) - (degrees + 1) / 2 * np.log1p(error**2 / scale)
        joint = log_weight[now] + np.where(is_first, 0.0, log_likelihood)  # the first period is where runs begin
        top = joint.max(axis=1, keepdims=True)
        weight = np.exp(joint - top)
        whole = weight.sum(axis=1, keepdims=True)
        step = top + np.log(whole)
        evidence[now] = settings.evidence_discount * evidence[now] + step[:, 0]
        posterior, weight = joint - step, weight / whole
        squares[now] += error**2 * count / (count + 1)
        mean[now] += error / (count + 1)
        level = (weight * mean[now]).sum(axis=1)
        spread = (weight * squares[now] / (degrees + 1)).sum(axis=1)
        oldest_wins = posterior[:, -1] > posterior[:, -2]
        stay = posterior + np.log1p(-settings.change_probability)
        log_weight[now, 1:], log_weight[now, 0] = stay[:, :-1], np.log(settings.change_probability)
        log_weight[now, -1] = np.logaddexp(stay[:, -1], stay[:, -2])
        seen[now] = _older(seen[now] + 1, 0, oldest_wins)
        mean[now] = _older(mean[now], level, oldest_wins)
        squares[now] = _older(squares[now], spread * settings.prior_weight, oldest_wins)
    weight = np.exp(log_weight - log_weight.max(axis=1, keepdims=True))
    weight = weight / weight.sum(axis=1, keepdims=True)
    return Runs(weight, seen + _PRIOR_PERIODS, mean, seen + settings.prior_weight, squares, evidence)


def _older(values: Any, newest: Any, keep_oldest: NDArray[np.bool_]) -> Any:
    """Every run one period older; the two oldest become one, the likelier of them."""
    shifted = np.empty_like(values)
    shifted[:, 1:] = values[:, :-1]
    shifted[:, 0] = newest
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
