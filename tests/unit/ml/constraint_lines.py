"""Lines of an order for tests of constraints: one line as it should be, changed where a test says so."""

from __future__ import annotations

from datetime import date

import polars as pl

from ml.contracts.constraints import ORDER_ECONOMICS

# demand is even between 0 and 100 units: P(D <= x) = x / 100
EVEN = {"demand_levels": [0.25, 0.5, 0.75], "demand_quantile_units": [25.0, 50.0, 75.0]}
LINE = {
    "as_of_date": date(2016, 6, 30),  # a Thursday
    "item_id": 1, "location_id": 1, "vendor_id": 7, "abc_class": "A", "order_units": 20, "override_order_units": None,
    "need_units": 20.0, "reorder_point_units": 20.0, "inventory_position_units": 0, "usable_on_hand_units": 0, "stored_units": 0.0, "moq_units": 1,
    "pack_units": 1, "unit_cost_usd": 10.0, "holding_cost_usd": 1.0, "shortage_cost_usd": 4.0, "daily_demand_units": 5.0,
    "max_cover_days": 90.0, "room_units": None, "is_dormant": False, **EVEN, "unit_volume_ml": 750.0, "minimum_order_usd": None, "order_weekdays": None,
    "order_every_days": None, "first_order_date": None, "total_budget_usd": None, "vendor_budget_usd": None, "class_budget_usd": None,
    "total_exported_usd": 0.0, "vendor_exported_usd": 0.0, "class_exported_usd": 0.0,
    "storage_capacity_units": None, "storage_capacity_litres": None, "holding_cost_rate_per_year": 0.25,
    "order_cost_usd_per_line": 2.5, "transfer_cost_usd_per_line": 5.0, "transfer_cost_usd_per_unit": 0.1, "transfer_cover_days": 0.0,
}  # fmt: skip


def lines(*changes: dict) -> pl.DataFrame:
    """One line for each change; items are numbered from 1 unless told."""
    rows = [LINE | {"item_id": number} | change for number, change in enumerate(changes, start=1)]
    return ORDER_ECONOMICS.conform(pl.DataFrame(rows, schema=ORDER_ECONOMICS.schema, orient="row"))
