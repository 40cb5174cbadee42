"""What plans of the whole chain do to demand: read off time, taken out of what models see, no part of the year's shape."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from forecast_frames import panel_of
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.forecasting import ForecastSettings
from ml.forecasting.common_plans import MOST_PUSH, without_common_plans
from ml.forecasting.models import Workshop, paths
from ml.forecasting.panel import Panel
from ml.forecasting.year import without_year

SERIES, WEEKS, AHEAD = 40, 100, 6
LIFT = 1.5


def chain(promoted: np.ndarray, shape: np.ndarray | float = 1.0, season: int = 52) -> Panel:
    """Items that sell 20 to 59 units a period, `LIFT` times as much when the chain promotes, times a shape of the periods."""
    rate = LIFT**promoted * np.broadcast_to(shape, promoted.shape)
    units = (20.0 + np.arange(SERIES))[:, None] * rate[: len(promoted) - AHEAD]
    return knowing(panel_of(units, season=season), promotion=promoted)


def knowing(panel: Panel, **columns: np.ndarray) -> Panel:
    """The panel with columns known ahead that are the same for all series."""
    known = np.stack(list(columns.values()), axis=1)
    return replace(panel, known=np.tile(known, (panel.series, 1, 1)).astype(np.float32), known_names=tuple(columns))


EVERY_THIRD = (np.arange(WEEKS + AHEAD) % 3 == 1).astype(float)


def test_a_promotion_of_the_chain_is_taken_out_and_put_into_the_weeks_ahead() -> None:
    panel = chain(EVERY_THIRD)
    plain, ahead = without_common_plans(panel, WEEKS, AHEAD)
    assert ahead == pytest.approx(LIFT ** EVERY_THIRD[WEEKS:], rel=0.01)
    assert plain.training_units[0] == pytest.approx(20.0, rel=0.02)
    assert (plain.units == panel.units).all()


def test_a_holiday_is_told_from_its_weekday() -> None:
    # Sundays sell three times as much; two Mondays of a hundred days are holidays and sell like no other Monday
    days = np.arange(WEEKS + AHEAD)
    holiday = np.isin(days, (35, 70, WEEKS + 5)).astype(float)
    plain, ahead = without_common_plans(chain(holiday, 1 + 2.0 * (days % 7 == 6), season=7), WEEKS, AHEAD)
    assert ahead == pytest.approx([1, 1, 1, 1, 1, LIFT], rel=0.02)
    assert plain.training_units[0, [34, 35, 36]] == pytest.approx([60.0, 20.0, 20.0], rel=0.02)


def test_what_comes_after_the_origin_is_not_read() -> None:
    panel = chain(EVERY_THIRD)
    changed = panel.training_units.copy()
    changed[:, 80:] *= 7
    one, two = (without_common_plans(p, 80, AHEAD) for p in (panel, replace(panel, training_units=changed)))
    assert (one[1] == two[1]).all()
    assert (one[0].training_units[:, :80] == two[0].training_units[:, :80]).all()


@pytest.mark.parametrize(
    "panel",
    [
        pytest.param(chain(np.zeros(WEEKS + AHEAD)), id="never promoted"),
        pytest.param(chain(EVERY_THIRD[: 20 + AHEAD]), id="too little history"),
        pytest.param(knowing(chain(EVERY_THIRD), index=np.linspace(100, 120, WEEKS + AHEAD)), id="changes slowly"),
        pytest.param(knowing(chain(EVERY_THIRD), month=np.arange(WEEKS + AHEAD) // 4 % 12 + 1.0), id="part of the year"),
        pytest.param(replace(chain(EVERY_THIRD), year_ago_alignment_ratio=np.ones(WEEKS + AHEAD)), id="the calendar says"),
        pytest.param(replace(chain(EVERY_THIRD), training_units=np.zeros((SERIES, WEEKS))), id="nothing was sold"),
    ],
)
def test_where_nothing_can_be_read_nothing_changes(panel: Panel) -> None:
    plain, ahead = without_common_plans(panel, panel.periods, AHEAD)
    assert plain is panel
    assert (ahead == 1).all()


def test_plans_that_differ_between_series_are_left_to_others() -> None:
    panel = chain(EVERY_THIRD)
    known = panel.known.copy()
    known[: SERIES // 2] = 1 - known[: SERIES // 2]
    assert (without_common_plans(replace(panel, known=known), WEEKS, AHEAD)[1] == 1).all()


def test_a_promotion_every_third_week_hides_no_december() -> None:
    december = np.ones(WEEKS + AHEAD)
    december[[*range(48, 52), *range(WEEKS, WEEKS + 4)]] = 2.0
    with_plans, without = chain(EVERY_THIRD, december), chain(0 * EVERY_THIRD, december)
    ahead = without_year(with_plans, WEEKS, AHEAD)[1]
    assert ahead == pytest.approx(without_year(without, WEEKS, AHEAD)[1], rel=0.05)
    assert ahead[0, 2] > 1.7


def test_a_model_of_one_series_foretells_the_promotion() -> None:
    panel = chain(EVERY_THIRD)
    said = paths(("exponential_smoothing",), panel, WEEKS, AHEAD, ForecastSettings(), Workshop())["exponential_smoothing"]
    assert said[0] == pytest.approx(20.0 * LIFT ** EVERY_THIRD[WEEKS:], rel=0.05)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from((1, 5, 7, 24, 52)), st.floats(1e-6, 1e6), st.integers(1, 120))
def test_whatever_the_data_factors_are_bounded(seed: int, season: int, size: float, periods: int) -> None:
    rng = np.random.default_rng(seed)
    panel = panel_of(rng.poisson(1.0, (5, periods)) * size * rng.lognormal(0, 3), season=season)
    panel = knowing(panel, flag=rng.random(periods + AHEAD) < 0.1, price=rng.lognormal(0, 5, periods + AHEAD))
    plain, ahead = without_common_plans(panel, periods, AHEAD)
    most = np.exp(MOST_PUSH) * (1 + 1e-9)
    assert (ahead <= most).all()
    assert (ahead >= 1 / most).all()
    assert np.isfinite(plain.training_units).all()
    assert (plain.training_units <= panel.training_units * most).all()
