"""The description of the API: parameters, forms of answers with examples, errors, keys.

Belongs here: what OpenAPI says. Does not belong here: what routes do.
"""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import FastAPI, Query, Response
from fastapi.openapi.utils import get_openapi

from ml.serving.formats import ARROW, CSV, JSON
from ml.serving.gate import OPEN, SCOPE_OF
from ml.serving.keys import SCOPES
from ml.serving.problems import MEDIA_TYPE
from ml.serving.query import MOST_ROWS, OPERATORS

LimitParameter = Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows of a page.", examples=[100])]
SortParameter = Annotated[
    str,
    Query(
        max_length=500, description="Columns with commas between, - before one for the largest first.", examples=["-order_usd"]
    ),
]
ColumnsParameter = Annotated[
    str,
    Query(max_length=2000, description="Columns to send, with commas between; all without it.", examples=["item_id,order_units"]),
]
CursorParameter = Annotated[str, Query(max_length=400, description="`next` of the page before; keep all else as it was.")]

_PAGE = {
    "type": "object",
    "required": ["run_id", "as_of_date", "data", "next"],
    "properties": {
        "run_id": {"type": "string", "description": "Publication the rows are of."},
        "as_of_date": {"type": "string", "format": "date", "description": "Last day whose data the run knew."},
        "data": {"type": "array", "items": {"type": "object"}},
        "next": {"type": ["string", "null"], "description": "Cursor of the next page; null on the last one."},
    },
}
_EXAMPLE = {
    "run_id": "20170101T060000_1a2b3c4d",
    "as_of_date": "2016-12-31",
    "next": None,
    "data": [
        {
            "item_id": 21221,
            "location_id": 1,
            "order_units": 99,
            "order_usd": 3174.93,
            "reason": "position below the reorder point",
        }
    ],
}
_CSV_EXAMPLE = '"item_id","location_id","order_units"\n21221,1,99\n'
_BINARY = {"type": "string", "format": "binary"}
_PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "What is wrong, and what to do."},
        "request_id": {"type": "string", "description": "The same as in the header X-Request-ID and in the server's log."},
        "errors": {"type": "array", "items": {"type": "object"}},
    },
    "example": {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "colour: rec_orders has no such column; GET /v1/tables/rec_orders/columns lists them",
        "request_id": "4f1c2d3e4b5a6978",
    },
}
_UNCHANGED = {304: {"description": "Nothing new since the ETag of If-None-Match."}}
_HEADERS = {
    "ETag": {"description": "Changes with the publication.", "schema": {"type": "string"}},
    "Stockroom-Run": {"description": "Publication the answer is of.", "schema": {"type": "string"}},
    "Link": {"description": 'The next page, rel="next".', "schema": {"type": "string"}},
}
_FORMS = {
    JSON: {"schema": _PAGE, "example": _EXAMPLE},
    CSV: {"schema": {"type": "string"}, "example": _CSV_EXAMPLE},
    ARROW: {"schema": _BINARY},
}

ROWS: dict[str, Any] = {
    "response_class": Response,
    "responses": {200: {"description": "Rows, as the Accept header asks.", "content": _FORMS, "headers": _HEADERS}, **_UNCHANGED},
}
"""Of a route that answers with rows."""
DOCUMENT: dict[str, Any] = {
    "response_class": Response,
    "responses": {200: {"description": "A description.", "content": {JSON: {"schema": {"type": "object"}}}}, **_UNCHANGED},
}
"""Of a route that answers with a description, as JSON only."""

_DECISION = {
    "unique_id": "tea",
    "order_qty": 18.0,
    "target_units": 46.0,
    "expected_demand_units": 34.2,
    "safety_stock_units": 11.8,
    "reason": "position below the target",
}
DECISIONS: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        200: {
            "description": "A row per series.",
            "content": {
                JSON: {
                    "schema": {
                        "type": "object",
                        "required": ["data"],
                        "properties": {"data": {"type": "array", "items": {"type": "object"}}},
                    },
                    "example": {"data": [_DECISION]},
                },
                CSV: {"schema": {"type": "string"}},
                ARROW: {"schema": _BINARY},
            },
        }
    },
}
VERDICT: dict[str, Any] = {
    "response_class": Response,
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {kind: {"schema": _BINARY} for kind in ("image/jpeg", "image/png", "application/octet-stream")},
        }
    },
    "responses": {
        200: {
            "description": "Score, verdict and reason.",
            "content": {
                JSON: {
                    "schema": {
                        "type": "object",
                        "required": ["verdict", "reason", "defect_score", "defect_probability", "threshold", "model_version"],
                        "properties": {
                            "verdict": {"type": "string", "enum": ["good", "defective", "unsure"]},
                            "reason": {"type": "string"},
                            "defect_score": {"type": "number"},
                            "defect_probability": {"type": "number"},
                            "threshold": {"type": "number"},
                            "model_version": {"type": "string"},
                            "photo_hash": {"type": "string"},
                            "width_px": {"type": "integer"},
                            "height_px": {"type": "integer"},
                        },
                    },
                    "example": {
                        "verdict": "good",
                        "reason": "1.2% likely defective",
                        "defect_probability": 0.012,
                        "defect_score": -3.1,
                        "threshold": 0.4,
                        "model_version": "0a1b2c3d4e5f",
                    },
                }
            },
        }
    },
}
PLAIN: dict[str, Any] = {"response_class": Response}

_PROBLEMS = {
    400: "The request cannot be read.",
    401: "A key is needed, or is not known.",
    403: "The key lacks the scope.",
    404: "There is no such thing.",
    406: "No form of Accept can be had.",
    410: "The publication of the cursor is gone.",
    413: "The body is too large.",
    414: "The address is too long.",
    415: "A body of another type is expected.",
    422: "A parameter or the body is not as it must be.",
    429: "Too many requests; Retry-After says when.",
    500: "A mistake of the server; its log has the request_id.",
    503: "No snapshot yet, or the query took too long.",
}
_FILTERS = {
    "name": "filters",
    "in": "query",
    "required": False,
    "style": "form",
    "explode": True,
    "description": f"`column=value` or `column.operator=value`, all of which must hold; operators: {', '.join(OPERATORS)}.",
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
    "example": {"order_units.gt": "0", "location_id": "1"},
}


def describe(app: FastAPI) -> None:
    """Let the application tell this description."""

    def made() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = _completed(
                get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            )
        return app.openapi_schema

    app.openapi = made  # type: ignore[method-assign]


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    """Problems, keys and filters, which are the same everywhere."""
    components = document.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        schemas.pop(name, None)
    schemas["Problem"] = _PROBLEM
    components["securitySchemes"] = {
        "key": {"type": "http", "scheme": "bearer", "description": "; ".join(f"{name}: {what}" for name, what in SCOPES.items())}
    }
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            responses = operation["responses"]
            for status, description in _PROBLEMS.items():
                responses[str(status)] = {"description": description, "content": content}
            if path in OPEN:
                continue
            operation["security"] = [{"key": [SCOPE_OF.get(path, "read")]}]
            if any(parameter["name"] in ("sort", "by") for parameter in operation.get("parameters", ())):
                operation["parameters"].append(_FILTERS)
    return document
