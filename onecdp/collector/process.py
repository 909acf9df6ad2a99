"""Runs an ASGI application: one process, one event loop, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.types import ASGIApp

from onecdp.errors import OnecdpError, UsageProblem

SHUTDOWN_SECONDS = 10
MAX_CONNECTIONS = 1_000


def run_app(
    app: ASGIApp,
    listener: socket.socket,
    started: Callable[[], None],
    protocol: type[asyncio.Protocol] | None = None,
) -> None:
    """Serves until SIGTERM or SIGINT; requests that have begun are answered first.

    Args:
        app: The application.
        listener: From `listen`.
        started: Is called when a signal would end the server as it should.
        protocol: In place of uvicorn's own.
    """
    config = uvicorn.Config(
        app,
        http=protocol or "auto",
        # Addresses, keys and paths of senders stay out of the log, and values of requests that the
        # text of an error may have.
        access_log=False,
        log_level="critical",
        log_config=None,
        server_header=False,
        ws="none",
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    server = uvicorn.Server(config)
    with _signals_stop(server):
        started()
        server.run(sockets=[listener])


def address_of(listener: socket.socket) -> str:
    """Returns where a socket listens, as the start of a URL."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """Returns a socket that listens; port 0 is a free one.

    Raises:
        UsageProblem: No address is named.
        OnecdpError: It can't listen there.
    """
    if not host.strip():
        # Such as a variable that isn't set; to the system it is all addresses.
        raise UsageProblem("--host is empty; 0.0.0.0 is all addresses of this machine")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, TypeError) as error:
        # What can be no name of a host is a TypeError.
        problem = error.strerror if isinstance(error, OSError) else None
        raise OnecdpError(
            f"can't listen on {host}, port {port}: {problem or error}; "
            "choose others with --host and --port"
        ) from error


@contextlib.contextmanager
def _signals_stop(server: uvicorn.Server) -> Iterator[None]:
    """Lets signals stop the server also before it handles them itself, and no more than that.

    uvicorn raises its signal once more when it has stopped, which would end the process.
    """

    def stop(*_: object) -> None:
        server.should_exit = True

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
