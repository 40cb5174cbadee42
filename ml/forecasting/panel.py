"""All series on one grid of periods, as arrays.

Belongs here: the arrays every model reads, the repair of stock-outs where nobody estimated the demand, demand patterns.
Does not belong here: frames, dates and keys (`frames`, `run`), models, errors, distributions.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]

PATTERNS = ("smooth", "erratic", "intermittent", "lumpy", "none")
_ADI_CUT, _CV2_CUT = 1.32, 0.49
_LOWEST_LEVEL = 0.08  # of the median series
_CHUNK_SERIES = 4_000
_MOST_GROUPS = 60
"""An attribute with more values than this groups nothing."""


def _nothing() -> NDArray[np.float32]:
    return np.zeros((0, 0, 0), dtype=np.float32)


@dataclass(frozen=True)
class Panel:
    """All series on one grid that ends with the newest period. Arrays are (series,) or (series, periods)."""

    units: Array
    """What was sold, zero or more; 0 before the first period and in gaps."""
    training_units: Array
    """Demand: what models are fitted to. Equal to `units` where nothing cut the sales."""
    is_in_stock: NDArray[np.bool_]
    """Nothing cut the sales of the period, and they are known."""
    start: NDArray[np.int64]
    """Column of the first period; the number of periods where there is no history."""
    season: int
    """Periods of a season: 7 of days, 52 of weeks, 12 of months; 1 where there is none."""
    known: NDArray[np.float32] = field(default_factory=_nothing)
    """What is known ahead (promotions, holidays, prices): (series, periods + horizon, names), or empty."""
    known_names: tuple[str, ...] = ()
    static: Array = field(default_factory=lambda: np.zeros((0, 0)))
    """Attributes of the series as numbers, (series, names), or empty."""
    static_names: tuple[str, ...] = ()
    year_ago_alignment_ratio: Array | None = None
    """Demand of the days of the year before that a period corresponds to, by special days, over that of the period 365.25 days before;
    (periods + horizon,). None: all ones."""
    is_feast: NDArray[np.bool_] | None = None
    """Periods that hold a holiday of most series, (periods + horizon,). None: not known."""
    is_closed: NDArray[np.bool_] | None = None
    """Periods known to have no demand, (series, periods + horizon). They are not in stock, and `training_units` has what would have been
    asked for. None: none."""
    day_of_month: Array | None = None
    """1 to 31, of panels of days, (periods + horizon,): pay comes by it."""

    @property
    def series(self) -> int:
        return self.units.shape[0]

    @property
    def periods(self) -> int:
        return self.units.shape[1]

    @property
    def is_whole_units(self) -> NDArray[np.bool_]:
        """Whether all sales of a series are whole numbers, (series,)."""
        return (self.units == np.rint(self.units)).all(axis=1)

    def take(self, rows: NDArray[np.int64]) -> Panel:
        """The same panel with only these series, in this order."""
        return replace(
            self,
            units=self.units[rows],
            training_units=self.training_units[rows],
            is_in_stock=self.is_in_stock[rows],
            start=self.start[rows],
            is_closed=None if self.is_closed is None else self.is_closed[rows],
            known=self.known[rows] if self.known_names else self.known,
            static=self.static[rows] if self.static_names else self.static,
        )

    def closed(self, begin: int, end: int) -> NDArray[np.bool_]:
        """Whether periods from column `begin` to before `end` are known to have no demand, (series, end - begin)."""
        return np.zeros((self.series, end - begin), dtype=bool) if self.is_closed is None else self.is_closed[:, begin:end]

    def history_periods(self, end: int) -> NDArray[np.int64]:
        """Periods of history before column `end`, (series,)."""
        return np.maximum(end - self.start, 0)

    def mean_units(self, end: int) -> Array:
        """Mean demand of a period from the first to before column `end`, (series,); 0 without any period."""
        return self.training_units[:, :end].sum(axis=1) / np.maximum(self.history_periods(end), 1)

    def relatives(self) -> list[NDArray[np.int64]]:
        """Per attribute that series share, the code of each series' value."""
        found = []
        for column in self.static.T:
            values, code = np.unique(column, return_inverse=True)
            if 2 <= len(values) <= self.series // 2:
                found.append(code)
        return found

    def groups(self) -> list[NDArray[np.bool_]]:
        """Members of each value of the attributes that have few of them, (series,) each: series that may share a season."""
        found = []
        for column in self.static.T:
            values, code = np.unique(column, return_inverse=True)
            if 2 <= len(values) <= _MOST_GROUPS:
                found += [code == value for value in range(len(values))]
        return found

    def level_units(self, end: int) -> Array:
        """What the series sells lately, (series,), above 0: the scale on which series of any size can be compared."""
        window = 28 if self.season == 7 else 26
        begin = np.maximum(self.start, end - window)
        inside = np.arange(max(end - window, 0), end) >= begin[:, None]
        recent = np.where(inside, self.training_units[:, max(end - window, 0) : end], 0.0).sum(axis=1)
        recent = recent / np.maximum(end - begin, 1)
        mean = self.mean_units(end)
        # of the median, so that one data error makes no other series small
        floor = _LOWEST_LEVEL * np.median(mean[mean > 0]) if mean.any() else 0.0
        return np.maximum(0.7 * recent + 0.3 * mean, floor + 1e-9)

    def sale_units(self, end: int) -> Array:
        """The median of periods with any demand, (series,); 0 where there is none."""
        found = np.zeros(self.series)
        for begin in range(0, self.series, _CHUNK_SERIES):
            units = self.training_units[begin : begin + _CHUNK_SERIES, :end]
            sold = np.flatnonzero((units > 0).any(axis=1))
            found[begin + sold] = np.nanmedian(np.where(units[sold] > 0, units[sold], np.nan), axis=1)
        return found

    def can_train(self, end: int, settings: ForecastSettings) -> NDArray[np.bool_]:
        """Series with enough periods, and any demand, before column `end`."""
        long_enough = self.history_periods(end) >= settings.min_training_periods
        return long_enough & (self.training_units[:, :end].sum(axis=1) > 0)

    def learning_origins(self, end: int, horizon: int, settings: ForecastSettings, room: int = 0) -> list[int]:
        """Origins that models of all series learn from, newest first: their horizons end by `end`, about half a horizon apart.

        With `room` for more than usual, as many as that; where all of the past leaves room, days are read from weekly origins.
        """
        most = max(settings.boosting_origins, min(room, settings.boosting_most_origins))
        newest, oldest = end - horizon, max(settings.min_training_periods, min(2 * self.season, 14))
        apart = max(1, horizon // 2)
        if self.season == 7:
            apart = min(apart, max(7, (newest - oldest) // most))
        return list(range(newest, oldest - 1, -apart))[:most]

    def trainable(self, origin: int, settings: ForecastSettings, most: int) -> NDArray[np.int64]:
        """Rows of the series that can train before column `origin`; a seeded sample where there are more than `most`."""
        at = np.flatnonzero(self.can_train(origin, settings))
        if at.size <= most:
            return at
        return np.sort(np.random.default_rng([settings.seed, origin]).choice(at, most, replace=False))


def repair_stock_outs(
    units: Array, in_stock: NDArray[np.bool_], start: NDArray[np.int64], season: int, window_periods: int
) -> Array:
    """Sales in which a period with a stock-out is at least the mean of the last in-stock periods before it.

    Seasons of up to 12 periods are respected: the mean is of the season-free level, times the factor of the period's
    place in the season, learned from the in-stock periods of all series together. It looks at the past of the series only, so the
    repaired past hardly changes when periods are added. Where SQL estimated the demand, that estimate is used instead.
    Shapes (series, periods) -> (series, periods).
    """
    series, periods = units.shape
    factor = np.ones(periods)
    if 1 < season <= 12 and periods >= 2 * season:
        seen = in_stock & (np.arange(periods) >= start[:, None])
        place = np.arange(periods) % season
        mean = [(units * seen)[:, place == p].sum() / max(seen[:, place == p].sum(), 1) for p in range(season)]
        factor = np.maximum(np.array(mean) / max(np.mean(mean), 1e-12), 0.05)[place] if np.mean(mean) > 0 else factor
    repaired = units.copy()
    ring, seen_count = np.zeros((series, window_periods)), np.zeros(series, dtype=np.int64)
    for period in range(periods):
        held = np.minimum(seen_count, window_periods)
        expected = ring.sum(axis=1) / np.maximum(held, 1) * factor[period]
        lift = ~in_stock[:, period] & (held > 0) & (start <= period)
        repaired[:, period] = np.where(lift, np.maximum(units[:, period], expected), units[:, period])
        keep = np.flatnonzero(in_stock[:, period] & (start <= period))
        ring[keep, seen_count[keep] % window_periods] = units[keep, period] / factor[period]
        seen_count[keep] += 1
    return repaired


def demand_pattern(panel: Panel, end: int) -> NDArray[np.int64]:
    """Index into PATTERNS per series, from the demand before column `end`, (series,). Syntetos, Boylan and Croston (2005)."""
    inside = np.arange(end) >= panel.start[:, None]
    demand = np.where(inside, panel.training_units[:, :end], 0.0)
    sold = demand > 0
    count = sold.sum(axis=1)
    interval = np.divide(inside.sum(axis=1), count, out=np.full(panel.series, np.inf), where=count > 0)
    mean = demand.sum(axis=1) / np.maximum(count, 1)
    variance = (np.where(sold, demand - mean[:, None], 0.0) ** 2).sum(axis=1) / np.maximum(count - 1, 1)
    cv2 = np.divide(variance, mean**2, out=np.zeros_like(mean), where=mean > 0)
    pattern = 2 * (interval >= _ADI_CUT) + (cv2 >= _CV2_CUT)
    return np.where(count > 0, pattern, PATTERNS.index("none")).astype(np.int64)
