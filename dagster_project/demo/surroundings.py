"""The world around the stores: public holidays, weather, the economy, competitors, currencies.

Belongs here: series that no store makes. Only the holidays move demand; the rest is there to be
read, and has no effect on it. Does not belong here: how holidays move demand (`seasons`), files.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import numpy as np

from .catalogue import Brands, Stores
from .pricing import PriceCalendar
from .seasons import is_closed, thanksgiving
from .sizes import WARM_UP_DAYS, DemoSize
from .streams import stream
from .words import place_words

_COMPETITORS = 3
_WATCHED_SHARE = 0.1
_FEWEST_WATCHED, _MOST_WATCHED = 6, 200
CURRENCIES = {"EUR": 1.11, "GBP": 1.35}


def events(size: DemoSize) -> Iterator[tuple[date, str, bool, bool]]:
    """Date, name, is_holiday, is_closed of the special days from the first year to the one after the last."""
    for year in range(size.start.year, size.end.year + 2):
        last_of_may, first_of_september = date(year, 5, 31), date(year, 9, 1)
        for day, name, is_holiday in (
            (date(year, 1, 1), "New Year's Day", True),
            (last_of_may - timedelta(days=last_of_may.weekday()), "Memorial Day", True),
            (date(year, 7, 4), "Independence Day", True),
            (first_of_september + timedelta(days=-first_of_september.weekday() % 7), "Labor Day", True),
            (thanksgiving(year), "Thanksgiving", True),
            (date(year, 12, 24), "Christmas Eve", False),
            (date(year, 12, 25), "Christmas Day", True),
            (date(year, 12, 31), "New Year's Eve", False),
        ):
            yield day, name, is_holiday, is_closed(day)


def months(size: DemoSize) -> list[date]:
    """The first of each month that has a day in the period."""
    first, last = size.start, size.end
    count = (last.year - first.year) * 12 + last.month - first.month + 1
    return [date(first.year + (first.month - 1 + i) // 12, (first.month - 1 + i) % 12 + 1, 1) for i in range(count)]


def weather(size: DemoSize, seed: int, stores: Stores) -> tuple[np.ndarray, np.ndarray]:
    """[store, day]: mean temperature in degrees Celsius and precipitation in mm; stores of a town share both."""
    rng = stream(seed, "weather")
    towns, town = np.unique(stores.city.astype(str), return_inverse=True)
    day_of_year = np.array([(size.start + timedelta(days=i)).timetuple().tm_yday for i in range(size.days)])
    season = 11.0 - 12.0 * np.cos(2 * np.pi * (day_of_year - 20) / 365.25)
    spell = np.zeros(size.days)
    shocks = rng.normal(0.0, 2.4, size.days)
    for i in range(size.days):
        spell[i] = 0.75 * spell[i - 1] + shocks[i] if i else shocks[i]
    local = rng.normal(0.0, 1.5, (len(towns), 1)) + rng.normal(0.0, 0.8, (len(towns), size.days))
    wet = rng.random(size.days) < 0.33
    rain = rng.gamma(0.9, 8.0, size.days) * wet * rng.lognormal(0.0, 0.3, (len(towns), size.days))
    return np.round(season + spell + local, 1)[town], np.round(rain, 1)[town]


def consumer_confidence(size: DemoSize, seed: int) -> np.ndarray:
    """A made-up index per month, 100 or so."""
    rng, count = stream(seed, "confidence"), len(months(size))
    return np.round(100 + np.cumsum(rng.normal(0.0, 1.2, count)), 1)


def currency_rates(size: DemoSize, seed: int) -> dict[str, np.ndarray]:
    """Per currency its made-up worth in dollars, by month."""
    rng, count = stream(seed, "currencies"), len(months(size))
    return {name: np.round(worth * np.exp(np.cumsum(rng.normal(0.0, 0.012, count))), 6) for name, worth in CURRENCIES.items()}


def competitor_prices(
    size: DemoSize, seed: int, brands: Brands, prices: PriceCalendar
) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Names of the competitors; then per observation the competitor, brand, day (of the simulation) and price in cents.

    Each week somebody notes the prices of the best sellers, where a competitor has them.
    """
    rng = stream(seed, "competitors")
    names = [f"{word} Market" for word in place_words(_COMPETITORS, rng)]
    sellable = np.flatnonzero(brands.is_stocked & ~brands.is_unsold & (brands.price_cents > 0))
    watched = int(np.clip(round(_WATCHED_SHARE * size.items), _FEWEST_WATCHED, _MOST_WATCHED))
    best = np.sort(sellable[np.argsort(-brands.popularity[sellable], kind="stable")[:watched]])
    monday = WARM_UP_DAYS + -size.start.weekday() % 7
    competitor, brand, day = (
        axis.ravel() for axis in np.meshgrid(np.arange(_COMPETITORS), best, np.arange(monday, size.total_days, 7), indexing="ij")
    )
    level = rng.uniform(0.94, 1.06, _COMPETITORS)[competitor]
    own_view = rng.normal(1.0, 0.05, (_COMPETITORS, len(brands.number)))[competitor, brand]
    is_cut = rng.random(len(day)) < 0.08
    cents = prices.shelf_cents[brand, day] * level * own_view * np.where(is_cut, 0.88, 1.0)
    has_it = (rng.random((_COMPETITORS, len(brands.number))) < 0.8)[competitor, brand]
    seen = has_it & (rng.random(len(day)) < 0.95) & (brands.launch_day[brand] <= day) & (day <= brands.delist_day[brand])
    order = np.lexsort((competitor[seen], brand[seen], day[seen]))
    cents = np.maximum(49, np.round(cents / 10).astype(np.int64) * 10 - 1)
    return names, *(column[seen][order] for column in (competitor, brand, day, cents))
