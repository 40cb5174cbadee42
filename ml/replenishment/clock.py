"""What a period is, and which one a date lies in.

Belongs here: days, weeks, months and whole numbers as periods, and their places in a year. Does not belong here: what happened in them (`case`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.contracts import ContractError

_MONTH_DAYS = 28


@dataclass(frozen=True)
class Clock:
    """What a period is: a whole number, so many days, or a month."""

    unit: str
    days: int = 1

    def index(self, times: pl.Expr, first_day: pl.Expr) -> pl.Expr:
        """Number of the period each time falls in; periods of days begin on the days that are whole periods from `first_day` on."""
        if self.unit == "number":
            return times.cast(pl.Int64)
        if self.unit == "month":
            return times.dt.year().cast(pl.Int64) * 12 + times.dt.month().cast(pl.Int64)
        return (times.cast(pl.Date).to_physical().cast(pl.Int64) - first_day) // self.days

    @property
    def season_periods(self) -> int:
        """Periods after which a season comes again: the days of a week, the weeks or months of a year; 1 where there is none."""
        found = self.season_positions(0, 1, 0)
        return 1 if found is None else found[1]

    def season_positions(self, first: int, periods: int, first_day: int) -> tuple[NDArray[np.int64], int] | None:
        """Place of each period in its year (weeks, months) or week (days), and how many places there are; None for numbers."""
        step = np.arange(first, first + periods)
        if self.unit == "month":
            return (step - 1) % 12, 12
        if self.unit == "days" and self.days == 1:
            return step % 7, 7
        if self.unit == "days" and self.days == 7:
            days = (step * self.days + first_day).astype("datetime64[D]")
            start = days.astype("datetime64[Y]")
            return np.minimum((days - start).astype(int) // 7, 51), 52
        return None


FREQUENCIES = {"D": Clock("days", 1), "W": Clock("days", 7), "M": Clock("month")}


def clock_of(history: pl.DataFrame, state: pl.DataFrame, freq: str | None) -> tuple[Clock, pl.DataFrame]:
    """What a period is, and per unique_id the `first_day` on which its periods begin.

    The longest period that the steps between a series' dates are whole numbers of, the same for all series; weeks begin on the weekday of
    each series' own.
    """
    if freq is not None and freq not in FREQUENCIES:
        raise ContractError(f"freq {freq!r} is not one of {', '.join(FREQUENCIES)}")
    if history["ds"].dtype.is_integer():
        return Clock("number"), pl.DataFrame(schema={"unique_id": pl.String, "first_day": pl.Int64})
    known = history.select("unique_id", "ds").drop_nulls().unique().sort("unique_id", "ds")
    past = known.join(state.select("unique_id", "now"), on="unique_id", how="left", maintain_order="left")
    past = past.filter(pl.col("now").is_null() | (pl.col("ds") < pl.col("now")))
    clock = FREQUENCIES[freq] if freq else _read(past)
    first = known.group_by("unique_id", maintain_order=True).agg(pl.col("ds").first().to_physical().cast(pl.Int64))
    return clock, first.select("unique_id", first_day=pl.col("ds") % clock.days)


def _read(past: pl.DataFrame) -> Clock:
    """From unique_id and ds, sorted."""
    step = past.select(pl.col("ds").diff().over("unique_id").dt.total_days())["ds"].drop_nulls()
    if step.is_empty():
        return Clock("days", 1)
    day = pl.col("ds").dt.day()
    same_day, last_day = past.select(
        (day == day.first().over("unique_id")).all(), last=(pl.col("ds") == pl.col("ds").dt.month_end()).all()
    ).row(0)
    if step.min() >= _MONTH_DAYS and (same_day or last_day):  # type: ignore[operator]
        return Clock("month")
    return Clock("days", int(np.gcd.reduce(step.to_numpy())))


def numbered(frame: pl.DataFrame, columns: tuple[str, ...], clock: Clock, first_days: pl.DataFrame) -> pl.DataFrame:
    """Times as numbers of periods."""
    if clock.unit == "number" or not columns:
        return frame
    first_day = pl.col("first_day").fill_null(0)
    return (
        frame.join(first_days, on="unique_id", how="left", maintain_order="left")
        .with_columns(clock.index(pl.col(column), first_day).alias(column) for column in columns)
        .drop("first_day")
    )
