"""Order calendar: a vendor takes orders on some weekdays or every so many days; other days' orders wait for the next chance.

Belongs here: which day is a day to order. Does not belong here: how long goods take after it.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from ml.replenishment.constraints.adjustments import adjusted
from ml.replenishment.constraints.reward import Rewards

LONGEST_WAIT_DAYS = 366


def next_order_date(
    day: date, weekdays: str | None = None, every_days: int | None = None, first: date | None = None
) -> date | None:
    """The first day from `day` on which the vendor takes orders; None where none comes within a year.

    `weekdays` are ISO numbers, as "1,4" for Monday and Thursday. A cycle counts from `first`; before it no order is taken. Where
    both are given, a day must be both. Without either every day is good.
    """
    wanted = {int(number) for number in weekdays.replace(" ", "").split(",") if number} if weekdays else set(range(1, 8))
    for wait in range(LONGEST_WAIT_DAYS + 1):
        candidate = day + timedelta(days=wait)
        if candidate.isoweekday() not in wanted:
            continue
        if every_days and every_days > 1 and first is not None and (candidate < first or (candidate - first).days % every_days):
            continue
        return candidate
    return None


def defer_closed_days(lines: pl.DataFrame, orders: np.ndarray, rewards: Rewards) -> tuple[np.ndarray, pl.DataFrame, np.ndarray]:
    """Orders after the calendar, what was put off, and which lines are of vendors that take no orders on the as-of day."""
    calendar = lines.select("as_of_date", "vendor_id", "order_weekdays", "order_every_days", "first_order_date").unique()
    dates = [
        next_order_date(row["as_of_date"], row["order_weekdays"], row["order_every_days"], row["first_order_date"])
        for row in calendar.iter_rows(named=True)
    ]
    opened = {
        row["vendor_id"]: opens
        for row, opens in zip(calendar.iter_rows(named=True), dates, strict=True)
        if opens != row["as_of_date"]
    }
    vendors = lines["vendor_id"].to_list()
    closed = np.array([vendor in opened for vendor in vendors], dtype=bool)
    rows = np.flatnonzero(closed & (orders > 0) & lines["override_order_units"].is_null().to_numpy())
    after = orders.copy()
    after[rows] = 0
    reasons = [
        f"vendor {vendors[row]} takes no orders today; the need is looked at again on {opened[vendors[row]]}"
        if opened[vendors[row]]
        else f"vendor {vendors[row]} takes no orders within a year by its calendar"
        for row in rows
    ]
    wait_costs = rewards.shortage_of(rows, orders[rows].astype(float))
    return after, adjusted(lines, rows, "order calendar", -orders[rows], wait_costs, reasons), closed
