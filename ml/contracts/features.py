"""What the `features.*` tables promise to `ml`.

Belongs here: the frames that ml may read. Does not belong here: what it writes.
"""

from __future__ import annotations

import polars as pl

from ml.contracts.frame import ITEM_LOCATION, Column, FrameContract

DEMAND_WEEKLY = FrameContract(
    "ftr_demand_weekly",
    ("item_id", "location_id", "week_start_date"),
    (
        *ITEM_LOCATION,
        Column(
            "week_start_date", pl.Date, "First of seven days; weeks end on the as-of date's weekday, so the last one is whole."
        ),
        Column(
            "sold_units",
            pl.Float64,
            "Units sold in the week; 0 where nothing was sold. No row before the item was first stocked.",
        ),
        Column("stock_out_days", pl.Int32, "Days of the week (0 to 7) that ended without stock: sales may be less than demand."),
        Column(
            "demand_units",
            pl.Float64,
            "Estimated unconstrained demand: sales plus the expected units of demand that met an empty shelf; never below sold_units.",
        ),
        Column("demand_low_units", pl.Float64, "Lower end of its 90 % interval; sold_units where nothing was lost."),
        Column("demand_high_units", pl.Float64, "Upper end of its 90 % interval; sold_units where nothing was lost."),
        Column(
            "price_usd",
            pl.Float64,
            "Mean net selling price of the week; where nothing was sold, the last known one. Null before the first sale.",
            nullable=True,
        ),
        Column("is_carried", pl.Boolean, "Whether the store carried the item; weeks without it say nothing of demand."),
    ),
)

KNOWN_WEEKLY = FrameContract(
    "ftr_known_weekly",
    ("item_id", "location_id", "week_start_date"),
    (
        *ITEM_LOCATION,
        Column(
            "week_start_date",
            pl.Date,
            "First of seven days, of the past and of 26 weeks ahead; only weeks with a promotion have rows.",
        ),
        Column("promotion_days", pl.Int32, "Days of the week (0 to 7) on which the item is promoted in the store."),
        Column(
            "discount", pl.Float64, "Mean share taken off the list price over the promoted days, 0 to 1; 0 where nobody says it."
        ),
    ),
)

CALENDAR_WEEKLY = FrameContract(
    "ftr_calendar_weekly",
    ("location_id", "week_start_date"),
    (
        Column("location_id", pl.Int32, "Store or warehouse that holds the stock."),
        Column("week_start_date", pl.Date, "First of seven days: all weeks of history and 26 weeks ahead."),
        Column("holiday_days", pl.Int32, "Days of the week (0 to 7) that are holidays in the store."),
        Column("month", pl.Int32, "Month (1 to 12) of the week's middle day, in which most of its days lie."),
        Column("quarter", pl.Int32, "Quarter (1 to 4) of the week's middle day."),
        Column("week_of_year", pl.Int32, "ISO week (1 to 53) of the week's middle day."),
        Column(
            "year_ago_alignment_ratio",
            pl.Float64,
            "Sales of the days of the year before that correspond to the week's, by special days, over those of the week 365.25 days before.",
        ),
    ),
)

SIGNALS_WEEKLY = FrameContract(
    "ftr_signals_weekly",
    ("location_id", "week_start_date", "name"),
    (
        Column("location_id", pl.Int32, "Store or warehouse that holds the stock."),
        Column(
            "week_start_date", pl.Date, "First of seven days; only weeks with a known value have rows, none after the as-of day."
        ),
        Column("name", pl.String, "Name of the signal, with its unit."),
        Column("value", pl.Float64, "Mean of the days of the week whose value is known."),
    ),
)

ITEM_LOCATIONS = FrameContract(
    "ftr_item_locations",
    ("item_id", "location_id"),
    (
        *ITEM_LOCATION,
        Column("vendor_id", pl.Int32, "Vendor the item is bought from; 0 where none is known.", nullable=True),
        Column("abc_class", pl.String, "A, B, C by annual usage value; Z where there was no usage."),
        Column("demand_pattern", pl.String, "smooth, erratic, intermittent, lumpy or none."),
        Column("review_period_days", pl.Int32, "Days between two reviews of the order."),
        Column("product_category", pl.String, "Category of the item; null where none is known.", nullable=True),
        Column("store_location", pl.String, "City of the store; null where none is known.", nullable=True),
        Column(
            "first_week_start_date",
            pl.Date,
            "First week of the item in the store, its launch; null where it was there when the history begins, or was never there.",
            nullable=True,
        ),
        Column(
            "holding_cost_usd", pl.Float64, "Cost of holding one unit for a week; null where no cost is known.", nullable=True
        ),
        Column(
            "shortage_cost_usd",
            pl.Float64,
            "Margin lost with one unit not sold: price less cost, 0 where it is sold below cost; null where either is unknown.",
            nullable=True,
        ),
        Column("unit_cost_usd", pl.Float64, "Standard cost per unit; null where none is known.", nullable=True),
        Column("cycle_service_level", pl.Float64, "Target probability of no stock-out per cycle (type 1, not fill rate)."),
        Column(
            "fill_rate_level",
            pl.Float64,
            "Target share of demand met at once from the shelf (type 2); null where no line says it.",
            nullable=True,
        ),
        Column("is_carried", pl.Boolean, "Whether the store still carries the item; where not, no demand is expected."),
    ),
)

LEAD_TIME_DISTRIBUTION = FrameContract(
    "ftr_lead_time_distribution",
    ("vendor_id", "lead_time_days"),
    (
        Column("vendor_id", pl.Int32, "Vendor."),
        Column("lead_time_days", pl.Int32, "Days from order to receipt."),
        Column("probability", pl.Float64, "Share of received units that took this long; sums to 1 per vendor."),
    ),
)

FEATURES = (DEMAND_WEEKLY, KNOWN_WEEKLY, CALENDAR_WEEKLY, SIGNALS_WEEKLY, ITEM_LOCATIONS, LEAD_TIME_DISTRIBUTION)
