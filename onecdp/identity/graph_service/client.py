"""SQL functions of the ID graph: `normalize_id`, and `call_id_graph`, which calls the HTTP service.

docs/id-graph.md describes the protocol.
"""

from __future__ import annotations

import logging
import os
import threading
import time

import pyarrow as pa
import pyarrow.compute as pc

from onecdp.identity.graph_service.exchange import ExchangeFailed, check_url, post_json
from onecdp.identity.normalise import normalise_columns

URL_VARIABLE = "ONECDP_ID_GRAPH_URL"
TOKEN_VARIABLE = "ONECDP_ID_GRAPH_TOKEN"
TIMEOUT_SECONDS = 10.0
MAX_ANSWER = 4 << 20
MAX_FAILURES = 3
PAUSE_SECONDS = 60.0

_PREFIXES = (
    ("mobile|phone", "ONE_PHONE_"),
    ("e-?_?mail", "ONE_EMAIL_"),
    ("union_?id|open_?id|wechat|weixin|^wx", "ONE_WX_"),
    ("device", "ONE_DEV_"),
)
_log = logging.getLogger(__name__)

Identifier = tuple[str, str]


def normalize_id(id_value: pa.ChunkedArray, id_type: pa.ChunkedArray) -> pa.ChunkedArray:
    """Returns the fallback id of an identifier, derived from it alone; not its normalised value.

    It is the type's prefix and the last six characters of the value; the whole value if the type
    is unknown. An empty value counts as null.
    """
    value, kind = _spelled(id_value, id_type)
    ending = pc.utf8_slice_codeunits(value, start=-6)
    is_kind = [pc.match_substring_regex(kind, pattern) for pattern, _ in _PREFIXES]
    named = [pc.binary_join_element_wise(prefix, ending, "") for _, prefix in _PREFIXES]
    other = pc.binary_join_element_wise("ONE_UNKNOWN_", value, "")
    is_whole = pc.and_(pc.is_valid(value), pc.is_valid(kind))
    chosen = pc.case_when(
        pc.make_struct(*is_kind, field_names=[str(n) for n in range(len(is_kind))]), *named, other
    )
    return pc.if_else(is_whole, chosen, pa.scalar(None, pa.string()))


def call_id_graph(id_value: pa.ChunkedArray, id_type: pa.ChunkedArray) -> pa.Array:
    """Returns the service's id of each identifier, with `normalize_id` as the fallback.

    One request has the distinct identifiers of the chunk. The fallback is used if no service is
    configured, the request fails, or the response has no id; failures are logged.

    Raises:
        ValueError: The configured URL is invalid.
    """
    own = normalize_id(id_value, id_type)
    url = os.environ.get(URL_VARIABLE)
    if not url:
        return own
    if problem := check_url(url):
        raise ValueError(f"{URL_VARIABLE} {problem}")
    value, kind = (column.to_pylist() for column in _spelled(id_value, id_type))
    pairs = list(zip(kind, value, strict=True))
    distinct = list(dict.fromkeys((k, v) for k, v in pairs if k is not None and v is not None))
    given = _ask(url, os.environ.get(TOKEN_VARIABLE), distinct) if distinct else {}
    if not given:
        return own
    return pa.array(
        [given.get(pair, mine) for pair, mine in zip(pairs, own.to_pylist(), strict=True)],
        pa.string(),
    )


def _spelled(
    id_value: pa.ChunkedArray, id_type: pa.ChunkedArray
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Returns normalised values, and types trimmed and lower-cased; empty ones become null."""
    kind = pc.utf8_lower(pc.utf8_trim_whitespace(id_type))
    nothing = pa.scalar(None, pa.string())
    return (
        normalise_columns(kind, id_value),
        pc.if_else(pc.equal(kind, ""), nothing, kind),
    )


class _Breaker:
    """A circuit breaker: pauses requests after consecutive failures; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failures: dict[str, int] = {}
        self._paused_until: dict[str, float] = {}

    def is_open(self, url: str) -> bool:
        with self._lock:
            return time.monotonic() < self._paused_until.get(url, 0.0)

    def succeeded(self, url: str) -> None:
        with self._lock:
            self._failures[url] = 0

    def failed(self, url: str, rest: float) -> None:
        with self._lock:
            self._failures[url] = self._failures.get(url, 0) + 1
            if self._failures[url] >= MAX_FAILURES:
                rest = max(rest, PAUSE_SECONDS)
            self._paused_until[url] = time.monotonic() + rest


_breaker = _Breaker()


def _ask(url: str, token: str | None, identifiers: list[Identifier]) -> dict[Identifier, str]:
    if _breaker.is_open(url):
        return {}
    body = {
        "wants": "ids",
        "identifiers": [{"id_type": kind, "id_value": value} for kind, value in identifiers],
    }
    try:
        answer = post_json(url, token, body, timeout=TIMEOUT_SECONDS, max_bytes=MAX_ANSWER)
        ids = answer.get("ids") if isinstance(answer, dict) else None
        if not isinstance(ids, list):
            raise ExchangeFailed('the answer has no list "ids"', is_passing=False)
    except ExchangeFailed as failure:
        _breaker.failed(url, failure.retry_after)
        _log.warning(
            "call_id_graph: the service failed, %s identifiers got the id of normalize_id: %s",
            len(identifiers),
            failure,
        )
        return {}
    _breaker.succeeded(url)
    return _valid_ids(ids, set(identifiers))


def _valid_ids(ids: list[object], asked: set[Identifier]) -> dict[Identifier, str]:
    """Returns the ids of requested identifiers; conflicting ids for one identifier are dropped."""
    given: dict[Identifier, set[str]] = {}
    for entry in ids:
        if not isinstance(entry, dict):
            continue
        kind, value, one_id = (entry.get(name) for name in ("id_type", "id_value", "id"))
        if not (isinstance(kind, str) and isinstance(value, str) and isinstance(one_id, str)):
            continue
        if (kind, value) in asked and one_id.strip():
            given.setdefault((kind, value), set()).add(one_id)
    return {pair: found.pop() for pair, found in given.items() if len(found) == 1}
