"""Forecasts of demand: weekly, and summed over each protection interval with the lead time's uncertainty inside.

Belongs here: the way from feature frames to the four forecast frames; `run_forecast` is the door.
Does not belong here: tables, schedules, the choice of a champion, order quantities.
"""

from ml.forecasting.run import ForecastResult, run_forecast
from ml.forecasting.settings import ForecastSettings

__all__ = ["ForecastResult", "ForecastSettings", "run_forecast"]
