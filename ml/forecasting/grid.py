"""Periods: what step a frame has, which period each row lies in, which rows lie in none.

Belongs here: dates, time zones, wrong dates. Does not belong here: what the rows say (`frames`), what is planned (`known_ahead`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

Array = NDArray[np.float64]

STEPS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(days=7)}
SEASONS = {"h": 24, "d": 7, "b": 5, "w": 52, "m": 12, "q": 4, "i": 1}

_STRAY_SHARE = 0.01
"""Rows with a wrong date are at most this share of all ..."""
_FEWEST_ROWS = 50
"""... or a single one of so many: of fewer nobody knows how long the series may sleep."""
_LONGER = 3
"""They come after a gap so many times as long as any before it ..."""
_SHORT_GAP, _LONG_GAP = 7, 28
"""... and longer than so many periods; than so many, and a season, where as many rows as ever lie in a period: a shop may open again."""


@dataclass(frozen=True)
class Grid:
    """The periods of a frame: its step, and the newest period."""

    kind: str
    """h, d, b (Mondays to Fridays), w, m, q, or i for whole numbers."""
    newest: date | datetime | int
    """By the clocks of the caller's time zone, without it; of hours in universal time."""
    dtype: pl.DataType
    """Type of `ds` as the caller has it."""
    is_month_end: bool = False
    """Months and quarters are named by their last day, not the first."""

    @classmethod
    def of(cls, ds: pl.Series, kind: str) -> Grid:
        """The grid that ends with the newest of these times."""
        is_month_end = kind in "mq" and bool((ds.dt.month_end() == ds).all())
        return cls(kind, _by_the_clock(ds, kind, _zone(ds.dtype)).max(), ds.dtype, is_month_end)  # type: ignore[arg-type]

    def back(self, ds: pl.Series) -> pl.Series:
        """Periods before the newest one, 0 for the newest; negative after it."""
        if self.kind == "i":
            return self.newest - ds.cast(pl.Int64)
        ds = _by_the_clock(ds, self.kind, _zone(self.dtype))
        if self.kind in "mq":
            months = 12 * (_part(self.newest, "year")) + _part(self.newest, "month")
            back = months - (12 * ds.dt.year().cast(pl.Int64) + ds.dt.month().cast(pl.Int64))
            return back // (3 if self.kind == "q" else 1)
        if self.kind == "b":
            days = ds.cast(pl.Date).to_numpy().astype("datetime64[D]")
            return pl.Series("back", np.busday_count(days, np.datetime64(self._day, "D")))
        step = int(STEPS[self.kind].total_seconds())
        newest = pl.Series([self.newest]).cast(pl.Datetime("us"))[0]
        return (newest - ds.cast(pl.Datetime("us"))).dt.total_seconds() // step

    def ahead(self, steps: int) -> pl.Series:
        """The `steps` periods after the newest one, as the caller writes them."""
        found, zone = pl.Series("ds", self._ahead(steps)), _zone(self.dtype)
        if zone is not None and self.kind == "h":
            found = found.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
        elif zone is not None:
            there, hour_later = (_in_zone(times, zone) for times in (found, found.dt.offset_by("1h")))
            found = there.zip_with(there.is_not_null(), hour_later)
        return found.cast(self.dtype)

    def _ahead(self, steps: int) -> list[date | datetime | int]:
        if self.kind == "i":
            return [int(self.newest) + k for k in range(1, steps + 1)]  # type: ignore[arg-type]
        if self.kind in "mq":
            first = pl.Series([self.newest])
            size = 3 if self.kind == "q" else 1
            found = [first.dt.offset_by(f"{size * k}mo") for k in range(1, steps + 1)]
            return [(day.dt.month_end() if self.is_month_end else day)[0] for day in found]
        if self.kind == "b":
            days = np.busday_offset(np.datetime64(self._day, "D"), np.arange(1, steps + 1)).tolist()
            return [self.newest + (day - self._day) for day in days]  # type: ignore[operator]
        return [self.newest + k * STEPS[self.kind] for k in range(1, steps + 1)]  # type: ignore[operator]

    def days_of_month(self, periods: int, horizon: int) -> Array | None:
        """Of `periods` up to the newest one and the `horizon` after it; None where a period is no day."""
        if self.kind not in "db":
            return None
        steps, newest = np.arange(1 - periods, horizon + 1), np.datetime64(self._day, "D")
        days = newest + steps if self.kind == "d" else np.busday_offset(newest, steps)
        return (days - days.astype("datetime64[M]")).astype(np.float64) + 1

    @property
    def _day(self) -> date:
        return self.newest.date() if isinstance(self.newest, datetime) else self.newest  # type: ignore[return-value]


def kind_of(freq: str | int) -> str:
    """The kind of step a frequency names: D, B, W, MS, QS, h, polars' 1d, 1w, 1mo, or 1 for whole numbers. Raises ValueError."""
    text = str(freq).lower().split("-")[0]
    text = text[1:] if text.startswith("1") else text
    names = {"": "i", "i": "i", "h": "h", "d": "d", "b": "b", "w": "w", "m": "m", "ms": "m", "me": "m", "mo": "m",
             "q": "q", "qs": "q", "qe": "q"}  # fmt: skip
    if text not in names:
        raise ValueError(
            f"unknown freq {freq!r}: give D, B, W, MS, QS or h (or 1d, 1w, 1mo, 1q, 1h; 1 where ds is a whole number)"
        )
    return names[text]


def strays(back: NDArray[np.int64], season: int) -> NDArray[np.bool_]:
    """Rows that lie, few of many, beyond a gap in which no series has a row, one longer than any before: (rows,) -> (rows,).

    One wrong date must not move the grid of all series, and no series may lose its last sale because it sells seldom. `back` counts periods
    before the newest, `season` is in periods.
    """
    period, rows = np.unique(-back, return_counts=True)
    gap, before = np.diff(period), rows.cumsum()[:-1]
    after, allowed = len(back) - before, max(_STRAY_SHARE * len(back), float(len(back) >= _FEWEST_ROWS))
    # a few rows far before all others open no gap that counts
    earlier = np.maximum.accumulate(np.concatenate([[1], np.where(before > allowed, gap, 0)]))[:-1]
    periods_before = np.arange(1, len(period))
    is_thin = 2 * after / periods_before[::-1] < before / periods_before
    is_long = gap > np.where(is_thin, _SHORT_GAP, max(season, _LONG_GAP))
    found = np.flatnonzero((after <= allowed) & (gap > _LONGER * earlier) & is_long)
    return -back > period[found[0]] if found.size else np.zeros(len(back), dtype=bool)


def _part(value: object, name: str) -> int:
    return int(getattr(value, name))


def _zone(dtype: pl.DataType) -> str | None:
    return getattr(dtype, "time_zone", None)


def _by_the_clock(ds: pl.Series, kind: str, zone: str | None) -> pl.Series:
    """Times as clocks in `zone` show them, without a zone; hours in universal time, since clocks skip some and show others twice."""
    own = _zone(ds.dtype)
    if own is None:
        return ds
    zone = "UTC" if kind == "h" else zone or own
    shown = ds.dt.convert_time_zone(zone).dt.replace_time_zone(None)
    # a day whose midnight the clocks skip begins at one
    midnight = shown.dt.offset_by("-1h")
    is_skipped = (midnight.dt.date().cast(shown.dtype) == midnight) & _in_zone(midnight, zone).is_null()
    return midnight.zip_with(is_skipped.fill_null(False), shown)


def _in_zone(times: pl.Series, zone: str) -> pl.Series:
    """Times of clocks in a zone, the first of two that look alike; null where clocks skip them."""
    return times.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
