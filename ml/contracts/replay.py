"""What a replay of policies reads beside the features of the forecasts, and what it promises to write into the `ml.*` tables.

Belongs here: the frames of the replay. Does not belong here: the features that forecasts read too (`features`).
"""

from __future__ import annotations

import polars as pl

from ml.contracts.frame import ITEM_LOCATION, STAMP, Column, FrameContract

ORDER_TERMS = FrameContract(
    "ftr_order_terms",
    ("item_id", "location_id"),
    (
        *ITEM_LOCATION,
        Column("moq_units", pl.Float64, "Least units of an order; 1 where the vendor names none."),
        Column("pack_units", pl.Float64, "Units that come together; 1 where single units do."),
        Column("order_cost_usd", pl.Float64, "Cost of one more order line."),
    ),
)

PURCHASE_LINES = FrameContract(
    "ftr_purchase_lines",
    ("purchase_order_id", "item_id", "location_id", "vendor_id", "order_date", "receipt_date"),
    (
        Column("purchase_order_id", pl.Int32, "Purchase order.", nullable=True),
        *ITEM_LOCATION,
        Column("vendor_id", pl.Int32, "Vendor; 0 where none is known.", nullable=True),
        Column("order_date", pl.Date, "Day the order was placed."),
        Column("receipt_date", pl.Date, "Day these units arrived; null while they are on order.", nullable=True),
        Column("ordered_units", pl.Float64, "Units ordered."),
    ),
)

STOCK_WEEKLY = FrameContract(
    "ftr_stock_weekly",
    ("item_id", "location_id", "week_start_date"),
    (
        *ITEM_LOCATION,
        Column(
            "week_start_date",
            pl.Date,
            "First of seven days; weeks are those of ftr_demand_weekly. No row before the item entered the books.",
        ),
        Column(
            "average_units",
            pl.Float64,
            "Mean over the seven days of the stock at the end of each; books below zero count as none.",
        ),
        Column("closing_units", pl.Float64, "Stock at the end of the week; books below zero count as none."),
    ),
)

REPLAY_FEATURES = (ORDER_TERMS, PURCHASE_LINES, STOCK_WEEKLY)

_SUMS = (
    Column("holding_cost_usd", pl.Float64, "Weekly holding cost rate of each item times its average stock, over the weeks."),
    Column("ordering_cost_usd", pl.Float64, "Order lines times the cost of a line."),
    Column("lost_margin_usd", pl.Float64, "Units of demand that met an empty shelf, times their margin."),
    Column("total_cost_usd", pl.Float64, "Holding, ordering and lost margin together."),
    Column("demand_units", pl.Float64, "Demand to be met: sales and the estimated lost units."),
    Column("sold_units", pl.Float64, "Demand met from the shelf."),
    Column("order_lines", pl.Float64, "Order lines placed."),
    Column("cogs_usd", pl.Float64, "Units sold at cost."),
    Column("cycles", pl.Float64, "Replenishment cycles that ended: receipts."),
    Column("short_cycles", pl.Float64, "Of them, with a stock-out."),
)
_RATIOS = (
    Column("fill_rate", pl.Float64, "Units met at once over units demanded (type 2); null without demand.", nullable=True),
    Column("cycle_service", pl.Float64, "Share of cycles without a stock-out (type 1); null without a cycle.", nullable=True),
    Column("average_inventory_usd", pl.Float64, "Mean stock over the weeks, at cost."),
    Column("turns", pl.Float64, "COGS over average inventory, a year; null where nothing was held.", nullable=True),
    Column("total_cost_at_low_demand_usd", pl.Float64, "Total cost if the lost demand was at the lower end of its interval."),
    Column("total_cost_at_high_demand_usd", pl.Float64, "Total cost if the lost demand was at the upper end of its interval."),
    Column("demand_at_low_units", pl.Float64, "Demand to be met if the lost demand was at the lower end of its interval."),
    Column("sold_at_low_units", pl.Float64, "Of it, met from the shelf."),
    Column("demand_at_high_units", pl.Float64, "Demand to be met if the lost demand was at the upper end of its interval."),
    Column("sold_at_high_units", pl.Float64, "Of it, met from the shelf."),
)

POLICY_REPLAY = FrameContract(
    "policy_replay",
    ("as_of_date", "policy", "abc_class", "vendor_id"),
    (
        *STAMP,
        Column("policy", pl.String, "Name of the policy; actual is what the firm really did."),
        Column("abc_class", pl.String, "A, B, C or Z as of today."),
        Column("vendor_id", pl.Int32, "Vendor the items are bought from; 0 where none is known."),
        Column("first_week_start_date", pl.Date, "First day of the first replayed week."),
        Column("weeks", pl.Int32, "Weeks replayed."),
        Column("series", pl.Int32, "Items in stores."),
        *_SUMS,
        *_RATIOS,
    ),
)

POLICY_REPLAY_DIFFERENCES = FrameContract(
    "policy_replay_differences",
    ("as_of_date", "policy", "baseline", "segment"),
    (
        *STAMP,
        Column("policy", pl.String, "Policy compared."),
        Column("baseline", pl.String, "Policy it is compared with, item by item."),
        Column("segment", pl.String, "ABC class, or all."),
        Column("series", pl.Int32, "Items in stores compared."),
        Column("baseline_cost_usd", pl.Float64, "Total cost of the baseline."),
        Column("difference_usd", pl.Float64, "Total cost of the policy less that of the baseline; negative is cheaper."),
        Column("low_usd", pl.Float64, "Lower end of its 95 % interval: items drawn anew with all their stores."),
        Column("high_usd", pl.Float64, "Upper end of its 95 % interval."),
        Column("difference_share", pl.Float64, "Difference over the baseline's cost; null where that is 0.", nullable=True),
        Column(
            "low_share",
            pl.Float64,
            "Lower end of the share's 95 % interval; null where the baseline costs nothing.",
            nullable=True,
        ),
        Column(
            "high_share",
            pl.Float64,
            "Upper end of the share's 95 % interval; null where the baseline costs nothing.",
            nullable=True,
        ),
    ),
)

POLICY_WHAT_IF = FrameContract(
    "policy_what_if",
    ("as_of_date", "policy", "parameter", "value"),
    (
        *STAMP,
        Column("policy", pl.String, "Policy replayed."),
        Column("parameter", pl.String, "service_level, holding_rate, lead_time or moq."),
        Column(
            "value",
            pl.Float64,
            "Its value in this replay. service_level: probability of no stock-out per cycle; holding_rate: times today's rate; "
            "lead_time: times today's lead times; moq: units, where today's minimum is lower.",
        ),
        Column("series", pl.Int32, "Items in stores."),
        Column("holding_cost_usd", pl.Float64, "Holding cost, at the rate of this replay."),
        Column("ordering_cost_usd", pl.Float64, "Ordering cost."),
        Column("lost_margin_usd", pl.Float64, "Margin of the demand not met."),
        Column("total_cost_usd", pl.Float64, "All three."),
        *_RATIOS[:6],
    ),
)

REPLAYS = (POLICY_REPLAY, POLICY_REPLAY_DIFFERENCES, POLICY_WHAT_IF)
