"""A fold on disk: its model and its scores, so that thresholds and simple ways can be studied without training again.

Belongs here: what is kept of a fold, and when it may be used again. Does not belong here: training, measures.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from ml.vision.settings import VisionSettings
from ml.vision.store import VisionModel, load_model
from ml.vision.threshold import Decision, decide

if TYPE_CHECKING:
    from ml.vision.train import Photos

MODEL, SCORES = "model", "scores.parquet"
_OF_DECISIONS = ("miss_cost", "false_reject_cost", "review_cost", "expected_defect_share")
_ROW = ("path", "is_defective", "part")

Rows = NDArray[np.int64]
Scores = dict[str, NDArray[np.float64]]


def fold_folder(root: Path, name: str, read: Photos, learn: Rows, test: Rows, settings: VisionSettings) -> Path:
    """A folder of its own for each fold of these photos, parts and settings; costs decide after training and are not among them.

    The code is not among them either: after a change of network or training, take another root.
    """
    chosen = {key: value for key, value in asdict(settings).items() if key not in _OF_DECISIONS}
    digest = hashlib.sha256(json.dumps(chosen, sort_keys=True).encode())
    for values in (read.pixels.numpy(), read.labels, read.groups, learn, test):
        digest.update(np.ascontiguousarray(values).tobytes())
    return root / f"{name}-{digest.hexdigest()[:12]}"


def keep_fold(folder: Path, read: Photos, test: Rows, model: VisionModel, scores: Scores) -> None:
    """Write the model, and the scores of the tested photos: a column per way. Half of it is none."""
    if not (folder / MODEL).is_dir():
        model.save(folder / MODEL)
    root = os.path.commonpath([os.path.dirname(path) for path in read.paths])
    names = [os.path.relpath(read.paths[i], root) for i in test]
    frame = pl.DataFrame({"path": names, "is_defective": read.labels[test], "part": read.groups[test], **scores})
    frame.write_parquet(folder / f".{SCORES}.part")
    os.replace(folder / f".{SCORES}.part", folder / SCORES)


def kept_fold(folder: Path) -> tuple[VisionModel, Scores] | None:
    """What `keep_fold` wrote; None where there is nothing."""
    if not (folder / SCORES).is_file():
        return None
    frame = pl.read_parquet(folder / SCORES).drop(_ROW)
    return load_model(folder / MODEL), {name: frame[name].to_numpy().astype(np.float64) for name in frame.columns}


def decided_anew(model: VisionModel, settings: VisionSettings) -> Decision:
    """The decision of a model on its validation photos, at other costs or by another rule. Without defects it stays as it is."""
    if model.kind != "classifier":
        return model.decision
    seen = model.watched
    scores, labels, parts = (seen[name].to_numpy() for name in ("defect_score", "is_defective", "part"))
    return decide(scores, labels.astype(bool), parts, settings, model.decision.close)
