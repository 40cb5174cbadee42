"""A model from drawn parts: learned, saved, loaded, scored, the same twice."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import polars as pl
import pytest
from safetensors.numpy import save
from vision_photos import write_parts

from ml.vision import VisionSettings, has_moved, load_model, score_photos, train_model
from ml.vision.data import Canvas
from ml.vision.store import GRAPH, MODEL, WEIGHTS, ModelError, VisionModel, onnx_graph, version_of
from ml.vision.train import TrainingError

TINY = VisionSettings(
    max_input_pixels=48 * 48, width=8, batch_size=16, max_steps=120, min_steps=20, check_steps=20, averaged_steps=20, threads=1
)


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    return write_parts(tmp_path_factory.mktemp("parts"), good=40, bad=40).with_columns(part=pl.col("number"))


@pytest.fixture(scope="module")
def model(parts: pl.DataFrame) -> VisionModel:
    return train_model(parts, TINY)


def test_a_model_finds_the_defects_it_was_shown(model: VisionModel, parts: pl.DataFrame) -> None:
    scores = score_photos(model, parts["path"].to_list())
    bad, good = (scores.filter(parts["is_defective"] == label)["defect_score"].to_numpy() for label in (True, False))
    assert (bad[:, None] > good[None, :]).mean() > 0.9


def test_the_same_photos_give_the_same_weights_twice(model: VisionModel, parts: pl.DataFrame) -> None:
    again = train_model(parts.sample(fraction=1.0, shuffle=True, seed=3), TINY)
    assert again.model_version == model.model_version
    assert again.graph == model.graph


def test_another_seed_gives_another_version(model: VisionModel, parts: pl.DataFrame) -> None:
    assert train_model(parts, replace(TINY, seed=2, max_steps=20)).model_version != model.model_version


def test_a_saved_model_scores_as_before(model: VisionModel, parts: pl.DataFrame, tmp_path: Path) -> None:
    model.save(tmp_path)
    paths = parts["path"].to_list()[:5]
    before, after = score_photos(model, paths), score_photos(load_model(tmp_path), paths)
    assert before.drop("seconds").equals(after.drop("seconds"))
    assert load_model(tmp_path).model_version == model.model_version


def test_onnx_gives_what_torch_gives(model: VisionModel) -> None:
    import torch

    from ml.vision.predict import Scorer

    pixels = np.random.default_rng(1).integers(0, 255, (3, 1, model.canvas.height, model.canvas.width)).astype(np.uint8)
    with torch.inference_mode():
        expected = model.network()(torch.from_numpy(pixels)).numpy()
    np.testing.assert_allclose(Scorer(model, 1).logits(pixels), expected, atol=1e-4)


def test_the_graph_does_not_say_where_it_was_made(model: VisionModel) -> None:
    assert str(Path(__file__).parents[3]).encode() not in model.graph


@pytest.mark.parametrize("name", [WEIGHTS, GRAPH])
def test_a_changed_file_is_refused(model: VisionModel, tmp_path: Path, name: str) -> None:
    model.save(tmp_path)
    data = bytearray((tmp_path / name).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ModelError, match="changed after it was written"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", [WEIGHTS, GRAPH, MODEL])
def test_a_missing_file_is_refused(model: VisionModel, tmp_path: Path, name: str) -> None:
    model.save(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(ModelError, match=name.replace(".", r"\.")):
        load_model(tmp_path)


def test_a_changed_threshold_is_refused(model: VisionModel, tmp_path: Path) -> None:
    model.save(tmp_path)
    content = json.loads((tmp_path / MODEL).read_text())
    content["decision"]["threshold"] += 1
    (tmp_path / MODEL).write_text(json.dumps(content))
    with pytest.raises(ModelError, match="threshold"):
        load_model(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json", '{"format": 99}'])
def test_a_foreign_model_file_is_refused(model: VisionModel, tmp_path: Path, text: str) -> None:
    model.save(tmp_path)
    (tmp_path / MODEL).write_text(text)
    with pytest.raises(ModelError):
        load_model(tmp_path)


def test_every_path_gets_a_row_in_order_whatever_it_is(model: VisionModel, parts: pl.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("no photo")
    paths = [parts["path"][0], str(tmp_path / "gone.jpg"), str(tmp_path), str(tmp_path / "notes.jpg"), parts["path"][0]]
    scores = score_photos(model, paths)
    assert scores["path"].to_list() == paths
    assert scores["verdict"].to_list()[1:4] == ["refused"] * 3
    assert scores["reason"].null_count() == 0
    assert scores["photo_hash"].is_null().to_list() == [False, True, True, False, False]
    assert scores["defect_score"][0] == scores["defect_score"][4]


def test_no_paths_give_an_empty_frame(model: VisionModel) -> None:
    assert score_photos(model, []).shape == (0, 10)


def test_the_verdict_follows_threshold_and_band(model: VisionModel, parts: pl.DataFrame) -> None:
    scores, decision = score_photos(model, parts["path"].to_list()), model.decision
    for row in scores.iter_rows(named=True):
        if decision.unsure_from < decision.unsure_to and decision.unsure_from <= row["defect_score"] <= decision.unsure_to:
            assert row["verdict"] == "unsure"
        else:
            assert row["verdict"] == ("defective" if row["defect_score"] >= decision.threshold else "good")


def test_scores_of_other_photos_have_moved(model: VisionModel) -> None:
    far = np.full(500, model.decision.good_quantiles[0] - 100)
    statistic, sentence = has_moved(model, far)
    assert statistic > 1
    assert "moved" in sentence


def test_good_photos_alone_give_a_model_of_the_same_form(parts: pl.DataFrame, tmp_path: Path) -> None:
    good = parts.filter(~pl.col("is_defective"))
    found = train_model(good, replace(TINY, memory_patches=200))
    assert found.kind == "good-only"
    found.save(tmp_path)
    scores = score_photos(load_model(tmp_path), parts["path"].to_list())
    bad, good = (scores.filter(parts["is_defective"] == label)["defect_score"].to_numpy() for label in (True, False))
    assert (bad[:, None] > good[None, :]).mean() > 0.9
    assert found.decision.recall is None
    content = json.loads((tmp_path / MODEL).read_text())
    earlier = {"memory": found.weights["memory"]}
    content["model_version"] = version_of(found.kind, earlier, found.canvas, found.decision)
    content["sha256"][WEIGHTS] = hashlib.sha256(save(earlier)).hexdigest()
    (tmp_path / WEIGHTS).write_bytes(save(earlier))
    (tmp_path / MODEL).write_text(json.dumps(content))
    with pytest.raises(ModelError, match="Train it again"):
        load_model(tmp_path)


def test_without_defects_onnx_gives_what_torch_gives_and_the_heat_map_glows_at_the_defect() -> None:
    import torch

    from ml.vision.anomaly import remember
    from ml.vision.heatmap import heat

    random = np.random.default_rng(1)
    good = torch.from_numpy(random.normal(128, 10, (40, 1, 64, 96)).clip(0, 255).astype(np.uint8))
    nearest = remember(good, np.arange(40), np.arange(40), replace(TINY, memory_patches=500))
    spot = good[:1].numpy().copy()
    spot[0, 0, 40:44, 72:76] = 20
    with torch.inference_mode():
        assert nearest(torch.from_numpy(spot)) > nearest(good).max()
        expected = nearest(good[:3]).numpy()
    session = onnxruntime.InferenceSession(onnx_graph(nearest, Canvas(64, 96, 1)))
    np.testing.assert_allclose(session.run(None, {"photos": good[:3].numpy()})[0], expected, atol=1e-4)
    row, column = np.unravel_index(heat(nearest, spot[0]).argmax(), (64, 96))
    assert abs(row - 42) <= 8
    assert abs(column - 74) <= 8


def test_photos_without_a_good_one_are_refused(parts: pl.DataFrame) -> None:
    with pytest.raises(TrainingError, match="good"):
        train_model(parts.filter("is_defective"), TINY)


def test_a_frame_without_labels_is_refused(parts: pl.DataFrame) -> None:
    with pytest.raises(TrainingError, match="is_defective"):
        train_model(parts.select("path"), TINY)


def test_the_latest_parts_choose_the_threshold_where_times_are_known(parts: pl.DataFrame) -> None:
    days = pl.date_range(pl.date(2024, 1, 1), pl.date(2024, 12, 31), eager=True)
    order = np.random.default_rng(1).permutation(len(parts))
    timed = parts.with_columns(taken_at=days.gather(order))
    found = train_model(timed, replace(TINY, max_steps=10))
    watched = found.watched.join(timed, on="path")
    learned = timed.join(watched, on="path", how="anti")
    assert watched["taken_at"].min() > learned["taken_at"].max()


def test_an_exported_program_gives_what_the_network_gives(model: VisionModel, tmp_path: Path) -> None:
    import torch

    model.export(tmp_path / "model.pt2")
    pixels = torch.randint(0, 255, (3, 1, model.canvas.height, model.canvas.width), dtype=torch.uint8)
    with torch.inference_mode():
        np.testing.assert_allclose(
            torch.export.load(tmp_path / "model.pt2").module()(pixels).numpy(), model.network()(pixels).numpy(), atol=1e-5
        )


def test_places_of_a_turned_or_mirrored_photo_are_the_same_places_elsewhere() -> None:
    import torch

    from ml.vision.nearest_good import CELL, OCTAVES, Octaves

    photo = torch.from_numpy(np.random.default_rng(1).integers(0, 255, (1, 1, 64, 64)).astype(np.float32))
    finest, turned = (Octaves()(shown)[0] for shown in (photo, photo.rot90(1, (2, 3))))
    side = 64 // CELL
    assert len(Octaves()(photo)) == OCTAVES
    torch.testing.assert_close(
        turned.reshape(side, side, -1), finest.reshape(side, side, -1).rot90(1, (0, 1)), atol=1e-4, rtol=1e-4
    )
