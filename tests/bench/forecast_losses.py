"""Losses of forecasts item by item, and whether one forecast beats another by more than chance.

Belongs here: losses as a numerator and a denominator per item, so that any sample of items can be summed; the paired bootstrap.
Does not belong here: models, data sets, tables.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

LEVELS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
CRITICAL = (0.8, 0.95)
MEASURES = {
    "wape": "WAPE",
    "period": "scaled pinball per period",
    "sum": "scaled pinball of the sum",
    "sum_units": "pinball of the sum per unit sold",
    "sum_all": "scaled pinball of the sum, every series",
}
COSTS = ("cost_0.8", "cost_0.95", "summed_0.8", "summed_0.95", "covered_80")
_RESAMPLES, _BLOCK = 1_000, 50


@dataclass(frozen=True)
class Distribution:
    """What one forecast says: mean and quantiles at LEVELS of each period, quantiles at LEVELS of the sum."""

    mean: Array
    """(series, horizon)."""
    period: Array
    """(series, horizon, levels)."""
    sum: Array
    """(series, levels)."""


@dataclass(frozen=True)
class HeldOut:
    """What came."""

    units: Array
    """(series, horizon)."""
    in_stock: NDArray[np.bool_]
    scale: Array
    """Mean absolute step from one period to the next before the origin, (series,)."""


Losses = dict[str, tuple[Array, Array]]
"""Per measure, numerator and denominator of every item; the measure of a sample is the ratio of their sums."""


def pinball(quantiles: Array, actual: Array, levels: tuple[float, ...] = LEVELS) -> Array:
    """Mean over the levels of the pinball loss; quantiles (..., levels), actual (...)."""
    gap, level = actual[..., None] - quantiles, np.array(levels)
    return np.maximum(level * gap, (level - 1) * gap).mean(axis=-1)


def losses(said: Distribution, came: HeldOut) -> Losses:
    """All measures. Single periods count where in stock, sums where the whole horizon was; `sum_all` counts every series."""
    counted, horizon = came.in_stock, came.units.shape[1]
    known = came.scale > 0
    scale = np.where(known, came.scale, 1.0)
    whole = counted.all(axis=1)
    total = came.units.sum(axis=1)
    of_sum = pinball(said.sum, total)
    covered = (total >= said.sum[:, LEVELS.index(0.1)]) & (total <= said.sum[:, LEVELS.index(0.9)])
    weight, scored = whole.astype(float), (whole & known).astype(float)
    found = {
        "wape": ((np.abs(said.mean - came.units) * counted).sum(axis=1), (came.units * counted).sum(axis=1)),
        "period": (
            (pinball(said.period, came.units) * counted).sum(axis=1) / scale * known,
            counted.sum(axis=1) * known.astype(float),
        ),
        "sum": (of_sum / scale / horizon * scored, scored),
        "sum_units": (of_sum * weight, total * weight),
        "sum_all": (of_sum / scale / horizon * known, known.astype(float)),
        "covered_80": (covered * weight, weight),
    }
    for level in CRITICAL:
        at = LEVELS.index(level)
        for name, stock in (("cost", said.sum[:, at]), ("summed", said.period[:, :, at].sum(axis=1))):
            found[f"{name}_{level}"] = (pinball(stock[:, None], total, (level,)) * weight, total * weight)
    return found


def measures(found: Losses) -> dict[str, float]:
    """Each measure over all items."""
    return {name: float(top.sum() / bottom.sum()) if bottom.sum() > 0 else float("nan") for name, (top, bottom) in found.items()}


@dataclass(frozen=True)
class Comparison:
    """Champion minus rival, negative where the champion is better, with its 95 % interval."""

    difference: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """better or worse where the interval excludes zero, else open."""
        return "better" if self.high < 0 else "worse" if self.low > 0 else "open"


def compare(champion: Losses, rivals: dict[str, Losses], seed: int = 1) -> dict[str, dict[str, Comparison]]:
    """Paired bootstrap over items, 1,000 resamples: per rival and measure."""
    items = len(champion["wape"][0])
    everyone = {"": champion, **rivals}
    # all forecasts of a data set share the denominators
    columns = [found[name][0] for found in everyone.values() for name in MEASURES] + [champion[name][1] for name in MEASURES]
    table = np.column_stack(columns)
    rng = np.random.default_rng(seed)
    sums = []
    for _ in range(_RESAMPLES // _BLOCK):
        drawn = np.stack([np.bincount(rng.integers(items, size=items), minlength=items) for _ in range(_BLOCK)])
        sums.append(drawn.astype(float) @ table)
    total, count = np.concatenate(sums), len(MEASURES)
    bottom = np.where(total[:, -count:] > 0, total[:, -count:], np.nan)
    values = {name: total[:, k * count : (k + 1) * count] / bottom for k, name in enumerate(everyone)}
    whole = {name: measures(found) for name, found in everyone.items()}
    result: dict[str, dict[str, Comparison]] = {}
    for rival in rivals:
        low, high = np.nanquantile(values[""] - values[rival], [0.025, 0.975], axis=0)
        result[rival] = {
            name: Comparison(whole[""][name] - whole[rival][name], float(low[j]), float(high[j]))
            for j, name in enumerate(MEASURES)
        }
    return result


def compare_ratios(champion: tuple[Array, Array], rival: tuple[Array, Array], seed: int = 1) -> Comparison:
    """The same for one measure given as numerators and denominators of the items."""
    items = len(champion[0])
    drawn = np.random.default_rng(seed).integers(items, size=(_RESAMPLES, items))
    own, other = (top[drawn].sum(axis=1) / bottom[drawn].sum(axis=1) for top, bottom in (champion, rival))
    low, high = np.quantile(own - other, [0.025, 0.975])
    whole = [top.sum() / bottom.sum() for top, bottom in (champion, rival)]
    return Comparison(float(whole[0] - whole[1]), float(low), float(high))
