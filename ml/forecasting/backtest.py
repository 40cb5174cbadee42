"""Rolling-origin backtest: every model refitted at origins in the past, its paths beside what came.

Belongs here: which origins, which windows count, the arrays of forecasts and actuals.
Does not belong here: scores (`ml.evaluation`), weights, calibration, distributions.

At an origin only the columns before it are read. Windows of neighbouring origins overlap in time, so their errors are not
independent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.forecasting import models
from ml.forecasting.models import Workshop
from ml.forecasting.panel import Panel
from ml.forecasting.settings import ForecastSettings

Array = NDArray[np.float64]
Progress = Callable[[str, float], None]


@dataclass(frozen=True)
class Backtest:
    """Paths and actuals at all origins, oldest first. Arrays are (tested series, origins, horizon) unless said otherwise."""

    rows: NDArray[np.int64]
    """The series that were tested, rows of the panel."""
    origins: tuple[int, ...]
    """Columns at which a forecast begins; empty where the history is too short for any."""
    paths: dict[str, Array]
    """Expected demand of each period by each model; a model that said nothing of a series takes the stand-in."""
    units: Array
    """Demand of the single period, as estimated where a stock-out cut the sales."""
    period_valid: NDArray[np.bool_]
    """The series could be trained and the period was in stock, and open."""
    sum_valid: NDArray[np.bool_]
    """Enough of the periods up to and with this one were in stock or closed."""
    sum_scored: NDArray[np.bool_]
    """All of them were: what scores count."""

    @property
    def horizon(self) -> int:
        return self.units.shape[2]


@dataclass(frozen=True)
class Fitted:
    """The forecasts from the newest period on."""

    paths: dict[str, Array]
    was_said: dict[str, NDArray[np.bool_]]
    """Per model, (series,): it spoke for itself, without a stand-in."""
    workshop: Workshop
    """The fitted models, and what fitting and forecasting cost."""


def origins_of(panel: Panel, horizon: int, settings: ForecastSettings) -> tuple[tuple[int, ...], int]:
    """Origins, oldest first, and the horizon they can score; a horizon too long for the history is cut to a third of it."""
    usable = panel.periods - settings.min_training_periods
    scored = max(1, min(horizon, usable // 3))
    step = max(1, -(-scored // 2))
    candidates = [panel.periods - scored - step * j for j in range(settings.origins)]
    return tuple(o for o in reversed(candidates) if o >= settings.min_training_periods), scored


def run(
    names: Sequence[str], panel: Panel, horizon: int, settings: ForecastSettings, report: Progress
) -> tuple[Backtest, Fitted]:
    """Fit every model at every origin, to all series or a sample of them, and at the end to all."""
    origins, scored = origins_of(panel, horizon, settings)
    rows = np.arange(panel.series)
    if panel.series > settings.backtest_series:
        rows = np.sort(np.random.default_rng(settings.seed).choice(rows, settings.backtest_series, replace=False))
    tested, own = panel.take(rows), settings
    if len(rows) < panel.series:
        # models of middling and high cost speak for the same share of the sample as of all series: weights rest on it
        share = len(rows) / panel.series
        limits = {name: max(1, round(getattr(settings, name) * share)) for name in ("fair_series", "dear_series")}
        own = settings.changed(limits)
    shape = (len(rows), len(origins), scored)
    units, valid, whole = np.zeros(shape), np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool)
    past = {name: np.zeros(shape) for name in names}
    rounds = len(origins) + 1
    kept = Workshop()
    for j, origin in enumerate(origins):
        report(f"backtest {j + 1} of {len(origins)}", j / rounds)
        for name, path in _filled(names, tested, origin, scored, own, kept)[0].items():
            past[name][:, j] = path
        inside = slice(origin, origin + scored)
        closed, trained = tested.closed(origin, origin + scored), tested.can_train(origin, settings)[:, None]
        units[:, j] = np.where(closed, 0.0, tested.training_units[:, inside])
        valid[:, j] = tested.is_in_stock[:, inside] & trained
        whole[:, j] = valid[:, j] | closed & trained
    report("forecast", len(origins) / rounds)
    final = Workshop()
    found, said = _filled(names, panel, panel.periods, horizon, settings, final)
    in_stock_share = whole.cumsum(axis=2) / np.arange(1, scored + 1)
    sums = in_stock_share >= settings.min_in_stock_share
    every = np.logical_and.accumulate(whole, axis=2)
    return Backtest(rows, origins, past, units, valid, sums, every), Fitted(found, said, final)


def _filled(
    names: Sequence[str],
    panel: Panel,
    end: int,
    horizon: int,
    settings: ForecastSettings,
    workshop: Workshop,
) -> tuple[dict[str, Array], dict[str, NDArray[np.bool_]]]:
    """Paths without gaps: where a model says nothing, exponential smoothing or else the mean of the history stands in."""
    stand_in = np.repeat(panel.mean_units(end)[:, None], horizon, axis=1)
    found = models.paths(names, panel, end, horizon, settings, workshop)
    said = {name: np.isfinite(path).all(axis=1) for name, path in found.items()}
    for name in ("exponential_smoothing", "moving_average"):
        if name in found:
            stand_in = np.where(said[name][:, None], found[name], stand_in)
            break
    floor = settings.min_share_of_history * panel.mean_units(end)[:, None]
    is_open = ~panel.closed(end, end + horizon)
    return {name: np.maximum(np.where(said[name][:, None], found[name], stand_in), floor) * is_open for name in names}, said
