"""Safety stock of a warehouse over stores: by hand, and against every choice of service times."""

from __future__ import annotations

import itertools
import math

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.replenishment.constraints import place_safety_stock


def hub(**change) -> pl.DataFrame:
    known = {
        "item_id": 1,
        "location_id": 0,
        "lead_time_days": 9,
        "inbound_service_days": 0,
        "holding_cost_usd": 1.0,
        "z_factor": 2.0,
    }
    return pl.DataFrame([known | {"correlation": 0.0} | change])


def stores(*changes: dict) -> pl.DataFrame:
    known = {"item_id": 1, "lead_time_days": 1, "mean_units": 10.0, "sd_units": 5.0, "holding_cost_usd": 1.0, "z_factor": 2.0}
    return pl.DataFrame(
        [known | {"location_id": number, "promised_service_days": 0} | c for number, c in enumerate(changes, start=1)]
    )


def test_four_stores_are_worth_a_stock_at_the_warehouse() -> None:
    """Four stores of 5 units a day: pooled sqrt(4 x 25) = 10. The warehouse promises S of its 9 days; cost 2 x 10 x sqrt(9 - S) +
    4 x 2 x 5 x sqrt(S + 1): S = 0 gives 60 + 40 = 100, S = 9 gives 40 x sqrt(10) = 126.49, and between, as S = 3: 48.99 + 80."""
    placed = place_safety_stock(hub(), stores({}, {}, {}, {}))
    assert placed.filter(stage="warehouse").row(0, named=True) == {
        "item_id": 1, "location_id": 0, "stage": "warehouse", "inbound_service_days": 0, "service_days": 0,
        "net_replenishment_days": 9, "safety_stock_units": 60.0, "base_stock_units": 420.0, "safety_stock_cost_usd": 60.0,
    }  # fmt: skip
    store = placed.filter(location_id=4).row(0, named=True)
    # 2 x 5 x sqrt(1); 10 a day for one day beside it
    assert (store["safety_stock_units"], store["base_stock_units"], store["net_replenishment_days"]) == (10, 20, 1)
    assert placed["safety_stock_cost_usd"].sum() == 100


def test_one_store_holds_all_where_a_day_costs_as_much_at_either_place() -> None:
    """One store, no pooling: 2 x 5 x (sqrt(9 - S) + sqrt(S + 1)) is least at the end: S = 9 gives 10 x sqrt(10) = 31.62, S = 0
    gives 30 + 10."""
    placed = place_safety_stock(hub(), stores({}))
    assert placed["service_days"].to_list() == [9, 0]
    assert placed["safety_stock_cost_usd"].to_list() == pytest.approx([0, 10 * math.sqrt(10)])


def test_demand_that_moves_together_is_not_pooled() -> None:
    # correlation 1: 4 x 5 = 20, so 2 x 20 x sqrt(9) = 120 at the warehouse; all at the stores costs 126.49 against 160
    placed = place_safety_stock(hub(correlation=1.0), stores({}, {}, {}, {}))
    assert placed["service_days"].to_list() == [9, 0, 0, 0, 0]
    assert placed["safety_stock_cost_usd"].sum() == pytest.approx(40 * math.sqrt(10))


def test_a_store_whose_customers_wait_needs_less() -> None:
    placed = place_safety_stock(hub(), stores({}, {}, {}, {"promised_service_days": 5}))
    assert placed.filter(location_id=4)["safety_stock_units"].to_list() == [0]
    # it need not promise later than it can
    assert placed.filter(location_id=4)["service_days"].to_list() == [1]


def test_items_are_placed_each_on_its_own() -> None:
    two = pl.concat([stores({}), stores({}, {}, {}, {}).with_columns(item_id=pl.lit(2, dtype=pl.Int64))])
    both = place_safety_stock(pl.concat([hub(), hub(item_id=2)]), two)
    assert both.filter(item_id=1).equals(place_safety_stock(hub(), stores({})))
    assert both.filter(item_id=2)["safety_stock_cost_usd"].sum() == 100


some_store = st.fixed_dictionaries(
    {
        "lead_time_days": st.integers(0, 4),
        "sd_units": st.sampled_from([0.0, 1.0, 5.0, 12.0]),
        "holding_cost_usd": st.sampled_from([0.5, 1.0, 3.0]),
        "promised_service_days": st.integers(0, 2),
    }
)


@settings(max_examples=60, deadline=None)
@given(st.lists(some_store, min_size=1, max_size=3), st.integers(0, 6), st.integers(0, 3), st.sampled_from([0.0, 0.4, 1.0]))
def test_no_choice_of_service_times_costs_less(changes: list[dict], lead: int, inbound: int, correlation: float) -> None:
    warehouse, own = hub(lead_time_days=lead, inbound_service_days=inbound, correlation=correlation), stores(*changes)
    placed = place_safety_stock(warehouse, own)
    sd = own["sd_units"].to_list()
    pooled = math.sqrt((1 - correlation) * sum(s * s for s in sd) + correlation * sum(sd) ** 2)
    costs = []
    for service in range(lead + inbound + 1):
        for promises in itertools.product(*(range(change["promised_service_days"] + 1) for change in changes)):
            nets = [service + c["lead_time_days"] - promise for c, promise in zip(changes, promises, strict=True)]
            if min(nets) < 0:
                continue
            stock = sum(c["holding_cost_usd"] * 2 * c["sd_units"] * math.sqrt(net) for c, net in zip(changes, nets, strict=True))
            costs.append(stock + 2 * pooled * math.sqrt(lead + inbound - service))
    assert placed["safety_stock_cost_usd"].sum() == pytest.approx(min(costs), abs=1e-6)
    assert (placed["net_replenishment_days"] >= 0).all()
