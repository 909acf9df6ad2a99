"""Answers of 200 and 304, and the headers by which clients keep them."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request
from starlette.responses import Response

from onecdp.collector.refusals import Refusal
from onecdp.live.events import Identifier
from onecdp.live.person import Status
from onecdp.serving.keys import Asker
from onecdp.serving.live_answers import LiveAnswer
from onecdp.serving.lookups import Store
from onecdp.serving.tenants import Tenant

AUDIENCES = "audiences"
"""What the audiences of a customer are called among the fields of a profile."""
LIVE = "live"
"""What live features are called there."""
JSON = "application/json"
FRESH = {"Cache-Control": "no-store"}
"""The headers of what nobody should keep."""
By = Asker[Tenant]


class Headers(NamedTuple):
    """Headers, as ASGI has them and as lines of an answer."""

    raw: list[tuple[bytes, bytes]]
    lines: bytes


def find_profile(store: Store, identifier: Identifier, by: By) -> LiveAnswer:
    """Returns the customer of an identifier, with live features where the tenant has them."""
    if by.tenant.live is not None:
        return by.tenant.live.profile(store, identifier)
    found = store.profile(*identifier)
    return LiveAnswer(Status.UNKNOWN if found is None else Status.KNOWN, found)


def profile_answer(
    store: Store, answer: LiveAnswer, wanted: Collection[str] | None, by: By
) -> bytes:
    """Returns the profile, the audiences and the live features of a customer as JSON.

    The profile is not parsed, if all of it is wanted.

    Raises:
        Refusal: A wanted field isn't there, or the key may not see it.
    """
    found = answer.found
    assert found is not None
    if wanted is None and by.key.fields is None and answer.status is Status.KNOWN:
        # Most: nothing is left out.
        live = b"" if answer.features_json is None else b',"live":' + answer.features_json
        return b'{"one_id":"%b","profile":%b,"audiences":%b%b}' % (
            found.one_id.encode(), found.document, store.audiences_of(found.one_int), live
        )  # fmt: skip
    document = found.document
    if wanted is not None or by.key.fields is not None:
        document = _part(document, wanted, by)
    more = b""
    if by.sees(AUDIENCES) and (wanted is None or AUDIENCES in wanted):
        more = b',"audiences":%b' % store.audiences_of(found.one_int)
    if answer.features_json is not None and by.sees(LIVE) and (wanted is None or LIVE in wanted):
        more += b',"live":%b' % answer.features_json
    if answer.status is Status.PROVISIONAL:
        more += b',"is_provisional":true'
    return b'{"one_id":"%b","profile":%b%b}' % (found.one_id.encode(), document, more)


def _part(document: bytes, wanted: Collection[str] | None, by: By) -> bytes:
    profile = orjson.loads(document)
    if wanted is None:
        wanted = [name for name in profile if by.sees(name)]
    for name in wanted:
        if name not in (AUDIENCES, LIVE) and name not in profile:
            raise Refusal(400, "unknown_field", "profiles have no such field")
        if not by.sees(name):
            raise Refusal(403, "field_not_allowed", "the key may not see one of these fields")
    return orjson.dumps({name: value for name, value in profile.items() if name in wanted})


def _headers(raw: list[tuple[bytes, bytes]]) -> Headers:
    return Headers(raw, b"".join([b"%b: %b\r\n" % each for each in raw]))


def cached_headers(store: Store, by: By) -> Headers:
    """Returns the headers of an answer that clients may keep: its type and its ETag."""
    known = by.headers
    # Not by the store, which would stay in memory until the key is used again.
    if known is None or known[0] is not store.publication:
        tag = _tag(store, by).encode()
        headers = [
            (b"content-type", JSON.encode()),
            (b"etag", tag),
            # What a client keeps must be asked for again, since an erasure must reach it.
            (b"cache-control", b"private, no-cache"),
            (b"vary", b"Authorization"),
        ]
        known = by.headers = (store.publication, _headers(headers))
    return known[1]


def profile_headers(store: Store, answer: LiveAnswer, by: By) -> Headers:
    """Returns the headers of a profile: with live features it is of the moment."""
    return cached_headers(store, by) if answer.features_json is None else _OF_THE_MOMENT


_OF_THE_MOMENT = _headers([
    (b"content-type", JSON.encode()), (b"cache-control", b"no-store"), (b"vary", b"Authorization"),
])  # fmt: skip


def _tag(store: Store, by: By) -> str:
    return f'"{store.publication}{by.tag}"'


def tagged(body: bytes, store: Store, by: By) -> Response:
    """Returns an answer that clients may keep."""
    answer = Response(body)
    answer.raw_headers += cached_headers(store, by).raw
    return answer


def unchanged(request: Request, store: Store, by: By) -> Response | None:
    """Returns an answer of 304, if the asker has what this publication says."""
    given = request.headers.get("if-none-match")
    if given is None:
        return None
    known = (each.strip().removeprefix("W/") for each in given.split(","))
    if given.strip() != "*" and _tag(store, by) not in known:
        return None
    answer = Response(None, 304)
    answer.raw_headers += cached_headers(store, by).raw[1:]
    return answer


def fresh(document: object) -> Response:
    """Returns a document as JSON that nobody should keep."""
    return Response(orjson.dumps(document, default=_plain), headers=FRESH, media_type=JSON)


def _plain(value: Any) -> Any:
    return float(value) if isinstance(value, Decimal) else str(value)
