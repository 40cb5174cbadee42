"""The multi-task network: demand of each period and the cost-optimal stock for the horizon, learned together.

Belongs here: fit, forecast, save and load over arrays, and what a stock level may be.
Does not belong here: the layers and losses (`multitask_network`), training, order quantities (packs, stock on hand).

The stock level minimises the expected shortage_cost (D - S)+ + holding_cost (S - D)+ of the demand D summed over the
horizon. It is learned from sums, so it needs no quantile of the sum, and no assumption that periods are independent.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.neural_settings import NeuralSettings
from ml.forecasting.neural_shared import Arrays, history_paths, load_facts, load_weights, save_model
from ml.forecasting.paths import Array, Paths

if TYPE_CHECKING:
    from torch import nn

    from ml.forecasting.neural_windows import Layout

__all__ = ["DemandOf", "MultiTaskModel", "critical_ratio", "multitask_paths"]

_USUAL_RATIO = 0.95
"""Critical ratio at which the stock is learned where only demand is asked for."""


@dataclass(frozen=True)
class MultiTaskModel:
    """A fitted network. `network` is None where no series had two periods and any demand."""

    levels: tuple[float, ...]
    settings: NeuralSettings
    layout: Layout
    network: nn.Module | None
    learned: dict[str, object] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        units: Array,
        start: NDArray[np.int64],
        horizon: int,
        *,
        levels: Array,
        season: int,
        holding_cost: Array,
        shortage_cost: Array,
        calendar: Array | None = None,
        exogenous: Array | None = None,
        static: Array | None = None,
        settings: NeuralSettings,
    ) -> MultiTaskModel:
        """Train on (a sample of) the series; arguments as of `multitask_paths`."""
        data = Arrays(units, start, calendar, exogenous, static)
        data.check(horizon)
        ratio = critical_ratio(holding_cost, shortage_cost, len(units))
        from ml.forecasting.neural_training import DemandHead, device_for, repeatable, train
        from ml.forecasting.neural_windows import SeriesTensors, layout_of, training_rows

        rows = training_rows(data, settings.train_series, settings.seed)
        data = data.take(rows)
        layout = layout_of(data, horizon, season, settings.input_length(units.shape[1], horizon, season))
        levels = tuple(float(level) for level in levels)
        if not len(rows):
            return cls(levels, settings, layout, None)
        with repeatable(settings.seed):
            import torch

            from ml.forecasting.multitask_network import MultiTaskNetwork, joint_loss

            head, device = DemandHead(levels), device_for(settings)
            network = MultiTaskNetwork(layout, head.outputs, settings).to(device)
            ratios = torch.from_numpy(ratio[rows].astype(np.float32)).to(device)

            def loss(output: Any, windows: Any, of: Any, training: bool) -> Any:
                return joint_loss(output, windows, ratios[of], head, settings.newsvendor_weight, training)

            learned = train(network, loss, SeriesTensors(layout, data, device), settings)
        return cls(levels, settings, layout, network, learned)

    def predict(
        self,
        units: Array,
        start: NDArray[np.int64],
        horizon: int,
        *,
        holding_cost: Array,
        shortage_cost: Array,
        calendar: Array | None = None,
        exogenous: Array | None = None,
        static: Array | None = None,
    ) -> tuple[Paths, Array]:
        """Forecast any series from its last column on, and its stock level for the horizon, which is the fitted one."""
        data = Arrays(units, start, calendar, exogenous, static)
        data.check(horizon)
        ratio = critical_ratio(holding_cost, shortage_cost, len(units))
        if horizon != self.layout.horizon:
            raise ValueError(f"fitted for {self.layout.horizon} periods ahead, asked for {horizon}")
        if self.network is None:
            mean, quantiles = history_paths(data, horizon, self.levels)
            return Paths(mean, quantiles, dict(self.learned)), mean.sum(axis=1)
        from ml.forecasting.multitask_network import stock_at
        from ml.forecasting.neural_training import DemandHead, outputs, repeatable

        began, head = time.perf_counter(), DemandHead(self.levels)
        mean, stock = np.full((len(units), horizon), np.nan), np.full(len(units), np.nan)
        quantiles = np.full((len(units), horizon, len(self.levels)), np.nan)
        with repeatable(self.settings.seed):
            for (demand, knots), scale, rows in outputs(self.network, self.layout, data, self.settings):
                mean[rows] = (head.mean(demand) * scale).cpu().numpy()
                quantiles[rows] = (head.quantiles(demand, self.levels) * scale.unsqueeze(-1)).cpu().numpy()
                wanted = knots.new_tensor(ratio[rows])
                stock[rows] = (stock_at(knots, wanted).clamp(min=0) * scale[:, 0] * horizon).cpu().numpy()
        return Paths(mean, quantiles, {**self.learned, "predict_seconds": time.perf_counter() - began}), stock

    def save(self, folder: Path) -> None:
        """Write `model.json` and `weights.safetensors` into `folder`, made where missing."""
        facts = {"name": "multitask", "levels": self.levels, "learned": self.learned}
        save_model(Path(folder), self.network, self.settings, self.layout, facts)

    @classmethod
    def load(cls, folder: Path) -> MultiTaskModel:
        """Read what `save` wrote: weights and numbers only."""
        facts, settings, layout = load_facts(Path(folder))
        network = None
        if facts["has_network"]:
            from ml.forecasting.neural_training import DemandHead, repeatable

            with repeatable(settings.seed):
                from ml.forecasting.multitask_network import MultiTaskNetwork

                network = MultiTaskNetwork(layout, DemandHead(facts["levels"]).outputs, settings)
                load_weights(Path(folder), network)
        return cls(tuple(facts["levels"]), settings, layout, network, facts["learned"])


@dataclass(frozen=True)
class DemandOf:
    """The network as one model of demand among others: learned with the stock of a usual critical ratio, asked for demand alone."""

    model: MultiTaskModel

    @classmethod
    def fit(cls, units: Array, start: NDArray[np.int64], horizon: int, **known: Any) -> DemandOf:
        """Train; arguments as of `neural.NeuralModel.fit`, without a name."""
        return cls(MultiTaskModel.fit(units, start, horizon, **_usual_costs(len(units)), **known))

    def predict(self, units: Array, start: NDArray[np.int64], horizon: int, **known: Any) -> Paths:
        """Paths as of `neural.NeuralModel.predict`."""
        return self.model.predict(units, start, horizon, **_usual_costs(len(units)), **known)[0]

    @property
    def network(self) -> nn.Module | None:
        """What an artefact holds."""
        return self.model.network

    @property
    def learned(self) -> dict[str, object]:
        """What training found out."""
        return self.model.learned


def _usual_costs(series: int) -> dict[str, Array]:
    return {"holding_cost": np.full(series, 1 - _USUAL_RATIO), "shortage_cost": np.full(series, _USUAL_RATIO)}


def critical_ratio(holding_cost: Array, shortage_cost: Array, series: int) -> Array:
    """shortage_cost / (shortage_cost + holding_cost), (series,). Raises ValueError unless both are positive numbers."""
    holding, shortage = np.asarray(holding_cost, dtype=np.float64), np.asarray(shortage_cost, dtype=np.float64)
    if holding.shape != (series,) or shortage.shape != (series,):
        raise ValueError(f"holding_cost {holding.shape} and shortage_cost {shortage.shape} need one number for each of {series}")
    if not (np.isfinite(holding).all() and np.isfinite(shortage).all() and (holding > 0).all() and (shortage > 0).all()):
        raise ValueError("holding_cost and shortage_cost must be positive numbers")
    return shortage / (shortage + holding)


def multitask_paths(
    units: Array,
    start: NDArray[np.int64],
    horizon: int,
    *,
    levels: Array,
    season: int,
    holding_cost: Array,
    shortage_cost: Array,
    calendar: Array | None = None,
    exogenous: Array | None = None,
    static: Array | None = None,
    settings: NeuralSettings,
) -> tuple[Paths, Array]:
    """Fit and forecast: paths as of `neural.neural_paths`, and stock levels (series,) in units for the summed horizon.

    `holding_cost` and `shortage_cost` (series,) are positive, per unit over and under; only their ratio matters. The
    other arguments are those of `neural_paths`. Raises ValueError where shapes disagree.
    """
    costs = {"holding_cost": holding_cost, "shortage_cost": shortage_cost}
    known = {"calendar": calendar, "exogenous": exogenous, "static": static}
    model = MultiTaskModel.fit(units, start, horizon, levels=levels, season=season, **costs, **known, settings=settings)
    return model.predict(units, start, horizon, **costs, **known)
