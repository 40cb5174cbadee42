"""Drawn parts: small textured plates, some with a dark scratch or pore, each in several exposures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from PIL import Image, ImageDraw, ImageFilter


def drawn_part(seed: int, is_defective: bool, size: tuple[int, int] = (64, 64), strength: float = 90.0) -> Image.Image:
    """One plate: its own texture, and a defect at its own place."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(90, 170, (size[1] // 8 + 1, size[0] // 8 + 1)).astype(np.uint8))
    plate = np.asarray(coarse.resize(size, Image.Resampling.BICUBIC), dtype=float) + random.normal(0, 3, size[::-1])
    image = Image.fromarray(np.clip(plate, 0, 255).astype(np.uint8))
    if is_defective:
        mask = Image.new("L", size)
        draw = ImageDraw.Draw(mask)
        x, y = (int(random.integers(int(0.2 * side), int(0.8 * side))) for side in size)
        if seed % 2:
            angle, long = random.uniform(0, np.pi), min(size) * random.uniform(0.2, 0.4)
            draw.line((x, y, x + long * np.cos(angle), y + long * np.sin(angle)), fill=255, width=2)
        else:
            radius = max(2, int(min(size) * random.uniform(0.04, 0.08)))
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=255)
        dark = np.asarray(mask.filter(ImageFilter.GaussianBlur(0.6)), dtype=float) / 255 * strength
        image = Image.fromarray(np.clip(np.asarray(image, dtype=float) - dark, 0, 255).astype(np.uint8))
    return image


def exposed(image: Image.Image, gain: float, light: float) -> Image.Image:
    """The same part in other light: brighter, and lit from one side."""
    pixels = np.asarray(image, dtype=float)
    slope = np.linspace(1 - light, 1 + light, pixels.shape[1])[None, :]
    return Image.fromarray(np.clip(pixels * gain * slope, 0, 255).astype(np.uint8))


def write_parts(folder: Path, good: int, bad: int, exposures: int = 1, **drawing) -> pl.DataFrame:
    """A folder with good/ and bad/, and the frame `train_model` takes."""
    rows = []
    for number in range(good + bad):
        is_defective = number >= good
        place = folder / ("bad" if is_defective else "good")
        place.mkdir(parents=True, exist_ok=True)
        part = drawn_part(number, is_defective, **drawing)
        for exposure in range(exposures):
            path = place / f"part{number:03d}_{exposure}.png"
            gain = 0.7 + 0.6 * exposure / max(exposures - 1, 1) if exposures > 1 else 1.0
            exposed(part, gain, 0.1 * (exposure % 3)).save(path)
            rows.append({"path": str(path), "is_defective": is_defective, "number": number})
    return pl.DataFrame(rows)
