"""Recent events as their readers have them: any number of processes, while one writes them.

A commit of the writer, `state`, is seen as soon as it is done.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from onecdp.errors import OnecdpError
from onecdp.live.events import TICKET, Event, Identifier
from onecdp.live.triggers import outbox

FORMAT = 3
"""Of the file; `state` adds what the one before lacks."""
_NUMBERS = "select event_int from event_identifiers where id_type = ? and id_value = ?"
_OF_NUMBERS = """
select
    event_int, has_copies, event_id, event_time, event_type, price, session_id, channel,
    identifiers, partition_int, position
from events where event_int in ({})
"""
# SQLite takes five hundred selects in one.
_ASKED = 200
COPIES = """
select partitions.name, event_copies.position
from event_copies inner join partitions using (partition_int)
where event_int = ?
"""
"""Where an event stands once more."""

_TICKETS_OF = """
select ticket_id from event_identifiers inner join tickets using (event_int)
where id_type = ? and id_value = ?
"""
_MESSAGES = """
select event_int, has_copies, partition_int, events.position, document
from tickets inner join events using (event_int) where ticket_id = ? order by event_int
"""

_REVISION = "select number, (select coalesce(max(event_int), 0) from events) from revision"
_NEW_EVENTS = "select identifiers from events where event_int > ? and event_int <= ?"
_NEW_TICKETS = "select ticket_id from tickets where event_int > ? and event_int <= ?"


class Changes(NamedTuple):
    """What has changed for readers.

    Attributes:
        is_all: Whether events changed that were there before, as by an erasure.
        identifiers: Those of new events; of new messages of tickets, also the tickets.
    """

    is_all: bool
    identifiers: set[Identifier]


class Kept(NamedTuple):
    """An event, and where it stands: the partitions, each with the position behind it."""

    event: Event
    places: tuple[tuple[str, int], ...]


def is_taken_in(places: Iterable[tuple[str, int]], taken_in: Mapping[str, int | None]) -> bool:
    """Whether a warehouse that has read partitions so far has an event.

    Args:
        places: Of the event.
        taken_in: Up to which position it has read each partition; None is to its end.
    """
    for partition, position in places:
        if partition in taken_in:
            upto = taken_in[partition]
            if upto is None or position <= upto:
                return True
    return False


def for_all(query: str, identifiers: Iterable[Identifier]) -> Iterator[tuple[str, list[str]]]:
    """Yields a query of an identifier for all of these, with its values.

    In few statements: to begin one costs as much as the look-up.
    """
    asked = list(identifiers)
    for at in range(0, len(asked), _ASKED):
        part = asked[at : at + _ASKED]
        yield " union all ".join([query] * len(part)), [*chain.from_iterable(part)]


class LiveEvents:
    """The readers' side: any number of processes, at any time."""

    def __init__(self, file: Path) -> None:
        """Opens the file for reading.

        Raises:
            OnecdpError: It isn't there or is none of this version.
        """
        if not file.is_file():
            raise OnecdpError(f"{file} isn't there; `onecdp live` makes it")
        self._state = sqlite3.connect(
            f"{file.absolute().as_uri()}?mode=ro", uri=True, check_same_thread=False,
            isolation_level=None,
        )  # fmt: skip
        ((version,),) = self._state.execute("pragma user_version").fetchall()
        if version != FORMAT:
            self._state.close()
            raise OnecdpError(f"{file}: its format is {version}, not {FORMAT}")
        # One for all look-ups: a new one each costs more than the look-up.
        self._cursor = self._state.cursor()
        self._partitions: dict[int, str] = {}
        self._version: int | None = None
        ((self._revision, self._last),) = self._state.execute(_REVISION).fetchall()

    def changes(self) -> Changes | None:
        """Returns what has changed since the last call, or since it was opened; or None.

        What is read after the call may be newer: the next call tells of it.
        """
        (version,) = self._cursor.execute("pragma data_version").fetchone()
        if version == self._version:
            return None
        ((revision, last),) = self._cursor.execute(_REVISION).fetchall()
        part = (self._last, last)
        texts = {text for (text,) in self._cursor.execute(_NEW_EVENTS, part).fetchall() if text}
        found = {(kind, value) for text in texts for kind, value in orjson.loads(text)}
        tickets = self._cursor.execute(_NEW_TICKETS, part).fetchall()
        found.update((TICKET, ticket_id) for (ticket_id,) in tickets)
        is_all = revision != self._revision
        self._version, self._revision, self._last = version, revision, last
        return Changes(is_all, found)

    def identifiers(self) -> Iterator[Identifier]:
        """Yields the identifiers of all events."""
        yield from self._state.execute("select distinct id_type, id_value from event_identifiers")

    def of(self, identifiers: Iterable[Identifier]) -> list[Kept]:
        """Returns the kept events that have one of the identifiers, in their order in time."""
        rows: dict[int, tuple[Any, ...]] = {}
        for query, values in for_all(_NUMBERS, identifiers):
            for row in self._cursor.execute(_OF_NUMBERS.format(query), values).fetchall():
                rows[row[0]] = row
        # Most events of a person have the same identifiers.
        spelled: dict[str, tuple[Identifier, ...]] = {}
        found = [self._kept(row, spelled) for row in rows.values()]
        found.sort(key=lambda kept: (kept.event.event_time, kept.event.event_id))
        return found

    def tickets_of(self, identifiers: Iterable[Identifier]) -> set[str]:
        """Returns the tickets of which a kept message has one of the identifiers."""
        return {
            ticket_id
            for query, values in for_all(_TICKETS_OF, identifiers)
            for (ticket_id,) in self._cursor.execute(query, values).fetchall()
        }

    def ticket(self, ticket_id: str) -> list[tuple[str, tuple[tuple[str, int], ...]]]:
        """Returns the kept messages of a ticket in the order in which they came.

        Each is a document, and the places where it stands.
        """
        rows = self._cursor.execute(_MESSAGES, (ticket_id,)).fetchall()
        return [
            (document, self._places(number, has_copies, partition, position))
            for number, has_copies, partition, position, document in rows
        ]

    def _kept(self, row: tuple[Any, ...], spelled: dict[str, tuple[Identifier, ...]]) -> Kept:
        (number, has_copies, event_id, time, event_type, price, session_id, channel, text,
         partition, position) = row  # fmt: skip
        identifiers = spelled.get(text)
        if identifiers is None:
            identifiers = tuple([(kind, value) for kind, value in orjson.loads(text)])
            spelled[text] = identifiers
        event = Event(event_id, time, event_type, price, session_id, channel, identifiers)
        return Kept(event, self._places(number, has_copies, partition, position))

    def _places(
        self, number: int, has_copies: int, partition: int, position: int
    ) -> tuple[tuple[str, int], ...]:
        places = ((self._partition(partition), position),)
        if has_copies:
            places += tuple(self._state.execute(COPIES, (number,)).fetchall())
        return places

    def _partition(self, number: int) -> str:
        """The name of a partition, which never changes."""
        if number not in self._partitions:
            self._partitions.update(
                self._state.execute("select partition_int, name from partitions").fetchall()
            )
        return self._partitions[number]

    def trigger_figures(self) -> list[tuple[str, str, str, int]]:
        """Returns figures of triggers: `outbox.read_figures`."""
        return [*outbox.read_figures(self._state)]

    def close(self) -> None:
        """Closes the file."""
        self._state.close()
