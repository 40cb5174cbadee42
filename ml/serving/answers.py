"""From rows to a response: form, entity tag, links; and what every route may lean on.

Belongs here: what all routes of data share. Does not belong here: any one of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import anyio
import pyarrow as pa
from anyio.to_thread import run_sync
from starlette.requests import Request
from starlette.responses import Response

from ml.serving.formats import MEDIA_TYPES, SHORT, accepted, rows_as
from ml.serving.problems import Problem
from ml.serving.query import ROW, Cursor, page
from ml.serving.settings import ServingSettings
from ml.serving.snapshot import QueryTooSlow, ServedTable, Snapshot, SnapshotError, Snapshots


@dataclass
class Serving:
    """What the routes of one worker work with."""

    settings: ServingSettings
    snapshots: Snapshots
    heavy: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(1))
    """Decisions and photos are counted one after another: two at a time would only make both slow."""
    queries: anyio.CapacityLimiter = field(default_factory=lambda: anyio.CapacityLimiter(4))

    def snapshot(self, run_id: str = "") -> Snapshot:
        """The newest, or the one of a publication. Raises Problem 410 or 503."""
        try:
            newest = self.snapshots.current
        except SnapshotError as error:
            raise Problem(503, str(error), {"Retry-After": "5"}) from None
        if run_id in ("", newest.run_id):
            return newest
        found = self.snapshots.of(run_id)
        if found is None:
            raise Problem(410, f"the publication {run_id[:80]} that this cursor reads is gone; begin again without a cursor")
        return found


def serving(request: Request) -> Serving:
    return request.app.state.serving


def table_of(snapshot: Snapshot, name: str, why_none: str = "") -> ServedTable:
    """Raises Problem 404, with `why_none` where the table is one that should be there."""
    table = snapshot.tables.get(name)
    if table is None:
        raise Problem(404, why_none or f"{name[:80]}: no such table in this snapshot; GET /v1/tables lists them")
    return table


def headers_of(snapshot: Snapshot, form: str) -> dict[str, str]:
    return {
        "ETag": f'"{snapshot.run_id}.{SHORT[form]}"',
        "Cache-Control": "private, no-cache",
        "Vary": "Accept",
        "Stockroom-Run": snapshot.run_id,
    }


def unchanged(request: Request, headers: Mapping[str, str]) -> Response | None:
    """304 where the client has this publication's answer already."""
    known = request.headers.get("if-none-match")
    if known is None:
        return None
    tags = {tag.strip().removeprefix("W/") for tag in known.split(",")}
    return Response(status_code=304, headers=headers) if tags & {"*", headers["ETag"]} else None


def envelope(snapshot: Snapshot) -> dict[str, Any]:
    return {"run_id": snapshot.run_id, "as_of_date": snapshot.as_of_date}


async def asked(serving: Serving, snapshot: Snapshot, sql: str, parameters: list[Any]) -> pa.Table:
    """The rows of a query, in a thread. Raises Problem 503 for one that takes too long."""
    try:
        return await run_sync(snapshot.query, sql, parameters, limiter=serving.queries)
    except QueryTooSlow as error:
        raise Problem(503, str(error), {"Retry-After": "5"}) from None


async def table_page(
    request: Request, name: str, limit: int, sort: str, columns: str, cursor: str, why_none: str = ""
) -> Response:
    """A page of a table, filtered by the request's parameters."""
    own, form = serving(request), accepted(request.headers.get("accept"))
    after = Cursor.read(cursor) if cursor else None
    snapshot = own.snapshot(after.run_id if after else "")
    statement = page(table_of(snapshot, name, why_none), request.query_params.multi_items(), limit, sort, columns, after)
    headers = headers_of(snapshot, form)
    if (same := unchanged(request, headers)) is not None:
        return same
    rows = await asked(own, snapshot, statement.sql, statement.parameters)
    following = None
    if rows.num_rows > limit:
        rows = rows.slice(0, limit)
        following = Cursor(snapshot.run_id, rows[ROW][-1].as_py(), statement.mark).text()
        others = [pair for pair in request.query_params.multi_items() if pair[0] != "cursor"]
        headers["Link"] = f'<{request.url.path}?{urlencode([*others, ("cursor", following)])}>; rel="next"'
    body = await run_sync(rows_as, form, rows.drop_columns([ROW]), {**envelope(snapshot), "next": following}, limiter=own.queries)
    return Response(body, headers=headers, media_type=MEDIA_TYPES[form])


async def all_rows(request: Request, name: str, where: Mapping[str, int], order: str, missing: str) -> Response:
    """The few rows of an item, kept once they were made. Problem 404 where there are none."""
    own, form = serving(request), accepted(request.headers.get("accept"))
    snapshot = own.snapshot()
    headers, key = headers_of(snapshot, form), (name, *where.values(), form)
    body = snapshot.kept(key)
    if body is None:
        table_of(snapshot, name)
        conditions = " and ".join(f"{column} = ?" for column in where)
        rows = await asked(own, snapshot, f"from bi.{name} where {conditions} order by {order}", list(where.values()))
        if not rows.num_rows:
            raise Problem(404, missing)
        body = rows_as(form, rows, {**envelope(snapshot), "next": None})
        snapshot.keep(key, body)
    return unchanged(request, headers) or Response(body, headers=headers, media_type=MEDIA_TYPES[form])
