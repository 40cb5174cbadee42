"""Files that are photos, nearly photos and none: each is read or refused with a reason, and none raises."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ml.vision.data import Canvas, Photo, Refusal, choose_canvas, has_colour, read_many, read_photo, to_canvas

RAMP = np.tile(np.linspace(0, 255, 60).astype(np.uint8), (40, 1))


def written(folder: Path, image: Image.Image, name: str, **options) -> str:
    path = folder / name
    image.save(path, **options)
    return str(path)


def pixels_of(path: str) -> np.ndarray:
    found = read_photo(path)
    assert isinstance(found, Photo), found
    return found.pixels


def reason_of(path: str | Path, **options) -> str:
    found = read_photo(path, **options)
    assert isinstance(found, Refusal)
    return found.reason


def test_a_grey_photo_has_its_pixels_and_the_hash_of_its_bytes(tmp_path: Path) -> None:
    path = written(tmp_path, Image.fromarray(RAMP), "a.png")
    found = read_photo(path)
    assert isinstance(found, Photo)
    assert (found.pixels[:, :, 0] == RAMP).all()
    assert (found.width_px, found.height_px) == (60, 40)
    assert found.photo_hash == hashlib.sha256(Path(path).read_bytes()).hexdigest()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "I;16", "I", "F"])
def test_every_mode_of_a_photo_keeps_what_it_shows(tmp_path: Path, mode: str) -> None:
    image = Image.fromarray(RAMP)
    if mode == "I;16":
        image = Image.fromarray(RAMP.astype(np.uint16) * 257)
    elif mode in ("LA", "RGBA"):
        image = image.convert(mode)
        image.putalpha(255)
    else:
        image = image.convert(mode, dither=Image.Dither.NONE)
    suffix = ".png" if mode in ("1", "L", "LA", "P", "RGBA", "I;16") else ".jpg" if mode in ("RGB", "CMYK", "YCbCr") else ".tif"
    pixels = pixels_of(written(tmp_path, image, f"a{suffix}"))
    assert pixels.dtype == np.uint8
    assert pixels.shape[:2] == RAMP.shape
    assert np.corrcoef(pixels.mean(axis=2).ravel(), RAMP.ravel())[0, 1] > 0.8  # black and white keep least


def test_twelve_bits_in_sixteen_are_not_black(tmp_path: Path) -> None:
    pixels = pixels_of(written(tmp_path, Image.fromarray(RAMP.astype(np.uint16) * 16), "a.png"))
    assert pixels.max() == 255


def test_what_is_transparent_shows_grey_and_not_what_lies_beneath(tmp_path: Path) -> None:
    colours = np.zeros((40, 60, 4), dtype=np.uint8)
    colours[:, 30:] = (255, 0, 0, 255)
    colours[:, :30] = (0, 255, 0, 0)
    pixels = pixels_of(written(tmp_path, Image.fromarray(colours, "RGBA"), "a.png"))
    assert tuple(pixels[20, 10]) == (128, 128, 128)
    assert tuple(pixels[20, 50]) == (255, 0, 0)


@pytest.mark.parametrize("turn", [3, 6, 8])
def test_a_photo_turned_by_exif_is_upright(tmp_path: Path, turn: int) -> None:
    """3 is half a turn, 6 and 8 are quarter turns: a 60 x 40 file shows a 40 x 60 photo."""
    exif = Image.Exif()
    exif[0x0112] = turn
    found = read_photo(written(tmp_path, Image.fromarray(RAMP), "a.jpg", exif=exif, quality=95))
    assert isinstance(found, Photo)
    assert (found.width_px, found.height_px) == ((60, 40) if turn == 3 else (40, 60))
    assert found.pixels.shape[:2] == (found.height_px, found.width_px)
    grey = found.pixels[:, :, 0].astype(float)
    if turn == 3:
        assert grey[:, 0].mean() > grey[:, -1].mean()
    else:
        assert (grey[0].mean() < grey[-1].mean()) == (turn == 6)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    assert "empty" in reason_of(tmp_path / "a.jpg")


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.95])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_a_truncated_photo_is_refused(tmp_path: Path, suffix: str, share: float) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (80, 80)).astype(np.uint8)
    path = Path(written(tmp_path, Image.fromarray(noise), f"a{suffix}"))
    data = path.read_bytes()
    path.write_bytes(data[: max(4, int(share * len(data)))])
    assert reason_of(path)


def test_random_bytes_never_raise(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    buffer = io.BytesIO()
    Image.fromarray(RAMP).save(buffer, "JPEG")
    for number in range(60):
        data = bytearray(buffer.getvalue())
        for place in random.integers(0, len(data), 8):
            data[place] = int(random.integers(0, 256))
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(bytes(data))
        assert isinstance(read_photo(path), Photo | Refusal)


def test_a_text_named_as_a_photo_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no photo")
    assert "not a photo" in reason_of(tmp_path / "a.jpg")


def test_a_format_that_starts_programs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n")
    assert "not a photo" in reason_of(tmp_path / "a.eps")


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    """A PNG of a few bytes that announces 60,000 x 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + chunk(b"IEND", b"")
    (tmp_path / "a.png").write_bytes(bomb)
    assert "pixels" in reason_of(tmp_path / "a.png")
    found = read_photo(written(tmp_path, Image.fromarray(RAMP), "b.png"), max_pixels=2399)
    assert isinstance(found, Refusal)
    assert (found.width_px, found.height_px) == (60, 40)


def test_folders_missing_files_and_impossible_names_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "gone.jpg", "bad\0name.jpg", "x" * 5000):
        found = read_photo(path)
        assert isinstance(found, Refusal)
        assert found.photo_hash is None


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="who may read everything cannot be refused")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = Path(written(tmp_path, Image.fromarray(RAMP), "a.png"))
    path.chmod(0)
    assert "cannot be read" in reason_of(path)


def test_a_few_pixels_are_no_photo(tmp_path: Path) -> None:
    assert "too few" in reason_of(written(tmp_path, Image.fromarray(RAMP[:4, :4]), "a.png"))


def test_a_photo_keeps_its_shape_on_the_canvas() -> None:
    """A 60 x 40 photo on a 48 x 48 canvas is 48 x 32, with 8 rows of its mean above and below."""
    pixels = np.full((40, 60, 1), 50, dtype=np.uint8)
    pixels[:, 30:] = 150
    shown = to_canvas(Photo(pixels, 60, 40, "", 0), Canvas(48, 48, 1))
    assert shown.shape == (1, 48, 48)
    assert (shown[0, :8] == 100).all()
    assert (shown[0, 40:] == 100).all()
    assert shown[0, 20, 2] == 50


def test_an_upright_photo_is_turned_onto_a_lying_canvas() -> None:
    pixels = np.zeros((60, 30, 1), dtype=np.uint8)
    pixels[:20] = 200
    shown = to_canvas(Photo(pixels, 30, 60, "", 0), Canvas(32, 64, 1))
    assert shown[0, :, :15].mean() > 150
    assert shown[0, :, 40:].mean() < 20


def test_the_canvas_follows_the_photos() -> None:
    """A hundred photos of 300 x 300 need no more than their own size; wide ones get a lying canvas of the same area."""
    assert choose_canvas([(300, 300)] * 100, False, 160 * 160) == Canvas(160, 160, 1)
    assert choose_canvas([(64, 64)] * 100, True, 160 * 160) == Canvas(64, 64, 3)
    wide = choose_canvas([(400, 200), (200, 400), (420, 210)], False, 160 * 160)
    assert wide.width == pytest.approx(2 * wide.height, rel=0.1)


def test_colour_counts_only_where_it_is_colour() -> None:
    grey = Photo(np.repeat(RAMP[:, :, None], 3, axis=2), 60, 40, "", 0)
    red = Photo(np.stack([RAMP, RAMP // 2, RAMP // 4], axis=2), 60, 40, "", 0)
    assert not has_colour([grey, grey, red])
    assert has_colour([grey, red, red])


def test_many_photos_come_in_the_order_of_their_paths(tmp_path: Path) -> None:
    paths = [written(tmp_path, Image.fromarray(RAMP[:, : 20 + i]), f"{i}.png") for i in range(20)]
    paths.insert(7, str(tmp_path / "gone.png"))
    found = list(read_many(paths, Canvas(32, 32, 1), 10_000, 4))
    assert [photo.width_px for photo, _ in found] == [*range(20, 27), None, *range(27, 40)]
    assert [pixels is None for _, pixels in found].index(True) == 7
