"""Drawn inspection photos: what they show, whose they are, and that their defects can be seen."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image

from dagster_project.demo import photos

ODDITIES = {"copy_of_part_0001.png", "cut_short.png", "not_a_photo.jpg", "not_listed.png"}
GENERATE = (
    "import sys; from pathlib import Path; from dagster_project.demo import generate; generate('tiny', 3, Path(sys.argv[1]))"
)


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(content)), dtype=float)


def test_a_photo_is_written_as_it_is_drawn() -> None:
    drawn = photos.draw(np.random.default_rng(1), "crack")
    assert drawn.shape == (photos.SIDE, photos.SIDE)
    assert (pixels(photos.png(drawn)) == drawn).all()


@pytest.mark.parametrize("defect", photos.DEFECTS)
def test_a_defect_is_seen_on_the_part_and_nowhere_else(defect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(photos, "_NOISE", 0.0)
    bad = photos.draw(np.random.default_rng(4), defect).astype(float)
    shape = photos._DRAWN[defect]
    # the same draws, and nothing drawn
    monkeypatch.setitem(photos._DRAWN, defect, lambda rng, place: 0 * shape(rng, place))
    good = photos.draw(np.random.default_rng(4), defect).astype(float)
    changed = np.abs(good - bad) > 8
    assert 5 <= changed.sum() <= photos.SIDE**2 / 5
    on_part = good > 1.3 * np.median(good[:3, :3])
    assert on_part[changed].mean() > 0.8


def test_every_photo_of_the_list_is_there_but_the_one_never_taken(demo) -> None:
    listed = demo.optional("inspection_photos")
    folder = demo.folder / "inspection_photos"
    there = {path.name for path in folder.iterdir() if path.is_file()}
    assert there - set(listed["photo"]) == {"not_listed.png"}
    assert set(listed["photo"]) - there == {"never_taken.png"}
    assert there >= ODDITIES
    truth = demo.truth("photos")
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.png")} == set(truth["photo"]) | {
        name for name in ODDITIES if name.endswith(".png")
    }
    examples = truth.filter(pl.col("photo").str.starts_with("training/"))
    assert (examples["photo"].str.starts_with("training/bad/") == examples["defect"].is_not_null()).all()
    labelled = listed.drop_nulls("label").join(truth, on="photo")
    assert ((labelled["label"] == "defective") == labelled["defect"].is_not_null()).all()


def test_photos_are_of_receipts_nobody_counted(demo) -> None:
    key = ["inspected_date", "vendor_id", "item_id", "location_id"]
    listed = demo.optional("inspection_photos").rename({"inspected_at": "inspected_date"})
    bought = demo.purchases().select(
        inspected_date="ReceivingDate", vendor_id="VendorNumber", item_id=pl.col("item_id").cast(pl.Int64),
        location_id=pl.col("location_id").cast(pl.Int64), purchase_order_id="PONumber",
    )  # fmt: skip
    assert listed.join(bought, on=[*key, "purchase_order_id"], how="anti").height == 0
    if demo.summary.size == "small":
        assert listed.join(demo.optional("inspections"), on=key).height == 0


def test_one_lot_is_bad_and_the_others_are_as_their_vendors(small) -> None:
    parts = small.optional("inspection_photos").join(small.truth("photos"), on="photo")
    lots = parts.group_by("lot_id").agg(pl.len(), defects=pl.col("defect").is_not_null().sum()).sort("len")
    assert lots["defects"][-1] >= 5
    assert lots["len"][-1] == 20
    others = lots[:-1]
    assert others["defects"].sum() / others["len"].sum() < 0.08


def test_the_same_bytes_come_out_with_one_thread_and_with_two(tmp_path: Path) -> None:
    def digest(threads: str) -> str:
        folder = tmp_path / threads
        environment = os.environ | {"OMP_NUM_THREADS": threads, "POLARS_MAX_THREADS": threads}
        subprocess.run([sys.executable, "-c", GENERATE, str(folder)], check=True, env=environment)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return sha256(b"".join(path.relative_to(folder).as_posix().encode() + path.read_bytes() for path in files)).hexdigest()

    assert digest("1") == digest("2")
