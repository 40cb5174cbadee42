"""Protection intervals and demand summed over them, the lead time's uncertainty inside.

Belongs here: which lead-time distribution an item-location has, interpolation of mean and variance to days, the
mixture.
Does not belong here: how a vendor's lead times were observed (SQL), and how mean and variance per week were found.

P(D <= x) = sum over L of p(L) P(D over L + R days <= x): exact for lead times independent of demand; no sampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.contracts import ContractError
from ml.forecasting.engine import at_levels
from ml.forecasting.settings import GRID, ForecastSettings

Array = NDArray[np.float64]

_BLOCK = 128
"""Series whose mixtures are inverted together: their arrays stay in the processor's cache."""


@dataclass(frozen=True)
class Intervals:
    """Protection intervals of all series. Flat arrays are over (series, lead time), sorted by series, then days."""

    first: NDArray[np.int64]
    """Where each series begins in the flat arrays, (series,)."""
    days: Array
    """Review period plus lead time."""
    probability: Array
    mean_days: Array
    """Mean interval, (series,)."""
    cut_days: Array
    """Interval at the lead time that `lead_time_cut` of the vendor's receipts keep, (series,)."""
    reason: list[str]
    """Per series "" or why the lead time is not the vendor's own."""


def protection_intervals(item_locations: pl.DataFrame, lead_times: pl.DataFrame, settings: ForecastSettings) -> Intervals:
    """Lay each vendor's distribution beside its item-locations, in their row order.

    Without a vendor, or with one never observed: the unweighted mean of all vendors' distributions; without any
    vendor: the default lead time. Raises ContractError for negative days or probabilities, or a vendor's sum more
    than 0.001 off 1.
    """
    vendors = _vendor_distributions(lead_times)
    fallback, why = (
        ([settings.default_lead_time_days], [1.0]),
        f"no lead time: default {settings.default_lead_time_days} days",
    )
    if vendors:
        pooled: dict[int, float] = {}
        for days, probability in vendors.values():
            for day, p in zip(days, probability, strict=True):
                pooled[day] = pooled.get(day, 0.0) + p / len(vendors)
        fallback, why = (
            (sorted(pooled), [pooled[day] for day in sorted(pooled)]),
            "lead time pooled over all vendors",
        )
    if (item_locations["review_period_days"] < 0).any():
        raise ContractError("ftr_item_locations: a negative review_period_days")

    first, flat_days, flat_probability, means, cuts, reasons = [], [], [], [], [], []
    for vendor, review in item_locations.select("vendor_id", "review_period_days").iter_rows():
        lead, weight = vendors.get(vendor, fallback)
        first.append(len(flat_days))
        flat_days.extend(day + review for day in lead)
        flat_probability.extend(weight)
        means.append(sum(day * p for day, p in zip(lead, weight, strict=True)) + review)
        within = int(np.searchsorted(np.cumsum(weight), settings.lead_time_cut - 1e-9))
        cuts.append(lead[min(within, len(lead) - 1)] + review)
        reasons.append("" if vendor in vendors else why)
    as_float = [np.asarray(values, dtype=np.float64) for values in (flat_days, flat_probability, means, cuts)]
    return Intervals(np.asarray(first, dtype=np.int64), *as_float, reasons)


def _vendor_distributions(lead_times: pl.DataFrame) -> dict[int, tuple[list[int], list[float]]]:
    """Vendor -> (days ascending, probabilities that sum to 1)."""
    if lead_times.filter((pl.col("lead_time_days") < 0) | (pl.col("probability") < 0)).height:
        raise ContractError("ftr_lead_time_distribution: a negative lead time or probability")
    vendors = {}
    for (vendor,), rows in lead_times.sort("vendor_id", "lead_time_days").group_by("vendor_id", maintain_order=True):
        total = float(rows["probability"].sum())
        if abs(total - 1) > 1e-3:
            raise ContractError(f"ftr_lead_time_distribution: vendor {vendor} has probabilities that sum to {total:.4f}")
        vendors[vendor] = (rows["lead_time_days"].to_list(), (rows["probability"] / total).to_list())
    return vendors


def at_days(cumulative: Array, row: NDArray[np.int64], days: Array) -> Array:
    """Interpolate (series, weeks, ...) cumulative values at `days` of series `row`: whole weeks plus a part of the next.

    Beyond the last week the last week's increment goes on. 0 at day 0.
    """
    weeks = cumulative.shape[1]
    padded = np.concatenate([np.zeros_like(cumulative[:, :1]), cumulative], axis=1)
    position = np.asarray(days) / 7.0
    whole = np.minimum(np.floor(position).astype(np.int64), weeks - 1)
    low = padded[row, whole]
    share = (position - whole).reshape(-1, *[1] * (cumulative.ndim - 2))
    return low + share * (padded[row, whole + 1] - low)


def interval_demand(
    quantiles: Array, mean: Array, intervals: Intervals, rows: NDArray[np.int64], levels: Array
) -> tuple[Array, Array, Array]:
    """Demand over the interval of series `rows`: its mean (rows,), and two kinds of quantiles (rows, levels); all in units.

    First the quantiles of the mixture over lead times. Then those at the mean lead time: the difference of the two is what the lead
    time's variability costs. `quantiles` (rows, weeks, GRID) and `mean` (rows, weeks) are of demand summed over weeks.
    """
    bounds = np.append(intervals.first, intervals.days.size)
    counts = (bounds[1:] - bounds[:-1])[rows]
    every = np.arange(len(rows))
    fixed = at_levels(_at_days(quantiles, every, intervals.mean_days[rows]), levels)
    total, uncertain = np.zeros(len(rows)), np.empty((len(rows), len(levels)))
    for count in np.unique(counts):
        at = np.flatnonzero(counts == count)
        flat = bounds[rows[at]][:, None] + np.arange(count)
        days, weight = intervals.days[flat], intervals.probability[flat]
        member = np.repeat(at, count)
        total[at] = (at_days(mean, member, days.ravel()).reshape(flat.shape) * weight).sum(axis=1)
        parts = _at_days(quantiles, member, days.ravel()).reshape(*flat.shape, -1)
        uncertain[at] = at_levels(parts[:, 0], levels) if count == 1 else _mixture_quantiles(parts, weight, levels)
    return total, uncertain, fixed


def _at_days(quantiles: Array, row: NDArray[np.int64], days: Array) -> Array:
    """Quantile functions of the sum over `days` of series `row`, (n, GRID): between two weeks level by level.

    Beyond the last week they grow as they did over the second half of the weeks: one week's step of whole units, many times over,
    would put a low level above a high one.
    """
    weeks = quantiles.shape[1]
    inside = np.minimum(days, 7.0 * weeks)
    found = at_days(quantiles, row, inside)
    back = (weeks + 1) // 2
    earlier = quantiles[:, weeks - back - 1] if weeks > back else np.zeros_like(quantiles[:, 0])
    growth = (quantiles[:, -1] - earlier) / (7.0 * back)
    return np.maximum.accumulate(found + growth[row] * (days - inside)[:, None], axis=1)


def _mixture_quantiles(parts: Array, weight: Array, levels: Array) -> Array:
    """Quantiles (n, levels) of mixtures: parts (n, components, GRID) are quantile functions, weight (n, components).

    Between two levels of the grid a component's mass is spread evenly, beyond its ends it lies there. The distribution function of the
    mixture is then piecewise linear and inverted exactly.
    """
    result = np.empty((len(parts), len(levels)))
    for begin in range(0, len(parts), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        result[block] = _inverted(parts[block], weight[block], levels)
    return result


def _inverted(parts: Array, weight: Array, levels: Array) -> Array:
    ends = np.concatenate([parts[:, :, :1], parts, parts[:, :, -1:]], axis=2)
    # a step has a width, too small to matter, so that the density is finite everywhere
    width = 1e-9 * (1.0 + ends[:, :, -1:]) * np.arange(ends.shape[2])
    ends = np.maximum.accumulate(ends - width, axis=2) + width
    mass = np.diff(np.concatenate([[0.0], np.array(GRID), [1.0]])) * weight[:, :, None]
    density = np.zeros((*ends.shape[:2], ends.shape[2] + 1))
    np.divide(mass, np.diff(ends, axis=2), out=density[:, :, 1:-1])
    position, change = ends.reshape(len(parts), -1), np.diff(density, axis=2).reshape(len(parts), -1)
    order = np.argsort(position, axis=1, kind="stable")
    position, change = np.take_along_axis(position, order, axis=1), np.take_along_axis(change, order, axis=1)
    below = np.zeros_like(position)
    np.cumsum(change.cumsum(axis=1)[:, :-1] * np.diff(position, axis=1), axis=1, out=below[:, 1:])
    result, every = np.empty((len(parts), len(levels))), np.arange(len(parts))
    for j, level in enumerate(levels):
        # the tolerance is that of the sums: a level met by all mass up to a unit is that unit, not the next one
        right = np.clip(np.add.reduce(below < level - 1e-6, axis=1, dtype=np.int32), 1, below.shape[1] - 1)
        low, left = below[every, right - 1], position[every, right - 1]
        rise = below[every, right] - low
        share = np.where(rise > 0, (level - low) / np.where(rise > 0, rise, 1.0), 1.0)
        result[:, j] = left + np.clip(share, 0.0, 1.0) * (position[every, right] - left)
    # a whole unit was given a width: rounded up, what is left of it would be one unit more
    whole = np.rint(result)
    return np.where(np.abs(result - whole) <= width.max(axis=(1, 2))[:, None], whole, result)
