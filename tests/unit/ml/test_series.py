"""The weekly grid and the repair of stock-out weeks."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from forecast_frames import AS_OF, demand_frame, item_frame
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.contracts import DEMAND_WEEKLY, ContractError
from ml.forecasting import ForecastSettings
from ml.forecasting.series import build_panel, repair_stock_outs, usable_demand

NAN = float("nan")


def panel(sales, stock_out_days=None, series: int | None = None):
    frame = DEMAND_WEEKLY.conform(demand_frame(sales, stock_out_days))
    keys = item_frame(series or len(np.atleast_2d(sales)))
    used = usable_demand(frame, keys, AS_OF, 157)
    return build_panel(used, keys, AS_OF, ForecastSettings())


def test_gaps_are_zero_and_leading_weeks_are_not_history() -> None:
    found = panel([[NAN, 4, NAN, 6], [1, 1, 1, 1]])
    assert found.sold_units.tolist() == [[0, 4, 0, 6], [1, 1, 1, 1]]
    assert found.start.tolist() == [1, 0]
    assert found.last_week == AS_OF - timedelta(days=6)


def test_a_series_that_ended_early_is_filled_to_the_as_of_date() -> None:
    assert panel([[5, 5, NAN, NAN], [1, 1, 1, 1]]).sold_units[0].tolist() == [5, 5, 0, 0]


def test_a_series_without_rows_has_no_history() -> None:
    found = panel([[1, 2, 3]], series=2)
    assert found.start.tolist() == [0, 3]


def test_negative_sales_are_zero_and_said() -> None:
    found = panel([[3, -2, 1]])
    assert found.sold_units.tolist() == [[3, 0, 1]]
    assert found.has_negative.tolist() == [True]


def test_weeks_of_another_weekday_are_refused() -> None:
    frame = DEMAND_WEEKLY.conform(demand_frame([[1, 2]]))
    with pytest.raises(ContractError, match="weekday"):
        usable_demand(frame, item_frame(1), AS_OF + timedelta(days=1), 157)


def test_repair_by_hand() -> None:
    sold = np.array([[4.0, 8, 0, 9, 1, 2]])
    in_stock = np.array([[True, True, False, False, True, False]])
    start = np.array([0])
    # Week 3: mean of 4, 8. Week 4 sold more than that mean. Week 6: mean of 4, 8, 1; of 8, 1 in a window of two.
    assert repair_stock_outs(sold, in_stock, start, 8)[0] == pytest.approx([4, 8, 6, 9, 1, 13 / 3])
    assert repair_stock_outs(sold, in_stock, start, 2)[0] == pytest.approx([4, 8, 6, 9, 1, 4.5])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_repair_never_lowers_and_never_looks_ahead(data) -> None:
    weeks = data.draw(st.integers(2, 20))
    sold = np.array([data.draw(st.lists(st.integers(0, 9), min_size=weeks, max_size=weeks))], dtype=float)
    in_stock = np.array([data.draw(st.lists(st.booleans(), min_size=weeks, max_size=weeks))])
    start = np.zeros(1, dtype=int)
    repaired = repair_stock_outs(sold, in_stock, start, 4)
    cut = data.draw(st.integers(1, weeks))
    assert (repaired >= sold).all()
    assert (repaired[in_stock] == sold[in_stock]).all()
    assert repaired[:, :cut].tolist() == repair_stock_outs(sold[:, :cut], in_stock[:, :cut], start, 4).tolist()
