"""The shape of the year, learned from all series together: what a week of last year says of the same week of this one.

Belongs here: the shape, how far it is believed, a panel without it. Does not belong here: seasons that repeat often enough for a model
to see them by itself (days of the week, hours, months of several years).

One or two years of weeks hold a season once or twice, too little for a model of one series. Added up over many series it is plain: the
December of a chain. Models are fitted to demand divided by the shape, and what they say is multiplied by it, so that all of them know
it. Only what lay before the origin is read, and of a history without a whole year before it only the feasts that are over are known
(`feasts`).

The logarithm of a shape is that of all series together plus, per attribute (category, store), what its series do otherwise. It is what
changes over weeks plus what single weeks do. Both are drawn towards nothing: by their own noise, and by how much of what the year
before foretold at origins of this year did not come.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.common_plans import kept, without_common_plans
from ml.forecasting.feasts import without_feasts
from ml.forecasting.panel import Panel
from ml.forecasting.together import FEWEST_SERIES, log_total, votes

Array = NDArray[np.float64]

_YEARS = {52: 365.25 / 7, 7: 365.25, 5: 365.25 * 5 / 7}
"""Periods of a year, by the season of the panel: weeks, days, Mondays to Fridays."""
_WEEK = {52: 1, 7: 7, 5: 5}
_BASE_WEEKS = (13, 26)
"""Weeks before an origin of which the year before must be known, too, at least and at most: the base from which the year goes on."""
_LEVEL_WEEKS = 8
_GONE_PERIODS = 6
"""A series that sold in so many periods of the base a year ago, and in none of the base now, has left the range: the year did not do that."""
_BELIEFS, _BELIEF_SPREAD = (0.7, 0.4), 0.3
"""Share of a shape that comes again, over weeks and in single weeks, before anything was seen of it; and the deviation of that guess."""


def without_year(panel: Panel, end: int, horizon: int) -> tuple[Panel, Array]:
    """The panel with its demand before column `end` divided by the shape, and the factors of the periods from there on, (series, horizon).

    Without a shape to learn, what `without_feasts` says. Columns from `end` on are not read.
    """
    past = _past(panel, end)
    if past is None:
        return without_feasts(panel, end, horizon)
    columns = np.arange(end + horizon)
    moved = np.zeros(len(columns))
    if panel.year_ago_alignment_ratio is not None:
        # the newest year itself is what it is: only what it foretells is moved
        later = columns >= past.first + past.whole
        moved[later] = np.log(panel.year_ago_alignment_ratio[: end + horizon][later])
    noise = past.noise(horizon, moved)
    moved = kept(moved, noise[1]) if noise else _BELIEFS[1] * moved
    everyone = past.curve(past.is_old)
    shape = np.tile(past.at(past.believed(past.shrunk(everyone), noise), columns) + moved, (panel.series, 1))
    for member in panel.groups():
        if (member & past.is_old).sum() >= FEWEST_SERIES:
            own = past.shrunk(past.curve(member & past.is_old) - everyone)
            shape[member] += past.at(past.believed(own, noise), columns)
    factor = np.exp(shape)
    demand = panel.training_units.copy()
    demand[:, :end] /= factor[:, :end]
    return replace(panel, training_units=demand), factor[:, end:]


@dataclass(frozen=True)
class _Past:
    """Demand before an origin, and where its newest whole year begins."""

    demand: Array
    """(series, periods)."""
    start: NDArray[np.int64]
    is_old: NDArray[np.bool_]
    """Series that were there when the year began, (series,)."""
    votes: Array
    """Weight of a series' units, (series,)."""
    first: int
    base: int
    year: float
    week: int
    has_calendar: bool
    """Whether the calendar says what feasts that fall on another week do there."""

    @property
    def whole(self) -> int:
        return round(self.year)

    def total(self, rows: NDArray[np.bool_]) -> Array:
        """Logarithm of the demand of some series together, (periods,), without the pattern of the week."""
        return log_total(self.demand[rows], self.votes[rows], self.week)

    def curve(self, rows: NDArray[np.bool_]) -> Array:
        """The year's logarithm of demand without its trend and mean, (whole,): the mean of all years there are."""
        found = []
        for begin in range(self.first, -1, -self.whole):
            there = rows & (self.start <= begin)
            if not there.any():
                break
            total = self.total(there)
            growth = total[begin + self.whole :][: self.base].mean() - total[begin:][: self.base].mean()
            one = total[begin : begin + self.whole] - growth / self.whole * np.arange(self.whole)
            found.append(one - one.mean())
        return np.mean(found, axis=0)

    def smooth(self, curve: Array) -> Array:
        """Mean of five weeks around each period."""
        span = 5 * self.week
        padded = np.pad(curve, (span // 2, span - 1 - span // 2), mode="edge")
        return np.convolve(padded, np.ones(span) / span, "valid")

    def shrunk(self, curve: Array) -> Array:
        """What of a curve is no noise. Noise is what changes from one week to the next and back: the median, since feasts do so, too.

        Small moves are drawn towards nothing by how much of all moves is noise; so are large ones, of which many are feasts that fall on
        another week next time, unless the calendar carries them there."""
        weekly = curve[:: self.week]
        noise = (np.median(np.abs(np.diff(weekly, 2))) / 0.6745) ** 2 / 6 + 1e-12
        signal = max(float(weekly.var()) - noise, 0.0) + 1e-12
        smooth = self.smooth(curve)
        found = np.zeros_like(curve)
        for moves, own in ((smooth, noise / 5), (curve - smooth, noise)):
            drawn = own / (signal + own)
            found += moves * (1 - drawn * own / (moves**2 + own) if self.has_calendar else 1 - drawn)
        return found

    def believed(self, curve: Array, noise: tuple[float, float] | None) -> Array:
        """What is believed of a curve, over weeks and in single weeks."""
        smooth = self.smooth(curve)
        if noise is None:
            return _BELIEFS[0] * smooth + _BELIEFS[1] * (curve - smooth)
        return kept(smooth, noise[0]) + kept(curve - smooth, noise[1])

    def noise(self, horizon: int, moved: Array) -> tuple[float, float] | None:
        """Variance of what the year before foretold and that did not come: of the change over a horizon, and of single weeks' own
        moves. None where too few series are old enough to say. `moved` is what the calendar adds to what was foretold."""
        end, level = self.demand.shape[1], _LEVEL_WEEKS * self.week
        weeks = int(np.clip(horizon // self.week, 2, 13))
        ahead = weeks * self.week
        for seen in (39, 26, 13):
            rows = self.is_old & (self.start <= end - self.year - level - ahead - seen * self.week)
            if rows.sum() >= 0.5 * self.is_old.sum():
                break
        else:
            return None
        total = self.total(rows)
        recent = total[end - level - ahead - seen * self.week :]
        # a year ago lies between two periods
        ago = np.interp(np.arange(end - len(recent), end) - self.year, np.arange(end), total)
        ago += moved[end - len(recent) : end]

        def changes(values: Array) -> Array:
            origins = range(level, len(values) - ahead + 1, self.week)
            return np.array([values[o : o + ahead].mean() - values[o - level : o].mean() for o in origins])

        own = [(values - self.smooth(values))[level :: self.week] for values in (ago, recent)]
        return _unforetold(changes(ago), changes(recent), _BELIEFS[0], weeks), _unforetold(own[0], own[1], _BELIEFS[1], 1)

    def at(self, curve: Array, columns: NDArray[np.int64]) -> Array:
        """A curve at any columns: a year is a little longer than its whole periods, so a place lies between two of them."""
        place = np.mod(columns - self.first, self.year)
        return np.interp(place, np.arange(self.whole), curve)


def covers_year(panel: Panel, end: int) -> bool:
    """The columns before `end` reach back far enough to show the shape of a year."""
    return panel.season in _YEARS and end >= round(_YEARS[panel.season]) + _BASE_WEEKS[0] * _WEEK[panel.season]


def _past(panel: Panel, end: int) -> _Past | None:
    if not covers_year(panel, end):
        return None
    year, week = _YEARS[panel.season], _WEEK[panel.season]
    base = int(np.clip(end - round(year), _BASE_WEEKS[0] * week, _BASE_WEEKS[1] * week))
    first = end - base - round(year)
    # a promotion of the whole chain every other week would pass for noise of the year
    demand = without_common_plans(panel, end, 0)[0].training_units[:, :end]
    units = demand[:, first:].sum(axis=1)
    then, now = ((demand[:, begin : begin + base] > 0).sum(axis=1) for begin in (first, end - base))
    has_gone = (then >= _GONE_PERIODS) & (now == 0)
    is_old = (panel.start <= first) & (units > 0) & ~has_gone
    if is_old.sum() < min(FEWEST_SERIES, panel.series):
        return None
    return _Past(demand, panel.start, is_old, votes(units), first, base, year, week, panel.year_ago_alignment_ratio is not None)


def _unforetold(foretold: Array, came: Array, belief: float, overlap: int) -> float:
    """The variance of noise in `foretold` by a regression of what `came` on it, with `belief` as prior; `overlap` neighbours say the same."""
    foretold, came = foretold - foretold.mean(), came - came.mean()
    error = float(np.mean((came - belief * foretold) ** 2))
    prior = overlap * error / _BELIEF_SPREAD**2
    share = np.clip((came @ foretold + prior * belief) / max(foretold @ foretold + prior, 1e-12), 0.01, 1.0)
    return float(foretold.var() * (1 - share) / share)
