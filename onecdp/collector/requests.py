"""Bodies of requests, within their limits."""

from __future__ import annotations

import json
import math
import zlib
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request

from onecdp.collector.refusals import BadEvent, Refusal

MAX_BATCH = 500 << 10
"""Bytes of a batch's body, packed and unpacked."""
MAX_EVENT = 32 << 10
"""Bytes of one event."""


async def read_body(request: Request, limit: int = MAX_BATCH) -> bytes:
    """Returns the body, unpacked.

    Args:
        request: What is asked.
        limit: The most bytes that it may have, also unpacked.

    Raises:
        Refusal: It is too long, or can't be unpacked.
    """
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise _too_long(limit)
            parts.append(part)
    except ClientDisconnect:
        raise Refusal(400, "cut_off", "the body was cut off") from None
    body = b"".join(parts)
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding == "gzip":
        return _unpack(body, limit)
    if encoding != "identity":
        raise Refusal(415, "unsupported_encoding", "Content-Encoding must be gzip or none")
    return body


def _unpack(body: bytes, limit: int) -> bytes:
    unpacker = zlib.decompressobj(wbits=31)
    try:
        plain = unpacker.decompress(body, limit + 1)
    except zlib.error:
        raise Refusal(400, "invalid_gzip", "the body is not gzip data") from None
    if len(plain) > limit:
        raise _too_long(limit)
    if not unpacker.eof:
        raise Refusal(400, "invalid_gzip", "the gzip data is cut off")
    return plain


def _too_long(limit: int) -> Refusal:
    return Refusal(413, "too_large", f"the body has more than {limit >> 10} KB")


def check_size(event: object) -> None:
    """Raises `BadEvent` if an event of a batch is too long, or is nested too deeply to tell."""
    try:
        size = len(orjson.dumps(event))
    except TypeError:
        raise BadEvent("the event is nested too deeply") from None
    if size > MAX_EVENT:
        raise BadEvent(f"the event has more than {MAX_EVENT >> 10} KB")


def parse_object(body: bytes) -> dict[str, Any]:
    """Returns the JSON object that a body is.

    Raises:
        Refusal: It is none.
    """
    try:
        document = parse(body)
    except (ValueError, RecursionError):
        raise Refusal(400, "invalid_json", "the body is not valid JSON") from None
    if not isinstance(document, dict):
        raise Refusal(400, "invalid_request", "the body is not a JSON object")
    return document


def parse(body: bytes) -> Any:
    """Returns a JSON document.

    Raises:
        ValueError: It is none.
        RecursionError: It is nested too deeply.
    """
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        # JavaScript cuts a text in the middle of a character, and one such event must not refuse
        # its batch: half a character becomes a question mark, a number that is none becomes null.
        document = json.loads(
            body, parse_constant=lambda _: None, parse_float=_finite, parse_int=_whole
        )
        return orjson.loads(json.dumps(document, ensure_ascii=False).encode(errors="replace"))


def _finite(text: str) -> float | None:
    number = float(text)
    return number if math.isfinite(number) else None


def _whole(text: str) -> int | None:
    # A longer one is infinite where it is read next, and Python refuses thousands of digits.
    return int(text) if len(text) <= 300 else None
