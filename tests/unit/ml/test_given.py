"""Frames and arguments as callers have them: pandas, lazy frames, numbers of odd types, models that cannot speak, demand nobody knows."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import polars as pl
import pytest
from forecast_frames import QUICK, poisson

from ml.contracts import ContractError
from ml.forecasting import ForecastSettings, diagnose, forecast, forecast_sum
from ml.forecasting.door import quantile_names

BEGIN = date(2024, 1, 1)


def frames(series: int = 2, days: int = 40) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """History, future of two days and static."""
    ds = [BEGIN + timedelta(days=k) for k in range(days + 2)]
    ids = np.arange(series)
    history = pl.DataFrame({"unique_id": np.repeat(ids, days), "ds": ds[:days] * series, "y": poisson(series, days).ravel()})
    history = history.with_columns(price=5.0, ds=pl.col("ds").cast(pl.Datetime("ns")))
    future = pl.DataFrame({"unique_id": np.repeat(ids, 2), "ds": ds[days:] * series, "price": 4.0})
    return history, future.with_columns(pl.col("ds").cast(pl.Datetime("ns"))), pl.DataFrame({"unique_id": ids, "kind": "tea"})


# Frames ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [pl.DataFrame.lazy, pl.DataFrame.to_pandas], ids=["lazy", "pandas"])
@pytest.mark.parametrize("door", [forecast, forecast_sum])
def test_frames_of_any_kind(door, given) -> None:
    history, future, static = frames()
    plain = door(history, 2, "D", [0.9], future, static, settings=QUICK)
    found = door(given(history), 2, "D", [0.9], given(future), given(static), settings=QUICK)
    assert found.equals(plain)
    assert diagnose(given(history), "D").equals(diagnose(history, "D"))


def test_what_is_no_frame_is_refused_in_words() -> None:
    history, future, static = frames()
    with pytest.raises(ContractError, match="history: a polars or pandas frame is expected, got list"):
        diagnose([1, 2], "D")  # type: ignore[arg-type]
    with pytest.raises(ContractError, match=r"history: .* got Series"):
        forecast(history.to_pandas()["y"], 2, "D", [])  # type: ignore[arg-type]
    with pytest.raises(ContractError, match=r"future: .* got dict"):
        forecast(history, 2, "D", [], future=future.to_dict())  # type: ignore[arg-type]
    with pytest.raises(ContractError, match=r"static: .* got str"):
        forecast(history, 2, "D", [], static="tea")  # type: ignore[arg-type]
    with pytest.raises(ContractError, match="history: "):
        forecast(pd.DataFrame({"unique_id": [1, "a"], "ds": 1, "y": 1.0}), 2, 1, [])
    assert static.height == 2


def test_in_stock_is_true_or_false() -> None:
    history = frames()[0]
    with pytest.raises(ContractError, match=r"history.in_stock is String"):
        diagnose(history.with_columns(in_stock=pl.lit("true")), "D")
    as_number = history.with_columns(in_stock=pl.int_range(pl.len()) % 5 > 0).with_columns(pl.col("in_stock").cast(pl.Int8))
    assert "8 periods out of stock" in diagnose(as_number, "D")["reason"][0]


# Arguments ------------------------------------------------------------------------------------------------------------


def test_a_horizon_is_a_whole_number() -> None:
    history = frames()[0]
    plain = forecast(history, 2, "D", [0.9], settings=QUICK)
    for two in (2.0, np.int32(2)):
        assert forecast(history, two, "D", [0.9], settings=QUICK).equals(plain)  # type: ignore[arg-type]
    for odd in (2.5, float("nan"), float("inf"), "2", None):
        with pytest.raises(ValueError, match="horizon must be a whole number"):
            forecast(history, odd, "D", [0.9])  # type: ignore[arg-type]


def test_quantiles_are_a_list_of_numbers() -> None:
    history = frames()[0]
    for odd in (0.5, "0.5", None, ["0.5"]):
        with pytest.raises(ValueError, match="quantiles must be a list of numbers"):
            forecast(history, 2, "D", odd)  # type: ignore[arg-type]
    as_array = forecast(history, 2, "D", np.array([0.1, 0.9]), settings=QUICK)  # type: ignore[arg-type]
    assert as_array.columns[3:] == ["q0.1", "q0.9"]


def test_different_quantiles_have_different_names() -> None:
    assert quantile_names([0.1, 0.9, 0.975, 0.1 + 0.2]) == ["q0.1", "q0.9", "q0.975", "q0.3"]
    assert quantile_names([0.3, 0.1 + 0.2]) == ["q0.3", "q0.30000000000000004"]
    assert quantile_names([0.9999999, 0.99999999, 1e-7]) == ["q0.9999999", "q0.99999999", "q1e-07"]
    assert quantile_names([0.9999999]) == ["q0.9999999"]
    assert quantile_names(np.array([0.9999999])) == ["q0.9999999"]


# Models by name -------------------------------------------------------------------------------------------------------


def test_a_model_that_cannot_speak_is_named_with_what_it_needs() -> None:
    history = frames(2, 120)[0]
    with pytest.warns(UserWarning, match=r"lightgbm has too little to learn from.*1500 training rows") as said:
        found = forecast(history, 2, "D", [0.9], models="lightgbm")
    assert said[0].filename == __file__
    assert found["mean"].is_not_null().all()
    with pytest.warns(UserWarning, match=r"theta has too little to learn from.*8 periods"):
        forecast_sum(frames(2, 7)[0], 2, "D", [0.9], models=["theta"])


@pytest.mark.filterwarnings("error:.*too little to learn")
def test_one_that_speaks_is_enough_and_auto_never_complains() -> None:
    history = frames(2, 120)[0]
    assert forecast(history, 2, "D", [], models=["lightgbm", "moving_average"]).height == 4
    assert forecast(history, 2, "D", [], settings=ForecastSettings(models=("lightgbm",))).height == 4
    assert forecast(frames(2, 3)[0], 2, "D", []).height == 4


@pytest.mark.filterwarnings("error:.*too little to learn")
def test_of_no_demand_every_model_says_none() -> None:
    history = frames(2, 40)[0].with_columns(y=pl.lit(0.0))
    assert forecast(history, 2, "D", [], models="theta")["mean"].to_list() == [0, 0, 0, 0]


# Demand nobody knows --------------------------------------------------------------------------------------------------


def test_demand_that_nobody_knows_is_not_said_to_be_estimated() -> None:
    history = frames(3, 40)[0].with_columns(in_stock=pl.col("unique_id") != 1)
    missing = pl.when(pl.col("unique_id") == 0).then(None).otherwise("y").alias("y")
    none_in_stock = pl.when(pl.col("unique_id") == 1).then(0.0).otherwise("y").alias("y")
    history = history.with_columns(missing).with_columns(none_in_stock)
    assert diagnose(history, "D")["reason"].to_list() == [
        "demand is not known of any period, forecast 0; 40 missing values",
        "demand is not known of any period, forecast 0; 40 periods out of stock",
        "ok",
    ]
    assert forecast(history, 1, "D", [], settings=QUICK)["mean"].to_list()[:2] == [0, 0]


def test_sales_of_a_series_that_was_never_in_stock_stand_for_its_demand() -> None:
    history = frames(1, 40)[0].with_columns(in_stock=False, y=5.0)
    said = "demand is not known of any period, sales taken for it; constant; 40 periods out of stock"
    assert diagnose(history, "D")["reason"].to_list() == [said]
    assert forecast(history, 1, "D", [], settings=QUICK)["mean"][0] == pytest.approx(5)
