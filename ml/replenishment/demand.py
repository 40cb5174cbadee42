"""Paths of the demand to come, from a mixture of three ways to see the past.

Belongs here: what each way weighs, and the shape of the noise. Does not belong here: the ways themselves (`state_space`, `changes`,
`resample`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

from ml.replenishment import changes, resample, state_space
from ml.replenishment.draws import Draws
from ml.replenishment.settings import DecisionSettings

Array = NDArray[np.float64]

_LEVELS = np.array([0.3, 0.5, 0.7, 0.85, 0.95])
_JUDGED_PERIODS = 24
_JUDGED_DISCOUNT = 0.97
_SHARPNESS = 2.0
_SHAPE_GRID = (np.arange(128) + 0.5) / 128
_SHAPE_PRIOR = 6.0  # periods that a normal shape of the noise is worth
_SHAPE_DISCOUNT = 0.98


def demand_paths(
    units: Array, in_stock: NDArray[np.bool_], season_periods: tuple[float, ...], draws: Draws, settings: DecisionSettings
) -> Array:
    """(S, T) demand of past periods -> (S, N, H) units of the periods to come; all series have the same T periods."""
    bank = state_space.specs(season_periods)
    units = _with_a_beginning(units, in_stock)
    made = state_space.filter_bank(units, in_stock, bank, settings)
    units = np.where(in_stock, units, np.maximum(units, made.foretold))
    error = units - made.foretold
    normal = draws.noise[None]
    shaped = _shape_of_noise(made.foretold, error, units)[:, (norm.cdf(draws.noise) * 128).astype(int).clip(0, 127)]
    paths = state_space.draw_paths(made, shaped, draws)

    resampled_share = _resampling_share(units, made.foretold, error, settings)
    from_past = draws.family[None, :] < resampled_share[:, None]
    if units.shape[1] > 1:
        drawn = resample.draw_paths(units, settings.resampling_discount, draws)
        paths = np.where(from_past[:, :, None], drawn, paths)

    runs = changes.find_runs(units, in_stock, settings)
    prior = np.log(settings.change_share / (1 - settings.change_share))
    log_odds = np.clip(prior + runs.log_evidence - made.log_evidence, -50, 50)
    change_share = np.where(_is_lumpy(units, error, settings), 0.0, 1 / (1 + np.exp(-log_odds))) * (1 - resampled_share)
    jumping = (draws.family[None, :] >= resampled_share[:, None]) & (
        draws.family[None, :] < (resampled_share + change_share)[:, None]
    )
    drawn = changes.draw_paths(runs, np.broadcast_to(normal, paths.shape), draws)
    return np.where(jumping[:, :, None], drawn, paths)


def _with_a_beginning(units: Array, in_stock: NDArray[np.bool_]) -> Array:
    """What is not known before the first period in stock is taken to be as that period."""
    first = np.argmax(in_stock, axis=1)
    before = (np.arange(units.shape[1]) < first[:, None]) & in_stock.any(axis=1)[:, None]
    return np.where(before, np.maximum(units, units[np.arange(len(units)), first][:, None]), units)


def _is_lumpy(units: Array, error: Array, settings: DecisionSettings) -> NDArray[np.bool_]:
    """Errors that are large against the demand itself."""
    recent = slice(max(1, units.shape[1] - _JUDGED_PERIODS), None)
    if units.shape[1] < 2:
        return np.ones(len(units), dtype=bool)
    spread = np.sqrt((error[:, recent] ** 2).mean(axis=1))
    return spread > settings.lumpy_variation * np.maximum(units[:, recent].mean(axis=1), 1e-9)


def _shape_of_noise(foretold: Array, error: Array, units: Array) -> Array:
    """(S, 128): quantile function of the noise, between a normal one and that of the errors made, by how many there are."""
    normal = norm.ppf(_SHAPE_GRID)
    if units.shape[1] < 3:
        return np.repeat(normal[None], len(units), axis=0)
    relative = error[:, 1:] / np.maximum(foretold[:, 1:], 0.1 * units.mean(axis=1, keepdims=True) + 1e-9)
    weight = _SHAPE_DISCOUNT ** np.arange(relative.shape[1] - 1, -1, -1.0)
    relative = relative - ((relative * weight).sum(axis=1) / weight.sum())[:, None]
    order = np.argsort(relative, axis=1, kind="stable")
    ordered = np.take_along_axis(relative, order, axis=1)
    place = (np.cumsum(weight[order], axis=1) - 0.5 * weight[order]) / weight.sum()
    # linear interpolation, all series at once
    right = (place[:, :, None] < _SHAPE_GRID[None, None, :]).sum(axis=1).clip(1, relative.shape[1] - 1)
    row = np.arange(len(units))[:, None]
    left_place, right_place = place[row, right - 1], place[row, right]
    share = np.clip((_SHAPE_GRID[None] - left_place) / np.maximum(right_place - left_place, 1e-12), 0.0, 1.0)
    own = ordered[row, right - 1] * (1 - share) + ordered[row, right] * share
    spread = own.std(axis=1, keepdims=True)
    own = np.divide(own, spread, out=np.repeat(normal[None], len(units), axis=0), where=spread > 1e-12)
    effective = weight.sum() ** 2 / (weight**2).sum()
    trust = effective / (effective + _SHAPE_PRIOR)
    return trust * own + (1 - trust) * normal[None]


def _resampling_share(units: Array, foretold: Array, error: Array, settings: DecisionSettings) -> Array:
    """(S,): weight of the draws from the past, by the quantile losses of both in the newest periods."""
    periods = units.shape[1]
    modelled, drawn, total = np.zeros(len(units)), np.zeros(len(units)), 0.0
    score = norm.ppf(_LEVELS)
    for t in range(max(3, periods - _JUDGED_PERIODS), periods):
        weight = _JUDGED_DISCOUNT ** (periods - 1 - t)
        total += weight
        past = error[:, max(1, t - 12) : t]
        floor = (0.3 * np.maximum(foretold[:, t], 0.0)) ** 2
        spread = np.sqrt(0.8 * (past**2).mean(axis=1) + 0.2 * floor + 1e-9)
        said = np.maximum(foretold[:, t][:, None] + spread[:, None] * score, 0.0)
        modelled += weight * _pinball(said, units[:, t])
        drawn += weight * _pinball(
            resample.quantiles(units[:, max(0, t - 40) : t], settings.resampling_discount, _LEVELS), units[:, t]
        )
    scale = np.maximum((modelled + drawn) / 2 / max(total, 1e-9), 1e-9)
    log_odds = np.log(settings.resampling_share / (1 - settings.resampling_share)) - _SHARPNESS * (drawn - modelled) / scale
    return 1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))


def _pinball(quantiles: Array, actual: Array) -> Array:
    """Mean quantile loss over the levels, (S,)."""
    missed = actual[:, None] - quantiles
    return np.maximum(missed * _LEVELS, -missed * (1 - _LEVELS)).mean(axis=1)
