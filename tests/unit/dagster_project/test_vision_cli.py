"""`stockroom vision` from folder to page, on photos that are partly no photos; what cannot be done is a message."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from dagster_project.cli import app


def stockroom(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["vision", *(str(argument) for argument in arguments)])


def write_photos(root: Path, good: int = 24, bad: int = 24) -> None:
    """Grey noise; the defective ones have a black bar."""
    random = np.random.default_rng(1)
    for number in range(good + bad):
        pixels = random.integers(90, 160, (40, 40)).astype(np.uint8)
        if number >= good:
            top, left = random.integers(5, 30, 2)
            pixels[top : top + 3, left : left + 10] = 0
        place = root / ("line/OK" if number < good else "line/def_front")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(place / f"{number:02d}.png")


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("photos")
    write_photos(root)
    (root / "line/OK/empty.jpg").write_bytes(b"")
    (root / "line/OK/text.png").write_text("no photo")
    (root / "line/def_front/cut.png").write_bytes((root / "line/def_front/30.png").read_bytes()[:200])
    (root / "line/OK/wrong.png").write_bytes((root / "line/def_front/31.png").read_bytes())
    return root


@pytest.fixture(scope="module")
def model(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "new"
    result = stockroom("train", photos, "--model", folder, "--steps", 40, "--threads", 1)
    assert result.exit_code == 0, result.output
    said = " ".join(result.output.split())
    assert "def_front: taken for defective" in said
    assert "OK: taken for good" in said
    assert "empty.jpg: the file is empty" in said
    assert "text.png: not a photo" in said
    assert "cut.png: damaged or truncated" in said
    assert "labelled good and defective" in said
    return folder


def test_every_photo_gets_a_row_in_the_csv(photos: Path, model: Path, tmp_path: Path) -> None:
    result = stockroom("score", photos, "--model", model, "--csv", tmp_path / "scores.csv")
    assert result.exit_code == 0, result.output
    rows = pl.read_csv(tmp_path / "scores.csv")
    assert len(rows) == 52
    assert rows.filter(pl.col("verdict") == "refused").height == 3
    assert rows["reason"].null_count() == 0
    assert "3 refused" in result.output


def test_the_report_needs_nothing_else(model: Path, tmp_path: Path) -> None:
    result = stockroom("report", "--model", model, "--out", tmp_path / "report.html")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "report.html").read_text()
    assert "data:image/png;base64," in page
    assert "The threshold is a decision" in page
    assert 'src="http' not in page
    assert "cost of a miss" in page


def test_an_evaluation_tests_every_photo_once_and_is_the_same_twice(photos: Path, tmp_path: Path) -> None:
    for name in ("one.json", "two.json"):
        result = stockroom("evaluate", photos, "--folds", 2, "--workers", 1, "--steps", 20, "--out", tmp_path / name)
        assert result.exit_code == 0, result.output
    found, again = (json.loads((tmp_path / name).read_text()) for name in ("one.json", "two.json"))
    assert found["photos"] == sum(fold["photos"] for fold in found["folds"]) == 47
    assert set(found["ways"]) >= {"network", "nearest", "logistic", "good_only", "metadata"}
    for fold in (*found["folds"], *again["folds"]):
        fold.pop("training_seconds")
    assert found == again
    assert "1-nearest-neighbour" in result.output


@pytest.mark.parametrize("command", ["train", "evaluate"])
def test_a_folder_without_labels_is_a_message(command: str, tmp_path: Path) -> None:
    options = ("--model", tmp_path / "m") if command == "train" else ()
    result = stockroom(command, tmp_path, *options)
    assert result.exit_code == 1
    assert "good (or ok)" in " ".join(result.output.split())
    assert "Traceback" not in result.output


def test_a_folder_that_is_no_model_is_a_message(photos: Path, tmp_path: Path) -> None:
    for arguments in (("score", photos, "--model", tmp_path), ("report", "--model", tmp_path)):
        result = stockroom(*arguments)
        assert result.exit_code == 1
        assert "holds no vision model" in " ".join(result.output.split())


def test_costs_that_make_no_sense_are_a_message(photos: Path, tmp_path: Path) -> None:
    result = stockroom("train", photos, "--model", tmp_path, "--miss-cost", "-1")
    assert result.exit_code == 1
    assert "miss_cost must be more than 0" in result.output
