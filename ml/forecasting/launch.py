"""Demand of new items, from how earlier launches of their category went.

Belongs here: launch curves, how good a launch is, the expected path of a new item and quantiles of its sum.
Does not belong here: items with a history of their own long enough for the models.

A launch is a series whose first week lies inside the panel; week k counts from there. Demand of series s in week k is

    store level x curve of its category (k) x quality of s,   mean quality 1.

- Curve: level x shape. The shape is units in week k over the levels of the launches that were in stock that week: each launch
  is compared with itself, so that one large recent launch does not make all curves fall. Level and shape of a category are
  shrunk to those of all by `prior_launches` launches. Beyond the weeks ever seen a curve stays flat.
- Quality: how much better or worse than its curve a launch sells. It varies between items by v_item and between the stores of
  an item by v_store; both are measured as the covariance of launches of one item and what is left of their variance.
- A new item starts at quality 1. What its other stores sold, then what its own first weeks sold, move it there by linear
  credibility (Buehlmann): each observation counts by 1 / (v_store + dispersion / expected units), so few units move it little.
- The SUM of the horizon has variance = dispersion x mean + (expected at quality 1)^2 x what is not known of the quality,
  times how much larger squared errors were when the same was done for the past launches. Quantiles: the distribution of
  demand with that mean and variance (`distribution`).

Where no launch was ever seen, the category's running series stand in: a flat curve, and their spread as quality.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.distribution import simple_quantiles_units

Array = NDArray[np.float64]
Codes = NDArray[np.int64]


_ROUNDS = 8
"""Turns between the level of each launch and the shape of all."""


@dataclass(frozen=True)
class LaunchSettings:
    """Raises ValueError when out of range."""

    max_weeks: int = 52
    """Weeks since launch that a curve has of its own."""
    min_lead_weeks: int = 4
    """Weeks of panel before a first week, for it to be a launch and not the beginning of the records."""
    min_launch_weeks: int = 4
    """Weeks of a launch, for it to say how good it was."""
    prior_launches: float = 5.0
    """Weight of all categories beside one category, in launches."""
    store_prior_series: float = 10.0
    """Weight of an average store beside one store, in series."""
    smooth_weeks: int = 3
    """Weeks over which the curve is smoothed."""
    lattice_points: int = 256
    """Points on which a distribution is computed."""

    def __post_init__(self) -> None:
        if min(self.max_weeks, self.min_launch_weeks, self.smooth_weeks, self.min_lead_weeks) < 1 or self.prior_launches <= 0:
            raise ValueError("weeks must be at least 1 and prior_launches positive")


@dataclass(frozen=True)
class LaunchCurves:
    """What past launches say. Categories and stores are codes from 0; a category of -1 is unknown."""

    curve: Array
    """(categories + 1, weeks): expected units by week since launch at an average store; the last row is of all categories."""
    launches: Codes
    """(categories + 1,): launches behind each curve; 0 where running series stand in."""
    series: Codes
    """(categories + 1,): series of the category."""
    store_level: Array
    """(stores,): demand of a series relative to an average store."""
    item_variance: float
    store_variance: float
    dispersion: float
    """Variance over mean of a week's demand about its own level."""
    scale: float
    """Squared errors of the past launches over their expected variance, at least 1."""

    def expected(self, category: Codes, location: Codes, begin: Codes, end: Codes) -> Array:
        """Expected units at quality 1 from week `begin` to before week `end` since launch."""
        total = np.concatenate([np.zeros((len(self.curve), 1)), self.curve.cumsum(axis=1)], axis=1)
        row, weeks = self._row(category), self.curve.shape[1]
        level = self.store_level[location]

        def until(week: Codes) -> Array:
            return total[row, np.minimum(week, weeks)] + np.maximum(week - weeks, 0) * self.curve[row, -1]

        return level * (until(end) - until(begin))

    def path(self, category: Codes, location: Codes, begin: Codes, horizon: int) -> Array:
        """Expected units at quality 1 of `horizon` weeks from week `begin` since launch, (series, horizon)."""
        week = np.minimum(begin[:, None] + np.arange(horizon), self.curve.shape[1] - 1)
        return self.store_level[location][:, None] * self.curve[self._row(category)[:, None], week]

    def _row(self, category: Codes) -> Codes:
        return np.where((category >= 0) & (category < len(self.curve) - 1), category, len(self.curve) - 1)


@dataclass(frozen=True)
class NewItemPaths:
    mean: Array
    """(series, horizon) units a week."""
    sum_quantiles: Array
    """(series, levels) units of demand summed over the horizon."""
    sum_variance: Array
    """(series, horizon): variance of demand summed over the first weeks, units squared."""
    reason: list[str]
    """Per series, in words: "new item: from 14 launches in category Wine"."""


def launch_curves(
    units: Array,
    start: Codes,
    category: Codes,
    location: Codes,
    item: Codes,
    is_in_stock: NDArray[np.bool_] | None = None,
    settings: LaunchSettings | None = None,
) -> LaunchCurves:
    """Learn from all series of a panel. units, is_in_stock: (series, weeks); the others: (series,)."""
    settings = settings or LaunchSettings()
    in_stock = np.ones(units.shape, dtype=bool) if is_in_stock is None else is_in_stock
    weeks, groups = units.shape[1], int(category.max(initial=-1)) + 1
    used = in_stock & (np.arange(weeks) >= start[:, None])
    level = _store_level(units, used, location, settings)
    relative = level[location]

    is_launch = (start >= settings.min_lead_weeks) & (weeks - start >= settings.min_launch_weeks)
    learned_from = is_launch if is_launch.any() else start < weeks
    member = np.where(category >= 0, category, groups)
    curve = _curves(units, used, start, member, groups, relative, is_launch, settings)
    launches = np.bincount(member[is_launch], minlength=groups + 1)
    launches[-1] = is_launch.sum()
    held = np.bincount(member, minlength=groups + 1)
    held[-1] = len(units)

    plain = LaunchCurves(curve, launches, held, level, 0.0, 0.0, 1.0, 1.0)
    seen, expected = _seen(plain, units, used, start, category, location, is_launch)
    rows = learned_from & (expected > 0)
    dispersion = _dispersion(plain, units, used, start, category, location, seen, expected, rows)
    item_variance, store_variance = _quality_variances(seen[rows], expected[rows], item[rows], dispersion)
    found = replace(plain, item_variance=item_variance, store_variance=store_variance, dispersion=dispersion)
    return replace(found, scale=_error_scale(found, units, used, start, category, location, rows))


def new_item_paths(
    curves: LaunchCurves,
    units: Array,
    start: Codes,
    category: Codes,
    location: Codes,
    item: Codes,
    is_new: NDArray[np.bool_],
    horizon: int,
    levels: Array,
    category_names: list[str] | None = None,
    is_in_stock: NDArray[np.bool_] | None = None,
    settings: LaunchSettings | None = None,
) -> NewItemPaths:
    """Forecast the series of `is_new` (a mask over the panel; results have only its rows, in order).

    `start` equal to the number of weeks means not launched yet. Series of the same item in other stores are read as well.
    """
    settings = settings or LaunchSettings()
    weeks = units.shape[1]
    in_stock = np.ones(units.shape, dtype=bool) if is_in_stock is None else is_in_stock
    used = in_stock & (np.arange(weeks) >= start[:, None])
    seen, expected = _seen(curves, units, used, start, category, location, start >= settings.min_lead_weeks)
    prior, prior_variance, others = _item_quality(curves, seen, expected, item, is_new)
    new = np.flatnonzero(is_new)
    quality, unknown = _own_quality(curves, seen[new], expected[new], prior[new], prior_variance[new])
    age = weeks - np.minimum(start[new], weeks)
    usual = curves.path(category[new], location[new], age, horizon)
    mean = usual * quality[:, None]
    total = usual.cumsum(axis=1)
    variance = curves.scale * (curves.dispersion * mean.cumsum(axis=1) + np.square(total) * unknown[:, None])
    is_whole = np.full(len(new), bool((units == np.rint(units)).all()))
    quantiles = simple_quantiles_units(
        mean.sum(axis=1), variance[:, -1], is_whole, np.asarray(levels, float), settings.lattice_points
    )
    words = [
        _words(curves, int(c), int(n), int(a), category_names) for c, n, a in zip(category[new], others[new], age, strict=True)
    ]
    return NewItemPaths(mean, quantiles, variance, words)


def _words(curves: LaunchCurves, category: int, other_stores: int, age: int, names: list[str] | None) -> str:
    own = category if 0 <= category < len(curves.curve) - 1 else len(curves.curve) - 1
    if curves.launches[own] == 0 and curves.launches[-1] > 0:
        own = len(curves.curve) - 1
    place = "all categories" if own == len(curves.curve) - 1 else f"category {names[own] if names else own}"
    if curves.launches[-1]:
        text = f"new item: from {curves.launches[own]} launches in {place}"
    else:
        text = f"new item: from {curves.series[own]} running series in {place}, as no launch was seen"
    text += f", {other_stores} other stores" if other_stores else ""
    return text + (f" and {age} weeks of its own" if age else "")


def _store_level(units: Array, used: NDArray[np.bool_], location: Codes, settings: LaunchSettings) -> Array:
    """Mean units a week of a store's series over that of all series, shrunk to 1."""
    weeks = used.sum(axis=1)
    mean = np.where(used, units, 0.0).sum(axis=1) / np.maximum(weeks, 1)
    has = weeks > 0
    stores = int(location.max(initial=0)) + 1
    overall = mean[has].mean() if has.any() else 0.0
    total, count = np.bincount(location[has], mean[has], stores), np.bincount(location[has], minlength=stores)
    if overall <= 0:
        return np.ones(stores)
    return (total / overall + settings.store_prior_series) / (count + settings.store_prior_series)


def _smooth(values: Array, window: int) -> Array:
    """Centred moving average along the weeks, over the part of the window that exists; the first week stays."""
    result = values.copy()
    for k in range(1, values.shape[1]):
        half = min(window // 2, k)
        result[:, k] = values[:, max(k - half, 1) : k + half + 1].mean(axis=1)
    return result


def _curves(
    units: Array,
    used: NDArray[np.bool_],
    start: Codes,
    member: Codes,
    groups: int,
    relative: Array,
    is_launch: NDArray[np.bool_],
    settings: LaunchSettings,
) -> Array:
    """Level x shape of each category, shrunk to those of all; the last row is of all. Flat where no launch was seen."""
    weeks, prior = units.shape[1], settings.prior_launches
    rows = np.flatnonzero(is_launch) if is_launch.any() else np.flatnonzero(start < weeks)
    if rows.size == 0:
        return np.zeros((groups + 1, 1))
    code, size = member[rows], relative[rows]
    length = min(settings.max_weeks, int((weeks - start[rows]).max())) if is_launch.any() else 1
    week = start[rows][:, None] + np.arange(length) if length > 1 else None
    if week is None:
        sold, seen = (
            np.where(used[rows], units[rows], 0.0).sum(axis=1, keepdims=True),
            used[rows].sum(axis=1, keepdims=True) * 1.0,
        )
    else:
        inside = np.minimum(week, weeks - 1)
        seen = ((week < weeks) & used[rows[:, None], inside]) * 1.0
        sold = units[rows[:, None], inside] * seen
    if sold.sum() <= 0:
        return np.zeros((groups + 1, length))
    shape, level = np.ones(length), np.ones(rows.size)
    for _ in range(_ROUNDS):
        expected = size * (seen @ shape)
        total = sold.sum(axis=1)
        mean = total.sum() / max(expected.sum(), 1e-9)
        # a quarter of a usual week: a launch that sold nothing so far has a level all the same
        level = (total + 0.25 * size * mean) / (expected + 0.25 * size)
        weight = (size * level) @ seen
        # late weeks have few launches: the running shape holds them
        by_week, running = (sold.sum(axis=0), 1.0)
        for k in range(length):
            running = shape[k] = (by_week[k] + prior * size.mean() * level.mean() * running) / (
                weight[k] + prior * size.mean() * level.mean()
            )
        shape = _smooth(shape[None], settings.smooth_weeks)[0]
        shape /= max(np.average(shape, weights=weight) if weight.sum() > 0 else 1.0, 1e-9)
    trust = expected / (expected + max(expected.mean(), 1e-9) * 0.1)
    overall = np.average(level, weights=trust)
    of_group, launches = np.bincount(code, trust * level, groups + 1), np.bincount(code, trust, groups + 1)
    group_level = (of_group + prior * overall) / (launches + prior)
    group_sold, group_weight = np.zeros((groups + 1, length)), np.zeros((groups + 1, length))
    np.add.at(group_sold, code, sold)
    np.add.at(group_weight, code, seen * (size * level)[:, None])
    held = prior * group_level[:, None]
    group_shape = (_smooth(group_sold, settings.smooth_weeks) + held * shape) / (
        _smooth(group_weight, settings.smooth_weeks) + held
    )
    curve = group_level[:, None] * group_shape
    curve[-1] = overall * shape
    return curve


def _seen(
    curves: LaunchCurves,
    units: Array,
    used: NDArray[np.bool_],
    start: Codes,
    category: Codes,
    location: Codes,
    has_age: NDArray[np.bool_],
) -> tuple[Array, Array]:
    """Units and expected units of the in-stock weeks of each series; one without a known age is past its curve."""
    weeks = units.shape[1]
    row = curves._row(category)
    expected = np.zeros(len(units))
    for week in range(weeks):
        at = np.where(has_age, np.clip(week - start, 0, curves.curve.shape[1] - 1), curves.curve.shape[1] - 1)
        expected += used[:, week] * curves.curve[row, at]
    return np.where(used, units, 0.0).sum(axis=1), expected * curves.store_level[location]


def _dispersion(
    curves: LaunchCurves,
    units: Array,
    used: NDArray[np.bool_],
    start: Codes,
    category: Codes,
    location: Codes,
    seen: Array,
    expected: Array,
    rows: NDArray[np.bool_],
) -> float:
    """Variance over mean of weekly demand about curve x own quality, over the launches; 1 where nothing is known."""
    squares = freedom = 0.0
    index = np.flatnonzero(rows & (seen > 0))
    row, last = curves._row(category[index]), curves.curve.shape[1] - 1
    factor = curves.store_level[location[index]] * seen[index] / expected[index]
    for week in range(units.shape[1]):
        age = week - start[index]
        mean = factor * curves.curve[row, np.clip(age, 0, last)]
        counts = used[index, week] & (mean > 0)
        squares += (np.square(units[index, week] - mean)[counts] / mean[counts]).sum()
        freedom += counts.sum()
    freedom -= index.size
    prior = 20.0
    return float(max((squares + prior) / (max(freedom, 0.0) + prior), 0.5))


def _quality_variances(seen: Array, expected: Array, item: Codes, dispersion: float) -> tuple[float, float]:
    """Variance of quality between items, and between the stores of an item, by moments."""
    if seen.size == 0:
        return 0.5, 0.25
    error = seen - expected
    # a vague prior of variance 0.5, worth three launches of average size
    weight = 3 * np.square(expected).mean()
    total = max((np.square(error) - dispersion * expected).sum() + 0.5 * weight, 0.0) / (np.square(expected).sum() + weight)
    _, code = np.unique(item, return_inverse=True)
    pairs = np.square(np.bincount(code, expected)).sum() - np.square(expected).sum()
    joint = np.square(np.bincount(code, error)).sum() - np.square(error).sum()
    share = np.clip((joint + 0.5 * total * weight) / max(pairs + weight, 1e-9) / max(total, 1e-9), 0.0, 1.0)
    return float(max(share * total, 1e-3)), float(max((1 - share) * total, 1e-3))


def _item_quality(
    curves: LaunchCurves, seen: Array, expected: Array, item: Codes, is_new: NDArray[np.bool_]
) -> tuple[Array, Array, Codes]:
    """Quality that the other stores of an item speak for, its variance at one more store, and their number."""
    items = int(item.max(initial=0)) + 1
    has = expected > 0
    precision = np.where(has, 1 / (curves.store_variance + curves.dispersion / np.where(has, expected, 1.0)), 0.0)
    ratio = np.where(has, seen / np.where(has, expected, 1.0), 0.0)
    weights = np.bincount(item, precision, items)[item] - precision
    values = np.bincount(item, precision * ratio, items)[item] - precision * ratio
    stores = np.bincount(item, has, items)[item].astype(np.int64) - has
    known = 1 / curves.item_variance
    return (known + values) / (known + weights), 1 / (known + weights) + curves.store_variance, stores


def _own_quality(curves: LaunchCurves, seen: Array, expected: Array, prior: Array, prior_variance: Array) -> tuple[Array, Array]:
    """Quality after the series' own weeks, and what is still unknown of it, as a variance."""
    has = expected > 0
    noise = np.where(has, curves.dispersion * prior / np.where(has, expected, 1.0), np.inf)
    weight = prior_variance / (prior_variance + noise)
    ratio = np.where(has, seen / np.where(has, expected, 1.0), prior)
    return np.maximum(prior + weight * (ratio - prior), 0.02), prior_variance * (1 - weight)


def _error_scale(
    curves: LaunchCurves,
    units: Array,
    used: NDArray[np.bool_],
    start: Codes,
    category: Codes,
    location: Codes,
    rows: NDArray[np.bool_],
) -> float:
    """The rule applied to past launches after a third of their weeks: mean squared error over expected variance."""
    weeks = units.shape[1]
    index = np.flatnonzero(rows)
    if index.size < 5 or not curves.launches[-1]:
        return 1.0
    cut = start[index] + np.maximum((weeks - start[index]) // 3, 1)
    early = used[index] & (np.arange(weeks) < cut[:, None])
    late = used[index] & ~early
    own = (category[index], location[index])
    is_launch = np.ones(index.size, dtype=bool)
    seen, expected = _seen(curves, units[index], early, start[index], *own, is_launch)
    actual, usual = _seen(curves, units[index], late, start[index], *own, is_launch)
    spread = np.full(index.size, curves.item_variance + curves.store_variance)
    quality, unknown = _own_quality(curves, seen, expected, np.ones(index.size), spread)
    mean, has = usual * quality, usual > 0
    variance = curves.dispersion * mean + np.square(usual) * unknown
    surprise = np.minimum(np.square(actual - mean)[has] / variance[has], 25.0)
    prior = 20.0
    return float(max((surprise.sum() + prior) / (surprise.size + prior), 1.0))
