"""Routes about items in stores: what to order and why, what will sell, what is wrong.

Belongs here: these questions. Does not belong here: tables in general (tables), and how rows become an answer (answers).
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from ml.serving.answers import all_rows, envelope, headers_of, serving, table_page, unchanged
from ml.serving.formats import MEDIA_TYPES, accepted, rows_as
from ml.serving.openapi import ROWS, ColumnsParameter, CursorParameter, LimitParameter, SortParameter
from ml.serving.problems import Problem
from ml.serving.snapshot import ORDERS

router = APIRouter(prefix="/v1")
ItemId = Annotated[int, Path(ge=0, le=2**31 - 1, description="Item.", examples=[21221])]
LocationId = Annotated[int, Path(ge=0, le=2**31 - 1, description="Store.", examples=[1])]
NO_ALERTS = "this snapshot has no rpt_alerts: it was published by a version without alerts. /v1/tables/rec_exceptions lists what needs a person"


@router.get("/recommendations/{item_id}/{location_id}", tags=["recommendations"], **ROWS)
async def recommendation(request: Request, item_id: ItemId, location_id: LocationId) -> Response:
    """What to order of an item for a store, or why nothing."""
    form, snapshot = accepted(request.headers.get("accept")), serving(request).snapshot()
    headers, key = headers_of(snapshot, form), (ORDERS, item_id, location_id, form)
    body = snapshot.kept(key)
    if body is None:
        rows = snapshot.order_row(item_id, location_id)
        if rows is None:
            raise Problem(404, f"no recommendation for item {item_id} in store {location_id}")
        body = rows_as(form, rows, {**envelope(snapshot), "next": None})
        snapshot.keep(key, body)
    return unchanged(request, headers) or Response(body, headers=headers, media_type=MEDIA_TYPES[form])


@router.get("/recommendations/{item_id}", tags=["recommendations"], **ROWS)
async def recommendations_of_item(request: Request, item_id: ItemId) -> Response:
    """What to order of an item, store by store."""
    form, snapshot = accepted(request.headers.get("accept")), serving(request).snapshot()
    headers, rows = headers_of(snapshot, form), snapshot.order_rows(item_id)
    if not rows.num_rows:
        raise Problem(404, f"no recommendation for item {item_id}")
    body = rows_as(form, rows, {**envelope(snapshot), "next": None})
    return unchanged(request, headers) or Response(body, headers=headers, media_type=MEDIA_TYPES[form])


@router.get("/recommendations/{item_id}/{location_id}/why", tags=["recommendations"], **ROWS)
async def why(request: Request, item_id: ItemId, location_id: LocationId) -> Response:
    """The terms of an order, which add up to it, or of a decision not to order."""
    where = {"item_id": item_id, "location_id": location_id}
    return await all_rows(request, "rec_why", where, "term_number", f"no decision on item {item_id} in store {location_id}")


@router.get("/forecasts/{item_id}/{location_id}", tags=["forecasts"], **ROWS)
async def forecast(request: Request, item_id: ItemId, location_id: LocationId) -> Response:
    """Expected demand of an item in a store week by week, with its interval."""
    where = {"item_id": item_id, "location_id": location_id}
    missing = f"no forecast for item {item_id} in store {location_id}"
    return await all_rows(request, "rec_demand_forecast", where, "week_start_date", missing)


@router.get("/recommendations", tags=["recommendations"], **ROWS)
async def recommendations(
    request: Request,
    limit: LimitParameter = 100,
    sort: SortParameter = "",
    columns: ColumnsParameter = "",
    cursor: CursorParameter = "",
) -> Response:
    """All decisions, those not to order included: filters, sorting and pages as for every table (`rec_orders`)."""
    return await table_page(request, ORDERS, limit, sort, columns, cursor)


@router.get("/forecasts", tags=["forecasts"], **ROWS)
async def forecasts(
    request: Request,
    limit: LimitParameter = 100,
    sort: SortParameter = "",
    columns: ColumnsParameter = "",
    cursor: CursorParameter = "",
) -> Response:
    """All forecasts (`rec_demand_forecast`)."""
    return await table_page(request, "rec_demand_forecast", limit, sort, columns, cursor)


@router.get("/alerts", tags=["alerts"], **ROWS)
async def alerts(
    request: Request,
    limit: LimitParameter = 100,
    sort: SortParameter = "",
    columns: ColumnsParameter = "",
    cursor: CursorParameter = "",
) -> Response:
    """What is wrong or about to be (`rpt_alerts`)."""
    return await table_page(request, "rpt_alerts", limit, sort, columns, cursor, NO_ALERTS)
