"""When people buy: weeks, seasons, holidays, closed days.

Belongs here: demand factors that depend on the date and the kind of drink. Does not belong here:
prices and promotions (`pricing`), anything of one brand or one store.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

from .words import CATEGORIES

# Monday first; each has mean 1. Wine leans on the weekend a little more than spirits.
_WEEK = {
    1: np.array([0.76, 0.80, 0.86, 0.96, 1.36, 1.44, 0.82]),
    2: np.array([0.70, 0.76, 0.84, 0.98, 1.42, 1.52, 0.78]),
}
# month, day, lift in the best days, width in days: bumps that every kind of drink shares
_SHARED_BUMPS = ((7, 3, 0.45, 2.0), (9, 3, 0.20, 2.0), (5, 28, 0.20, 2.0))


def calendar(start: date, days: int) -> list[date]:
    """`days` dates from `start` on."""
    return [start + timedelta(days=i) for i in range(days)]


def thanksgiving(year: int) -> date:
    """The fourth Thursday of November."""
    first = date(year, 11, 1)
    return first + timedelta(days=(3 - first.weekday()) % 7 + 21)


def is_closed(day: date) -> bool:
    """Shops are shut on two days of the year, everywhere."""
    return (day.month, day.day) == (12, 25) or day == thanksgiving(day.year)


def demand_factors(dates: list[date]) -> np.ndarray:
    """[category, day]: demand as a multiple of the kind's mean; 0 on closed days."""
    ordinal = np.array([day.toordinal() for day in dates])
    day_of_year = np.array([day.timetuple().tm_yday for day in dates])
    weekday = np.array([day.weekday() for day in dates])
    years = range(dates[0].year, dates[-1].year + 2)
    feasts = np.array([thanksgiving(year).toordinal() for year in years])
    shared = _bumps(ordinal, feasts - 1, 0.5, 2.0)
    for month, day, lift, width in _SHARED_BUMPS:
        shared += _bumps(ordinal, np.array([date(y, month, day).toordinal() for y in years]), lift, width)
    christmas = np.array([date(y - 1, 12, 23).toordinal() for y in (*years, years[-1] + 1)])

    factors = np.empty((len(CATEGORIES), len(dates)))
    for row, kind in enumerate(CATEGORIES):
        wave = np.exp(kind.amplitude * np.cos(2 * np.pi * (day_of_year - kind.peak_day_of_year) / 365.25))
        december = _bumps(ordinal, christmas, kind.christmas_lift, 5.0)
        december += _bumps(ordinal, christmas + 8, kind.christmas_lift * 0.7, 1.5)
        factors[row] = wave * (1 + shared + december) * _WEEK[kind.classification][weekday]
    factors[:, [is_closed(day) for day in dates]] = 0.0
    return factors


def _bumps(ordinal: np.ndarray, centres: np.ndarray, lift: float, width_days: float) -> np.ndarray:
    distance = (ordinal[:, None] - centres[None, :]) / width_days
    return lift * np.exp(-0.5 * distance**2).sum(axis=1)
