"""Inspection photos of a source folder: what is found, what is labelled, and that nothing is judged twice."""

from __future__ import annotations

import hashlib
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from dagster_project import inspecting
from dagster_project.inspecting import find_photos, judge, settings_problems, vision_settings
from dagster_project.warehouse_file import WarehouseFile
from ml.contracts import IMAGE_SCORES, OUTPUTS


def put(source: Path, name: str, content: bytes = b"") -> str:
    path = source / "inspection_photos" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content or name.encode())
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_without_a_folder_there_is_nothing(tmp_path: Path) -> None:
    found = find_photos(tmp_path)
    assert (found.to_judge.height, found.labelled.height, found.choices) == (0, 0, {})


def test_examples_have_the_label_of_the_nearest_folder_and_their_part_below_it(tmp_path: Path) -> None:
    hashes = [
        put(tmp_path, name)
        for name in ("training/good/a.png", "training/good/p1/b.png", "training/x/bad/p2/c.png", "training/bad/good/d.png")
    ]
    put(tmp_path, "training/unsorted/e.png")
    put(tmp_path, "training/good/.DS_Store")
    found = find_photos(tmp_path)
    assert found.to_judge.height == 0
    labelled = {row[0]: row[1:] for row in found.labelled.select("photo_hash", "is_defective", "part").rows()}
    expected = [(False, None), (False, "p1"), (True, "p2"), (False, None)]
    assert labelled == dict(zip(hashes, expected, strict=True))


def test_what_people_said_of_photos_is_learned_unless_they_disagree(tmp_path: Path) -> None:
    first, second = put(tmp_path, "a.png"), put(tmp_path, "sub/b.png")
    put(tmp_path, "c.png", b"same")
    put(tmp_path, "d.png", b"same")
    put(tmp_path, "e.png")
    (tmp_path / "inspection_photos.csv").write_text(
        "Photo,Label,item_id\na.png, GOOD ,1\n./inspection_photos/sub\\b.png,defective,1\nc.png,good,1\nd.png,defective,1\ne.png,so so,1\n"
        "gone.png,good,1\nshort\n",
        encoding="utf-8-sig",
    )
    found = find_photos(tmp_path)
    assert found.to_judge["photo"].to_list() == ["a.png", "c.png", "d.png", "e.png", "sub/b.png"]
    assert sorted(found.labelled.select("photo_hash", "is_defective").rows()) == sorted([(first, False), (second, True)])


def test_what_was_entered_of_a_photo_is_learned_from_all_copies_whatever_the_list_says(tmp_path: Path) -> None:
    """Of b the list says good; of c and its copy d it says both; nobody has the photo with the last hash."""
    first, second, third = put(tmp_path, "a.png"), put(tmp_path, "b.png"), put(tmp_path, "c.png", b"same")
    put(tmp_path, "d.png", b"same")
    unsaid = put(tmp_path, "e.png")
    (tmp_path / "inspection_photos.csv").write_text("photo,label\nb.png,good\nc.png,good\nd.png,defective\n")
    rows = [(first, False), (second, True), (third, True), ("f" * 64, True)]
    entered = pl.DataFrame(rows, schema={"photo_hash": pl.String, "is_defective": pl.Boolean}, orient="row")
    before, after = find_photos(tmp_path), find_photos(tmp_path, entered)
    assert sorted(after.labelled.select("photo_hash", "is_defective").rows()) == sorted(rows[:3])
    assert unsaid not in after.labelled["photo_hash"]
    assert before.training_key != after.training_key


def test_the_model_depends_on_the_labels_and_not_on_names(tmp_path: Path) -> None:
    for folder, name in (("one", "a.png"), ("two", "b.png"), ("three", "a.png")):
        put(tmp_path / folder, f"training/{'bad' if folder == 'three' else 'good'}/{name}", b"the same bytes")
    one, two, three = (find_photos(tmp_path / folder).training_key for folder in ("one", "two", "three"))
    assert one == two != three


def test_settings_are_the_policys_costs_and_what_the_folder_says(tmp_path: Path) -> None:
    put(tmp_path, "training/settings.json", b'{"max_steps": 7, "min_steps": 3, "note": "drawn"}')
    settings = vision_settings(find_photos(tmp_path).choices)
    assert (settings.miss_cost, settings.false_reject_cost, settings.review_cost) == (20, 1, 0.2)
    assert (settings.expected_defect_share, settings.max_steps) == (0.05, 7)
    put(tmp_path, "training/settings.json", b'{"stepps": 7}')
    with pytest.raises(ValueError, match=r"settings\.json.*stepps"):
        vision_settings(find_photos(tmp_path).choices)
    assert "stepps" in settings_problems(tmp_path)[0]  # told before the run begins
    put(tmp_path, "training/settings.json", b"{")
    assert "not settings of a training" in settings_problems(tmp_path)[0]
    with pytest.raises(ValueError, match="not settings of a training"):
        find_photos(tmp_path)


def test_a_run_learns_with_one_thread_so_that_cores_do_not_decide() -> None:
    assert vision_settings({}).threads == 1
    assert vision_settings({"threads": 2}).threads == 2


def test_a_parameter_holds_from_its_day_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "seeds").mkdir()
    (tmp_path / "seeds" / "policy_parameters.csv").write_text(
        "parameter,value,unit,valid_from,valid_to,meaning\n"
        "vision_miss_cost,20,u,2000-01-01,2016-12-31,m\nvision_miss_cost,50,u,2017-01-01,,m\n"
    )
    monkeypatch.setattr(inspecting, "DBT_PROJECT_DIR", tmp_path)
    assert [vision_settings({}, date(year, 6, 1)).miss_cost for year in (2016, 2017)] == [20, 50]


def test_without_a_model_readable_photos_wait_for_a_person(tmp_path: Path) -> None:
    from dagster_project.demo import photos

    whole = photos.png(photos.draw(np.random.default_rng(1), None))
    put(tmp_path, "a.png", whole)
    put(tmp_path, "copy.png", whole)
    put(tmp_path, "text.png", b"nothing to see")
    warehouse = WarehouseFile(str(tmp_path / "stockroom.duckdb"))
    warehouse.ensure_tables(OUTPUTS)
    found = find_photos(tmp_path)
    scores, new = judge(warehouse, None, "no label", found, lambda share, text: None)
    scores = IMAGE_SCORES.conform(scores)
    assert new == 2, "the copy is looked at once"
    assert scores.select("photo", "verdict", "width_px").rows() == [
        ("a.png", "unsure", photos.SIDE),
        ("copy.png", "unsure", photos.SIDE),
        ("text.png", "refused", None),
    ]
    assert scores["reason"].to_list()[:2] == ["no label"] * 2


def test_only_photos_new_to_the_model_are_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[list[str]] = []

    class Model:
        model_version = "m1"

    def score(model, why_none, paths, progress) -> pl.DataFrame:
        looked_at.append([Path(path).name for path in paths])
        schema = {"path": pl.String} | {
            name: dtype for name, dtype in IMAGE_SCORES.schema.items() if name not in ("photo", "model_version")
        }
        rows = [
            {"path": path, "photo_hash": "read", "verdict": "good", "defect_score": float(len(looked_at)), "seconds": 0.1}
            for path in paths
        ]
        return pl.DataFrame(rows, schema=schema)

    monkeypatch.setattr(inspecting, "_score", score)
    warehouse = WarehouseFile(str(tmp_path / "stockroom.duckdb"))
    warehouse.ensure_tables(OUTPUTS)

    def run() -> pl.DataFrame:
        scores, _ = judge(warehouse, Model(), "", find_photos(tmp_path), lambda share, text: None)
        warehouse.replace_rows([(IMAGE_SCORES, scores)])
        return warehouse.read("from ml.image_scores order by photo")

    put(tmp_path, "a.png")
    put(tmp_path, "b.png")
    first = run()
    assert run().equals(first)
    put(tmp_path, "c.png")
    put(tmp_path, "renamed.png", b"a.png")
    (tmp_path / "inspection_photos" / "a.png").unlink()
    after = run()
    assert [name for name in looked_at if name] == [["a.png", "b.png"], ["c.png"]]
    assert after.select("photo", "defect_score").rows() == [("b.png", 1.0), ("c.png", 3.0), ("renamed.png", 1.0)]
    Model.model_version = "m2"
    run()
    assert looked_at[-1] == ["b.png", "c.png", "renamed.png"]


def test_a_model_from_elsewhere_is_used_and_is_no_photo(tmp_path: Path) -> None:
    put(tmp_path, "model/model.json", b"{}")
    put(tmp_path, "model/weights.safetensors")
    put(tmp_path, "a.png")
    found = find_photos(tmp_path)
    assert found.to_judge["photo"].to_list() == ["a.png"]
    with pytest.raises(ValueError, match=r"model\.json cannot be read"):
        inspecting.train_or_load(tmp_path / "models", found, vision_settings({}), lambda share, text: None)


def test_a_model_of_an_earlier_way_of_training_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "training/good/a.png")
    put(tmp_path, "training/bad/b.png")
    found, kept = find_photos(tmp_path), []

    class Made:
        def save(self, folder: Path) -> None:
            kept.append(folder)

    monkeypatch.setattr("ml.vision.train_model", lambda *_: Made())
    for training in (1, 2):
        monkeypatch.setattr("ml.vision.settings.TRAINING", training)
        inspecting.train_or_load(tmp_path / "models", found, vision_settings({}), lambda share, text: None)
    assert len(set(kept)) == 2
