"""Where no defect was ever labelled: what is unlike every good photo.

Belongs here: the network that learns from good photos alone, its memory of good patches, its threshold.
Does not belong here: models of labelled defects.

The network first learns to tell good photos from the same photos with something pasted, drawn or smeared on them. Its
features then see small disturbances; a photo is as bad as its patch that is farthest from any remembered good one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor

from ml.vision import threshold
from ml.vision.fit import Progress, fit, scores_of
from ml.vision.groups import split_groups
from ml.vision.model import DefectNet, NearestGood
from ml.vision.settings import VisionSettings
from ml.vision.store import VisionModel

if TYPE_CHECKING:
    from ml.vision.train import Photos


def train_good_only(read: Photos, settings: VisionSettings, progress: Progress | None = None) -> VisionModel:
    """A model of the same form as a classifier, from good photos."""
    from ml.vision.train import training_facts, watched

    folds = max(2, round(1 / settings.validation_share))
    fold = split_groups(read.groups, read.labels, folds, settings.seed)
    learn, watch = np.flatnonzero(fold != 0), np.flatnonzero(fold == 0)
    if not len(learn) or not len(watch):  # one part only: photos are all there is to split
        rows = np.arange(len(read.labels))
        learn, watch = rows[rows % folds != 0], rows[rows % folds == 0]
    network, history = learn_features(read.pixels, read.groups, learn, settings, progress)
    nearest = remember(network, read.pixels, read.groups, learn, settings)
    scores = scores_of(nearest, read.pixels, watch)
    decision = threshold.decide_without_defects(scores, read.groups[watch], settings)
    facts = training_facts(read, learn, history)
    return VisionModel.build("good-only", nearest, read.canvas, decision, settings, facts, watched(read, watch, scores))


def learn_features(
    pixels: Tensor, groups: NDArray[np.int64], learn: NDArray[np.int64], settings: VisionSettings, progress: Progress | None
):
    """Train on good photos against the same with a made disturbance."""
    shorter = replace(settings, max_steps=max(1, settings.max_steps // 3))
    labels = np.zeros(len(pixels), dtype=bool)
    return fit(pixels, labels, groups, learn, np.zeros(0, dtype=np.int64), shorter, progress, disturbed)


def remember(
    network: DefectNet, pixels: Tensor, groups: NDArray[np.int64], learn: NDArray[np.int64], settings: VisionSettings
) -> NearestGood:
    """Patches of good photos that stand for all: drawn at random, as many of each part."""
    generator = np.random.default_rng(settings.seed)
    _, codes, counts = np.unique(groups[learn], return_inverse=True, return_counts=True)
    odds = 1 / counts[codes]
    rows = generator.choice(learn, size=min(len(learn), 400), replace=False, p=odds / odds.sum())
    with torch.inference_mode():
        patches = torch.cat(
            [
                network.patches(pixels[torch.from_numpy(part)]).flatten(0, 1)
                for part in np.array_split(np.sort(rows), max(1, len(rows) // 64))
            ]
        )
    keep = np.sort(generator.choice(len(patches), size=min(len(patches), settings.memory_patches), replace=False))
    return NearestGood(network, patches[torch.from_numpy(keep)]).eval()


def disturbed(photos: Tensor, targets: Tensor, generator: Generator) -> tuple[Tensor, Tensor]:
    """Half of the photos get a small disturbance, and the target 1."""
    count, _, height, width = photos.shape
    changed = torch.arange(count) % 2 == 1
    out = photos.clone()
    for i in torch.nonzero(changed).flatten().tolist():
        draw = torch.rand(8, generator=generator)
        side = min(height, width)
        long = max(3, int(side * (0.04 + 0.25 * float(draw[0]) ** 2)))
        short = max(2, int(long * (0.1 + 0.9 * float(draw[1]))))
        tall, wide = (long, short) if draw[2] < 0.5 else (short, long)
        top, left = int(draw[3] * (height - tall)), int(draw[4] * (width - wide))
        place = out[i, :, top : top + tall, left : left + wide]
        spread = photos[i].std().clamp(min=2.0)
        rows = torch.linspace(-1, 1, tall)[:, None]
        columns = torch.linspace(-1, 1, wide)[None, :]
        soft = ((1.2 - (rows**2 + columns**2)) * 3).clamp(0, 1).to(photos.device)
        if draw[5] < 0.4:  # a patch of another place
            other_top, other_left = int(draw[6] * (height - tall)), int(draw[7] * (width - wide))
            pasted = photos[i, :, other_top : other_top + tall, other_left : other_left + wide].flip(1)
        else:  # darker or brighter, like a pore, a scratch, a stain
            sign = 1.0 if draw[6] < 0.4 else -1.0
            pasted = place + sign * spread * (0.3 + 1.7 * float(draw[7]))
        out[i, :, top : top + tall, left : left + wide] = place + (pasted - place) * soft
    return out.clamp(0, 255), changed.float().to(photos.device)
