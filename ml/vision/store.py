"""A model on disk: weights as safetensors, the graph as ONNX, the rest as JSON. Loading runs nothing of them.

Belongs here: what a model consists of, its version, saving, loading, refusing what was changed.
Does not belong here: training, scoring.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ml.vision.data import Canvas
from ml.vision.settings import VisionSettings
from ml.vision.threshold import Decision

if TYPE_CHECKING:
    from torch import nn

FORMAT = 1
MODEL, WEIGHTS, GRAPH, WATCHED = "model.json", "weights.safetensors", "model.onnx", "validation.parquet"
KINDS = ("classifier", "good-only")
_REMEMBERED = {"centre", "axes", "memory"}


class ModelError(ValueError):
    """A folder that does not hold a model as it was saved."""


@dataclass(frozen=True)
class VisionModel:
    """Everything that scoring needs. `kind` is classifier, or good-only where no defect was labelled."""

    kind: str
    canvas: Canvas
    decision: Decision
    settings: VisionSettings
    facts: dict[str, Any]
    weights: dict[str, np.ndarray]
    graph: bytes
    model_version: str
    watched: pl.DataFrame
    """The validation photos: path, is_defective, part, defect_score. For the report; scoring does not need them."""

    @classmethod
    def build(
        cls,
        kind: str,
        network: nn.Module,
        canvas: Canvas,
        decision: Decision,
        settings: VisionSettings,
        facts: dict,
        watched: pl.DataFrame,
    ) -> VisionModel:
        state = {name: value for name, value in network.state_dict().items() if value.ndim}  # counters of batches stay behind
        weights = {name: value.detach().cpu().numpy().copy() for name, value in state.items()}
        version = version_of(kind, weights, canvas, decision)
        return cls(kind, canvas, decision, settings, facts, weights, onnx_graph(network, canvas), version, watched)

    def network(self) -> nn.Module:
        """The network in torch, for heat maps and features."""
        import torch

        from ml.vision.model import DefectNet
        from ml.vision.nearest_good import NearestGood

        kept = {name: torch.from_numpy(value.copy()) for name, value in self.weights.items()}
        if self.kind == "good-only":
            return NearestGood(**kept).eval()
        network = DefectNet(self.canvas.channels, self.settings.width)
        network.load_state_dict({**network.state_dict(), **kept})
        return network.eval()

    def export(self, file: str | os.PathLike) -> None:
        """Write the network as a program of torch.export (the successor of TorchScript), for who runs it without this code."""
        import torch

        shape = (2, self.canvas.channels, self.canvas.height, self.canvas.width)
        example = (torch.zeros(shape, dtype=torch.uint8),)
        shapes = ({0: torch.export.Dim("count", min=1)},)
        torch.export.save(torch.export.export(self.network(), example, dynamic_shapes=shapes), file)

    def save(self, folder: str | os.PathLike) -> None:
        """Write the model. Whatever model was there before is replaced; model.json comes last, so half a save is none."""
        from safetensors.numpy import save

        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        files = {WEIGHTS: save({name: np.ascontiguousarray(value) for name, value in self.weights.items()}), GRAPH: self.graph}
        buffer = io.BytesIO()
        self.watched.write_parquet(buffer)
        files[WATCHED] = buffer.getvalue()
        (folder / MODEL).unlink(missing_ok=True)
        for name, data in files.items():
            _write(folder / name, data)
        content = {
            "format": FORMAT,
            "kind": self.kind,
            "model_version": self.model_version,
            "canvas": asdict(self.canvas),
            "decision": self.decision.as_json(),
            "settings": asdict(self.settings),
            "facts": self.facts,
            "sha256": {name: hashlib.sha256(data).hexdigest() for name, data in files.items()},
        }
        _write(folder / MODEL, json.dumps(content, indent=1, sort_keys=True, allow_nan=False).encode())


def load_model(folder: str | os.PathLike) -> VisionModel:
    """Read what `save` wrote. Raises ModelError for anything missing, changed or foreign."""
    from safetensors.numpy import load

    folder = Path(folder)
    path = folder / MODEL
    if not path.is_file():
        raise ModelError(f"{folder} holds no vision model: there is no {MODEL}. Train one first: stockroom vision train")
    try:
        content = json.loads(path.read_bytes())
        form = content["format"]
        if form != FORMAT:
            raise ModelError(f"{path} has format {form}; this version reads format {FORMAT}")
        hashes = {name: str(content["sha256"][name]) for name in (WEIGHTS, GRAPH, WATCHED)}
        kind, version = str(content["kind"]), str(content["model_version"])
        canvas = Canvas(**content["canvas"])
        decision = Decision.from_json(content["decision"])
        settings = VisionSettings(**content["settings"])
        facts = dict(content["facts"])
    except ModelError:
        raise
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise ModelError(f"{path} cannot be read: {error!r}") from None
    data = {}
    for name, expected in hashes.items():
        file = folder / name
        if not file.is_file():
            raise ModelError(f"{file} is missing")
        data[name] = file.read_bytes()
        if hashlib.sha256(data[name]).hexdigest() != expected:
            raise ModelError(f"{file} was changed after it was written: its SHA-256 is not that of {MODEL}")
    try:
        weights = load(data[WEIGHTS])
        watched = pl.read_parquet(io.BytesIO(data[WATCHED]))
    except Exception as error:  # whatever the parser says of the file, it is the file that is wrong
        raise ModelError(f"{folder}: weights or validation photos cannot be read: {error}") from None
    if kind not in KINDS or version_of(kind, weights, canvas, decision) != version:
        raise ModelError(f"{path} was changed after it was written: its version is not that of its weights and threshold")
    if kind == "good-only" and weights.keys() != _REMEMBERED:
        raise ModelError(
            f"{folder} holds a good-only model of an earlier version, which compared parts otherwise. Train it again"
        )
    return VisionModel(kind, canvas, decision, settings, facts, weights, data[GRAPH], version, watched)


def version_of(kind: str, weights: dict[str, np.ndarray], canvas: Canvas, decision: Decision) -> str:
    """Twelve hex digits that change with the weights, with what the network is shown, and with the decision."""
    digest = hashlib.sha256(json.dumps([FORMAT, kind, asdict(canvas), decision.as_json()], sort_keys=True).encode())
    for name in sorted(weights):
        digest.update(f"{name} {weights[name].dtype.str} {weights[name].shape}".encode())
        digest.update(np.ascontiguousarray(weights[name]).tobytes())
    return digest.hexdigest()[:12]


def onnx_graph(network: nn.Module, canvas: Canvas) -> bytes:
    """The network as ONNX: photos (uint8, any number of them) in, logits out. Where it was made is not in it."""
    import logging
    import warnings

    import torch

    example = torch.zeros(2, canvas.channels, canvas.height, canvas.width, dtype=torch.uint8)
    buffer = io.BytesIO()
    level = logging.root.manager.disable
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            torch.onnx.export(
                network.eval(),
                (example,),
                buffer,
                input_names=["photos"],
                output_names=["logits"],
                dynamic_axes={"photos": {0: "count"}, "logits": {0: "count"}},
                dynamo=False,  # the newer exporter takes seconds, most of what a small model takes to learn
            )
        finally:
            logging.disable(level)
    return buffer.getvalue()


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(data)
    os.replace(part, path)
