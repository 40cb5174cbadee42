"""forecast, forecast_sum and diagnose: shape, repetition, what odd input becomes, and quantiles against known truths."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from forecast_frames import NAN, QUICK, negative_binomial, poisson
from scipy import stats

from ml.contracts import ContractError
from ml.forecasting import ForecastSettings, diagnose, forecast, forecast_sum
from ml.forecasting.frames import read_history

BOOSTED = replace(
    QUICK, models=("moving_average", "lightgbm"), boosting_min_rows=300, boosting_rounds=60, boosting_quantile_rounds=20
)
LEVELS = (0.1, 0.5, 0.9)
FIRST_DAY = date(2024, 1, 1)


def history_of(values, ids=None, first: date | datetime | int = FIRST_DAY, step: str = "1d") -> pl.DataFrame:
    """(series, periods) demand, NaN for a missing row, from `first` on."""
    values = np.atleast_2d(np.asarray(values, dtype=float))
    series, periods = values.shape
    if isinstance(first, int):
        ds = pl.Series(range(first, first + periods))
    else:
        ds = pl.concat([pl.Series([first]).dt.offset_by(f"{k * int(step[0])}{step[1:]}") for k in range(periods)])
    ids = np.arange(series) if ids is None else np.array(ids)
    frame = pl.DataFrame({"unique_id": np.repeat(ids, periods), "ds": pl.concat([ds] * series), "y": values.ravel()})
    return frame.filter(pl.col("y").is_not_nan())


def means(frame: pl.DataFrame) -> list[float]:
    """Mean of the first period of every series."""
    return frame.group_by("unique_id", maintain_order=True).agg(pl.col("mean").first())["mean"].to_list()


def reason(history: pl.DataFrame, freq: str | int = "D") -> str:
    return diagnose(history, freq)["reason"][0]


# Shape ----------------------------------------------------------------------------------------------------------------


def test_columns_order_and_names() -> None:
    history = history_of(poisson(3), ids=["b", "a", "c"])
    found = forecast(history, 2, "D", [0.9, 0.1, 0.975], settings=QUICK)
    assert found.columns == ["unique_id", "ds", "mean", "q0.9", "q0.1", "q0.975"]
    assert found["unique_id"].to_list() == ["a", "a", "b", "b", "c", "c"]
    assert found["ds"].to_list() == [FIRST_DAY + timedelta(days=40), FIRST_DAY + timedelta(days=41)] * 3
    summed = forecast_sum(history, 2, "D", [0.9, 0.1, 0.975], settings=QUICK)
    assert summed.columns == ["unique_id", "mean", "q0.9", "q0.1", "q0.975"]
    assert summed["unique_id"].to_list() == ["a", "b", "c"]
    added = found.group_by("unique_id", maintain_order=True).agg(pl.col("mean").sum())["mean"]
    assert summed["mean"].to_list() == pytest.approx(added.to_list())


@pytest.mark.parametrize(
    ("freq", "step", "first", "ahead"),
    [
        ("D", "1d", FIRST_DAY, [date(2024, 2, 10), date(2024, 2, 11)]),
        ("1d", "1d", FIRST_DAY, [date(2024, 2, 10), date(2024, 2, 11)]),
        ("B", "1d", date(2024, 1, 1), [date(2024, 2, 26), date(2024, 2, 27)]),
        ("W", "1w", FIRST_DAY, [date(2024, 10, 7), date(2024, 10, 14)]),
        ("W-MON", "1w", FIRST_DAY, [date(2024, 10, 7), date(2024, 10, 14)]),
        ("MS", "1mo", date(2020, 11, 1), [date(2024, 3, 1), date(2024, 4, 1)]),
        ("QS", "3mo", FIRST_DAY, [date(2034, 1, 1), date(2034, 4, 1)]),
        ("h", "1h", datetime(2024, 1, 1), [datetime(2024, 1, 2, 16), datetime(2024, 1, 2, 17)]),
        (1, "", 5, [45, 46]),
    ],
)
def test_any_frequency(freq: str | int, step: str, first, ahead: list) -> None:
    history = history_of(poisson(2), first=first, step=step)
    if freq == "B":  # 40 business days from a Monday on end on a Friday
        history = history_of(poisson(2, 56), first=first, step=step).filter(pl.col("ds").dt.weekday() < 6)
    found = forecast(history, 2, freq, LEVELS, settings=QUICK)
    assert found["ds"].to_list() == ahead * 2
    assert found["ds"].dtype == history["ds"].dtype
    assert found.select(pl.all().is_null().any()).row(0) == (False,) * 6


@pytest.mark.parametrize(
    ("freq", "newest", "days"),
    [("D", date(2024, 3, 1), [28, 29, 1, 2, 3]), ("B", date(2024, 3, 1), [28, 29, 1, 4, 5]), ("W", date(2024, 3, 1), None)],
)
def test_panels_of_days_know_the_day_of_the_month(freq: str, newest: date, days: list[int] | None) -> None:
    rows = pl.DataFrame({"unique_id": ["a", "a"], "ds": [date(2024, 2, 28 if freq != "W" else 16), newest], "y": [1.0, 2.0]})
    found = read_history(rows, 2, freq, None, None, QUICK).panel.day_of_month
    assert (None if found is None else found.tolist()) == days


def test_one_row_in_the_far_future_moves_nobodys_grid() -> None:
    history = history_of(poisson(4))
    stray = history.head(1).with_columns(ds=pl.lit(date(2034, 1, 1)))
    found = forecast(pl.concat([history, stray]), 2, "D", LEVELS, settings=QUICK)
    assert found.equals(forecast(history, 2, "D", LEVELS, settings=QUICK))
    said = "1 rows far after all others left out: 2034-01-01"
    assert diagnose(pl.concat([history, stray]), "D")["reason"].to_list() == [said, *["ok"] * 3]


def test_a_late_sale_of_a_slow_mover_is_no_stray_row() -> None:
    # 20 of 21 rows, a gap of 60 days, and one sale: a series of its own may sleep that long
    history = pl.DataFrame({"unique_id": ["a"] * 21, "ds": [FIRST_DAY + timedelta(days=k) for k in (*range(20), 80)], "y": 1.0})
    assert "left out" not in reason(history)
    assert panel_of_history(history).periods == 81


def test_months_that_end_on_their_last_day_go_on_so() -> None:
    ends = pl.date_range(date(2020, 11, 30), date(2024, 2, 29), "1mo", eager=True).dt.month_end()
    history = pl.DataFrame({"unique_id": ["a"] * len(ends), "ds": ends, "y": poisson(1, len(ends))[0]})
    found = forecast(history, 3, "ME", [0.5], settings=QUICK)
    assert found["ds"].to_list() == [date(2024, 3, 31), date(2024, 4, 30), date(2024, 5, 31)]


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum(["b", "a", "c"]), pl.String])
def test_ids_keep_their_type(dtype) -> None:
    history = history_of(poisson(3), ids=["b", "a", "c"]).with_columns(pl.col("unique_id").cast(dtype))
    found = forecast_sum(history, 2, "D", LEVELS, settings=QUICK)
    assert found["unique_id"].dtype == history["unique_id"].dtype
    by_id = dict(zip(found["unique_id"].cast(pl.String), found["mean"], strict=True))
    plain = forecast_sum(history.with_columns(pl.col("unique_id").cast(pl.String)), 2, "D", LEVELS, settings=QUICK)
    assert by_id == pytest.approx(dict(zip(plain["unique_id"], plain["mean"], strict=True)))


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Int32, pl.UInt8, pl.Float32, pl.Decimal(10, 2)])
def test_numbers_of_any_type(dtype) -> None:
    history = history_of(poisson(2))
    assert forecast(history.with_columns(pl.col("y").cast(dtype)), 2, "D", LEVELS, settings=QUICK).equals(
        forecast(history, 2, "D", LEVELS, settings=QUICK)
    )


def test_no_quantiles_asked_for() -> None:
    history = history_of(poisson(2))
    assert forecast(history, 2, "D", [], settings=QUICK).columns == ["unique_id", "ds", "mean"]
    assert forecast_sum(history, 2, "D", [], settings=QUICK).columns == ["unique_id", "mean"]


# Repetition -----------------------------------------------------------------------------------------------------------


def with_plan(history: pl.DataFrame, seed: int = 1) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """History, future and static with a promotion and a word."""
    ids = history["unique_id"].unique().sort()
    rng = np.random.default_rng(seed)
    promoted = history.with_columns(promotion=pl.Series(rng.integers(0, 2, history.height)))
    newest = history["ds"].max()
    ahead = pl.DataFrame({"ds": [newest + timedelta(days=k) for k in range(1, 8)]})  # type: ignore[operator]
    future = pl.DataFrame({"unique_id": ids}).join(ahead, how="cross")
    future = future.with_columns(promotion=pl.Series(rng.integers(0, 2, future.height)))
    static = pl.DataFrame({"unique_id": ids, "category": [("tea", "oil", None)[k % 3] for k in range(len(ids))]})
    return promoted, future, static


@pytest.mark.parametrize("door", [forecast, forecast_sum])
def test_equal_inputs_in_any_order_give_equal_bits(door) -> None:
    frames = with_plan(history_of(poisson(20, 60)))
    calls = [frames, frames, [frame.sample(fraction=1.0, shuffle=True, seed=5) for frame in frames]]
    first, again, shuffled = (door(h, 7, "D", LEVELS, future=f, static=s, settings=BOOSTED) for h, f, s in calls)
    assert first.equals(again)
    assert first.equals(shuffled)


def test_repeated_rows_with_different_plans_do_not_depend_on_their_order() -> None:
    history, future, _ = with_plan(history_of(poisson(20, 60)))
    both = pl.concat([history, history.with_columns(promotion=1 - pl.col("promotion"))])
    future = pl.concat([future, future.with_columns(promotion=1 - pl.col("promotion"))])
    first, turned = (
        forecast(h, 7, "D", LEVELS, future=f, settings=BOOSTED) for h, f in ((both, future), (both.reverse(), future.reverse()))
    )
    assert first.equals(turned)


def test_a_network_gives_equal_bits() -> None:
    history, future, static = with_plan(history_of(poisson(20, 60)))
    settings = ForecastSettings(models=("moving_average", "lstm"), origins=1, neural_min_series=10, neural_steps=10)
    first, again = (
        forecast(h, 7, "D", LEVELS, future=future, static=static, settings=settings)
        for h in (history, history.sample(fraction=1.0, shuffle=True, seed=5))
    )
    assert first.equals(again)
    assert np.isfinite(first.select("mean", "q0.1", "q0.9").to_numpy()).all()


def test_pieces_of_a_run_do_not_change_it() -> None:
    history = history_of(poisson(12, 60))
    left, right = (forecast_sum(history, 7, "D", LEVELS, settings=replace(BOOSTED, chunk_series=n)) for n in (5, 4000))
    assert left.equals(right)


# Odd input ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "mean", "said"),
    [
        ([3.0], 3.0, "short history: 1 periods, mean of history used"),
        ([2.0, 4.0, 0.0, 6.0], 3.0, "short history: 4 periods, mean of history used"),
        ([0.0] * 40, 0.0, "no demand"),
        ([7.0] * 40, 7.0, "constant"),
        ([-4.0] * 40, 0.0, "no demand; 40 negative values read as 0"),
    ],
)
def test_series_without_much_to_learn_from(values: list[float], mean: float, said: str) -> None:
    history = history_of(values)
    found = forecast(history, 3, "D", LEVELS, settings=QUICK)
    assert found["mean"].to_list() == pytest.approx([mean] * 3)
    assert found.select(pl.col("q0.1") <= pl.col("q0.9")).to_series().all()
    assert forecast_sum(history, 3, "D", LEVELS, settings=QUICK)["mean"][0] == pytest.approx(3 * mean)
    assert reason(history) == said


def test_no_demand_needs_no_stock() -> None:
    found = forecast_sum(history_of([0.0] * 40), 7, "D", (0.5, 0.995))
    assert found.row(0)[1:] == (0, 0, 0)


def test_every_automatic_model_takes_a_single_row() -> None:
    found = forecast(history_of([5.0]), 2, "D", LEVELS)
    assert found["mean"].to_list() == pytest.approx([5, 5])


def panel_of_history(history: pl.DataFrame, **columns):
    return read_history(history.with_columns(**columns), 1, "D", None, None, QUICK).panel


def test_gaps_are_periods_without_demand_and_leading_ones_are_not() -> None:
    history = history_of([[NAN, NAN, 4.0, NAN, 6.0], [1.0, 1.0, 1.0, 1.0, 1.0]])
    panel = panel_of_history(history)
    assert panel.units.tolist() == [[0, 0, 4, 0, 6], [1, 1, 1, 1, 1]]
    assert panel.start.tolist() == [2, 0]
    assert "1 periods without a row read as 0" in reason(history)


def test_a_series_that_ended_goes_on_at_zero() -> None:
    panel = panel_of_history(history_of([[5.0, 5.0, NAN, NAN], [1.0, 1.0, 1.0, 1.0]]))
    assert panel.units[0].tolist() == [5, 5, 0, 0]


def test_repeated_periods_are_added_up() -> None:
    history = history_of([1.0, 2.0, 3.0])
    both = pl.concat([history, history.tail(1)])
    assert panel_of_history(both).units.tolist() == [[1, 2, 6]]
    assert "1 repeated periods added up" in reason(both)


def test_negative_demand_counts_as_none() -> None:
    history = history_of([5.0, -2.0, 5.0])
    assert panel_of_history(history).units.tolist() == [[5, 0, 5]]
    assert "1 negative values read as 0" in reason(history)


@pytest.mark.parametrize("unknown", [None, NAN, float("inf"), float("-inf")])
def test_an_unknown_value_is_estimated_like_a_stock_out(unknown) -> None:
    history = history_of([4.0, 8.0, 1.0, 5.0]).with_columns(
        y=pl.when(pl.int_range(pl.len()) == 2).then(pl.lit(unknown, dtype=pl.Float64)).otherwise("y")
    )
    panel = panel_of_history(history)
    assert panel.units.tolist() == [[4, 8, 0, 5]]
    assert panel.is_in_stock.tolist() == [[True, True, False, True]]
    assert panel.training_units.tolist() == [[4, 8, 6, 5]]
    assert "1 missing values estimated" in reason(history)
    assert np.isfinite(forecast(history, 2, "D", LEVELS, settings=QUICK)["mean"].to_numpy()).all()


def test_nothing_known_at_all_is_nothing() -> None:
    history = history_of([1.0] * 20).with_columns(y=pl.lit(None, dtype=pl.Float64))
    assert forecast_sum(history, 2, "D", LEVELS, settings=QUICK).row(0)[1:] == (0, 0, 0, 0)


def test_one_bad_series_does_not_touch_the_others() -> None:
    good = history_of(poisson(6), ids=list("abcdef"))
    bad = history_of(np.r_[np.zeros(30), np.full(10, 1e9)], ids=["z"])
    alone, beside = (forecast(h, 3, "D", LEVELS, models="moving_average") for h in (good, pl.concat([good, bad])))
    assert beside.filter(pl.col("unique_id") != "z")["mean"].equals(alone["mean"])
    assert np.isfinite(beside.select("mean", "q0.1", "q0.5", "q0.9").to_numpy()).all()


def test_out_of_stock_lifts_demand_and_never_lowers_it() -> None:
    sales = poisson(4, 60, 10.0)
    sales[0, -20:] = 0
    sales[1, -20:] += 30
    history = history_of(sales).with_columns(in_stock=pl.int_range(60).over("unique_id") < 40)
    panel = read_history(history, 1, "D", None, None, QUICK).panel
    assert (panel.training_units >= panel.units).all()
    assert (panel.training_units[0, -20:] > 5).all()
    assert panel.training_units[1, -20:].tolist() == sales[1, -20:].tolist()
    with_stock, without = (
        means(forecast(frame, 3, "D", LEVELS, settings=QUICK)) for frame in (history, history.drop("in_stock"))
    )
    assert with_stock[0] > 7
    assert without[0] < 3
    assert "20 periods out of stock lifted to expected demand" in reason(history)


def test_in_stock_that_nobody_knows_is_in_stock() -> None:
    history = history_of(poisson(2)).with_columns(in_stock=pl.lit(None, dtype=pl.Boolean))
    assert forecast(history, 2, "D", LEVELS, settings=QUICK).equals(
        forecast(history.drop("in_stock"), 2, "D", LEVELS, settings=QUICK)
    )


def test_what_cannot_be_read_is_refused_in_words() -> None:
    history = history_of(poisson(2))
    cases = [
        (lambda: forecast(history.drop("y"), 2, "D", [0.5]), ContractError, r"missing columns \['y'\]"),
        (lambda: forecast(history.head(0), 2, "D", [0.5]), ContractError, "no rows"),
        (lambda: forecast(history, 0, "D", [0.5]), ValueError, "horizon must be at least 1"),
        (lambda: forecast(history, 2, "fortnight", [0.5]), ValueError, "unknown freq 'fortnight'"),
        (lambda: forecast(history, 2, "2W", [0.5]), ValueError, "unknown freq"),
        (lambda: forecast(history, 2, "B", [0.5]), ContractError, "rows on a Saturday or Sunday"),
        (lambda: forecast(history_of(poisson(2), first=1), 2, 2, [0.5]), ValueError, "unknown freq 2"),
        (lambda: forecast(history, 2, "D", [0.5, 1.0]), ValueError, "quantiles must lie between 0 and 1"),
        (lambda: forecast_sum(history, 2, "D", [NAN]), ValueError, "quantiles must lie between 0 and 1"),
        (lambda: forecast(history, 2, "D", [0.5], models="oracle"), ValueError, "unknown models"),
        (lambda: forecast(history, 2, "D", [0.5], models=("tsb", "oracle")), ValueError, "unknown models"),
        (lambda: forecast(history, 2, "D", [0.5], models=("tsb", "tsb")), ValueError, "distinct"),
        (lambda: forecast(history.with_columns(pl.col("y").cast(pl.String)), 2, "D", [0.5]), ContractError, "not a number"),
        (lambda: forecast(history.with_columns(pl.col("ds").cast(pl.String)), 2, "D", [0.5]), ContractError, "needs a date"),
        (lambda: forecast(history, 2, 1, [0.5]), ContractError, "needs whole numbers"),
        (lambda: forecast(history.with_columns(ds=None), 2, "D", [0.5]), ContractError, "nulls"),
        (lambda: forecast(history, 2, "D", [0.5], future=history.select("unique_id")), ContractError, "future: missing columns"),
        (lambda: forecast(history, 2, "D", [0.5], static=history.select("y")), ContractError, "static: missing column"),
        (
            lambda: forecast(history, 2, "D", [0.5], static=pl.DataFrame({"unique_id": ["0"], "a": [1]})),
            ContractError,
            "static.unique_id is String",
        ),
        (
            lambda: forecast(history, 2, "D", [0.5], future=pl.DataFrame({"unique_id": ["0"], "ds": [FIRST_DAY], "y": [1]})),
            ContractError,
            "future.unique_id is String",
        ),
        (
            lambda: forecast(history, 2, "D", [0.5], future=pl.DataFrame({"unique_id": [0], "ds": ["2024-05-01"]})),
            ContractError,
            "future.ds is String",
        ),
    ]
    for call, kind, words in cases:
        with pytest.raises(kind, match=words):
            call()


# What is known beside the sales ---------------------------------------------------------------------------------------


def promoted() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sixty series whose demand doubles on promoted days, about one in five; promoted on the second of three days ahead."""
    rng = np.random.default_rng(8)
    plan = rng.random((60, 80)) < 0.2
    sales = rng.poisson(np.where(plan, 20.0, 10.0)).astype(float)
    history = history_of(sales).with_columns(promotion=pl.Series(plan.ravel()), price=pl.Series(rng.random(plan.size)))
    ahead = [FIRST_DAY + timedelta(days=80 + k) for k in range(3)]
    future = pl.DataFrame({"unique_id": list(range(60))}).join(
        pl.DataFrame({"ds": ahead, "promotion": [False, True, False]}), how="cross"
    )
    return history, future


def test_a_planned_promotion_is_foreseen() -> None:
    history, future = promoted()
    found = forecast(history, 3, "D", LEVELS, future=future, models="lightgbm", settings=replace(BOOSTED, boosting_rounds=100))
    by_day = found.group_by("ds", maintain_order=True).agg(pl.col("mean").mean())["mean"].to_list()
    assert by_day[0] == pytest.approx(10, rel=0.12)
    assert by_day[1] == pytest.approx(20, rel=0.12)
    assert by_day[2] == pytest.approx(10, rel=0.12)


def test_a_column_of_the_history_alone_is_not_used() -> None:
    history, future = promoted()
    plain = history.drop("price")
    for columns, other in ((history, plain), (plain.rename({"promotion": "past"}), plain.drop("promotion"))):
        known = future if "promotion" in columns.columns else future.drop("promotion")
        left, right = (forecast(h, 3, "D", LEVELS, future=known, settings=BOOSTED) for h in (columns, other))
        assert left.equals(right)
    without = forecast(history, 3, "D", LEVELS, settings=BOOSTED)
    assert without.equals(forecast(plain.drop("promotion"), 3, "D", LEVELS, settings=BOOSTED))


def test_demand_in_the_future_frame_is_not_read() -> None:
    history, future = promoted()
    knows = future.with_columns(y=pl.lit(9_000.0), in_stock=pl.lit(False))
    left, right = (forecast(history, 3, "D", LEVELS, future=f, settings=BOOSTED) for f in (future, knows))
    assert left.equals(right)


def test_what_is_not_planned_stays_as_it_was_last() -> None:
    history = history_of([1.0, 1.0, 1.0]).with_columns(price=pl.Series([5.0, None, 7.0]))
    future = pl.DataFrame({"unique_id": [0], "ds": [FIRST_DAY + timedelta(days=4)], "price": [9.0]})
    known = read_history(history, 3, "D", future, None, QUICK).panel.known
    assert known[0, :, 0].tolist() == [5, 5, 7, 7, 9, 9]


def test_keys_of_another_width_are_the_same_keys() -> None:
    frames = with_plan(history_of(poisson(20, 60)))
    narrow = [frame.with_columns(pl.col("unique_id").cast(pl.Int32)) for frame in frames[1:]]
    timed = narrow[0].with_columns(pl.col("ds").cast(pl.Datetime("us")))
    left, right = (
        forecast(frames[0], 7, "D", LEVELS, future=f, static=s, settings=BOOSTED) for f, s in (frames[1:], (timed, narrow[1]))
    )
    assert left.equals(right)


def test_attributes_in_words_are_read_and_the_unknown_is_allowed() -> None:
    history = history_of(poisson(4))
    static = pl.DataFrame(
        {
            "unique_id": [3, 1, 0, 9],
            "category": ["tea", "oil", "tea", "salt"],
            "size": [1.5, None, 2.0, 3.0],
            "fresh": [True, False, True, True],
        }
    )
    panel = read_history(history, 1, "D", None, static, QUICK).panel
    assert panel.static_names == ("category", "size", "fresh")
    category, size, fresh = panel.static.T
    # tea is the most frequent, then oil; series 2 has no row, series 9 no history
    assert category[0] == category[3] != category[1]
    assert size[[0, 3]].tolist() == [2.0, 1.5]
    assert np.isnan(size[1])
    assert fresh[[0, 1, 3]].tolist() == [1, 0, 1]


@pytest.mark.parametrize("name", ['price [USD], "new"', "lag_1", "category of goods"])
def test_an_attribute_and_a_plan_may_have_any_name(name: str) -> None:
    history = history_of(poisson(60)).with_columns(plan=pl.lit(0.0))
    future = history.filter(pl.col("ds") == history["ds"].max()).with_columns(ds=pl.col("ds").dt.offset_by("1d")).drop("y")
    static = pl.DataFrame({"unique_id": history["unique_id"].unique()}).with_columns(price=pl.lit(3.0))
    plain = forecast(history, 1, "D", LEVELS, future, static, settings=BOOSTED)
    plan, price = {"plan": name}, {"price": name}
    assert forecast(history.rename(plan), 1, "D", LEVELS, future.rename(plan), static.rename(price), settings=BOOSTED).equals(
        plain
    )


def test_an_attribute_tells_series_apart() -> None:
    # Half of the series sell nothing on odd days, half nothing on even days; only the attribute says which.
    rng = np.random.default_rng(9)
    kind = np.arange(60) % 2
    odd = np.arange(61) % 2
    sales = rng.poisson(np.where(odd[None, :60] == kind[:, None], 10.0, 0.0)).astype(float)
    static = pl.DataFrame({"unique_id": range(60), "kind": [("even", "odd")[k] for k in kind]})
    settings = replace(BOOSTED, models=("lightgbm",), boosting_rounds=100)
    found = np.array(means(forecast(history_of(sales), 1, "D", LEVELS, static=static, settings=settings)))
    assert found[kind == odd[60]].mean() > 7
    assert found[kind != odd[60]].mean() < 3


# Distributions --------------------------------------------------------------------------------------------------------


def test_quantiles_are_in_order() -> None:
    levels = [0.001, 0.01, 0.1, 0.33, 0.5, 0.9, 0.97, 0.999]
    rng = np.random.default_rng(10)
    sales = np.vstack([poisson(10, 60, rate) for rate in (0.1, 3, 500)] + [negative_binomial(rng, np.array(4.0), 6.0, (10, 60))])
    for found in (door(history_of(sales), 5, "D", levels, settings=BOOSTED) for door in (forecast, forecast_sum)):
        values = found.select(pl.col("^q.*$")).to_numpy()
        assert (values >= 0).all()
        assert (np.diff(values, axis=1) >= 0).all()


@pytest.fixture(scope="module")
def poisson_sums() -> tuple[pl.DataFrame, pl.DataFrame]:
    """Periods and sums of 14 periods of 200 series of Poisson demand of 6 a day."""
    history = history_of(poisson(200, 90, 6.0, seed=12))
    settings = ForecastSettings(models=("historical_mean", "moving_average"))
    return tuple(door(history, 14, "D", (0.05, 0.5, 0.95), settings=settings) for door in (forecast, forecast_sum))


def test_quantiles_of_the_sum_are_not_sums_of_quantiles(poisson_sums) -> None:
    periods, sums = poisson_sums
    added = periods.group_by("unique_id", maintain_order=True).agg(pl.col("q0.95").sum())["q0.95"]
    assert (sums["q0.95"] < added).all()
    assert sums["q0.95"].mean() < 0.85 * added.mean()


def test_quantiles_of_the_sum_are_near_the_true_ones(poisson_sums) -> None:
    # The true sum is Poisson(84). Its level is not known but learned from 90 days, which adds about a sixth to the variance: the
    # buffers lie at or a little above the true ones.
    _, sums = poisson_sums
    true = stats.poisson.ppf([0.05, 0.5, 0.95], 84)
    assert sums["mean"].mean() == pytest.approx(84, rel=0.02)
    assert sums["q0.5"].mean() == pytest.approx(true[1], rel=0.03)
    assert sums["q0.95"].mean() - true[1] == pytest.approx(true[2] - true[1], rel=0.25)
    assert true[1] - sums["q0.05"].mean() == pytest.approx(true[1] - true[0], rel=0.25)


def test_quantiles_of_a_period_are_near_the_true_ones(poisson_sums) -> None:
    periods, _ = poisson_sums
    true = stats.poisson.ppf([0.05, 0.5, 0.95], 6)
    # an average of quantile functions may lie between two whole units
    for name, value in zip(("q0.05", "q0.5", "q0.95"), true, strict=True):
        assert periods[name].mean() == pytest.approx(value, abs=0.8)


@pytest.mark.parametrize("ratio", [2.0, 5.0])
def test_the_interval_of_sums_holds_what_it_says(ratio: float) -> None:
    # 400 series with a level of their own, variance `ratio` times the mean: of 400 held-out sums, 80 % +- 2 % (one deviation).
    rng = np.random.default_rng(13)
    level = rng.lognormal(1.5, 0.7, 400)[:, None]
    sales = negative_binomial(rng, level, ratio, (400, 94))
    found = forecast_sum(history_of(sales[:, :80]), 14, "D", (0.1, 0.9), settings=replace(QUICK, origins=3))
    actual = sales[:, 80:].sum(axis=1)
    inside = ((actual >= found["q0.1"].to_numpy()) & (actual <= found["q0.9"].to_numpy())).mean()
    assert 0.74 <= inside <= 0.88


def test_the_interval_of_sums_of_boosting_holds_what_it_says() -> None:
    rng = np.random.default_rng(14)
    level = rng.lognormal(1.5, 0.7, 300)[:, None]
    week = np.array([0.6, 0.8, 0.9, 1.0, 1.1, 1.4, 1.2])
    sales = negative_binomial(rng, level * np.tile(week, 14)[None, :94], 3.0, (300, 94))
    found = forecast_sum(history_of(sales[:, :80]), 14, "D", (0.1, 0.9), settings=BOOSTED)
    actual = sales[:, 80:].sum(axis=1)
    inside = ((actual >= found["q0.1"].to_numpy()) & (actual <= found["q0.9"].to_numpy())).mean()
    assert 0.74 <= inside <= 0.88
