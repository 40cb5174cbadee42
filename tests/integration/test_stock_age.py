"""The age of stock against a queue of goods per shelf, which takes in and gives out day by day.

Belongs here: layers to the unit. Does not belong here: buckets and expiry, which are dbt unit tests.
"""

from __future__ import annotations

from collections import Counter, deque
from datetime import date
from pathlib import Path

import duckdb
import pytest

Shelf = tuple[int, int]


class Queue:
    """Goods of one item in one store, the oldest first; what goes out without being there is owed to the books."""

    def __init__(self, first_day: date) -> None:
        self.goods: deque[date] = deque()
        self.gone: list[date] = []
        self.owed = 0
        self.first_day = first_day

    def put(self, day: date, units: int) -> None:
        for _ in range(units):
            self.goods.append(day)
            if self.owed:
                self.owed -= 1
                self.gone.append(self.goods.popleft())

    def take(self, units: int) -> None:
        for _ in range(units):
            if self.goods:
                self.gone.append(self.goods.popleft())
            else:
                self.owed += 1

    def take_back(self, units: int) -> None:
        """A count finds more than the books hold: what was thought to be gone last is still there."""
        for _ in range(units):
            if self.owed:
                self.owed -= 1
            else:
                self.goods.appendleft(self.gone.pop() if self.gone else self.first_day)


@pytest.mark.parametrize("fixture", ["built_warehouse", "busy_warehouse"])
def test_layers_are_those_of_a_queue(fixture: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(fixture)
    with duckdb.connect(str(path), read_only=True) as warehouse:
        movements = warehouse.sql(
            """
            select ledger.item_id, ledger.location_id, ledger.inventory_date, opening_count_units, received_units, sold_units,
                coalesce(put_units, 0) as put_units, coalesce(taken_units, 0) as taken_units, adjusted_units
            from intermediate.int_stock_ledger as ledger
            left join (
                select item_id, location_id, adjustment_date as inventory_date,
                    sum(greatest(recorded_adjustment_units, 0)) as put_units, sum(greatest(-recorded_adjustment_units, 0)) as taken_units
                from intermediate.int_recorded_adjustments group by all
            ) as recorded using (item_id, location_id, inventory_date)
            where closing_units is not null
            order by inventory_date
            """
        ).fetchall()
        found = warehouse.sql(
            "select item_id, location_id, receipt_date, layer_units from intermediate.int_stock_layers"
        ).fetchall()
        on_hand = warehouse.sql(
            "select item_id, location_id, closing_units from intermediate.int_inventory_item_location"
        ).fetchall()
    queues: dict[Shelf, Queue] = {}
    for item, location, day, opening, received, sold, put, taken, adjusted in movements:
        queue = queues.setdefault((item, location), Queue(day))
        queue.put(day, opening + received + put)
        queue.take(sold + taken + max(-adjusted, 0))
        queue.take_back(max(adjusted, 0))
    layers = Counter({(*shelf, day): units for shelf, queue in queues.items() for day, units in Counter(queue.goods).items()})
    assert {row[:3]: row[3] for row in found} == layers
    assert len({day for _, _, day in layers}) > 10
    assert {row[:2]: max(row[2], 0) for row in on_hand} == {shelf: len(queue.goods) for shelf, queue in queues.items()}


def test_buckets_sum_to_the_stock(busy_warehouse: Path) -> None:
    with duckdb.connect(str(busy_warehouse), read_only=True) as warehouse:
        unlike = warehouse.sql(
            """
            select item_id, location_id, on_hand_units, closing_units
            from intermediate.int_stock_age
            full join intermediate.int_inventory_item_location using (item_id, location_id)
            where greatest(closing_units, 0) <> coalesce(
                age_0_30_units + age_31_60_units + age_61_90_units + age_91_180_units + age_over_180_units, 0
            ) or on_hand_units <> closing_units
            """
        ).fetchall()
        assert unlike == []
        (old,) = warehouse.sql("select sum(age_61_90_units + age_91_180_units) from intermediate.int_stock_age").fetchone()
        assert old > 0
