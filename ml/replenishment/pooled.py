"""What the series of a group say about each other: demand over the interval to cover, from models of all of them.

Belongs here: the group as a panel, what its models say and how far they are followed, paths that lean towards it. Does not belong here: the
models themselves (`ml.forecasting.boosting_sums`), what a series knows of itself (`demand`), the season of a group (`season`).

A series of a few weeks, or one that seldom sells, knows little of itself. Trees over all series of the group have seen what became of
others that looked like it, in units of each one's own level, and their attributes. How far the mean of a series follows them is learned by
hiding the newest part of the past: most of the way for stores of a chain, a fifth of it for steady goods, hardly any where the
series have nothing in common. The shape follows less far, as an average of both quantile functions, which err in different ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.boosting import MEAN
from ml.forecasting.boosting_sums import QUANTILE_LEVELS, QUANTILES, learn
from ml.forecasting.frames import attributes
from ml.forecasting.panel import Panel, repair_stock_outs
from ml.forecasting.settings import ForecastSettings
from ml.replenishment.case import Batch, Case, one_grid
from ml.replenishment.settings import DecisionSettings
from ml.replenishment.state_space import WAVES, filter_bank, specs

Array = NDArray[np.float64]

_LEAST_SERIES = 20
_LONGEST_SHARE = 0.25
"""Of the group's longest history: of longer intervals it holds too few to learn from."""
_HIDDEN_SHARE = 0.2
"""Of the past, hidden to learn how far the group is followed."""
_MOST_JUDGED = 3_000
"""Series that are asked for that."""
_MOST_HEARD = 10.0
"""Times the level of a series that hidden demand counts for, and times the median series that a series does: one data error decides nothing."""
_STEPS = np.arange(0.0, 1.01, 0.1)
_LARGEST_MOVE = 5.0
"""Times the series' own mean, or a part of it: further than this nobody is followed."""


@dataclass(frozen=True)
class Said:
    """What the group says of one series, and how far it is followed."""

    mean: float
    """Expected demand over lead time and review."""
    quantiles: Array
    """Of demand over lead time and review, at QUANTILE_LEVELS."""
    followed: float
    """How far the mean goes towards that of the group, 0 to 1."""


def said_by_groups(case: Case, settings: DecisionSettings) -> dict[int, Said]:
    """By row of the case, for series of groups that are large and old enough. Series decided in other periods are another group."""
    if "group" not in case.table.columns:
        return {}
    group = case.table["group"].to_list()
    members: dict[object, list[tuple[Batch, int]]] = {}
    for batch in case.batches:
        for place, row in enumerate(batch.row.tolist()):
            if group[row] is not None:
                members.setdefault((group[row], batch.now), []).append((batch, place))
    found: dict[int, Said] = {}
    for places in members.values():
        if len(places) >= _LEAST_SERIES:
            found |= _said(case, places, settings)
    return found


def _said(case: Case, places: Sequence[tuple[Batch, int]], settings: DecisionSettings) -> dict[int, Said]:
    panel = as_panel(case, places)
    interval = np.array([batch.lead_time + batch.review for batch, _ in places])
    lengths = [int(length) for length in np.unique(interval) if length <= _LONGEST_SHARE * panel.periods]
    if not lengths:
        return {}
    own = ForecastSettings(
        seed=settings.seed,
        boosting_origins=settings.group_origins,
        boosting_most_origins=settings.group_origins,
        boosting_max_rows=settings.group_rows,
        boosting_leaves=settings.group_leaves,
        boosting_quantile_rounds=settings.group_rounds,
    )
    made = learn(panel, panel.periods, lengths, own, (MEAN, *QUANTILES))
    if made is None:
        return {}
    share = followed(panel, lengths, own, settings)
    foretold = made.foretold(panel, panel.periods)
    quantiles = np.maximum.accumulate(foretold[:, :, 1:], axis=2)
    found: dict[int, Said] = {}
    for i, (batch, place) in enumerate(places):
        if interval[i] in lengths and np.isfinite(foretold[i, j := lengths.index(int(interval[i]))]).all():
            found[int(batch.row[place])] = Said(float(foretold[i, j, 0]), quantiles[i, j], share)
    return found


def followed(panel: Panel, lengths: Sequence[int], own: ForecastSettings, settings: DecisionSettings) -> float:
    """How far from a series' own level to what the group foretells to go, 0 to 1: what served best in the newest part of the past.

    It was hidden from the models that are judged. The loss is the one they learn by; where little was hidden, a guess counts more.
    """
    if panel.series > _MOST_JUDGED:
        panel = panel.take(np.sort(np.random.default_rng(settings.seed).choice(panel.series, _MOST_JUDGED, replace=False)))
    begin = panel.periods - max(max(lengths), int(_HIDDEN_SHARE * panel.periods))
    early = learn(panel, begin, lengths, own, (MEAN,))
    if early is None:
        return settings.group_mean_share
    alone = _foretold_alone(panel, settings)
    losses, windows = np.zeros(len(_STEPS)), 0
    for origin in panel.learning_origins(panel.periods, max(lengths), own):
        if origin < begin:
            continue
        said, level = early.foretold(panel, origin)[:, :, 0], panel.level_units(origin)
        for j, length in enumerate(lengths):
            inside = slice(origin, origin + length)
            known = np.isfinite(said[:, j]) & panel.is_in_stock[:, inside].all(axis=1)
            came = np.minimum(panel.training_units[known, inside].mean(axis=1) / level[known], _MOST_HEARD)
            group, single = said[known, j] / length / level[known], alone[known, origin] / level[known]
            expected = single + _STEPS[:, None] * (group - single)
            weight = np.sqrt(np.minimum(level[known], _MOST_HEARD * np.median(level)))
            losses += (weight * _deviance(came, expected)).sum(axis=1)
            windows += int(known.sum())
    prior = settings.group_prior_windows
    return float((windows * _STEPS[losses.argmin()] + prior * settings.group_mean_share) / (windows + prior))


def _foretold_alone(panel: Panel, settings: DecisionSettings) -> Array:
    """What each series by itself says of every period one before it, (series, periods), with the weights its models have now: they know
    how it went on, so a group has to be better than that."""
    order = np.argsort(panel.start, kind="stable")
    found = np.zeros_like(panel.units)
    bank = specs(WAVES)
    for begin in range(0, panel.series, settings.chunk_series):
        rows = order[begin : begin + settings.chunk_series]
        first = int(panel.start[rows[0]])
        made = filter_bank(
            panel.training_units[rows, first:], panel.is_in_stock[rows, first:], panel.start[rows] - first, bank, settings
        )
        found[rows, first:] = np.maximum(made.foretold, 0.0)
    return found


def _deviance(came: Array, expected: Array) -> Array:
    """Of a Tweedie law, but for what only hangs on what came."""
    power, mean = MEAN["tweedie_variance_power"], np.maximum(expected, 1e-6)
    return mean ** (2 - power) / (2 - power) - came * mean ** (1 - power) / (1 - power)


def as_panel(case: Case, places: Sequence[tuple[Batch, int]]) -> Panel:
    """The series at `places` of batches, all decided in the same period, as a panel that ends before it."""
    grid, season = one_grid(places), case.clock.season_periods
    in_stock = grid.in_stock | (np.arange(grid.units.shape[1]) < grid.start[:, None])
    training = repair_stock_outs(grid.units, in_stock, grid.start, season, ForecastSettings().repair_window_periods)
    beside = case.attributes[[int(batch.row[place]) for batch, place in places]]
    static, names = attributes(beside, beside["unique_id"])
    return Panel(grid.units, training, in_stock, grid.start, season, static=static, static_names=names)


def leaning(paths: Array, interval: int, rows: Sequence[int], said: Mapping[int, Said], settings: DecisionSettings) -> Array:
    """(S, N, H) paths that lean towards what the group says of their sums over the first `interval` periods: their mean, then each at its rank.

    In their shape slow movers lean less: a share of a unit is no demand. A path without demand gets its own spread over the interval.
    """
    heard = [i for i, row in enumerate(rows) if row in said]
    if not heard:
        return paths
    paths, levels = paths.copy(), np.array(QUANTILE_LEVELS)
    mean = paths[heard, :, :interval].sum(axis=2).mean(axis=1)
    group, followed_by = np.array([[said[rows[i]].mean, said[rows[i]].followed] for i in heard]).T
    apart = np.divide(group, mean, out=np.ones_like(mean), where=mean > 0).clip(1 / _LARGEST_MOVE, _LARGEST_MOVE)
    paths[heard] *= (1 + followed_by * (apart - 1))[:, None, None]
    total = paths[heard, :, :interval].sum(axis=2)
    mean = total.mean(axis=1)
    share = settings.group_share * followed_by * mean / (mean + settings.group_prior_units)
    order = np.argsort(total, axis=1, kind="stable")
    gap = np.array([said[rows[i]].quantiles for i in heard]) - np.quantile(total, levels, axis=1).T
    # beyond the outermost levels a path keeps its distance to them
    rank = (np.arange(total.shape[1]) + 0.5) / total.shape[1]
    move = np.empty_like(total)
    np.put_along_axis(move, order, np.stack([np.interp(rank, levels, own) for own in gap]), axis=1)
    wanted = np.maximum(total + share[:, None] * move, 0.0)
    leant = paths[heard] * np.divide(wanted, total, out=np.ones_like(total), where=total > 0)[:, :, None]
    leant[:, :, :interval] = np.where((total > 0)[:, :, None], leant[:, :, :interval], wanted[:, :, None] / interval)
    paths[heard] = leant
    return paths
