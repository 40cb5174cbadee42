"""One way to train and to run every network of ours. Needs torch: import it inside functions.

Belongs here: the guard that makes a fit repeatable, the loss over quantiles and mean, the loop with early stopping,
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
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor, nn

from ml.forecasting.neural_settings import NeuralSettings
from ml.forecasting.neural_windows import SeriesTensors, Windows

QUANTILE_GRID = (0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99)
"""Levels learned beside those asked for: a network that knows the whole distribution forecasts each level better."""
MAX_VALIDATION_SERIES = 2000
MAX_GRADIENT = 1.0

Loss = Callable[[Tensor, Windows, Tensor, bool], Tensor]
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
    """Reads a network's output, (windows, horizon, levels + 1), as quantiles and a mean, in units over scale."""

    def __init__(self, levels: list[float]) -> None:
        self.levels = sorted({round(float(level), 6) for level in (*levels, *QUANTILE_GRID)})
        self.outputs = len(self.levels) + 1

    def loss(self, output: Tensor, windows: Windows) -> Tensor:
        """Mean pinball loss over the levels, plus the Poisson deviance of the mean, which is least at the true mean."""
        levels = torch.tensor(self.levels, device=output.device)
        gap = windows.target.unsqueeze(-1) - output[..., :-1]
        pinball = torch.maximum(levels * gap, (levels - 1) * gap).mean(dim=-1)
        mean = self.mean(output)
        deviance = mean - windows.target * torch.log(mean)
        return ((2 * pinball + 0.5 * deviance) * windows.counts).sum() / windows.counts.sum().clamp(min=1)

    def mean(self, output: Tensor) -> Tensor:
        return nn.functional.softplus(output[..., -1]) + 1e-4

    def quantiles(self, output: Tensor, levels: list[float]) -> Tensor:
        """Quantiles at `levels`, rising and zero or more: crossings are undone by sorting, as rearrangement does."""
        learned = output[..., :-1].clamp(min=0).sort(dim=-1).values
        return learned[..., [self.levels.index(round(float(level), 6)) for level in levels]]


def train(network: nn.Module, loss: Loss, series: SeriesTensors, start: Tensor, settings: NeuralSettings) -> dict[str, object]:
    """Train in place, keep the weights best on the validation window; returns what was learned on the way.

    `start` (series,) is the first column of each series. Validation is the end of the history: no training target lies
    in it. A history too short to spare any is trained on to the last step, without validation.
    """
    began = time.perf_counter()
    wanted = settings.validation_periods or series.layout.horizon
    end = series.periods - min(wanted, series.periods // 4)
    earliest = start + 1
    device = start.device
    trainable = torch.nonzero(earliest < end).flatten()
    validated = trainable[: 0 if end == series.periods else len(trainable)]
    if not len(trainable):  # histories that lie in the validation window entirely
        trainable, end = torch.nonzero(earliest < series.periods).flatten(), series.periods
    keep = np.linspace(0, len(validated) - 1, min(len(validated), MAX_VALIDATION_SERIES)).astype(np.int64)
    validated = validated[torch.from_numpy(keep).to(device)]

    generator = torch.Generator().manual_seed(settings.seed)
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    best, best_weights, waited, step, losses = math.inf, None, 0, 0, []
    while step < settings.max_steps and waited < settings.early_stop_patience:
        step += 1
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * 0.5 * (1 + math.cos(math.pi * (step - 1) / settings.max_steps))
        pick = torch.randint(len(trainable), (settings.batch_size,), generator=generator).to(device)
        draw = torch.rand(settings.batch_size, generator=generator).to(device)
        rows = trainable[pick]
        first = earliest[rows]
        last = torch.maximum(first, torch.tensor(end - series.layout.horizon, device=device))
        origin = (first + (draw * (last - first + 1)).long()).clamp(max=end - 1)
        network.train()
        optimiser.zero_grad()
        windows = series.windows(rows, origin, end)
        found = loss(network(windows), windows, rows, True)
        found.backward()
        nn.utils.clip_grad_norm_(network.parameters(), MAX_GRADIENT)
        optimiser.step()
        if step % settings.check_steps == 0 and len(validated):
            value = _validation_loss(network, loss, series, validated, end, settings.predict_batch_size)
            losses.append(value)
            waited += 1
            if value < best:
                best, best_weights, waited = value, copy.deepcopy(network.state_dict()), 0
    if best_weights is not None:
        network.load_state_dict(best_weights)
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


def outputs(network: nn.Module, series: SeriesTensors, batch_size: int) -> Iterator[tuple[Tensor, Windows, Tensor]]:
    """Network output, windows and rows of the forecast after the last column, batch by batch in the order of series."""
    network.eval()
    everything = torch.arange(series.series, device=series.units.device)
    with torch.inference_mode():
        for rows in everything.split(batch_size):
            windows = series.windows(rows, torch.full_like(rows, series.periods), series.periods)
            yield network(windows), windows, rows


def _validation_loss(network: nn.Module, loss: Loss, series: SeriesTensors, rows: Tensor, origin: int, batch: int) -> float:
    network.eval()
    total = 0.0
    with torch.inference_mode():
        for part in rows.split(batch):
            windows = series.windows(part, torch.full_like(part, origin), series.periods)
            total += float(loss(network(windows), windows, part, False)) * len(part)
    return total / len(rows)
