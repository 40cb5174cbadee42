"""What a frame contract accepts and refuses."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from ml.contracts import DEMAND_WEEKLY, FEATURES, ITEM_LOCATIONS, OUTPUTS, QUANTILES, ContractError


def demand() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "stock_out_days": [0, 2],
            "sold_units": [1, 2],
            "demand_units": [1, 3],
            "demand_low_units": [1, 2],
            "demand_high_units": [1, 5],
            "price_usd": [None, 9.5],
            "is_carried": [True, True],
            "week_start_date": [date(2024, 1, 1), date(2024, 1, 8)],
            "location_id": [1, 1],
            "item_id": [7, 7],
        }
    )


def test_conform_orders_and_casts() -> None:
    frame = DEMAND_WEEKLY.conform(demand())
    assert dict(frame.schema) == dict(DEMAND_WEEKLY.empty().schema)
    assert frame["sold_units"].to_list() == [1.0, 2.0]


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (demand().drop("sold_units"), "missing columns"),
        (demand().with_columns(extra=1), "unexpected columns"),
        (demand().with_columns(sold_units=pl.lit("many")), "promised type"),
        (demand().with_columns(sold_units=pl.lit(None, dtype=pl.Float64)), "nulls"),
        (demand().with_columns(sold_units=pl.lit(float("nan"))), "NaN"),
        (demand().with_columns(week_start_date=date(2024, 1, 1)), "repeat the key"),
    ],
)
def test_conform_refuses(frame: pl.DataFrame, message: str) -> None:
    with pytest.raises(ContractError, match=message):
        DEMAND_WEEKLY.conform(frame)


def test_a_nullable_column_may_be_null() -> None:
    key = {"item_id": 1, "location_id": 1}
    known = {
        "abc_class": "A",
        "demand_pattern": "smooth",
        "review_period_days": 7,
        "cycle_service_level": 0.95,
        "is_carried": True,
    }
    frame = pl.DataFrame([{column.name: None for column in ITEM_LOCATIONS.columns} | key | known])
    conforming = ITEM_LOCATIONS.conform(frame)
    nullable = [column.name for column in ITEM_LOCATIONS.columns if column.nullable]
    assert conforming.select(nullable).row(0) == (None,) * len(nullable)


@pytest.mark.parametrize("contract", [*FEATURES, *OUTPUTS], ids=lambda c: c.name)
def test_contracts_are_sound(contract) -> None:
    assert set(contract.grain) <= set(contract.schema)
    assert len(contract.schema) == len(contract.columns)
    assert contract.conform(contract.empty()).is_empty()
    assert not any(c.nullable for c in contract.columns if c.name in contract.grain)


def test_quantiles_are_ascending_probabilities() -> None:
    assert list(QUANTILES) == sorted(set(QUANTILES))
    assert all(0 < level < 1 for level in QUANTILES)
