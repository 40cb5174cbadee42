"""Defects on photos: a network that says how likely a part is defective, and a threshold that says what to do about it.

Belongs here: reading photos, the network, its training, the threshold, scoring, heat maps, the evaluation and its report.
Does not belong here: folders of a warehouse, tables, the command line.

    model = train_model(photos, VisionSettings())     # photos: path, is_defective
    model.save(folder)
    scores = score_photos(load_model(folder), paths)  # one row per path, refused ones too
"""

from __future__ import annotations

from ml.vision.settings import VisionSettings

__all__ = ["VisionSettings", "has_moved", "load_model", "read_photo", "score_photos", "train_model"]


def __getattr__(name: str):  # torch and onnxruntime take seconds to import: only who asks pays
    if name == "train_model":
        from ml.vision.train import train_model as found
    elif name == "load_model":
        from ml.vision.store import load_model as found
    elif name in ("score_photos", "has_moved"):
        from ml.vision import predict

        found = getattr(predict, name)
    elif name == "read_photo":
        from ml.vision.data import read_photo as found
    else:
        raise AttributeError(name)
    return found
