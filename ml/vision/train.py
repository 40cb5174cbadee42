"""From photos and labels to a model that can be used.

Belongs here: reading the photos, their groups, which are kept for validation, the fit, the threshold.
Does not belong here: the training loop, the network, files of models.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from ml.vision import anomaly, threshold
from ml.vision.baselines import metadata_of, metadata_only
from ml.vision.data import Canvas, Photo, Refusal, choose_canvas, has_colour, read_many, read_photo, usable_threads
from ml.vision.fit import History, fit, looked_scores, repeatable, scores_of
from ml.vision.groups import SIDE, find_groups, split_by_time, split_groups
from ml.vision.looks import close_scores
from ml.vision.settings import VisionSettings
from ml.vision.store import VisionModel

Progress = Callable[[float, str], None]
_SAMPLE = 64
_LEAST_DEFECTS = 4
_LEAST_PHOTOS = 8


class TrainingError(ValueError):
    """Photos that no model can be learned from; the text says what is missing."""


@dataclass(frozen=True)
class Photos:
    """Photos in memory, row by row: what the network sees, and what tells groups and short cuts."""

    paths: list[str]
    labels: NDArray[np.bool_]
    groups: NDArray[np.int64]
    pixels: Tensor
    canvas: Canvas
    metadata: NDArray[np.float64]
    """(photos, 6): bytes of the file, width, height, mean, deviation of brightness, bytes per pixel."""
    refused: list[tuple[str, str]]
    times: NDArray[np.float64] | None = None
    """When each photo was taken, in seconds; None where it is not known of all."""


def read_training_photos(photos: pl.DataFrame, settings: VisionSettings, progress: Progress | None = None) -> Photos:
    """Decode all photos once. Refused ones, and one of two equal files with different labels, are left out and told.

    Raises TrainingError for a frame without the columns, and when too few photos remain.
    """
    missing = {"path", "is_defective"} - set(photos.columns)
    if missing:
        raise TrainingError(f"the frame has no column {', '.join(sorted(missing))}")
    photos = photos.drop_nulls(["path", "is_defective"]).sort("path", maintain_order=True)
    paths = photos["path"].to_list()
    sample = [paths[i] for i in np.unique(np.linspace(0, len(paths) - 1, min(_SAMPLE, len(paths))).astype(int))] if paths else []
    seen = [found for found in (read_photo(path, settings.max_photo_pixels) for path in sample) if isinstance(found, Photo)]
    if not seen:
        raise TrainingError(f"none of the first {len(sample)} photos can be read" if sample else "there are no photos")
    canvas = choose_canvas([(p.width_px, p.height_px) for p in seen], has_colour(seen), settings.max_input_pixels)

    labels = dict(zip(paths, photos["is_defective"].to_list(), strict=True))
    parts = dict(zip(paths, photos["part"].to_list(), strict=True)) if "part" in photos.columns else {}
    kept, pixels, thumbnails, metadata, refused = [], [], [], [], []
    first_of: dict[str, str] = {}
    contradicted: set[str] = set()
    report = None if progress is None else lambda done: progress(done / len(paths), f"{done} of {len(paths)} photos read")
    for path, (found, shown) in zip(
        paths, read_many(paths, canvas, settings.max_photo_pixels, usable_threads(), report), strict=True
    ):
        if isinstance(found, Refusal) or shown is None:
            refused.append((path, found.reason if isinstance(found, Refusal) else "cannot be read"))
            continue
        before = first_of.setdefault(found.photo_hash, path)
        if before != path and labels[before] != labels[path]:
            contradicted.add(found.photo_hash)
        kept.append((path, found.photo_hash))
        pixels.append(shown)
        thumbnails.append(thumbnail(shown))
        metadata.append(metadata_of(found, shown))
    keep = [i for i, (_, photo_hash) in enumerate(kept) if photo_hash not in contradicted]
    refused += [(path, "the same photo is labelled good and defective") for path, key in kept if key in contradicted]
    if len(keep) < _LEAST_PHOTOS:
        raise TrainingError(f"{len(keep)} photos can be used; at least {_LEAST_PHOTOS} are needed")
    names = [kept[i][0] for i in keep]
    is_defective = np.array([bool(labels[name]) for name in names])
    groups = find_groups(np.stack([thumbnails[i] for i in keep]), is_defective)
    if parts:
        groups = given_groups([parts[name] for name in names], groups)
    return Photos(
        names,
        is_defective,
        groups,
        torch.from_numpy(np.stack([pixels[i] for i in keep])),
        canvas,
        np.array([metadata[i] for i in keep]),
        refused,
        _times(photos, names),
    )


def train_model(photos: pl.DataFrame, settings: VisionSettings, progress: Progress | None = None) -> VisionModel:
    """A model from photos: path, is_defective; part (which part it shows) and taken_at (a date or time), where known.

    Parts are found from the photos where not given. Where no defect is among them, what is unlike every good photo
    counts as defective. Raises TrainingError where nothing can be learned.
    """
    read = read_training_photos(photos, settings, _part(progress, 0.0, 0.1))
    return train_on(read, settings, _part(progress, 0.1, 1.0))


def train_on(read: Photos, settings: VisionSettings, progress: Progress | None = None) -> VisionModel:
    """As `train_model`, from photos in memory."""
    with repeatable(settings):
        if not read.labels.any():
            return anomaly.train_good_only(read, settings, progress)
        if read.labels.all():
            raise TrainingError("all photos show defects; good ones are needed beside them")
        if read.labels.sum() < _LEAST_DEFECTS:
            raise TrainingError(
                f"{int(read.labels.sum())} defects are too few to learn from; give at least {_LEAST_DEFECTS}, or good photos alone"
            )
        learn, watch = hold_out(read, settings)
        network, history = fit(read.pixels, read.labels, read.groups, learn, watch, settings, progress)
        close = close_scores(scores_of(network, read.pixels, watch), read.labels[watch])
        scores = looked_scores(network, read.pixels, watch, close)
        decision = threshold.decide(scores, read.labels[watch], read.groups[watch], settings, close)
    facts = training_facts(read, learn, history)
    guessed = metadata_only(read.metadata, read.labels, learn, watch, settings.seed)
    facts["metadata_auroc"] = round(auroc(guessed, read.labels[watch]), 4)
    facts["validation_auroc"] = round(auroc(scores, read.labels[watch]), 4)
    return VisionModel.build("classifier", network, read.canvas, decision, settings, facts, watched(read, watch, scores))


def select(read: Photos, rows: NDArray[np.int64]) -> Photos:
    """Some of the photos."""
    return Photos(
        [read.paths[i] for i in rows],
        read.labels[rows],
        read.groups[rows],
        read.pixels[torch.from_numpy(rows)],
        read.canvas,
        read.metadata[rows],
        [],
        None if read.times is None else read.times[rows],
    )


def hold_out(read: Photos, settings: VisionSettings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows to learn from and rows to validate on: whole parts, both classes on both sides; the latest where times are known."""
    if read.times is not None:
        learn, watch = split_by_time(read.groups, read.times, settings.validation_share)
        if all(len(np.unique(read.labels[rows])) == 2 for rows in (learn, watch)):
            return learn, watch
    folds = max(2, round(1 / settings.validation_share))
    fold = split_groups(read.groups, read.labels, folds, settings.seed)
    for wanted in range(folds):
        learn, watch = np.flatnonzero(fold != wanted), np.flatnonzero(fold == wanted)
        if all(len(np.unique(read.labels[rows])) == len(np.unique(read.labels)) for rows in (learn, watch)):
            return learn, watch
    raise TrainingError("good and defective photos show too few different parts to keep some for validation")


def watched(read: Photos, rows: NDArray[np.int64], scores: NDArray[np.float64]) -> pl.DataFrame:
    """The validation photos and their scores, for the report."""
    return pl.DataFrame(
        {
            "path": [read.paths[i] for i in rows],
            "is_defective": read.labels[rows],
            "part": read.groups[rows],
            "defect_score": scores,
        }
    )


def auroc(scores: NDArray[np.float64], labels: NDArray[np.bool_]) -> float:
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores))


def training_facts(read: Photos, learn: NDArray[np.int64], history: History) -> dict:
    return {
        "photos": len(read.labels),
        "defective_photos": int(read.labels.sum()),
        "parts": len(np.unique(read.groups)),
        "photos_learned_from": len(learn),
        "refused": len(read.refused),
        "steps": history.stopped_at,
        "seconds": round(history.seconds, 1),
        "device": history.device,
        "looked_at_steps": history.steps,
        "validation_losses": [round(loss, 5) for loss in history.losses],
    }


def given_groups(parts: list, found: NDArray[np.int64]) -> NDArray[np.int64]:
    """Groups by the part that is given; photos without one keep the group found from the photos."""
    names = {part: i for i, part in enumerate(sorted({part for part in parts if part is not None}, key=str))}
    return np.array([names[part] if part is not None else len(names) + group for part, group in zip(parts, found, strict=True)])


def thumbnail(shown: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A small grey square with the whole photo in its middle. Enlarged smoothly: edges of blocks would be detail that is not there."""
    image = Image.fromarray(shown[0] if shown.shape[0] == 1 else shown.transpose(1, 2, 0)).convert("L")
    scale = SIDE / max(image.size)
    resampling = Image.Resampling.LANCZOS if scale > 1 else Image.Resampling.BOX
    image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))), resampling)
    square = Image.new("L", (SIDE, SIDE), int(np.asarray(image).mean()))
    square.paste(image, ((SIDE - image.width) // 2, (SIDE - image.height) // 2))
    return np.asarray(square, dtype=np.uint8)


def _times(photos: pl.DataFrame, names: list[str]) -> NDArray[np.float64] | None:
    if "taken_at" not in photos.columns or photos["taken_at"].null_count() or not photos["taken_at"].dtype.is_temporal():
        return None
    seconds = photos["taken_at"].cast(pl.Datetime("ms")).cast(pl.Int64) / 1000
    by_path = dict(zip(photos["path"].to_list(), seconds.to_list(), strict=True))
    return np.array([by_path[name] for name in names], dtype=float)


def _part(progress: Progress | None, start: float, end: float) -> Progress | None:
    return None if progress is None else lambda share, text: progress(start + (end - start) * share, text)
