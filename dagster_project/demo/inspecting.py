"""Which parts are photographed, whose they are and what is really wrong with them.

Belongs here: the choice of receipts and of labelled examples, the planted bad lot and the oddities of any real folder, the files.
Does not belong here: how a photo looks (`photos`), defect shares (`terms`).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import polars as pl

from . import photos
from .purchasing import PurchaseLines
from .sizes import DemoSize
from .streams import stream
from .terms import Terms

FOLDER = "inspection_photos"
NOTE = "Synthetic photos of drawn parts: how well they are judged says nothing about real ones."
_TRAINING = {
    "max_steps": 220,
    "min_steps": 120,
    "check_steps": 20,
    "averaged_steps": 15,
    "learning_rate": 0.006,
    "width": 12,
    "batch_size": 32,
    "note": NOTE,
}
"""Enough for small drawn parts, in seconds."""
_EXAMPLES_PER_ITEM, _MOST_EXAMPLES, _DEFECTIVE_EXAMPLES = 4, 240, 0.4
_PARTS_PER_ITEM, _MOST_PARTS, _PARTS_PER_RECEIPT = 1, 240, 5
_BAD_LOT_PARTS, _BAD_LOT_SHARE = 20, 0.5
_DAYS_BACK = 60
_LABELLED_SHARE = 0.05


def write_photos(
    out: Path, size: DemoSize, terms: Terms, lines: PurchaseLines, vendor: np.ndarray, inspected: np.ndarray, seed: int
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Draw all photos into `out`; the rows of their list by purchase line (photo, line, label), and the truth (photo, defect).

    `vendor` is per line, `inspected` the lines that people counted: those are not photographed as well.
    """
    rng, folder = stream(seed, "photos"), out / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    truth: list[tuple[str, str | None]] = []
    count = min(_MOST_EXAMPLES, _EXAMPLES_PER_ITEM * size.items)
    for number in range(count):
        defect = _drawn(rng, number < _DEFECTIVE_EXAMPLES * count)
        # drawn parts look more alike than photos of one real part do: the folder says that they are different ones
        name = f"training/{'bad' if defect else 'good'}/part_{number + 1:04d}/photo.png"
        photos.write(folder / name, photos.png(photos.draw(rng, defect)))
        truth.append((name, defect))
    photos.write(folder / "training" / "settings.json", (json.dumps(_TRAINING, indent=1) + "\n").encode())

    rows: list[tuple[str, int, str | None]] = []
    plan = _plan(rng, size, terms, lines, vendor, inspected)
    for number, (line, share) in enumerate(plan, start=1):
        defect = _drawn(rng, rng.random() < share)
        name = f"part_{number:04d}.png"
        content = photos.png(photos.draw(rng, defect))
        if (
            number == 1
        ):  # what a camera or a copy does to some: cut short, taken twice, taken and never listed, listed and never taken
            photos.write(folder / "copy_of_part_0001.png", content)
            rows.append(("copy_of_part_0001.png", line, None))
        photos.write(folder / name, content)
        label = "defective" if defect else "good"
        rows.append((name, line, label if rng.random() < _LABELLED_SHARE else None))
        truth.append((name, defect))
    line = plan[0][0]
    photos.write(folder / "cut_short.png", photos.png(photos.draw(rng, None))[:600])
    photos.write(folder / "not_a_photo.jpg", f"The photo of seed {seed} is in the other folder.\n".encode())
    photos.write(folder / "not_listed.png", photos.png(photos.draw(rng, None)))
    rows += [("cut_short.png", line, None), ("not_a_photo.jpg", line, None), ("never_taken.png", line, None)]
    return (
        pl.DataFrame(rows, schema={"photo": pl.String, "line": pl.Int64, "label": pl.String}, orient="row"),
        pl.DataFrame(truth, schema={"photo": pl.String, "defect": pl.String}, orient="row").sort("photo"),
    )


def _plan(
    rng: np.random.Generator, size: DemoSize, terms: Terms, lines: PurchaseLines, vendor: np.ndarray, inspected: np.ndarray
) -> list[tuple[int, float]]:
    """Purchase line and true defect share of each part that is photographed: some of some recent receipts, and many of one bad lot."""
    last = size.total_days
    known = np.flatnonzero(terms.is_inspected[vendor] & (lines.receipt_day < last))
    recent = known[lines.receipt_day[known] >= last - _DAYS_BACK]
    key = np.stack([lines.receipt_day, vendor, lines.brand, lines.store], axis=1)
    counted = {tuple(row) for row in key[inspected].tolist()}
    recent = recent[[tuple(row) not in counted for row in key[recent].tolist()]]
    if not len(recent):
        recent = known[-1:]
    bad = int(recent[np.argmax(lines.units[recent])])
    count = min(_MOST_PARTS, _PARTS_PER_ITEM * size.items)
    picked = np.sort(rng.permutation(recent[recent != bad])[: max(1, count // _PARTS_PER_RECEIPT)])
    if not len(picked):
        picked = np.array([bad])
    ordinary = [(int(line), float(terms.defect_share[vendor[line]])) for line in np.resize(picked, count).tolist()]
    return ordinary + [(bad, _BAD_LOT_SHARE)] * min(_BAD_LOT_PARTS, count)


def _drawn(rng: np.random.Generator, is_defective: bool) -> str | None:
    return str(rng.choice(photos.DEFECTS)) if is_defective else None
