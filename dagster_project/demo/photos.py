"""Photos of parts as an inspector's camera would take them, drawn: none shows anything real.

Belongs here: how a part, its light and its defects look, and the file format. Does not belong here: which receipt a photo is of
(`inspecting`), the list beside the photos (`optional`).
"""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

SIDE = 48
DEFECTS = ("scratch", "pores", "crack")
_FAINTEST, _STRONGEST = 0.25, 0.95
"""Contrast of a defect. The faintest drown in the noise: there a person is asked."""
_NOISE = 4.0

_Y, _X = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)


def draw(rng: np.random.Generator, defect: str | None) -> np.ndarray:
    """One grey photo (SIDE, SIDE): a turned ring on a bench under uneven light, with the defect, if any, on the ring."""
    centre = SIDE / 2 + rng.uniform(-2, 2, 2)
    outer, inner = rng.uniform(18, 21), rng.uniform(5, 7)
    distance = np.hypot(_X - centre[0], _Y - centre[1])
    ring = _soft(outer - distance) * _soft(distance - inner)
    marks = 1 + 0.03 * np.sin(distance * rng.uniform(1.6, 2.4) + rng.uniform(0, 6.3))
    bench, metal = rng.uniform(45, 75), rng.uniform(135, 175)
    photo = bench + (metal * marks - bench) * ring
    if defect is not None:
        # between hole and rim, so that it lies on the part
        angle, reach = rng.uniform(0, 2 * np.pi), (inner + outer) / 2
        place = centre + reach * np.array([np.cos(angle), np.sin(angle)])
        contrast = rng.uniform(_FAINTEST, _STRONGEST)
        photo *= 1 + contrast * _DRAWN[defect](rng, place) * ring
    tilt, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.35)
    photo *= 1 + slope * ((_X - SIDE / 2) * np.cos(tilt) + (_Y - SIDE / 2) * np.sin(tilt)) / SIDE
    photo += rng.normal(0, _NOISE, photo.shape)
    return np.clip(np.round(photo), 0, 255).astype(np.uint8)


def png(photo: np.ndarray) -> bytes:
    """An 8-bit grey PNG."""
    height, width = photo.shape
    rows = b"".join(b"\0" + row.tobytes() for row in photo)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(rows, 6)) + _chunk(b"IEND", b"")


def write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _scratch(rng: np.random.Generator, place: np.ndarray) -> np.ndarray:
    """A bright straight line."""
    angle, length = rng.uniform(0, np.pi), rng.uniform(10, 16)
    half = length / 2 * np.array([np.cos(angle), np.sin(angle)])
    return _line(place - half, place + half, rng.uniform(1.0, 1.6))


def _pores(rng: np.random.Generator, place: np.ndarray) -> np.ndarray:
    """Dark dots, close together."""
    dots = np.zeros((SIDE, SIDE))
    for _ in range(int(rng.integers(3, 7))):
        x, y = place + rng.normal(0, 3, 2)
        dots = np.maximum(dots, np.exp(-((_X - x) ** 2 + (_Y - y) ** 2) / (2 * rng.uniform(1.2, 2.0) ** 2)))
    return -dots


def _crack(rng: np.random.Generator, place: np.ndarray) -> np.ndarray:
    """A dark line that wanders."""
    angle, dark = rng.uniform(0, 2 * np.pi), np.zeros((SIDE, SIDE))
    for _ in range(int(rng.integers(4, 7))):
        angle += rng.normal(0, 0.6)
        end = place + rng.uniform(2, 4) * np.array([np.cos(angle), np.sin(angle)])
        dark = np.maximum(dark, _line(place, end, 1.1))
        place = end
    return -dark


_DRAWN = {"scratch": _scratch, "pores": _pores, "crack": _crack}


def _line(start: np.ndarray, end: np.ndarray, width: float) -> np.ndarray:
    """1 on the line from start to end, falling to 0 beside it."""
    along = end - start
    share = np.clip(((_X - start[0]) * along[0] + (_Y - start[1]) * along[1]) / max(along @ along, 1e-9), 0, 1)
    away = np.hypot(_X - start[0] - share * along[0], _Y - start[1] - share * along[1])
    return np.exp(-(away**2) / (2 * width**2))


def _soft(inside: np.ndarray) -> np.ndarray:
    return np.clip(inside + 0.5, 0, 1)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
