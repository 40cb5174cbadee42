"""The cast parts: what is known of them is found from the photos alone.

The photos are not part of the project: STOCKROOM_REAL_DATA names the folder that holds them; without it these tests are skipped.
How well the network does there takes most of an hour to measure: `make bench-vision`.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ml.vision.evaluate import official_split
from ml.vision.folders import labelled_photos
from ml.vision.groups import split_groups

REAL_DATA = os.environ.get("STOCKROOM_REAL_DATA")  # read before the tests' own environment hides it

pytestmark = pytest.mark.skipif(
    not (REAL_DATA and (Path(REAL_DATA) / "casting.zip").is_file()),
    reason="STOCKROOM_REAL_DATA does not name a folder with casting.zip",
)


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory):
    from ml.vision.settings import VisionSettings
    from ml.vision.train import read_training_photos

    folder = tmp_path_factory.mktemp("cast")
    with zipfile.ZipFile(Path(REAL_DATA) / "casting.zip") as archive:
        archive.extractall(folder)
    return read_training_photos(labelled_photos(folder).photos, VisionSettings(max_input_pixels=64 * 64))


def test_all_photos_are_read_and_labelled_by_their_folders(read) -> None:
    assert len(read.labels) == 7_348
    assert int(read.labels.sum()) == 453 + 3_758
    assert read.canvas.channels == 1
    assert read.refused == []


def test_some_120_to_175_parts_are_found_and_the_official_split_leaks(read) -> None:
    """98.7 % of the official test photos show a part that is in training."""
    assert 110 <= len(np.unique(read.groups)) <= 175
    learn, test = official_split(read.paths)
    assert np.isin(read.groups[test], read.groups[learn]).mean() == pytest.approx(0.987, abs=0.01)


def test_parts_are_good_or_defective_but_for_a_few(read) -> None:
    shares = np.array([read.labels[read.groups == group].mean() for group in np.unique(read.groups)])
    assert np.mean((shares > 0) & (shares < 1)) < 0.05


def test_five_folds_hold_alike_many_photos_and_good_parts(read) -> None:
    """Ten good parts of some 300 photos each and ten of a few: no deal is even in both photos and parts."""
    fold = split_groups(read.groups, read.labels, 5, seed=1)
    assert np.bincount(fold).min() > 0.8 * len(fold) / 5
    assert np.bincount(fold[read.labels]).min() > 0.9 * read.labels.sum() / 5
    assert min(len(np.unique(read.groups[(fold == k) & ~read.labels])) for k in range(5)) >= 3
