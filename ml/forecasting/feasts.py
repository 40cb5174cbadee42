"""What the feasts of a first year did to demand.

Belongs here: feasts of a history without a whole year before it, a panel without them. Does not belong here: feasts of which the year
before tells (`year`), holidays where no calendar says which they are (`common_plans`).

In its first year a chain has seen no Christmas before, and models take the weeks that lead to it for a trend that goes on. But a feast that is
over is over. What the weeks around it hold beyond those before, and after once there are any, is taken out of demand: of all series
together, and per attribute (category, store) what its series do otherwise. It is believed by how far it stands out from what weeks do
anyway, and only where it is more: what falls while others celebrate falls for reasons of its own. Nothing is said of feasts to come; and
where the next one is near, what this one had goes on into it.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.common_plans import kept
from ml.forecasting.panel import Panel
from ml.forecasting.together import FEWEST_SERIES, log_total, votes

Array = NDArray[np.float64]

_BUILD_UP_WEEKS, _ECHO_WEEKS = 3, 1
"""Weeks before that of a feast in which people already buy for it, and after it in which they still do."""
_ECHO = 0.5
"""Share of what the week of the feast had beyond others that the week after it has, too, while that is ahead."""
_AROUND_WEEKS = 6
"""Weeks before and after all these that they are compared with."""
_RECENT_WEEKS = 13
"""A feast longer ago moves no forecast: what came after it is known."""


def without_feasts(panel: Panel, end: int, horizon: int) -> tuple[Panel, Array]:
    """The panel with its demand before column `end` divided by what recent feasts did, and the factors from there on, (series, horizon).

    The panel itself and ones where no recent week is known to hold a feast, or where people already buy for the next one. Of columns from
    `end` on only feasts are read.
    """
    nothing = panel, np.ones((panel.series, horizon))
    if panel.is_feast is None or panel.season != 52:
        return nothing
    feasts, ahead = np.flatnonzero(panel.is_feast[:end]), np.flatnonzero(panel.is_feast[end : end + _BUILD_UP_WEEKS + 1]) + end
    demand = panel.training_units[:, :end]
    has_sold = demand.any(axis=1)
    if not (feasts >= end - _RECENT_WEEKS).any() or (ahead > feasts[-1] + _ECHO_WEEKS).any() or has_sold.sum() < FEWEST_SERIES:
        return nothing
    weight = votes(demand.sum(axis=1))

    def total(rows: NDArray[np.bool_]) -> Array:
        return log_total(demand[rows], weight[rows])

    everyone = total(has_sold)
    push = np.tile(_beyond(everyone, feasts, horizon), (panel.series, 1))
    for member in panel.groups():
        own = member & has_sold
        if own.sum() >= FEWEST_SERIES:
            push[member] += _beyond(total(own) - everyone, feasts, horizon)
    factor = np.exp(np.maximum(push, 0.0))
    changed = panel.training_units.copy()
    changed[:, :end] /= factor[:, :end]
    return replace(panel, training_units=changed), factor[:, end:]


def _beyond(curve: Array, feasts: NDArray[np.int64], horizon: int) -> Array:
    """What a logarithm of demand has beyond other weeks around each of the recent feasts, oldest first, (weeks + horizon,)."""
    end = len(curve)
    calm, found = curve.copy(), np.zeros(end + horizon)
    is_near = np.zeros(end, dtype=bool)
    for week in feasts:
        is_near[_near(week)] = True
    noise = _drift(curve, is_near)
    for week in feasts[feasts >= end - _RECENT_WEEKS]:
        at = np.arange(end)[_near(week)]
        at = at[found[at] == 0]  # what an earlier feast explains is no second one's
        if not at.size:
            continue
        before, after = slice(max(at[0] - _AROUND_WEEKS, 0), at[0]), slice(at[-1] + 1, at[-1] + 1 + _AROUND_WEEKS)
        sides = [side.mean() for side in (calm[before], calm[after][~is_near[after]]) if side.size]
        if not sides:
            continue
        found[at] = kept(calm[at] - np.mean(sides), noise)
        calm[at] -= found[at]
        if week == end - 1 and horizon:
            found[end] = _ECHO * found[week]
    return found


def _near(week: int) -> slice:
    return slice(max(week - _BUILD_UP_WEEKS, 0), week + _ECHO_WEEKS + 1)


def _drift(curve: Array, is_near: NDArray[np.bool_]) -> float:
    """Mean square of what a week far from feasts has beyond those before it, as far from it as those that a feast is compared with."""
    apart = (_BUILD_UP_WEEKS + _ECHO_WEEKS) // 2
    first = _AROUND_WEEKS + apart
    moves = [
        curve[w] - curve[w - first : w - apart].mean() for w in range(first, len(curve)) if not is_near[w - first : w + 1].any()
    ]
    moves = moves or np.diff(curve).tolist()
    return float(np.mean(np.square(moves)))
