"""Who sells what: brands, vendors and stores with their fixed properties.

Belongs here: everything that is drawn once and holds for the whole period, and the planted
oddities of the master data. Does not belong here: calendars and prices over time (`seasons`,
`pricing`), which store carries what (`ranging`), anything that happens on a day (`simulate`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from .sizes import WARM_UP_DAYS, DemoSize
from .streams import stream
from .words import CATEGORIES, brand_names, town_names, vendor_names

NEVER = 1 << 20
"""A day number beyond any simulation."""
LONGEST_LEAD_DAYS = 21
LINE_DELAY_SHARES = (0.6, 0.3, 0.1)
"""Lines of one order reach a store 0, 1 or 2 days after the vendor's first truck."""
EXCISE_USD_PER_LITRE = {1: 1.05, 2: 0.15}

# shelf label, price list label, volume in mL, units per case, share of brands
_SIZES: tuple[tuple[str, str, str, int, float], ...] = (
    ("750mL", "750mL", "750", 12, 0.760),
    ("1.5L", "1500mL", "1500", 6, 0.055),
    ("1.75L", "1750mL", "1750", 6, 0.050),
    ("Liter", "1000mL", "1000", 12, 0.045),
    ("375mL", "375mL", "375", 24, 0.035),
    ("50mL", "50mL", "50", 60, 0.025),
    ("3L", "3000mL", "3000", 4, 0.012),
    ("1.5L", "1500ml", "1500", 6, 0.004),
    ("750mL 3 Pk", "750mL 3 Pk", "750", 4, 0.005),
    ("187mL 4 Pk", "187mL 4 Pk", "187", 12, 0.006),
    ("750mL + 2/", "750mL + 2/", "750", 6, 0.003),
)
_UNKNOWN_SIZE = ("Unknown", "Unknown", "Unknown", 6)


@dataclass(frozen=True)
class Vendors:
    """One entry per vendor."""

    number: np.ndarray
    name: np.ndarray
    second_name: np.ndarray
    lead_shares: np.ndarray
    """[vendor, days]: probability of each lead time 0..LONGEST_LEAD_DAYS of the vendor's first truck."""
    late_share: np.ndarray
    partial_share: np.ndarray
    cancelled_share: np.ndarray
    remainder_share: np.ndarray
    review_weekdays: np.ndarray
    """[vendor, 7] (Monday first): the weekdays on which stores order from this vendor."""
    every_weeks: np.ndarray

    def lead_time_days(self) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of order to first receipt of a line, exactly."""
        days = np.arange(self.lead_shares.shape[1])
        delay, share = np.arange(len(LINE_DELAY_SHARES)), np.array(LINE_DELAY_SHARES)
        mean, delay_mean = self.lead_shares @ days, share @ delay
        variance = self.lead_shares @ days**2 - mean**2 + share @ delay**2 - delay_mean**2
        return mean + delay_mean, np.sqrt(variance)


@dataclass(frozen=True)
class Brands:
    """One entry per brand of the price list, by ascending number. Money in cents."""

    number: np.ndarray
    description: np.ndarray
    house: np.ndarray
    variety: np.ndarray
    size: np.ndarray
    list_size: np.ndarray
    volume: np.ndarray
    classification: np.ndarray
    category: np.ndarray
    case_units: np.ndarray
    excise_cents: np.ndarray
    vendor: np.ndarray
    vendor_name: np.ndarray
    price_cents: np.ndarray
    cost_cents: np.ndarray
    popularity: np.ndarray
    elasticity: np.ndarray
    growth_per_year: np.ndarray
    is_stocked: np.ndarray
    is_unsold: np.ndarray
    launch_day: np.ndarray
    delist_day: np.ndarray


@dataclass(frozen=True)
class Stores:
    """One entry per store."""

    number: np.ndarray
    city: np.ndarray
    scale: np.ndarray
    """Demand of the store relative to the mean store."""


def build_stores(size: DemoSize, seed: int) -> Stores:
    """Numbered stores with a town and a heavy-tailed scale."""
    rng = stream(seed, "stores")
    scale = rng.lognormal(0.0, 0.55, size.stores)
    cities = np.array(town_names(size.stores, rng), dtype=object)
    return Stores(np.arange(1, size.stores + 1), cities, scale / scale.mean())


def build_vendors(size: DemoSize, seed: int) -> Vendors:
    """Vendors with their own order cycle, lead times and faults."""
    rng, count = stream(seed, "vendors"), size.vendors
    number = np.sort(rng.choice(np.arange(2, 12_900), count, replace=False))
    number[-max(1, count // 20) :] += 90_000
    names, second_names = vendor_names(count, rng)

    mean = np.sort(rng.uniform(4.5, 12.0, count))[rng.permutation(count)]
    sd = np.maximum(0.7, mean * rng.uniform(0.10, 0.35, count))
    late_share = rng.uniform(0.02, 0.12, count)
    days = np.arange(LONGEST_LEAD_DAYS + 1)
    usual = np.exp(-0.5 * ((days - mean[:, None]) / sd[:, None]) ** 2) * (days >= 1)
    late = (days > mean[:, None] + 3) & (days <= mean[:, None] + 9)
    shares = (1 - late_share[:, None]) * usual / usual.sum(axis=1, keepdims=True)
    shares += late_share[:, None] * late / late.sum(axis=1, keepdims=True)

    weekdays = np.array([0, 1, 2, 3, 4, 6])  # nobody orders on Saturdays
    first = rng.integers(6, size=count)
    review = np.zeros((count, 7), dtype=bool)
    review[np.arange(count), weekdays[first]] = True
    twice = rng.random(count) < 0.05
    review[twice, weekdays[(first[twice] + 3) % 6]] = True
    return Vendors(
        number=number,
        name=np.array(names, dtype=object),
        second_name=np.array(second_names, dtype=object),
        lead_shares=shares,
        late_share=late_share,
        partial_share=rng.uniform(0.02, 0.12, count),
        cancelled_share=rng.uniform(0.0, 0.02, count),
        remainder_share=rng.uniform(0.2, 0.6, count),
        review_weekdays=review,
        every_weeks=np.where(~twice & (rng.random(count) < 0.35), 2, 1),
    )


def build_brands(size: DemoSize, seed: int, vendors: Vendors) -> Brands:
    """The price list's brands: those that stores may carry first, then those that none does; then sorted."""
    rng, stocked = stream(seed, "brands"), size.items
    count = stocked + max(4, round(stocked * 0.2))
    unlisted = np.arange(stocked, count)

    shares = np.array([kind.share for kind in CATEGORIES])
    category = rng.choice(len(CATEGORIES), count, p=shares / shares.sum())
    classification = np.array([kind.classification for kind in CATEGORIES])[category]
    description, house, variety = (np.array(names, dtype=object) for names in brand_names(category, rng))
    label = rng.choice(len(_SIZES), count, p=np.array([s[4] for s in _SIZES]) / sum(s[4] for s in _SIZES))
    is_unknown = np.zeros(count, dtype=bool)
    is_unknown[[5, unlisted[2]]] = True
    sizes = [_UNKNOWN_SIZE if u else _SIZES[i][:4] for u, i in zip(is_unknown, label.tolist(), strict=True)]
    shelf, listed, volume, case_units = (np.array(column, dtype=object) for column in zip(*sizes, strict=True))

    litres = np.array([0.0 if v == "Unknown" else int(v) / 1000 for v in volume])
    excise = litres * 100 * np.where(classification == 1, EXCISE_USD_PER_LITRE[1], EXCISE_USD_PER_LITRE[2])
    median = np.array([kind.price_usd for kind in CATEGORIES])[category]
    dollars = median * rng.lognormal(0.0, 0.55, count) * np.where(litres > 0, litres / 0.75, 1.0) ** 0.85
    price = np.maximum(1, np.round(dollars)).astype(np.int64) * 100 - np.where(rng.random(count) < 0.85, 1, 51)
    cost = np.round(price * rng.uniform(0.62, 0.76, count)).astype(np.int64)

    vendor = rng.choice(size.vendors, count, p=_zipf(size.vendors))
    vendor[:4] = [0, 0, 1, 1]  # the two vendors with two spellings sell a brand under each
    vendor[4 : 4 + size.vendors] = np.arange(size.vendors)[: count - 4]
    has_second_name = (vendor < 2) & (rng.random(count) < 0.03)
    has_second_name[:4] = [True, False, True, False]

    # Planted oddities: an entry without text, one without money, one that costs more than it brings.
    description[unlisted[0]] = shelf[unlisted[0]] = listed[unlisted[0]] = volume[unlisted[0]] = ""
    price[unlisted[:2]] = 0
    cost[unlisted[1]] = 0
    cost[6] = np.round(price[6] * 1.08)

    is_unsold, launch, delist = _life_cycles(size, count, rng)
    # The tail is cut where a single brand would outgrow the best seller of a real chain (1 % of units).
    popularity = np.minimum(rng.lognormal(0.0, 1.7, count), 250.0) * (dollars / np.median(dollars)) ** -0.5
    popularity = np.minimum(popularity, 250.0)
    number = _brand_numbers(classification, rng)
    brands = Brands(
        number=number,
        description=description,
        house=house,
        variety=variety,
        size=shelf,
        list_size=listed,
        volume=volume,
        classification=classification,
        category=category,
        case_units=case_units.astype(np.int32),
        excise_cents=excise,
        vendor=vendor,
        vendor_name=np.where(has_second_name, vendors.second_name[vendor], vendors.name[vendor]),
        price_cents=price,
        cost_cents=cost,
        popularity=popularity,
        elasticity=rng.uniform(1.0, 3.0, count),
        growth_per_year=rng.normal(0.02, 0.12, count),
        is_stocked=np.arange(count) < stocked,
        is_unsold=is_unsold,
        launch_day=launch,
        delist_day=delist,
    )
    order = np.argsort(number)
    return Brands(**{field.name: getattr(brands, field.name)[order] for field in fields(Brands)})


def _zipf(count: int) -> np.ndarray:
    weight = 1.0 / np.arange(1, count + 1) ** 0.9
    return weight / weight.sum()


def _brand_numbers(classification: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Spirits below 10,000, wine from there on."""
    number = np.empty(len(classification), dtype=np.int64)
    for code, low, high in ((1, 58, 10_000), (2, 10_000, 48_000)):
        mask = classification == code
        number[mask] = rng.choice(np.arange(low, high), int(mask.sum()), replace=False)
    return number


def _life_cycles(size: DemoSize, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which brands never sell, when brands are launched (0: always there) and delisted (NEVER: not)."""
    is_unsold = np.zeros(count, dtype=bool)
    launch = np.zeros(count, dtype=np.int64)
    delist = np.full(count, NEVER, dtype=np.int64)
    unsold, launched, delisted = (max(1, round(size.items * share)) for share in (0.016, 0.09, 0.045))
    picks = 7 + rng.permutation(size.items - 7)
    is_unsold[picks[:unsold]] = True
    new = picks[: unsold + launched]
    launch[new] = WARM_UP_DAYS + rng.integers(int(size.days * 0.1), int(size.days * 0.8), len(new))
    # A new brand that nobody wants is only seen as such when it has had time to sell.
    launch[picks[:unsold]] = WARM_UP_DAYS + rng.integers(5, max(6, int(size.days * 0.4)), unsold)
    gone = picks[unsold + launched : unsold + launched + delisted]
    delist[gone] = WARM_UP_DAYS + rng.integers(int(size.days * 0.2), int(size.days * 0.8), len(gone))
    return is_unsold, launch, delist
