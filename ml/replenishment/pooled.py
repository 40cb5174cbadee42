"""What the series of a group say about each other: quantiles of demand over the interval to cover, from one model of all of them.

Belongs here: the group as a panel, its model's quantiles, paths that lean towards them. Does not belong here: the model itself
(`ml.forecasting.boosting`), what a series knows of itself (`demand`), the season of a group (`season`).

A series of a few weeks, or one that seldom sells, knows little of itself. Trees over all series of the group have seen what became of
others that looked like it, in units of each one's own level, and their attributes. An average of both quantile functions is better
than either: they err in different ways.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.boosting import QUANTILE_LEVELS, sum_quantiles
from ml.forecasting.frames import attributes
from ml.forecasting.panel import Panel, repair_stock_outs
from ml.forecasting.settings import ForecastSettings
from ml.replenishment.case import Batch, Case, one_grid
from ml.replenishment.settings import DecisionSettings

Array = NDArray[np.float64]

_LEAST_SERIES = 20
_LONGEST_SHARE = 0.25
"""Of the group's longest history: of longer intervals it holds too few to learn from."""


@dataclass(frozen=True)
class Said:
    """What the group says of one series, and how far it is followed."""

    quantiles: Array
    """Of demand over lead time and review, at QUANTILE_LEVELS."""
    share: float


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
        boosting_quantile_rounds=settings.group_rounds,
    )
    quantiles = sum_quantiles(panel, panel.periods, (panel.periods,), lengths, own)[:, 0]
    moments = np.clip(panel.periods - max(lengths) - own.min_training_periods, 0, settings.group_origins)
    windows = len(places) * moments
    share = settings.group_share * windows / (windows + settings.group_prior_windows)
    found: dict[int, Said] = {}
    for i, (batch, place) in enumerate(places):
        if interval[i] in lengths and np.isfinite(said := quantiles[i, lengths.index(interval[i])]).all():
            found[int(batch.row[place])] = Said(said, share)
    return found


def as_panel(case: Case, places: Sequence[tuple[Batch, int]]) -> Panel:
    """The series at `places` of batches, all decided in the same period, as a panel that ends before it."""
    grid, season = one_grid(places), case.clock.season_periods
    in_stock = grid.in_stock | (np.arange(grid.units.shape[1]) < grid.start[:, None])
    training = repair_stock_outs(grid.units, in_stock, grid.start, season, ForecastSettings().repair_window_periods)
    beside = case.attributes[[int(batch.row[place]) for batch, place in places]]
    static, names = attributes(beside, beside["unique_id"])
    return Panel(grid.units, training, in_stock, grid.start, season, static=static, static_names=names)


def leaning(paths: Array, interval: int, rows: Sequence[int], said: Mapping[int, Said], settings: DecisionSettings) -> Array:
    """(S, N, H) paths whose sums over the first `interval` periods lean towards what the group says, each path at its rank.

    Slow movers lean less: a share of a unit is no demand. A path without demand gets its own spread over the interval.
    """
    heard = [i for i, row in enumerate(rows) if row in said]
    if not heard:
        return paths
    paths, levels = paths.copy(), np.array(QUANTILE_LEVELS)
    total = paths[heard, :, :interval].sum(axis=2)
    mean = total.mean(axis=1)
    share = np.array([said[rows[i]].share for i in heard]) * mean / (mean + settings.group_prior_units)
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
