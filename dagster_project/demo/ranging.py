"""Which store carries which brand, how well it sells there, and how its clerk looks after it.

Belongs here: the properties of an item in a store, and its draws of demand and loss.
Does not belong here: the flow of stock (`simulate`), properties of the brand itself (`catalogue`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .catalogue import NEVER, Brands, Stores
from .pricing import PriceCalendar
from .sizes import WARM_UP_DAYS, DemoSize
from .streams import stream

_OVERLOOKED_SHARE = 0.65
"""Items of a store, per year, that nobody thinks of ordering for some weeks; fewer of those
that sell well."""
_LOSSES_AT_LEAST = 20
"""Expected unseen losses of a store over all days, so that even the smallest data has some."""


@dataclass(frozen=True)
class Range:
    """The items of one store, by ascending brand number; one entry per item."""

    store: int
    """Position of the store, not its number."""
    brand: np.ndarray
    """Position of the brand, not its number."""
    base_units: np.ndarray
    """Mean demand per day before season, trend and price."""
    dispersion: np.ndarray
    """Shape of the negative binomial: the smaller, the lumpier."""
    launch_day: np.ndarray
    delist_day: np.ndarray
    display_units: np.ndarray
    reorder_days: np.ndarray
    cover_days: np.ndarray
    overlooked_from: np.ndarray
    overlooked_until: np.ndarray
    """Weeks in which nobody orders the item: the shelf label is missing, the clerk is new."""
    first_guess_units: np.ndarray
    """What the clerk believes an item sells per day before having seen it sell."""
    untidiness: float
    """Losses of the store relative to the usual store."""


def build_ranges(size: DemoSize, seed: int, brands: Brands, stores: Stores) -> list[Range]:
    """A range per store; mean demand over all carried items is as the size says."""
    breadth = stores.scale**0.45
    breadth = np.minimum(1.0, size.carried_share * breadth / breadth.mean())
    drafts = [_draft(size, seed, brands, stores, s, breadth[s]) for s in range(size.stores)]
    sellers = sum(int((~brands.is_unsold[brand]).sum()) for brand, _ in drafts)
    factor = size.mean_units_per_day * sellers / sum(float(base.sum()) for _, base in drafts)
    return [
        _range(size.total_days, seed, brands, s, brand, np.maximum(base * factor, 0.004 * (base > 0)))
        for s, (brand, base) in enumerate(drafts)
    ]


def expected_demand(items: Range, brands: Brands, prices: PriceCalendar, factors: np.ndarray, size: DemoSize) -> np.ndarray:
    """[day, item]: mean demand given season, trend and price, whether or not the item is in the range."""
    years = (np.arange(size.total_days) - WARM_UP_DAYS) / 365.25
    trend = np.exp(np.outer(years, brands.growth_per_year[items.brand]))
    return items.base_units * trend * factors[brands.category[items.brand]].T * prices.reaction[items.brand].T


def draw_demand(expected_units: np.ndarray, items: Range, seed: int) -> np.ndarray:
    """[day, item]: units asked for. Negative binomial around the mean; a store has good and bad days."""
    rng = stream(seed, "demand", items.store)
    mood = rng.lognormal(-0.5 * 0.10**2, 0.10, (len(expected_units), 1))
    shape = np.broadcast_to(items.dispersion, expected_units.shape)
    return rng.poisson(rng.standard_gamma(shape) * (expected_units * mood / items.dispersion)).astype(np.int32)


def loss_rate(items: Range) -> np.ndarray:
    """Unseen losses per day of each item; some stores are less tidy than others."""
    return _usual_loss_rate(items.base_units) * items.untidiness


def _usual_loss_rate(base_units: np.ndarray) -> np.ndarray:
    return 0.00035 + 0.0025 * base_units


def draw_losses(items: Range, days: int, seed: int) -> np.ndarray:
    """[day, item]: units that will go missing unseen if they are there."""
    rng = stream(seed, "losses", items.store)
    events = rng.poisson(loss_rate(items) * days)
    item = np.repeat(np.arange(len(events)), events)
    losses = np.zeros((days, len(events)), dtype=np.int32)
    np.add.at(losses, (rng.integers(days, size=len(item)), item), rng.geometric(0.75, len(item)))
    return losses


def _draft(size: DemoSize, seed: int, brands: Brands, stores: Stores, store: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The brands of one store and their demand before scaling. Popular brands are carried first."""
    rng = stream(seed, "range", store)
    stocked = np.flatnonzero(brands.is_stocked)
    score = 0.9 * np.log(brands.popularity[stocked]) + rng.gumbel(0.0, 1.0, len(stocked))
    carried = np.sort(stocked[np.argsort(-score, kind="stable")[: max(1, round(share * size.items))]])
    taste = rng.lognormal(0.0, 0.75, len(carried))
    base = brands.popularity[carried] * stores.scale[store] * taste
    return carried, np.where(brands.is_unsold[carried], 0.0, base)


def _range(days: int, seed: int, brands: Brands, store: int, brand: np.ndarray, base: np.ndarray) -> Range:
    rng, count = stream(seed, "clerk", store), len(brand)
    dispersion = rng.lognormal(np.log(0.45), 0.6, count) * (1 + 1.5 * base)
    delay = rng.integers(0, 15, count)
    launch, delist = brands.launch_day[brand], brands.delist_day[brand]
    # Some clerks keep deep shelves, some run close to the edge; and each misjudges single items.
    care = rng.lognormal(0.0, 0.10)
    habit = rng.standard_normal(count) * 0.6 / (1 + 0.5 * base)
    habit = np.exp(habit) * care
    display = rng.choice([1, 2, 3, 4, 6, 12, 24], count, p=[0.15, 0.2, 0.2, 0.15, 0.1, 0.1, 0.1])
    guess = np.where(base > 0, base * rng.lognormal(0.0, 0.4, count), rng.uniform(0.05, 0.3, count))
    is_overlooked = rng.random(count) < _OVERLOOKED_SHARE * days / 366 / (1 + 2 * base)
    overlooked_from = np.where(is_overlooked, rng.integers(0, days, count), NEVER)
    return Range(
        store=store,
        brand=brand,
        base_units=base,
        dispersion=dispersion,
        launch_day=np.where(launch > 0, launch + delay, 0),
        delist_day=np.where(delist < NEVER, delist + delay, NEVER),
        display_units=display.astype(np.int32),
        reorder_days=31.0 * habit,
        cover_days=(31.0 + rng.uniform(1.0, 8.0, count)) * habit,
        overlooked_from=overlooked_from,
        overlooked_until=overlooked_from + rng.integers(28, 84, count),
        first_guess_units=guess,
        untidiness=max(rng.lognormal(0.0, 0.4), _LOSSES_AT_LEAST / (days * _usual_loss_rate(base).sum())),
    )
