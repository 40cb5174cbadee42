"""Photos: from a file of any kind to the pixels the network sees, or to a reason why not.

Belongs here: decoding, refusing, resizing, reading many at once. Does not belong here: labels, networks, augmentation.
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

MAX_FILE_BYTES = 200_000_000
MIN_SIDE_PX = 8
FORMATS = ("JPEG", "PNG", "BMP", "TIFF", "WEBP", "GIF", "PPM")
"""Formats that are read. Others (PDF, EPS and the like) may start other programs while they are decoded."""
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".pgm", ".ppm"})
_READ_AHEAD = 256

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Canvas:
    """What the network sees: height, width, channels (1 grey, 3 colour)."""

    height: int
    width: int
    channels: int


@dataclass(frozen=True)
class Photo:
    """One photo, upright: pixels (height, width, channels), and what can be known of it without looking at the part."""

    pixels: Pixels
    width_px: int
    height_px: int
    photo_hash: str
    file_bytes: int


@dataclass(frozen=True)
class Refusal:
    """A file that is no photo to be scored, and why."""

    reason: str
    photo_hash: str | None = None
    width_px: int | None = None
    height_px: int | None = None


def read_photo(path: str | os.PathLike, max_pixels: int = 64_000_000, canvas: Canvas | None = None) -> Photo | Refusal:
    """The photo in a file, or why there is none. Never raises for what a file contains or lacks.

    With a canvas, a JPEG much larger than it is decoded at a fraction of its size, which is several times faster.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        return Refusal(f"cannot be read: {getattr(error, 'strerror', None) or error}")
    if not data:
        return Refusal("the file is empty", hashlib.sha256(data).hexdigest())
    if len(data) > MAX_FILE_BYTES:
        return Refusal(f"the file is larger than {MAX_FILE_BYTES // 1_000_000} MB")
    return decode(data, max_pixels, canvas)


def decode(data: bytes, max_pixels: int = 64_000_000, canvas: Canvas | None = None) -> Photo | Refusal:
    """As `read_photo`, from the bytes of a file."""
    photo_hash = hashlib.sha256(data).hexdigest()
    size: tuple[int | None, int | None] = (None, None)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PIL's own limit on pixels warns; ours refuses
            with Image.open(io.BytesIO(data), formats=FORMATS) as image:  # a phone's MPO opens as the JPEG it begins with
                turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8) if image.format != "GIF" else False
                size = image.size[::-1] if turned else image.size
                if size[0] * size[1] > max_pixels:
                    return Refusal(f"{size[0]} x {size[1]} pixels are more than the {max_pixels:,} allowed", photo_hash, *size)
                if min(size) < MIN_SIDE_PX:
                    return Refusal(f"{size[0]} x {size[1]} pixels are too few to see anything", photo_hash, *size)
                if image.format == "JPEG" and canvas is not None:
                    image.draft(image.mode, _twice(image.size, canvas))
                image.load()
                pixels = _plain(ImageOps.exif_transpose(image) if turned or image.getexif().get(0x0112, 1) != 1 else image)
    except Image.UnidentifiedImageError:
        return Refusal("not a photo of a known format", photo_hash, *size)
    except Image.DecompressionBombError:
        return Refusal(f"more pixels than the {max_pixels:,} allowed", photo_hash, *size)
    except (MemoryError, RecursionError):
        return Refusal("too large to decode", photo_hash, *size)
    except Exception as error:  # decoders raise whatever they like on damaged files; one never stops the batch
        text = str(error).strip().splitlines()[0][:80] if str(error).strip() else type(error).__name__
        return Refusal(f"damaged or truncated: {text}", photo_hash, *size)
    return Photo(pixels, size[0], size[1], photo_hash, len(data))


def to_canvas(photo: Photo, canvas: Canvas) -> Pixels:
    """(channels, height, width): turned to the canvas's orientation, resized to fit, its mean around it."""
    pixels = photo.pixels
    if canvas.channels == 1 and pixels.shape[2] == 3:
        image = Image.fromarray(pixels).convert("L")
    elif canvas.channels == 3 and pixels.shape[2] == 1:
        image = Image.fromarray(pixels[:, :, 0]).convert("RGB")
    else:
        image = Image.fromarray(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
    if is_turned(photo, canvas):
        image = image.transpose(Image.Transpose.ROTATE_90)
    scale = min(canvas.width / image.width, canvas.height / image.height)
    fitted = (max(1, min(canvas.width, round(image.width * scale))), max(1, min(canvas.height, round(image.height * scale))))
    small = np.asarray(image.resize(fitted, Image.Resampling.BILINEAR), dtype=np.uint8)
    small = small[:, :, None] if small.ndim == 2 else small
    if fitted == (canvas.width, canvas.height):
        return np.ascontiguousarray(small.transpose(2, 0, 1))
    out = np.empty((canvas.channels, canvas.height, canvas.width), dtype=np.uint8)
    out[:] = np.round(small.mean(axis=(0, 1))).astype(np.uint8)[:, None, None]
    top, left = (canvas.height - fitted[1]) // 2, (canvas.width - fitted[0]) // 2
    out[:, top : top + fitted[1], left : left + fitted[0]] = small.transpose(2, 0, 1)
    return out


def is_turned(photo: Photo, canvas: Canvas) -> bool:
    """Whether an upright photo lies on its side on a lying canvas (or the other way round)."""
    return canvas.width != canvas.height and (photo.width_px > photo.height_px) != (canvas.width > canvas.height)


def choose_canvas(sizes: Sequence[tuple[int, int]], has_colour: bool, max_input_pixels: int) -> Canvas:
    """The canvas for photos of these (width, height): their median shape, lying, with at most so many pixels.

    Sides are multiples of 16, which the network's strides divide.
    """
    wide = np.array([(max(size), min(size)) for size in sizes], dtype=float)
    aspect = float(np.clip(np.median(wide[:, 0] / wide[:, 1]), 1, 4))
    if aspect < 1.15:
        aspect = 1.0
    area = min(float(np.median(wide[:, 0] * wide[:, 1])), float(max_input_pixels))
    height = math.sqrt(area / aspect)
    sides = [max(32, 16 * round(side / 16)) for side in (height, height * aspect)]
    return Canvas(sides[0], sides[1], 3 if has_colour else 1)


def has_colour(photos: Sequence[Photo]) -> bool:
    """Whether colour tells anything: channels differ by more than what compression leaves."""
    spreads = []
    for photo in photos:
        if photo.pixels.shape[2] == 3:
            part = photo.pixels[:: max(1, photo.pixels.shape[0] // 64), :: max(1, photo.pixels.shape[1] // 64)].astype(np.int16)
            spreads.append(float(np.mean(part.max(axis=2) - part.min(axis=2))))
        else:
            spreads.append(0.0)
    return bool(spreads) and float(np.median(spreads)) > 6.0


def read_many(
    paths: Sequence[str], canvas: Canvas | None, max_pixels: int, threads: int, done: Callable[[int], None] | None = None
) -> Iterator[tuple[Photo | Refusal, Pixels | None]]:
    """Photos in the order of the paths, decoded by threads, never more than a few hundred ahead of who reads them."""

    def one(path: str) -> tuple[Photo | Refusal, Pixels | None]:
        found = read_photo(path, max_pixels, canvas)
        return found, to_canvas(found, canvas) if isinstance(found, Photo) and canvas is not None else None

    with ThreadPoolExecutor(max(1, threads)) as pool:
        for first in range(0, len(paths), _READ_AHEAD):
            yield from pool.map(one, paths[first : first + _READ_AHEAD])
            if done is not None:
                done(min(first + _READ_AHEAD, len(paths)))


def usable_threads() -> int:
    """Processors this process may use, for decoding: the result does not depend on it."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _twice(size: tuple[int, int], canvas: Canvas) -> tuple[int, int]:
    """A size at least twice what the canvas needs, so that resizing still averages over pixels."""
    long, short = max(canvas.width, canvas.height), min(canvas.width, canvas.height)
    wanted = (long, short) if size[0] >= size[1] else (short, long)
    return wanted[0] * 2, wanted[1] * 2


def _plain(image: Image.Image) -> Pixels:
    """8 bits, grey or colour, opaque: (height, width, 1 or 3)."""
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, dtype=np.float64)
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
        low, high = float(values.min()), float(values.max())
        if low >= 0 and high <= 255:
            low, high = 0.0, 255.0
        scaled = (values - low) / (high - low) * 255 if high > low else np.full_like(values, 128.0)
        return scaled.round().astype(np.uint8)[:, :, None]
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (128, 128, 128, 255))
        image = Image.alpha_composite(ground, image).convert("RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode not in ("L", "RGB"):
        image = image.convert("RGB")
    pixels = np.asarray(image, dtype=np.uint8)
    return pixels[:, :, None] if pixels.ndim == 2 else pixels
