"""Labelled photos in a folder: which of its folders hold good parts, which defective ones.

Belongs here: names of folders and what they are taken for. Does not belong here: decoding, training.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from ml.vision.data import SUFFIXES

GOOD = frozenset(
    {"good", "ok", "okay", "normal", "pass", "passed", "free", "clean", "nondefective", "undefective", "defectfree", "sound"}
)
BAD = frozenset(
    {
        "bad",
        "def",
        "defect",
        "defects",
        "defective",
        "ng",
        "nok",
        "notok",
        "anomaly",
        "anomalous",
        "faulty",
        "fail",
        "failed",
        "broken",
    }
)
_WORD = re.compile(r"[a-z]+")


class FolderError(ValueError):
    """A folder without labelled photos; the text says what was looked for."""


@dataclass(frozen=True)
class Labelled:
    photos: pl.DataFrame
    """path, is_defective."""
    taken_for: dict[str, bool]
    """Folder -> whether its photos were taken as defective."""
    unlabelled: int
    """Photos outside any folder whose name says what they are."""


def labelled_photos(root: str | os.PathLike) -> Labelled:
    """Every photo below `root`, labelled by the nearest folder above it whose name says good or defective.

    Raises FolderError where there is none. Links to folders are not followed: a loop would never end.
    """
    root = Path(root)
    if not root.is_dir():
        raise FolderError(f"{root} is no folder")
    rows, taken, unlabelled = [], {}, 0
    for folder, _, names in sorted(os.walk(root)):
        photos = sorted(name for name in names if Path(name).suffix.lower() in SUFFIXES and not name.startswith("."))
        if not photos:
            continue
        label, named = _label(Path(folder), root)
        if label is None:
            unlabelled += len(photos)
            continue
        taken[str(named)] = label
        rows += [{"path": str(Path(folder) / name), "is_defective": label} for name in photos]
    if not rows:
        raise FolderError(
            f"{root} holds no photos in folders named good (or ok) and bad (or def, defective)"
            + (f"; {unlabelled} photos lie elsewhere" if unlabelled else "")
        )
    return Labelled(pl.DataFrame(rows, schema={"path": pl.String, "is_defective": pl.Boolean}), taken, unlabelled)


def photos_in(root: str | os.PathLike) -> list[str]:
    """Every file below `root` that is named like a photo, or `root` itself where it is a file. Sorted."""
    root = Path(root)
    if root.is_file():
        return [str(root)]
    if not root.is_dir():
        raise FolderError(f"{root} does not exist")
    found = [
        str(Path(folder) / name)
        for folder, _, names in os.walk(root)
        for name in names
        if Path(name).suffix.lower() in SUFFIXES and not name.startswith(".")
    ]
    return sorted(found)


def says(name: str) -> bool | None:
    """Whether a folder's name says defective (True), good (False) or neither (None): ok_front, Bad parts, NOT-OK."""
    words = _WORD.findall(name.lower())
    joined = "".join(words)
    negated = len(words) > 1 and words[0] in ("not", "no", "non", "un")
    if joined in GOOD:
        return False
    if joined in BAD or joined.startswith(("notok", "notgood")) or (any(word in BAD for word in words) and not negated):
        return True
    if any(word in GOOD for word in words) or (negated and any(word in BAD for word in words)):
        return False
    return None


def _label(folder: Path, root: Path) -> tuple[bool | None, Path]:
    while True:
        label = says(folder.name) if folder != root else None
        if label is not None:
            return label, folder
        if folder == root:
            return None, folder
        folder = folder.parent
