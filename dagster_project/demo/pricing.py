"""What a brand costs on each day, and what that does to demand.

Belongs here: price and cost changes, promotions, clearance, the reaction of demand to price.
Does not belong here: seasons, stores, stock. Prices hold in all stores alike.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .catalogue import NEVER, Brands
from .sizes import DemoSize
from .streams import stream

_PROMOTED_SHARE = 0.35
_PLANNED_SHARE = 0.30
_PLANNED_WEEKS = 3
_CHANGED_SHARE = 0.12
_DISPLAY_LIFT = 0.25
"""What a promotion sells beyond the price cut itself: it is on the end of the aisle."""


@dataclass(frozen=True)
class Promotions:
    """One entry per promotion; days are inclusive."""

    brand: np.ndarray
    first_day: np.ndarray
    last_day: np.ndarray
    price_cents: np.ndarray


@dataclass(frozen=True)
class PriceCalendar:
    """Arrays are [brand, day]."""

    shelf_cents: np.ndarray
    """The price on the shelf label, without promotions."""
    price_cents: np.ndarray
    """The price paid."""
    cost_cents: np.ndarray
    reaction: np.ndarray
    """Demand as a multiple of the demand at the list price."""
    promotions: Promotions


def price_calendar(brands: Brands, size: DemoSize, seed: int) -> PriceCalendar:
    """Prices and the demand they cause, for each brand and day of the simulation."""
    rng, count, days = stream(seed, "prices"), len(brands.number), size.total_days
    day = np.arange(days)

    # The list price and cost are those of the last day: what changed, changed on the way there.
    changes = rng.random((2, count)) < _CHANGED_SHARE
    change_day = rng.integers(days // 4, days, (2, count))
    step = rng.choice([0.92, 0.95, 1.05], (2, count), p=[0.35, 0.45, 0.2])
    shelf = _stepped(brands.price_cents, changes[0], change_day[0], step[0], day)
    cost = _stepped(brands.cost_cents, changes[1], change_day[1], step[1], day)

    # What is no longer ordered is sold off, below cost if need be.
    clearance = (day >= brands.delist_day[:, None] + 14) & (brands.delist_day[:, None] < NEVER)
    shelf = np.where(clearance, _tagged(shelf * 0.6), shelf)
    # An unpriced entry must not divide by zero: it has no demand either way.
    base = np.maximum(brands.price_cents, 1)[:, None]

    price = shelf.copy()
    promoted, display = _promotions(brands, shelf, size, rng)
    for slot in promoted:
        on = (day >= slot.first_day[:, None]) & (day <= slot.last_day[:, None])
        on &= ~clearance[slot.brand]
        price[slot.brand] = np.where(on, np.minimum(slot.price_cents[:, None], price[slot.brand]), price[slot.brand])
        display[slot.brand] |= on
    reaction = (np.maximum(price, 1) / base) ** -brands.elasticity[:, None].astype(np.float32)
    reaction *= np.where(display, 1 + _DISPLAY_LIFT, 1.0)
    slots = [np.concatenate([getattr(slot, name) for slot in promoted]) for name in Promotions.__annotations__]
    return PriceCalendar(
        shelf.astype(np.int32),
        price.astype(np.int32),
        cost.astype(np.int32),
        reaction.astype(np.float32),
        Promotions(*slots),
    )


def _stepped(
    final_cents: np.ndarray, changes: np.ndarray, change_day: np.ndarray, step: np.ndarray, day: np.ndarray
) -> np.ndarray:
    before = np.where(changes, np.round(final_cents * step), final_cents).astype(np.int64)
    return np.where(day < change_day[:, None], before[:, None], final_cents[:, None])


def _tagged(cents: np.ndarray) -> np.ndarray:
    """To a price that ends in 49 or 99, at least 49."""
    return np.maximum(np.round(cents / 50).astype(np.int64) * 50 - 1, 49) * (cents > 0)


def _promotions(
    brands: Brands, shelf_cents: np.ndarray, size: DemoSize, rng: np.random.Generator
) -> tuple[list[Promotions], np.ndarray]:
    """Up to six promotions a year for the brands in the programme: one slot after the other.

    Their prices lie below the shelf price of their first day.
    """
    count, days = len(brands.number), size.total_days
    programme = np.flatnonzero((rng.random(count) < _PROMOTED_SHARE) & (brands.price_cents >= 399) & (brands.delist_day == NEVER))
    slots = []
    monday = -size.warm_start.weekday() % 7
    for first in range(0, days, 61):
        chosen = programme[rng.random(len(programme)) < 0.7]
        week = rng.integers(0, 7, len(chosen))
        starts = monday + (first // 7 + week) * 7
        lasts = starts + np.where(rng.random(len(chosen)) < 0.6, 6, 13)
        cut = rng.uniform(0.10, 0.25, len(chosen))
        kept = lasts < days
        chosen, starts, lasts = chosen[kept], starts[kept], lasts[kept]
        slots.append(Promotions(chosen, starts, lasts, _tagged(shelf_cents[chosen, starts] * (1 - cut[kept]))))
    return slots, np.zeros((count, days), dtype=bool)


def planned_promotions(promotions: Promotions, shelf_cents: np.ndarray, size: DemoSize, seed: int) -> Promotions:
    """The promotions with those planned for the weeks after the last day, of brands promoted before; they had no effect yet."""
    rng = stream(seed, "planned promotions")
    brands = np.unique(promotions.brand)
    chosen = brands[rng.random(len(brands)) < _PLANNED_SHARE] if len(brands) > 3 else brands
    next_monday = size.total_days + (-(size.warm_start.weekday() + size.total_days)) % 7
    starts = next_monday + 7 * rng.integers(0, _PLANNED_WEEKS, len(chosen))
    price = _tagged(shelf_cents[chosen, size.total_days - 1] * (1 - rng.uniform(0.10, 0.25, len(chosen))))
    planned = Promotions(chosen, starts, starts + 6, price)
    return Promotions(
        *(np.concatenate([getattr(promotions, name), getattr(planned, name)]) for name in Promotions.__annotations__)
    )
