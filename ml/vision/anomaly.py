"""Where no defect was ever labelled: what is unlike every good photo.

Belongs here: what is remembered of good photos, and the threshold. Does not belong here: how places are described and compared
(`nearest_good`), models of labelled defects.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ml.vision import threshold
from ml.vision.fit import History, Progress, scores_of
from ml.vision.groups import split_groups
from ml.vision.nearest_good import NearestGood, Octaves
from ml.vision.settings import VisionSettings
from ml.vision.store import VisionModel

if TYPE_CHECKING:
    from ml.vision.train import Photos

_PHOTOS, _BATCH = 400, 64
_SHRUNK = 0.1
"""Share of the mean variance that is added to each: what hardly varies among good photos must not decide alone."""


def train_good_only(read: Photos, settings: VisionSettings, progress: Progress | None = None) -> VisionModel:
    """A model of the same form as a classifier, from good photos."""
    from ml.vision.train import training_facts, watched

    began = time.perf_counter()
    folds = max(2, round(1 / settings.validation_share))
    fold = split_groups(read.groups, read.labels, folds, settings.seed)
    learn, watch = np.flatnonzero(fold != 0), np.flatnonzero(fold == 0)
    if not len(learn) or not len(watch):  # one part only: photos are all there is to split
        rows = np.arange(len(read.labels))
        learn, watch = rows[rows % folds != 0], rows[rows % folds == 0]
    nearest = remember(read.pixels, read.groups, learn, settings)
    if progress is not None:
        progress(0.5, f"{nearest.memory.shape[1]:,} places of good photos remembered")
    scores = scores_of(nearest, read.pixels, watch)
    decision = threshold.decide_without_defects(scores, read.groups[watch], settings)
    facts = training_facts(read, learn, History(seconds=time.perf_counter() - began))
    return VisionModel.build("good-only", nearest, read.canvas, decision, settings, facts, watched(read, watch, scores))


def remember(pixels: Tensor, groups: NDArray[np.int64], learn: NDArray[np.int64], settings: VisionSettings) -> NearestGood:
    """Places of good photos that stand for all: drawn at random, of each part as many photos where there are enough."""
    generator = np.random.default_rng(settings.seed)
    _, codes, counts = np.unique(groups[learn], return_inverse=True, return_counts=True)
    odds = 1 / counts[codes]
    rows = np.sort(generator.choice(learn, size=min(len(learn), _PHOTOS), replace=False, p=odds / odds.sum()))
    describe, parts = Octaves(), [rows[first : first + _BATCH] for first in range(0, len(rows), _BATCH)]
    with torch.inference_mode():
        described = [describe(pixels[torch.from_numpy(part)]) for part in parts]
        octaves = [torch.cat([batch[octave].flatten(0, 1) for batch in described]) for octave in range(len(described[0]))]
        keep = generator.choice(len(octaves[0]), size=min(len(octaves[0]), settings.memory_patches), replace=False)
        kept = torch.from_numpy(np.sort(keep))
        centre, axes = zip(*map(_evened, octaves), strict=True)
        memory = [(octave[kept] - middle) @ turned for octave, middle, turned in zip(octaves, centre, axes, strict=True)]
        return NearestGood(torch.stack(centre), torch.stack(axes), torch.stack(memory)).eval()


def _evened(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean, and axes along which features (places, features) are uncorrelated and of about deviation 1."""
    variances, axes = torch.linalg.eigh(torch.cov(features.t()))
    return features.mean(dim=0), axes / (variances.clamp(min=0) + _SHRUNK * variances.mean() + 1e-9).sqrt()
