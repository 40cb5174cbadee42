"""The tables that hold what people decide: which proposals were approved and exported.

Belongs here: their columns. Does not belong here: who writes them (the commands of `stockroom orders`), and what is computed.
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

INPUTS = (ORDER_PROPOSALS, ORDER_PROPOSAL_LINES)
