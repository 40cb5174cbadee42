"""Whether a posted photo shows a defect, by the model that the last run used.

Belongs here: which model, and a photo's way through it. Does not belong here: the model, the threshold, what a verdict leads to.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
from anyio.to_thread import run_sync
from fastapi import APIRouter, Request, Response

from ml.serving.answers import serving
from ml.serving.openapi import VERDICT
from ml.serving.problems import Problem
from ml.serving.snapshot import Snapshot

if TYPE_CHECKING:
    from ml.vision.predict import Scorer

router = APIRouter(prefix="/v1")
_NO_MODEL = "no vision model here: give photos and labels to a run, or `stockroom serve --vision-model DIR` (docs/vision.md)"


class Models:
    """The model of the models folder that the snapshot names, else the newest; read once, and again when there is another."""

    def __init__(self, folder: Path | None) -> None:
        """`folder` is a model's own, or one of models."""
        self._folder = folder
        self._lock = threading.Lock()
        self._loaded: tuple[tuple[Path, int], Scorer] | None = None

    def scorer(self, version: str | None) -> Scorer:
        """Ready to score. Raises Problem 404 where there is no model, 500 for one that is not as it was written."""
        from ml.vision.predict import Scorer
        from ml.vision.store import ModelError, load_model

        with self._lock:
            found = self._newest(version)
            if found is None:
                raise Problem(404, _NO_MODEL)
            if self._loaded is None or self._loaded[0] != found:
                try:
                    self._loaded = (found, Scorer(load_model(found[0]), threads=1))
                except ModelError as error:
                    raise Problem(500, str(error)) from None
            return self._loaded[1]

    def _newest(self, version: str | None) -> tuple[Path, int] | None:
        if self._folder is None:
            return None
        files = [self._folder / "model.json", *self._folder.glob("vision/*/model.json")]
        there = sorted((file.stat().st_mtime_ns, file.parent) for file in files if file.is_file())
        named = [pair for pair in there if version and _version_of(pair[1]) == version]
        return ((named or there)[-1][1], (named or there)[-1][0]) if there else None


def _version_of(folder: Path) -> str:
    try:
        return str(orjson.loads((folder / "model.json").read_bytes())["model_version"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


@router.post("/defects", tags=["defects"], **VERDICT)
async def defects(request: Request) -> Response:
    """Score a photo: the body is the file itself (JPEG, PNG, WebP, TIFF, BMP, GIF, PPM). What is no photo is refused with the reason."""
    kind = request.headers.get("content-type", "application/octet-stream").partition(";")[0].strip().lower()
    if not kind.startswith("image/") and kind != "application/octet-stream":
        raise Problem(415, f"Content-Type: {kind[:80]}: post the photo itself, as image/jpeg or the like")
    own, data = serving(request), await request.body()
    version = await run_sync(_model_in_use, own.snapshot(), limiter=own.queries)
    verdict = await run_sync(_judged, request.app.state.models, version, data, limiter=own.heavy)
    return Response(orjson.dumps(verdict), media_type="application/json")


def _model_in_use(snapshot: Snapshot) -> str | None:
    table = snapshot.tables.get("rpt_vision_model")
    if table is None or table.column("model_version") is None:
        return None
    found = snapshot.query("select model_version from bi.rpt_vision_model limit 1")
    return found["model_version"][0].as_py() if found.num_rows else None


def _judged(models: Models, version: str | None, data: bytes) -> dict[str, Any]:
    from ml.vision.data import Photo, decode, to_canvas
    from ml.vision.predict import judged

    scorer = models.scorer(version)
    model = scorer.model
    found = decode(data, model.settings.max_photo_pixels, model.canvas) if data else None
    if not isinstance(found, Photo):
        raise Problem(422, found.reason if found else "the body is empty: post the photo itself", verdict="refused")
    [score] = scorer.scores(to_canvas(found, model.canvas)[None])
    facts = {"photo_hash": found.photo_hash, "width_px": found.width_px, "height_px": found.height_px}
    return {**facts, **judged(model, float(score)), "model_version": model.model_version}
