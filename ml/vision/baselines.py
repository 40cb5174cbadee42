"""What simpler ways reach on the same folds: without them no figure of a network means anything.

Belongs here: nearest neighbour, logistic regression on pixels, good photos only, and what can be guessed from a file
without looking at the part. Does not belong here: the network, folds, tables of results.
"""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ml.vision.data import Canvas, Photo, read_photo, to_canvas
from ml.vision.settings import VisionSettings

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
THUMBNAIL = 24
METADATA = ("file bytes", "width", "height", "brightness", "contrast", "bytes per pixel")
EQUAL_BRIGHTNESS, EQUAL_CONTRAST, EQUAL_QUALITY = 128.0, 40.0, 75
NAMES = {
    "nearest": "1-nearest-neighbour on thumbnails",
    "logistic": "logistic regression on pixels",
    "good_only": "good photos only (nearest patches)",
    "metadata": "metadata only (file size, image size, brightness)",
    "metadata_equalised": "metadata only, after equalising",
}


def nearest_neighbour(small: NDArray[np.float32], labels: NDArray[np.bool_], learn: Rows, test: Rows) -> Array:
    """How much nearer the nearest defective photo is than the nearest good one."""
    known, asked = small[learn], small[test]
    distance = np.sqrt(np.maximum((asked**2).sum(1)[:, None] + (known**2).sum(1)[None, :] - 2 * asked @ known.T, 0))
    bad = distance[:, labels[learn]].min(axis=1)
    good = distance[:, ~labels[learn]].min(axis=1)
    return (good - bad).astype(float)


def logistic(small: NDArray[np.float32], labels: NDArray[np.bool_], learn: Rows, test: Rows) -> Array:
    from sklearn.linear_model import LogisticRegression

    mean, deviation = small[learn].mean(axis=0), small[learn].std(axis=0) + 1e-6
    model = LogisticRegression(C=0.01, max_iter=300, class_weight="balanced")
    model.fit((small[learn] - mean) / deviation, labels[learn])
    return model.decision_function((small[test] - mean) / deviation)


def metadata_only(metadata: Array, labels: NDArray[np.bool_], learn: Rows, test: Rows, seed: int) -> Array:
    """Boosted trees on what is known of a photo without looking at the part."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    model = HistGradientBoostingClassifier(max_iter=100, learning_rate=0.1, max_leaf_nodes=15, random_state=seed)
    model.fit(metadata[learn], labels[learn])
    return model.decision_function(metadata[test])


def good_only(pixels, labels: NDArray[np.bool_], groups: NDArray[np.int64], learn: Rows, test: Rows, settings: VisionSettings):
    """Scores of the good-only model of the good photos among `learn`."""
    from ml.vision.anomaly import remember
    from ml.vision.fit import scores_of

    return scores_of(remember(pixels, groups, learn[~labels[learn]], settings), pixels, test)


def small_pixels(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(photos, THUMBNAIL squared): grey thumbnails of 0 to 1."""
    rows = []
    for shown in pixels:
        image = Image.fromarray(shown[0] if shown.shape[0] == 1 else shown.transpose(1, 2, 0)).convert("L")
        rows.append(np.asarray(image.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX), dtype=np.float32).ravel() / 255)
    return np.stack(rows)


def metadata_of(photo: Photo, shown: NDArray[np.uint8]) -> list[float]:
    """In the order of METADATA."""
    area = photo.width_px * photo.height_px
    brightness, contrast = float(shown.mean()), float(shown.std())
    return [float(photo.file_bytes), float(photo.width_px), float(photo.height_px), brightness, contrast, photo.file_bytes / area]


def equalised(path: str, canvas: Canvas, max_pixels: int) -> tuple[NDArray[np.uint8], list[float]]:
    """A photo, grey, at one brightness, contrast and quality of compression: what the network sees, and its metadata."""
    photo = read_photo(path, max_pixels)
    if not isinstance(photo, Photo):
        raise ValueError(f"{path}: {photo.reason}")
    values = photo.pixels.astype(np.float32).mean(axis=2)
    values = (values - values.mean()) / max(float(values.std()), 1.0) * EQUAL_CONTRAST + EQUAL_BRIGHTNESS
    buffer = io.BytesIO()
    Image.fromarray(np.clip(values, 0, 255).round().astype(np.uint8)).save(buffer, "JPEG", quality=EQUAL_QUALITY)
    again = np.asarray(Image.open(io.BytesIO(buffer.getvalue())), dtype=np.uint8)[:, :, None]
    same = replace(photo, pixels=again, file_bytes=buffer.tell())
    shown = to_canvas(same, canvas)
    return shown, metadata_of(same, shown)
