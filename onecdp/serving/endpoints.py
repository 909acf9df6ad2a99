"""The endpoints: each takes a request and who asks, and returns the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from onecdp.collector.refusals import Refusal
from onecdp.collector.requests import parse_object, read_body
from onecdp.live.events import Identifier
from onecdp.live.person import Status
from onecdp.serving.answers import (
    FRESH,
    JSON,
    By,
    find_profile,
    fresh,
    profile_answer,
    profile_headers,
    tagged,
    unchanged,
)
from onecdp.serving.lookups import Found, Store
from onecdp.serving.metrics import MEDIA_TYPE as METRICS
from onecdp.serving.openapi import docs_page, openapi_document
from onecdp.serving.routes import MAX_BATCH, MAX_RULE
from onecdp.serving.store_file import ONE_ID
from onecdp.serving.tenants import Tenant

MAX_BODY = 256 << 10
_PAGE = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"}


class Endpoints:
    """The methods that `ROUTES` names."""

    def __init__(self, tenants: Sequence[Tenant]) -> None:
        """Takes all tenants; only health looks at others than the asker's."""
        self._tenants = tenants
        self._openapi = orjson.dumps(openapi_document())
        self._page = docs_page()

    async def profile(self, request: Request, by: By) -> Response:
        """The profile of one customer."""
        store, identifier = by.tenant.store, _identifier(request, by)
        wanted = _wanted(request.query_params.get("fields"))
        found = find_profile(store, identifier, by)
        if found.found is None:
            raise _nobody()
        # First, as what is refused is so with a known ETag, too.
        body = profile_answer(store, found, wanted, by)
        if found.features_json is None and (answer := unchanged(request, store, by)):
            return answer
        answer = Response(body)
        answer.raw_headers += profile_headers(store, found, by).raw
        return answer

    async def profiles(self, request: Request, by: By) -> Response:
        """The profiles of several customers."""
        body = parse_object(await read_body(request, MAX_BODY))
        identifiers, wanted = _batch(body)
        by.rate.spend(len(identifiers) - 1)
        store = by.tenant.store
        answers = [_one_of_batch(store, each, wanted, by) for each in identifiers]
        return Response(b'{"profiles":[%b]}' % b",".join(answers), media_type=JSON)

    async def identity(self, request: Request, by: By) -> Response:
        """The identifiers of one customer."""
        store, identifier = by.tenant.store, _identifier(request, by)
        found = store.identifiers(*identifier)
        if is_provisional := found is None:
            found = _provisional(store, identifier, by)
        elif answer := unchanged(request, store, by):
            return answer
        identifiers = found.document
        if by.key.fields is not None:
            held = [each for each in orjson.loads(identifiers) if by.sees(each["id_type"])]
            identifiers = orjson.dumps(held)
        one_id = orjson.dumps(found.one_id)
        document = b'{"one_id":%b,"identifiers":%b' % (one_id, identifiers)
        if is_provisional:
            return Response(document + b',"is_provisional":true}', headers=FRESH, media_type=JSON)
        return tagged(document + b"}", store, by)

    async def audiences(self, request: Request, by: By) -> Response:
        """All audiences."""
        store = by.tenant.store
        if answer := unchanged(request, store, by):
            return answer
        summaries = b",".join(each.summary for each in store.audiences.values())
        return tagged(b'{"audiences":[%b]}' % summaries, store, by)

    async def member(self, request: Request, by: By) -> Response:
        """Whether a customer is in an audience."""
        store, identifier = by.tenant.store, _identifier(request, by)
        package_id = request.path_params["package"]
        audience = store.audiences.get(package_id)
        if audience is None:
            raise Refusal(404, "not_found", "there is no such audience")
        if audience.has_failed:
            raise Refusal(409, "audience_failed", "the audience has failed in the last build")
        why = request.query_params.get("why", "false").lower()
        if why not in ("true", "false"):
            raise Refusal(400, "invalid_request", "why must be true or false")
        if why == "true" and by.key.fields is not None:
            raise Refusal(403, "field_not_allowed", "why shows more than the key's fields")
        # Before the marts are asked, too: they have who was erased until the erasure has ended.
        found, more = store.customer(*identifier), {}
        if found is None:
            found, more = _provisional(store, identifier, by), {"is_provisional": True}
            identifier = (ONE_ID, found.one_id)
        if why == "true":
            return fresh({**await by.tenant.marts.why(package_id, *identifier), **more})
        if not more and (answer := unchanged(request, store, by)):
            return answer
        document = {
            "package_id": package_id,
            "one_id": found.one_id,
            "is_member": (is_member := found.one_int in audience.members),
            "arm": audience.arm_of(found.one_int) if is_member else None,
            **more,
        }
        return fresh(document) if more else tagged(orjson.dumps(document), store, by)

    async def estimate(self, request: Request, by: By) -> Response:
        """How many customers a rule selects."""
        body = parse_object(await read_body(request, MAX_BODY))
        rule = body.get("rule")
        if set(body) != {"rule"} or not isinstance(rule, str) or len(rule) > MAX_RULE:
            raise Refusal(
                400, "invalid_request",
                f'the body must be {{"rule": "…"}}, with up to {MAX_RULE:,} characters',
            )  # fmt: skip
        return fresh(await by.tenant.marts.estimate(rule))

    async def health(self, request: Request) -> Response:
        """Whether the server runs."""
        return fresh({"status": "ok"})

    async def ready(self, request: Request) -> Response:
        """Whether every store can answer."""
        for tenant in self._tenants:
            # Refuses, if it can't.
            _ = tenant.store
        return fresh({"status": "ok"})

    async def metrics(self, request: Request, by: By) -> Response:
        """The figures of the tenant."""
        triggers = await asyncio.to_thread(by.tenant.trigger_figures)
        return Response(by.tenant.metrics.text(triggers), media_type=METRICS)

    async def openapi(self, request: Request) -> Response:
        """The OpenAPI document."""
        return Response(self._openapi, media_type=JSON)

    async def docs(self, request: Request) -> Response:
        """The OpenAPI document as a page."""
        return HTMLResponse(self._page, headers=_PAGE)


def _identifier(request: Request, by: By) -> Identifier:
    given = request.path_params
    return by.tenant.spelled(given["id_type"], given["id_value"])


def _provisional(store: Store, identifier: Identifier, by: By) -> Found:
    """The customer of an identifier that the publication has not, by recent events."""
    live = by.tenant.live
    whose = live.whose(store, identifier) if live else None
    if whose and whose.status is Status.UNDECIDED:
        raise Refusal(
            409, "undecided", "it came with identifiers of several customers, or breaks a"
            " limit; the next build decides",
        )  # fmt: skip
    found = store.identifiers_of(whose.person) if whose and whose.person is not None else None
    if found is None:
        raise _nobody()
    return found


def _nobody() -> Refusal:
    return Refusal(404, "not_found", "no customer has this identifier")


def _wanted(text: str | None) -> frozenset[str] | None:
    """The fields in a query; None for all."""
    if text is None:
        return None
    return frozenset(filter(None, (part.strip() for part in text.split(","))))


def _batch(body: dict[str, Any]) -> tuple[list[tuple[str, str]], frozenset[str] | None]:
    identifiers, fields = body.get("identifiers"), body.get("fields", [])
    pairs = [
        (each["id_type"], each["id_value"])
        for each in (identifiers if isinstance(identifiers, list) else ())
        if isinstance(each, dict) and set(each) == {"id_type", "id_value"}
    ]
    is_right = (
        isinstance(identifiers, list)
        and len(pairs) == len(identifiers)
        and all(isinstance(text, str) for pair in pairs for text in pair)
        and set(body) <= {"identifiers", "fields"}
        and 1 <= len(pairs) <= MAX_BATCH
    )
    if not is_right:
        raise Refusal(
            400, "invalid_request",
            'the body must be {"identifiers": [{"id_type": "…", "id_value": "…"}, …]}, '
            f"with 1 to {MAX_BATCH} of them",
        )  # fmt: skip
    if not isinstance(fields, list) or not all(isinstance(each, str) for each in fields):
        raise Refusal(400, "invalid_request", "fields must be a list of texts")
    return pairs, frozenset(fields) if "fields" in body else None


def _one_of_batch(
    store: Store, given: tuple[str, str], wanted: frozenset[str] | None, by: By
) -> bytes:
    try:
        found = find_profile(store, by.tenant.spelled(*given), by)
    except Refusal as refusal:
        if refusal.status >= 500:
            raise
        return orjson.dumps({"found": False, "code": refusal.code})
    if found.found is None:
        return b'{"found":false,"code":"not_found"}'
    answer = profile_answer(store, found, wanted, by)
    return b'{"found":true,' + answer[1:]
