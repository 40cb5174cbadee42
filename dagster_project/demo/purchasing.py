"""From what stores ordered to what vendors billed.

Belongs here: purchase orders over all stores, their invoices, payments and freight.
Does not belong here: when goods are ordered or arrive (`simulate`), any file.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .catalogue import Brands, Vendors
from .pricing import PriceCalendar
from .ranging import Range
from .simulate import Orders
from .sizes import WARM_UP_DAYS
from .streams import stream

_FIRST_NUMBER = 8_101
_INVOICE_DAYS = (9, 23)
_PAYMENT_DAYS = (23, 48)
_APPROVED_SHARE = 0.067


@dataclass(frozen=True)
class PurchaseOrders:
    """One entry per order of a vendor and day over all stores, as it is billed. Days of the simulation."""

    number: np.ndarray
    vendor: np.ndarray
    day: np.ndarray
    invoice_day: np.ndarray
    pay_day: np.ndarray
    units: np.ndarray
    cents: np.ndarray
    freight_cents: np.ndarray
    is_approved: np.ndarray


@dataclass(frozen=True)
class PurchaseLines:
    """One entry per receipt dated from the first written day on, in the order of the invoices."""

    order: np.ndarray
    """Position in `orders`."""
    store: np.ndarray
    brand: np.ndarray
    receipt_day: np.ndarray
    units: np.ndarray
    cost_cents: np.ndarray
    orders: PurchaseOrders


def receipts(items: Range, orders: Orders) -> np.ndarray:
    """[store, brand, order day, receipt day, units] by receipt: what the files may know of the orders."""
    columns = [
        np.stack([np.full_like(days, items.store), items.brand[orders.item], orders.day, days, units])
        for days, units in (
            (orders.first_day, orders.first_units),
            (orders.second_day, orders.second_units),
        )
    ]
    table = np.concatenate(columns, axis=1)
    return table[:, (table[4] > 0) & (table[3] >= WARM_UP_DAYS)].astype(np.int32)


def bill(received: np.ndarray, brands: Brands, vendors: Vendors, prices: PriceCalendar, seed: int) -> PurchaseLines:
    """Number the orders and bill them. `received` holds all stores' `receipts`, side by side."""
    rng = stream(seed, "invoices")
    store, brand, day, receipt_day, units = received
    count = len(vendors.number)
    # Within a day, orders leave in an order of the buyers' own, not by vendor number.
    turn = rng.permutation(count)
    keys, order = np.unique(day.astype(np.int64) * count + turn[brands.vendor[brand]], return_inverse=True)
    order_day, vendor = keys // count, np.argsort(turn)[keys % count]

    cost = prices.cost_cents[brand, day].astype(np.int64)
    last_receipt = np.zeros(len(keys), dtype=np.int64)
    np.maximum.at(last_receipt, order, receipt_day)
    usual = np.clip(np.round(rng.normal(15.6, 2.4, len(keys))), *_INVOICE_DAYS).astype(np.int64)
    invoice_day = np.maximum(order_day + usual, last_receipt)
    cents = np.bincount(order, weights=cost * units).astype(np.int64)
    freight = np.maximum(1, np.round(cents * 0.0051 * rng.lognormal(-0.03, 0.25, len(keys))))
    is_approved = rng.random(len(keys)) < _APPROVED_SHARE
    is_approved[len(keys) // 2] = True

    # Bills are filed by week, and by vendor within the week.
    filed = np.lexsort((keys, vendors.name[vendor].astype(str), order_day // 7))
    rank = np.argsort(filed)
    lines = np.argsort(rank[order], kind="stable")
    return PurchaseLines(
        order=rank[order][lines],
        store=store[lines],
        brand=brand[lines],
        receipt_day=receipt_day[lines],
        units=units[lines],
        cost_cents=cost[lines],
        orders=PurchaseOrders(
            number=(_FIRST_NUMBER + np.arange(len(keys)))[filed],
            vendor=vendor[filed],
            day=order_day[filed],
            invoice_day=invoice_day[filed],
            pay_day=(invoice_day + rng.integers(*_PAYMENT_DAYS, len(keys), endpoint=True))[filed],
            units=np.bincount(order, weights=units).astype(np.int64)[filed],
            cents=cents[filed],
            freight_cents=freight.astype(np.int64)[filed],
            is_approved=is_approved[filed],
        ),
    )
