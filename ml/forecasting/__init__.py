"""Forecasts of demand: by period, summed, and over each protection interval with the lead time's uncertainty inside.

Belongs here: the way from a history to distributions. `forecast` and `forecast_sum` are the doors for any frame, `run_forecast` for
the feature frames of the warehouse.
Does not belong here: tables, schedules, the choice of a champion, order quantities.
"""

from ml.forecasting.door import diagnose, forecast, forecast_sum
from ml.forecasting.run import ForecastResult, RunIdentity, backtest_score, identify, run_forecast
from ml.forecasting.settings import ForecastSettings
from ml.forecasting.weekly import Features

__all__ = [
    "Features",
    "ForecastResult",
    "ForecastSettings",
    "RunIdentity",
    "backtest_score",
    "diagnose",
    "forecast",
    "forecast_sum",
    "identify",
    "run_forecast",
]
