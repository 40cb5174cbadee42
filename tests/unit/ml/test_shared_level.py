"""The level of a series as its relatives tell it: what counts, what is left alone, and that it comes nearer to the truth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from forecast_frames import panel_of

from ml.forecasting import ForecastSettings, shared_level
from ml.forecasting.panel import Panel

ITEMS, STORES, WEEKS = 40, 8, 60
ITEM, STORE = np.repeat(np.arange(ITEMS), STORES), np.tile(np.arange(STORES), ITEMS)
SETTINGS = ForecastSettings()


def chain(seed: int = 1, drift: float = 0.06) -> tuple[Panel, np.ndarray]:
    """Items in stores, each item on its way up or down in all of them, and the true rate in the week after, (series,)."""
    rng = np.random.default_rng(seed)
    base = rng.lognormal(1.0, 0.7, len(ITEM))
    path = np.exp(rng.normal(0, drift, (ITEMS, WEEKS + 1)).cumsum(axis=1))[ITEM]
    panel = panel_of(rng.poisson(base[:, None] * path[:, :-1]), season=52)
    return related(panel), base * path[:, -1]


def related(panel: Panel) -> Panel:
    return replace(panel, static=np.column_stack([ITEM, STORE]).astype(float), static_names=("item_id", "store_location"))


def test_ratios_by_hand() -> None:
    # Two weeks of four: series 0 sold 1 a week, lately 2; its mean is 1.5, 3 expected in two weeks, 4 came. Series 1: 6 and 6. All do
    # 7/6 of what their means say, by one vote each, so 3.5 and 7 are expected; a usual series has the squared mean of the roots, u.
    usual = np.mean(np.sqrt([3.5, 7])) ** 2
    panel = panel_of([[1, 1, 2, 2], [3, 3, 3, 3]], season=52)
    own = shared_level._ratios(panel, 4, (2,), [])
    assert own[:, 0] == pytest.approx(np.log([(4 + 0.1 * usual) / (3.5 + 0.1 * usual), (6 + 0.1 * usual) / (7 + 0.1 * usual)]))
    # four such series: were the first and the third one item, and the others another, 8 came for 7 and 12 for 14
    four = panel_of(np.vstack([panel.units, panel.units]), season=52)
    found = shared_level._ratios(four, 4, (2,), [np.array([0, 1, 0, 1])])[:2, 1]
    assert found == pytest.approx(np.log([(8 + usual) / (7 + usual), (12 + usual) / (14 + usual)]))


def test_relatives_bring_the_level_nearer_to_the_truth() -> None:
    errors = []
    for seed in range(5):
        panel, truth = chain(seed)
        scale = shared_level.learn(panel, WEEKS, 2, SETTINGS).scale(panel, WEEKS)
        errors.append([np.abs(level - truth).sum() / truth.sum() for level in (scale.own_units, scale.units)])
    own, shared = np.mean(errors, axis=0)
    assert own > 0.15
    assert shared < 0.75 * own


def test_where_nothing_moves_relatives_do_no_harm() -> None:
    panel, truth = chain(drift=0.0)
    scale = shared_level.learn(panel, WEEKS, 2, SETTINGS).scale(panel, WEEKS)
    own, shared = (np.abs(level - truth).sum() for level in (scale.own_units, scale.units))
    assert shared < 1.05 * own


@pytest.mark.parametrize("static", [np.zeros((len(ITEM), 0)), np.zeros((len(ITEM), 1)), np.arange(len(ITEM))[:, None]])
def test_without_relatives_every_series_stands_for_itself(static: np.ndarray) -> None:
    # no attribute; one value for all; a value of its own for each
    panel = replace(chain()[0], static=static.astype(float), static_names=("name",)[: static.shape[1]])
    level = shared_level.learn(panel, WEEKS, 2, SETTINGS)
    scale = level.scale(panel, WEEKS)
    assert level.coefficients is None
    assert scale.own_units is None
    np.testing.assert_array_equal(scale.units, panel.level_units(WEEKS))


def test_the_median_series_has_its_own_level() -> None:
    panel, _ = chain()
    scale = shared_level.learn(panel, WEEKS, 2, SETTINGS).scale(panel, WEEKS)
    assert scale.own_units is not None
    assert np.median(scale.own_units / scale.units) == pytest.approx(1)
    assert (scale.units > 0).all()


def test_one_data_error_hardly_moves_the_others() -> None:
    panel, _ = chain()
    sales = panel.units.copy()
    sales[9, -1] = 1e5
    wild = related(panel_of(sales, season=52))
    plain, moved = (shared_level.learn(p, WEEKS, 2, SETTINGS).scale(p, WEEKS).units for p in (panel, wild))
    strangers = (ITEM[9] != ITEM) & (STORE[9] != STORE) & (panel.level_units(WEEKS) > 1)
    assert np.median(np.abs(moved / plain - 1)[strangers]) < 0.1


def test_what_comes_later_is_not_read() -> None:
    panel, _ = chain()
    sales, in_stock = panel.units.copy(), panel.is_in_stock.copy()
    sales[:, 50:], in_stock[:, 50:] = 900, False
    changed = related(panel_of(sales, in_stock, season=52))
    left, right = (shared_level.learn(p, 50, 4, SETTINGS).scale(p, 50).units for p in (panel, changed))
    np.testing.assert_array_equal(left, right)


def test_the_order_of_series_changes_nothing() -> None:
    panel, _ = chain()
    order = np.random.default_rng(2).permutation(panel.series)
    plain, shuffled = (shared_level.learn(p, WEEKS, 4, SETTINGS).scale(p, WEEKS).units for p in (panel, panel.take(order)))
    assert shuffled == pytest.approx(plain[order], rel=1e-4)


def test_series_without_demand_and_one_wild_week_are_bounded() -> None:
    panel, _ = chain()
    sales = panel.units.copy()
    sales[0], sales[9, -1] = 0, 1e6
    wild = related(panel_of(sales, season=52))
    scale = shared_level.learn(wild, WEEKS, 2, SETTINGS).scale(wild, WEEKS)
    assert scale.own_units is not None
    assert np.isfinite(scale.units).all()
    assert (scale.units > 0).all()
    assert scale.units[0] == scale.own_units[0]


def test_a_short_history_teaches_nothing() -> None:
    panel, _ = chain()
    young = replace(panel, start=np.full(panel.series, WEEKS - 6))
    assert shared_level.learn(young, WEEKS, 2, SETTINGS).coefficients is None
    assert shared_level.learn(panel, 5, 2, SETTINGS).coefficients is None
