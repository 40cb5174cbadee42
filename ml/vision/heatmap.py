"""Where on a photo the network sees the defect.

Belongs here: Grad-CAM of a classifier, distances of a good-only model, the picture of both. Does not belong here: scores.
"""

from __future__ import annotations

import io

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from ml.vision.data import Photo, is_turned, to_canvas
from ml.vision.model import DefectNet
from ml.vision.nearest_good import CELL, NearestGood
from ml.vision.store import VisionModel

_COLOURS = np.array([[0, 0, 40], [90, 10, 120], [220, 60, 60], [255, 170, 30], [255, 255, 160]], dtype=float)


def heat(network: nn.Module, pixels: NDArray[np.uint8]) -> NDArray[np.float64]:
    """(height, width), 0 to 1, for pixels (channels, height, width): how much each place speaks for a defect."""
    photo = torch.from_numpy(pixels.copy())[None]
    height, width = pixels.shape[1:]
    if isinstance(network, NearestGood):
        with torch.inference_mode():
            places = network.distances(photo)[0].sum(dim=0).reshape(1, 1, height // CELL, width // CELL).sqrt()
    else:
        assert isinstance(network, DefectNet)
        with torch.enable_grad():
            features = network.features(network.normalised(photo)).detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(network.logits(features).sum(), features)
        places = torch.relu((features * gradient).sum(dim=1, keepdim=True)).detach()
    full = nn.functional.interpolate(places, (height, width), mode="bicubic", align_corners=False)[0, 0].numpy().astype(float)
    low, high = float(full.min()), float(full.max())
    return np.clip((full - low) / (high - low), 0, 1) if high > low else np.zeros_like(full)


def heat_picture(model: VisionModel, network: nn.Module, photo: Photo) -> bytes:
    """PNG: the photo as the network sees it, and beside it the same with what speaks for a defect glowing."""
    pixels = to_canvas(photo, model.canvas)
    shown = Image.fromarray(pixels[0] if pixels.shape[0] == 1 else pixels.transpose(1, 2, 0)).convert("RGB")
    glow = heat(network, pixels)[:, :, None]
    at = glow[:, :, 0] * (len(_COLOURS) - 1)
    below = np.clip(at.astype(int), 0, len(_COLOURS) - 2)
    colour = _COLOURS[below] + (_COLOURS[below + 1] - _COLOURS[below]) * (at - below)[:, :, None]
    mixed = np.asarray(shown, dtype=float) * (1 - 0.6 * glow) + colour * 0.6 * glow
    both = [shown, Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8))]
    if is_turned(photo, model.canvas):
        both = [image.transpose(Image.Transpose.ROTATE_270) for image in both]
    picture = Image.new("RGB", (both[0].width * 2 + 4, both[0].height), "white")
    picture.paste(both[0], (0, 0))
    picture.paste(both[1], (both[0].width + 4, 0))
    buffer = io.BytesIO()
    picture.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()
