"""A line of the collector's log as an event, in the spelling that the warehouse gives it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from typing import Any, NamedTuple

import orjson

from onecdp.collector.times import read_iso_time
from onecdp.identity.normalise import normalise

PRICE_UNITS = 10_000
"""Prices are whole numbers of 1/10,000, as the warehouse's decimal(18, 4) has them."""
AHEAD = dt.timedelta(days=1)
"""A clock may be ahead by so much; a later event is a mistake, as it is to `onecdp ingest`."""
_EARLIEST = dt.datetime(1900, 1, 1)
_EPOCH = dt.datetime(1970, 1, 1)
_MICROSECOND = dt.timedelta(microseconds=1)
_TOO_MUCH = 10**12
_UNIT = Decimal(1) / PRICE_UNITS
_DECIMAL = re.compile(r"[+-]?([0-9]{1,40}\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
REFUND, RETURN = "refund", "return"
"""The one is the other in the warehouse."""
LINK = ""
"""The type of a link: its identifiers are one person's, and no feature counts it."""
_LINK_KEY = "link "

Identifier = tuple[str, str]
"""id_type and id_value."""
TICKET = "*ticket"
"""In place of an id_type where a ticket is named among identifiers; no type has this name."""


class Version(NamedTuple):
    """What a message says of a ticket of support.

    Attributes:
        ticket_id: The ticket.
        document: What it states of the columns, as JSON: `tickets` has the shape.
    """

    ticket_id: str
    document: str


class Event(NamedTuple):
    """What happened.

    Attributes:
        event_id: Its key.
        event_time: Microseconds since 1970, UTC.
        event_type: Lower case; `return` for a refund.
        price: In units of 1/10,000; None if the event states none.
        session_id: As the source states it.
        channel: Where it happened.
        identifiers: By priority, the best one first.
        version: Of a ticket; such an event is a link beside it.
    """

    event_id: str
    event_time: int
    event_type: str
    price: int | None
    session_id: str | None
    channel: str
    identifiers: tuple[Identifier, ...]
    version: Version | None = None


def parse_event(line: bytes, id_columns: Sequence[Identifier], now: dt.datetime) -> Event | None:
    """Returns the event of a line; None if `onecdp ingest` would not load it, either.

    Args:
        line: JSON, as the collector writes it.
        id_columns: Columns that hold identifiers with their types, the best type first.
        now: The time, naive UTC.
    """
    row = row_of(line)
    if row is None:
        return None
    event_id = normalise("", text_of(row.get("event_id")))
    event_type = text_of(row.get("event_type")).strip().lower()
    time = read_time(text_of(row.get("event_time")), now)
    price_text = text_of(row.get("item_price")).strip()
    price = _price(price_text)
    if not event_id or not event_type or time is None:
        return None
    if price_text and price is None:
        return None
    identifiers = tuple(
        [
            (id_type, value)
            for column, id_type in id_columns
            if (text := text_of(row.get(column))) and (value := normalise(id_type, text))
        ]
    )
    return Event(
        event_id=event_id,
        event_time=time,
        event_type=RETURN if event_type == REFUND else event_type,
        price=price,
        session_id=text_of(row.get("session_id")).strip() or None,
        channel=text_of(row.get("channel")).strip().lower() or "app",
        identifiers=identifiers,
    )


def parse_link(line: bytes) -> Event | None:
    """Returns a link of the ID graph; None if it is none that counts."""
    row = row_of(line)
    if row is None or text_of(row.get("is_active")) != "true":
        return None
    ends = tuple(
        (id_type, normalise(id_type, text_of(row.get(f"{end}_id_value"))))
        for end in ("left", "right")
        if (id_type := text_of(row.get(f"{end}_id_type")))
    )
    time = _time(text_of(row.get("last_seen")))
    if time is None or len(ends) != 2 or not all(value for _, value in ends):
        return None
    # The key outlives the event, and an erasure: it must not name the person.
    key = f"{_LINK_KEY}{sha256(orjson.dumps(ends)).hexdigest()}"
    return Event(key, microseconds(time), LINK, None, None, "", ends)


def is_graph_link(event: Event) -> bool:
    """Whether an event is a link of the ID graph, and no message of a ticket."""
    return event.event_type == LINK and event.event_id.startswith(_LINK_KEY)


def row_of(line: bytes) -> dict[str, Any] | None:
    """Returns a line of JSON as a row; None if it is none."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) else None


def microseconds(time: dt.datetime) -> int:
    """A naive time as microseconds since 1970."""
    return (time - _EPOCH) // _MICROSECOND


def text_of(value: object) -> str:
    """A value of JSON as the text that `onecdp ingest` reads."""
    if value is None:
        return ""
    return value if isinstance(value, str) else str(value)


def read_time(text: str, now: dt.datetime) -> int | None:
    """A time in microseconds since 1970; None if it is none, or one that is a mistake."""
    time = _time(text)
    return microseconds(time) if time is not None and _EARLIEST <= time <= now + AHEAD else None


def _time(text: str) -> dt.datetime | None:
    try:
        time = dt.datetime.fromisoformat(text.strip())
    except ValueError:
        # Python reads most times, and quickly; the warehouse reads others, too.
        return read_iso_time(text.strip())
    try:
        return time.astimezone(dt.UTC).replace(tzinfo=None) if time.tzinfo else time
    except OverflowError:
        return None


def _price(text: str) -> int | None:
    """None if it is no amount."""
    if not _DECIMAL.fullmatch(text):
        return None
    price = Decimal(text)
    if abs(price) >= _TOO_MUCH:
        return None
    return int(price.quantize(_UNIT, ROUND_HALF_UP).scaleb(4))
