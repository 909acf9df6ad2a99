"""Finds what the live state has of a person, for an erasure."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Set
from typing import Any, NamedTuple

import orjson

from onecdp.live.events import Identifier

_OF_IDENTIFIER = "select event_int from event_identifiers where id_type = ? and id_value = ?"
_TICKET_OF = "select ticket_id from tickets where event_int = ?"
_MESSAGES = "select event_int from tickets where ticket_id = ?"
_NAMING = (
    "select event_int, identifiers from tickets inner join events using (event_int)"
    " where ticket_id = ?"
)


class Found(NamedTuple):
    """What a person has.

    Attributes:
        events: Numbers of the events.
        tickets: Tickets that are nobody else's.
    """

    events: set[int]
    tickets: set[str]


def find_events(
    state: sqlite3.Connection,
    identifiers: Iterable[Identifier],
    tickets: Iterable[str],
    is_blocked: Callable[[Identifier], bool],
) -> Found:
    """Returns the events with one of the identifiers, and messages that name nobody.

    Those are of a ticket that is the person's, unless another message names somebody else.

    Args:
        state: The live state.
        identifiers: All of the person's.
        tickets: The person's, as far as they are known from elsewhere.
        is_blocked: Whether an identifier is nobody's.
    """
    events = {number for each in identifiers for number in _column(state, _OF_IDENTIFIER, *each)}
    named = {*tickets, *(name for each in events for name in _column(state, _TICKET_OF, each))}
    gone = {
        ticket_id
        for ticket_id in named
        if all(
            number in events or all(is_blocked((*each,)) for each in orjson.loads(named_there))
            for number, named_there in state.execute(_NAMING, [ticket_id])
        )
    }
    events |= {number for each in gone for number in _column(state, _MESSAGES, each)}
    return Found(events, gone)


def _column(state: sqlite3.Connection, query: str, *values: object) -> Set[Any]:
    return {value for (value,) in state.execute(query, values)}
