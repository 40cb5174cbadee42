"""What SQL says of orders beside what Python says: the columns both have, and how they are compared.

Belongs here: helpers of the tests that hold `rec_order_terms` and `ml.replenishment.orders` together. Does not belong here: tests.
"""

from __future__ import annotations

import polars as pl

KEY = ["item_id", "location_id"]
INPUTS = {
    "recommendations.rec_inventory_position": [
        "on_hand_units", "quarantined_units", "expected_defective_units", "usable_on_hand_units", "on_order_units",
        "on_order_defective_units", "backorder_units", "defect_share", "is_dormant",
    ],
    "intermediate.int_item_location_terms": [
        "unit_cost_usd", "moq_units", "pack_units", "max_stock_units", "shelf_life_days", "mean_lead_time_days",
    ],
    "recommendations.rec_order_targets": [
        "batch_rule", "horizon_days", "mean_units", "reorder_units", "target_units", "fixed_lead_time_target_units", "override_shift_units",
    ],
}  # fmt: skip
COMPARED = [
    "quarantined_units", "expected_defective_units", "usable_on_hand_units", "on_order_units", "on_order_defective_units",
    "backorder_units", "inventory_position_units", "moq_units", "pack_units", "defect_share",
    "shelf_life_days", "demand_units", "demand_safety_stock_units", "lead_time_safety_stock_units", "override_shift_units",
    "reorder_point_units", "order_up_to_units", "full_position_units", "daily_demand_units", "need_units", "gross_need_units",
    "economic_order_units", "economic_batch_units", "batch_units", "minimum_units", "packed_units", "max_stock_room_units",
    "shelf_life_room_units", "max_stock_cut_units", "shelf_life_cut_units", "order_units", "is_reorder_level_reached",
    "order_reason",
]  # fmt: skip


def differences(from_sql: pl.DataFrame, from_python: pl.DataFrame) -> dict[str, list[tuple]]:
    """The columns that differ, each with up to three items and what either says; quantities are compared to the last of their four digits, floating terms to the last bit."""
    exact = ("defect_share", "daily_demand_units", "economic_order_units", "is_reorder_level_reached", "order_reason")

    def comparable(frame: pl.DataFrame) -> pl.DataFrame:
        counted = [(pl.col(name).cast(pl.Float64) * 10_000).round(0).cast(pl.Int64) for name in COMPARED if name not in exact]
        return frame.sort(KEY).select(*KEY, *counted, *exact)

    left, right = comparable(from_sql), comparable(from_python)
    if not left.select(KEY).equals(right.select(KEY)):
        return {"rows": [(left.height, right.height)]}
    both = {name: pl.DataFrame({"item_id": left["item_id"], "sql": left[name], "python": right[name]}) for name in COMPARED}
    return {
        name: found.head(3).rows()
        for name, pair in both.items()
        if (found := pair.filter(pl.col("sql").ne_missing(pl.col("python")))).height
    }
