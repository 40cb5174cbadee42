"""The loop that trains the network. Needs torch.

Belongs here: one fit, from pixels in memory to weights; early stopping; what makes it repeatable.
Does not belong here: files, groups, thresholds, what the network looks like.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from ml.vision.augment import augmented
from ml.vision.looks import looked
from ml.vision.model import DefectNet
from ml.vision.settings import VisionSettings

Progress = Callable[[float, str], None]
LEARNED = 0.05
"""Training loss above the least possible, below which the photos have little left to teach: stopping early may begin."""
_SCORE_BATCH = 256


@dataclass
class History:
    """What was seen on the way: steps looked at, losses on validation photos, and when the rate began to fall."""

    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    stopped_at: int = 0
    seconds: float = 0.0
    device: str = "cpu"


@contextmanager
def repeatable(settings: VisionSettings) -> Iterator[None]:
    """Inside: seeded and deterministic; afterwards torch is as it was before."""
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    with torch.random.fork_rng():
        try:
            if settings.threads:
                torch.set_num_threads(settings.threads)
            torch.use_deterministic_algorithms(True, warn_only=True)
            torch.manual_seed(settings.seed)
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic, warn_only=warn_only)


def fit(
    photos: Tensor,
    labels: NDArray[np.bool_],
    groups: NDArray[np.int64],
    learn: NDArray[np.int64],
    watch: NDArray[np.int64],
    settings: VisionSettings,
    progress: Progress | None = None,
) -> tuple[DefectNet, History]:
    """Train on the rows `learn` of photos (n, channels, height, width; uint8), watching the rows `watch`.

    Both classes are drawn equally often, and of a part with many photos each is drawn less often. The rate warms up,
    stays, and falls to zero over the last part; early stopping lets it fall earlier. The weights are an average over
    the last steps.
    """
    began = time.perf_counter()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator().manual_seed(settings.seed)
    network = DefectNet(photos.shape[1], settings.width).to(device, memory_format=torch.channels_last)
    average = DefectNet(photos.shape[1], settings.width).to(device, memory_format=torch.channels_last)
    average.load_state_dict(network.state_dict())
    decayed = [weight for weight in network.parameters() if weight.ndim > 1]
    others = [weight for weight in network.parameters() if weight.ndim <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decayed, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}],
        lr=settings.learning_rate,
    )
    weights = torch.from_numpy(draw_weights(labels[learn], groups[learn]))
    targets = torch.from_numpy(labels.astype(np.float32))
    rows = torch.from_numpy(learn)
    history = History(device=device.type)
    doubt = max(settings.label_smoothing, 1e-6)
    least = -doubt * math.log(doubt) - (1 - doubt) * math.log(1 - doubt)
    fall = max(1, settings.max_steps * 2 // 5)
    falls_from, best, waited = settings.max_steps - fall, math.inf, 0
    step, end, learned = 0, settings.max_steps, 0.7
    while step < end:
        rate = min(1.0, (step + 1) / max(1, min(100, settings.max_steps // 10)))
        if step >= falls_from:
            rate = min(rate, (1 + math.cos(math.pi * (step - falls_from) / fall)) / 2)
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * rate
        batch = rows[torch.multinomial(weights, settings.batch_size, replacement=True, generator=generator)]
        shown, target = photos[batch].to(device), targets[batch].to(device)
        shown = augmented(shown, generator).contiguous(memory_format=torch.channels_last)
        network.train()
        optimiser.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=_halves(device)):
            output = network(shown).float()
        smooth = target * (1 - 2 * settings.label_smoothing) + settings.label_smoothing
        loss_now = functional.binary_cross_entropy_with_logits(output, smooth)
        loss_now.backward()
        learned += (float(loss_now.detach()) - learned) * 0.02
        nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        step += 1
        _follow(average, network, min(1 - 1 / settings.averaged_steps, step / (step + 10)))
        if step % settings.check_steps == 0 or step == end:
            if len(watch):
                loss = _balanced_loss(scores_of(average, photos, watch), labels[watch])
                history.steps.append(step)
                history.losses.append(loss)
                best, waited = (loss, 0) if loss < best - 1e-4 else (best, waited + 1)
                if waited >= settings.patience and settings.min_steps <= step < falls_from and learned < least + LEARNED:
                    falls_from, end = step, step + fall
            if progress is not None:
                text = f"step {step}, training loss {learned:.3f}" + (
                    f", validation loss {history.losses[-1]:.3f}" if len(watch) else ""
                )
                progress(step / end, text)
    history.stopped_at, history.seconds = end, time.perf_counter() - began
    return average.to("cpu").eval(), history


def scores_of(network: nn.Module, photos: Tensor, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Logits of these rows, in batches."""
    device = next(iter(network.state_dict().values())).device
    network.eval()
    parts = []
    with torch.inference_mode():
        for first in range(0, len(rows), _SCORE_BATCH):
            batch = photos[torch.from_numpy(rows[first : first + _SCORE_BATCH])].to(device)
            parts.append(network(batch.contiguous(memory_format=torch.channels_last)).float().cpu().numpy())
    return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)


def looked_scores(
    network: DefectNet, photos: Tensor, rows: NDArray[np.int64], between: tuple[float, float]
) -> NDArray[np.float64]:
    """As `scores_of`, with a second look at what is close."""
    pixels = photos[torch.from_numpy(rows)].numpy()
    return looked(lambda shown: scores_of(network, torch.from_numpy(shown), np.arange(len(shown))), pixels, between)


def draw_weights(labels: NDArray[np.bool_], groups: NDArray[np.int64]) -> NDArray[np.float64]:
    """How often each photo is drawn: classes alike, and a part with four times the photos only twice as often."""
    _, codes, counts = np.unique(groups, return_inverse=True, return_counts=True)
    weight = 1 / np.sqrt(counts[codes])
    for label in (False, True):
        total = weight[labels == label].sum()
        if total:
            weight[labels == label] /= total
    return weight


def _halves(device: torch.device) -> bool:
    """Whether 16 bits are used: on a GPU that has them. Few processors do, and the others would learn other weights."""
    return device.type == "cuda" and torch.cuda.is_bf16_supported()


def _follow(average: DefectNet, network: DefectNet, keep: float) -> None:
    with torch.no_grad():
        for kept, now in zip(average.state_dict().values(), network.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(now, 1 - keep)
            else:
                kept.copy_(now)


def _balanced_loss(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    losses = np.logaddexp(0, np.where(labels, -scores, scores))
    return float(np.mean([losses[labels == label].mean() for label in np.unique(labels)]))
