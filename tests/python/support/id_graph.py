"""A real ID graph service on this machine that can be slow, fail and lie."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Identifier = tuple[str, str]
Answer = Callable[["Call"], None]


@dataclass
class Call:
    """One request, and ways to answer it."""

    handler: BaseHTTPRequestHandler
    headers: Mapping[str, str]
    body: Any
    at: float

    @property
    def identifiers(self) -> list[Identifier]:
        return [(i["id_type"], i["id_value"]) for i in self.body["identifiers"]]

    def json(self, document: object) -> None:
        self.send(json.dumps(document).encode())

    def send(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", "application/json")
        for name, value in {"Content_Length": str(len(content)), **headers}.items():
            self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.wfile.write(content)

    def reset(self) -> None:
        """Drops the connection in the rudest way there is."""
        linger = struct.pack("ii", 1, 0)
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.handler.connection.close()


@dataclass
class GraphService:
    """A running service; `answer` may be exchanged at any time."""

    url: str
    answer: Answer
    calls: list[Call] = field(default_factory=list)

    @property
    def asked(self) -> list[Identifier]:
        return sorted(identifier for call in self.calls for identifier in call.identifiers)


@contextmanager
def serving(answer: Answer, tls: ssl.SSLContext | None = None) -> Iterator[GraphService]:
    """Runs a service on a port of its own until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            call = Call(self, dict(self.headers), json.loads(raw), time.monotonic())
            service.calls.append(call)
            # Who was answered too slowly has gone.
            with contextlib.suppress(OSError):
                service.answer(call)

        do_GET = do_POST

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        block_on_close = False

        def handle_error(self, *_: object) -> None:
            """Whoever was reset is no news."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "https" if tls else "http"
    service = GraphService(f"{scheme}://127.0.0.1:{server.server_address[1]}/graph", answer)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def link(identifier: Identifier, **more: object) -> dict[str, object]:
    """A link from an identifier to one that only the service knows."""
    kind, value = identifier
    return {
        "left_id_type": kind,
        "left_id_value": value,
        "right_id_type": "union_id",
        "right_id_value": f"graph_{value}",
        "source_channel": "graph",
        "confidence": 0.9,
        "first_seen": "2024-01-01T00:00:00Z",
        **more,
    }


def honest(call: Call) -> None:
    """One link or one id per identifier, whichever is wanted."""
    if call.body["wants"] == "links":
        call.json({"links": [link(identifier) for identifier in call.identifiers]})
    else:
        ids = [
            {"id_type": kind, "id_value": value, "id": f"G-{value}"}
            for kind, value in call.identifiers
        ]
        call.json({"ids": ids})


def status(code: int, **headers: str) -> Answer:
    return lambda call: call.send(b"{}", code, **headers)


def in_order(answers: list[Answer]) -> Answer:
    """Each request gets the next answer; the last one stands for all further ones."""
    waiting = list(answers)
    return lambda call: (waiting.pop(0) if len(waiting) > 1 else waiting[0])(call)


def slow(call: Call) -> None:
    time.sleep(2)
    honest(call)


def dripping_body(call: Call) -> None:
    call.handler.send_response(200)
    call.handler.send_header("Content-Length", "1000")
    call.handler.end_headers()
    for _ in range(40):
        call.handler.wfile.write(b" ")
        time.sleep(0.05)


def dripping_head(call: Call) -> None:
    call.handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-Padding: ")
    for _ in range(40):
        call.handler.wfile.write(b"x")
        time.sleep(0.05)


def half_closed(call: Call) -> None:
    call.send(b'{"links": [], "ids": []', Content_Length="5000")


def half_closed_after_whole_json(call: Call) -> None:
    call.send(b'{"links": [], "ids": []}', Content_Length="5000")


def ten_megabytes(call: Call) -> None:
    call.send(b'{"links": ["' + b"x" * 10_000_000 + b'"]}')


def endless(call: Call) -> None:
    call.handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
    for _ in range(200):
        call.handler.wfile.write(b" " * 100_000)


def compressed(call: Call) -> None:
    call.send(b"\x1f\x8b", Content_Encoding="gzip")


def not_json(call: Call) -> None:
    call.send(b"<html>Welcome</html>")


def no_http(call: Call) -> None:
    call.handler.wfile.write(b"220 mail.example ESMTP\r\n")


def reset(call: Call) -> None:
    call.reset()


def reset_halfway(call: Call) -> None:
    call.send(b'{"links"', Content_Length="5000")
    call.reset()


MISDEEDS: dict[str, tuple[Answer, bool]] = {
    "HTTP status 500": (status(500), True),
    "HTTP status 503": (status(503), True),
    "HTTP status 429": (status(429, Retry_After="0"), True),
    "HTTP status 401": (status(401), False),
    "HTTP status 413": (status(413), False),
    "HTTP status 204": (status(204), False),
    "no whole answer in time": (slow, True),
    "no whole answer in time, body": (dripping_body, True),
    "no whole answer in time, head": (dripping_head, True),
    "the answer was cut off|the exchange broke": (half_closed, True),
    "the answer was cut off|the exchange broke, whole": (half_closed_after_whole_json, True),
    "the answer is longer than": (ten_megabytes, False),
    "the answer is longer than, endless": (endless, False),
    "the answer is compressed": (compressed, False),
    "the answer is not JSON": (not_json, False),
    "no connection": (no_http, True),
    "no connection, reset": (reset, True),
    "the answer was cut off|the exchange broke|no connection": (reset_halfway, True),
}
"""What the exchange says of it (a pattern, up to the comma), and whether that may pass."""
