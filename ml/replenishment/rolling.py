"""Forecasts as they would have been made each week: levels, errors and seasons of the past only.

Belongs here: rolling forecasts that cost microseconds a series and week. Does not belong here: the forecasts of the daily run
(`ml.forecasting`), which would take hours when made anew for every week of a year.

Three exponentially weighted means per series, weighed by how well each forecast the next week so far; the mean squared error of the
blend, shrunk towards that of all series of the same size; a season common to a category, a year old, as far as it has helped.
What week t is decided by depends on weeks before t alone: a test replaces the rest.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

_SMOOTHING = np.array([0.03, 0.08, 0.2])
_ERROR_SMOOTHING = 0.06
_EVIDENCE_WEEKS = 40.0
"""How fast a better level takes over: the weights fall by e where its squared error is worse by 2 / this."""
_POOLED_WEEKS = 6.0
"""Weight of the error of series of the same size against the series' own, in weeks."""
_SIZES = 24
_SUM_WEEKS = 4
_POOL_MEMORY = 0.97
YEAR = 52
_SEASON_POWERS = np.array([0.0, 0.25, 0.5, 0.75, 1.0])
_SEASON_MEMORY = 0.97
_SEASON_LIMITS = (0.3, 3.0)


@dataclass(frozen=True)
class Rolling:
    """What was known at the start of each replayed week; (series, weeks)."""

    level: Floats
    """Expected demand per week, before the season ahead."""
    error_variance: Floats
    """Mean squared error of one week's forecast."""
    estimate_share: Floats
    """Variance of the level itself as a share of that of a week's own error: what the errors of successive weeks have in common."""
    season: Floats
    """(groups, weeks, horizons): mean factor over the next 1, 2, … weeks."""
    group: NDArray[np.intp]
    """Row of `season` for each series."""

    def mean(self, rows: slice, week: int, horizon_weeks: Array) -> Array:
        """Expected demand summed over the next `horizon_weeks` (fractions interpolated) of the series `rows`."""
        season = self.season[self.group[rows], week]
        most = season.shape[1]
        at = np.clip(horizon_weeks, 1, most) - 1
        low = at.astype(np.intp)
        share = at - low
        place = np.arange(len(season))
        factor = season[place, low] * (1 - share) + season[place, np.minimum(low + 1, most - 1)] * share
        return self.level[rows, week] * factor * horizon_weeks

    def variance(self, rows: slice, week: int, mean: Array, horizon_weeks: Array, lead_deviation: Array) -> Array:
        """Variance of that sum: the errors of the weeks, of the level (common to all of them), of the lead time."""
        level = self.level[rows, week]
        scale = np.divide(mean, level * horizon_weeks, out=np.ones_like(mean), where=level > 0)
        noise = self.error_variance[rows, week] / (1 + self.estimate_share[rows, week]) * scale
        weekly = np.divide(mean, horizon_weeks, out=np.zeros_like(mean), where=horizon_weeks > 0)
        estimate = self.estimate_share[rows, week] * noise * scale
        return noise * horizon_weeks + estimate * horizon_weeks**2 + (weekly * lead_deviation) ** 2


def roll(demand: Floats, start: NDArray[np.intp], group: NDArray[np.intp], first: int, horizons: int = 16) -> Rolling:
    """Forecasts at the start of weeks `first`, `first` + 1, … of `demand` (series, all weeks); a series begins in its week `start`.

    `group` is the category whose season a series shares, 0 to groups - 1. A series without history has level 0.
    """
    series, weeks = demand.shape
    replayed = weeks - first
    level = np.zeros((series, replayed), dtype=np.float32)
    error = np.zeros((series, replayed), dtype=np.float32)
    share = np.ones((series, replayed), dtype=np.float32)
    count = int(group.max()) + 1 if series else 1
    season, factor = _seasons(demand, group, count, first, horizons)

    errors_by_size, levels_by_size, sums_by_size, weeks_by_size = np.zeros((4, replayed, _SIZES))
    weight_of_error = np.zeros((series, replayed), dtype=np.float32)
    for begin in range(0, series, 8192):
        rows = slice(begin, begin + 8192)
        part = demand[rows].astype(np.float64)
        n = len(part)
        sums, weights = np.zeros((3, n)), np.zeros((3, n))
        losses = np.zeros((3, n))
        squared, squared_weight = np.zeros(n), np.zeros(n)
        pooled_error, pooled_level, pooled_sum, pooled_weeks = np.zeros((4, _SIZES))
        # of the last weeks: what was expected of their sum and is on, what came, what was missed week by week
        expected_sum, came, missed = (np.zeros((_SUM_WEEKS, n)) for _ in range(3))
        for t in range(weeks):
            is_on = start[rows] < t
            slot = t % _SUM_WEEKS
            if t >= _SUM_WEEKS:
                made = start[rows] < t - _SUM_WEEKS
                size = _size(expected_sum[slot] / _SUM_WEEKS)
                square = np.where(made, (came.sum(axis=0) - expected_sum[slot]) ** 2, 0.0)
                pooled_sum = pooled_sum * _POOL_MEMORY + np.bincount(size, weights=square, minlength=_SIZES)
                single = np.where(made, missed.sum(axis=0), 0.0)
                pooled_weeks = pooled_weeks * _POOL_MEMORY + np.bincount(size, weights=single, minlength=_SIZES)
            levels = np.divide(sums, weights, out=np.zeros_like(sums), where=weights > 0)
            blend, used = _blend(levels, losses, squared_weight)
            if t >= first:
                w = t - first
                level[rows, w] = blend
                error[rows, w] = np.divide(squared, squared_weight, out=np.zeros(n), where=squared_weight > 0)
                weight_of_error[rows, w] = squared_weight
                rest = _SMOOTHING[:, None] / (2 - _SMOOTHING[:, None])
                young = 1 / np.maximum(t - start[rows], 1)
                share[rows, w] = (used * np.maximum(rest, young)).sum(axis=0)
                errors_by_size[w] += pooled_error
                levels_by_size[w] += pooled_level
                sums_by_size[w] += pooled_sum
                weeks_by_size[w] += pooled_weeks
            y = part[:, t]
            if t >= first:
                expected = factor[group[rows], t - first]
                ahead, blended = levels * expected, blend * expected
            else:
                ahead, blended = levels, blend
            miss = np.where(is_on, (y - blended) ** 2, 0.0)
            ahead_sum = season[group[rows], t - first, _SUM_WEEKS - 1] if t >= first else 1.0
            expected_sum[slot], came[slot], missed[slot] = blend * ahead_sum * _SUM_WEEKS, y, miss
            losses *= 1 - _ERROR_SMOOTHING
            losses += np.where(is_on, (y - ahead) ** 2, 0.0)
            squared = squared * (1 - _ERROR_SMOOTHING) + miss
            squared_weight = squared_weight * (1 - _ERROR_SMOOTHING) + is_on
            size = _size(blend)
            pooled_error += np.bincount(size, weights=miss, minlength=_SIZES)
            pooled_level += np.bincount(size, weights=np.where(is_on, blend, 0.0), minlength=_SIZES)
            begun = start[rows] <= t
            sums = np.where(begun, sums * (1 - _SMOOTHING[:, None]) + y, sums)
            weights = np.where(begun, weights * (1 - _SMOOTHING[:, None]) + 1.0, weights)

    # error per unit of level among series of one size; where there are none, as of a Poisson demand
    ratio = np.maximum((errors_by_size + 1e-3) / (levels_by_size + 1e-3), 0.5)
    for w in range(replayed):
        pooled = ratio[w, _size(level[:, w])] * level[:, w]
        own = weight_of_error[:, w]
        common = _common_share(sums_by_size[w], weeks_by_size[w])[_size(level[:, w])]
        share[:, w] = np.maximum(share[:, w], common)
        error[:, w] = np.maximum((own * error[:, w] + _POOLED_WEEKS * pooled) / (own + _POOLED_WEEKS), 0.3 * level[:, w])
    return Rolling(level, error, share, season, group)


def _blend(levels: Array, losses: Array, weight: Array) -> tuple[Array, Array]:
    """The levels by their weights, and the weights: e^(-evidence · excess of the loss over the best)."""
    best = losses.min(axis=0)
    excess = np.divide(losses, best, out=np.ones_like(losses), where=best > 0) - 1
    evidence = np.minimum(weight / 16.0, 1.0) * _EVIDENCE_WEEKS / 2
    used = np.exp(-np.minimum(excess * evidence, 30.0))
    used /= used.sum(axis=0)
    return (used * levels).sum(axis=0), used


def _common_share(squared_sums: Array, squared_weeks: Array) -> Array:
    """What the errors of successive weeks have in common, as a share of what each has of its own, by size of series.

    With own variance σ² and common variance τσ², a sum of n weeks misses by nσ² + n²τσ² and its weeks by n(1 + τ)σ²: the ratio gives τ.
    """
    n = _SUM_WEEKS
    ratio = np.clip((squared_sums + 1.0) / (squared_weeks + 1.0), 1.0, n - 0.5)
    return (ratio - 1) / (n - ratio)


def _size(level: NDArray) -> NDArray[np.intp]:
    return np.clip(np.floor(2 * np.log2(np.maximum(level, 1e-3))) + 10, 0, _SIZES - 1).astype(np.intp)


def _seasons(demand: Floats, group: NDArray[np.intp], groups: int, first: int, horizons: int) -> tuple[Floats, Array]:
    """Factors of each group: (groups, replayed weeks, horizons) as means over the weeks ahead, and (groups, replayed weeks) of the week.

    The index of a week is the group's demand a year before, over the mean of the year around that week as far as it is known. It is taken
    to the power, between 0 and 1, that forecast the groups best so far; one half before there is any evidence.
    """
    series, weeks = demand.shape
    replayed = weeks - first
    flat = np.ones((groups, replayed, horizons), dtype=np.float32), np.ones((groups, replayed))
    if first < YEAR or series == 0:
        return flat
    total = np.zeros((groups, weeks))
    np.add.at(total, group, demand)
    index = np.ones((groups, weeks + horizons))
    # the last week of the first year may not know the week after it: that one may be the first replayed
    ends = [min(t + 2, YEAR) if t < YEAR else t + 2 for t in range(weeks)]
    smooth = np.stack([total[:, max(t - 1, 0) : end].mean(axis=1) for t, end in enumerate(ends)], axis=1)
    for t in range(weeks + horizons):
        ago = t - YEAR if t >= YEAR else t
        begin = max(ago - YEAR // 2, 0) if t >= YEAR else 0  # the year around it, as far as it is over
        around = total[:, begin : begin + YEAR]
        base = around.mean(axis=1)
        index[:, t] = np.clip(np.divide(smooth[:, ago], base, out=np.ones(groups), where=base > 0), *_SEASON_LIMITS)
    # what the level of a series has in it of the season, as its own exponentially weighted mean has
    alpha = _SMOOTHING[1]
    inside, level, held = np.zeros((groups, weeks)), np.zeros((groups, weeks)), np.zeros(weeks)
    for t in range(1, weeks):
        held[t] = held[t - 1] * (1 - alpha) + 1
        inside[:, t] = inside[:, t - 1] * (1 - alpha) + index[:, t - 1]
        level[:, t] = level[:, t - 1] * (1 - alpha) + total[:, t - 1]
    held[0] = 1
    inside, level = inside / held, level / held
    factors, of_week = flat
    losses = np.zeros(len(_SEASON_POWERS))
    seen = 0.0
    for t in range(first, weeks):
        w = t - first
        excess = losses / losses.min() - 1 if losses.min() > 0 else np.zeros(len(losses))
        weight = np.exp(-np.minimum(excess * seen / 2, 30.0))
        power = float((weight * _SEASON_POWERS).sum() / weight.sum())
        ratio = index[:, t : t + horizons] / np.maximum(inside[:, t : t + 1], 1e-6)
        raised = ratio**power
        factors[:, w] = np.cumsum(raised, axis=1) / np.arange(1, horizons + 1)
        of_week[:, w] = raised[:, 0]
        ahead = level[:, t, None] * ratio[:, :1] ** _SEASON_POWERS
        scale = np.maximum(level[:, t], 1e-9)
        weights = np.sqrt(scale)
        missed = ((total[:, t, None] - ahead) / scale[:, None]) ** 2
        losses = losses * _SEASON_MEMORY + (weights[:, None] * missed).sum(axis=0)
        seen = seen * _SEASON_MEMORY + 1
    return factors, of_week


@dataclass(frozen=True)
class TrueDistribution:
    """The distribution demand was really drawn from, in the place of `Rolling`: for generated data, where it is known."""

    cumulative_mean: Array
    """(series, replayed weeks + 1): from the first replayed week on; the last week is carried forward."""
    cumulative_variance: Array

    def mean(self, rows: slice, week: int, horizon_weeks: Array) -> Array:
        """Expected demand summed over the next `horizon_weeks` of the series `rows`."""
        return self._over(self.cumulative_mean[rows], week, horizon_weeks)

    def variance(self, rows: slice, week: int, mean: Array, horizon_weeks: Array, lead_deviation: Array) -> Array:
        """Variance of that sum, with the lead time's; nothing is estimated."""
        weekly = mean / horizon_weeks
        return self._over(self.cumulative_variance[rows], week, horizon_weeks) + (weekly * lead_deviation) ** 2

    @staticmethod
    def _over(cumulative: Array, week: int, horizon_weeks: Array) -> Array:
        last = cumulative.shape[1] - 1
        end = week + horizon_weeks
        low = np.minimum(end.astype(np.intp), last - 1)
        place = np.arange(len(cumulative))
        step = cumulative[place, low + 1] - cumulative[place, low]
        return cumulative[place, low] + (end - low) * step - cumulative[:, week]
