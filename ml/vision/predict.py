"""Scores of photos: what a model says of each, and what is to be done.

Belongs here: scoring in batches with onnxruntime, verdicts and their reasons, seeing that scores have moved.
Does not belong here: training, thresholds, tables.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.vision import threshold
from ml.vision.data import Photo, Refusal, read_many, usable_threads
from ml.vision.looks import looked
from ml.vision.store import VisionModel

SCHEMA = {
    "path": pl.String,
    "photo_hash": pl.String,
    "width_px": pl.Int32,
    "height_px": pl.Int32,
    "defect_probability": pl.Float64,
    "defect_score": pl.Float64,
    "threshold": pl.Float64,
    "verdict": pl.String,
    "reason": pl.String,
    "seconds": pl.Float64,
}
BATCH = 16
CHUNK = 256


class Scorer:
    """A model ready to score: the session is made once. `threads` of onnxruntime; 0 takes what the machine has."""

    def __init__(self, model: VisionModel, threads: int = 0) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads or usable_threads()
        options.log_severity_level = 3
        self.model = model
        self._session = onnxruntime.InferenceSession(model.graph, options, providers=["CPUExecutionProvider"])

    def scores(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """As `logits`, with a second look at what is close."""
        return looked(self.logits, pixels, self.model.decision.close)

    def logits(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
        """(photos, channels, height, width) -> logits."""
        parts = [self._session.run(None, {"photos": pixels[first : first + BATCH]})[0] for first in range(0, len(pixels), BATCH)]
        return np.concatenate(parts).astype(np.float64) if parts else np.zeros(0)


def score_photos(
    model: VisionModel, paths: Sequence[str], threads: int = 0, progress: Callable[[float, str], None] | None = None
) -> pl.DataFrame:
    """One row per path, in their order: score, verdict (good, defective, unsure, refused), and why.

    defect_score is the network's own scale, on which `threshold` lies; defect_probability is calibrated at the expected
    share of defects. One photo that cannot be read is a row, never an error.
    """
    paths = [str(path) for path in paths]
    scorer, threads = Scorer(model, threads), threads or usable_threads()
    rows: list[dict] = []
    for first in range(0, len(paths), CHUNK):
        chunk, began = paths[first : first + CHUNK], time.perf_counter()
        read = list(read_many(chunk, model.canvas, model.settings.max_photo_pixels, threads))
        shown = [pixels for _, pixels in read if pixels is not None]
        scores = iter(scorer.scores(np.stack(shown)) if shown else ())
        seconds = (time.perf_counter() - began) / len(chunk)
        for path, (found, pixels) in zip(chunk, read, strict=True):
            row = {"path": path, "photo_hash": found.photo_hash, "width_px": found.width_px, "height_px": found.height_px}
            rows.append(row | (judged(model, float(next(scores))) if pixels is not None else refused(model, found)))
            rows[-1]["seconds"] = seconds
        if progress is not None:
            progress(len(rows) / len(paths), f"{len(rows)} of {len(paths)} photos")
    return pl.DataFrame(rows, schema=SCHEMA)


def refused(model: VisionModel, found: Photo | Refusal) -> dict:
    reason = found.reason if isinstance(found, Refusal) else "cannot be shown to the network"
    return {"threshold": model.decision.threshold, "verdict": "refused", "reason": reason}


def judged(model: VisionModel, score: float) -> dict:
    """Probability, threshold, verdict and reason of one score."""
    decision = model.decision
    probability = float(decision.probability(np.array([score]))[0])
    says = f"{probability:.1%} likely defective" if decision.is_calibrated else "no good photo seen is so unlike the others"
    if decision.unsure_from < decision.unsure_to and decision.unsure_from <= score <= decision.unsure_to:
        verdict, reason = "unsure", f"{probability:.1%} likely defective: too close to call, a look costs less"
    elif score >= decision.threshold:
        verdict, reason = "defective", says
    else:
        verdict = "good"
        reason = says if decision.is_calibrated else "like good photos seen before"
    return {
        "defect_probability": probability,
        "defect_score": score,
        "threshold": decision.threshold,
        "verdict": verdict,
        "reason": reason,
    }


def has_moved(model: VisionModel, scores: Sequence[float] | pl.Series | NDArray[np.float64]) -> tuple[float, str]:
    """Whether `defect_score` of photos in operation lies as on the validation photos: a statistic (above 1: it has moved)
    and a sentence. Nulls (refused photos) are left out."""
    values = scores.drop_nulls().to_numpy() if isinstance(scores, pl.Series) else np.array([s for s in scores if s is not None])
    return threshold.movement(model.decision, values.astype(float))
