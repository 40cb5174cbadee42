"""One store, day after day: arrivals, sales, losses, orders.

Belongs here: the flow of stock and the clerk's rules; arrays in, arrays out. Does not belong here:
dates, names, prices, files, the drawing of demand, what the staff do besides selling (`handling`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from .catalogue import LINE_DELAY_SHARES, LONGEST_LEAD_DAYS, Vendors
from .handling import Adjustments, Staff
from .ranging import Range

LATEST_RECEIPT_DAYS = LONGEST_LEAD_DAYS + len(LINE_DELAY_SHARES) - 1
"""No receipt comes later than this after its order: the vendor's invoice closes the order then."""
_SLOTS = LATEST_RECEIPT_DAYS + 1
_MEMORY_DAYS = 35.0
_FORGOTTEN_SHARE = 0.10
_OVERDONE_SHARE = 0.03


@dataclass(frozen=True)
class Orders:
    """One entry per order line. A receipt of 0 units is none; a line has one receipt or two."""

    item: np.ndarray
    day: np.ndarray
    ordered_units: np.ndarray
    first_day: np.ndarray
    first_units: np.ndarray
    second_day: np.ndarray
    second_units: np.ndarray


@dataclass(frozen=True)
class Goods:
    """How the items of a store come: one entry per item."""

    vendor: np.ndarray
    case_units: np.ndarray
    is_case_only: np.ndarray


@dataclass(frozen=True)
class StoreRun:
    """What happened in one store. Daily arrays are [day, item], without the warm-up."""

    opening_units: np.ndarray
    closing_units: np.ndarray
    is_opening_line: np.ndarray
    is_closing_line: np.ndarray
    demand_units: np.ndarray
    """Units asked for while the item was in the range."""
    sales_units: np.ndarray
    shrinkage_units: np.ndarray
    """Lost unseen."""
    units_in: np.ndarray
    """Received, and found again."""
    at_close_units: np.ndarray
    """Stock at the end of the day."""
    adjustments: Adjustments
    ranged_days: np.ndarray
    stockout_days: np.ndarray
    orders: Orders


def vendor_calendar(vendors: Vendors, first_weekday: int, days: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """[vendor, day] twice: whether stores order that day, and how long the first truck then takes."""
    day = np.arange(days)
    weekday, week = (first_weekday + day) % 7, (first_weekday + day) // 7
    offset = np.arange(len(vendors.number))[:, None]
    reviews = vendors.review_weekdays[:, weekday] & ((week + offset) % vendors.every_weeks[:, None] == 0)
    steps = np.cumsum(vendors.lead_shares, axis=1)
    draws = rng.random((len(vendors.number), days))
    leads = np.stack([np.searchsorted(s, d, side="right") for s, d in zip(steps, draws, strict=True)])
    return reviews, np.minimum(leads, LONGEST_LEAD_DAYS)


def simulate_store(
    items: Range,
    goods: Goods,
    staff: Staff,
    demand: np.ndarray,
    losses: np.ndarray,
    vendors: Vendors,
    reviews: np.ndarray,
    leads: np.ndarray,
    warm_up_days: int,
    rng: np.random.Generator,
) -> StoreRun:
    """Run one store over all days of `demand` and report those after the warm-up.

    `demand` and `losses` are [day, item].
    """
    days, count = demand.shape
    demand, vendor = demand.copy(), goods.vendor
    sales, shrinkage, units_in, at_close = (np.zeros_like(demand) for _ in range(4))
    arriving = np.zeros((_SLOTS, count), dtype=np.int32)
    settling = np.zeros((_SLOTS, count), dtype=np.int32)
    on_order = np.zeros(count, dtype=np.int32)
    pace = items.first_guess_units.copy()
    was_stocked = items.launch_day == 0
    stock = np.where(was_stocked, pace * items.cover_days * 0.7 + items.display_units, 0).astype(np.int32)
    ranged_days, stockout_days = np.zeros((2, count), dtype=np.int32)
    opening, is_opening_line = stock, was_stocked
    book: list[tuple[np.ndarray, ...]] = []

    for day in range(days):
        slot = day % _SLOTS
        if day == warm_up_days:
            opening, is_opening_line = stock.copy(), was_stocked & ((stock > 0) | (day < items.delist_day))
            staff.start(stock)
        units_in[day] = arriving[slot]
        stock += units_in[day]
        on_order -= settling[slot]
        arriving[slot] = settling[slot] = 0
        was_stocked |= stock > 0
        # An item counts as ranged from its first receipt until it is delisted and gone.
        ranged = was_stocked & ((day < items.delist_day) | (stock > 0))
        demand[day] *= ranged
        sold = np.minimum(demand[day], stock, out=sales[day])
        stock -= sold
        stock -= np.minimum(losses[day], stock, out=shrinkage[day])
        staff.close_day(day, stock, units_in[day], shrinkage[day])
        at_close[day] = stock
        pace += np.where(was_stocked, (sold - pace) / _MEMORY_DAYS, 0.0)
        if day >= warm_up_days:
            ranged_days += ranged
            stockout_days += ranged & (stock == 0) & (day < items.delist_day)

        open_for_order = reviews[vendor, day] & (day >= items.launch_day) & (day < items.delist_day)
        open_for_order &= (day < items.overlooked_from) | (day >= items.overlooked_until)
        looked_at = np.flatnonzero(open_for_order)
        lines, units = _clerk(looked_at, items, goods, pace, stock + on_order, rng)
        if len(lines):
            order = _ship(lines, units, day, vendor[lines], vendors, leads[vendor[lines], day], rng)
            on_order[lines] += units
            arriving[order.first_day % _SLOTS, lines] += order.first_units
            arriving[order.second_day % _SLOTS, lines] += order.second_units
            settling[order.first_day % _SLOTS, lines] += units - order.second_units
            settling[order.second_day % _SLOTS, lines] += order.second_units
            book.append(tuple(getattr(order, field.name) for field in fields(Orders)))

    adjustments = staff.adjustments()
    found = adjustments.units > 0
    np.add.at(units_in, (adjustments.day[found], adjustments.item[found]), adjustments.units[found].astype(np.int32))
    empty = (np.zeros(0, dtype=np.int32),) * len(fields(Orders))
    columns = zip(*(book or [empty]), strict=True)
    return StoreRun(
        opening_units=opening,
        closing_units=stock,
        is_opening_line=is_opening_line,
        is_closing_line=was_stocked & ((stock > 0) | (days - 1 < items.delist_day)),
        demand_units=demand[warm_up_days:],
        sales_units=sales[warm_up_days:],
        shrinkage_units=shrinkage[warm_up_days:],
        units_in=units_in[warm_up_days:],
        at_close_units=at_close[warm_up_days:],
        adjustments=adjustments,
        ranged_days=ranged_days,
        stockout_days=stockout_days,
        orders=Orders(*(np.concatenate(column) for column in columns)),
    )


def _clerk(
    looked_at: np.ndarray,
    items: Range,
    goods: Goods,
    pace: np.ndarray,
    position: np.ndarray,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Which lines the clerk orders and how much: thumb rules on recent sales, with slips.

    Recent sales are lower when the shelf was empty: the clerk does not correct for that.
    """
    chance = rng.random((3, len(looked_at)))
    pace, display = pace[looked_at], items.display_units[looked_at]
    reorder = pace * items.reorder_days[looked_at] + display * 0.75
    wants = (position[looked_at] <= reorder) & (chance[0] >= _FORGOTTEN_SHARE)
    lines, chance = looked_at[wants], chance[:, wants]
    need = (pace * items.cover_days[looked_at] + display)[wants] - position[lines]
    need *= np.where(chance[1] < _OVERDONE_SHARE, 2 + 4 * chance[2], 1.0)
    cases = goods.case_units[lines]
    by_case = (need >= 0.75 * cases) | goods.is_case_only[lines]
    units = np.where(by_case, np.maximum(np.round(need / cases), 1) * cases, np.ceil(need))
    kept = units >= 1
    return lines[kept], units[kept].astype(np.int32)


def _ship(
    lines: np.ndarray,
    units: np.ndarray,
    day: int,
    vendor: np.ndarray,
    vendors: Vendors,
    lead: np.ndarray,
    rng: np.random.Generator,
) -> Orders:
    """What the vendor makes of the lines: whole, short, short with a second delivery, or not at all."""
    chance = rng.random((4, len(lines)))
    first_lead = lead + np.searchsorted(np.cumsum(LINE_DELAY_SHARES)[:-1], chance[0], side="right")
    cancelled = chance[1] < vendors.cancelled_share[vendor]
    short = (chance[1] > 1 - vendors.partial_share[vendor]) & (units > 1)
    first = np.where(short, np.maximum(1, units * (0.3 + 0.65 * chance[2])), units)
    first = np.where(cancelled, 0, first).astype(np.int32)
    second_lead = first_lead + 2 + (chance[2] * 5).astype(np.int64)
    follows = short & (chance[3] < vendors.remainder_share[vendor]) & (second_lead <= LATEST_RECEIPT_DAYS)
    return Orders(
        item=lines,
        day=np.full(len(lines), day),
        ordered_units=units,
        first_day=day + first_lead,
        first_units=first,
        second_day=day + np.where(follows, second_lead, first_lead),
        second_units=np.where(follows, units - first, 0).astype(np.int32),
    )
