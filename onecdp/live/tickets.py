"""Tickets of support: which of a person's are open, by the last build and what was told since.

Of each column the newest word counts, as in `raw_support.tickets`: a later `updated_at` wins, of
equal ones what came later, and a row without it is as new as what is known. Documents have the
shape of both sides, {column: [the version, or null; the value]}, times in microseconds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple
from uuid import uuid4

import orjson

from onecdp.identity.normalise import normalise
from onecdp.live.events import (
    LINK,
    Event,
    Identifier,
    Version,
    microseconds,
    read_time,
    row_of,
    text_of,
)
from onecdp.live.features import DAY

TICKET_ID = "ticket_id"
TIMES = ("created_at", "updated_at", "solved_at")
STATE = ("status", "is_deleted", *TIMES)
"""Columns that say whether a ticket is open."""
SOLVED = ("solved", "closed")
"""The states of tickets that are solved, as `int_events__support` has them."""
_TRUE, _FALSE = ("true", "t", "1", "yes", "y"), ("false", "f", "0", "no", "n")


@dataclass(frozen=True)
class TicketColumns:
    """The columns of tickets.

    Attributes:
        names: Which column a name in a message is: `TICKET_ID`, those of `STATE` and identifiers;
            nothing else of a message is kept.
        identifiers: Columns that hold identifiers with their types, the best type first.
    """

    names: Mapping[str, str]
    identifiers: Sequence[Identifier]


class Ticket(NamedTuple):
    """A ticket as it is now.

    Attributes:
        identifiers: The requester's, the best one first.
        opened_at: Microseconds since 1970; None if no message states a time.
        is_open: Whether it is neither solved nor deleted.
        may_change_at: When it may be open, or not, without a message: the days on which it is
            opened and solved, if they are still to come.
    """

    identifiers: tuple[Identifier, ...]
    opened_at: int | None
    is_open: bool
    may_change_at: tuple[int, ...] = ()


class OpenTicket(NamedTuple):
    """An open ticket, as live features count it: its key, and `opened_at` of `Ticket`."""

    ticket_id: str
    opened_at: int | None


def parse_ticket(line: bytes, columns: TicketColumns, now: dt.datetime) -> Event | None:
    """Returns a message of a ticket; None if `onecdp ingest` would not load it, either.

    Args:
        line: JSON, as the collector writes it.
        columns: The columns of tickets.
        now: The time, naive UTC.
    """
    row = row_of(line)
    if row is None:
        return None
    types = dict(columns.identifiers)
    said = {
        column: _read(column, text_of(value), types, now)
        for name, value in row.items()
        if (column := columns.names.get(name)) is not None
    }
    ticket_id = said.pop(TICKET_ID, None)
    if ticket_id is None:
        return None
    version = said.get("updated_at")
    if version is None and any(
        text_of(row[name]).strip() for name, column in columns.names.items()
        if column == "updated_at" and name in row
    ):  # fmt: skip
        # A version that can't be read is set aside, not taken for the newest.
        return None
    document = orjson.dumps({column: (version, value) for column, value in said.items()}).decode()
    # Without a version, the same once more is newer than what came between.
    key = sha256(f"{ticket_id}\n{document}".encode()).hexdigest() if version else uuid4().hex
    return Event(
        event_id=f"ticket {key}", event_time=version or microseconds(now), event_type=LINK,
        price=None, session_id=None, channel="",
        identifiers=identifiers_of(said, columns.identifiers),
        version=Version(ticket_id, document),
    )  # fmt: skip


def identifiers_of(
    values: Mapping[str, Any], columns: Iterable[Identifier]
) -> tuple[Identifier, ...]:
    """Returns the identifiers that a ticket has in these columns."""
    return tuple((id_type, value) for column, id_type in columns if (value := values.get(column)))


def identifiers_in(document: bytes | str, columns: Iterable[Identifier]) -> tuple[Identifier, ...]:
    """Returns the identifiers that a document states in these columns."""
    said = {column: value for column, (_, value) in orjson.loads(document).items()}
    return identifiers_of(said, columns)


def ticket_of(documents: Iterable[bytes | str], columns: Sequence[Identifier], now: int) -> Ticket:
    """Returns a ticket by what was said of it, in the order in which that came.

    Args:
        documents: What was said.
        columns: Columns that hold identifiers.
        now: What is later than its day has not happened yet, as in a build of today.
    """
    values = _newest(documents)
    updated_at, solved_at = values.get("updated_at"), values.get("solved_at")
    times = (values.get("created_at"), updated_at, solved_at)
    opened_at = next((time for time in times if time is not None), None)
    end = now - now % DAY + DAY
    is_solved = solved_at is not None or values.get("status") in SOLVED
    until = next((time for time in (solved_at, updated_at, opened_at) if time is not None), None)
    is_begun, is_ended = (time is None or time < end for time in (opened_at, until))
    is_open = is_begun and not values.get("is_deleted") and not (is_solved and is_ended)
    to_come = (time for time in (opened_at, until) if time is not None and time >= end)
    days = tuple(time - time % DAY for time in to_come)
    return Ticket(identifiers_of(values, columns), opened_at, is_open, days)


def _newest(documents: Iterable[bytes | str]) -> dict[str, Any]:
    merged: dict[str, tuple[int | None, Any]] = {}
    for document in documents:
        newest = max((at for at, _ in merged.values() if at is not None), default=None)
        for column, (at, value) in orjson.loads(document).items():
            known = merged.get(column)
            if known is None or at is None or known[0] is None or at >= known[0]:
                merged[column] = (newest if at is None else at, value)
    return {column: value for column, (_, value) in merged.items()}


def _read(column: str, text: str, types: Mapping[str, str], now: dt.datetime) -> Any:
    if column in TIMES:
        return read_time(text, now)
    if column == TICKET_ID:
        return normalise("", text) or None
    if column in types:
        return normalise(types[column], text) or None
    text = text.strip().lower()
    if column == "is_deleted":
        return True if text in _TRUE else False if text in _FALSE else None
    return text or None
