"""What the neural models share and needs no torch: the arrays and their shapes, the answer without a network, files.

Belongs here: functions of arrays and of a folder that is given.
Does not belong here: anything that trains or forecasts.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ml.forecasting.neural_settings import NeuralSettings
from ml.forecasting.paths import Array

if TYPE_CHECKING:
    from torch import nn

    from ml.forecasting.neural_windows import Layout

SERIES_IN_MEMORY = 20_000
"""Series whose tensors are made together when forecasting; it bounds the memory and changes no result."""
FACTS, WEIGHTS = "model.json", "weights.safetensors"


@dataclass(frozen=True)
class Arrays:
    """Series and what is known of them: shapes as `neural.neural_paths` says."""

    units: Array
    start: NDArray[np.int64]
    calendar: Array | None = None
    exogenous: Array | None = None
    static: Array | None = None

    def check(self, horizon: int) -> None:
        """Raise ValueError where the arrays do not fit together."""
        units, start = self.units, self.start
        if units.ndim != 2 or start.shape != units.shape[:1] or horizon < 1:
            raise ValueError(f"units {units.shape} and start {start.shape} need one row per series, and horizon {horizon} >= 1")
        series, length = units.shape[0], units.shape[1] + horizon
        for name, shape in (("calendar", (length,)), ("exogenous", (series, length)), ("static", (series,))):
            values = getattr(self, name)
            if values is not None and values.shape[:-1] != shape:
                raise ValueError(f"{name} has shape {values.shape}, but must have {shape} and the features as last axis")

    def history(self) -> NDArray[np.bool_]:
        """(series, periods): the period is history and its demand known."""
        return (np.arange(self.units.shape[1]) >= self.start[:, None]) & np.isfinite(self.units)

    def take(self, rows: NDArray[np.int64]) -> Arrays:
        """Some of the series."""
        exogenous, static = (None if values is None else values[rows] for values in (self.exogenous, self.static))
        return Arrays(self.units[rows], self.start[rows], self.calendar, exogenous, static)


def history_paths(data: Arrays, horizon: int, levels: tuple[float, ...]) -> tuple[Array, Array]:
    """Mean and quantiles of each series' own history, repeated: what there is to say without a network.

    (series, horizon) and (series, horizon, levels); rows of NaN where there is no history.
    """
    mean = np.full((len(data.units), horizon), np.nan)
    quantiles = np.full((len(data.units), horizon, len(levels)), np.nan)
    for row, inside in enumerate(data.history()):
        if inside.any():
            demand = np.maximum(data.units[row, inside], 0.0)
            mean[row], quantiles[row] = demand.mean(), np.quantile(demand, levels)
    return mean, quantiles


def save_model(folder: Path, network: nn.Module | None, settings: NeuralSettings, layout: Layout, facts: dict[str, Any]) -> None:
    """Write a model as one JSON and, where there is a network, one safetensors file; `folder` is made where missing."""
    folder.mkdir(parents=True, exist_ok=True)
    whole = {**facts, "settings": asdict(settings), "layout": asdict(layout), "has_network": network is not None}
    (folder / FACTS).write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    (folder / WEIGHTS).unlink(missing_ok=True)
    if network is not None:
        from safetensors.torch import save_file

        save_file({name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}, folder / WEIGHTS)


def load_facts(folder: Path) -> tuple[dict[str, Any], NeuralSettings, Layout]:
    """What `save_model` wrote beside the weights. Raises ValueError for settings out of range."""
    from ml.forecasting.neural_windows import Layout

    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    return facts, NeuralSettings(**facts["settings"]), Layout(**facts["layout"])


def load_weights(folder: Path, network: nn.Module) -> None:
    """Fill a network of the same shape. Raises RuntimeError where names or shapes differ; nothing in the file is run."""
    from safetensors.torch import load_file

    network.load_state_dict(load_file(folder / WEIGHTS))
    network.eval()
