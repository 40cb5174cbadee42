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
    level, error, own_weeks = np.zeros((3, series, replayed), dtype=np.float32)
    share = np.ones((series, replayed), dtype=np.float32)
    season, of_week = _seasons(demand, group, int(group.max()) + 1 if series else 1, first, horizons)
    pooled = np.zeros((replayed, 4, _SIZES))
    for begin in range(0, series, 8192):
        rows = slice(begin, begin + 8192)
        learner = _Learner(start[rows])
        for t in range(weeks):
            levels, blend, used = learner.levels()
            expected, expected_sum = 1.0, 1.0
            if t >= first:
                w = t - first
                level[rows, w], share[rows, w] = blend, learner.estimate_share(t, used)
                error[rows, w], own_weeks[rows, w] = learner.error()
                pooled[w] += learner.pooled
                expected, expected_sum = of_week[group[rows], w], season[group[rows], w, _SUM_WEEKS - 1]
            learner.learn(t, demand[rows, t].astype(np.float64), levels * expected, blend * expected, blend * expected_sum)

    squared, levels_seen, squared_sums, squared_weeks = (pooled[:, k] for k in range(4))
    # error per unit of level among series of one size; where there are none, half of a Poisson demand's
    ratio = np.maximum((squared + 1e-3) / (levels_seen + 1e-3), 0.5)
    for w in range(replayed):
        size, own = _size(level[:, w]), own_weeks[:, w]
        of_size = ratio[w, size] * level[:, w]
        share[:, w] = np.maximum(share[:, w], _common_share(squared_sums[w], squared_weeks[w])[size])
        error[:, w] = np.maximum((own * error[:, w] + _POOLED_WEEKS * of_size) / (own + _POOLED_WEEKS), 0.3 * level[:, w])
    return Rolling(level, error, share, season, group)


class _Learner:
    """What one chunk of series has learned by the start of a week; week after week."""

    def __init__(self, start: NDArray[np.intp]) -> None:
        count = len(start)
        self._start = start
        self._sums, self._weights, self._losses = np.zeros((3, len(_SMOOTHING), count))
        self._squared, self._squared_weight = np.zeros((2, count))
        # of the last weeks: what was expected of their sum and is on, what came, what was missed week by week
        self._expected_sum, self._came, self._missed = np.zeros((3, _SUM_WEEKS, count))
        self.pooled = np.zeros((4, _SIZES))
        """By size: squared errors and levels of weeks; squared errors of sums of weeks, and of the weeks in them."""

    def levels(self) -> tuple[Array, Array, Array]:
        """Each level, their blend, and the weights in it: e^(-evidence · excess of a level's loss over the best's)."""
        levels = np.divide(self._sums, self._weights, out=np.zeros_like(self._sums), where=self._weights > 0)
        best = self._losses.min(axis=0)
        excess = np.divide(self._losses, best, out=np.ones_like(self._losses), where=best > 0) - 1
        evidence = np.minimum(self._squared_weight / 16.0, 1.0) * _EVIDENCE_WEEKS / 2
        used = np.exp(-np.minimum(excess * evidence, 30.0))
        used /= used.sum(axis=0)
        return levels, (used * levels).sum(axis=0), used

    def error(self) -> tuple[Array, Array]:
        """Mean squared error of a week, and the weeks it rests on."""
        weight = self._squared_weight
        return np.divide(self._squared, weight, out=np.zeros_like(weight), where=weight > 0), weight

    def estimate_share(self, week: int, used: Array) -> Array:
        """Variance of the blended level of a steady series over that of a week: α / (2 - α), one over the weeks of a young one."""
        steady = (_SMOOTHING / (2 - _SMOOTHING))[:, None]
        return (used * np.maximum(steady, 1 / np.maximum(week - self._start, 1))).sum(axis=0)

    def learn(self, week: int, demand: Array, levels: Array, blend: Array, blend_of_sum: Array) -> None:
        """Take in the week's demand; `levels`, `blend` and `blend_of_sum` are what was expected of it and of the weeks from it on."""
        slot, is_on = week % _SUM_WEEKS, self._start < week
        if week >= _SUM_WEEKS:
            made = self._start < week - _SUM_WEEKS
            size = _size(self._expected_sum[slot] / _SUM_WEEKS)
            square = np.where(made, (self._came.sum(axis=0) - self._expected_sum[slot]) ** 2, 0.0)
            single = np.where(made, self._missed.sum(axis=0), 0.0)
            self.pooled[2:] *= _POOL_MEMORY
            self.pooled[2:] += [np.bincount(size, weights=values, minlength=_SIZES) for values in (square, single)]
        miss = np.where(is_on, (demand - blend) ** 2, 0.0)
        self._expected_sum[slot], self._came[slot], self._missed[slot] = blend_of_sum * _SUM_WEEKS, demand, miss
        self._losses *= 1 - _ERROR_SMOOTHING
        self._losses += np.where(is_on, (demand - levels) ** 2, 0.0)
        self._squared = self._squared * (1 - _ERROR_SMOOTHING) + miss
        self._squared_weight = self._squared_weight * (1 - _ERROR_SMOOTHING) + is_on
        size, seen = _size(blend), np.where(is_on, blend, 0.0)
        self.pooled[:2] += [np.bincount(size, weights=values, minlength=_SIZES) for values in (miss, seen)]
        kept = (1 - _SMOOTHING)[:, None]
        has_begun = self._start <= week
        self._sums = np.where(has_begun, self._sums * kept + demand, self._sums)
        self._weights = np.where(has_begun, self._weights * kept + 1.0, self._weights)


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
