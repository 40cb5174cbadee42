"""The weekly grid, the repair of stock-outs, demand patterns: worked by hand."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from forecast_frames import AS_OF, NAN, demand_frame, feature_frames, item_frame, panel_of, promotion_frame, weeks_before
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.contracts import DEMAND_WEEKLY, ContractError
from ml.forecasting import ForecastSettings
from ml.forecasting.panel import PATTERNS, demand_pattern, repair_stock_outs
from ml.forecasting.weekly import KNOWN_NAMES, WeeklyPanel, build_panel, usable_demand

SETTINGS = ForecastSettings()


def weekly(sales, horizon: int = 3, settings: ForecastSettings = SETTINGS, **frames) -> WeeklyPanel:
    return build_panel(feature_frames(sales, **frames).conformed(), AS_OF, horizon, settings)


def test_gaps_are_zero_and_leading_weeks_are_not_history() -> None:
    found = weekly([[NAN, 4, NAN, 6], [1, 1, 1, 1]])
    assert found.panel.units.tolist() == [[0, 4, 0, 6], [1, 1, 1, 1]]
    assert found.panel.start.tolist() == [1, 0]
    assert found.panel.history_periods(4).tolist() == [3, 4]
    assert found.panel.history_periods(1).tolist() == [0, 1]
    assert found.panel.mean_units(4).tolist() == pytest.approx([10 / 3, 1])
    assert found.last_week == AS_OF - timedelta(days=6)
    assert found.weeks_ahead(2) == [AS_OF + timedelta(days=1), AS_OF + timedelta(days=8)]


def test_a_series_that_ended_early_is_filled_to_the_as_of_date() -> None:
    assert weekly([[5, 5, NAN, NAN], [1, 1, 1, 1]]).panel.units[0].tolist() == [5, 5, 0, 0]


def test_a_series_without_rows_has_no_history() -> None:
    found = weekly([[1, 2, 3]], items=item_frame(2))
    assert found.panel.start.tolist() == [0, 3]
    assert found.history_reasons(SETTINGS) == ["short history: 3 weeks", "no history"]


def test_negative_sales_are_zero_and_said() -> None:
    found = weekly([[3, -2, 1]])
    assert found.panel.units.tolist() == [[3, 0, 1]]
    assert found.has_negative.tolist() == [True]


def test_weeks_of_another_weekday_are_refused() -> None:
    frame = DEMAND_WEEKLY.conform(demand_frame([[1, 2]]))
    with pytest.raises(ContractError, match="weekday"):
        usable_demand(frame, item_frame(1), AS_OF + timedelta(days=1), SETTINGS)


def test_only_the_newest_weeks_are_read() -> None:
    frame = DEMAND_WEEKLY.conform(demand_frame([[1, 2, 3, 4]]))
    used = usable_demand(frame, item_frame(1), AS_OF, ForecastSettings(max_history_periods=3))
    assert used["sold_units"].to_list() == [2, 3, 4]


def test_models_train_on_the_demand_that_sql_estimated() -> None:
    # Week 3: SQL says 9. Week 5: SQL could say nothing more than the sales, so the mean of 4, 8 and 6 stands in.
    sales, out, demand = [[4, 8, 1, 6, 2]], [[0, 0, 3, 0, 7]], [[4, 8, 9, 6, 2]]
    found = weekly(sales, out=out, demand=demand)
    assert found.panel.units.tolist() == sales
    assert found.demand_units[0].tolist() == pytest.approx([4, 8, 9, 6, 6])
    assert found.panel.training_units[0].tolist() == pytest.approx([4, 8, 9, 6, 6])
    assert found.panel.is_in_stock[0].tolist() == [True, True, False, True, False]
    naked = weekly(sales, out=out, demand=demand, settings=ForecastSettings(repair_stock_outs=False))
    assert naked.panel.training_units.tolist() == sales


def test_weeks_in_which_an_item_was_dropped_are_neither_scored_nor_repaired() -> None:
    # it ran out in week 3 and was dropped: the mean of 4 and 8 stands in for the first week alone
    found = weekly([[4, 8, 0, 0, 6]], out=[[0, 0, 7, 7, 0]], is_carried=[[True, True, True, False, True]])
    assert found.panel.training_units[0].tolist() == pytest.approx([4, 8, 6, 0, 6])
    assert found.panel.is_in_stock[0].tolist() == [True, True, False, False, True]
    # whatever the books show
    assert not weekly([[4, 8, 0]], is_carried=[[True, True, False]]).panel.is_in_stock[0, 2]


def test_what_is_known_ahead_lies_on_the_same_grid() -> None:
    # Weeks -2 .. 0 of history and 1 .. 3 ahead; a promotion in the last week and two weeks ahead, of series 1.
    last, ahead = AS_OF - timedelta(days=6), AS_OF + timedelta(days=8)
    found = weekly([[1, 2, 3], [1, 2, 3]], known=promotion_frame([(1, last, 2), (1, ahead, 7)])).panel
    assert found.known_names == KNOWN_NAMES
    assert found.known[:, :, 0].tolist() == [[0] * 6, [0, 0, 2, 0, 7, 0]]
    # the weeks begin on 9, 16, 23, 30 December, 6 and 13 January; the month is that of their middle day
    assert found.known[0, :, 3].tolist() == [12, 12, 12, 1, 1, 1]
    assert weeks_before(1) == [last]


def test_repair_by_hand() -> None:
    sold = np.array([[4.0, 8, 0, 9, 1, 2]])
    in_stock = np.array([[True, True, False, False, True, False]])
    start = np.array([0])
    # Week 3: mean of 4, 8. Week 4 sold more than that mean. Week 6: mean of 4, 8, 1; of 8, 1 in a window of two.
    assert repair_stock_outs(sold, in_stock, start, 1, 8)[0] == pytest.approx([4, 8, 6, 9, 1, 13 / 3])
    assert repair_stock_outs(sold, in_stock, start, 1, 2)[0] == pytest.approx([4, 8, 6, 9, 1, 4.5])
    # of a season of 52 weeks nothing can be learned from six
    assert repair_stock_outs(sold, in_stock, start, 52, 8)[0] == pytest.approx([4, 8, 6, 9, 1, 13 / 3])


def test_repair_knows_the_day_of_the_week() -> None:
    # Seasons of two periods, 2 and 6: factors 0.5 and 1.5 of the level 4. A stock-out on either place gets the place's own mean.
    sold = np.array([[2.0, 6, 2, 6, 0, 6, 2, 0]])
    in_stock = np.array([[True, True, True, True, False, True, True, False]])
    assert repair_stock_outs(sold, in_stock, np.array([0]), 2, 8)[0] == pytest.approx([2, 6, 2, 6, 2, 6, 2, 6])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_repair_never_lowers_and_never_looks_ahead(data) -> None:
    weeks = data.draw(st.integers(2, 20))
    sold = np.array([data.draw(st.lists(st.integers(0, 9), min_size=weeks, max_size=weeks))], dtype=float)
    in_stock = np.array([data.draw(st.lists(st.booleans(), min_size=weeks, max_size=weeks))])
    start = np.zeros(1, dtype=int)
    repaired = repair_stock_outs(sold, in_stock, start, 1, 4)
    cut = data.draw(st.integers(1, weeks))
    assert (repaired >= sold).all()
    assert (repaired[in_stock] == sold[in_stock]).all()
    assert repaired[:, :cut].tolist() == repair_stock_outs(sold[:, :cut], in_stock[:, :cut], start, 1, 4).tolist()
    seasonal = repair_stock_outs(sold, in_stock, start, 7, 4)
    assert (seasonal >= sold).all()
    assert (seasonal[in_stock] == sold[in_stock]).all()


@pytest.mark.parametrize(
    ("demand", "pattern"),
    [
        # every period sells: interval 1; sizes 4, 6: squared coefficient of variation (2 / 9 x 6) / 25 = 0.04
        ([4, 6, 4, 6, 4, 6, 4, 6, 4, 6], "smooth"),
        # sizes 1 and 9 evenly: mean 5, variance 16 x 10 / 9, over 25: 0.71
        ([1, 9, 1, 9, 1, 9, 1, 9, 1, 9], "erratic"),
        # 4 of 10 periods sell: interval 2.5
        ([0, 2, 0, 0, 2, 0, 2, 0, 0, 2], "intermittent"),
        # the same with sizes 1, 9, 1, 9
        ([0, 1, 0, 0, 9, 0, 1, 0, 0, 9], "lumpy"),
        ([0] * 10, "none"),
    ],
)
def test_demand_patterns_by_hand(demand: list[int], pattern: str) -> None:
    assert PATTERNS[demand_pattern(panel_of(demand), 10)[0]] == pattern


def test_patterns_do_not_count_what_lies_before_the_first_period_or_after_the_origin() -> None:
    sales = [[0, 0, 0, 0, 5, 5, 5, 5, 0, 0, 0, 0, 0, 0, 0, 0]]
    assert PATTERNS[demand_pattern(panel_of(sales, start=[4]), 8)[0]] == "smooth"
    assert PATTERNS[demand_pattern(panel_of(sales), 16)[0]] == "intermittent"
    assert PATTERNS[demand_pattern(panel_of(sales, start=[4]), 4)[0]] == "none"


def test_the_level_follows_what_is_sold_lately() -> None:
    # 40 weeks of 2, then 26 of 10: recent mean 10, of all (80 + 260) / 66
    sales = np.r_[np.full(40, 2.0), np.full(26, 10.0)]
    level = panel_of(sales, season=52).level_units(66)[0]
    assert level == pytest.approx(0.7 * 10 + 0.3 * 340 / 66)
    assert panel_of(np.zeros(9)).level_units(9)[0] > 0


def test_a_data_error_in_one_series_leaves_the_level_of_the_others() -> None:
    sales = np.tile(np.arange(1.0, 12.0)[:, None], 60)
    wrong = sales.copy()
    wrong[10, 30] = 1e7
    one, two = (panel_of(units, season=52).level_units(60) for units in (sales, wrong))
    assert (one[:10] == two[:10]).all()
    # and what sells nothing lately is measured in a share of what the median series sells, six a week
    assert panel_of(np.vstack([sales, np.zeros((1, 60))]), season=52).level_units(60)[-1] == pytest.approx(0.08 * 6)
