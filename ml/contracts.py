"""The frames that cross the border between SQL and Python, column by column.

Belongs here: what `features.*` tables promise to `ml`, and what `ml` promises to write into the `ml.*` tables.
Does not belong here: how anything is computed, and any reading or writing of tables.

The dbt sources and models of the same names declare the same columns; a test holds the two together.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl


class ContractError(ValueError):
    """A frame does not have the columns, types or completeness its contract promises."""


@dataclass(frozen=True)
class Column:
    """One column: its name, its type, what it means with its unit, and whether it may be null."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    description: str
    nullable: bool = False


@dataclass(frozen=True)
class FrameContract:
    """The promise of one table: name, the key that makes a row unique, and its columns in order."""

    name: str
    grain: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def schema(self) -> dict[str, pl.DataType | type[pl.DataType]]:
        return {column.name: column.dtype for column in self.columns}

    def empty(self) -> pl.DataFrame:
        """A frame with the promised columns and no rows."""
        return pl.DataFrame(schema=self.schema)

    def conform(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return `frame` with exactly the promised columns, order and types.

        Raises ContractError when a column is missing, cannot be cast, holds nulls it may not hold, or when the grain
        repeats. Columns that were not promised are an error too: nothing is dropped in silence.
        """
        missing = [name for name in self.schema if name not in frame.columns]
        extra = [name for name in frame.columns if name not in self.schema]
        if missing or extra:
            raise ContractError(f"{self.name}: missing columns {missing}, unexpected columns {extra}")
        try:
            frame = frame.select(pl.col(c.name).cast(c.dtype) for c in self.columns)
        except pl.exceptions.PolarsError as error:
            raise ContractError(f"{self.name}: a column does not have its promised type: {error}") from error
        for column in self.columns:
            if not column.nullable and frame[column.name].null_count():
                raise ContractError(f"{self.name}.{column.name}: {frame[column.name].null_count()} nulls in a required column")
            if frame[column.name].dtype.is_float() and frame[column.name].is_nan().any():
                raise ContractError(f"{self.name}.{column.name}: NaN; write null where there is no value")
        if frame.select(pl.struct(self.grain).is_duplicated().any()).item():
            raise ContractError(f"{self.name}: rows repeat the key {', '.join(self.grain)}")
        return frame


_ITEM_LOCATION = (
    Column("item_id", pl.Int32, "Item."),
    Column("location_id", pl.Int32, "Store or warehouse that holds the stock."),
)
_STAMP = (
    Column(
        "run_id",
        pl.String,
        "Model run that wrote the row: a hash of its data, code and parameters, so equal inputs give equal rows.",
    ),
    Column("as_of_date", pl.Date, "Last day whose data the run knew."),
)

# What ml may read -----------------------------------------------------------------------------------------------------

DEMAND_WEEKLY = FrameContract(
    "ftr_demand_weekly",
    ("item_id", "location_id", "week_start_date"),
    (
        *_ITEM_LOCATION,
        Column(
            "week_start_date", pl.Date, "First of seven days; weeks end on the as-of date's weekday, so the last one is whole."
        ),
        Column(
            "sold_units",
            pl.Float64,
            "Units sold in the week; 0 where nothing was sold. No row before the item was first stocked.",
        ),
        Column("stock_out_days", pl.Int32, "Days of the week (0 to 7) that ended without stock: sales may be less than demand."),
    ),
)

ITEM_LOCATIONS = FrameContract(
    "ftr_item_locations",
    ("item_id", "location_id"),
    (
        *_ITEM_LOCATION,
        Column("vendor_id", pl.Int32, "Vendor the item is bought from; 0 where none is known.", nullable=True),
        Column("abc_class", pl.String, "A, B, C by annual usage value; Z where there was no usage."),
        Column("demand_pattern", pl.String, "smooth, erratic, intermittent, lumpy or none."),
        Column("review_period_days", pl.Int32, "Days between two reviews of the order."),
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

# What ml writes -------------------------------------------------------------------------------------------------------

DEMAND_FORECASTS = FrameContract(
    "demand_forecasts",
    ("as_of_date", "item_id", "location_id", "model", "week_start_date"),
    (
        *_STAMP,
        *_ITEM_LOCATION,
        Column("model", pl.String, "Name of the model in the registry."),
        Column("week_start_date", pl.Date, "First day of the forecast week."),
        Column("mean_units", pl.Float64, "Expected demand of the week: the mean of the distribution the quantiles are of."),
        Column("p10_units", pl.Float64, "10 % quantile of the week's demand."),
        Column("p50_units", pl.Float64, "Median of the week's demand."),
        Column("p90_units", pl.Float64, "90 % quantile of the week's demand."),
    ),
)

LEAD_TIME_DEMAND = FrameContract(
    "lead_time_demand",
    ("as_of_date", "item_id", "location_id", "model", "quantile"),
    (
        *_STAMP,
        *_ITEM_LOCATION,
        Column("model", pl.String, "Name of the model in the registry."),
        Column("horizon_days", pl.Float64, "Protection interval: mean lead time plus review period, in days."),
        Column(
            "quantile", pl.Float64, "Probability that demand over the protection interval stays at or below `quantile_units`."
        ),
        Column("mean_units", pl.Float64, "Expected demand over the interval: the mean of the distribution the quantiles are of."),
        Column(
            "quantile_units", pl.Float64, "Quantile of demand SUMMED over the protection interval, lead-time uncertainty inside."
        ),
        Column(
            "fixed_lead_time_units",
            pl.Float64,
            "The same quantile if the lead time were always its mean: the difference is what its variability costs.",
        ),
    ),
)

MODEL_METRICS = FrameContract(
    "model_metrics",
    ("as_of_date", "item_id", "location_id", "model"),
    (
        *_STAMP,
        *_ITEM_LOCATION,
        Column("model", pl.String, "Name of the model in the registry."),
        Column("horizon_weeks", pl.Int32, "Weeks over which forecast and actual are summed before they are compared."),
        Column("origins", pl.Int32, "Backtest origins scored; periods touched by a stock-out are left out."),
        Column(
            "rmse_units",
            pl.Float64,
            "Root mean squared error of the summed demand; null where nothing could be scored.",
            nullable=True,
        ),
        Column("mae_units", pl.Float64, "Mean absolute error of the summed demand.", nullable=True),
        Column("bias_units", pl.Float64, "Mean of forecast minus actual; positive forecasts too much.", nullable=True),
        Column("wape", pl.Float64, "Sum of absolute errors over sum of actuals; null where nothing was sold.", nullable=True),
        Column(
            "pinball_units", pl.Float64, "Mean pinball loss of the summed demand over the published quantiles.", nullable=True
        ),
        Column("reason", pl.String, "ok, or why the series could not be scored or forecast in full."),
    ),
)

MODEL_RUNS = FrameContract(
    "model_runs",
    ("run_id", "model"),
    (
        *_STAMP,
        Column("model", pl.String, "Name of the model in the registry."),
        Column("model_version", pl.String, "Library and version that fitted it."),
        Column("parameters", pl.String, "Parameters as JSON."),
        Column("data_hash", pl.String, "Hash of the features the run read."),
        Column("code_hash", pl.String, "Hash of the source files that make the forecast."),
        Column("seed", pl.Int32, "Random seed; 0 where nothing is random."),
        Column("series", pl.Int32, "Number of series forecast."),
    ),
)

FEATURES = (DEMAND_WEEKLY, ITEM_LOCATIONS, LEAD_TIME_DISTRIBUTION)
OUTPUTS = (DEMAND_FORECASTS, LEAD_TIME_DEMAND, MODEL_METRICS, MODEL_RUNS)

QUANTILES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.975, 0.98, 0.99, 0.995)
"""Published quantiles of demand summed over the protection interval; a service level between two is interpolated in SQL."""
