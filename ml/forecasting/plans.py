"""What plans do to demand (promotions, discounts, prices), learned from all series together.

Belongs here: the strength of each plan, how far a series follows it, a panel without it. Does not belong here: plans that all series have in
common, as holidays (`common_plans`); reading the frames of plans (`frames`, `weekly`).

A model of one series cannot know that next week's price is a bargain, nor that last week's sales were made by one. Models are fitted
to demand divided by what the plans of the period did, and what they say is multiplied by what the plans ahead will do. That is for plans that are
events, and for those that are the main cause of all ups and downs: where most periods have a plan and it does little, levels hold it already and trees
have examples enough to judge it.

Strength is learned from what came after past origins, by a Poisson regression (pseudo-likelihood, Gourieroux, Monfort and Trognon 1984):
demand of a period is the series' level before the origin without its plans, times what all series did in that period, times the plans. So it is the
strength that helps to foretell, and not that of a plan that is made because demand is high. Plans differ from series to series, and series follow
them more or less: each attribute that series share (category, store, item) has a reaction of its own, drawn towards that of all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.common_plans import MOST_PUSH, SPREAD, in_usual_sizes
from ml.forecasting.panel import Panel
from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]

_WINDOWS = {7: 28, 5: 20, 52: 13}
_OTHER_WINDOW = 12
"""Periods before an origin that are the level of a series."""
_MOST_AHEAD = 14
"""Periods after an origin that teach."""
_MOST_SERIES = 10_000
"""Series that an origin teaches with, at most: a seeded sample."""
_FEWEST_PLANS = 10
"""Different courses of a plan below which nothing is learned of it: it would be what a few series happened to do."""
_COMMON = ((0.0, 0.25), (0.5, 0.15))
"""Plans are no events where they are so many usual sizes away from what is usual for the series in such a share of periods or more, both."""
_MAIN_CAUSE = 0.25
"""Share of the deviance of what came that plans explain, from which they are taken out though they are no events: without them no level can be read."""
_REACTION_SPREAD = 0.5
"""The largest deviation of reactions around 1."""
_REACTIONS = (-0.5, 3.0)
"""The least and the most that a series is believed to follow plans, 1 being as all do."""
_ROUNDS = 6
_MOST_LEVELS = 10.0
"""Demand beyond so many levels counts as so many, and no series has more votes than so many usual ones: one data error must not say what plans do."""


def without_plans(panel: Panel, end: int, horizon: int, settings: ForecastSettings) -> tuple[Panel, Array]:
    """The panel with its demand before column `end` divided by what plans did, and the factors of the periods from there on, (series, horizon).

    The panel itself and ones where no plan differs between series, where most periods have one that does little, or where there is nothing to learn
    from. Of columns from `end` on only plans are read.
    """
    nothing = panel, np.ones((panel.series, horizon))
    planned = _planned(panel, end, horizon)
    if not len(planned) or (outcomes := _outcomes(panel, planned, end, horizon, settings)) is None:
        return nothing
    strength = _strength(outcomes, _courses(planned[:, :, :end]))
    reaction = _reaction(panel, outcomes, strength)
    if not _are_events(planned[:, :, :end], panel.start) and _explained(outcomes, strength, reaction) < _MAIN_CAUSE:
        return nothing
    factor = np.exp(np.clip(np.tensordot(strength, planned, 1) * reaction[:, None], -MOST_PUSH, MOST_PUSH))
    demand = panel.training_units.copy()
    demand[:, :end] /= factor[:, :end]
    return replace(panel, training_units=demand), factor[:, end:]


def _are_events(planned: Array, start: NDArray[np.int64]) -> bool:
    """Most periods of the history have no plan, or a small one."""
    largest = np.abs(planned).max(axis=0)[np.arange(planned.shape[2]) >= start[:, None]]
    return any((largest > size).mean() < share for size, share in _COMMON)


def _planned(panel: Panel, end: int, horizon: int) -> Array:
    """What is planned beyond what is usual for the series, in usual sizes of such plans: (plans, series, end + horizon).

    Of positive values, as prices, the logarithm. Plans that differ between series by their usual level only, or not at all, are left out.
    """
    inside = np.arange(end) >= panel.start[:, None]
    found = []
    for j in range(len(panel.known_names)):
        values = panel.known[:, : end + horizon, j].astype(np.float64)
        counted = np.concatenate([values[:, :end][inside], values[:, end:].ravel()])
        if not inside.any() or not np.ptp(counted) > 0:
            continue
        if counted.min() > 0:
            values = np.log(np.maximum(values, counted.min()))
        apart = _centred(_centred(values[:, :end], inside, 0), inside, 1)
        usual = np.ma.median(np.ma.array(values[:, :end], mask=~inside), axis=1).filled(0.0)
        values -= usual[:, None]
        past = np.where(inside, values[:, :end], 0.0)
        differs = past.any() and np.abs(apart).max() > 1e-6 * np.abs(past).max()
        if differs and len(np.unique(_courses(apart[None]))) >= _FEWEST_PLANS:
            found.append(in_usual_sizes(values, past))
    return np.stack(found) if found else np.zeros((0, panel.series, end + horizon))


def _centred(values: Array, inside: NDArray[np.bool_], axis: int) -> Array:
    """Values less their mean over an axis, 0 where not inside."""
    held = np.where(inside, values, 0.0)
    return np.where(inside, held - held.sum(axis, keepdims=True) / np.maximum(inside.sum(axis, keepdims=True), 1), 0.0)


def _courses(planned: Array) -> NDArray[np.int64]:
    """Number of the course of plans of each series, (series,): series with the same plans throughout have the same."""
    weights = np.random.default_rng(0).standard_normal((len(planned), planned.shape[2]))
    return np.unique(np.round(np.einsum("kst,kt->s", planned, weights), 6), return_inverse=True)[1]


@dataclass(frozen=True)
class _Outcomes:
    """What came after past origins, and what was planned then and in the window before: n series at origins, h periods ahead, w before."""

    series: NDArray[np.int64]
    begins: NDArray[np.int64]
    """Where the rows of each origin begin."""
    votes: Array
    came: Array
    """(n, h), 0 where it does not count."""
    counts: NDArray[np.bool_]
    planned: Array
    """(plans, n, h)."""
    before: Array
    """(n, w), 0 where it does not count."""
    counted_before: NDArray[np.bool_]
    planned_before: Array
    """(plans, n, w)."""

    def expected(self, push: Array, push_before: Array) -> tuple[Array, Array]:
        """Demand that was to be expected under these pushes, (n, h), and the weight of each period of the window in the level, (n, w)."""
        share = self.counted_before * np.exp(np.clip(push_before, -MOST_PUSH, MOST_PUSH))
        whole = np.maximum(share.sum(axis=1), 1e-12)
        expected = self.counts * np.exp(np.clip(push, -MOST_PUSH, MOST_PUSH)) * (self.before.sum(axis=1) / whole)[:, None]
        everyone = self._together(expected)
        expected *= np.where(everyone > 0, self._together(self.came) / np.maximum(everyone, 1e-12), 1.0)
        return expected, share / whole[:, None]

    def contrast(self, expected: Array, share: Array, push: Array, push_before: Array) -> Array:
        """A push less that of the window and less that of all series in the period, (n, h)."""
        own = push - (push_before * share).sum(axis=1)[:, None]
        return own - self._together(expected * own) / np.maximum(self._together(expected), 1e-12)

    def deviance(self, expected: Array) -> float:
        """Poisson deviance of what came from what was to be expected, by votes."""
        used = self.counts & (expected > 0)
        came, expected = np.where(used, self.came, 0.0), np.where(used, expected, 1.0)
        of_sales = came * np.log(np.maximum(came, 1e-300) / expected)
        return 2 * float((self.votes[:, None] * np.where(used, of_sales - (came - expected), 0.0)).sum())

    def _together(self, values: Array) -> Array:
        """Sums over all series at the same origin and period, by their votes, for each of them."""
        sums = np.add.reduceat(self.votes[:, None] * values, self.begins, axis=0)
        return np.repeat(sums, np.diff(np.append(self.begins, len(values))), axis=0)


def _outcomes(panel: Panel, planned: Array, end: int, horizon: int, settings: ForecastSettings) -> _Outcomes | None:
    window, ahead = _WINDOWS.get(panel.season, _OTHER_WINDOW), int(np.clip(horizon, 1, min(_MOST_AHEAD, max(end // 4, 1))))
    usable = panel.is_in_stock & (np.arange(panel.periods) >= panel.start[:, None])
    demand = panel.training_units * usable
    series, parts, begins = [], [], [0]
    for origin in panel.learning_origins(end, ahead, settings):
        rows = panel.trainable(origin, settings, _MOST_SERIES)
        then, past = slice(origin, origin + ahead), slice(max(origin - window, 0), origin)
        rows = rows[demand[rows, past].any(axis=1)]
        early = ((0, 0), (window - (past.stop - past.start), 0))
        if rows.size:
            begins.append(begins[-1] + len(rows))
            series.append(rows)
            parts.append(
                (
                    demand[rows, then],
                    usable[rows, then],
                    planned[:, rows, then],
                    np.pad(demand[rows, past], early),
                    np.pad(usable[rows, past], early),
                    np.pad(planned[:, rows, past], ((0, 0), *early)),
                )
            )
    if not parts:
        return None
    came, counts, ahead_plans, before, counted, plans = (
        np.concatenate(values, axis=values[0].ndim - 2) for values in zip(*parts, strict=True)
    )
    total = before.sum(axis=1)
    # between one vote a series and one a unit
    votes = np.minimum(np.sqrt(total), _MOST_LEVELS * np.median(np.sqrt(total))) / total
    most = _MOST_LEVELS * total / counted.sum(axis=1) + 3
    return _Outcomes(
        np.concatenate(series),
        np.array(begins[:-1]),
        votes,
        np.minimum(came, most[:, None]),
        counts,
        ahead_plans,
        before,
        counted,
        plans,
    )


def _strength(outcomes: _Outcomes, courses: NDArray[np.int64]) -> Array:
    """Logarithm of what each plan of usual size does, (plans,): by Newton's steps, then drawn towards nothing by its noise.

    Series with the same plans are one observation, since what they do together may have other causes.
    """
    count = len(outcomes.planned)
    strength, noise = np.zeros(count), np.eye(count)
    for _ in range(_ROUNDS):
        expected, share = outcomes.expected(
            np.tensordot(strength, outcomes.planned, 1), np.tensordot(strength, outcomes.planned_before, 1)
        )
        apart = np.stack(
            [
                outcomes.contrast(expected, share, then, before)
                for then, before in zip(outcomes.planned, outcomes.planned_before, strict=True)
            ]
        )
        score = outcomes.votes * ((outcomes.came - expected) * apart).sum(axis=2)
        known = np.einsum("n,nh,knh,lnh->kl", outcomes.votes, expected, apart, apart, optimize=True)
        inverse = np.linalg.pinv(known)
        by_course = np.stack([np.bincount(courses[outcomes.series], own) for own in score])
        noise = inverse @ (by_course @ by_course.T) @ inverse
        strength = strength + np.clip(inverse @ score.sum(axis=1), -1.0, 1.0)
    prior = np.eye(count) * SPREAD**2
    # rounded, so that how many threads add up decides nothing
    return np.round(prior @ np.linalg.pinv(prior + noise) @ strength, 6)


def _reaction(panel: Panel, outcomes: _Outcomes, strength: Array) -> Array:
    """How far each series follows plans, 1 being as all do, (series,)."""
    then, before = np.tensordot(strength, outcomes.planned, 1), np.tensordot(strength, outcomes.planned_before, 1)
    reaction = np.ones(panel.series)
    # attributes of few values first: what a category does is not each item's doing
    for code in sorted(panel.relatives(), key=np.max):
        own = reaction[outcomes.series][:, None]
        expected, share = outcomes.expected(then * own, before * own)
        apart = outcomes.contrast(expected, share, then, before)
        surplus, known = (
            np.bincount(outcomes.series, outcomes.votes * values.sum(axis=1), panel.series)
            for values in ((outcomes.came - expected) * apart, expected * apart**2)
        )
        noise = (surplus**2).sum() / max(known.sum(), 1e-12)
        of_value, known_of = np.bincount(code, surplus), np.bincount(code, known)
        # the moments' estimate of how much reactions differ beyond noise (DerSimonian and Laird 1986)
        spread = np.clip((of_value @ of_value - surplus @ surplus) / max(known_of @ known_of, 1e-12), 0.0, _REACTION_SPREAD**2)
        move = of_value * spread / np.maximum(known_of * spread + noise, 1e-12)
        reaction = np.clip(reaction + np.round(move, 4)[code], *_REACTIONS)
    return reaction


def _explained(outcomes: _Outcomes, strength: Array, reaction: Array) -> float:
    """Share of the Poisson deviance of what came that plans explain, beside levels and what all series did."""
    own = reaction[outcomes.series][:, None]
    pushes = (np.tensordot(strength, plans, 1) * own for plans in (outcomes.planned, outcomes.planned_before))
    none = np.zeros_like(outcomes.came), np.zeros_like(outcomes.before)
    before, after = (outcomes.deviance(outcomes.expected(*given)[0]) for given in (none, tuple(pushes)))
    return 1 - after / before if before > 0 else 0.0
