"""What is known ahead: flags, amounts, words, prices, what null means in each, and columns of any name."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from forecast_frames import QUICK

from ml.forecasting import forecast
from ml.forecasting.frames import read_history
from ml.forecasting.known_ahead import MOST_WORDS

BEGIN = date(2024, 1, 1)
N = None


def panel_of_plan(past: list, ahead: list, units: list[float] | None = None, name: str = "plan", dtype=None):
    """One series with a column of so many days behind it and ahead."""
    days = [BEGIN + timedelta(days=k) for k in range(len(past) + len(ahead))]
    units = [1.0] * len(past) if units is None else units
    history = pl.DataFrame({"unique_id": "a", "ds": days[: len(past)], "y": units, name: pl.Series(past, dtype=dtype)})
    future = pl.DataFrame({"unique_id": "a", "ds": days[len(past) :], name: pl.Series(ahead, dtype=dtype)})
    return read_history(history, len(ahead), "D", future, None, QUICK).panel


def course(past: list, ahead: list, units: list[float] | None = None, dtype=None) -> list[float]:
    """The column as models see it, past and ahead."""
    return panel_of_plan(past, ahead, units, dtype=dtype).known[0, :, 0].tolist()


# What null means ------------------------------------------------------------------------------------------------------


def test_null_in_a_flag_is_no_flag() -> None:
    assert course([0, 1, N, 0, 0, 1], [N, 1, N]) == [0, 1, 0, 0, 0, 1, 0, 1, 0]
    assert course([False, True, N, False], [N, N], dtype=pl.Boolean) == [0, 1, 0, 0, 0, 0]
    # nothing but ones: what is none is null
    assert course([N, 1.0, 1.0, float("nan")], [N, 1.0]) == [0, 1, 1, 0, 0, 1]


def test_null_in_a_flag_that_is_usually_up_is_up() -> None:
    # a shop that is open on most days: days that nobody spoke of are not closed
    assert course([1, 1, 0, 1, 0], [N, 0, N]) == [1, 1, 0, 1, 0, 1, 0, 1]


def ahead_of(past: list, ahead: list, units: list[float] | None = None) -> list[float]:
    """What lies ahead after a past that comes ten times."""
    return course(past * 10, ahead, None if units is None else units * 10)[len(past) * 10 :]


def test_null_in_an_amount_that_is_often_null_and_never_zero_is_none() -> None:
    # null in one of five rows is a fifth, in one of six it is less
    assert ahead_of([N, 40, 30, 20, 50], [N, 10.0, N]) == [0, 10, 0]
    assert ahead_of([N, 40, 30, 20, 50, 60], [N, 10.0, N]) == [60, 10, 10]
    # zero, or both signs, among the numbers: null is something else
    assert ahead_of([N, 40, 0, 20, 50], [N, 10.0, N]) == [50, 10, 10]
    assert ahead_of([N, 4.5, -3.5, 2.5, 5.5], [N, 1.0, N]) == [5.5, 1, 1]
    assert course([N, 40, 30, N] * 10, [N])[:4] == [0, 40, 30, 0]


def test_of_few_rows_nobody_knows_how_none_is_written() -> None:
    assert course([4, N, 3], [N]) == [4, 4, 3, 3]


def test_a_price_that_is_null_where_nothing_was_sold_is_no_amount() -> None:
    assert ahead_of([5.0, N, 7.0, N, 6.0], [N, 4.0], units=[1, 0, 1, 0, 1]) == [6, 4]
    assert ahead_of([5.0, N, 7.0, N, 6.0], [N, 4.0], units=[1, 1, 1, 0, 1]) == [0, 4]


def test_a_missing_row_ahead_is_as_null() -> None:
    days = [BEGIN + timedelta(days=k) for k in range(7)]
    history = pl.DataFrame({"unique_id": "a", "ds": days[:4], "y": 1.0, "flag": [0, 1, 0, 1], "price": [5.0, 5.0, 5.0, 6.0]})
    future = pl.DataFrame({"unique_id": "a", "ds": [days[5]], "flag": [1], "price": [4.0]})
    flag, price = read_history(history, 3, "D", future, None, QUICK).panel.known[0].T
    assert flag.tolist() == [0, 1, 0, 1, 0, 1, 0]
    assert price.tolist() == [5, 5, 5, 6, 6, 4, 4]


def doubled(seed: int = 8) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sixty series whose demand of 10 doubles on the fifth of days that are promoted, and three days ahead of which the second is."""
    plan = np.random.default_rng(seed).random((60, 83)) < 0.2
    plan[:, 80:] = [False, True, False]
    days = [BEGIN + timedelta(days=k) for k in range(83)]
    frame = pl.DataFrame({"unique_id": np.repeat(np.arange(60), 83), "ds": days * 60, "promo": plan.ravel().astype(int)})
    units = np.random.default_rng(seed + 1).poisson(np.where(plan, 20.0, 10.0)).astype(float)
    frame = frame.with_columns(y=pl.Series(units.ravel()))
    return frame.filter(pl.col("ds") < days[80]), frame.filter(pl.col("ds") >= days[80]).drop("y")


def means_by_day(history: pl.DataFrame, future: pl.DataFrame) -> list[float]:
    found = forecast(history, 3, "D", [], future=future, settings=QUICK)
    return found.group_by("ds", maintain_order=True).agg(pl.col("mean").mean())["mean"].to_list()


def test_a_promotion_is_foreseen_however_none_is_written() -> None:
    history, future = doubled()
    plain = means_by_day(history, future)
    assert plain == pytest.approx([10, 20, 10], rel=0.1)
    without_zeros = pl.when(pl.col("promo") == 1).then(1).alias("promo")
    words = pl.when(pl.col("promo") == 1).then(pl.lit("2 for 1")).otherwise(pl.lit("")).alias("promo")
    for h, f in (
        (history, future.with_columns(without_zeros)),
        (history.with_columns(without_zeros), future.with_columns(without_zeros)),
        (history, future.filter(pl.col("promo") == 1)),
        (history.with_columns(words), future.with_columns(words)),
    ):
        assert means_by_day(h, f) == plain


# Words ----------------------------------------------------------------------------------------------------------------


def test_a_word_is_a_flag_and_no_word_is_none() -> None:
    panel = panel_of_plan(["easter", N, "", "fair", "easter", "fair", " "], ["fair", N, "unheard of"])
    assert panel.known_names == ("plan=fair", "plan=easter")
    assert panel.known[0].T.tolist() == [[0, 0, 0, 1, 0, 1, 0, 1, 0, 0], [1, 0, 0, 0, 1, 0, 0, 0, 0, 0]]


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical, pl.Enum(["0", "a", "b"])])
def test_the_usual_word_needs_no_flag_where_none_is_missing(dtype) -> None:
    panel = panel_of_plan(["0", "a", "0", "0", "a", "0"], ["a", "0"], dtype=dtype)
    assert panel.known_names == ("plan=a",)
    assert panel.known[0, :, 0].tolist() == [0, 1, 0, 0, 1, 0, 1, 0]


def test_what_happened_in_one_period_only_is_no_flag() -> None:
    panel = panel_of_plan([N, "opening", N, "fair", "fair"], [N])
    assert panel.known_names == ("plan=fair",)


def test_of_many_words_those_planned_and_then_the_frequent_ones_are_read() -> None:
    # w00 comes on 2 days, w01 to w12 on 3; w00 is planned
    past = [f"w{k:02d}" for k in range(13)] * 2 + [f"w{k:02d}" for k in range(1, 13)] + [N]
    names = panel_of_plan(past, ["w00"]).known_names
    assert len(names) == MOST_WORDS
    assert names[:3] == ("plan=w00", "plan=w01", "plan=w02")


def test_a_word_that_never_changes_is_no_plan() -> None:
    assert panel_of_plan(["north"] * 6, ["north"]).known_names == ()


def test_words_in_the_history_may_be_whole_numbers_ahead() -> None:
    days = [BEGIN + timedelta(days=k) for k in range(7)]
    history = pl.DataFrame({"unique_id": "a", "ds": days[:6], "y": 1.0, "plan": ["0", "1", "0", "1", "0", "0"]})
    for ahead in (1, 1.0):
        future = pl.DataFrame({"unique_id": "a", "ds": days[6:], "plan": [ahead]})
        panel = read_history(history, 1, "D", future, None, QUICK).panel
        assert panel.known[0, :, 0].tolist() == [0, 1, 0, 1, 0, 0, 1]


# Names ----------------------------------------------------------------------------------------------------------------

USED_INSIDE = ["row", "back", "column", "len", "0", "known_0", "count", "unique_id_right", "literal", "^.*$", "*", "step"]


@pytest.mark.parametrize("name", USED_INSIDE)
def test_a_plan_and_an_attribute_may_have_any_name(name: str) -> None:
    history, future = doubled()
    kinds = pl.DataFrame({"unique_id": range(60), "kind": ["tea", "oil", "salt"] * 20})
    settings = replace(QUICK, models=("moving_average", "lightgbm"), origins=1, boosting_rounds=20)
    plain = forecast(history, 3, "D", [0.9], future, kinds, settings=settings)
    named = [pl.DataFrame({(name if n in ("promo", "kind") else n): f[n] for n in f.columns}) for f in (history, future, kinds)]
    assert forecast(named[0], 3, "D", [0.9], *named[1:], settings=settings).equals(plain)


@pytest.mark.parametrize("name", USED_INSIDE)
def test_a_column_beside_the_history_never_matters(name: str) -> None:
    history = doubled()[0].drop("promo")
    plain = forecast(history, 3, "D", [0.9], settings=QUICK)
    for value in (0, 1.5, "text", None):
        beside = history.hstack([pl.Series(name, [value] * history.height)])
        assert forecast(beside, 3, "D", [0.9], settings=QUICK).equals(plain)
