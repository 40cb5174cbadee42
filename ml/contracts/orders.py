"""What the search for the cheapest order promises to write into the `ml.*` tables.

Belongs here: estimates that orders are made from. Does not belong here: orders, which SQL decides.
"""

from __future__ import annotations

import polars as pl

from ml.contracts.frame import ITEM_LOCATION, STAMP, Column, FrameContract

_COSTS = (
    Column("holding_cost_usd", pl.Float64, "Expected holding cost per year at this target."),
    Column("shortage_cost_usd", pl.Float64, "Expected margin of lost sales per year at this target."),
    Column("ordering_cost_usd", pl.Float64, "Expected cost of order lines per year at this target."),
)

ORDER_TARGETS = FrameContract(
    "order_targets",
    ("as_of_date", "item_id", "location_id"),
    (
        *STAMP,
        *ITEM_LOCATION,
        Column("horizon_days", pl.Float64, "Protection interval: mean lead time plus review period, in days."),
        Column("reorder_units", pl.Float64, "Order where the inventory position is at or below this."),
        Column("target_units", pl.Float64, "Order up to this inventory position: the least expected cost."),
        *_COSTS,
    ),
)

ORDER_COST_CURVES = FrameContract(
    "order_cost_curves",
    ("as_of_date", "item_id", "location_id", "point_number"),
    (
        *STAMP,
        *ITEM_LOCATION,
        Column("point_number", pl.Int32, "Place on the curve, from the lowest target; 0 is the cheapest target itself."),
        Column("target_units", pl.Float64, "Order-up-to position."),
        *_COSTS,
    ),
)

ORDERS = (ORDER_TARGETS, ORDER_COST_CURVES)
