"""Answers with live features that stay open, beside answers that keep nothing."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from onecdp.live.events import LINK, Event, Identifier, Version
from onecdp.live.settings import LiveSettings, read_live_settings
from onecdp.live.state import LiveState
from onecdp.live.tickets import identifiers_in
from onecdp.serving.batch_state import BatchState
from onecdp.serving.batch_tickets import TicketsRead
from onecdp.serving.live_answers import LiveAnswer, LiveAnswers
from onecdp.serving.lookups import Found, Person
from support.cli import REPOSITORY
from support.live_worlds import MAX_VALUES, MINUTE, NOON, TICKET_COLUMNS

SETTINGS = LiveSettings(read_live_settings(REPOSITORY).features, MAX_VALUES, 30 * MINUTE)
TICKETS = TicketsRead(tuple(TICKET_COLUMNS), 0, 1)


@dataclass
class Published:
    """A publication in memory."""

    people: Mapping[Identifier, int]
    taken_in: Mapping[str, int | None] = field(default_factory=dict)
    documents: Mapping[str, bytes] = field(default_factory=dict)
    read: TicketsRead | None = TICKETS

    def __post_init__(self) -> None:
        today = dt.date(2026, 6, 6)
        self.batch = BatchState(self.taken_in, today, frozenset({("union_id", "unknown")}), (),
                                self.read)  # fmt: skip

    def _found(self, person: int | None, document: object) -> Found | None:
        if person not in self.people.values() or person is None:
            return None
        return Found(person, f"ONE{person}", orjson.dumps(document))

    def customer(self, *identifier: str) -> Found | None:
        return self._found(self.people.get((identifier[0], identifier[1])), None)

    def profile_of(self, person: int) -> Found | None:
        return self._found(person, {"total_orders": person, "gross_revenue": 1.5})

    def identifiers_of(self, person: int) -> Found | None:
        held = [each for each, owner in self.people.items() if owner == person]
        return self._found(person, [{"id_type": kind, "id_value": value} for kind, value in held])

    def person(self, *identifier: str) -> Person | None:
        found = self.customer(*identifier)
        if found is None:
            return None
        profile, held = self.profile_of(found.one_int), self.identifiers_of(found.one_int)
        assert profile
        assert held
        return Person(profile, held.document)

    def tickets_of(self, identifiers: Collection[Identifier]) -> dict[str, bytes]:
        wanted = {*identifiers}
        return {
            name: said
            for name, said in self.documents.items()
            if wanted & {*identifiers_in(said, TICKET_COLUMNS)}
        }

    def ticket(self, ticket_id: str) -> bytes | None:
        return self.documents.get(ticket_id)


@dataclass
class Asking:
    """The recent events of a file, answers that stay open, and the time."""

    file: Path
    store: Any
    now: int = NOON
    position: int = 0

    def __post_init__(self) -> None:
        self.state = LiveState(self.file)
        self.kept = LiveAnswers(self.file, SETTINGS, lambda: self.now * 1_000)

    def take(self, *events: Event, partition: str = "a") -> None:
        self.position += 1
        self.state.take(partition, self.position, [(self.position, each) for each in events])

    def ask(self, *identifier: str) -> LiveAnswer:
        """An answer, which is that of answers without anything ready."""
        (kind, value) = identifier
        answer = self.kept.profile(self.store, (kind, value))
        anew = LiveAnswers(self.file, SETTINGS, lambda: self.now * 1_000)
        assert answer == anew.profile(self.store, (kind, value)), identifier
        anew.close()
        return answer

    def feature(self, name: str, *identifier: str) -> Any:
        features = self.ask(*identifier).features
        assert features is not None
        return features[name]


@contextmanager
def world_in(folder: Path, store: Published) -> Iterator[Asking]:
    world = Asking(folder / "live.sqlite", store)
    yield world
    world.kept.close()
    world.state.close()


def ticket(event_id: str, status: str, updated_at: int, **columns: str) -> Event:
    """A message of ticket T, whose requester the columns name; nobody's without them."""
    said: dict[str, list[Any]] = {"status": [updated_at, status], "created_at": [updated_at, NOON]}
    said |= {name: [updated_at, value] for name, value in columns.items()}
    document = orjson.dumps(said).decode()
    named = identifiers_in(document, TICKET_COLUMNS)
    return Event(event_id, NOON, LINK, None, None, "", named, Version("T", document))
