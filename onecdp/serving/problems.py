"""What the API refuses, as problem details (RFC 9457).

No text repeats a value of a request, but that of a wrong rule, which quotes it.
"""

from __future__ import annotations

import logging
from http import HTTPStatus
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from onecdp.collector.refusals import Refusal

MEDIA_TYPE = "application/problem+json"
log = logging.getLogger("onecdp.serving")


def problem(refusal: Refusal) -> Response:
    """Returns the answer of a refusal."""
    document = {
        "type": "about:blank",
        "title": HTTPStatus(refusal.status).phrase,
        "status": refusal.status,
        "code": refusal.code,
        "detail": refusal.message,
    }
    headers = {"Cache-Control": "no-store"}
    if refusal.retry_after:
        headers["Retry-After"] = str(refusal.retry_after)
    if refusal.status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return Response(orjson.dumps(document), refusal.status, headers, MEDIA_TYPE)


async def refuse(_: Request, refusal: Any) -> Response:
    """Answers a refusal."""
    return problem(refusal)


async def http_error(_: Request, error: Any) -> Response:
    """Answers what the framework refuses: an unknown path, or a method that it has not."""
    code = str(error.detail).lower().replace(" ", "_")
    answer = problem(Refusal(error.status_code, code, str(error.detail)))
    answer.headers.update(error.headers or {})
    return answer


async def bug(_: Request, error: Exception) -> Response:
    """Answers what should not happen, and logs its type alone: its text may have values."""
    log.error("internal error: %s", type(error).__name__)
    answer = problem(Refusal(500, "internal", "internal error"))
    # Which the server does then, as the framework raises the error again.
    answer.headers["Connection"] = "close"
    return answer
