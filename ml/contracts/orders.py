"""What the search for the cheapest order reads, and what it promises to write into the `ml.*` tables.

Belongs here: estimates that orders are made from. Does not belong here: orders, which SQL decides.
"""

from __future__ import annotations

import polars as pl

from ml.contracts.frame import ITEM_LOCATION, STAMP, Column, FrameContract

TARGET_ECONOMICS = FrameContract(
    "rec_target_economics",
    ("item_id", "location_id"),
    (
        *STAMP,
        *ITEM_LOCATION,
        Column("horizon_days", pl.Float64, "Protection interval: mean lead time plus review period, in days."),
        Column("review_period_days", pl.Float64, "Days between two chances to order."),
        Column("lead_time_deviation_days", pl.Float64, "Standard deviation of the lead time."),
        Column("mean_units", pl.Float64, "Expected demand over the protection interval."),
        Column("demand_levels", pl.List(pl.Float64), "Probabilities of the quantiles of that demand, ascending."),
        Column("demand_quantile_units", pl.List(pl.Float64), "These quantiles, in units."),
        Column("holding_cost_usd", pl.Float64, "Holding one unit for a day."),
        Column("shortage_cost_usd", pl.Float64, "Margin lost with one unit not sold."),
        Column("order_cost_usd", pl.Float64, "Cost of one more order line."),
        Column("moq_units", pl.Float64, "Smallest order of the line."),
        Column("pack_units", pl.Float64, "Units per pack."),
        Column("max_cover_days", pl.Float64, "Longest cover of a batch."),
    ),
)

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
        Column("point_number", pl.Int32, "Place on the curve, from the lowest target; 4 is the cheapest target itself."),
        Column("target_units", pl.Float64, "Order-up-to position."),
        *_COSTS,
    ),
)

ORDERS = (ORDER_TARGETS, ORDER_COST_CURVES)
