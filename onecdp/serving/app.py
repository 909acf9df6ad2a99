"""The API as an ASGI application."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import re
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TypeVar

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Message, Receive, Scope, Send
from uvicorn._types import HTTPScope

from onecdp.collector.refusals import Refusal
from onecdp.serving.direct import DirectAnswers
from onecdp.serving.endpoints import Endpoints
from onecdp.serving.keys import Asker, Askers
from onecdp.serving.problems import bug, http_error, refuse
from onecdp.serving.routes import PROFILE_PATH, ROUTES, ApiRoute
from onecdp.serving.settings import Settings
from onecdp.serving.tenants import Tenant

log = logging.getLogger("onecdp.serving")
ACCESS = logging.getLogger("onecdp.serving.access")
T = TypeVar("T")
_ASKER, _ROUTE = "onecdp.asker", "onecdp.route"


def make_app(settings: Settings) -> ObservedApp:
    """Returns the application; its stores are open, and closed when it ends.

    Raises:
        OnecdpError: A store is missing.
    """
    tenants = [Tenant(each, settings) for each in settings.tenants]
    askers = Askers(
        Asker(key, tenant)
        for said, tenant in zip(settings.tenants, tenants, strict=True)
        for key in said.keys
    )
    endpoints = Endpoints(tenants)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        refreshing = asyncio.create_task(_refresh(tenants, settings.refresh_seconds))
        yield
        refreshing.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await refreshing
        for tenant in tenants:
            tenant.close()

    app = Starlette(
        routes=[_route(each, endpoints, askers) for each in ROUTES],
        lifespan=lifespan,
        exception_handlers={Refusal: refuse, HTTPException: http_error, Exception: bug},
    )
    # An address has one spelling, and identifiers end in anything.
    app.router.redirect_slashes = False
    return ObservedApp(app, DirectAnswers(askers), settings.has_access_log)


async def _refresh(tenants: Sequence[Tenant], seconds: float) -> None:
    """Changes each tenant to its newest publication, as long as the server runs."""
    # Each by itself: one whose server does not answer keeps no other one at what was erased there.
    await asyncio.gather(*(_refresh_one(tenant, seconds) for tenant in tenants))


async def _refresh_one(tenant: Tenant, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        try:
            if tenant.find_live():
                tenant.change_live(await _aside(tenant.open_live))
            if newer := await _aside(tenant.current.find_newer):
                # In the loop, as all look-ups: none runs meanwhile.
                before = tenant.current.change_to(newer)
                tenant.metrics.changed()
                await _aside(before.close)
        except Exception as error:
            # Nobody would restart what ends here. Its type alone, as of all errors.
            log.error("a store can't be opened or closed: %s", type(error).__name__)
            tenant.current.lose()


async def _aside(work: Callable[[], T]) -> T:
    """Returns what `work` does in a thread, which does not keep the process if it hangs.

    Those of `asyncio.to_thread` do: the end of the loop waits for them.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(set_it: Callable[[], None]) -> None:
        # Nobody waits for it any more, or there is no loop.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: None if done.done() else set_it())

    def run() -> None:
        try:
            result = work()
        except Exception as error:
            failure = error
            settle(lambda: done.set_exception(failure))
        else:
            settle(lambda: done.set_result(result))

    threading.Thread(target=run, daemon=True).start()
    return await done


def _route(route: ApiRoute, endpoints: Endpoints, askers: Askers[Tenant]) -> Route:
    answer: Callable[..., Awaitable[Response]] = getattr(endpoints, route.endpoint)

    async def endpoint(request: Request) -> Response:
        scope = request.scope
        scope[_ROUTE] = route.path
        if route.scope is None:
            return await answer(request)
        asker = askers.find(request.headers.get("authorization"))
        if asker is None:
            raise Refusal(401, "invalid_key", "the key is missing or unknown")
        scope[_ASKER] = asker
        if route.scope not in asker.key.scopes:
            raise Refusal(403, "scope_missing", f"the key has no scope {route.scope}")
        if wait := asker.rate.wait:
            raise Refusal(429, "rate_limited", "too many requests of this key", wait)
        asker.rate.spend(1)
        return await answer(request, asker)

    # An identifier may have slashes; and line breaks around it, as in a body.
    path = route.path.replace("{id_value}", "{id_value:path}")
    made = Route(path, endpoint, methods=[route.method], name=route.endpoint)
    made.path_regex = re.compile(made.path_regex.pattern, re.DOTALL)
    return made


class ObservedApp:
    """Counts and logs answers, by route and key and without any value of the request.

    Attributes:
        app: The application.
    """

    def __init__(self, app: Starlette, answers: DirectAnswers, has_log: bool) -> None:
        """Takes the application, and what answers without it."""
        self.app, self._answers, self._has_log = app, answers, has_log

    def direct(self, scope: HTTPScope) -> bytes | None:
        """Returns an answer of 200, as `protocol.DirectAnswer`; None for all others."""
        start = time.perf_counter()
        try:
            answer = self._answers.answer(scope)
        except Exception:
            # The routes meet the same error, and tell.
            return None
        if answer is None:
            return None
        self._note(answer.asker, "GET", PROFILE_PATH, 200, time.perf_counter() - start)
        return answer.content

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        start, status = time.perf_counter(), 500

        async def watching(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self.app(scope, receive, watching)
        finally:
            asker, route = scope.get(_ASKER), scope.get(_ROUTE, "none")
            self._note(asker, scope["method"], route, status, time.perf_counter() - start)

    def _note(
        self, asker: Asker[Tenant] | None, method: str, route: str, status: int, seconds: float
    ) -> None:
        if asker is not None:
            asker.tenant.metrics.count(route, status, seconds)
        if self._has_log:
            by = f"{asker.tenant.name}.{asker.key.name}" if asker else "-"
            ACCESS.info("%s %s %s %d %.1f ms", by, method, route, status, seconds * 1e3)
