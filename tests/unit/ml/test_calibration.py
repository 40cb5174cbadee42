"""Coverage at held-out time, and that nothing looks ahead.

The bounds are wide enough for the sampling error of some 300 held-out sums (one deviation at 0.9 is 0.017), and
narrow enough that leaving out the review period, adding weekly quantiles, or a fixed Poisson for erratic demand falls
outside.
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
from ml.forecasting.calibration import Segments, dispersion, history_weight, variance_law
from ml.forecasting.estimate import estimate
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
    actual = pl.DataFrame({"item_id": np.arange(SERIES, dtype=np.int32), "actual": sales[:, WEEKS:].sum(axis=1)})
    joined = result.lead_time_demand.join(actual, on="item_id").with_columns(hit=pl.col("actual") <= pl.col("quantile_units"))
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


def pool(series: int, pattern: str) -> Segments:
    return Segments(np.zeros(series, dtype=np.int64), (pattern,))


@pytest.mark.parametrize("model", sorted(REGISTRY))
def test_a_forecast_at_an_origin_does_not_see_later_weeks(model: str) -> None:
    sales = np.random.default_rng(0).poisson(4.0, (6, 40)).astype(float)
    changed = sales.copy()
    changed[:, 30:] = 99
    season, settings = np.zeros(6, dtype=bool), ForecastSettings()
    results = []
    for panel in (tiny_panel(sales), tiny_panel(changed)):
        path = forecast_at(REGISTRY[model], panel, 30, season, 4, settings)[0]
        phi = dispersion(panel, 30, pool(6, "lumpy"), settings)
        results.append([values.tolist() for values in (path, phi, panel.mean_units(30))])
    assert results[0] == results[1]


def test_origins_leave_room_for_the_window_and_for_training() -> None:
    panel = tiny_panel(np.ones((2, 40)))
    windows = build_windows(panel, 6, ForecastSettings(origins=6, origin_step_weeks=3))
    assert windows.origins == (19, 22, 25, 28, 31, 34)
    assert build_windows(panel, 30, ForecastSettings()).horizon_weeks == 16
    assert build_windows(tiny_panel(np.ones((2, 8))), 4, ForecastSettings()).origins == ()


def test_pinball_is_of_quantiles_that_did_not_see_the_window() -> None:
    # One origin, held out: its quantiles come from no error at all, so Poisson with the series' own dispersion.
    rng = np.random.default_rng(5)
    sales = rng.poisson(6.0, (40, 30)).astype(float)
    shocked = sales.copy()
    shocked[:, -2:] *= 10
    settings = ForecastSettings(origins=1)
    two, season = np.full(40, 2), np.zeros(40, dtype=bool)
    losses = []
    for values in (sales, shocked):
        panel = tiny_panel(values)
        windows = build_windows(panel, 2, settings)
        found = estimate(REGISTRY["moving_average"], panel, windows, season, pool(40, "smooth"), two, 2, settings)
        losses.append(found.scores["pinball"])
    # The loss of the shocked windows is what Poisson quantiles near 12 lose on sums near 120: p (120 - 12) on
    # average.
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
    everything = np.ones(shape, dtype=bool)
    law = variance_law(mean, mean + error, np.ones(shape[:2]), everything, pool(4000, "smooth"), ForecastSettings())
    assert law.scale[0, 0] == pytest.approx(2.0, rel=0.1)
    assert law.level[0, 0] == pytest.approx(0.09, rel=0.1)


@pytest.mark.parametrize(("pattern", "low", "high"), [("lumpy", 0.85, 1.0), ("erratic", 0.0, 0.0)])
def test_the_centre_shrinks_only_where_allowed(pattern: str, low: float, high: float) -> None:
    # The forecast is noise around the historical mean, so the historical mean deserves nearly all weight.
    rng = np.random.default_rng(4)
    shape = (2000, 4, 3)
    rate = rng.uniform(0.5, 2.0, (2000, 1)) * np.ones(shape[:2])
    forecast, actual = (rng.poisson(rate[:, :, None], shape).astype(float) for _ in range(2))
    everything = np.ones(shape, dtype=bool)
    weight = history_weight(forecast, rate, actual, np.ones(shape[:2]), everything, pool(2000, pattern))
    assert low <= weight[0] <= high


@pytest.mark.parametrize("model", ["moving_average", "seasonal_naive"])
def test_scores_are_of_the_published_centre_learned_without_the_window(model: str) -> None:
    # The weight that scores an origin is learned from the other origins: worked again here, with two of them.
    rng = np.random.default_rng(8)
    panel = tiny_panel(rng.poisson(0.4, (300, 40)).astype(float))
    settings = ForecastSettings(origins=2, moving_average_weeks=4)
    windows, segments, season = build_windows(panel, 3, settings), pool(300, "intermittent"), np.zeros(300, dtype=bool)
    found = estimate(REGISTRY[model], panel, windows, season, segments, np.full(300, 3), 3, settings)
    error = []
    for j, origin in enumerate(windows.origins):
        other = windows.origins[1 - j]
        path, past = (forecast_at(REGISTRY[model], panel, o, season, 3, settings)[0] for o in (origin, other))
        history = panel.mean_units(other)[:, None]
        actual = panel.sold_units[:, other : other + 3]
        precision = 1 / (dispersion(panel, other, segments, settings)[:, None] * history)
        gap = history - past
        weight = min(1.0, (precision * gap * (actual - past)).sum() / ((precision * gap**2).sum() + 5))
        assert weight > 0.5
        mean = panel.mean_units(origin)[:, None]
        centre = np.maximum((1 - weight) * path + weight * mean, settings.min_share_of_history * mean)
        error.append((centre - panel.sold_units[:, origin : origin + 3]).sum(axis=1))
    assert found.scores["bias"] == pytest.approx(np.mean(error, axis=0))
    assert found.scores["rmse"] == pytest.approx(np.sqrt(np.mean(np.square(error), axis=0)))
