"""Feasts of a first year: what they brought goes with them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from forecast_frames import AS_OF, calendar_frame, feature_frames, panel_of, with_frame

from ml.forecasting import ForecastSettings
from ml.forecasting.panel import Panel
from ml.forecasting.weekly import build_panel
from ml.forecasting.year import without_year

WEEKS, SERIES, AHEAD = 40, 24, 4


def chain(feast: int | tuple[int, ...] | None, times: dict[int, float], series: int = SERIES) -> Panel:
    """Items that sell 20 to 43 units a week, in some weeks `times` as much; the first half is tea, the other oil."""
    shape = np.ones(WEEKS)
    for week, factor in times.items():
        shape[week] = factor
    category = (np.arange(series) >= series // 2).astype(float)[:, None]
    panel = panel_of((20.0 + np.arange(series)[:, None]) * shape, season=52)
    return replace(
        panel,
        static=category,
        static_names=("category",),
        is_feast=np.isin(np.arange(WEEKS + AHEAD), () if feast is None else feast),
    )


def test_a_feast_that_is_over_is_over() -> None:
    panel = chain(39, {37: 1.5, 38: 2.0, 39: 2.25})
    seen, ahead = without_year(panel, WEEKS, AHEAD)
    assert seen.training_units == pytest.approx(chain(None, {}).training_units, rel=0.01)
    # half of it, as a factor its root, is left in the week after
    assert ahead[0] == pytest.approx([1.5, 1, 1, 1], rel=0.01)
    assert (seen.units == panel.units).all()


def test_feasts_a_week_apart_are_one() -> None:
    alone, ahead = without_year(chain(39, {39: 2.0}), WEEKS, AHEAD)
    both, after = without_year(chain((39, 40), {39: 2.0}), WEEKS, AHEAD)
    assert (both.training_units == alone.training_units).all()
    assert (after == ahead).all()


def test_once_the_weeks_after_are_there_they_are_compared_as_well() -> None:
    seen, ahead = without_year(chain(30, {30: 2.0, 31: 1.2}), WEEKS, AHEAD)
    assert seen.training_units == pytest.approx(chain(None, {}).training_units, rel=0.01)
    assert (ahead == 1).all()
    # demand that stays is no feast: half of it is the new level
    stays = without_year(chain(30, dict.fromkeys(range(30, WEEKS), 2.0)), WEEKS, AHEAD)[0]
    assert stays.training_units[0, 30] == pytest.approx(20 * np.sqrt(2), rel=0.01)
    assert stays.training_units[0, 39] == 40


def test_a_category_that_sells_more_of_a_feast_has_one_of_its_own() -> None:
    panel = chain(39, {39: 1.5})
    demand = panel.training_units.copy()
    demand[: SERIES // 2, 39] *= 2
    seen, ahead = without_year(replace(panel, training_units=demand), WEEKS, AHEAD)
    assert seen.training_units[:, 39] == pytest.approx(chain(None, {}).training_units[:, 39], rel=0.02)
    assert ahead[0, 0] > ahead[-1, 0] > 1


@pytest.mark.parametrize(
    "panel",
    [
        pytest.param(replace(chain(None, {39: 2.0}), is_feast=None), id="nobody knows the feasts"),
        pytest.param(chain(41, {38: 1.5, 39: 2.0}), id="it is yet to come"),
        pytest.param(chain((36, 42), {36: 1.5, 37: 1.2}), id="the next one is near"),
        pytest.param(chain(20, {20: 2.0}), id="it was long ago"),
        pytest.param(chain(39, {39: 0.5}), id="less was sold"),
        pytest.param(replace(chain(39, {39: 2.0}), season=12), id="months"),
        pytest.param(chain(39, dict.fromkeys(range(WEEKS), 0.0)), id="nothing was sold"),
        pytest.param(chain(39, {39: 2.0}, series=9), id="few series would be heard, not the chain"),
    ],
)
def test_nothing_changes_where(panel: Panel) -> None:
    seen, ahead = without_year(panel, WEEKS, AHEAD)
    assert (seen.training_units == panel.training_units).all()
    assert (ahead == 1).all()


def test_what_weeks_do_anyway_is_no_feast() -> None:
    restless = chain(39, {week: float(1.3 ** (-1) ** week) for week in range(WEEKS)})
    assert without_year(restless, WEEKS, AHEAD)[1].max() < 1.1


def test_what_comes_after_the_origin_is_not_read() -> None:
    panel = chain(30, {30: 2.0})
    later = panel.training_units.copy()
    later[:, 31:] *= 7
    one, two = (without_year(p, 31, AHEAD) for p in (panel, replace(panel, training_units=later)))
    assert (one[1] == two[1]).all()
    assert (one[0].training_units[:, :31] == two[0].training_units[:, :31]).all()


def test_the_panel_knows_weeks_with_a_holiday() -> None:
    calendar = calendar_frame(WEEKS).with_columns(holiday_days=(pl.col("week_start_date").dt.month() == 12).cast(pl.Int32))
    features = with_frame(feature_frames(np.full((3, WEEKS), 5.0)), calendar_weekly=calendar)
    panel = build_panel(features.conformed(), AS_OF, AHEAD, ForecastSettings()).panel
    # four weeks before the as-of day, a Sunday, 29 December, begin in December
    assert panel.is_feast is not None
    assert panel.is_feast.tolist() == [False] * (WEEKS - 4) + [True] * 4 + [True] + [False] * (AHEAD - 1)
