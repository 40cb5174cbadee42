"""The frames that cross the border between SQL and Python, column by column.

Belongs here: what `features.*` tables promise to `ml`, and what `ml` promises to write into the `ml.*` tables.
Does not belong here: how anything is computed, and any reading or writing of tables.

The dbt sources and models of the same names declare the same columns; a test holds the two together.
"""

from ml.contracts.constraints import (
    CONSTRAINTS,
    ORDER_ADJUSTMENTS,
    ORDER_ECONOMICS,
    ORDER_TRANSFERS,
)
from ml.contracts.features import (
    CALENDAR_WEEKLY,
    DEMAND_WEEKLY,
    FEATURES,
    ITEM_LOCATIONS,
    KNOWN_WEEKLY,
    LEAD_TIME_DISTRIBUTION,
    SIGNALS_WEEKLY,
)
from ml.contracts.forecasts import (
    DEMAND_COMPONENTS,
    DEMAND_FORECASTS,
    DEMAND_OUTLIERS,
    ENSEMBLE_WEIGHTS,
    FEATURE_IMPORTANCE,
    FORECAST_DRIFT,
    FORECAST_EXPLANATIONS,
    FORECAST_HIERARCHY,
    FORECASTS,
    LEAD_TIME_DEMAND,
    MODEL_METRICS,
    MODEL_RUNS,
    QUANTILES,
    SERIES_METRICS,
)
from ml.contracts.frame import Column, ContractError, FrameContract
from ml.contracts.orders import (
    ORDER_COST_CURVES,
    ORDER_TARGETS,
    ORDERS,
    TARGET_ECONOMICS,
)
from ml.contracts.replay import (
    ORDER_TERMS,
    POLICY_REPLAY,
    POLICY_REPLAY_DIFFERENCES,
    POLICY_WHAT_IF,
    PURCHASE_LINES,
    REPLAY_FEATURES,
    REPLAYS,
    STOCK_WEEKLY,
)
from ml.contracts.vision import IMAGE_SCORES, VISION, VISION_MODELS

OUTPUTS = (*FORECASTS, *ORDERS, *CONSTRAINTS, *REPLAYS, *VISION)

__all__ = [
    "CALENDAR_WEEKLY",
    "CONSTRAINTS",
    "DEMAND_COMPONENTS",
    "DEMAND_FORECASTS",
    "DEMAND_OUTLIERS",
    "DEMAND_WEEKLY",
    "ENSEMBLE_WEIGHTS",
    "FEATURES",
    "FEATURE_IMPORTANCE",
    "FORECASTS",
    "FORECAST_DRIFT",
    "FORECAST_EXPLANATIONS",
    "FORECAST_HIERARCHY",
    "IMAGE_SCORES",
    "ITEM_LOCATIONS",
    "KNOWN_WEEKLY",
    "LEAD_TIME_DEMAND",
    "LEAD_TIME_DISTRIBUTION",
    "MODEL_METRICS",
    "MODEL_RUNS",
    "ORDERS",
    "ORDER_ADJUSTMENTS",
    "ORDER_COST_CURVES",
    "ORDER_ECONOMICS",
    "ORDER_TARGETS",
    "ORDER_TERMS",
    "ORDER_TRANSFERS",
    "OUTPUTS",
    "POLICY_REPLAY",
    "POLICY_REPLAY_DIFFERENCES",
    "POLICY_WHAT_IF",
    "PURCHASE_LINES",
    "QUANTILES",
    "REPLAYS",
    "REPLAY_FEATURES",
    "SERIES_METRICS",
    "SIGNALS_WEEKLY",
    "STOCK_WEEKLY",
    "TARGET_ECONOMICS",
    "VISION",
    "VISION_MODELS",
    "Column",
    "ContractError",
    "FrameContract",
]
