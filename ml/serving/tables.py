"""Routes about what is published: the run, every table, every KPI.

Belongs here: these questions. Does not belong here: items in stores (items), SQL (query).
"""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Request, Response

from ml.serving.answers import asked, envelope, headers_of, serving, table_of, table_page, unchanged
from ml.serving.formats import JSON, MEDIA_TYPES, accepted, plain_rows, rows_as
from ml.serving.openapi import DOCUMENT, ROWS, ColumnsParameter, CursorParameter, LimitParameter, SortParameter
from ml.serving.problems import Problem
from ml.serving.query import MOST_ROWS, aggregate
from ml.serving.settings import Metric, ServingSettings
from ml.serving.snapshot import ServedTable, Snapshot

router = APIRouter(prefix="/v1")
TableName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="Table.", examples=["rpt_turnover"])]
MetricName = Annotated[str, Path(pattern=r"^[a-z][a-z0-9_]{0,62}$", description="KPI.", examples=["order_usd"])]


def metrics_in(settings: ServingSettings, snapshot: Snapshot) -> dict[str, Metric]:
    """The KPIs whose table and columns this snapshot has."""
    found = {}
    for metric in settings.metrics:
        table = snapshot.tables.get(metric.table)
        if table is not None and set(metric.columns) <= {column.name for column in table.columns}:
            found[metric.name] = metric
    return found


def _document(request: Request, snapshot: Snapshot, content: Any) -> Response:
    headers = headers_of(snapshot, JSON)
    return unchanged(request, headers) or Response(
        orjson.dumps({**envelope(snapshot), **content}), headers=headers, media_type=MEDIA_TYPES[JSON]
    )


def _described(table: ServedTable, metrics: dict[str, Metric]) -> dict[str, Any]:
    return {
        "table_name": table.name,
        "kind": table.kind,
        "description": table.description,
        "grain": table.grain,
        "row_count": table.row_count,
        "metrics": [metric.name for metric in metrics.values() if metric.table == table.name],
    }


@router.get("/run", tags=["tables"], **DOCUMENT)
async def run(request: Request) -> Response:
    """Of which run is all this, how fresh is it, what was refused (`run_info`, `run_sources`)."""
    own = serving(request)
    snapshot = own.snapshot()
    sources = await asked(own, snapshot, "from bi.run_sources order by adapter, file_kind", [])
    return _document(request, snapshot, {"run": snapshot.run, "sources": plain_rows(sources)})


@router.get("/tables", tags=["tables"], **DOCUMENT)
async def tables(request: Request) -> Response:
    """Every table, with the question it answers and the KPIs that are made of it."""
    own = serving(request)
    snapshot = own.snapshot()
    metrics = metrics_in(own.settings, snapshot)
    return _document(request, snapshot, {"data": [_described(table, metrics) for table in snapshot.tables.values()]})


@router.get("/tables/{table_name}/columns", tags=["tables"], **DOCUMENT)
async def columns_of(request: Request, table_name: TableName) -> Response:
    """What each column of a table means, in which unit."""
    own = serving(request)
    snapshot = own.snapshot()
    table = table_of(snapshot, table_name)
    described = _described(table, metrics_in(own.settings, snapshot))
    return _document(request, snapshot, {**described, "data": [vars(column) for column in table.columns]})


@router.get("/tables/{table_name}", tags=["tables"], **ROWS)
async def rows(
    request: Request,
    table_name: TableName,
    limit: LimitParameter = 100,
    sort: SortParameter = "",
    columns: ColumnsParameter = "",
    cursor: CursorParameter = "",
) -> Response:
    """Rows of a table: `column=value`, `column.gte=value` and so on filter them, a cursor asks for the next page."""
    return await table_page(request, table_name, limit, sort, columns, cursor)


@router.get("/kpis", tags=["kpis"], **DOCUMENT)
async def kpis(request: Request) -> Response:
    """Every KPI that adds up: what it says, its unit, and the table it is made of."""
    own = serving(request)
    snapshot = own.snapshot()
    names = ("name", "label", "description", "unit", "table")
    found = metrics_in(own.settings, snapshot).values()
    return _document(request, snapshot, {"data": [{name: getattr(metric, name) for name in names} for metric in found]})


@router.get("/kpis/{metric_name}", tags=["kpis"], **ROWS)
async def kpi(
    request: Request,
    metric_name: MetricName,
    by: Annotated[
        str, Query(max_length=500, description="Columns to group by, with commas between.", examples=["vendor_name"])
    ] = "",
    limit: LimitParameter = MOST_ROWS,
) -> Response:
    """A KPI for all or per group, of the rows that the filters leave. Ratios are ratios of sums, never means of ratios."""
    own, form = serving(request), accepted(request.headers.get("accept"))
    snapshot = own.snapshot()
    metric = metrics_in(own.settings, snapshot).get(metric_name)
    if metric is None:
        raise Problem(404, f"{metric_name}: no such KPI; GET /v1/kpis lists them")
    table = table_of(snapshot, metric.table)
    statement = aggregate(table, metric.expression, metric.name, by, request.query_params.multi_items(), limit)
    headers = headers_of(snapshot, form)
    if (same := unchanged(request, headers)) is not None:
        return same
    found = await asked(own, snapshot, statement.sql, statement.parameters)
    if found.num_rows > limit:
        raise Problem(422, f"more than {limit:,} groups: raise limit (at most {MOST_ROWS:,}), add a filter or group by less")
    body = rows_as(form, found, {**envelope(snapshot), "next": None})
    return Response(body, headers=headers, media_type=MEDIA_TYPES[form])
