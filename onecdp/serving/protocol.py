"""Answers the commonest question where requests are read.

An ASGI application costs a task and two writes for each request, which is more than the answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response
from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from onecdp.collector.refusals import Refusal
from onecdp.serving.problems import problem

MAX_HEAD = 64 << 10
"""Bytes of a request before its body, and one chunk more."""
DirectAnswer = Callable[[HTTPScope], bytes | None]
"""Takes a request that has no body to read.

Returns the headers of an answer of 200, with an empty line behind them, and its body; None, and the
application is asked. It must not wait.
"""


def direct_protocol(answer: DirectAnswer) -> type[HttpToolsProtocol]:
    """Returns uvicorn's protocol, which asks the application only if there is no direct answer."""

    class DirectProtocol(HttpToolsProtocol):
        # Whether a head is not complete yet, and its bytes behind the chunk in which it began.
        _is_head, _head = False, 0

        def data_received(self, data: bytes) -> None:
            self._head += len(data)
            super().data_received(data)
            if self._is_head and self._head > MAX_HEAD and not self.transport.is_closing():
                self._refuse(Refusal(431, "too_large", "path and headers are too long"))

        def on_message_begin(self) -> None:
            self._is_head, self._head = True, 0
            super().on_message_begin()

        def on_headers_complete(self) -> None:
            self._is_head = False
            super().on_headers_complete()

        def send_400_response(self, msg: str) -> None:
            self._refuse(Refusal(400, "invalid_request", "it is no valid HTTP request"))

        def _refuse(self, refusal: Refusal) -> None:
            """Answers what the application can't be asked, and ends the connection."""
            refused = _ending(refusal)
            headers = [*self.server_state.default_headers, *refused.raw_headers]
            lines = [b"%b: %b\r\n" % each for each in headers]
            body = bytes(refused.body)
            self.transport.write(b"".join([STATUS_LINE[refusal.status], *lines, b"\r\n", body]))
            self.transport.close()

        def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
            if app is not self.app:
                # uvicorn's own, because there are too many connections.
                busy: Any = _ending(Refusal(503, "busy", "there are too many connections", 1))
                super()._start_asgi_task(cycle, busy)
                return
            # Not while the client reads slowly, nor if others wait behind it: each would begin
            # within the end of the one before.
            is_free = not self.pipeline and not self.flow.write_paused
            found = answer(cycle.scope) if cycle.keep_alive and is_free else None
            if found is None:
                super()._start_asgi_task(cycle, app)
                return
            lines = [b"%b: %b\r\n" % each for each in self.server_state.default_headers]
            cycle.response_started = cycle.response_complete = True
            self.transport.write(b"".join([b"HTTP/1.1 200 OK\r\n", *lines, found]))
            cycle.on_response()

    return DirectProtocol


def _ending(refusal: Refusal) -> Response:
    """The answer of a refusal, after which the connection ends."""
    answer = problem(refusal)
    answer.headers["Connection"] = "close"
    return answer
