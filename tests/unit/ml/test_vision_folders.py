"""Folders of photos: what a name is taken for, at any depth."""

from __future__ import annotations

from pathlib import Path

import pytest

from ml.vision.folders import FolderError, labelled_photos, photos_in, says


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")


@pytest.mark.parametrize(
    "name", ["bad", "BAD", "def", "def_front", "Defective", "defects", "NG", "nok", "not_ok", "not good", "anomaly"]
)
def test_names_of_defective_parts(name: str) -> None:
    assert says(name) is True


@pytest.mark.parametrize("name", ["good", "Good Parts", "ok", "OK_front", "no_defect", "defect-free", "non-defective", "normal"])
def test_names_of_good_parts(name: str) -> None:
    assert says(name) is False


@pytest.mark.parametrize("name", ["photos", "train", "test", "2024", "book", "badge", "goodyear", "part"])
def test_other_names_say_nothing(name: str) -> None:
    assert says(name) is None


def test_photos_are_labelled_by_the_nearest_folder_that_says_something(tmp_path: Path) -> None:
    touch(
        tmp_path,
        "line1/OK/a.png",
        "line1/def_front/b.JPEG",
        "line2/bad/deep/er/c.tif",
        "good/bad/d.jpg",
        "e.png",
        "good/notes.txt",
    )
    found = labelled_photos(tmp_path)
    rows = {Path(row["path"]).name: row["is_defective"] for row in found.photos.iter_rows(named=True)}
    assert rows == {"a.png": False, "b.JPEG": True, "c.tif": True, "d.jpg": True}
    assert found.unlabelled == 1
    assert found.taken_for[str(tmp_path / "line2/bad")] is True


def test_the_root_does_not_label_its_photos(tmp_path: Path) -> None:
    touch(tmp_path / "good", "a.png")
    with pytest.raises(FolderError, match="1 photos lie elsewhere"):
        labelled_photos(tmp_path / "good")


def test_a_loop_of_links_ends(tmp_path: Path) -> None:
    touch(tmp_path, "good/a.png", "bad/b.png")
    (tmp_path / "good" / "again").symlink_to(tmp_path)
    assert len(labelled_photos(tmp_path).photos) == 2


@pytest.mark.parametrize("name", ["gone", "file.txt"])
def test_what_is_no_folder_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(FolderError, match="no folder"):
        labelled_photos(tmp_path / name)


def test_photos_are_found_at_any_depth_in_order(tmp_path: Path) -> None:
    touch(tmp_path, "b/2.png", "a/1.JPG", "3.txt", ".hidden.png")
    assert [Path(path).name for path in photos_in(tmp_path)] == ["1.JPG", "2.png"]
    assert photos_in(tmp_path / "3.txt") == [str(tmp_path / "3.txt")]
    with pytest.raises(FolderError):
        photos_in(tmp_path / "gone")
