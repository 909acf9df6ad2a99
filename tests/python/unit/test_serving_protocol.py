"""Requests that are answered where they are read, and those that the application gets."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
import uvicorn
from uvicorn._types import HTTPScope
from uvicorn.server import ServerState

from onecdp.serving.protocol import direct_protocol

DIRECT = b"content-length: 6\r\n\r\ndirect"
ASK = b"GET /%b HTTP/1.1\r\nhost: a\r\n\r\n"


class Transport(asyncio.Transport):
    """Notes what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self.is_closed = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self.is_closed

    def close(self) -> None:
        self.is_closed = True

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


async def application(scope: Any, receive: Any, send: Any) -> None:
    """Answers with the path, after a while."""
    await asyncio.sleep(0.001)
    body = f"app {scope['path']};".encode()
    head = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": body})


def answer(scope: HTTPScope) -> bytes | None:
    return DIRECT if scope["path"].startswith("/direct") else None


def talk(
    *chunks: bytes, before: Callable[[Any], None] = lambda _: None, **more: Any
) -> tuple[list[str], Transport]:
    """Sends chunks; returns the bodies of the answers, in their order."""

    async def connection() -> Transport:
        config = uvicorn.Config(application, log_config=None, **more)
        state = ServerState()
        state.default_headers = [(b"date", b"today")]
        protocol = direct_protocol(answer)(config, state, {})
        transport = Transport()
        protocol.connection_made(transport)
        before(protocol)
        for chunk in chunks:
            protocol.data_received(chunk)
        while state.tasks:
            await asyncio.gather(*state.tasks)
        with suppress(AttributeError):
            protocol.timeout_keep_alive_task.cancel()  # type: ignore[union-attr]
        return transport

    transport = asyncio.run(connection())
    said = b"".join(transport.writes).decode()
    assert said.count("date: today") == said.count("HTTP/1.1 ")
    return re.findall(r"app /\w*(?=;)|direct|Service Unavailable(?!\r)", said), transport


def test_direct_answer_is_one_write_without_the_application() -> None:
    said, transport = talk(ASK % b"direct", ASK % b"other", ASK % b"direct2")
    assert said == ["direct", "app /other", "direct"]
    direct = b"HTTP/1.1 200 OK\r\ndate: today\r\n" + DIRECT
    assert transport.writes[0] == transport.writes[-1] == direct


def test_requests_that_come_at_once_are_answered_in_their_order() -> None:
    """Each answer may begin the next one: many must not do so within each other."""
    for first in (b"slow", b"direct"):
        said, _ = talk((ASK % first) + (ASK % b"direct") * 2_000 + (ASK % b"last"))
        said = [each.removeprefix("app /") for each in said]
        assert said == [first.decode(), *["direct"] * 2_000, "last"], said[:9]


def test_body_of_a_request_is_not_taken_for_the_next_one() -> None:
    asked = b"GET /direct HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nGET /body"
    said, _ = talk(asked[:-4], asked[-4:], ASK % b"direct")
    assert said == ["direct", "direct"]


def test_what_is_not_usual_is_for_the_application() -> None:
    closing = b"GET /direct HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
    said, transport = talk(closing)
    assert (said, transport.is_closed) == (["app /direct"], True)
    said, transport = talk(b"GET /direct HTTP/1.0\r\n\r\n")
    assert (said, transport.is_closed) == (["app /direct"], True)


def refused(transport: Transport) -> tuple[int, str]:
    """The status and the code of an answer, which must be problem details and the last one."""
    head, _, body = b"".join(transport.writes).decode().rpartition("\r\n\r\n")
    status, *lines = head.rpartition("HTTP/1.1 ")[2].split("\r\n")
    assert "content-type: application/problem+json" in lines
    assert "connection: close" in lines
    assert f"content-length: {len(body)}" in lines
    assert transport.is_closed
    document = json.loads(body)
    assert status == f"{document['status']} {document['title']}"
    return document["status"], document["code"]


def test_server_that_is_full_answers_nothing_directly() -> None:
    said, transport = talk(ASK % b"direct", limit_concurrency=1)
    assert said == ["Service Unavailable"]
    assert refused(transport) == (503, "busy")


@pytest.mark.parametrize(
    "asked",
    [
        b"BLAH\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /direct HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
        ASK % (b"x" * 65_536),
    ],
)
def test_what_is_no_request_is_refused_as_all_else(asked: bytes) -> None:
    said, transport = talk(asked[:50_000], asked[50_000:])
    assert (said, refused(transport)) == ([], (400, "invalid_request"))
    said, transport = talk(ASK % b"direct", asked)
    assert (said, refused(transport)) == (["direct"], (400, "invalid_request"))


def test_headers_without_an_end_are_refused() -> None:
    """They would fill the memory of the server, and no key is asked for."""
    begun, more = b"GET /direct HTTP/1.1\r\nhost: a\r\nx: ", b"x" * 20_000
    said, transport = talk(begun, more, more, b"\r\n\r\n")
    assert said == ["direct"]
    for first in ([], [ASK % b"direct"], [(ASK % b"direct") + begun]):
        _, transport = talk(*first, begun, more, more, more, more)
        assert refused(transport) == (431, "too_large")
    # What was complete in a chunk is no part of it.
    said, _ = talk((ASK % b"direct") * 3_000 + begun, b"\r\n\r\n")
    assert len(said) == 3_001
    # A body is the application's to refuse.
    head = b"GET /direct HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\n"
    said, _ = talk(head, *[more] * 10, ASK % b"direct")
    assert said == ["direct", "direct"]
