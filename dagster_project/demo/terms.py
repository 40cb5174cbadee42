"""What was agreed with the vendors, and what is known of the quality of their goods.

Belongs here: terms and rates that hold for the whole period. Does not belong here: what vendors
really do about lead times and deliveries (`catalogue`, `simulate`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .catalogue import Brands, Vendors
from .purchasing import PurchaseLines
from .sizes import WARM_UP_DAYS
from .streams import stream

_CASE_ONLY_SHARE = 0.15
_LARGEST_STRICT_CASE = 12
_INSPECTED_SHARE = 0.10
_MOST_INSPECTIONS = 40_000
_MOST_INSPECTED_UNITS = 24


@dataclass(frozen=True)
class Terms:
    """Per vendor, but for `is_case_only`, which is per brand."""

    order_cycle_days: np.ndarray
    promised_lead_time_days: np.ndarray
    """Near the mean for most vendors; one in four promises what it does not keep."""
    has_minimum: np.ndarray
    is_inspected: np.ndarray
    defect_share: np.ndarray
    is_case_only: np.ndarray
    """The vendor sells the brand in whole cases, and that is how it is ordered; of others a bottle will do."""


@dataclass(frozen=True)
class Inspections:
    """One entry per inspected receipt, by day."""

    line: np.ndarray
    """Position in the purchase lines."""
    inspected_units: np.ndarray
    defective_units: np.ndarray


def build_terms(brands: Brands, vendors: Vendors, seed: int) -> Terms:
    """Terms of all vendors. The biggest vendor is inspected and at least one brand comes by the case, whatever the seed."""
    rng, count = stream(seed, "terms"), len(vendors.number)
    mean, _ = vendors.lead_time_days()
    promise = rng.choice([-3, -2, -1, 0, 1], count, p=[0.05, 0.08, 0.12, 0.60, 0.15])
    is_inspected = rng.random(count) < 0.4
    is_inspected[0] = True
    small_case = brands.is_stocked & (brands.case_units <= _LARGEST_STRICT_CASE)
    is_case_only = small_case & (rng.random(len(brands.number)) < _CASE_ONLY_SHARE)
    is_case_only[np.flatnonzero(small_case)[0]] = True
    return Terms(
        order_cycle_days=np.round(7 * vendors.every_weeks / vendors.review_weekdays.sum(axis=1)).astype(np.int64),
        promised_lead_time_days=np.maximum(1, np.round(mean) + promise).astype(np.int64),
        has_minimum=rng.random(count) < 0.7,
        is_inspected=is_inspected,
        defect_share=rng.beta(1.5, 60.0, count),
        is_case_only=is_case_only,
    )


def order_minimum_cents(terms: Terms, lines: PurchaseLines) -> np.ndarray:
    """Per vendor a round sum (1, 2 or 5 and zeros, 5,000 dollars at most) that no bill of the period is below; 0: none."""
    orders, lowest = lines.orders, np.full(len(terms.has_minimum), np.iinfo(np.int64).max)
    complete = orders.day >= WARM_UP_DAYS
    np.minimum.at(lowest, orders.vendor[complete], orders.cents[complete])
    lowest[lowest == np.iinfo(np.int64).max] = 0
    round_sums = np.array([0, *(digit * 10**zeros * 100 for zeros in range(1, 4) for digit in (1, 2, 5))])
    return np.where(terms.has_minimum, round_sums[np.searchsorted(round_sums, lowest, side="right") - 1], 0)


def inspect(terms: Terms, lines: PurchaseLines, vendor: np.ndarray, days: int, seed: int) -> Inspections:
    """A sample of the receipts by the last day of inspected vendors. `vendor` is per line."""
    rng = stream(seed, "inspections")
    known = np.flatnonzero(terms.is_inspected[vendor] & (lines.receipt_day < days))
    share = min(_INSPECTED_SHARE, _MOST_INSPECTIONS / max(1, len(known)))
    picked = known[rng.random(len(known)) < share]
    if not len(picked):
        picked = known[:1]
    picked = picked[np.lexsort((picked, lines.receipt_day[picked]))]
    # A case is opened, not the whole pallet.
    units = np.minimum(lines.units[picked], _MOST_INSPECTED_UNITS)
    return Inspections(picked, units, rng.binomial(units, terms.defect_share[vendor[picked]]))
