"""The tables that hold what happened in every run: schema `ops`, kept whatever is built again.

Belongs here: their columns. Does not belong here: who measures (recording), and what is unusual (SQL, reports.ops_*).
A run's rows are written once per run id and replace those it wrote before.
"""

from __future__ import annotations

import polars as pl

from ml.contracts.frame import Column, FrameContract

OPS_SCHEMA = "ops"
_MOMENT = pl.Datetime("us")

_RUN = (
    Column("run_id", pl.String, "Run, as Dagster calls it."),
    Column("source_key", pl.String, "Folder of the data it read."),
    Column("recorded_at", _MOMENT, "When it was recorded, UTC."),
    Column("as_of_date", pl.Date, "Day it decided for."),
)

RUNS = FrameContract(
    "runs",
    ("run_id",),
    (
        Column("run_id", pl.String, "Run, as Dagster calls it."),
        Column("source_key", pl.String, "Folder of the data it read."),
        Column("job_name", pl.String, "Job."),
        Column("launched_by", pl.String, "command, schedule, sensor, backfill or person."),
        Column("status", pl.String, "success, failure, canceled, or running while it has not ended."),
        Column("as_of_date", pl.Date, "Day it decided for; null where it did not come so far.", nullable=True),
        Column("started_at", _MOMENT, "Start, UTC."),
        Column("finished_at", _MOMENT, "End, UTC; null while it runs.", nullable=True),
        Column("step_count", pl.Int32, "Steps that ended."),
        Column("slowest_step", pl.String, "The step that took longest.", nullable=True),
        Column("slowest_step_seconds", pl.Float64, "Its duration in seconds.", nullable=True),
        Column("failed_step", pl.String, "The first step that failed.", nullable=True),
        Column("failure_message", pl.String, "What it said.", nullable=True),
        Column("failed_check_count", pl.Int32, "Checks that failed and stop what comes after."),
        Column("warned_check_count", pl.Int32, "Checks that failed and only warn."),
    ),
)

FILES = FrameContract(
    "files",
    ("run_id", "adapter", "file_kind"),
    (
        *_RUN,
        Column("adapter", pl.String, "Source the file belongs to."),
        Column("file_kind", pl.String, "Kind of file."),
        Column("file_count", pl.Int64, "Files of this kind."),
        Column("newest_file_at", _MOMENT, "Last change of the newest of them, UTC; null without one.", nullable=True),
        Column(
            "newest_data_date",
            pl.Date,
            "Last day, up to the as-of day, that it tells of; null where it has no days.",
            nullable=True,
        ),
        Column("usual_gap_days", pl.Float64, "Median of the days between one day with data and the next.", nullable=True),
        Column("row_count", pl.Int64, "Lines read."),
        Column("rejected_count", pl.Int64, "Lines refused."),
    ),
)

TABLES = FrameContract(
    "table_rows",
    ("run_id", "table_name"),
    (*_RUN, Column("table_name", pl.String, "Schema and table."), Column("row_count", pl.Int64, "Rows.")),
)

COLUMNS = FrameContract(
    "table_columns",
    ("run_id", "object_name", "column_name"),
    (
        *_RUN,
        Column("object_name", pl.String, "Schema and table, or file and its adapter."),
        Column("column_name", pl.String, "Column."),
        Column("column_type", pl.String, "Type, as DuckDB calls it; text in files."),
    ),
)
"""All columns, of the runs in which they differ from those of the run before."""

FORECASTS = FrameContract(
    "forecast_counts",
    ("run_id", "abc_class"),
    (
        *_RUN,
        Column("abc_class", pl.String, "A, B, C, Z or all."),
        Column("series_count", pl.Int64, "Items in stores."),
        Column("forecast_count", pl.Int64, "Those with a forecast."),
        Column(
            "interval_coverage_80",
            pl.Float64,
            "Share of past protection intervals whose sales lay in the forecast's 80 % interval; null where none is over.",
            nullable=True,
        ),
        Column("drifting_count", pl.Int64, "Signs of drift over their threshold; null where not said per class.", nullable=True),
    ),
)

ORDERS = FrameContract(
    "order_sums",
    ("run_id", "vendor_id"),
    (
        *_RUN,
        Column("vendor_id", pl.Int32, "Vendor; 0 where none is known."),
        Column("order_line_count", pl.Int64, "Lines ordered."),
        Column("order_units", pl.Int64, "Units ordered."),
        Column("order_usd", pl.Float64, "Their standard cost."),
    ),
)

ORDER_HISTORY = FrameContract(
    "order_history",
    ("source_key", "as_of_date", "is_rebuilt", "item_id", "location_id"),
    (
        *_RUN,
        Column("is_rebuilt", pl.Boolean, "Computed later, for a past day, with what was known then and today's code."),
        Column("item_id", pl.Int32, "Item."),
        Column("location_id", pl.Int32, "Store."),
        Column("vendor_id", pl.Int32, "Vendor; null where none is known.", nullable=True),
        Column("model", pl.String, "Forecast it rests on.", nullable=True),
        Column("policy", pl.String, "Policy that orders it.", nullable=True),
        Column("demand_units", pl.Float64, "Demand expected over the protection interval.", nullable=True),
        Column("safety_stock_units", pl.Float64, "Safety stock.", nullable=True),
        Column("reorder_point_units", pl.Float64, "Reorder point.", nullable=True),
        Column("inventory_position_units", pl.Float64, "Inventory position.", nullable=True),
        Column("order_units", pl.Int32, "Units recommended; 0 for none; null where stock is not known.", nullable=True),
        Column("order_usd", pl.Float64, "Their standard cost.", nullable=True),
        Column("reason", pl.String, "Why, or why not.", nullable=True),
    ),
)

RECORDS = (RUNS, FILES, TABLES, COLUMNS, FORECASTS, ORDERS, ORDER_HISTORY)
