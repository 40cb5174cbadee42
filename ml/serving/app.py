"""The application: routes, gate, and the watch for a new snapshot, put together.

Belongs here: composition, and how a worker begins and ends. Does not belong here: answers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from importlib.metadata import version

import orjson
from anyio.to_thread import run_sync
from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp

from ml.serving import items, photos, tables, what_if
from ml.serving.answers import Serving
from ml.serving.gate import Gate
from ml.serving.logs import LOG
from ml.serving.metrics import CONTENT_TYPE, Figures
from ml.serving.openapi import PLAIN, describe
from ml.serving.problems import Problem, answer_with_problems, problem_response
from ml.serving.settings import ServingSettings
from ml.serving.snapshot import SnapshotError, Snapshots

DESCRIPTION = (
    "What Stockroom published last: recommendations and why, forecasts, KPIs, alerts, every table; decisions on posted stock and terms; "
    "scores of posted photos. Rows come as JSON, CSV or Arrow, as Accept asks. Read only: nothing that is posted is kept."
)


def create_app(settings: ServingSettings) -> ASGIApp:
    """An ASGI application that serves `settings.published`. Opens nothing before it starts. Raises KeysError."""
    snapshots = Snapshots(settings.published, settings.memory_limit, settings.query_seconds)
    figures = Figures(settings, snapshots)

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await run_sync(snapshots.refresh)
        _tell_snapshot(snapshots)
        watch = asyncio.create_task(_watch(snapshots, figures, settings.poll_seconds))
        warm = asyncio.create_task(run_sync(_warm, limiter=app.state.serving.heavy))
        yield
        watch.cancel()
        await asyncio.gather(watch, warm, return_exceptions=True)

    app = FastAPI(
        title="Stockroom",
        version=version("stockroom"),
        description=DESCRIPTION,
        docs_url=None,  # both pages load their scripts from a foreign server
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
    )
    app.state.serving = Serving(settings, snapshots)
    app.state.models = photos.Models(settings.models)
    for part in (items, tables, what_if, photos):
        app.include_router(part.router)
    _add_state_of_server(app, snapshots, figures)
    answer_with_problems(app)

    async def unforeseen(request: Request, error: Exception) -> Response:
        detail = "a mistake of the server; its log has this request_id"
        return problem_response(Problem(500, detail), request.scope.get("request_id", ""))

    app.add_exception_handler(Exception, unforeseen)
    describe(app)
    return Gate(app, settings, figures)


def from_handed_over() -> ASGIApp:
    """The application of a worker process; uvicorn calls it by name."""
    return create_app(ServingSettings.handed_over())


def _add_state_of_server(app: FastAPI, snapshots: Snapshots, figures: Figures) -> None:
    @app.get("/health", tags=["server"], **PLAIN)
    async def health() -> Response:
        """The process answers."""
        return Response(b'{"status":"ok"}', media_type="application/json")

    @app.get("/ready", tags=["server"], **PLAIN)
    async def ready() -> Response:
        """A snapshot is open. `problem` says why a newer one is not."""
        try:
            run_id = snapshots.current.run_id
        except SnapshotError as error:
            raise Problem(503, str(error), {"Retry-After": "5"}) from None
        content = {"status": "ready", "run_id": run_id, "problem": snapshots.problem or None}
        return Response(orjson.dumps(content), media_type="application/json")

    @app.get("/metrics", tags=["server"], **PLAIN)
    async def metrics() -> Response:
        """Figures of the server and of the snapshot, for Prometheus."""
        return Response(await run_sync(figures.text), headers={"Content-Type": CONTENT_TYPE})


async def _watch(snapshots: Snapshots, figures: Figures, seconds: float) -> None:
    """Look for a newer snapshot again and again; who reads the old one goes on reading it."""
    before = snapshots.problem
    while True:
        await asyncio.sleep(seconds)
        try:
            changed = await run_sync(snapshots.refresh)
        except Exception:  # the watch must outlive whatever a folder may do
            LOG.exception("the folder of snapshots cannot be read")
            continue
        if changed:
            figures.switches.inc()
            _tell_snapshot(snapshots)
        elif snapshots.problem not in ("", before):
            LOG.error("snapshot not opened", extra={"fields": {"problem": snapshots.problem}})
        before = snapshots.problem


def _tell_snapshot(snapshots: Snapshots) -> None:
    try:
        run_id = snapshots.current.run_id
    except SnapshotError as error:
        LOG.error("no snapshot", extra={"fields": {"problem": str(error)}})
        return
    LOG.info("snapshot opened", extra={"fields": {"run_id": run_id, "worker": os.getpid()}})


def _warm() -> None:
    """Load what the first question would have to wait for."""
    what_if.decisions(what_if.WhatIf.model_validate(what_if.EXAMPLE))
