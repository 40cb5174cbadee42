"""What plans do to demand: learned from all series, taken out of what models see, put back into what they say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from forecast_frames import panel_of
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.forecasting import ForecastSettings, boosting, boosting_sums, common_plans
from ml.forecasting.models import REGISTRY, Workshop, paths
from ml.forecasting.panel import Panel
from ml.forecasting.plans import without_plans

SETTINGS = ForecastSettings()
SERIES, WEEKS, AHEAD = 80, 60, 4
LIFT = 1.8


def shop(seed: int = 1, lift: float | np.ndarray = LIFT, series: int = SERIES, mean: float = 40.0) -> Panel:
    """Items that sell some forty units a week, and `lift` times as much in the tenth of all weeks in which each is promoted."""
    rng = np.random.default_rng(seed)
    promoted = (rng.random((series, WEEKS + AHEAD)) < 0.1).astype(float)
    rate = rng.lognormal(np.log(mean), 0.5, series)[:, None] * np.where(promoted > 0, np.reshape(lift, (-1, 1)), 1.0)
    return planned(panel_of(rng.poisson(rate[:, :WEEKS]), season=52), promotion_days=7 * promoted)


def planned(panel: Panel, **known: np.ndarray) -> Panel:
    return replace(panel, known=np.stack(list(known.values()), axis=2).astype(np.float32), known_names=tuple(known))


def promoted(panel: Panel) -> np.ndarray:
    return panel.known[:, :, 0] > 0


def test_promotions_are_taken_out_of_the_past_and_put_into_the_weeks_ahead() -> None:
    panel = shop()
    plain, ahead = without_plans(panel, WEEKS, AHEAD, SETTINGS)
    past, coming = promoted(panel)[:, :WEEKS], promoted(panel)[:, WEEKS:]
    assert ahead[coming] == pytest.approx(LIFT, rel=0.06)
    assert (ahead[~coming] == 1).all()
    assert (plain.training_units[~past] == panel.training_units[~past]).all()
    assert plain.training_units[past] == pytest.approx(panel.training_units[past] / LIFT, rel=0.06)
    assert (plain.units == panel.units).all()


def test_what_comes_after_the_origin_is_not_read() -> None:
    panel = shop()
    changed = panel.training_units.copy()
    changed[:, 50:] *= 7
    one, two = (without_plans(p, 50, AHEAD, SETTINGS) for p in (panel, replace(panel, training_units=changed)))
    assert (one[1] == two[1]).all()
    assert (one[0].training_units[:, :50] == two[0].training_units[:, :50]).all()


def test_a_price_works_by_its_logarithm_and_one_far_away_by_not_much_more() -> None:
    rng = np.random.default_rng(3)
    price = rng.uniform(2, 30, SERIES)[:, None] * np.where(rng.random((SERIES, WEEKS + AHEAD)) < 0.2, 0.8, 1.0)
    price[0, WEEKS] = price[0, WEEKS - 1] / 50  # a misprint
    usual = np.median(price[:, :WEEKS], axis=1, keepdims=True)
    panel = planned(panel_of(rng.poisson(40 * (price / usual)[:, :WEEKS] ** -2), season=52), price=price)
    ahead = without_plans(panel, WEEKS, AHEAD, SETTINGS)[1]
    is_cut = np.isclose(price / usual, 0.8)[:, WEEKS:]
    assert ahead[is_cut] == pytest.approx(0.8**-2, rel=0.08)
    assert 0.8**-2 < ahead[0, 0] < 0.8**-4


@pytest.mark.parametrize(
    ("share", "around", "lift", "is_taken_out"),
    [(0.1, 0.0, 1.1, True), (0.1, 0.03, 1.1, True), (0.3, 0.0, 1.1, False), (0.3, 0.0, LIFT, True)],
    ids=["events", "events among small plans", "common and weak", "common and the main cause"],
)
def test_plans_are_taken_out_where_they_are_events_or_the_main_cause(
    share: float, around: float, lift: float, is_taken_out: bool
) -> None:
    # `around`: what is planned of small moment in every week
    rng = np.random.default_rng(5)
    plan = (rng.random((SERIES, WEEKS + AHEAD)) < share) + around * rng.standard_normal((SERIES, WEEKS + AHEAD))
    panel = planned(panel_of(rng.poisson(40 * lift ** plan[:, :WEEKS]), season=52), display=plan)
    assert (without_plans(panel, WEEKS, AHEAD, SETTINGS)[0] is not panel) is is_taken_out


def test_prices_that_never_change_say_nothing_however_old_the_series_are() -> None:
    panel = replace(shop(), start=np.arange(SERIES) % 50)
    price = np.tile(1.0 + np.arange(SERIES)[:, None], WEEKS + AHEAD)
    both = planned(panel, promotion_days=panel.known[:, :, 0], price=price)
    found = [without_plans(p, WEEKS, AHEAD, SETTINGS)[1] for p in (panel, both)]
    assert found[0][promoted(panel)[:, WEEKS:]] == pytest.approx(LIFT, rel=0.1)
    assert (found[0] == found[1]).all()


def missed(lift: float | np.ndarray, mean: float, *, has_items: bool) -> float:
    """Root mean square error of the logarithm of what promotions ahead do, over four seeds; ten stores sell each of 20 items."""
    item, found = np.repeat(np.arange(20.0), 10), []
    for seed in range(4):
        panel = shop(seed, lift, len(item), mean)
        if has_items:
            panel = replace(panel, static=item[:, None], static_names=("item_id",))
        truth = np.broadcast_to(np.reshape(lift, (-1, 1)), (len(item), AHEAD))
        error = np.log(without_plans(panel, WEEKS, AHEAD, SETTINGS)[1] / truth)[promoted(panel)[:, WEEKS:]]
        found.append(np.sqrt((error**2).mean()))
    return float(np.mean(found))


def test_items_react_as_much_as_they_did() -> None:
    lift = np.where(np.arange(200) < 40, 2.5, 1.6)
    assert missed(lift, mean=5.0, has_items=False) > 0.15
    assert missed(lift, mean=5.0, has_items=True) < 0.1


def test_items_that_sell_little_react_as_all_do() -> None:
    assert missed(LIFT, mean=0.2, has_items=True) < 1.2 * missed(LIFT, mean=0.2, has_items=False)


def test_a_promotion_made_when_demand_is_high_anyway_is_not_its_cause() -> None:
    # in some weeks all items sell twice as much, and half of them are promoted then, without any effect
    rng = np.random.default_rng(5)
    busy = rng.random(WEEKS + AHEAD) < 0.2
    promotion = busy & (rng.random((SERIES, WEEKS + AHEAD)) < 0.5)
    panel = planned(panel_of(rng.poisson(40 * np.where(busy, 2, 1)[:WEEKS], (SERIES, WEEKS)), season=52), promotion=promotion)
    assert without_plans(panel, WEEKS, AHEAD, SETTINGS)[1] == pytest.approx(1.0, abs=0.05)


HOLIDAYS = np.tile(np.arange(WEEKS + AHEAD) % 9 == 0, (SERIES, 1))


@pytest.mark.parametrize(
    "panel",
    [
        pytest.param(panel_of(np.ones((SERIES, WEEKS)), season=52), id="no plans"),
        pytest.param(planned(shop(), holiday=HOLIDAYS), id="plans of all series"),
        pytest.param(planned(shop(), size=np.tile(np.arange(SERIES)[:, None], WEEKS + AHEAD)), id="plans that never change"),
        pytest.param(
            planned(shop(), discount=np.random.default_rng(9).random((SERIES, WEEKS + AHEAD))), id="plans in most weeks"
        ),
        pytest.param(shop().take(np.arange(5)), id="too few series to tell plans from luck"),
        pytest.param(replace(shop(), training_units=np.zeros((SERIES, WEEKS))), id="nothing was sold"),
        pytest.param(replace(shop(), is_in_stock=np.zeros((SERIES, WEEKS), dtype=bool)), id="never in stock"),
        pytest.param(replace(shop(), start=np.full(SERIES, WEEKS)), id="no history"),
    ],
)
def test_where_nothing_can_be_learned_nothing_changes(panel: Panel) -> None:
    plain, ahead = without_plans(panel, WEEKS, AHEAD, SETTINGS)
    assert plain is panel
    assert (ahead == 1).all()


def test_one_data_error_does_not_say_what_plans_do() -> None:
    panel = shop()
    wrong = panel.training_units.copy()
    at = np.argwhere(promoted(panel)[:, 40:WEEKS])[0] + [0, 40]
    wrong[tuple(at)] = 1e7
    ahead = without_plans(replace(panel, training_units=wrong), WEEKS, AHEAD, SETTINGS)[1]
    assert ahead[promoted(panel)[:, WEEKS:]] == pytest.approx(LIFT, rel=0.15)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.3, 50.0, 1e9]), st.sampled_from([1, 2, 9, 30]))
def test_whatever_the_data_factors_are_bounded_and_nothing_is_lost(seed: int, size: float, weeks: int) -> None:
    rng = np.random.default_rng(seed)
    demand = rng.poisson(rng.exponential(size, (30, weeks)))
    is_planned = rng.random((2, 30, weeks + 2)) < 0.1
    known = {"price": np.where(is_planned[0], rng.exponential(1, (30, weeks + 2)), 1.0), "promotion_days": is_planned[1]}
    panel = planned(panel_of(demand, season=52, start=rng.integers(0, weeks + 1, 30)), **known)
    panel = replace(panel, is_in_stock=rng.random((30, weeks)) < 0.8)
    plain, ahead = without_plans(panel, weeks, 2, SETTINGS)
    most = np.exp(common_plans.MOST_PUSH) * (1 + 1e-9)
    assert ((ahead <= most) & (ahead >= 1 / most)).all()
    assert (plain.training_units <= panel.training_units * most).all()
    assert (plain.training_units >= panel.training_units / most).all()


def test_models_that_cannot_see_plans_foretell_them() -> None:
    panel = shop()
    names = ("exponential_smoothing", "lightgbm", "lightgbm_squared")
    assert [REGISTRY[name].sees_plans for name in names] == ["none", "all", "common"]
    coming = promoted(panel)[:, WEEKS:]
    for path in paths(names, panel, WEEKS, AHEAD, SETTINGS, Workshop()).values():
        usual = panel.training_units[:, :WEEKS].mean(axis=1)[:, None] / (0.9 + 0.1 * LIFT)
        ratio = path / usual
        assert ratio[coming].mean() == pytest.approx(LIFT, rel=0.12)
        assert ratio[~coming].mean() == pytest.approx(1.0, rel=0.08)


def test_a_sum_follows_plans_that_no_past_horizon_had_so_many_of() -> None:
    # four items of ten are promoted in all four weeks ahead; of past horizons one in ten thousand is
    panel = shop(lift=3.0, series=120)
    known = panel.known.copy()
    known[:, WEEKS:, 0] = 7 * (np.arange(panel.series) % 10 < 4)[:, None]
    made = boosting_sums.learn(panel, WEEKS, (AHEAD,), replace(SETTINGS, boosting_quantile_rounds=40), (boosting.MEAN,))
    assert made is not None
    said = made.foretold(replace(panel, known=known), WEEKS)[:, 0, 0]
    usual = np.median(panel.training_units, axis=1) * AHEAD
    promoted = known[:, WEEKS, 0] > 0
    assert np.median(said[promoted] / usual[promoted]) == pytest.approx(3.0, rel=0.1)
    assert np.median(said[~promoted] / usual[~promoted]) == pytest.approx(1.0, rel=0.1)
