"""The API and the collector in one process: one address for a small site's SDKs and look-ups."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from onecdp.serving.app import ObservedApp


class BesideCollector:
    """Answers with the collector what it has a route for, and with the API all else.

    `/healthz` is the collector's: it also says whether events can be written.
    """

    def __init__(self, api: ObservedApp, collector: Starlette) -> None:
        """Takes both; they start and end together."""
        self._api, self._collector = api, collector

        @asynccontextmanager
        async def both(_: Starlette) -> AsyncIterator[None]:
            async with (
                api.app.router.lifespan_context(api.app),
                collector.router.lifespan_context(collector),
            ):
                yield

        self._lives = Starlette(lifespan=both)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] == "lifespan":
            await self._lives(scope, receive, send)
        elif any(each.matches(scope)[0] is not Match.NONE for each in self._collector.routes):
            await self._collector(scope, receive, send)
        else:
            await self._api(scope, receive, send)
