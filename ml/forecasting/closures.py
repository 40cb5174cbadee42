"""Periods that are known to have no demand: days on which a store is closed.

Belongs here: finding them in what is known ahead. Does not belong here: stock-outs, which nobody plans, and what models make of either.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MOST_VALUES = 10
"""A column with more values than this is a quantity and no state."""
_FEWEST_SALES = 20.0
"""Periods with a sale that were to be expected under a value, below which their absence says nothing."""
_MOST_SOLD = 0.01
"""Share of them that may have a sale nevertheless."""


def closed_periods(units: NDArray[np.float64], start: NDArray[np.int64], known: NDArray[np.float32]) -> NDArray[np.bool_] | None:
    """Periods of past and future under a value of a known column under which nothing is sold, (series, periods + horizon); None without any.

    How many sales were to be expected is what each series sold in under other values. Shapes: units (series, periods), start (series,), known
    (series, periods + horizon, names).
    """
    periods = units.shape[1]
    inside = np.arange(periods) >= start[:, None]
    sold = (units > 0) & inside
    closed = np.zeros(known.shape[:2], dtype=bool)
    for column in np.moveaxis(known, 2, 0):
        values = np.unique(column)
        for value in values if 2 <= len(values) <= _MOST_VALUES else ():
            under = column == value
            then = under[:, :periods] & inside
            others = inside & ~then
            usual = (sold & others).sum(axis=1) / np.maximum(others.sum(axis=1), 1)
            expected = float(usual @ then.sum(axis=1))
            if expected >= _FEWEST_SALES and (sold & then).sum() <= _MOST_SOLD * expected:
                closed |= under
    return closed if closed.any() else None
