"""Periods of a frame: rows with a wrong date, and times with a zone."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from forecast_frames import QUICK, poisson

from ml.contracts import ContractError
from ml.forecasting import diagnose, forecast
from ml.forecasting.frames import read_history
from ml.forecasting.grid import strays

BEGIN = date(2024, 1, 1)


def frame(series: int, periods: int, step: timedelta = timedelta(days=1)) -> pl.DataFrame:
    ds = [BEGIN + k * step for k in range(periods)]
    return pl.DataFrame(
        {"unique_id": np.repeat(np.arange(series), periods), "ds": ds * series, "y": poisson(series, periods).ravel()}
    )


def with_row(history: pl.DataFrame, day: date) -> pl.DataFrame:
    """The same with one more row of the first series."""
    return pl.concat([history, history.head(1).with_columns(ds=pl.lit(day))])


# Wrong dates ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("history", "freq", "day"),
    [
        (frame(40, 150), "D", BEGIN + timedelta(days=149 + 20)),
        (frame(40, 60, timedelta(days=7)), "W", BEGIN + timedelta(weeks=59 + 45)),
        (frame(1, 60), "D", date(2099, 1, 1)),
    ],
    ids=["20 days ahead", "45 weeks ahead", "one series, 2099"],
)
def test_one_wrong_date_changes_nothing_and_is_named(history: pl.DataFrame, freq: str, day: date) -> None:
    wrong = with_row(history, day)
    assert forecast(wrong, 3, freq, [0.9], settings=QUICK).equals(forecast(history, 3, freq, [0.9], settings=QUICK))
    said = diagnose(wrong, freq)["reason"].to_list()
    assert said[0] == f"1 rows far after all others left out: {day}"
    assert set(said[1:]) <= {"ok"}


def test_several_wrong_dates_are_named_from_first_to_last() -> None:
    wrong = with_row(with_row(frame(40, 150), date(2034, 1, 1)), date(2035, 1, 1))
    assert diagnose(wrong, "D")["reason"][0] == "2 rows far after all others left out: 2034-01-01 to 2035-01-01"


def astray(rows: list[tuple[int, int]], season: int = 7) -> int:
    """Rows that are left out, of (period, rows of the period)."""
    periods = np.concatenate([np.full(count, period) for period, count in rows])
    return int(strays(periods.max() - periods, season).sum())


EVERY_DAY = [(k, 1) for k in range(60)]
SHOPS = [(k, 40) for k in range(150)]


@pytest.mark.parametrize(
    ("rows", "left_out"),
    [
        # one series: a month without a sale is none too many, longer than a season and four weeks is
        ([*EVERY_DAY, (59 + 28, 1)], 0),
        ([*EVERY_DAY, (59 + 29, 1)], 1),
        # fewer than 50 rows: nobody knows how a slow mover sells
        ([(k, 1) for k in range(40)] + [(139, 1)], 0),
        # a slow mover with gaps of up to 20 days: 60 are as its past, 61 are not
        ([(k, 1) for k in range(0, 1020, 20)] + [(1060, 1)], 0),
        ([(k, 1) for k in range(0, 1020, 20)] + [(1061, 1)], 1),
        # many series: a few days are no gap, eight are, for a few rows
        ([*SHOPS, (149 + 7, 1)], 0),
        ([*SHOPS, (149 + 8, 1)], 1),
        # after a fortnight's holiday all shops open again: 40 rows of 6,040, and none is wrong
        ([*SHOPS, (149 + 14, 40)], 0),
        ([*SHOPS, (149 + 14, 19)], 19),
        # over a hundredth
        ([*SHOPS, *[(170 + k, 10) for k in range(7)]], 0),
        # a row of 1900 does not hide one of 2099
        ([(-45_000, 1), *SHOPS, (27_000, 1)], 1),
    ],
)
def test_what_is_astray(rows: list[tuple[int, int]], left_out: int) -> None:
    assert astray(rows) == left_out


def test_rows_too_old_to_be_read_are_named() -> None:
    history = with_row(frame(3, 40), date(1900, 1, 1))
    assert diagnose(history, "D")["reason"].to_list() == ["1 rows older than the newest 800 periods left out", "ok", "ok"]


# Times with a zone ----------------------------------------------------------------------------------------------------


def zoned(history: pl.DataFrame, zone: str) -> pl.DataFrame:
    return history.with_columns(pl.col("ds").cast(pl.Datetime("us")).dt.replace_time_zone(zone))


def test_days_are_those_of_the_clocks() -> None:
    # clocks in Berlin go forward on 31 March, day 90 of 120
    history = frame(2, 120)
    berlin = zoned(history, "Europe/Berlin")
    assert diagnose(berlin, "D")["reason"].to_list() == ["ok", "ok"]
    plain, found = (forecast(h, 3, "D", [0.9], settings=QUICK) for h in (history, berlin))
    assert found.drop("ds").equals(plain.drop("ds"))
    assert found["ds"].dtype == berlin["ds"].dtype
    assert found["ds"].dt.replace_time_zone(None).dt.date().to_list() == plain["ds"].to_list()


def test_a_day_without_a_midnight_is_a_day() -> None:
    # in São Paulo the 4th of November 2018 begins at one in the morning
    days = pl.datetime_range(datetime(2018, 10, 1), datetime(2018, 11, 2), "1d", eager=True).dt.replace_time_zone(
        "America/Sao_Paulo"
    )
    history = pl.DataFrame({"unique_id": "a", "ds": days, "y": 5.0})
    ahead = forecast(history, 3, "D", [], settings=QUICK)["ds"]
    assert [str(day)[:13] for day in ahead.dt.replace_time_zone(None)] == ["2018-11-03 00", "2018-11-04 01", "2018-11-05 00"]
    longer = pl.DataFrame({"unique_id": "a", "ds": pl.concat([days, ahead.rename("")]), "y": 5.0})
    assert diagnose(longer, "D")["reason"].to_list() == ["constant"]


def test_hours_are_counted_as_they_pass() -> None:
    # the night on which clocks go forward has one hour less: after 1 comes 3
    hours = pl.datetime_range(datetime(2024, 3, 30, 1), datetime(2024, 3, 31, 0), "1h", eager=True, time_zone="UTC")
    history = pl.DataFrame({"unique_id": "a", "ds": hours.dt.convert_time_zone("Europe/Berlin"), "y": 5.0})
    assert diagnose(history, "h")["reason"].to_list() == ["constant"]
    ahead = forecast(history, 2, "h", [], settings=QUICK)["ds"].to_list()
    zone = ZoneInfo("Europe/Berlin")
    assert ahead == [datetime(2024, 3, 31, 3, tzinfo=zone), datetime(2024, 3, 31, 4, tzinfo=zone)]


def test_plans_of_another_zone_are_plans_of_the_same_instants() -> None:
    history = zoned(frame(1, 10), "Europe/Berlin").with_columns(price=pl.Series(range(10)) + 5.0)
    ahead = [datetime(2024, 1, 11), datetime(2024, 1, 12)]
    local = pl.DataFrame({"unique_id": [0, 0], "ds": ahead, "price": [1.0, 2.0]})
    universal = zoned(local, "Europe/Berlin").with_columns(pl.col("ds").dt.convert_time_zone("UTC"))
    for future in (local, zoned(local, "Europe/Berlin"), universal):
        assert read_history(history, 2, "D", future, None, QUICK).panel.known[0, -2:, 0].tolist() == [1, 2]
    with pytest.raises(ContractError, match="time zone"):
        read_history(history, 2, "h", local, None, QUICK)
