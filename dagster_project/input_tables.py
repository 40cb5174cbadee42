"""The tables that hold what people decide: which proposals were approved and exported, and what they entered in PostgreSQL.

Belongs here: their columns. Does not belong here: who writes them (the commands of `stockroom orders` and `stockroom alerts`, and `publish.people` with what
comes from PostgreSQL), and what is computed.
They are never made anew: a column that is missing is added, and what stands in a table stays.
"""

from __future__ import annotations

import polars as pl

from ml.contracts.frame import Column, FrameContract

INPUT_SCHEMA = "input"

ORDER_PROPOSALS = FrameContract(
    "order_proposals",
    ("proposal_id",),
    (
        Column("proposal_id", pl.String, "Name of the proposal."),
        Column("source_key", pl.String, "Folder of the data it was made from."),
        Column("as_of_date", pl.Date, "Day it was made for; the day of the order."),
        Column("vendor_id", pl.Int32, "Vendor."),
        Column("expected_receipt_date", pl.Date, "Day on which the goods are expected."),
        Column("freight_share", pl.Float64, "Freight expected as a share of the goods.", nullable=True),
        Column("minimum_order_usd", pl.Float64, "Smallest order the vendor takes.", nullable=True),
        Column("approved_at", pl.Datetime("us"), "When it was approved."),
        Column("exported_at", pl.Datetime("us"), "When it was exported first; null while it is not.", nullable=True),
        Column("exported_to", pl.String, "File it was written into.", nullable=True),
    ),
)

ORDER_PROPOSAL_LINES = FrameContract(
    "order_proposal_lines",
    ("proposal_id", "item_id", "location_id"),
    (
        Column("proposal_id", pl.String, "Name of the proposal."),
        Column("item_id", pl.Int32, "Item."),
        Column("location_id", pl.Int32, "Store."),
        Column("order_units", pl.Int32, "Units ordered."),
        Column("unit_cost_usd", pl.Float64, "Standard cost per unit.", nullable=True),
        Column("need_date", pl.Date, "Day on which stock and open orders run out.", nullable=True),
        Column("known_ordered_units", pl.Int32, "Units the purchase file showed as ordered on the as-of day before."),
    ),
)

_ENTRY = (
    Column("entry_id", pl.String, "Name of the entry, given by PostgreSQL or by the command."),
    Column("source_key", pl.String, "Folder of the data whose run took it."),
    Column(
        "as_of_date", pl.Date, "Day decided for that was published when it was entered; it counts from the orders of that day on."
    ),
    Column("entered_by", pl.String, "Login of who entered it, as PostgreSQL says."),
    Column("entered_at", pl.Datetime("us"), "When, UTC, as PostgreSQL says."),
)

FORECAST_OVERRIDES = FrameContract(
    "forecast_overrides",
    ("entry_id",),
    (
        *_ENTRY,
        Column("item_id", pl.Int32, "Item."),
        Column("location_id", pl.Int32, "Store."),
        Column("week_start_date", pl.Date, "First of the seven days it speaks of."),
        Column("override_units", pl.Float64, "Demand to expect in them, in units."),
        Column("reason", pl.String, "Why the model cannot know."),
    ),
)

ORDER_OVERRIDES = FrameContract(
    "order_overrides",
    ("entry_id",),
    (
        *_ENTRY,
        Column("item_id", pl.Int32, "Item."),
        Column("location_id", pl.Int32, "Store."),
        Column("valid_from", pl.Date, "First day of orders it speaks of."),
        Column("valid_to", pl.Date, "Last day of them."),
        Column("order_units", pl.Int32, "Units to order on such a day; 0 for nothing."),
        Column("reason", pl.String, "Why the model cannot know."),
    ),
)

INSPECTION_LABELS = FrameContract(
    "inspection_labels",
    ("entry_id",),
    (
        *_ENTRY,
        Column("photo_hash", pl.String, "SHA-256 of the photo's file."),
        Column("label", pl.String, "good or defective."),
        Column("note", pl.String, "What the person adds.", nullable=True),
    ),
)

ALERT_ACKNOWLEDGEMENTS = FrameContract(
    "alert_acknowledgements",
    ("entry_id",),
    (
        *_ENTRY,
        Column("alert_id", pl.String, "Alert that was seen to."),
        Column("note", pl.String, "What the person adds.", nullable=True),
    ),
)

TAKEN_ENTRIES = FrameContract(
    "taken_entries",
    ("entry_id",),
    (
        Column("entry_id", pl.String, "Name of the entry, given by PostgreSQL."),
        Column("entry_table", pl.String, "Table of schema input in PostgreSQL."),
        Column("outcome", pl.String, "taken or refused."),
        Column("reason", pl.String, "Why it was refused.", nullable=True),
        Column("taken_at", pl.Datetime("us"), "When, UTC."),
    ),
)

ENTRIES = (FORECAST_OVERRIDES, ORDER_OVERRIDES, INSPECTION_LABELS, ALERT_ACKNOWLEDGEMENTS)
"""What people enter in PostgreSQL and SQL reads."""

INPUTS = (ORDER_PROPOSALS, ORDER_PROPOSAL_LINES, *ENTRIES, TAKEN_ENTRIES)
