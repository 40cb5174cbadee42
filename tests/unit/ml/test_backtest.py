"""Origins, windows that count, and that no model sees what comes after its origin."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from forecast_frames import QUICK, panel_of, poisson

from ml.forecasting import ForecastSettings, backtest, boosting, boosting_features, boosting_sums, models
from ml.forecasting.calibration import Segments, dispersion
from ml.forecasting.models import REGISTRY, Workshop
from ml.forecasting.panel import PATTERNS, Panel, demand_pattern
from ml.forecasting.settings import ForecastSettings as Settings
from ml.forecasting.shared_level import Scale, SharedLevel

SMALL = ForecastSettings(boosting_min_rows=20, boosting_rounds=5, boosting_quantile_rounds=5, neural_steps=5, dear_series=4)


def silent(step: str, share: float) -> None:
    pass


@pytest.mark.parametrize(
    ("periods", "horizon", "origins", "expected"),
    [
        # half a horizon apart, the newest ends with the history
        (40, 6, 4, ((25, 28, 31, 34), 6)),
        (40, 5, 3, ((29, 32, 35), 5)),
        (40, 1, 3, ((37, 38, 39), 1)),
        # a horizon of 30 of 40 periods: a third of the 32 beyond the first eight, 5 apart
        (40, 30, 3, ((20, 25, 30), 10)),
        # of 12 periods only 4 can be tested: one at a time
        (12, 6, 3, ((9, 10, 11), 1)),
        (9, 4, 3, ((8,), 1)),
        (8, 4, 3, ((), 1)),
        (1, 4, 3, ((), 1)),
        (40, 6, 0, ((), 6)),
    ],
)
def test_origins_leave_room_for_the_window_and_for_training(periods: int, horizon: int, origins: int, expected) -> None:
    assert backtest.origins_of(panel_of(np.ones((2, periods))), horizon, ForecastSettings(origins=origins)) == expected


def test_paths_and_actuals_lie_side_by_side() -> None:
    # The naive model repeats the last period: at the origins 8 and 9 of 0, 1 .. 10 it says 7 and 8.
    panel = panel_of([np.arange(11.0)])
    tested, fitted = backtest.run(("seasonal_naive",), panel, 2, replace(QUICK, models=("seasonal_naive",)), silent)
    assert tested.origins == (9, 10)
    assert tested.horizon == 1
    assert tested.paths["seasonal_naive"].tolist() == [[[8], [9]]]
    assert tested.units.tolist() == [[[9], [10]]]
    assert fitted.paths["seasonal_naive"].tolist() == [[10, 10]]
    assert fitted.was_said["seasonal_naive"].tolist() == [True]


def test_windows_that_count_by_hand() -> None:
    # Horizon 4, one origin at period 16 of 20; the second period of the window is out of stock; series 1 is too young to train.
    in_stock = np.ones((2, 20), dtype=bool)
    in_stock[0, 17] = False
    panel = panel_of(np.ones((2, 20)), in_stock, start=[0, 10])
    tested, _ = backtest.run(("moving_average",), panel, 4, replace(QUICK, origins=1), silent)
    assert tested.origins == (16,)
    assert tested.period_valid[:, 0].tolist() == [[True, False, True, True], [False] * 4]
    # at least half of the periods up to this one: 1 / 1, 1 / 2, 2 / 3, 3 / 4; all of them: only the first
    assert tested.sum_valid[:, 0].tolist() == [[True] * 4, [False] * 4]
    assert tested.sum_scored[:, 0].tolist() == [[True, False, False, False], [False] * 4]


def test_models_speak_for_the_same_share_of_a_sample_as_of_all_series() -> None:
    # theta for the 20 of 40 series that move most; of the 10 that are backtested, for 5
    panel = panel_of(poisson(40, 40, 4.0))
    settings = replace(QUICK, origins=1, backtest_series=10, fair_series=20, models=("moving_average", "theta"))
    tested, fitted = backtest.run(("moving_average", "theta"), panel, 2, settings, silent)
    stood_in = (tested.paths["theta"] == tested.paths["moving_average"]).all(axis=(1, 2))
    assert fitted.was_said["theta"].sum() == 20
    assert stood_in.sum() == 5


def test_models_of_middling_cost_read_the_newest_periods_only() -> None:
    # of 60 periods theta reads 40: what came before moves the mean of all, not theta, also where a series begins in between
    sales, settings = poisson(4, 60, 4.0), replace(QUICK, origins=0, fair_periods=40)
    names, start = ("historical_mean", "theta"), [0, 0, 10, 30]
    was, now = (
        backtest.run(names, panel_of(units, start=start), 2, settings, silent)[1].paths
        for units in (sales, np.where(np.arange(60) < 20, sales + 9.0, sales))
    )
    assert was["theta"].tolist() == now["theta"].tolist()
    assert (now["historical_mean"][:3] > was["historical_mean"][:3]).all()
    every = backtest.run(names, panel_of(sales, start=start), 2, replace(settings, fair_periods=60), silent)[1].paths["theta"]
    assert (every[:3] != was["theta"][:3]).all()
    assert every[3].tolist() == was["theta"][3].tolist()


def test_a_silent_model_takes_the_stand_in_and_says_so() -> None:
    # nine periods: an average of 13 is silent, exponential smoothing is not; series 1 has no demand
    panel = panel_of([[3.0] * 9, [0.0] * 9])
    _, fitted = backtest.run(("moving_average", "exponential_smoothing"), panel, 2, QUICK, silent)
    assert fitted.was_said["moving_average"].tolist() == [False, False]
    assert fitted.was_said["exponential_smoothing"].tolist() == [True, False]
    assert fitted.paths["moving_average"].tolist() == pytest.approx(np.array([[3.0, 3.0], [0.0, 0.0]]))


def test_no_forecast_falls_below_the_floor() -> None:
    # the last period of the naive model is 0; 5 % of the mean of 19 x 10 / 20 stays
    _, fitted = backtest.run(("seasonal_naive",), panel_of([[10.0] * 19 + [0.0]]), 2, QUICK, silent)
    assert fitted.paths["seasonal_naive"].tolist() == [[0.05 * 9.5] * 2]


def seasonal_panel(changed_from: int | None = None, *, known_too: bool = False) -> Panel:
    """Sixty days of 30 series with stock-outs and a promotion; from a column on, everything that is learned later is different."""
    sales = poisson(30, 60, 4.0)
    in_stock = np.random.default_rng(3).random(sales.shape) > 0.05
    known = np.random.default_rng(4).integers(0, 2, (30, 67, 1)).astype(np.float32)
    if changed_from is not None:
        sales[:, changed_from:] = 900.0
        in_stock[:, changed_from:] = ~in_stock[:, changed_from:]
        if known_too:
            known[:, changed_from:] += 5
    return panel_of(sales, in_stock, season=7, known=known, known_names=("promotion",))


@pytest.mark.parametrize("model", sorted(REGISTRY))
def test_a_forecast_at_an_origin_does_not_see_later_periods(model: str) -> None:
    results = []
    for panel in (seasonal_panel(), seasonal_panel(45)):
        path = models.paths((model,), panel, 45, 4, SMALL, Workshop())[model]
        assert np.isfinite(path).any(), model
        results.append(path)
    np.testing.assert_array_equal(*results)


def test_levels_dispersions_and_patterns_do_not_see_later_periods() -> None:
    left, right = seasonal_panel(), seasonal_panel(45)
    segments = Segments(np.zeros(30, dtype=np.int64), PATTERNS)
    for function in (
        lambda panel: panel.level_units(45),
        lambda panel: panel.mean_units(45),
        lambda panel: demand_pattern(panel, 45),
        lambda panel: dispersion(panel, 45, segments, Settings()),
    ):
        assert function(left).tolist() == function(right).tolist()


@pytest.mark.parametrize("season", [1, 7, 12, 52])
def test_features_of_an_origin_do_not_see_later_periods(season: int) -> None:
    rows = np.arange(30)
    plain, changed, both = (
        replace(p, season=season) for p in (seasonal_panel(), seasonal_panel(45), seasonal_panel(45, known_too=True))
    )
    for step in (0, 1, 6, 13):
        left, level = boosting.rows_at(plain, rows, 45, step, SharedLevel())
        right, other_level = boosting.rows_at(changed, rows, 45, step, SharedLevel())
        np.testing.assert_array_equal(left, right)
        np.testing.assert_array_equal(level, other_level)
        # what is known ahead is the only thing of the future that is read
        planned, _ = boosting.rows_at(both, rows, 45, step, SharedLevel())
        moved = (planned != left).any(axis=0) & np.isfinite(left).all(axis=0)
        assert 0 < moved.sum() <= 2
        assert moved[-2:].any()


def test_training_rows_end_before_the_origin() -> None:
    settings = replace(SMALL, boosting_rounds=3)
    left, right = (
        boosting._training_rows(panel, SharedLevel(), 45, 4, settings) for panel in (seasonal_panel(), seasonal_panel(45))
    )
    assert left.values.shape[0] > 100
    sums = [
        boosting_sums.training_rows(panel, SharedLevel(), 45, (1, 4), settings)
        for panel in (seasonal_panel(), seasonal_panel(45))
    ]
    for mine, other in ((left, right), sums):
        for name in ("values", "target", "weight"):
            np.testing.assert_array_equal(getattr(mine, name), getattr(other, name))


def test_few_series_teach_with_more_of_their_past() -> None:
    # origins 116, 114 .. 8: 55 of them, four periods of both series at each; for sums, too
    panel, many = panel_of(poisson(2, 120)), panel_of(poisson(60, 120))
    settings = ForecastSettings()
    assert len(boosting._training_rows(panel, SharedLevel(), 120, 4, settings).target) == 55 * 4 * 2
    assert len(boosting_sums.training_rows(panel, SharedLevel(), 120, (4,), settings).target) == 55 * 2
    few_rows = replace(settings, boosting_max_rows=80)
    assert len(boosting._training_rows(panel, SharedLevel(), 120, 4, few_rows).target) == 10 * 4 * 2
    # the rows of many are spent on the newest eight
    assert panel.learning_origins(120, 4, settings) == many.learning_origins(120, 4, settings, 1) == list(range(116, 100, -2))


def test_a_first_year_of_weeks_teaches_with_its_newest_alone() -> None:
    panel, settings = panel_of(poisson(2, 70), season=52), ForecastSettings()
    # a year and thirteen weeks are 65: before that the newest eight, then 61, 59 .. 15
    for end, origins in ((64, 8), (65, 24)):
        assert len(boosting._training_rows(panel, SharedLevel(), end, 4, settings).target) == origins * 4 * 2
        assert len(boosting_sums.training_rows(panel, SharedLevel(), end, (4,), settings).target) == origins * 2


def test_days_are_read_from_weekly_origins_where_all_of_the_past_leaves_room() -> None:
    panel, settings = panel_of(poisson(2, 350), season=7), ForecastSettings()
    assert panel.learning_origins(350, 28, settings, 1_000) == list(range(322, 13, -7))
    # 308 days over twenty origins, or the newest eight, are more than half a horizon each
    assert panel.learning_origins(350, 28, settings, 20) == list(range(322, 322 - 20 * 14, -14))
    assert panel.learning_origins(350, 28, settings) == list(range(322, 322 - 8 * 14, -14))


def test_features_by_hand() -> None:
    # Seven days a week: 0 .. 27; the origin is day 28, the level L. Its newest lags are 27, 26 ...; the mean of seven days is 24.
    panel = panel_of([np.arange(28.0), np.arange(28.0)], season=7)
    names = (*boosting_features.origin_features(panel, np.arange(2), 28, Scale(np.ones(2)))[1],)
    rows, level = boosting.rows_at(panel, np.arange(2), 28, 3, SharedLevel())
    # level: 0.7 x 13.5 + 0.3 x 13.5
    assert level[0] == pytest.approx(13.5)
    own = dict(zip(names, rows[0].tolist(), strict=False))
    assert own["lag_1"] == pytest.approx(27 / 13.5)
    assert own["lag_7"] == pytest.approx(21 / 13.5)
    assert own["rolling_mean_7"] == pytest.approx(24 / 13.5)
    assert own["nonzero_share_28"] == pytest.approx(27 / 28)
    assert own["rolling_max_28"] == pytest.approx(27 / 13.5)
    assert own["periods_since_sale"] == 0
    assert own["age_periods"] == 28
    assert own["log_level"] == pytest.approx(np.log(13.5))
    step, place, *same = rows[0, len(names) :].tolist()
    # four days ahead is day 31, the third of its week; the same days were 24, 17, 10, 3
    assert (step, place) == (3, 3)
    assert same == pytest.approx(np.array([24, 20.5, 13.5, 13.5]) / 13.5)


def test_too_few_rows_teach_no_trees() -> None:
    found = models.paths(("lightgbm",), panel_of(poisson(2, 30)), 30, 4, ForecastSettings(), Workshop())
    assert np.isnan(found["lightgbm"]).all()


def test_what_sold_only_long_ago_teaches_no_trees() -> None:
    sales = poisson(30, 60)
    sales[:, 20:] = 0
    settings = replace(SMALL, boosting_origins=2, boosting_most_origins=2)
    found = models.paths(models.BOOSTING, panel_of(sales), 60, 4, settings, Workshop())
    assert [np.isnan(path).all() for path in found.values()] == [True] * len(models.BOOSTING)


def test_models_that_the_size_of_the_data_allows() -> None:
    few, many = panel_of(poisson(2, 30)), panel_of(poisson(60, 30))
    assert models.chosen_models(few, 4, ForecastSettings()) == models.AUTO_STATISTICAL
    assert set(models.chosen_models(many, 4, ForecastSettings())) == {*models.AUTO_STATISTICAL, *models.BOOSTING}
    assert "lstm" in models.chosen_models(many, 4, ForecastSettings(neural_min_series=60))
    assert "lstm" not in models.chosen_models(many, 8, ForecastSettings(neural_min_series=60))
    assert models.chosen_models(many, 4, QUICK) == QUICK.models


def test_dear_models_are_for_what_moves_most() -> None:
    sales = np.vstack([poisson(1, 40, rate) for rate in (2, 9, 5)])
    found = models.paths(("auto_ets", "tsb"), panel_of(sales), 40, 2, ForecastSettings(dear_series=1), Workshop())
    assert np.isfinite(found["auto_ets"]).all(axis=1).tolist() == [False, True, False]
    assert np.isfinite(found["tsb"]).all()
