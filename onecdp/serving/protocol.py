"""Answers the commonest question where requests are read.

An ASGI application costs a task and two writes for each request, which is more than the answer.
"""

from __future__ import annotations

from collections.abc import Callable

from uvicorn._types import ASGI3Application, HTTPScope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

DirectAnswer = Callable[[HTTPScope], bytes | None]
"""Takes a request that has no body to read.

Returns the headers of an answer of 200, with an empty line behind them, and its body; None, and the
application is asked. It must not wait.
"""


def direct_protocol(answer: DirectAnswer) -> type[HttpToolsProtocol]:
    """Returns uvicorn's protocol, which asks the application only if there is no direct answer."""

    class DirectProtocol(HttpToolsProtocol):
        def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
            # Not while the client reads slowly, nor if others wait behind it: each would begin
            # within the end of the one before.
            is_usual = app is self.app and cycle.keep_alive
            is_free = not self.pipeline and not self.flow.write_paused
            found = answer(cycle.scope) if is_usual and is_free else None
            if found is None:
                super()._start_asgi_task(cycle, app)
                return
            lines = [b"%b: %b\r\n" % each for each in self.server_state.default_headers]
            cycle.response_started = cycle.response_complete = True
            self.transport.write(b"".join([b"HTTP/1.1 200 OK\r\n", *lines, found]))
            cycle.on_response()

    return DirectProtocol
