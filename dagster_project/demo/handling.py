"""What the staff of a store see, write down and count, besides sales and receipts.

Belongs here: recorded losses, goods that do not keep, returns to vendors, finds, cycle counts, and
the age of what is left. Does not belong here: losses that nobody sees (`ranging`), files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .catalogue import NEVER
from .ranging import Range, loss_rate
from .streams import stream

REASONS = ("breakage", "damage", "expired", "return to vendor", "found")
BREAKAGE, DAMAGE, EXPIRED, RETURNED, FOUND = range(len(REASONS))

_SEEN_PER_UNSEEN = 0.5
"""Recorded losses for each unseen one: so a third of all losses is recorded."""
_FOUND_PER_UNSEEN = 0.15
"""Looks behind the shelf; most find nothing, as little is missing of most items."""
_WRONG_PER_UNSEEN = 0.1
_RETURNED_SHARE = 0.35
"""Delisted items of a store that the vendor takes back."""
_ALL_UNITS = 1 << 30
_SHELF_CHECK_DAYS = 28
_NOTICED_SHARE = 0.5
_COUNTED_SHARE = 0.20
_COUNTS_AT_LEAST = 5


@dataclass(frozen=True)
class Adjustments:
    """One entry per recorded movement that is neither sale nor receipt; negative units left the stock.

    Days are those of the simulation.
    """

    day: np.ndarray
    item: np.ndarray
    units: np.ndarray
    reason: np.ndarray


class Staff:
    """Acts on a store's stock at the end of each day, in place, and keeps the record."""

    def __init__(self, items: Range, shelf_life_days: np.ndarray, days: int, first_day: int, seed: int) -> None:
        self._rng = stream(seed, "staff", items.store)
        self._first_day = first_day
        self._plan = self._planned(items, days)
        self._missing = np.zeros(len(items.brand), dtype=np.int64)
        self._perishable = np.flatnonzero(shelf_life_days)
        self._life = shelf_life_days[self._perishable]
        self._units_in = np.zeros(len(self._perishable), dtype=np.int64)
        self._units_in_by = np.zeros((days, len(self._perishable)), dtype=np.int64)
        self._check_offset = int(self._rng.integers(_SHELF_CHECK_DAYS))
        self._book: list[tuple[int, int, int, int]] = []

    def start(self, stock: np.ndarray) -> None:
        """The opening count: what is on the shelf counts as received on the first day, and nothing is missing."""
        self._missing[:] = 0
        self._units_in[:] = stock[self._perishable]

    def close_day(self, day: int, stock: np.ndarray, units_in: np.ndarray, lost_units: np.ndarray) -> None:
        """Move stock as the day's mishaps want it. `units_in` arrived today, `lost_units` vanished unseen today."""
        self._missing += lost_units
        self._units_in += units_in[self._perishable]
        for item, units, reason in self._plan.get(day, ()):
            if reason == FOUND:
                found = min(units, int(self._missing[item]))
                self._missing[item] -= found
                self._units_in[self._perishable == item] += found
                self._move(day, item, found, reason, stock)
            else:
                self._move(day, item, -min(units, int(stock[item])), reason, stock)
        self._units_in_by[day] = self._units_in
        if (day + self._check_offset) % _SHELF_CHECK_DAYS == 0:
            self._check_shelves(day, stock)

    def adjustments(self) -> Adjustments:
        """The record from the first written day on, one entry per day, item and reason."""
        book = np.array([entry for entry in self._book if entry[0] >= self._first_day], dtype=np.int64).reshape(-1, 4)
        keys, place = np.unique(book[:, :3], axis=0, return_inverse=True)
        units = np.zeros(len(keys), dtype=np.int64)
        np.add.at(units, place.ravel(), book[:, 3])
        return Adjustments(keys[:, 0], keys[:, 1], units, keys[:, 2])

    def _move(self, day: int, item: int, units: int, reason: int, stock: np.ndarray) -> None:
        if units:
            stock[item] += units
            self._book.append((day, item, reason, units))

    def _check_shelves(self, day: int, stock: np.ndarray) -> None:
        """Take away what is past its date, where it is noticed; the oldest units went first all along."""
        past = day - self._life - 1
        old = np.where(past >= self._first_day, self._units_in_by[np.maximum(past, 0), np.arange(len(past))], 0)
        expired = np.maximum(0, old - (self._units_in - stock[self._perishable]))
        noticed = self._rng.random(len(expired)) < _NOTICED_SHARE
        for place in np.flatnonzero((expired > 0) & noticed).tolist():
            self._move(day, int(self._perishable[place]), -int(expired[place]), EXPIRED, stock)

    def _planned(self, items: Range, days: int) -> dict[int, list[tuple[int, int, int]]]:
        """Per day the items something will happen to, by how many units and why."""
        rng, count = self._rng, len(items.brand)
        rate = loss_rate(items)
        plan: dict[int, list[tuple[int, int, int]]] = {}
        for ratio, reasons, shape in (
            (_SEEN_PER_UNSEEN, (BREAKAGE, BREAKAGE, DAMAGE), 0.75),
            (_WRONG_PER_UNSEEN, (RETURNED,), 0.25),
            (_FOUND_PER_UNSEEN, (FOUND,), 0.75),
        ):
            item = np.repeat(np.arange(count), rng.poisson(rate * ratio * days))
            day, units = rng.integers(days, size=len(item)), rng.geometric(shape, len(item))
            reason = np.array(reasons)[rng.integers(len(reasons), size=len(item))]
            for entry in zip(day.tolist(), item.tolist(), units.tolist(), reason.tolist(), strict=True):
                plan.setdefault(entry[0], []).append(entry[1:])
        is_returned = (items.delist_day < NEVER) & (rng.random(count) < _RETURNED_SHARE)
        day = items.delist_day + rng.integers(15, 60, count)
        for item in np.flatnonzero(is_returned).tolist():
            plan.setdefault(int(day[item]), []).append((item, _ALL_UNITS, RETURNED))
        return plan


def counted(is_opening_line: np.ndarray, units_in: np.ndarray, store: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Day and item of a store's cycle counts, by day: some of the items it had had by then, a few of them twice.

    `units_in` is [day, item] from the first written day on, and so are the days returned.
    """
    rng, (days, count) = stream(seed, "counts", store), units_in.shape
    had_since = np.where(is_opening_line, 0, np.where(units_in.any(axis=0), (units_in > 0).argmax(axis=0), days))
    item = rng.integers(count, size=max(_COUNTS_AT_LEAST, round(_COUNTED_SHARE * count)))
    # Never on the first or the last day: those have counts of their own.
    place = np.unique(rng.integers(1, days - 1, len(item)) * count + item)
    day, item = place // count, place % count
    kept = had_since[item] <= day
    return day[kept], item[kept]


def closing_layers(opening: np.ndarray, units_in: np.ndarray, closing: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Item, day and units of what is left, by day of receipt, when the oldest units always went first.

    `units_in` is [day, item]; the opening stock counts as received on day 0. What is left are the
    last `closing` units that came in.
    """
    layers = units_in.astype(np.int64)
    layers[0] += opening
    gone = layers.sum(axis=0) - closing
    left = np.clip(layers.cumsum(axis=0) - gone, 0, layers)
    item, day = np.nonzero(left.T)
    return item, day, left[day, item]
