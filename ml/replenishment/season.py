"""A season that several series have in common, or one has with itself from week to week.

Belongs here: factors per week of the year, month or day of the week, learned from all series of a group, and whether they are worth it.
Does not belong here: waves of unknown length, which every series finds by itself (`state_space`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_CYCLES = 2.0  # so many rounds must be seen before a season is believed in
_HIDDEN_SHARE = 0.25
_LEAST_GAIN = 0.01  # of the error in hidden periods, and more where few series say so
_LEAST_GAIN_ALONE = 0.05
_PRIOR_ROUNDS = 1.0
_HIGHEST = 5.0  # times the level: a burst beyond is no season


def shared_season(units: Array, in_stock: NDArray[np.bool_], position: NDArray[np.int64], places: int) -> Array | None:
    """(places,) factors with mean 1 that serve (S, T) demand better than none in periods they were not learned from; else None."""
    periods = units.shape[1]
    hidden = max(int(periods * _HIDDEN_SHARE), min(places, 13))
    if (
        periods < _CYCLES * places
        or periods - hidden < places
        or not (units * in_stock)[:, :-hidden].any()
        or not in_stock[:, -hidden:].any()
    ):
        return None
    level = _level(units, places)
    learned = _factors(units[:, :-hidden], in_stock[:, :-hidden], level[:, :-hidden], position[:-hidden], places)
    known = in_stock[:, -hidden:]
    base = _past_level(units, hidden, position, None, places)
    seasonal = _past_level(units, hidden, position, learned, places) * learned[position[-hidden:]]
    plain_error = (np.abs(units[:, -hidden:] - base) * known).sum()
    season_error = (np.abs(units[:, -hidden:] - seasonal) * known).sum()
    wanted_gain = _LEAST_GAIN + _LEAST_GAIN_ALONE / np.sqrt(len(units))
    if season_error > (1 - wanted_gain) * plain_error:
        return None
    return _factors(units, in_stock, level, position, places)


def _level(units: Array, places: int) -> Array:
    """Centred mean over about one round, shorter at the ends."""
    half = places // 2
    cumulated = np.concatenate([np.zeros((len(units), 1)), np.cumsum(units, axis=1)], axis=1)
    at = np.arange(units.shape[1])
    begin, end = np.maximum(at - half, 0), np.minimum(at + half + 1, units.shape[1])
    return (cumulated[:, end] - cumulated[:, begin]) / (end - begin)


def _past_level(units: Array, hidden: int, position: NDArray[np.int64], factors: Array | None, places: int) -> Array:
    """(S, 1): mean of the newest periods before the hidden ones, with the season taken out."""
    window = slice(-hidden - min(places, 13), -hidden)
    past = units[:, window] / (1.0 if factors is None else factors[position[window]])
    return past.mean(axis=1, keepdims=True)


def _factors(units: Array, in_stock: NDArray[np.bool_], level: Array, position: NDArray[np.int64], places: int) -> Array:
    """Ratio of demand to level per place, towards 1 where little was seen, smoothed over neighbouring weeks of the year."""
    scale = np.maximum(units.mean(axis=1, keepdims=True), 1e-9)
    ratio = np.minimum(units, _HIGHEST * np.maximum(level, 0.1 * scale)) * in_stock / scale
    base = level * in_stock / scale
    above = np.bincount(position, weights=ratio.sum(axis=0), minlength=places)
    below = np.bincount(position, weights=base.sum(axis=0), minlength=places)
    prior = _PRIOR_ROUNDS * below.sum() / places / max(units.shape[1] / places, 1.0) / np.sqrt(len(units))
    if places > 12:
        kernel = np.array([0.25, 0.5, 0.25])
        above, below = (np.convolve(np.r_[x[-1], x, x[0]], kernel, "valid") for x in (above, below))
    factors = (above + prior) / (below + prior)
    return np.maximum(factors / factors.mean(), 0.05)
