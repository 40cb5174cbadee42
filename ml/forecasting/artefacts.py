"""Models on disk: written so that they can be read back, and read so that nothing in them can run.

Belongs here: the three forms a model may have (LightGBM's text, tensors as safetensors, settings as JSON), the manifest
with a hash of every file, the refusal of everything else.
Does not belong here: where the folder is, which run is deployed, how a network is built around its weights.

A pickle runs code when it is loaded; none of the three forms can. A manifest that was exchanged together with its files
is consistent: keep `save_artefacts`'s digest where the folder's writers cannot reach (ml.model_runs) and give it to
`load_artefacts`.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal

import numpy as np

MANIFEST = "manifest.json"
FORMAT = 1
_LIBRARIES = ("lightgbm", "numpy", "safetensors", "torch")
_SUFFIX = {"lightgbm": ".lightgbm.txt", "tensors": ".safetensors", "settings": ".json"}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


class ArtefactError(ValueError):
    """A folder or file that is not what `save_artefacts` wrote."""


@dataclass(frozen=True)
class Artefact:
    """One part of a model: a lightgbm.Booster, tensors by name (numpy arrays or torch tensors), or JSON-able settings.

    Loaded tensors are numpy arrays.
    """

    kind: Literal["lightgbm", "tensors", "settings"]
    value: Any


@dataclass(frozen=True)
class Loaded:
    run_id: str
    models: dict[str, Artefact]
    libraries: dict[str, str]
    """Versions that wrote the files."""


def save_artefacts(folder: Path, run_id: str, models: Mapping[str, Artefact]) -> str:
    """Write the models into a new or empty folder; return the SHA-256 of its manifest, which vouches for all files.

    Raises ArtefactError for a folder with files in it, a name that is no plain word, or a value of another kind.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ArtefactError(f"{folder} is not an empty folder: artefacts are never overwritten")
    wrong = [name for name in models if not _NAME.fullmatch(name) or name == "manifest"]
    if wrong:
        raise ArtefactError(f"names of artefacts are lower-case words: {wrong}")
    content = {name: _encoded(name, artefact) for name, artefact in models.items()}
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for name, data in sorted(content.items()):
        kind = models[name].kind
        (folder / f"{name}{_SUFFIX[kind]}").write_bytes(data)
        files.append({"name": name, "kind": kind, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()})
    manifest = {"format": FORMAT, "run_id": run_id, "libraries": _libraries(), "files": files}
    data = json.dumps(manifest, indent=1, sort_keys=True).encode()
    # last and at once: a folder without a manifest is a save that did not end
    (folder / f".{MANIFEST}").write_bytes(data)
    os.replace(folder / f".{MANIFEST}", folder / MANIFEST)
    return hashlib.sha256(data).hexdigest()


def load_artefacts(folder: Path, digest: str | None = None) -> Loaded:
    """Read back what `save_artefacts` wrote. Every file is verified before anything is parsed.

    Raises ArtefactError when a file is missing, foreign, changed or a link, and when the manifest is not the one of
    `digest` (where it is given).
    """
    path = folder / MANIFEST
    if not path.is_file() or path.is_symlink():
        raise ArtefactError(f"{folder} has no {MANIFEST}: no artefacts, or a save that did not end")
    data = path.read_bytes()
    if digest is not None and hashlib.sha256(data).hexdigest() != digest:
        raise ArtefactError(f"{path} is not the manifest that the run wrote: its SHA-256 differs")
    try:
        manifest = json.loads(data)
        files = [(str(f["name"]), str(f["kind"]), str(f["sha256"])) for f in manifest["files"]]
        run_id, libraries, form = str(manifest["run_id"]), dict(manifest["libraries"]), manifest["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ArtefactError(f"{path} cannot be read: {error!r}") from None
    if form != FORMAT:
        raise ArtefactError(f"{path} has format {form}; this version reads format {FORMAT}")
    strange = [name for name, kind, _ in files if not _NAME.fullmatch(name) or kind not in _SUFFIX]
    if strange:
        raise ArtefactError(f"{path} names artefacts of unknown form: {strange}")
    expected = {f"{name}{_SUFFIX[kind]}" for name, kind, _ in files} | {MANIFEST}
    present = {entry.name for entry in folder.iterdir()}
    if present != expected:
        raise ArtefactError(f"{folder}: missing {sorted(expected - present)}, not in the manifest {sorted(present - expected)}")
    content = {}
    for name, kind, sha256 in files:
        file = folder / f"{name}{_SUFFIX[kind]}"
        if file.is_symlink() or not file.is_file():
            raise ArtefactError(f"{file} is a link or no file")
        content[name] = file.read_bytes()
        if hashlib.sha256(content[name]).hexdigest() != sha256:
            raise ArtefactError(f"{file} was changed after it was written: its SHA-256 is not that of the manifest")
    models = {name: _decoded(folder, name, kind, content[name]) for name, kind, _ in files}
    return Loaded(run_id, models, libraries)


def _encoded(name: str, artefact: Artefact) -> bytes:
    value = artefact.value
    try:
        if artefact.kind == "lightgbm":
            return value.model_to_string().encode()
        if artefact.kind == "settings":
            return json.dumps(value, indent=1, sort_keys=True, allow_nan=False).encode()
        if artefact.kind == "tensors":
            from safetensors.numpy import save

            return save({key: _array(tensor) for key, tensor in value.items()})
    except (AttributeError, TypeError, ValueError) as error:
        raise ArtefactError(f"{name} cannot be saved as {artefact.kind}: {error}") from None
    raise ArtefactError(f"{name}: no form {artefact.kind!r}; there are {sorted(_SUFFIX)}")


def _array(tensor: Any) -> np.ndarray:
    array = tensor if isinstance(tensor, np.ndarray) else tensor.detach().cpu().numpy()
    if array.dtype.hasobject:
        raise TypeError("an array of objects is no tensor")
    return np.ascontiguousarray(array) if array.ndim else array.copy()


def _decoded(folder: Path, name: str, kind: str, data: bytes) -> Artefact:
    try:
        if kind == "lightgbm":
            import lightgbm

            return Artefact("lightgbm", lightgbm.Booster(model_str=data.decode()))
        if kind == "settings":
            return Artefact("settings", json.loads(data))
        from safetensors.numpy import load

        return Artefact("tensors", load(data))
    except Exception as error:  # whatever a parser says of a file, it is the file that is wrong
        raise ArtefactError(f"{folder / name}: no {kind} artefact: {error}") from None


def _libraries() -> dict[str, str]:
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found
