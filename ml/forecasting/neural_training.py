"""One way to train and to run every network of ours. Needs torch: import it inside functions.

Belongs here: the guard that makes a fit repeatable, the loss over quantiles, the loop with early stopping,
forecasts in batches.
Does not belong here: what a network looks like, how windows are cut, files.

neuralforecast's own trainer is not used: it copies every series through data frames and lightning's loops, and it
cannot give a recurrent network the known future. Its networks are plain modules, and this loop trains them.
"""

from __future__ import annotations

import copy
import logging
import math
import os
import random
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ml.forecasting.neural_settings import NeuralSettings
from ml.forecasting.neural_shared import SERIES_IN_MEMORY, Arrays
from ml.forecasting.neural_windows import Layout, SeriesTensors, Windows

QUANTILE_GRID = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99)
"""Levels learned beside those asked for: a network that knows the whole distribution forecasts each level better."""
MAX_VALIDATION_SERIES = 2000
MAX_GRADIENT = 1.0

Rows = NDArray[np.int64]
Loss = Callable[[Any, Windows, Tensor, bool], Tensor]
"""(network output, windows, rows, training) -> loss."""


@contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Inside: one thread, seeded, deterministic, silent. Afterwards every state is as it was before."""
    threads, python, numbers = torch.get_num_threads(), random.getstate(), np.random.get_state()
    deterministic, warn_only = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark
    environment = {name: os.environ.get(name) for name in ("CUBLAS_WORKSPACE_CONFIG", "PL_GLOBAL_SEED", "PL_SEED_WORKERS")}
    disabled = logging.root.manager.disable
    with warnings.catch_warnings(), torch.random.fork_rng():
        warnings.simplefilter("ignore")
        try:
            logging.disable(logging.WARNING)
            os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = True, False
            torch.set_num_threads(1)
            torch.manual_seed(seed)
            yield
        finally:
            torch.set_num_threads(threads)
            random.setstate(python)
            np.random.set_state(numbers)
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)
            torch.backends.cudnn.deterministic, torch.backends.cudnn.benchmark = cudnn
            logging.disable(disabled)
            for name, value in environment.items():
                os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)


def device_for(settings: NeuralSettings) -> torch.device:
    """The GPU where the settings allow it and there is one. Raises RuntimeError where one is demanded and missing."""
    if settings.accelerator == "gpu" and not torch.cuda.is_available():
        raise RuntimeError('accelerator="gpu", but there is no GPU; "auto" takes one where there is one')
    return torch.device("cuda" if settings.accelerator != "cpu" and torch.cuda.is_available() else "cpu")


class DemandHead:
    """Reads a network's output, (windows, horizon, levels), as the quantiles of demand in units over scale."""

    def __init__(self, levels: Sequence[float]) -> None:
        self.levels = sorted({round(float(level), 6) for level in (*levels, *QUANTILE_GRID)})
        self.outputs = len(self.levels)

    def loss(self, output: Tensor, windows: Windows) -> Tensor:
        """Mean pinball loss over levels and known targets, a window weighted by the root of its scale."""
        levels = torch.tensor(self.levels, device=output.device)
        gap = windows.target.unsqueeze(-1) - output
        pinball = torch.maximum(levels * gap, (levels - 1) * gap).mean(dim=-1)
        return weighted_mean(pinball, windows.counts, windows.scale)

    def all_quantiles(self, output: Tensor) -> Tensor:
        """Quantiles at `self.levels`, rising and zero or more: crossings are undone by sorting."""
        return output.clamp(min=0).sort(dim=-1).values

    def quantiles(self, output: Tensor, levels: Sequence[float]) -> Tensor:
        return self.all_quantiles(output)[..., [self.levels.index(round(float(level), 6)) for level in levels]]

    def mean(self, output: Tensor) -> Tensor:
        """Integral of the quantile function: trapezes between the levels, an exponential tail above the last."""
        learned = self.all_quantiles(output)
        levels = torch.tensor(self.levels, device=output.device)
        body = ((learned[..., 1:] + learned[..., :-1]) / 2 * levels.diff()).sum(dim=-1)
        excess = (learned[..., -1] - learned[..., -2]) / torch.log((1 - levels[-2]) / (1 - levels[-1]))
        return levels[0] * learned[..., 0] + body + (1 - levels[-1]) * (learned[..., -1] + excess)


def weighted_mean(loss: Tensor, counts: Tensor, scale: Tensor) -> Tensor:
    """Mean of a scaled loss, (windows, k), where it counts. Weight: root of the scale, up to ten times the median's.

    Equal weights would be ruled by the many slow series, weights in units by the few fast ones.
    """
    weight = counts * scale.clamp(max=10 * float(scale.median())).sqrt()
    return (loss * weight).sum() / weight.sum().clamp(min=1e-9)


def train(network: nn.Module, loss: Loss, series: SeriesTensors, settings: NeuralSettings) -> dict[str, object]:
    """Train in place, from the weights best on the validation window on; returns what was learned on the way.

    Validation is the end of the history: no target lies in it until early stopping has chosen the weights, which then
    take `last_steps` on the whole history. A history too short to spare any is trained on
    to the last step, without validation.
    """
    began = time.perf_counter()
    wanted = settings.validation_periods or series.layout.horizon
    end = series.periods - min(wanted, series.periods // 4)
    earliest, device = series.start + 1, series.start.device
    trainable = torch.nonzero(earliest < end).flatten()
    validated = trainable[: 0 if end == series.periods else len(trainable)]
    if not len(trainable):  # histories that lie in the validation window entirely
        trainable, end = torch.nonzero(earliest < series.periods).flatten(), series.periods
    keep = np.linspace(0, len(validated) - 1, min(len(validated), MAX_VALIDATION_SERIES)).astype(np.int64)
    validated = validated[torch.from_numpy(keep).to(device)]

    generator = torch.Generator().manual_seed(settings.seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)

    def learn(rate: float, until: int) -> None:
        """One step at this rate on random windows whose targets lie before column `until`."""
        for group in optimiser.param_groups:
            group["lr"] = rate
        pick = torch.randint(len(trainable), (settings.batch_size,), generator=generator).to(device)
        draw = torch.rand(settings.batch_size, generator=generator).to(device)
        rows = trainable[pick]
        first = earliest[rows]
        last = torch.maximum(first, torch.tensor(until - series.layout.horizon, device=device))
        origin = (first + (draw * (last - first + 1)).long()).clamp(max=until - 1)
        network.train()
        optimiser.zero_grad()
        windows = series.windows(rows, origin, until)
        loss(network(windows), windows, rows, True).backward()
        nn.utils.clip_grad_norm_(network.parameters(), MAX_GRADIENT)
        optimiser.step()

    best, best_weights, waited, step, losses = math.inf, None, 0, 0, []
    while step < settings.max_steps and waited < settings.early_stop_patience:
        learn(settings.learning_rate * 0.5 * (1 + math.cos(math.pi * step / settings.max_steps)), end)
        step += 1
        if step % settings.check_steps == 0 and len(validated):
            value = _validation_loss(network, loss, series, validated, end, settings.predict_batch_size)
            losses.append(value)
            waited += 1
            if value < best:
                best, best_weights, waited = value, copy.deepcopy(network.state_dict()), 0
    if best_weights is not None:
        network.load_state_dict(best_weights)
        for left in range(settings.last_steps, 0, -1):
            learn(settings.learning_rate * 0.5 * left / settings.last_steps, series.periods)
    network.eval()
    return {
        "steps": step,
        "best_step": (losses.index(best) + 1) * settings.check_steps if best < math.inf else step,
        "validation_loss": best if best < math.inf else None,
        "trained_series": len(trainable),
        "weights": sum(p.numel() for p in network.parameters() if p.requires_grad),
        "device": device.type,
        "fit_seconds": time.perf_counter() - began,
    }


def outputs(network: nn.Module, layout: Layout, data: Arrays, settings: NeuralSettings) -> Iterator[tuple[Any, Tensor, Rows]]:
    """Network output, scale (windows, 1) and rows of the forecast after the last column, batch by batch.

    Rows without any history are left out. At most SERIES_IN_MEMORY series are tensors at once.
    """
    device = device_for(settings)
    network = network.to(device).eval()
    rows = np.flatnonzero(data.history().any(axis=1))
    with torch.inference_mode():
        for first in range(0, len(rows), SERIES_IN_MEMORY):
            part = rows[first : first + SERIES_IN_MEMORY]
            series = SeriesTensors(layout, data.take(part), device)
            for batch in torch.arange(len(part), device=device).split(settings.predict_batch_size):
                windows = series.windows(batch, torch.full_like(batch, series.periods), series.periods)
                yield network(windows), windows.scale, part[batch.cpu().numpy()]


def _validation_loss(network: nn.Module, loss: Loss, series: SeriesTensors, rows: Tensor, origin: int, batch: int) -> float:
    network.eval()
    total = 0.0
    with torch.inference_mode():
        for part in rows.split(batch):
            windows = series.windows(part, torch.full_like(part, origin), series.periods)
            total += float(loss(network(windows), windows, part, False)) * len(part)
    return total / len(rows)
