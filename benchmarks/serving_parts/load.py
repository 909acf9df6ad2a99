"""Servers to measure, and the load on them: `wrk` where the machine has it, else processes of ours.

A client in Python is slower than the server: without wrk, rates are those of the clients.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests
from starlette.types import ASGIApp, Receive, Scope, Send

from onecdp.collector.process import run_app
from onecdp.serving.app import ObservedApp
from onecdp.serving.protocol import direct_protocol

CONNECTIONS = 32
HAS_WRK = shutil.which("wrk") is not None
_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}
_LUA = """
local n = 0
function init(args) math.randomseed(os.time()) end
function request()
  return wrk.format("GET", string.format("{path}", math.random({customers})))
end
"""


@dataclass(frozen=True)
class Rate:
    """What a server did: answers a second, and the milliseconds that one took."""

    per_second: float
    p50: float
    p99: float


class Echo:
    """A bare ASGI application that answers with a text: what the server itself can do."""

    def __init__(self, body: bytes) -> None:
        """Takes the text."""
        self._body = body
        self._headers = [(b"content-length", str(len(body)).encode()),
                         (b"content-type", b"application/json")]  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers a request."""
        if scope["type"] == "lifespan":
            while True:
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
                if kind == "lifespan.shutdown":
                    return
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


def _serve(make: Callable[..., ASGIApp], arguments: tuple[object, ...],
           listener: socket.socket) -> None:  # fmt: skip
    app = make(*arguments)
    # As `onecdp serve` runs it.
    protocol = direct_protocol(app.direct) if isinstance(app, ObservedApp) else None
    run_app(app, listener, lambda: None, protocol)


@contextmanager
def running(make: Callable[..., ASGIApp], *arguments: object, workers: int = 1) -> Iterator[int]:
    """Processes that serve an application behind one port; gives that."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    processes = multiprocessing.get_context("spawn")
    servers = [
        processes.Process(target=_serve, args=(make, arguments, listener)) for _ in range(workers)
    ]
    for server in servers:
        server.start()
    try:
        yield listener.getsockname()[1]
    finally:
        for server in servers:
            server.terminate()
            server.join()
        listener.close()


def measure(port: int, path: str, customers: int, key: str, seconds: float) -> Rate:
    """Asks about customers at random, over keep-alive connections.

    Args:
        port: Of the server.
        path: With `%d` for the number of a customer.
        customers: How many there are.
        key: Who asks.
        seconds: How long.
    """
    if HAS_WRK:
        return _wrk(port, path, customers, key, seconds)
    return asyncio.run(_ask(port, path, customers, key, seconds))


def ask_all(port: int, key: str, customers: int) -> None:
    """Asks once about each of the first customers, who are known from then on."""
    with requests.Session() as session:
        for first in range(1, customers + 1, 100):
            asked = [
                {"id_type": "member_id", "id_value": f"M{number}"}
                for number in range(first, min(first + 100, customers + 1))
            ]
            session.post(
                f"http://127.0.0.1:{port}/v1/profiles:batchGet", json={"identifiers": asked},
                headers={"Authorization": f"Bearer {key}"}, timeout=60,
            ).raise_for_status()  # fmt: skip


def _wrk(port: int, path: str, customers: int, key: str, seconds: float) -> Rate:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "ask.lua"
        script.write_text(_LUA.replace("{path}", path).replace("{customers}", str(customers)))
        said = subprocess.run(
            ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "--latency",
             "-s", str(script), "-H", f"Authorization: Bearer {key}", f"http://127.0.0.1:{port}"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(said)
    found = [re.search(rf"{share}%\s+([0-9.]+)(us|ms|s)", said) for share in (50, 99)]
    p50, p99 = (float(each[1]) * _UNITS[each[2]] for each in found if each)
    rate = re.search(r"Requests/sec:\s+([0-9.]+)", said)
    assert rate
    return Rate(float(rate[1]), p50, p99)


class _Asker(asyncio.Protocol):
    """Asks again after each answer."""

    def __init__(self, path: str, customers: int, key: str) -> None:
        self._path, self._customers, self._key = path, customers, key
        self._answer = b""
        self.times: list[float] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, _, body = self._answer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if not length or len(body) < int(length[1]):
            return
        if not head.startswith(b"HTTP/1.1 200"):
            raise SystemExit(self._answer.decode())
        self._answer = b""
        self.times.append(time.perf_counter() - self._asked_at)
        self._ask()

    def _ask(self) -> None:
        self._asked_at = time.perf_counter()
        path = self._path.replace("%d", str(random.randint(1, self._customers)))
        request = (
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self._key}\r\n\r\n"
        )
        self._transport.write(request.encode())  # type: ignore[attr-defined]


async def _ask(port: int, path: str, customers: int, key: str, seconds: float) -> Rate:
    loop = asyncio.get_running_loop()
    askers = [_Asker(path, customers, key) for _ in range(CONNECTIONS)]
    for asker in askers:
        await loop.create_connection(lambda a=asker: a, "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.sleep(seconds / 5)
    before = [len(asker.times) for asker in askers]
    start = time.perf_counter()
    times: list[float] = []
    while not times:
        await asyncio.sleep(seconds)
        times = sorted(t for a, n in zip(askers, before, strict=True) for t in a.times[n:])
    spent = time.perf_counter() - start
    return Rate(
        len(times) / spent, times[len(times) // 2] * 1e3, times[len(times) * 99 // 100] * 1e3
    )
