"""The shape of the year: what last year says of this one, and when it says nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from forecast_frames import AS_OF, feature_frames, panel_of

from ml.forecasting import ForecastSettings
from ml.forecasting.panel import Panel
from ml.forecasting.weekly import build_panel
from ml.forecasting.year import without_year

WEEKS, SERIES = 100, 40
DECEMBER = 100 - 52
"""The column a year before the first week ahead."""


def chain(december: float = 2.0, series: int = SERIES, weeks: int = WEEKS, start: int = 0) -> Panel:
    """Items that sell 20 to 59 units a week, and `december` times as much in four weeks of last year."""
    shape = np.ones(weeks + 8)
    shape[DECEMBER : DECEMBER + 4] = december
    level = 20.0 + np.arange(series)[:, None]
    return panel_of(level * shape[:weeks], season=52, start=[start] * series)


def test_a_december_of_last_year_is_expected_again() -> None:
    demand, ahead = without_year(chain(), WEEKS, 6)
    # nothing but this December moves, so nothing is noise; a year is 1.25 days longer than 52 weeks
    assert ahead[:, 1:4] == pytest.approx(2.0, rel=0.15)
    assert ahead[:, 5] == pytest.approx(1.0, rel=0.1)
    # what models learn from has no December, and the weeks before the origin stay what they were
    assert demand.training_units[:, DECEMBER + 1] == pytest.approx(chain().training_units[:, DECEMBER + 1] / 2, rel=0.2)
    assert demand.training_units[:, -8:] == pytest.approx(chain().training_units[:, -8:], rel=0.1)
    assert (demand.units == chain().units).all()


def test_what_comes_after_the_origin_is_not_read() -> None:
    panel = chain(weeks=WEEKS + 8)
    changed = panel.training_units.copy()
    changed[:, WEEKS:] *= 7
    one, two = (without_year(p, WEEKS, 4) for p in (panel, replace(panel, training_units=changed)))
    assert (one[1] == two[1]).all()
    assert (one[0].training_units[:, :WEEKS] == two[0].training_units[:, :WEEKS]).all()


@pytest.mark.parametrize(
    "panel",
    [
        pytest.param(chain(weeks=64), id="less than a year and a quarter"),
        pytest.param(chain(start=60), id="no series is old enough"),
        pytest.param(replace(chain(), season=12), id="months, whose season a model sees by itself"),
        pytest.param(replace(chain(), training_units=np.zeros((SERIES, WEEKS))), id="nothing was sold"),
    ],
)
def test_without_a_year_nothing_changes(panel: Panel) -> None:
    demand, ahead = without_year(panel, panel.periods, 4)
    assert demand is panel
    assert (ahead == 1).all()


def test_young_series_take_the_shape_of_the_old_ones() -> None:
    start = np.where(np.arange(SERIES) < 5, 90, 0)
    ahead = without_year(replace(chain(), start=start), WEEKS, 4)[1]
    assert (ahead[0] == ahead[-1]).all()
    assert ahead[0, 2] > 1.7


def test_a_group_has_what_its_own_series_do() -> None:
    flat, peaked = chain(1.0), chain(3.0)
    both = panel_of(np.vstack([flat.units, peaked.units]), season=52)
    group = np.repeat([0.0, 1.0], SERIES)[:, None]
    ahead = without_year(replace(both, static=group, static_names=("category",)), WEEKS, 4)[1]
    assert ahead[0, 2] == pytest.approx(1.0, abs=0.15)
    assert ahead[-1, 2] == pytest.approx(3.0, rel=0.2)
    # an attribute with a value of its own for each series groups nothing
    name = np.arange(2.0 * SERIES)[:, None]
    alone = without_year(replace(both, static=name, static_names=("item",)), WEEKS, 4)[1]
    assert (alone[0] == alone[-1]).all()


def test_what_did_not_come_again_is_not_believed() -> None:
    # the whole chain moves by a tenth or two every week, otherwise each year
    moves = np.exp(np.random.default_rng(3).normal(0, 0.15, WEEKS))
    moves[DECEMBER : DECEMBER + 4] = 1.2
    restless = panel_of((20.0 + np.arange(SERIES))[:, None] * moves, season=52)
    assert np.abs(without_year(restless, WEEKS, 4)[1] - 1).max() < 0.12


def test_a_feast_that_moved_is_expected_where_it_is_now() -> None:
    # the calendar says: half as much again in the second week ahead as the same weeks of last year let expect, and less after it
    ratio = np.ones(WEEKS + 4)
    ratio[WEEKS + 1], ratio[WEEKS + 2] = 1.5, 0.8
    plain = without_year(chain(), WEEKS, 4)[1]
    moved = without_year(replace(chain(), year_ago_alignment_ratio=ratio), WEEKS, 4)[1]
    assert moved / plain == pytest.approx(np.tile(ratio[WEEKS:], (SERIES, 1)), rel=0.05)


def test_the_calendar_of_the_warehouse_is_laid_on_the_grid_of_weeks() -> None:
    features = feature_frames(np.full((2, 10), 5.0))
    first_ahead = AS_OF + timedelta(days=1)
    calendar = features.calendar_weekly.with_columns(
        year_ago_alignment_ratio=pl.when(pl.col("week_start_date") == first_ahead).then(1.25).otherwise(1.0)
    )
    weekly = build_panel(replace(features, calendar_weekly=calendar).conformed(), AS_OF, 3, ForecastSettings())
    assert weekly.panel.year_ago_alignment_ratio is not None
    assert weekly.panel.year_ago_alignment_ratio.tolist() == [1.0] * 10 + [1.25, 1.0, 1.0]


def test_what_left_the_range_is_not_the_year() -> None:
    # a quarter of all items is sold for the last time in the first week of last December
    panel = chain(1.0)
    sold = panel.training_units.copy()
    sold[::4, DECEMBER + 1 :] = 0
    ahead = without_year(replace(panel, training_units=sold), WEEKS, 6)[1]
    assert ahead == pytest.approx(1.0, abs=0.01)
    # what is sold in December alone has not left: it was not to be sold in the weeks before, either
    seasonal = panel.training_units.copy()
    seasonal[::4] = 0
    seasonal[::4, DECEMBER : DECEMBER + 4] = 60
    ahead = without_year(replace(panel, training_units=seasonal), WEEKS, 6)[1]
    assert (ahead[:, 1:4] > 1.2).all()


def test_a_large_week_comes_again_where_the_calendar_carries_feasts_and_half_of_it_elsewhere() -> None:
    # all weeks scatter by a twentieth, and one of last December sold twice as much
    moves = np.exp(np.random.default_rng(5).normal(0, 0.05, WEEKS))
    moves[DECEMBER + 2] = 2.0
    panel = panel_of((20.0 + np.arange(SERIES))[:, None] * moves, season=52)
    carried = replace(panel, year_ago_alignment_ratio=np.ones(WEEKS + 4))
    without, within = (without_year(p, WEEKS, 4)[1][0, 2] for p in (panel, carried))
    # a year is 1.25 days longer than 52 weeks, so that a fifth of such a week falls into the next
    assert without < 1.4
    assert within > 1.6


def test_trend_is_no_season() -> None:
    growing = panel_of((20.0 + np.arange(SERIES))[:, None] * 1.01 ** np.arange(WEEKS), season=52)
    demand, ahead = without_year(growing, WEEKS, 8)
    assert ahead == pytest.approx(1.0, abs=0.01)
    assert demand.training_units == pytest.approx(growing.training_units, rel=0.01)


def test_days_keep_the_pattern_of_the_week() -> None:
    days = 500
    week = np.tile([1.0, 1, 1, 1, 2, 3, 1], days // 7 + 2)
    season = 1 + 0.5 * np.sin(2 * np.pi * np.arange(days + 14) / 365.25)
    panel = panel_of((20.0 + np.arange(SERIES))[:, None] * (week[:days] * season[:days]), season=7)
    demand, ahead = without_year(panel, days, 14)
    assert ahead[0] / ahead[0].mean() == pytest.approx(season[days : days + 14] / season[days : days + 14].mean(), rel=0.05)
    weeks = demand.training_units[0, 98:448].reshape(-1, 7)
    assert weeks.mean(axis=0) / weeks.mean() == pytest.approx(week[:7] / week[:7].mean(), rel=0.05)
