"""What the forecasts promise to write into the `ml.*` tables.

Belongs here: estimates of demand and how good they are. Does not belong here: estimates that orders are made from (`orders`).
"""

from __future__ import annotations

import polars as pl

from ml.contracts.frame import ITEM_LOCATION, STAMP, Column, FrameContract

QUANTILES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.975, 0.98, 0.99, 0.995)
"""Published quantiles of demand summed over the protection interval; a service level between two is interpolated in SQL."""

DEMAND_FORECASTS = FrameContract(
    "demand_forecasts",
    ("as_of_date", "item_id", "location_id", "model", "week_start_date"),
    (
        *STAMP,
        *ITEM_LOCATION,
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
        *STAMP,
        *ITEM_LOCATION,
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
        *STAMP,
        *ITEM_LOCATION,
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
        *STAMP,
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
        *STAMP,
        Column("segment", pl.String, '"abc_class / demand_pattern", or "all".'),
        Column("model", pl.String, "Name of the model in the registry."),
        Column("weight", pl.Float64, "Its share in the ensemble, 0 or more; the shares of a segment sum to 1."),
    ),
)

MODEL_RUNS = FrameContract(
    "model_runs",
    ("run_id", "model"),
    (
        *STAMP,
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
            "metrics",
            pl.String,
            "Scores of the run: JSON object, empty for a model without forecasts of its own; of the ensemble also whether drift says to retrain, and why.",
        ),
        Column(
            "is_deployed",
            pl.Boolean,
            "Orders may use the model's own forecasts: the ensemble, or the champion of a segment. False where it only speaks through the ensemble.",
        ),
        Column("artefact", pl.String, "File the fitted model was saved to; null where none was.", nullable=True),
    ),
)

DEMAND_OUTLIERS = FrameContract(
    "demand_outliers",
    ("as_of_date", "item_id", "location_id", "week_start_date"),
    (
        *STAMP,
        *ITEM_LOCATION,
        Column("week_start_date", pl.Date, "First day of the week."),
        Column("sold_units", pl.Float64, "Units sold."),
        Column(
            "demand_units",
            pl.Float64,
            "Demand that was tested and treated: sales, and the estimate of what a stock-out kept from being sold.",
        ),
        Column("expected_units", pl.Float64, "What the series would let expect: the centre the deviation is measured from."),
        Column("robust_z", pl.Float64, "Deviation from it over a scale that outliers do not move."),
        Column("isolation_score", pl.Float64, "Score of the Isolation Forest; null where it was not asked.", nullable=True),
        Column("is_robust_outlier", pl.Boolean, "The robust deviation says so."),
        Column("is_isolation_outlier", pl.Boolean, "The Isolation Forest says so."),
        Column(
            "training_units",
            pl.Float64,
            "What the models were given: demand_units, unless the week was capped (less) or raised (more).",
        ),
        Column(
            "treatment",
            pl.String,
            "What was done with demand_units, and why: none, capped or raised to the robust bound, or kept; nothing is deleted.",
        ),
    ),
)

DEMAND_COMPONENTS = FrameContract(
    "demand_components",
    ("as_of_date", "item_id", "location_id", "week_start_date"),
    (
        *STAMP,
        *ITEM_LOCATION,
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
        *STAMP,
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
        *STAMP,
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
        *STAMP,
        *ITEM_LOCATION,
        Column("model", pl.String, "Name of the model in the registry."),
        Column("rank", pl.Int32, "0 is the value all forecasts start from, 1 the feature that moves this one most."),
        Column("feature", pl.String, "Feature, or base."),
        Column(
            "feature_value",
            pl.Float64,
            "Its value; null for the base and for attributes, whose value is in the row.",
            nullable=True,
        ),
        Column("contribution_units", pl.Float64, "SHAP value: by how many units it moves the forecast."),
    ),
)

FORECAST_DRIFT = FrameContract(
    "forecast_drift",
    ("as_of_date", "kind", "name"),
    (
        *STAMP,
        Column("kind", pl.String, "input or error."),
        Column("name", pl.String, "Feature, or model."),
        Column("reference_value", pl.Float64, "Its mean, or its error, in the weeks the models learned from."),
        Column("current_value", pl.Float64, "The same in the newest weeks."),
        Column("statistic", pl.Float64, "Population stability index for inputs; ratio of current to reference for errors."),
        Column("threshold", pl.Float64, "Above this it drifts."),
        Column("is_drifting", pl.Boolean, "Retrain: the statistic is above its threshold."),
    ),
)

FORECASTS = (
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
