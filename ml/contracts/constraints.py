"""What crosses the border around constraints: the lines of an order with their economics in, adjustments and transfers out.

Belongs here: columns. Does not belong here: how an order is cut, filled up or moved.
"""

from __future__ import annotations

import polars as pl

from ml.contracts.frame import ITEM_LOCATION, Column, FrameContract

_AS_OF = Column("as_of_date", pl.Date, "Last day whose data the run knew.")

ORDER_ECONOMICS = FrameContract(
    "rec_order_economics",
    ("item_id", "location_id"),
    (
        _AS_OF,
        *ITEM_LOCATION,
        Column("vendor_id", pl.Int32, "Vendor; null where none is known.", nullable=True),
        Column("abc_class", pl.String, "A, B, C; Z without usage."),
        Column("order_units", pl.Int32, "Units to order before any constraint; null where stock is unknown.", nullable=True),
        Column("override_order_units", pl.Int32, "Units a person orders instead; null without a word.", nullable=True),
        Column("need_units", pl.Float64, "Reorder point minus position; null where stock is unknown.", nullable=True),
        Column("reorder_point_units", pl.Float64, "Level the position is compared with."),
        Column(
            "inventory_position_units", pl.Int32, "Usable on hand plus on order minus backorders, in whole units.", nullable=True
        ),
        Column("usable_on_hand_units", pl.Int32, "On hand that can be sold, in whole units.", nullable=True),
        Column(
            "stored_units",
            pl.Float64,
            "Units that take room: on hand, quarantined, defective and expired ones too, plus on order; 0 where unknown.",
        ),
        Column("moq_units", pl.Int32, "Smallest order of the line, in units."),
        Column("pack_units", pl.Int32, "Units per pack."),
        Column("unit_cost_usd", pl.Float64, "Standard cost per unit; null where unknown.", nullable=True),
        Column("holding_cost_usd", pl.Float64, "Holding one unit over the protection interval; 0 where the cost is unknown."),
        Column(
            "shortage_cost_usd",
            pl.Float64,
            "Margin lost with one unit not sold; null where price or cost is unknown.",
            nullable=True,
        ),
        Column("daily_demand_units", pl.Float64, "Expected demand per day of the protection interval."),
        Column("max_cover_days", pl.Float64, "Longest cover an order may be filled up to."),
        Column(
            "room_units", pl.Float64, "Most units that max stock and shelf life leave room for; null: no limit.", nullable=True
        ),
        Column("is_dormant", pl.Boolean, "Taken for dropped: not ordered."),
        Column(
            "demand_levels",
            pl.List(pl.Float64),
            "Probabilities of the quantiles of demand over the protection interval, ascending.",
        ),
        Column("demand_quantile_units", pl.List(pl.Float64), "These quantiles, in units."),
        Column("unit_volume_ml", pl.Float64, "Volume of a unit; null where unknown.", nullable=True),
        Column(
            "minimum_order_usd", pl.Float64, "Smallest order the vendor takes, over all stores; null without one.", nullable=True
        ),
        Column("order_weekdays", pl.String, "ISO weekdays on which the vendor takes orders, as 1,4; null: any.", nullable=True),
        Column(
            "order_every_days",
            pl.Int32,
            "Days between two chances to order, from first_order_date; null: any day.",
            nullable=True,
        ),
        Column("first_order_date", pl.Date, "A day on which the vendor took orders; null without a cycle.", nullable=True),
        Column("total_budget_usd", pl.Float64, "Money for all orders of the day; null: no limit.", nullable=True),
        Column("vendor_budget_usd", pl.Float64, "Money for orders from this vendor; null: no limit.", nullable=True),
        Column("class_budget_usd", pl.Float64, "Money for orders of this ABC class; null: no limit.", nullable=True),
        Column("total_exported_usd", pl.Float64, "Spent of the day's money already: goods of proposals exported for the day."),
        Column("vendor_exported_usd", pl.Float64, "The same of this vendor."),
        Column("class_exported_usd", pl.Float64, "The same of this ABC class."),
        Column("storage_capacity_units", pl.Float64, "Units the location holds; null: no limit.", nullable=True),
        Column("storage_capacity_litres", pl.Float64, "Litres the location holds; null: no limit.", nullable=True),
        Column("holding_cost_rate_per_year", pl.Float64, "Holding cost as a share of unit cost per year."),
        Column("order_cost_usd_per_line", pl.Float64, "Cost of one more order line."),
        Column("transfer_cost_usd_per_line", pl.Float64, "Cost of one more transfer between stores."),
        Column("transfer_cost_usd_per_unit", pl.Float64, "Cost of each unit of it."),
        Column(
            "transfer_cover_days",
            pl.Float64,
            "A store gives only what it has beyond this many days of its demand; 0: no transfers.",
        ),
    ),
)

ADJUSTMENTS = ("transfer in", "transfer out", "order calendar", "vendor minimum", "joint order", "storage", "budget")
"""Every kind of adjustment, in the order in which they are made."""

ORDER_ADJUSTMENTS = FrameContract(
    "order_adjustments",
    ("as_of_date", "item_id", "location_id", "adjustment"),
    (
        _AS_OF,
        *ITEM_LOCATION,
        Column("adjustment", pl.String, f"What changes the order: {', '.join(ADJUSTMENTS[:-1])} or {ADJUSTMENTS[-1]}."),
        Column("adjustment_units", pl.Int32, "Units added to the order; negative where it is cut or put off."),
        Column(
            "cost_usd",
            pl.Float64,
            "Expected cost of it, in lost margin and holding; negative where it saves; null where unknown.",
            nullable=True,
        ),
        Column("reason", pl.String, "Why."),
    ),
)

ORDER_TRANSFERS = FrameContract(
    "order_transfers",
    ("as_of_date", "item_id", "from_location_id", "to_location_id"),
    (
        _AS_OF,
        Column("item_id", pl.Int32, "Item."),
        Column("from_location_id", pl.Int32, "Store that gives."),
        Column("to_location_id", pl.Int32, "Store that gets."),
        Column("transfer_units", pl.Int32, "Units to move."),
        Column("saving_usd", pl.Float64, "Expected saving against buying them, the cost of the transfer taken off."),
        Column("reason", pl.String, "Why."),
    ),
)

CONSTRAINTS = (ORDER_ADJUSTMENTS, ORDER_TRANSFERS)
