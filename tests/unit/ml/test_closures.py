"""Days on which a store is closed: found in what is known ahead, no demand then, and no lesson for the other days."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from forecast_frames import QUICK, poisson

from ml.forecasting import ForecastSettings, forecast, forecast_sum
from ml.forecasting.closures import closed_periods
from ml.forecasting.frames import read_history

SERIES, DAYS, AHEAD = 10, 120, 14
BEGIN = date(2024, 1, 1)
IS_OPEN = np.arange(DAYS + AHEAD) % 9 != 4
"""Closed every ninth day: no season of the week can know."""
SMOOTHED = QUICK.changed({"models": ("exponential_smoothing", "moving_average")})
BOOSTED = ForecastSettings(models=("moving_average", "lightgbm"), boosting_rounds=60, boosting_quantile_rounds=20)


def frames(units: np.ndarray, is_open: np.ndarray = IS_OPEN) -> tuple[pl.DataFrame, pl.DataFrame]:
    """History of the first DAYS, and whether stores are open in the AHEAD days after them."""
    days = [BEGIN + timedelta(days=d) for d in range(DAYS + AHEAD)]
    every = pl.DataFrame({"unique_id": np.repeat(np.arange(SERIES), DAYS + AHEAD), "ds": days * SERIES})
    every = every.with_columns(is_open=pl.Series(np.tile(is_open, SERIES)), y=pl.Series(units.ravel()))
    is_past = pl.col("ds") < days[DAYS]
    return every.filter(is_past), every.filter(~is_past).drop("y")


def sales() -> np.ndarray:
    return poisson(SERIES, DAYS + AHEAD, 20.0) * IS_OPEN


def test_days_without_a_sale_under_a_known_value_are_closed() -> None:
    start = np.zeros(SERIES, dtype=np.int64)
    known = np.tile(IS_OPEN[None, :, None], (SERIES, 1, 1)).astype(np.float32)
    found = closed_periods(sales()[:, :DAYS], start, known)
    assert found is not None
    assert (found == ~IS_OPEN).all()


@pytest.mark.parametrize(("rate", "is_found"), [(0.05, False), (0.5, True)])
def test_slow_movers_prove_a_closure_only_together(rate: float, is_found: bool) -> None:
    # 13 closed days of 10 series: 6 sales were to be expected of the slow ones, 50 of the others
    units = poisson(SERIES, DAYS + AHEAD, rate) * IS_OPEN
    known = np.tile(IS_OPEN[None, :, None], (SERIES, 1, 1)).astype(np.float32)
    found = closed_periods(units[:, :DAYS], np.zeros(SERIES, dtype=np.int64), known)
    assert (found is not None) is is_found


@pytest.mark.parametrize("settings", [SMOOTHED, BOOSTED], ids=["smoothing", "boosting"])
def test_nothing_is_foretold_for_closed_days_and_the_others_are_as_if_there_were_none(settings: ForecastSettings) -> None:
    history, future = frames(sales())
    made = forecast(history, AHEAD, "D", (0.1, 0.9), future, settings=settings)
    is_closed = pl.Series(np.tile(~IS_OPEN[DAYS:], SERIES))
    assert (made.filter(is_closed).select("mean", "q0.1", "q0.9") == 0).to_numpy().all()
    assert made.filter(~is_closed)["mean"].to_numpy() == pytest.approx(20.0, rel=0.12)
    summed = forecast_sum(history, AHEAD, "D", (0.1, 0.5, 0.9), future, settings=settings)
    assert summed["mean"].to_numpy() == pytest.approx(20.0 * IS_OPEN[DAYS:].sum(), rel=0.08)
    assert summed["q0.5"].to_numpy() == pytest.approx(summed["mean"].to_numpy(), rel=0.08)


def test_a_sum_over_closed_days_only_is_nothing() -> None:
    is_open = IS_OPEN.copy()
    is_open[DAYS:] = False
    history, future = frames(sales(), is_open)
    summed = forecast_sum(history, AHEAD, "D", (0.5, 0.95), future, settings=SMOOTHED)
    assert (summed.drop("unique_id") == 0).to_numpy().all()


def test_a_closed_day_is_no_stock_out_and_is_named() -> None:
    history, future = frames(sales())
    read = read_history(history, AHEAD, "D", future, None, SMOOTHED)
    assert set(read.reasons) == {f"{int((~IS_OPEN[:DAYS]).sum())} closed periods left out"}
    assert read.panel.training_units[:, ~IS_OPEN[:DAYS]].min() > 10


def test_a_promotion_or_a_price_closes_nothing() -> None:
    rng = np.random.default_rng(1)
    known = np.stack([rng.random((SERIES, DAYS + AHEAD)) < 0.2, rng.lognormal(0, 1, (SERIES, DAYS + AHEAD))], axis=2)
    units = poisson(SERIES, DAYS, 20.0)
    assert closed_periods(units, np.zeros(SERIES, dtype=np.int64), known.astype(np.float32)) is None
