"""Answers of 200 and 304, and the headers by which clients keep them."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from onecdp.collector.refusals import Refusal
from onecdp.serving.keys import Asker
from onecdp.serving.online_store import Found, OnlineStore
from onecdp.serving.tenants import Tenant

AUDIENCES = "audiences"
"""What the audiences of a customer are called among the fields of a profile."""
JSON = "application/json"
By = Asker[Tenant]
RawHeaders = list[tuple[bytes, bytes]]


def profile_answer(
    store: OnlineStore, found: Found, wanted: Collection[str] | None, by: By
) -> bytes:
    """Returns the profile and the audiences of a customer as JSON.

    The profile is not parsed, if all of it is wanted.

    Raises:
        Refusal: A wanted field isn't there, or the key may not see it.
    """
    document = found.document
    if wanted is not None or by.key.fields is not None:
        document = _part(document, wanted, by)
    audiences = b""
    if by.sees(AUDIENCES) and (wanted is None or AUDIENCES in wanted):
        audiences = b',"audiences":%b' % store.audiences_of(found.one_int)
    return b'{"one_id":"%b","profile":%b%b}' % (found.one_id.encode(), document, audiences)


def _part(document: bytes, wanted: Collection[str] | None, by: By) -> bytes:
    profile = orjson.loads(document)
    if wanted is None:
        wanted = [name for name in profile if by.sees(name)]
    for name in wanted:
        if name != AUDIENCES and name not in profile:
            raise Refusal(400, "unknown_field", "profiles have no such field")
        if not by.sees(name):
            raise Refusal(403, "field_not_allowed", "the key may not see one of these fields")
    return orjson.dumps({name: value for name, value in profile.items() if name in wanted})


def cached_headers(store: OnlineStore, by: By) -> RawHeaders:
    """Returns the headers of an answer that clients may keep: its type and its ETag."""
    known = by.headers
    if known is None or known[0] is not store:
        tag = _tag(store, by).encode()
        headers = [
            (b"content-type", JSON.encode()),
            (b"etag", tag),
            # What a client keeps must be asked for again, since an erasure must reach it.
            (b"cache-control", b"private, no-cache"),
            (b"vary", b"Authorization"),
        ]
        known = by.headers = (store, headers)
    return known[1]


def _tag(store: OnlineStore, by: By) -> str:
    return f'"{store.publication}{by.tag}"'


def tagged(body: bytes, store: OnlineStore, by: By) -> Response:
    """Returns an answer that clients may keep."""
    answer = Response(body)
    answer.raw_headers += cached_headers(store, by)
    return answer


def unchanged(request: Request, store: OnlineStore, by: By) -> Response | None:
    """Returns an answer of 304, if the asker has what this publication says."""
    given = request.headers.get("if-none-match")
    if given is None:
        return None
    known = (each.strip().removeprefix("W/") for each in given.split(","))
    if given.strip() != "*" and _tag(store, by) not in known:
        return None
    answer = Response(None, 304)
    answer.raw_headers += cached_headers(store, by)[1:]
    return answer


def fresh(document: object) -> Response:
    """Returns a document as JSON that nobody should keep."""
    headers = {"Cache-Control": "no-store"}
    return Response(orjson.dumps(document, default=_plain), headers=headers, media_type=JSON)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)
