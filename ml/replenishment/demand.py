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
from ml.replenishment.resample import total
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
    units: Array,
    in_stock: NDArray[np.bool_],
    start: NDArray[np.int64],
    season_periods: tuple[float, ...],
    draws: Draws,
    settings: DecisionSettings,
) -> Array:
    """(S, T) demand of past periods -> (S, N, H) units of the periods to come.

    Series begin at column `start`, ascending; before it they are zero and not in stock. All work goes through all series at once, and
    sums run from old to new (`total`), so that no digit hangs on what stands before a series or beside it.
    """
    bank = state_space.specs(season_periods)
    units = _with_a_beginning(units, in_stock, start)
    made = state_space.filter_bank(units, in_stock, start, bank, settings)
    units = np.where(in_stock, units, np.maximum(units, made.foretold))
    error = units - made.foretold
    normal = draws.noise[None]
    shaped = _shape_of_noise(made.foretold, error, units, start)[:, (norm.cdf(draws.noise) * 128).astype(int).clip(0, 127)]
    paths = state_space.draw_paths(made, shaped, draws)

    resampled_share = _resampling_share(units, made.foretold, error, start, settings)
    from_past = draws.family[None, :] < resampled_share[:, None]
    has_past = (units.shape[1] - start > 1)[:, None, None]
    drawn = resample.draw_paths(units, start, settings.resampling_discount, draws)
    paths = np.where(from_past[:, :, None] & has_past, drawn, paths)

    runs = changes.find_runs(units, in_stock, start, settings)
    prior = np.log(settings.change_share / (1 - settings.change_share))
    log_odds = np.clip(prior + runs.log_evidence - made.log_evidence, -50, 50)
    change_share = np.where(_is_lumpy(units, error, start, settings), 0.0, 1 / (1 + np.exp(-log_odds))) * (1 - resampled_share)
    jumping = (draws.family[None, :] >= resampled_share[:, None]) & (
        draws.family[None, :] < (resampled_share + change_share)[:, None]
    )
    drawn = changes.draw_paths(runs, np.broadcast_to(normal, paths.shape), draws)
    return np.where(jumping[:, :, None], drawn, paths)


def _with_a_beginning(units: Array, in_stock: NDArray[np.bool_], start: NDArray[np.int64]) -> Array:
    """What is not known before the first period in stock is taken to be as that period."""
    first, column = np.argmax(in_stock, axis=1), np.arange(units.shape[1])
    before = (column >= start[:, None]) & (column < first[:, None]) & in_stock.any(axis=1)[:, None]
    return np.where(before, np.maximum(units, units[np.arange(len(units)), first][:, None]), units)


def _is_lumpy(units: Array, error: Array, start: NDArray[np.int64], settings: DecisionSettings) -> NDArray[np.bool_]:
    """Errors that are large against the demand itself."""
    first = np.maximum(start + 1, units.shape[1] - _JUDGED_PERIODS)
    is_recent = np.arange(units.shape[1]) >= first[:, None]
    count = np.maximum(units.shape[1] - first, 1)
    spread = np.sqrt(total(error**2 * is_recent) / count)
    is_large = spread > settings.lumpy_variation * np.maximum(total(units * is_recent) / count, 1e-9)
    return is_large | (units.shape[1] - start < 2)


def _shape_of_noise(foretold: Array, error: Array, units: Array, start: NDArray[np.int64]) -> Array:
    """(S, 128): quantile function of the noise, between a normal one and that of the errors made, by how many there are."""
    normal = np.repeat(norm.ppf(_SHAPE_GRID)[None], len(units), axis=0)
    periods = units.shape[1]
    count = periods - start - 1
    told = count >= 2  # the longest first, so that these come first
    if not told.any():
        return normal
    foretold, error, units, start, count = (values[told] for values in (foretold, error, units, start, count))
    is_error = np.arange(periods) > start[:, None]
    level = 0.1 * (total(units) / (count + 1))[:, None] + 1e-9
    relative = np.where(is_error, error / np.maximum(foretold, level), 0.0)
    weight = np.where(is_error, _SHAPE_DISCOUNT ** np.arange(periods - 1, -1, -1.0), 0.0)
    whole = total(weight)[:, None]
    relative = np.where(is_error, relative - total(relative * weight)[:, None] / whole, -np.inf)
    order = np.argsort(relative, axis=1, kind="stable")
    ordered, weights = np.take_along_axis(relative, order, axis=1), np.take_along_axis(weight, order, axis=1)
    place = (np.cumsum(weights, axis=1) - 0.5 * weights) / whole
    # linear interpolation, all series at once; what is no error stands before all errors
    right = (place[:, :, None] < _SHAPE_GRID[None, None, :]).sum(axis=1)
    right = np.clip(right, (periods - count + 1)[:, None], periods - 1)
    row = np.arange(len(units))[:, None]
    left_place, right_place = place[row, right - 1], place[row, right]
    share = np.clip((_SHAPE_GRID[None] - left_place) / np.maximum(right_place - left_place, 1e-12), 0.0, 1.0)
    own = ordered[row, right - 1] * (1 - share) + ordered[row, right] * share
    spread = own.std(axis=1, keepdims=True)
    own = np.divide(own, spread, out=normal[: len(own)].copy(), where=spread > 1e-12)
    effective = whole**2 / total(weight**2)[:, None]
    trust = effective / (effective + _SHAPE_PRIOR)
    return np.concatenate([trust * own + (1 - trust) * normal[: len(own)], normal[len(own) :]])


def _resampling_share(units: Array, foretold: Array, error: Array, start: NDArray[np.int64], settings: DecisionSettings) -> Array:
    """(S,): weight of the draws from the past, by the quantile losses of both in the newest periods."""
    periods = units.shape[1]
    modelled, drawn, weights = np.zeros((3, len(units)))
    score = norm.ppf(_LEVELS)
    for t in range(max(3, periods - _JUDGED_PERIODS), periods):
        old = np.searchsorted(start, t - 3, side="right")  # so many series have three periods before this one
        now, told = units[:old, t], foretold[:old, t]
        weight = _JUDGED_DISCOUNT ** (periods - 1 - t)
        weights[:old] += weight
        past = error[:old, max(0, t - 12) : t]  # none in the first period of a series
        floor = (0.3 * np.maximum(told, 0.0)) ** 2
        spread = np.sqrt(0.8 * total(past**2) / (t - np.maximum(start[:old] + 1, t - 12)) + 0.2 * floor + 1e-9)
        said = np.maximum(told[:, None] + spread[:, None] * score, 0.0)
        modelled[:old] += weight * _pinball(said, now)
        begin = max(0, t - 40)
        seen = resample.quantiles(units[:old, begin:t], np.maximum(start[:old] - begin, 0), settings.resampling_discount, _LEVELS)
        drawn[:old] += weight * _pinball(seen, now)
    scale = np.maximum((modelled + drawn) / 2 / np.maximum(weights, 1e-9), 1e-9)
    log_odds = np.log(settings.resampling_share / (1 - settings.resampling_share)) - _SHARPNESS * (drawn - modelled) / scale
    return 1 / (1 + np.exp(-np.clip(log_odds, -30, 30)))


def _pinball(quantiles: Array, actual: Array) -> Array:
    """Mean quantile loss over the levels, (S,)."""
    missed = actual[:, None] - quantiles
    return np.maximum(missed * _LEVELS, -missed * (1 - _LEVELS)).mean(axis=1)
