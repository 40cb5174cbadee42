"""Packs and minimum orders: which are worth it, worked by hand, and what a shop pays that rounds up instead."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from decide_frames import one_order

from ml.replenishment.draws import draw
from ml.replenishment.lots import Lots, in_lots, read_lots
from ml.replenishment.search import Situation
from ml.replenishment.supply import Supply

AGES = 3
AT_ONCE = Supply(np.array([[1.0, 1.0, 1.0]]), np.array([1.0]))
DRAWS = draw(4, 3, AGES + 4, 7)


def wanted_in_lots(
    wanted: float,
    demand: float,
    *,
    margin: float,
    pack: float = 1.0,
    smallest: float | None = None,
    on_hand: float = 0.0,
    unit: float = 1.0,
) -> float:
    """Of a constant demand, delivered at once; a unit costs 1 per period to hold."""
    paths = np.full((1, 4, 3), demand)
    now = Situation(paths, np.zeros_like(paths), np.array([on_hand]), np.array([margin]), np.array([1.0]), 0, 1)
    lots = Lots(np.array([smallest or pack]), np.array([pack]))
    return float(in_lots(now, AT_ONCE, DRAWS, np.array([wanted]), np.array([demand]), np.array([unit]), lots)[0])


@pytest.mark.parametrize(("wanted", "units"), [(20.0, 18.0), (21.0, 21.0), (24.0, 24.0), (2.0, 0.0), (3.0, 3.0)])
def test_a_pack_that_is_sold_within_a_period_is_the_nearest(wanted: float, units: float) -> None:
    # packs of 6 and 100 a period; 21 is rounded up to 24 afterwards, as orders are, and 3 to 6
    assert wanted_in_lots(wanted, 100.0, margin=2.0, pack=6.0) == units


@pytest.mark.parametrize(("margin", "is_ordered"), [(1.9, False), (2.1, True)])
def test_a_pack_for_four_periods_is_ordered_where_the_margin_pays_for_half_of_it(margin: float, is_ordered: bool) -> None:
    # an empty shelf, 2 a period, packs of 8: 4 of them lie there on average and cost 4 a period, for a margin of 2 units
    assert (wanted_in_lots(2.0, 2.0, margin=margin, pack=8.0) > 0) == is_ordered


def test_a_pack_for_long_waits_until_the_shelf_is_nearly_empty() -> None:
    assert wanted_in_lots(1.0, 2.0, margin=3.0, pack=8.0, on_hand=1.0) == 0
    assert wanted_in_lots(2.0, 2.0, margin=3.0, pack=8.0, on_hand=0.0) > 0


def test_a_minimum_is_a_first_pack_and_packs_follow() -> None:
    # at least 40 in packs of 5, 30 a period: beyond the minimum the nearest pack; it is worth it for an empty shelf, and not where one is missing
    found = [wanted_in_lots(units, 30.0, margin=9.0, pack=5.0, smallest=40.0) for units in (41.0, 43.0)]
    assert found == [40.0, 43.0]
    assert wanted_in_lots(25.0, 30.0, margin=9.0, pack=5.0, smallest=40.0) > 0
    assert wanted_in_lots(1.0, 30.0, margin=9.0, pack=5.0, smallest=40.0, on_hand=29.0) == 0


def test_what_is_sold_by_weight_has_no_lots_unless_it_is_packed() -> None:
    assert wanted_in_lots(0.37, 0.3, margin=2.0, pack=0.0, smallest=0.0, unit=0.0) == 0.37
    # packs of 0.25: 0.12 beyond the first is less than half of a second
    assert wanted_in_lots(0.37, 0.3, margin=9.0, pack=0.25, unit=0.0) == 0.25


def test_lots_are_read_as_orders_reads_them() -> None:
    table = pl.DataFrame(
        {
            "is_whole_units": [True, True, True, False, False],
            "pack": [None, 6.0, 6.0, None, 0.5],
            "moq": [None, None, 20.0, 3.0, 1.2],
        }
    )
    lots = read_lots(table)
    assert lots.pack.tolist() == [1, 6, 6, 0, 0.5]
    assert lots.smallest.tolist() == [1, 6, 24, 3, 1.5]


def test_a_case_of_what_hardly_sells_is_bought_where_its_margin_pays() -> None:
    # one in two weeks: a case of 24 lies for a year, 12 of them on average
    rare = np.random.default_rng(3).poisson(0.5, 60).tolist()
    dear, cheap = (one_order(rare, pack=24, holding_cost=0.2, shortage_cost=margin) for margin in (12.0, 1.0))
    assert dear["order_qty"] == 24
    assert cheap["order_qty"] == 0
    assert "would not pay for itself yet" in cheap["reason"]


def test_of_what_never_sold_no_pack_is_bought() -> None:
    assert one_order([0.0] * 12, pack=6)["order_qty"] == 0


def reward(demand: np.ndarray, by_pack: bool) -> float:
    """50 periods with packs of 12 delivered at once, margin 4, holding 0.5: decided in packs, or in units that are rounded up to them."""
    on_hand = total = 0.0
    for t in range(20, len(demand)):
        more = {"pack": 12} if by_pack else {}
        units = one_order(demand[:t].tolist(), now=t, on_hand=on_hand, holding_cost=0.5, shortage_cost=4.0, **more)["order_qty"]
        on_hand += np.ceil(units / 12) * 12
        sold = min(on_hand, demand[t])
        on_hand -= sold
        total += 4.0 * sold - 0.5 * on_hand
    return float(total)


def test_packs_are_worth_more_than_units_rounded_up() -> None:
    games = [np.random.default_rng(seed).poisson(1.2, 70).astype(float) for seed in range(6)]
    packed, rounded = (sum(reward(demand, by_pack) for demand in games) for by_pack in (True, False))
    assert packed > 1.05 * rounded > 0
