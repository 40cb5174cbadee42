"""Global neural networks: one network learns from all series and forecasts each of them.

Belongs here: fit, forecast, save and load of neuralforecast's LSTM, GRU, NHITS and TCN over arrays.
Does not belong here: the networks (`neural_networks`), their training (`neural_training`), windows (`neural_windows`),
the choice between models. torch and neuralforecast are imported when a network is fitted or loaded, not before.

A network puts out many quantiles of each period, learned by pinball loss; the mean is their integral. Quantiles suit
whole, scaled, intermittent and heavy-tailed demand alike, where a negative binomial or a Student t suits but one.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.neural_settings import NeuralSettings
from ml.forecasting.neural_shared import Arrays, history_paths, load_facts, load_weights, save_model
from ml.forecasting.paths import Array, Paths

if TYPE_CHECKING:
    from torch import nn

    from ml.forecasting.neural_windows import Layout

__all__ = ["NAMES", "NeuralModel", "NeuralSettings", "neural_paths"]

Name = Literal["lstm", "gru", "nhits", "tcn"]
NAMES: tuple[Name, ...] = ("lstm", "gru", "nhits", "tcn")
RATE = {"nhits": 0.4}
"""Share of the settings' learning rate that suits a network, 1 where not named."""


@dataclass(frozen=True)
class NeuralModel:
    """A fitted network. `network` is None where no series had two periods and any demand: then the mean is forecast."""

    name: str
    levels: tuple[float, ...]
    settings: NeuralSettings
    layout: Layout
    network: nn.Module | None
    learned: dict[str, object] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        name: Name,
        units: Array,
        start: NDArray[np.int64],
        horizon: int,
        *,
        levels: Array,
        season: int,
        calendar: Array | None = None,
        exogenous: Array | None = None,
        static: Array | None = None,
        settings: NeuralSettings,
    ) -> NeuralModel:
        """Train on (a sample of) the series; arguments as of `neural_paths`."""
        if name not in NAMES:
            raise ValueError(f"unknown network {name!r}; there are {NAMES}")
        data = Arrays(units, start, calendar, exogenous, static)
        data.check(horizon)
        from ml.forecasting.neural_training import DemandHead, device_for, repeatable, train
        from ml.forecasting.neural_windows import SeriesTensors, layout_of, training_rows

        data = data.take(training_rows(data, settings.train_series, settings.seed))
        layout = layout_of(data, horizon, season, settings.input_length(units.shape[1], horizon, season))
        levels = tuple(float(level) for level in levels)
        if not len(data.units):
            return cls(name, levels, settings, layout, None)
        with repeatable(settings.seed):
            from ml.forecasting.neural_networks import LibraryNetwork

            head, device = DemandHead(levels), device_for(settings)
            own = replace(settings, learning_rate=settings.learning_rate * RATE.get(name, 1.0))
            network = LibraryNetwork(name, layout, head.outputs, settings).to(device)
            series = SeriesTensors(layout, data, device)
            learned = train(network, lambda output, windows, *_: head.loss(output, windows), series, own)
        return cls(name, levels, settings, layout, network, learned)

    def predict(
        self,
        units: Array,
        start: NDArray[np.int64],
        horizon: int,
        *,
        calendar: Array | None = None,
        exogenous: Array | None = None,
        static: Array | None = None,
    ) -> Paths:
        """Forecast any series from its last column on; `horizon` is the one it was fitted for."""
        data = Arrays(units, start, calendar, exogenous, static)
        data.check(horizon)
        if horizon != self.layout.horizon:
            raise ValueError(f"fitted for {self.layout.horizon} periods ahead, asked for {horizon}")
        if self.network is None:
            return Paths(*history_paths(data, horizon, self.levels), dict(self.learned))
        from ml.forecasting.neural_training import DemandHead, outputs, repeatable

        began, head = time.perf_counter(), DemandHead(self.levels)
        mean = np.full((len(units), horizon), np.nan)
        quantiles = np.full((len(units), horizon, len(self.levels)), np.nan)
        with repeatable(self.settings.seed):
            for output, scale, rows in outputs(self.network, self.layout, data, self.settings):
                mean[rows] = (head.mean(output) * scale).cpu().numpy()
                quantiles[rows] = (head.quantiles(output, self.levels) * scale.unsqueeze(-1)).cpu().numpy()
        return Paths(mean, quantiles, {**self.learned, "predict_seconds": time.perf_counter() - began})

    def save(self, folder: Path) -> None:
        """Write `model.json` and `weights.safetensors` into `folder`, made where missing."""
        facts = {"name": self.name, "levels": self.levels, "learned": self.learned}
        save_model(Path(folder), self.network, self.settings, self.layout, facts)

    @classmethod
    def load(cls, folder: Path) -> NeuralModel:
        """Read what `save` wrote. No code is read from the files: weights and numbers only."""
        facts, settings, layout = load_facts(Path(folder))
        network = None
        if facts["has_network"]:
            from ml.forecasting.neural_training import DemandHead, repeatable

            with repeatable(settings.seed):
                from ml.forecasting.neural_networks import LibraryNetwork

                network = LibraryNetwork(facts["name"], layout, DemandHead(facts["levels"]).outputs, settings)
                load_weights(Path(folder), network)
        return cls(facts["name"], tuple(facts["levels"]), settings, layout, network, facts["learned"])


def neural_paths(
    name: Name,
    units: Array,
    start: NDArray[np.int64],
    horizon: int,
    *,
    levels: Array,
    season: int,
    calendar: Array | None = None,
    exogenous: Array | None = None,
    static: Array | None = None,
    settings: NeuralSettings,
) -> Paths:
    """Fit and forecast.

    `units` (series, periods) demand, zero or more (NaN: not known); `start` (series,) first column of history, the
    number of periods where there is none; `levels` of the quantiles; `season` in periods, 1 for none. Known features:
    `calendar` (periods + horizon, c) of all series, `exogenous` (series, periods + horizon, k) of each, `static`
    (series, s). Raises ValueError where shapes disagree.
    """
    model = NeuralModel.fit(
        name,
        units,
        start,
        horizon,
        levels=levels,
        season=season,
        calendar=calendar,
        exogenous=exogenous,
        static=static,
        settings=settings,
    )
    return model.predict(units, start, horizon, calendar=calendar, exogenous=exogenous, static=static)
