"""Demand of many series added up, so that it says of all what none says of itself.

Belongs here: how much each series counts, the sum on a logarithmic scale. Does not belong here: what is read off it (`year`, `feasts`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FEWEST_SERIES = 10
"""Fewer series than these have nothing in common that others could take."""
_LEAST_SHARE = 0.02
"""A period with less of the mean demand counts as if it had so much of it: the logarithm of nothing says nothing."""


def votes(units: Array) -> Array:
    """Weight of a unit of each series that sold so many `units`, (series,): between one vote a series and one a unit, so that no single
    large order rules."""
    return np.divide(1.0, np.sqrt(units), out=np.zeros(len(units)), where=units > 0)


def log_total(demand: Array, own_votes: Array, kernel: int = 1) -> Array:
    """Logarithm of demand (series, periods) added up by votes, (periods,), as means of `kernel` periods around each."""
    total = own_votes @ demand
    ones = np.ones(kernel)
    total = np.convolve(total, ones, "same") / np.convolve(np.ones(len(total)), ones, "same")
    return np.log(np.maximum(total, _LEAST_SHARE * total.mean() + 1e-12))
