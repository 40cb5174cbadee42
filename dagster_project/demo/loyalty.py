"""Who bought: customers with a card, and the sales that are theirs.

Belongs here: attributing part of the sales to customers who differ in how often, how much and
until when they buy. Does not belong here: any change to the sales themselves, files.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .ranging import Range
from .sizes import DemoSize
from .streams import stream

CARD_SHARE = 0.15
"""Share of units sold to customers with a card."""
MOST_LINES = 300_000
"""At the full size the cards cover less: that keeps the file small."""
_UNITS_PER_CUSTOMER = 35
_FEWEST, _MOST = 20, 12_000
_AWAY_SHARE = 0.1
_LINES_PER_VISIT = 2.2
_RETURNED_SHARE = 0.015
_LONGEST_RETURN_DAYS = 21


@dataclass(frozen=True)
class Customers:
    """One entry per customer. Days count from the first written one."""

    number: np.ndarray
    country: np.ndarray
    home_store: np.ndarray
    visit_weight: np.ndarray
    basket_weight: np.ndarray
    thirst: np.ndarray
    """Share of the further units of a line that they take, too."""
    first_day: np.ndarray
    last_day: np.ndarray
    store_share: np.ndarray
    """Per store: its share of the lines with a card."""


@dataclass(frozen=True)
class CardLines:
    """One entry per line of a customer's order, by day and customer; negative units came back."""

    customer: np.ndarray
    day: np.ndarray
    item: np.ndarray
    units: np.ndarray
    cents: np.ndarray


def build_customers(size: DemoSize, seed: int, ranges: list[Range]) -> Customers:
    """Customers with very different habits; some joined during the period, some stopped coming."""
    rng = stream(seed, "customers")
    demand = np.array([float(items.base_units.sum()) for items in ranges])
    count = int(np.clip(CARD_SHARE * demand.sum() * size.days / _UNITS_PER_CUSTOMER, _FEWEST, _MOST))
    fate = rng.random(count)
    day = rng.integers(size.days // 10, size.days, count)
    return Customers(
        number=100_000 + np.sort(rng.choice(900_000, count, replace=False)),
        country=rng.choice(["US", "CA", ""], count, p=[0.9, 0.06, 0.04]).astype(object),
        home_store=rng.choice(size.stores, count, p=demand / demand.sum()),
        visit_weight=rng.lognormal(0.0, 1.1, count),
        basket_weight=rng.lognormal(0.0, 0.7, count),
        thirst=rng.beta(1.2, 2.4, count),
        first_day=np.where(fate < 0.25, day, 0),
        last_day=np.where(fate > 0.75, day, size.days),
        store_share=demand / demand.sum(),
    )


def card_lines(
    customers: Customers, store: int, sales_units: np.ndarray, price_cents: np.ndarray, is_open: np.ndarray, seed: int
) -> CardLines:
    """The lines of one store that customers with a card bought or brought back.

    `sales_units` is [day, item], `price_cents` [item, day], `is_open` per day.
    """
    rng = stream(seed, "cards", store)
    day, item = np.nonzero(sales_units)
    sold = sales_units[day, item].astype(np.int64)
    taken = 1 + (sold - 1) * float(customers.thirst.mean())
    share = CARD_SHARE * sold.sum() / max(1.0, taken.sum())
    share = min(share, MOST_LINES * customers.store_share[store] / max(1, len(sold)))
    with_card = rng.random(len(sold)) < share
    day, item, sold = day[with_card], item[with_card], sold[with_card]

    customer, has_customer = _visitors(customers, store, day, len(sales_units), rng)
    day, item, sold = day[has_customer], item[has_customer], sold[has_customer]
    units = 1 + rng.binomial(sold - 1, customers.thirst[customer])

    back = np.flatnonzero(rng.random(len(units)) < _RETURNED_SHARE)
    back_day = day[back] + rng.integers(1, _LONGEST_RETURN_DAYS, len(back), endpoint=True)
    back_units = rng.integers(1, units[back], endpoint=True)
    kept = back_day < len(sales_units)
    kept[kept] = is_open[back_day[kept]]
    back, back_day, back_units = back[kept], back_day[kept], back_units[kept]

    price = price_cents[item, day].astype(np.int64)
    columns = (
        np.concatenate([customer, customer[back]]),
        np.concatenate([day, back_day]),
        np.concatenate([item, item[back]]),
        np.concatenate([units, -back_units]),
        np.concatenate([units * price, -back_units * price[back]]),
    )
    order = np.lexsort((columns[2], columns[3] < 0, columns[0], columns[1]))
    return CardLines(*(column[order] for column in columns))


def _visitors(
    customers: Customers, store: int, day: np.ndarray, days: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Whose basket each line went into, and for which lines there is one. `day` is per line, ascending."""
    away = _AWAY_SHARE / max(1, len(customers.store_share) - 1)
    weight = customers.visit_weight * np.where(customers.home_store == store, 1 - _AWAY_SHARE, away)
    lines = np.bincount(day, minlength=days)
    visits = np.ceil(lines / _LINES_PER_VISIT).astype(np.int64)
    visit_day = np.repeat(np.arange(days), visits)
    reach = np.cumsum(weight)
    visitor = np.searchsorted(reach, rng.random(len(visit_day)) * reach[-1], side="right")
    is_member = (visit_day >= customers.first_day[visitor]) & (visit_day <= customers.last_day[visitor])

    baskets = np.concatenate([[0.0], np.cumsum(np.where(is_member, customers.basket_weight[visitor], 0.0))])
    until = np.cumsum(visits)
    low, high = baskets[until - visits][day], baskets[until][day]
    basket = np.searchsorted(baskets, low + rng.random(len(day)) * (high - low), side="right") - 1
    has_customer = high > low
    return visitor[basket[has_customer]], has_customer
