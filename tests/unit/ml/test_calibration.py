"""Coverage at held-out time, and that nothing looks ahead.

The bounds are wide enough for the sampling error of some 300 held-out sums (one deviation at 0.9 is 0.017),
and narrow enough that leaving out the review period, adding weekly quantiles, or a fixed Poisson for
erratic demand falls outside.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from forecast_frames import AS_OF, demand_frame, item_frame, lead_time_frame

from ml.contracts import QUANTILES
from ml.forecasting import ForecastSettings, run_forecast
from ml.forecasting.backtest import build_windows, forecast_at
from ml.forecasting.calibration import calibrate, history_level
from ml.forecasting.estimate import Segments, estimate
from ml.forecasting.models import REGISTRY
from ml.forecasting.series import Panel, repair_stock_outs

SERIES, WEEKS, HELD_OUT = 300, 52, 4


def simulate(kind: str, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    shape = (SERIES, WEEKS + HELD_OUT)
    if kind == "slow":
        return rng.poisson(rng.uniform(0.03, 0.3, SERIES)[:, None], shape).astype(float)
    rate = rng.lognormal(2.0, 1.0, SERIES)[:, None]
    if kind == "poisson":
        return rng.poisson(rate, shape).astype(float)
    return rng.poisson(rng.gamma(2.0, rate / 2.0, shape)).astype(float)


@pytest.mark.parametrize(
    ("kind", "pattern", "slack"),
    # A slow mover's quantile is a whole unit, so it covers at least what it says, and often more.
    [("poisson", "smooth", 0.06), ("negative binomial", "erratic", 0.045), ("slow", "intermittent", 0.09)],
)
def test_coverage_of_the_sum_at_held_out_time(kind: str, pattern: str, slack: float) -> None:
    sales = simulate(kind, seed=11)
    result = run_forecast(
        demand_frame(sales[:, :WEEKS]),
        item_frame(SERIES, pattern),
        lead_time_frame({21: 1.0}),
        as_of_date=AS_OF,
        settings=ForecastSettings(models=("moving_average", "croston_sba", "theta")),
    )
    actual = pl.DataFrame(
        {"item_id": np.arange(SERIES, dtype=np.int32), "actual": sales[:, WEEKS:].sum(axis=1)}
    )
    joined = result.lead_time_demand.join(actual, on="item_id").with_columns(
        hit=pl.col("actual") <= pl.col("quantile_units")
    )
    shares = joined.group_by("model", "quantile").agg(pl.col("hit").mean())
    reached = {(model, level): share for model, level, share in shares.iter_rows()}
    for model in ("moving_average", "croston_sba", "theta"):
        for nominal, low in ((0.9, 0.86), (0.95, 0.92), (0.99, 0.97)):
            share = reached[model, nominal]
            assert low <= share <= min(nominal + slack, 1.0), (model, nominal, share)


def tiny_panel(sales: np.ndarray, in_stock: np.ndarray | None = None) -> Panel:
    series = len(sales)
    stock = np.ones(sales.shape, dtype=bool) if in_stock is None else in_stock
    start, no = np.zeros(series, dtype=np.int64), np.zeros(series, dtype=bool)
    training = repair_stock_outs(sales, stock, start, 8)
    return Panel(item_frame(series), date(2024, 12, 23), sales, training, stock, start, no, ~no)


@pytest.mark.parametrize("model", sorted(REGISTRY))
def test_a_forecast_at_an_origin_does_not_see_later_weeks(model: str) -> None:
    sales = np.random.default_rng(0).poisson(4.0, (6, 40)).astype(float)
    changed = sales.copy()
    changed[:, 30:] = 99
    season, settings = np.zeros(6, dtype=bool), ForecastSettings()
    segment = np.zeros(6, dtype=np.int64)
    results, levels = [], []
    for panel in (tiny_panel(sales), tiny_panel(changed)):
        results.append(forecast_at(REGISTRY[model], panel, 30, season, 4, settings)[0])
        levels.append(
            history_level(panel.training_units, panel.is_in_stock, panel.start, 30, segment, 1, settings)
        )
    assert results[0].tolist() == results[1].tolist()
    assert [part.tolist() for part in levels[0]] == [part.tolist() for part in levels[1]]


def test_origins_leave_room_for_the_window_and_for_training() -> None:
    panel = tiny_panel(np.ones((2, 40)))
    windows = build_windows(panel, 6, ForecastSettings(origins=6, origin_step_weeks=3))
    assert windows.origins == (19, 22, 25, 28, 31, 34)
    assert build_windows(panel, 30, ForecastSettings()).horizon_weeks == 16
    assert build_windows(tiny_panel(np.ones((2, 8))), 4, ForecastSettings()).origins == ()


def test_pinball_is_of_quantiles_that_did_not_see_the_window() -> None:
    # One origin, held out: its quantiles come from no error at all, so Poisson with the series' own
    # dispersion.
    rng = np.random.default_rng(5)
    sales = rng.poisson(6.0, (40, 30)).astype(float)
    shocked = sales.copy()
    shocked[:, -2:] *= 10
    settings = ForecastSettings(origins=1)
    segments, two = Segments(np.zeros(40, dtype=np.int64), ("smooth",)), np.full(40, 2)
    season = np.zeros(40, dtype=bool)
    losses = []
    for values in (sales, shocked):
        panel = tiny_panel(values)
        windows = build_windows(panel, 2, settings)
        found = estimate(REGISTRY["moving_average"], panel, windows, season, segments, two, 2, settings)
        losses.append(found.scores["pinball"])
    # The loss of the shocked windows is what Poisson quantiles near 12 lose on sums near 120: p (120 -
    # 12) on average.
    mean_level = float(np.mean(QUANTILES))
    gap = shocked[:, -2:].sum(axis=1) - 12
    assert np.mean(losses[1]) == pytest.approx(np.mean(gap) * mean_level, rel=0.1)
    assert np.mean(losses[0]) < 2


def test_the_law_recovers_known_variances() -> None:
    # Errors with variance 2 x phi mu + 0.09 mu^2, phi = 1, on means from 1 to 1,000.
    rng = np.random.default_rng(3)
    shape = (4000, 3, 1)
    mean = rng.lognormal(3.0, 1.5, shape)
    error = rng.normal(0, np.sqrt(2 * mean + 0.09 * mean**2))
    found = calibrate(
        mean,
        mean,
        mean + error,
        np.ones(shape[:2]),
        np.ones(shape, dtype=bool),
        np.zeros(shape[0], dtype=np.int64),
        np.array([False]),
        ForecastSettings(),
    )
    assert found.law.scale[0, 0] == pytest.approx(2.0, rel=0.1)
    assert found.law.level[0, 0] == pytest.approx(0.09, rel=0.1)


@pytest.mark.parametrize(("may_shrink", "low", "high"), [(True, 0.85, 1.0), (False, 0.0, 0.0)])
def test_the_centre_shrinks_only_where_allowed(may_shrink: bool, low: float, high: float) -> None:
    # The forecast is noise around the historical mean, so the historical mean deserves nearly all weight.
    rng = np.random.default_rng(4)
    shape = (2000, 4, 1)
    rate = rng.uniform(0.5, 2.0, (2000, 1, 1)) * np.ones(shape)
    forecast, actual = rng.poisson(rate).astype(float), rng.poisson(rate).astype(float)
    everything = np.ones(shape, dtype=bool)
    segment = np.zeros(2000, dtype=np.int64)
    allowed = np.array([may_shrink])
    found = calibrate(
        forecast, rate, actual, np.ones(shape[:2]), everything, segment, allowed, ForecastSettings()
    )
    assert low <= found.weight[0, 0] <= high
