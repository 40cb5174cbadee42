"""The median of Theta and LightGBM, as a user of statsforecast and mlforecast would run it.

Belongs here: an ordinary global LightGBM on lags, rolling means and date features, and quantiles from pooled past errors.
Does not belong here: anything of the engine but the path of its Theta, which is statsforecast's own.

It is given the repaired demand, which helps it, and what is known ahead. The median of two is their mean.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from forecast_losses import LEVELS, Distribution
from numpy.typing import NDArray

from ml.forecasting.engine import Forecasts
from ml.forecasting.panel import Panel

Array = NDArray[np.float64]


def plain_ensemble(made: Forecasts, ds: list[date], known_names: tuple[str, ...]) -> Distribution:
    """The ensemble from now on. `ds` are the dates of the panel's periods and of the horizon. Errors are those of the series tested."""
    panel, horizon, tested = made.panel, made.horizon, made.tested.rows
    # a short history has a backtest shorter than the horizon
    begin, steps = made.tested.origins[-1], made.tested.horizon
    past = (made.tested.paths["theta"][:, -1] + _lightgbm(made, ds, known_names, begin)[tested, :steps]) / 2
    now = (made.fitted.paths["theta"] + _lightgbm(made, ds, known_names, panel.periods)) / 2
    demand = _demand(panel)
    step = np.abs(np.diff(demand, axis=1))
    scale = np.maximum(step.sum(axis=1) / np.maximum(panel.history_periods(panel.periods) - 1, 1), 1e-9)
    came, past_scale = demand[tested, begin:], scale[tested]
    used = panel.is_in_stock[tested, begin:] & panel.can_train(begin, made.settings)[tested, None]
    whole = used.mean(axis=1) >= made.settings.min_in_stock_share
    period_errors = ((came - past) / past_scale[:, None])[used]
    sum_errors = ((came - past).sum(axis=1) / past_scale)[whole] * horizon / steps
    period = now[:, :, None] + scale[:, None, None] * np.quantile(period_errors, LEVELS)
    total = now.sum(axis=1)[:, None] + scale[:, None] * np.quantile(sum_errors, LEVELS)
    return Distribution(now, np.maximum(period, 0.0), np.maximum(total, 0.0))


def _demand(panel: Panel) -> Array:
    """Repaired demand, none on closed days, which it may learn from what is known."""
    return np.where(panel.closed(0, panel.periods), 0.0, panel.training_units)


def _lightgbm(made: Forecasts, ds: list[date], known_names: tuple[str, ...], end: int) -> Array:
    from lightgbm import LGBMRegressor
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean

    panel, horizon = made.panel, made.horizon
    is_daily = panel.season == 7
    lags, windows = ([1, 2, 3, 7, 14, 21, 28], [7, 28]) if is_daily else ([1, 2, 3, 4, 8, 13, 26], [4, 13])
    model = MLForecast(
        models={"lightgbm": LGBMRegressor(n_estimators=200, learning_rate=0.05, n_jobs=1, random_state=1, verbosity=-1)},
        freq="1d" if is_daily else "1w",
        lags=lags,
        lag_transforms={1: [RollingMean(w, min_samples=1) for w in windows]},
        date_features=["weekday", "day", "month"] if is_daily else ["week", "month"],
    )
    rows = np.flatnonzero(panel.start < end - 1)

    def frame(first: int, last: int, *, is_past: bool) -> pl.DataFrame:
        column = np.arange(first, last)
        inside = column >= panel.start[rows][:, None] if is_past else np.ones((len(rows), len(column)), dtype=bool)
        at = np.broadcast_to(column, inside.shape)[inside]
        values = {"unique_id": np.repeat(rows, inside.sum(axis=1)), "ds": pl.Series(ds).gather(at)}
        if is_past:
            values["y"] = _demand(panel)[rows, first:last][inside]
        for k, name in enumerate(panel.known_names):
            if name in known_names:
                values[name] = panel.known[rows, first:last, k][inside]
        return pl.DataFrame(values)

    model.fit(frame(0, end, is_past=True), static_features=[])
    ahead = frame(end, end + horizon, is_past=False) if panel.known_names else None
    said = model.predict(horizon, X_df=ahead)["lightgbm"].to_numpy().reshape(len(rows), horizon)
    found = np.repeat(panel.mean_units(end)[:, None], horizon, axis=1)
    found[rows] = np.maximum(said, 0.0)
    return found
