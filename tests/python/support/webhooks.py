"""A service on loopback that takes signed calls."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from onecdp.collector.webhooks.signatures import Signature
from onecdp.destinations.signed_post import PREFIX, SIGNATURE, TIME

SECRET = "s3cret-of-hook"


class Service:
    """Answers calls; `answers` are the statuses of the first ones, the others are 200.

    Attributes:
        unsigned: How many calls were not signed with `SECRET`.
    """

    def __init__(self, take: Callable[[dict[str, str], bytes], None], port: int = 0) -> None:
        """Takes what is called with the headers and the body of each call that is answered 200."""
        self.answers: list[int] = []
        self.unsigned = 0
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = dict(self.headers.items())
                # As the collector checks the calls of others.
                signed = Signature(SIGNATURE, prefix=PREFIX, time_header=TIME)
                service.unsigned += not signed.is_of(SECRET, "", headers, body)
                status = service.answers.pop(0) if service.answers else 200
                if status == 200:
                    take(headers, body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/in?token=hidden"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
