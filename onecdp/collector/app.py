"""The collector as an ASGI application."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import orjson
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from onecdp.collector import times
from onecdp.collector.group_commit import GroupCommit, NotDurable, TooBusy
from onecdp.collector.keys import WriteKeys, key_of_basic
from onecdp.collector.messages import Mapper
from onecdp.collector.refusals import BadEvent, Refusal
from onecdp.collector.requests import MAX_EVENT, check_size, parse_object, read_body
from onecdp.collector.settings import Settings
from onecdp.collector.tracking_plan import TrackingPlan
from onecdp.collector.webhooks.shapes import BadCall


class Sink(Protocol):
    """Takes rows for the sources."""

    async def append(self, rows: Mapping[str, bytes]) -> None:
        """Returns when the rows are durable: JSON lines by the folder below the data folder."""
        ...

    async def check(self) -> bool:
        """Whether rows can be made durable."""
        ...


Rows = list[tuple[str, dict[str, str | None]]]
Lines = dict[str, bytes]

log = logging.getLogger("onecdp.collector")

ROUTES = {
    "identify": "i", "track": "t", "page": "p", "screen": "s", "group": "g", "alias": "a",
}  # fmt: skip
"""The calls of the protocol, and the short names that analytics-next uses."""


def make_app(settings: Settings, plan: TrackingPlan, sink: Sink) -> Starlette:
    """Returns the application; a sink with group commit is stopped with it."""
    collector = _Collector(settings, plan, sink)
    routes = [Route("/healthz", collector.health, methods=["GET"])]
    for kind, short in ROUTES.items():
        for path in (kind, short):
            routes.append(Route(f"/v1/{path}", collector.single(kind), methods=["POST"]))
    for path in ("batch", "b", "import"):
        routes.append(Route(f"/v1/{path}", collector.batch, methods=["POST"]))
    routes += [
        Route("/v1/projects/{key}/settings", collector.browser_settings, methods=["GET"]),
        Route("/v1/webhooks/{provider}", collector.webhook, methods=["POST", "HEAD"]),
    ]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        if isinstance(sink, GroupCommit):
            await sink.stop()

    return Starlette(
        routes=routes,
        lifespan=lifespan,
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=settings.origins,
                allow_methods=["GET", "POST"],
                allow_headers=["*"],
                max_age=86_400,
            )
        ],
        exception_handlers={Refusal: _refuse, HTTPException: _http_error, Exception: _bug},
    )


def _json(document: object, status: int = 200) -> Response:
    return Response(orjson.dumps(document), status, media_type="application/json")


async def _refuse(_: Request, refusal: Any) -> Response:
    answer = _json(refusal.document(), refusal.status)
    if refusal.retry_after:
        answer.headers["Retry-After"] = str(refusal.retry_after)
    return answer


async def _http_error(_: Request, error: Any) -> Response:
    code = str(error.detail).lower().replace(" ", "_")
    answer = await _refuse(_, Refusal(error.status_code, code, str(error.detail)))
    answer.headers.update(error.headers or {})  # such as Allow
    return answer


async def _bug(_: Request, error: Exception) -> Response:
    # The type alone: the text of an error may have values of an event.
    log.error("internal error: %s", type(error).__name__)
    return await _refuse(_, Refusal(500, "internal", "internal error"))


class _Collector:
    """The endpoints."""

    def __init__(self, settings: Settings, plan: TrackingPlan, sink: Sink) -> None:
        self._settings, self._sink = settings, sink
        self._mapper = Mapper(settings, plan)
        self._keys = WriteKeys(settings.write_keys, settings.events_per_second)

    async def health(self, _: Request) -> Response:
        is_healthy = await self._sink.check()
        document = {"status": "ok" if is_healthy else "events can't be written"}
        return _json(document, 200 if is_healthy else 503)

    def single(self, kind: str) -> Callable[[Request], Any]:
        """The endpoint of one call."""

        async def endpoint(request: Request) -> Response:
            body = await read_body(request, MAX_EVENT)
            await self._append(self._lines_of_call(kind, body, request.headers))
            return _json({"success": True})

        return endpoint

    async def batch(self, request: Request) -> Response:
        """Takes a batch; its bad events are set aside in the quarantine, not refused."""
        body = await read_body(request)
        lines, rejected = self._lines_of_batch(body, request.headers)
        await self._append(lines)
        return _json({"success": True, **({"rejected": rejected} if rejected else {})})

    # What waits for the disk is bytes, which take less memory than rows.

    def _lines_of_call(self, kind: str, body: bytes, headers: Headers) -> Lines:
        message = parse_object(body)
        name = self._sender(headers, message)
        self._keys.spend(name, 1)
        try:
            return _lines(self._mapper.rows(message, kind, name, times.now()))
        except BadEvent as error:
            raise Refusal(400, "invalid_event", str(error)) from None

    def _lines_of_batch(
        self, body: bytes, headers: Headers
    ) -> tuple[Lines, list[dict[str, object]]]:
        """The lines of a batch, and what to answer of its bad events."""
        document = parse_object(body)
        name = self._sender(headers, document)
        messages = document.get("batch")
        if not isinstance(messages, list):
            raise Refusal(400, "invalid_request", "batch must be a list of events")
        self._keys.spend(name, len(messages))
        received_at = times.now()
        rows: Rows = []
        rejected: list[dict[str, object]] = []
        for index, message in enumerate(messages):
            try:
                # No event is longer than all of them.
                if len(body) > MAX_EVENT:
                    check_size(message)
                message = _with_context(message, document.get("context"))
                rows += self._mapper.rows(message, None, name, received_at)
            except BadEvent as error:
                rows.append(self._mapper.set_aside(message, str(error), received_at))
                rejected.append({"index": index, "code": "invalid_event", "message": str(error)})
        return _lines(rows), rejected

    async def browser_settings(self, request: Request) -> Response:
        """What analytics-next asks before it sends: send to this host, and nowhere else."""
        key = request.path_params["key"]
        self._keys.name_of(key)
        return _json(
            {
                "integrations": {
                    "Segment.io": {
                        "apiKey": key,
                        "apiHost": f"{request.url.netloc}/v1",
                        "protocol": request.url.scheme,
                        "deliveryStrategy": {"strategy": "standard"},
                    }
                },
                "plan": {"track": {"__default": {"enabled": True, "integrations": {}}}},
                "metrics": {"sampleRate": 0},
            }
        )

    async def webhook(self, request: Request) -> Response:
        provider = request.path_params["provider"]
        webhook = self._settings.webhooks.get(provider)
        if webhook is None:
            raise Refusal(404, "unknown_provider", "there is no webhook of this name")
        if request.method == "HEAD":
            # Mailchimp asks so whether the address exists.
            return Response()
        body = await read_body(request)
        shape = webhook.shape
        if not shape.signature.is_of(webhook.secret, webhook.url, request.headers, body):
            raise Refusal(401, "invalid_signature", "the signature is missing or wrong")
        try:
            lines = _lines(
                [(shape.folder, row) for row in shape.rows(body, self._settings.personal)]
            )
        except BadCall as error:
            raise Refusal(400, "invalid_call", str(error)) from None
        await self._append(lines)
        return _json({"success": True})

    def _sender(self, headers: Headers, document: dict[str, Any]) -> str:
        origin, allowed = headers.get("origin"), self._settings.origins
        if origin and "*" not in allowed and origin not in allowed:
            # CORS alone hides the answer; a browser sends a plain text to any host.
            raise Refusal(403, "origin_not_allowed", "pages of this origin may not send")
        key = key_of_basic(headers.get("authorization"))
        stated = document.get("writeKey")
        name = self._keys.name_of(key or (stated if isinstance(stated, str) else None))
        self._keys.check_rate(name)
        return name

    async def _append(self, lines: Lines) -> None:
        try:
            await self._sink.append(lines)
        except NotDurable:
            raise Refusal(503, "not_durable", "the events can't be stored now", 5) from None
        except TooBusy:
            raise Refusal(503, "busy", "the collector can't keep up; send again", 1) from None


def _with_context(message: object, shared: object) -> object:
    """A message of a batch with the context of the batch, where it has none of its own."""
    own = message.get("context", {}) if isinstance(message, dict) else None
    if not (isinstance(message, dict) and isinstance(own, dict) and isinstance(shared, dict)):
        return message
    return {**message, "context": {**shared, **own}}


def _lines(rows: Rows) -> Lines:
    """Rows as JSON lines, by their folder."""
    lines: dict[str, list[bytes]] = defaultdict(list)
    for folder, row in rows:
        lines[folder].append(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
    return {folder: b"".join(parts) for folder, parts in lines.items()}
