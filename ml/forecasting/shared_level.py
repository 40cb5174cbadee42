"""The level of a series as it and its relatives tell it: the same item in other stores, the other items of its store.

Belongs here: which series are relatives, how much their recent demand says of a series, the unit in which boosting measures it.
Does not belong here: boosting itself, the shape of the year.

A series that sells little shows a change of its level late; added up over an item's stores the change is plain. A Poisson regression
with a log link over all series and some past origins learns what is to be believed: demand over the next horizon, in units of the
series' mean so far, by how demand of the last weeks stood to that mean: its own, and per attribute that of all series with its value.
What all series do together is divided out, since every origin is one draw of that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.panel import Panel
from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]

_WINDOWS = {7: (7, 14, 28, 56, 112), 5: (5, 10, 20, 40, 80)}
_OTHER_WINDOWS = (4, 13, 26, 52)
_LONGEST_SHARE = 0.6
"""A window longer than this share of the history says what the whole of it says."""
_OWN_PRIOR, _RELATIVES_PRIOR = 0.1, 1.0
"""Demand as expected, in demand of a usual series, that is added to both sides of a ratio: few units say little."""
_RIDGE = 0.01
"""Of the regression, over the number of origins: series of one origin have its luck in common."""
_MOST_APART, _MOST_TOGETHER = 10.0, 3.0
"""No series is believed to sell so many times its mean, and no relatives together to sell so many times theirs: data errors do."""
_FEWEST_ROWS = 200


@dataclass(frozen=True)
class Scale:
    """What the demand of every series is measured in at an origin, (series,), above 0."""

    units: Array
    own_units: Array | None = None
    """The level the series has by itself, where its relatives had a say."""


@dataclass(frozen=True)
class SharedLevel:
    """The regression; without coefficients every series stands for itself."""

    windows: tuple[int, ...] = ()
    coefficients: Array | None = None

    def scale(self, panel: Panel, end: int) -> Scale:
        """The scale of every series at column `end`; only what lies before it is read.

        The median series has its own level: what all do together is not for relatives to say.
        """
        own = panel.level_units(end)
        if self.coefficients is None:
            return Scale(own)
        mean = panel.mean_units(end)
        known = mean > 0
        units = np.where(known, mean * np.exp(_ratios(panel, end, self.windows, panel.relatives()) @ self.coefficients), own)
        units = np.clip(units, own / _MOST_APART, own * _MOST_APART)
        if known.any():
            units[known] *= np.median(own[known] / units[known])
        return Scale(units, own)


def learn(panel: Panel, end: int, horizon: int, settings: ForecastSettings) -> SharedLevel:
    """The regression from origins whose horizon ends by `end`; the one that changes nothing where no series has relatives."""
    from sklearn.linear_model import PoissonRegressor

    origins, relatives = panel.learning_origins(end, horizon, settings), panel.relatives()
    if not origins or not relatives:
        return SharedLevel()
    windows = tuple(n for n in _WINDOWS.get(panel.season, _OTHER_WINDOWS) if n <= _LONGEST_SHARE * end)
    rows, targets, weights = [], [], []
    for origin in origins:
        part = panel.trainable(origin, settings, settings.boosting_max_rows // len(origins))
        inside = slice(origin, origin + horizon)
        part = part[panel.is_in_stock[part, inside].mean(axis=1) >= settings.min_in_stock_share]
        mean = panel.mean_units(origin)[part]
        came = np.minimum(panel.training_units[part, inside].mean(axis=1) / mean, _MOST_APART)
        if came.sum() > 0:
            rows.append(_ratios(panel, origin, windows, relatives)[part])
            targets.append(came / came.mean())
            weights.append(np.sqrt(mean))
    if not windows or sum(map(len, targets)) < _FEWEST_ROWS:
        return SharedLevel()
    weight = np.concatenate(weights)
    model = PoissonRegressor(alpha=_RIDGE / len(targets), solver="newton-cholesky")
    model.fit(np.vstack(rows), np.concatenate(targets), sample_weight=weight / weight.mean())
    # rounded, so that how many threads add up does not decide where trees are cut
    return SharedLevel(windows, np.round(model.coef_, 6))


def _ratios(panel: Panel, end: int, windows: Sequence[int], relatives: Sequence[NDArray[np.int64]]) -> Array:
    """Logarithms of demand in windows before `end` over what the mean of the history lets expect, relative to all series.

    In what all do and in what is usual every series has one vote, so that one data error does not move all others. Per window: of the
    series itself, then of all series with its value of each attribute. Shape (series, windows x (1 + attributes)).
    """
    mean, age = panel.mean_units(end), panel.history_periods(end)
    columns = []
    for window in windows:
        came = panel.training_units[:, max(end - window, 0) : end].sum(axis=1)
        expected = mean * np.minimum(age, window)
        known = expected > 0
        if known.any():
            expected *= np.minimum(came[known] / expected[known], _MOST_APART).mean()
        usual = np.sqrt(expected).mean() ** 2 + 1e-12
        columns.append(np.log((came + _OWN_PRIOR * usual) / (expected + _OWN_PRIOR * usual)))
        for code in relatives:
            prior = _RELATIVES_PRIOR * usual
            together = (np.bincount(code, came) + prior) / (np.bincount(code, expected) + prior)
            columns.append(np.log(np.clip(together, 1 / _MOST_TOGETHER, _MOST_TOGETHER))[code])
    return np.column_stack(columns)
