"""Saved models come back the same, and nothing else comes back."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from ml.forecasting.artefacts import MANIFEST, Artefact, ArtefactError, load_artefacts, save_artefacts

lightgbm = pytest.importorskip("lightgbm")


@pytest.fixture(scope="module")
def booster():
    random = np.random.default_rng(1)
    features = random.normal(size=(200, 3))
    data = lightgbm.Dataset(features, features[:, 0] * 2 + random.normal(size=200))
    return lightgbm.train({"objective": "quantile", "alpha": 0.9, "verbosity": -1, "num_threads": 1}, data, 10)


@pytest.fixture
def saved(tmp_path: Path, booster) -> tuple[Path, str]:
    models = {
        "boosting": Artefact("lightgbm", booster),
        "weights": Artefact("tensors", {"a": np.arange(6.0).reshape(2, 3), "b": np.array([1, 2])}),
        "configuration": Artefact("settings", {"seed": 1, "levels": [0.1, 0.9], "name": "ü"}),
    }
    return tmp_path / "run", save_artefacts(tmp_path / "run", "r1", models)


def test_everything_comes_back_the_same(saved: tuple[Path, str], booster) -> None:
    loaded = load_artefacts(*saved)
    features = np.random.default_rng(2).normal(size=(50, 3))
    assert loaded.run_id == "r1"
    assert loaded.models["boosting"].value.predict(features).tolist() == booster.predict(features).tolist()
    assert loaded.models["weights"].value["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert loaded.models["weights"].value["b"].dtype == np.int64
    assert loaded.models["configuration"].value == {"seed": 1, "levels": [0.1, 0.9], "name": "ü"}
    assert loaded.libraries["lightgbm"] == lightgbm.__version__


def test_a_network_comes_back_the_same(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(1)
    network, twin = torch.nn.LSTM(2, 3), torch.nn.LSTM(2, 3)
    save_artefacts(tmp_path / "run", "r1", {"lstm": Artefact("tensors", network.state_dict())})
    weights = load_artefacts(tmp_path / "run").models["lstm"].value
    twin.load_state_dict({name: torch.from_numpy(array) for name, array in weights.items()})
    some = torch.ones(4, 1, 2)
    assert torch.equal(network(some)[0], twin(some)[0])


def test_the_same_models_have_the_same_digest(saved: tuple[Path, str], tmp_path: Path) -> None:
    assert save_artefacts(tmp_path / "again", "r1", load_artefacts(*saved).models) == saved[1]


@pytest.mark.parametrize("file", ["boosting.lightgbm.txt", "weights.safetensors", "configuration.json"])
def test_a_changed_file_is_refused(saved: tuple[Path, str], file: str) -> None:
    path = saved[0] / file
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(ArtefactError, match=rf"{file} was changed"):
        load_artefacts(saved[0])


def test_a_manifest_exchanged_with_its_files_is_refused_by_its_digest(saved: tuple[Path, str], tmp_path: Path) -> None:
    save_artefacts(tmp_path / "other", "r1", {"configuration": Artefact("settings", {})})
    with pytest.raises(ArtefactError, match="not the manifest that the run wrote"):
        load_artefacts(tmp_path / "other", saved[1])


def test_a_foreign_file_is_refused(saved: tuple[Path, str]) -> None:
    (saved[0] / "model.pkl").write_bytes(pickle.dumps(1))
    with pytest.raises(ArtefactError, match=r"not in the manifest \['model.pkl'\]"):
        load_artefacts(saved[0])


def test_a_missing_file_is_refused(saved: tuple[Path, str]) -> None:
    (saved[0] / "weights.safetensors").unlink()
    with pytest.raises(ArtefactError, match=r"missing \['weights.safetensors'\]"):
        load_artefacts(saved[0])


def test_a_link_is_refused(saved: tuple[Path, str], tmp_path: Path) -> None:
    file = saved[0] / "configuration.json"
    file.rename(tmp_path / "elsewhere.json")
    file.symlink_to(tmp_path / "elsewhere.json")
    with pytest.raises(ArtefactError, match="is a link"):
        load_artefacts(saved[0])


@pytest.mark.parametrize("name", ["../evil", "a/b", "Model", "manifest", ""])
def test_a_name_is_a_plain_word_when_saved_and_when_loaded(tmp_path: Path, saved: tuple[Path, str], name: str) -> None:
    with pytest.raises(ArtefactError, match="names of artefacts"):
        save_artefacts(tmp_path / "new", "r1", {name: Artefact("settings", {})})
    if name == "manifest":
        return
    manifest = json.loads((saved[0] / MANIFEST).read_text())
    manifest["files"][0]["name"] = name
    (saved[0] / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match="unknown form"):
        load_artefacts(saved[0])


def test_a_pickle_that_calls_itself_tensors_is_refused(tmp_path: Path) -> None:
    import hashlib

    folder = tmp_path / "run"
    save_artefacts(folder, "r1", {"weights": Artefact("tensors", {"a": np.ones(2)})})
    evil = pickle.dumps({"a": 1})
    (folder / "weights.safetensors").write_bytes(evil)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][0]["sha256"] = hashlib.sha256(evil).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match="no tensors artefact"):
        load_artefacts(folder)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"files": 3}', '{"format": 9, "files": [], "run_id": "", "libraries": {}}'])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / MANIFEST).write_text(text)
    with pytest.raises(ArtefactError, match=MANIFEST):
        load_artefacts(tmp_path)


def test_a_save_that_did_not_end_is_refused(saved: tuple[Path, str]) -> None:
    (saved[0] / MANIFEST).unlink()
    with pytest.raises(ArtefactError, match="did not end"):
        load_artefacts(saved[0])


def test_nothing_is_overwritten_or_half_written(saved: tuple[Path, str], tmp_path: Path) -> None:
    with pytest.raises(ArtefactError, match="never overwritten"):
        save_artefacts(saved[0], "r2", {})
    with pytest.raises(ArtefactError, match="cannot be saved as settings"):
        save_artefacts(tmp_path / "new", "r1", {"a": Artefact("settings", {}), "b": Artefact("settings", {"x": float("nan")})})
    with pytest.raises(ArtefactError, match="cannot be saved as tensors"):
        save_artefacts(tmp_path / "new", "r1", {"a": Artefact("tensors", {"x": np.array([object()])})})
    assert not (tmp_path / "new").exists()
