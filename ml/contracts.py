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
    ),
)

KNOWN_WEEKLY = FrameContract(
    "ftr_known_weekly",
    ("item_id", "location_id", "week_start_date"),
    (
        *_ITEM_LOCATION,
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
        *_ITEM_LOCATION,
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
        Column("mean_units", pl.Float64, "Expected demand of the week: the centre of the distribution the quantiles are of."),
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
        Column("mean_units", pl.Float64, "Expected demand over the interval: the sum of the weekly means."),
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

SERIES_METRICS = FrameContract(
    "series_metrics",
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
        Column(
            "decision_cost_usd",
            pl.Float64,
            "Holding cost and lost margin per week of the orders the model would have led to, mean over origins; null where "
            "cost or price is unknown or nothing could be scored.",
            nullable=True,
        ),
    ),
)

MODEL_METRICS = FrameContract(
    "model_metrics",
    ("as_of_date", "model", "segment"),
    (
        *_STAMP,
        Column("model", pl.String, "Name of the model in the registry."),
        Column("segment", pl.String, '"abc_class / demand_pattern", or "all".'),
        Column("abc_class", pl.String, "A, B, C or Z; null for all.", nullable=True),
        Column("demand_pattern", pl.String, "smooth, erratic, intermittent, lumpy or none; null for all.", nullable=True),
        Column("series", pl.Int32, "Series scored."),
        Column("origins", pl.Int32, "Backtest origins scored, of all series together."),
        *(
            Column(name, pl.Float64, description, nullable=True)
            for name, description in (
                ("mae_units", "Mean absolute error."),
                ("mse_units", "Mean squared error, in squared units."),
                ("rmse_units", "Root mean squared error."),
                ("wape", "Sum of absolute errors over sum of actuals; null where nothing was sold."),
                ("bias_units", "Mean of forecast minus actual; positive forecasts too much."),
                ("mase", "Mean absolute error over the one of the naive forecast within the training weeks."),
                ("rmsse", "Root mean squared error over the one of the naive forecast within the training weeks."),
                (
                    "r2",
                    "1 less squared errors over squared deviations of the actuals from their mean; null where they do not vary.",
                ),
                (
                    "mape_nonzero",
                    "Mean of absolute error over actual, of periods with a sale only: it rewards low forecasts and chooses nothing.",
                ),
                ("pinball_units", "Mean pinball loss over the published quantiles."),
                ("scaled_pinball", "Pinball loss over the mean absolute step of the training weeks."),
                ("coverage_80", "Share of actuals within the interval that is meant to hold 80 %."),
                ("decision_cost_usd", "Mean holding cost and lost margin per series and week of the replayed orders."),
                ("training_seconds_per_series", "Seconds of training per series."),
                ("inference_seconds_per_series", "Seconds of forecasting per series."),
            )
        ),
    ),
)

ENSEMBLE_WEIGHTS = FrameContract(
    "ensemble_weights",
    ("as_of_date", "segment", "model"),
    (
        *_STAMP,
        Column("segment", pl.String, '"abc_class / demand_pattern", or "all".'),
        Column("model", pl.String, "Name of the model in the registry."),
        Column("weight", pl.Float64, "Its share in the ensemble, 0 or more; the shares of a segment sum to 1."),
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
        Column("features", pl.String, "What the model learned from: JSON list of feature, source table and grain."),
        Column("preprocessing", pl.String, "Steps between the features and the model: JSON list."),
        Column(
            "metrics", pl.String, "Scores of the run: JSON object; of the ensemble also whether drift says to retrain, and why."
        ),
        Column("is_deployed", pl.Boolean, "The model's forecasts may be used for orders."),
        Column("artefact", pl.String, "File the fitted model was saved to; null where none was.", nullable=True),
    ),
)

DEMAND_OUTLIERS = FrameContract(
    "demand_outliers",
    ("as_of_date", "item_id", "location_id", "week_start_date"),
    (
        *_STAMP,
        *_ITEM_LOCATION,
        Column("week_start_date", pl.Date, "First day of the week."),
        Column("sold_units", pl.Float64, "Units sold."),
        Column("expected_units", pl.Float64, "What the series would let expect: the centre the deviation is measured from."),
        Column("robust_z", pl.Float64, "Deviation from it over a scale that outliers do not move."),
        Column("isolation_score", pl.Float64, "Score of the Isolation Forest; null where it was not asked.", nullable=True),
        Column("is_robust_outlier", pl.Boolean, "The robust deviation says so."),
        Column("is_isolation_outlier", pl.Boolean, "The Isolation Forest says so."),
        Column("training_units", pl.Float64, "What the models were given instead."),
        Column("treatment", pl.String, "What was done, and why; nothing is deleted."),
    ),
)

DEMAND_COMPONENTS = FrameContract(
    "demand_components",
    ("as_of_date", "item_id", "location_id", "week_start_date"),
    (
        *_STAMP,
        *_ITEM_LOCATION,
        Column("week_start_date", pl.Date, "First day of the week."),
        Column("demand_units", pl.Float64, "Estimated unconstrained demand; the sum of the three parts."),
        Column("trend_units", pl.Float64, "Its trend."),
        Column("seasonal_units", pl.Float64, "Its season."),
        Column("remainder_units", pl.Float64, "The rest."),
    ),
)

FORECAST_HIERARCHY = FrameContract(
    "forecast_hierarchy",
    ("as_of_date", "level", "node", "week_start_date"),
    (
        *_STAMP,
        Column("level", pl.String, "chain, store, category, item or item_store."),
        Column("node", pl.String, 'Name of the node: "chain", "store 12", "category Wine", "item 58", "item 58 / store 1".'),
        Column("item_id", pl.Int32, "Item; null above it.", nullable=True),
        Column("location_id", pl.Int32, "Store; null where the node is of all stores.", nullable=True),
        Column("product_category", pl.String, "Category, on its own level; else null.", nullable=True),
        Column("week_start_date", pl.Date, "First day of the forecast week."),
        Column("base_units", pl.Float64, "Forecast made for the node itself; null where none was.", nullable=True),
        Column("reconciled_units", pl.Float64, "Forecast that adds up over all levels."),
        Column("bottom_up_units", pl.Float64, "Sum of the forecasts of its items in stores."),
    ),
)

FEATURE_IMPORTANCE = FrameContract(
    "feature_importance",
    ("as_of_date", "model", "feature"),
    (
        *_STAMP,
        Column("model", pl.String, "Name of the model in the registry."),
        Column("feature", pl.String, "Feature the model may use."),
        Column("gain_share", pl.Float64, "Its share of what all splits gained; sums to 1 over the features."),
        Column("mean_abs_shap_units", pl.Float64, "Mean absolute SHAP value: by how many units it moves a forecast."),
    ),
)

FORECAST_EXPLANATIONS = FrameContract(
    "forecast_explanations",
    ("as_of_date", "item_id", "location_id", "model", "rank"),
    (
        *_STAMP,
        *_ITEM_LOCATION,
        Column("model", pl.String, "Name of the model in the registry."),
        Column("rank", pl.Int32, "0 is the value all forecasts start from, 1 the feature that moves this one most."),
        Column("feature", pl.String, "Feature, or base."),
        Column("feature_value", pl.Float64, "Its value; null for the base and where it is not a number.", nullable=True),
        Column("contribution_units", pl.Float64, "SHAP value: by how many units it moves the forecast."),
    ),
)

FORECAST_DRIFT = FrameContract(
    "forecast_drift",
    ("as_of_date", "kind", "name"),
    (
        *_STAMP,
        Column("kind", pl.String, "input or error."),
        Column("name", pl.String, "Feature, or model."),
        Column("reference_value", pl.Float64, "Its mean, or its error, in the weeks the models learned from."),
        Column("current_value", pl.Float64, "The same in the newest weeks."),
        Column("statistic", pl.Float64, "Population stability index for inputs; ratio of current to reference for errors."),
        Column("threshold", pl.Float64, "Above this it drifts."),
        Column("is_drifting", pl.Boolean, "Retrain: the statistic is above its threshold."),
    ),
)

FEATURES = (DEMAND_WEEKLY, KNOWN_WEEKLY, CALENDAR_WEEKLY, SIGNALS_WEEKLY, ITEM_LOCATIONS, LEAD_TIME_DISTRIBUTION)
OUTPUTS = (
    DEMAND_FORECASTS,
    LEAD_TIME_DEMAND,
    SERIES_METRICS,
    MODEL_METRICS,
    ENSEMBLE_WEIGHTS,
    MODEL_RUNS,
    DEMAND_OUTLIERS,
    DEMAND_COMPONENTS,
    FORECAST_HIERARCHY,
    FEATURE_IMPORTANCE,
    FORECAST_EXPLANATIONS,
    FORECAST_DRIFT,
)

QUANTILES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.975, 0.98, 0.99, 0.995)
"""Published quantiles of demand summed over the protection interval; a service level between two is interpolated in SQL."""
