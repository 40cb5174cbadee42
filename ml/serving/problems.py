"""Errors as RFC 9457 tells them: application/problem+json, for every status.

Belongs here: the form of an error. Does not belong here: when one is raised.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"


class Problem(Exception):
    """A request that cannot be answered: status, what is wrong, and what to do. `more` are members of their own."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(detail)
        self.status, self.detail, self.headers, self.more = status, detail, dict(headers or {}), more


def problem_response(problem: Problem, request_id: str = "") -> Response:
    content = {
        "type": "about:blank",
        "title": HTTPStatus(problem.status).phrase,
        "status": problem.status,
        "detail": problem.detail,
        **({"request_id": request_id} if request_id else {}),
        **problem.more,
    }
    return Response(orjson.dumps(content), problem.status, problem.headers, MEDIA_TYPE)


def answer_with_problems(app: FastAPI) -> None:
    """What routes and FastAPI itself raise becomes a problem; what nobody foresaw is left to the gate, which logs it."""

    async def told(request: Request, error: Problem) -> Response:
        return problem_response(error, request.scope.get("request_id", ""))

    async def of_framework(request: Request, error: HTTPException) -> Response:
        method, path = request.method, request.url.path
        words = {404: f"{path}: no such resource; GET /openapi.json lists them", 405: f"{method} is not for {path}"}
        detail = words.get(error.status_code, str(error.detail))
        return await told(request, Problem(error.status_code, detail, error.headers))

    async def of_validation(request: Request, error: RequestValidationError) -> Response:
        found = [{"where": ".".join(str(part) for part in item["loc"]), "what": item["msg"]} for item in error.errors()[:20]]
        detail = "; ".join(f"{item['where']}: {item['what']}" for item in found[:3])
        return await told(request, Problem(422, detail, errors=found))

    app.add_exception_handler(Problem, told)
    app.add_exception_handler(HTTPException, of_framework)
    app.add_exception_handler(RequestValidationError, of_validation)
