"""What plans that all series have in common do to demand: holidays, promotions of the whole chain.

Belongs here: which plans are common and come and go, what they do to all series together, a panel without it. Does not belong here: plans
that differ between series (`plans`), periods without any demand (`closures`).

Nothing but time tells what a common plan does, so a period is one observation: demand of all series in it against the periods a week (of days) or
one period before and after, in logarithms, so that levels, trends and the pattern of the week cancel. A plan that changes slowly, as a price
index, cannot be told from the level that way and is left to the models.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.panel import Panel

Array = NDArray[np.float64]

MOST_PUSH = 1.5
"""Logarithm of the most that plans do to demand."""
SPREAD = 0.5
"""Prior deviation of the logarithm of what a plan of usual size does."""
_BENT = 1.5
"""A plan so many usual sizes away from what is usual does three quarters of what a straight line would say, one far beyond it no more."""
_APART = {24: 24, 7: 7, 5: 5}
"""Periods between those compared, by the season of the panel; neighbours elsewhere."""
_FEWEST = 20
"""Periods to compare below which nothing is learned."""
_MOST_OWN = 0.1
"""Deviation between series, as a share of that over time, up to which a plan is common."""
_QUICK = 0.5
"""The same for what of a plan is left in the comparison, from which it comes and goes."""
_SHARED_NOISE = 1.5
"""Noise of a comparison over that of its period: it holds half of each neighbour's."""
_ROUNDS = 3


def without_common_plans(panel: Panel, end: int, horizon: int) -> tuple[Panel, Array]:
    """The panel with its demand before column `end` divided by what common plans did, and the factors of the periods from there on, (horizon,).

    The panel itself and ones where there is no such plan. Of columns from `end` on only plans are read.
    """
    factor = np.exp(_push(panel, end, horizon))
    if (factor == 1).all():
        return panel, factor[end:]
    demand = panel.training_units.copy()
    demand[:, :end] /= factor[:end]
    return replace(panel, training_units=demand), factor[end:]


def kept(move: Array, noise: float | Array) -> Array:
    """Nearly all of large moves, little of those as small as the deviation whose variance is `noise`."""
    return move**3 / (move**2 + noise + 1e-12)


def in_usual_sizes(values: Array, past: Array) -> Array:
    """What is planned, in sizes that are usual for the plan in the past, bent where far beyond them."""
    size = np.sqrt((past[past != 0] ** 2).mean())
    return _BENT * np.tanh(values / size / _BENT)


def _push(panel: Panel, end: int, horizon: int) -> Array:
    """Logarithm of what common plans do to the demand of each period, (end + horizon,)."""
    apart = _APART.get(panel.season, 1)
    nothing = np.zeros(end + horizon)
    # where the calendar says what each feast did a year ago, the mean of all feasts would say less
    is_said = panel.year_ago_alignment_ratio is not None
    if is_said or not panel.known_names or end < _FEWEST + 2 * apart:
        return nothing
    plans = _common(panel, end, horizon, apart)
    came = _compared_demand(panel, end, apart)
    usable = np.isfinite(came)
    if not len(plans) or usable.sum() < _FEWEST:
        return nothing
    came = np.clip(came[usable], -2 * MOST_PUSH, 2 * MOST_PUSH)
    given = _compared(plans[:, :end], apart)[:, usable]
    strength, missed = np.zeros(len(plans)), came
    for _ in range(_ROUNDS):
        noise = _SHARED_NOISE * float(np.mean(missed**2)) + 1e-9
        inverse = np.linalg.inv(given @ given.T + noise / SPREAD**2 * np.eye(len(plans)))
        strength = inverse @ (given @ came)
        missed = came - strength @ given
    # holidays are not all alike: what was missed on days of a plan is the noise of its strength (White 1980)
    noise = _SHARED_NOISE * np.diag(inverse @ (given * missed**2) @ given.T @ inverse)
    # rounded, so that how many threads add up decides nothing
    return np.clip(np.round(kept(strength, noise), 6) @ plans, -MOST_PUSH, MOST_PUSH)


def _common(panel: Panel, end: int, horizon: int, apart: int) -> Array:
    """Common plans that come and go, less what is usual, in usual sizes: (plans, end + horizon). Of positive values, as prices, the logarithm."""
    inside = np.arange(end) >= panel.start[:, None]
    lengths = np.maximum(inside.sum(axis=1, keepdims=True), 1)
    found = []
    for j in range(len(panel.known_names)):
        values = panel.known[:, : end + horizon, j].astype(np.float64)
        values = np.log(values) if values.min() > 0 else values
        together = values.mean(axis=0)
        own = np.where(inside, values[:, :end] - together[:end], 0.0)
        own -= np.where(inside, own.sum(axis=1, keepdims=True) / lengths, 0.0)
        together -= np.median(together[:end])
        past = together[:end]
        size, quick = (np.sqrt((moves**2).mean()) for moves in (past, _compared(past, apart)))
        if size > 1e-9 and np.sqrt((own**2).mean()) <= _MOST_OWN * size and quick >= _QUICK * size:
            found.append(in_usual_sizes(together, past))
    return np.stack(found) if found else np.zeros((0, end + horizon))


def _compared(values: Array, apart: int) -> Array:
    """Each period less the mean of the two `apart` from it; the first and last of them have none."""
    return values[..., apart:-apart] - (values[..., : -2 * apart] + values[..., 2 * apart :]) / 2


def _compared_demand(panel: Panel, end: int, apart: int) -> Array:
    """The same of the logarithm of all demand, of series that are there in all three periods; not finite without demand."""
    demand = panel.training_units[:, :end]
    units = demand.sum(axis=1)
    # between one vote a series and one a unit
    votes = np.divide(1.0, np.sqrt(units), out=np.zeros(len(units)), where=units > 0)
    there = (panel.start[:, None] <= np.arange(end - 2 * apart)) * votes[:, None]
    before, now, after = (np.einsum("st,st->t", there, demand[:, k * apart : end - (2 - k) * apart]) for k in range(3))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(now) - (np.log(before) + np.log(after)) / 2
