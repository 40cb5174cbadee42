"""Drawn plates: textured surfaces of varied size with small, faint defects, each part photographed in six exposures.

Belongs here: drawing, and the folder of photos. Does not belong here: measuring.

They stand in for surface inspection as it is met: few parts, most of them good, defects of a few pixels that are hardly
darker than the texture around them, and photos of one part that differ in nothing but light.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

EXPOSURES = 6


def write_plates(folder: Path, parts: int = 220, defective_share: float = 0.27, seed: int = 1) -> int:
    """Write good/ and bad/; return how many photos. The same seed writes the same pixels."""
    random = np.random.default_rng(seed)
    written = 0
    for part in range(parts):
        is_defective = bool(random.random() < defective_share)
        place = folder / ("bad" if is_defective else "good")
        place.mkdir(parents=True, exist_ok=True)
        plate = drawn_plate(random, is_defective)
        for exposure in range(EXPOSURES):
            # every exposure is cut out anew: a few pixels more or less at each side
            top, left, bottom, right = random.integers(0, 5, 4)
            pixels = _exposed(plate[top : plate.shape[0] - bottom, left : plate.shape[1] - right], exposure, random)
            Image.fromarray(pixels).save(place / f"{part:04d}_{exposure}.jpg", quality=90)
            written += 1
    return written


def drawn_plate(random: np.random.Generator, is_defective: bool) -> NDArray[np.float64]:
    """Brightness of one part, 0 to 255."""
    width, height = int(random.integers(150, 400)), int(random.integers(150, 400))
    plate = np.full((height, width), random.uniform(90, 140))
    for size, strength in ((60, 12.0), (16, 6.0), (4, 4.0)):
        cells = random.normal(0, 1, (height // size + 2, width // size + 2))
        plate += strength * _enlarged(cells, width, height)
    lines = random.normal(0, 1, (height, 1)) if random.random() < 0.5 else random.normal(0, 1, (1, width))
    plate = plate + random.uniform(1, 4) * lines + random.normal(0, 3.0, plate.shape)
    return plate + _defect(random, width, height) if is_defective else plate


def _defect(random: np.random.Generator, width: int, height: int) -> NDArray[np.float64]:
    """A pore, a group of pores or a scratch: 3 to 40 pixels, 20 to 45 grey levels darker."""
    mask = Image.new("L", (width, height))
    draw = ImageDraw.Draw(mask)
    x, y = random.uniform(0.1, 0.9) * width, random.uniform(0.1, 0.9) * height
    if random.random() < 0.5:
        for _ in range(int(random.integers(1, 4))):
            radius = random.uniform(2, 5)
            at_x, at_y = x + random.normal(0, 10), y + random.normal(0, 10)
            draw.ellipse((at_x - radius, at_y - radius * random.uniform(0.6, 1.4), at_x + radius, at_y + radius), fill=255)
    else:
        angle, long = random.uniform(0, np.pi), random.uniform(25, 60)
        bend = random.normal(0, 0.3)
        middle = (x + long / 2 * np.cos(angle), y + long / 2 * np.sin(angle))
        end = (middle[0] + long / 2 * np.cos(angle + bend), middle[1] + long / 2 * np.sin(angle + bend))
        draw.line((x, y, *middle, *end), fill=255, width=int(random.integers(2, 4)))
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(0.8)), dtype=float) / 255
    return -random.uniform(20, 45) * soft


def _exposed(plate: NDArray[np.float64], exposure: int, random: np.random.Generator) -> NDArray[np.uint8]:
    gain = 0.5 + 0.25 * exposure
    height, width = plate.shape
    light = (
        1
        + 0.1 * random.normal() * np.linspace(-1, 1, width)[None, :]
        + 0.1 * random.normal() * np.linspace(-1, 1, height)[:, None]
    )
    return np.clip(plate * gain * light + random.normal(0, 1.5, plate.shape), 0, 255).round().astype(np.uint8)


def _enlarged(cells: NDArray[np.float64], width: int, height: int) -> NDArray[np.float64]:
    image = Image.fromarray(cells.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BICUBIC), dtype=float)
