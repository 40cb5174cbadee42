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
from ml.forecasting.distribution import mixture_quantiles_units, simple_quantiles_units
from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]


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
    """Interpolate (series, weeks) cumulative values at `days` of series `row`: whole weeks plus a part of the next.

    Beyond the last week the last week's increment goes on. 0 at day 0.
    """
    weeks = cumulative.shape[1]
    padded = np.concatenate([np.zeros((len(cumulative), 1)), cumulative], axis=1)
    position = np.asarray(days) / 7.0
    whole = np.minimum(np.floor(position).astype(np.int64), weeks - 1)
    low = padded[row, whole]
    return low + (position - whole) * (padded[row, whole + 1] - low)


def interval_demand(
    centre: Array,
    variance: Array,
    intervals: Intervals,
    is_whole_units: NDArray[np.bool_],
    levels: Array,
    settings: ForecastSettings,
) -> tuple[Array, Array, Array]:
    """Demand over the interval: its mean (series,), and two kinds of quantiles (series, levels); all in units.

    First the quantiles of the mixture over lead times. Then those of a distribution with the same mean and the variance
    at the mean lead time: the difference of the two is what the lead time's variability costs. `centre` and `variance`
    are (series, weeks), cumulated over weeks, in units and units squared.
    """
    series = len(centre)
    bounds = np.append(intervals.first, intervals.days.size)
    row = np.repeat(np.arange(series), np.diff(bounds))
    flat_mean, flat_variance = at_days(centre, row, intervals.days), at_days(variance, row, intervals.days)
    mean = np.add.reduceat(intervals.probability * flat_mean, intervals.first)
    fixed_variance = at_days(variance, np.arange(series), intervals.mean_days)
    uncertain, fixed = np.empty((series, len(levels))), np.empty((series, len(levels)))
    for begin in range(0, series, settings.chunk_series):
        end = min(begin + settings.chunk_series, series)
        part, flat = slice(begin, end), slice(bounds[begin], bounds[end])
        family = (is_whole_units[part], levels, settings.lattice_points)
        uncertain[part] = mixture_quantiles_units(
            flat_mean[flat], flat_variance[flat], intervals.probability[flat], bounds[begin:end] - bounds[begin], *family
        )
        fixed[part] = simple_quantiles_units(mean[part], fixed_variance[part], *family)
    return mean, uncertain, fixed
