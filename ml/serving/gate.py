"""What every request passes before a route sees it, and every answer after: identity, limits, figures, a line in the log.

Belongs here: request ids, keys, scopes, limits of rate and size. Does not belong here: what is asked.
"""

from __future__ import annotations

import re
import secrets
import time
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ml.serving.keys import ANYBODY, Key, RateLimits, digest, read_keys
from ml.serving.logs import LOG
from ml.serving.metrics import Figures
from ml.serving.problems import Problem, problem_response
from ml.serving.settings import ServingSettings

OPEN = frozenset({"/health", "/ready", "/openapi.json"})
"""Asked by machines that have no key; nothing of the business is in them."""
SCOPE_OF = {"/v1/what-if": "what-if", "/v1/defects": "defects", "/metrics": "metrics"}
"""Everything else is for reading."""
_OWN_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
_METHODS = frozenset({"GET", "POST", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"})
_REQUEST_ID = re.compile(rb"[A-Za-z0-9_.-]{1,64}")


class Gate:
    """An ASGI application around another."""

    def __init__(self, app: ASGIApp, settings: ServingSettings, figures: Figures) -> None:
        self._app, self._settings, self._figures = app, settings, figures
        self._keys = read_keys(settings.keys)
        self._limits = RateLimits(len(self._keys), settings.shared)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status, sent = time.perf_counter(), 0, 0
        headers = dict(scope["headers"])
        given = headers.get(b"x-request-id", b"")
        request_id = given.decode() if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8)
        scope["request_id"], key = request_id, ANYBODY

        async def counted(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                more = [(b"x-request-id", request_id.encode()), (b"x-content-type-options", b"nosniff")]
                message = {**message, "headers": [*message.get("headers", ()), *more]}
            else:
                sent += len(message.get("body", b""))
            await send(message)

        try:
            key = self._known(scope["path"], headers)
            self._fits(scope)
            body = await self._read(scope["path"], headers, receive)
            await self._app(scope, _again(body, receive), counted)
        except Problem as problem:
            await problem_response(problem, request_id)(scope, receive, counted)
        except _Gone:
            status = 499
        except Exception:
            # the answer, a problem of status 500, has been sent by then
            LOG.exception("failed", extra={"fields": {"request_id": request_id}})
            if not status:
                raise
        finally:
            self._tell(scope, key, status, sent, time.perf_counter() - began)

    def _known(self, path: str, headers: dict[bytes, bytes]) -> Key:
        """Whose request it is. Raises Problem 401, 403, 421 or 429."""
        if not self._keys:
            # a page in a browser on this machine may be made to ask by another name
            host = re.sub(r":\d*$", "", headers.get(b"host", b"").decode("latin-1").lower())
            if host not in _OWN_NAMES:
                raise Problem(421, "without API keys this server answers to localhost only")
            return ANYBODY
        if path in OPEN:
            return ANYBODY
        word, _, told = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        told = told.strip() if word.lower() == "bearer" else headers.get(b"x-api-key", b"").decode("latin-1")
        key = self._keys.get(digest(told)) if told else None
        if key is None:
            what = "this key is not known" if told else "an API key is needed"
            raise Problem(401, f"{what}: Authorization: Bearer KEY", {"WWW-Authenticate": "Bearer"})
        wanted = SCOPE_OF.get(path, "read")
        if wanted not in key.scopes:
            raise Problem(403, f"key {key.name} may not do this: it lacks the scope {wanted}")
        wait = self._limits.wait(key)
        if wait:
            seconds = max(1, round(wait + 0.5))
            raise Problem(
                429,
                f"key {key.name} may ask {key.per_minute} times a minute; again in {seconds} s",
                {"Retry-After": str(seconds)},
            )
        return key

    def _fits(self, scope: Scope) -> None:
        size = len(scope.get("raw_path") or scope["path"].encode()) + len(scope["query_string"])
        if size > self._settings.max_url_bytes:
            raise Problem(414, f"path and parameters have {size:,} bytes; at most {self._settings.max_url_bytes:,} are read")

    async def _read(self, path: str, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """The whole body, which is never more than the limit. Raises Problem 400 or 413."""
        if b"content-length" not in headers and b"transfer-encoding" not in headers:
            return b""
        most = self._settings.max_photo_bytes if path == "/v1/defects" else self._settings.max_body_bytes
        too_large = Problem(413, f"the body is larger than {most:,} bytes", {"Connection": "close"})
        said = headers.get(b"content-length", b"0")
        if not said.isdigit():
            raise Problem(400, "Content-Length: a number expected")
        if int(said) > most:
            raise too_large
        parts, size = [], 0
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise _Gone
            part = message.get("body", b"")
            parts.append(part)
            size += len(part)
            if size > most:
                raise too_large
            if not message.get("more_body", False):
                return b"".join(parts)

    def _tell(self, scope: Scope, key: Key, status: int, sent: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", "") or "none"
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._figures.requests.labels(method, route, str(status)).inc()
        self._figures.seconds.labels(route).observe(seconds)
        fields: dict[str, Any] = {
            "request_id": scope["request_id"],
            "method": method,
            "path": scope["path"][:200],
            "route": route,
            "status": status,
            "milliseconds": round(seconds * 1000, 2),
            "bytes": sent,
            "key": key.name,
            "client": scope["client"][0] if scope.get("client") else "",
        }
        LOG.info("request", extra={"fields": fields})


class _Gone(Exception):
    """The client has hung up."""


def _again(body: bytes, receive: Receive) -> Receive:
    """The body as if it came now."""
    told = False

    async def once() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once
