"""What every family of models returns: paths of demand, period by period.

Belongs here: the one shape that forecasts of any family have.
Does not belong here: how a family makes them, sums over a horizon, calibration.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Paths:
    """Forecasts of all series from the first period after the history on."""

    mean: Array
    """Expected units of each period ahead, (series, horizon), zero or more; a row of NaN where the model cannot say."""
    quantiles: Array | None = None
    """Quantiles of each period, (series, horizon, levels), rising over the levels; None where the model has none."""
    learned: dict[str, object] = field(default_factory=dict)
    """What is worth recording of the fit: steps run, validation loss, number of weights, seconds."""
