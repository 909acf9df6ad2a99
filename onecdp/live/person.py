"""Whose an identifier is, and which recent events are a person's, decided when somebody asks.

As in the warehouse, an event belongs to its best identifier that is not blocked. What the warehouse
knows stands. An identifier that it has not seen is provisionally the person's whose identifiers it
came with, if that is one person, no limit of seeds/id_types.csv is broken, and nobody said that
they are two. The next build decides.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Protocol

from onecdp.live.events import LINK, TICKET, Identifier, is_graph_link
from onecdp.live.kept import Kept, is_taken_in
from onecdp.live.tickets import OpenTicket, identifiers_in, ticket_of


class Directory(Protocol):
    """The published warehouse."""

    def person_of(self, identifier: Identifier) -> int | None:
        """The one_int of the customer who has an identifier; None if it is unknown."""

    def identifiers_of(self, person: int) -> Iterable[Identifier]:
        """The identifiers of a customer."""

    def is_blocked(self, identifier: Identifier) -> bool:
        """Whether it identifies nobody, such as `unknown`."""

    def is_shared(self, identifier: Identifier) -> bool:
        """Whether several people share it, so that what comes with it is nobody's by that."""

    def is_apart(self, one: Identifier, other: Identifier) -> bool:
        """Whether two identifiers are never one person's, as people say."""

    def ticket_columns(self) -> Sequence[Identifier] | None:
        """Columns of tickets that hold identifiers, with their types; None if it has no tickets."""

    def tickets_of(self, identifiers: Collection[Identifier]) -> Mapping[str, bytes]:
        """The tickets that have one of the identifiers: documents by ticket_id."""

    def ticket(self, ticket_id: str) -> bytes | None:
        """The document of a ticket."""


class Recent(Protocol):
    """The recent events: `LiveEvents`, which describes the methods."""

    def of(self, identifiers: Iterable[Identifier]) -> list[Kept]:
        """The events that have one of the identifiers, in their order in time."""

    def tickets_of(self, identifiers: Iterable[Identifier]) -> set[str]:
        """The tickets of which a message has one of the identifiers."""

    def ticket(self, ticket_id: str) -> list[tuple[str, tuple[tuple[str, int], ...]]]:
        """The messages of a ticket, each with where it stands."""


class Status(Enum):
    """How sure the answer is."""

    KNOWN = "known"
    PROVISIONAL = "provisional"
    UNDECIDED = "undecided"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Answer:
    """Whose an identifier is: `person` is None unless it is known or provisional."""

    status: Status
    person: int | None = None


@dataclass(frozen=True)
class Tickets:
    """The tickets of a person.

    Attributes:
        opened: The open ones, by when they were opened.
        next_change: The first time at which others may be open without a message, microseconds
            since 1970; None if never.
        has_messages: Whether there is a recent message of one of them, open or not.
    """

    opened: list[OpenTicket]
    next_change: int | None
    has_messages: bool


class People:
    """Answers from one publication and the events as they are now."""

    def __init__(
        self,
        directory: Directory,
        live: Recent,
        max_values: Mapping[str, int],
        taken_in: Mapping[str, int | None] = MappingProxyType({}),
    ) -> None:
        """Reads nothing yet.

        Args:
            directory: The publication.
            live: Recent events.
            max_values: How many identifiers of a type a person may have; a missing type has no
                limit.
            taken_in: Up to which position of each partition the publication has decided on links.
        """
        self._directory, self._live, self._max_values = directory, live, max_values
        self._taken_in = taken_in
        self._answers: dict[Identifier, Answer] = {}
        # Most events of a person have the same identifiers.
        self._owners: dict[tuple[Identifier, ...], int | None] = {}
        # Identifiers of people, and whether a link has one of them.
        self._held: dict[int, tuple[list[Identifier], bool]] = {}

    def whose(self, identifier: Identifier) -> Answer:
        """Returns whose an identifier is."""
        if identifier not in self._answers:
            # Also what ends the search where two unknown identifiers ask for each other.
            self._answers[identifier] = Answer(Status.UNKNOWN)
            self._answers[identifier] = self._find(identifier)
        return self._answers[identifier]

    def events_of(self, person: int) -> list[Kept]:
        """Returns a person's recent events in their order in time."""
        known = [*self._directory.identifiers_of(person)]
        found = self._live.of(known)
        together = {kept.event.identifiers for kept in found}
        provisional = Answer(Status.PROVISIONAL, person)
        new = {
            identifier
            for identifier in {each for identifiers in together for each in identifiers}
            if self.whose(identifier) == provisional
        }
        if new:
            # In one question, so that each event is there once, and in order.
            found = self._live.of([*known, *new])
        has_links = any(kept.event.event_type == LINK for kept in found)
        self._held[person] = ([*known, *new], has_links)
        return [kept for kept in found if self._owner(kept.event.identifiers) == person]

    def open_tickets_of(
        self, person: int, now: int, taken_in: Mapping[str, int | None]
    ) -> list[OpenTicket] | None:
        """Returns a person's open tickets by when they were opened; as of `tickets_of`."""
        tickets = self.tickets_of(person, now, taken_in)
        return None if tickets is None else tickets.opened

    def tickets_of(
        self, person: int, now: int, taken_in: Mapping[str, int | None]
    ) -> Tickets | None:
        """Returns a person's tickets; None if they are not known.

        Args:
            person: The customer.
            now: The time, microseconds since 1970.
            taken_in: Up to which position of each partition the publication has messages.
        """
        columns = self._directory.ticket_columns()
        if columns is None:
            return None
        if person not in self._held:
            self.events_of(person)
        held, has_links = self._held[person]
        batch = self._directory.tickets_of(held)
        # Messages are links, too: most people have none, and to ask costs as much as the rest.
        told = self._live.tickets_of(held) if has_links else ()
        found, changes, has_messages = [], set[int](), False
        for ticket_id in {*batch, *told}:
            document = batch.get(ticket_id) or self._directory.ticket(ticket_id)
            messages = self._live.ticket(ticket_id)
            new = [said for said, places in messages if not is_taken_in(places, taken_in)]
            ticket = ticket_of([document, *new] if document else new, columns, now)
            if self._owner(ticket.identifiers) != person:
                continue
            has_messages = has_messages or bool(messages)
            changes.update(ticket.may_change_at)
            if ticket.is_open:
                found.append(OpenTicket(ticket_id, ticket.opened_at))
        found.sort(key=lambda each: (each.opened_at is None, each.opened_at or 0, each.ticket_id))
        return Tickets(found, min(changes, default=None), has_messages)

    def concerned(self, identifier: Identifier) -> set[int]:
        """Returns the customers whose events may be others since this identifier was in one."""
        if identifier[0] == TICKET:
            return self._concerned_by(identifier[1])
        answer = self.whose(identifier)
        if answer.status is Status.KNOWN:
            return {answer.person} if answer.person is not None else set()
        if self._directory.is_blocked(identifier):
            return set()
        # It may have become, or ceased to be, provisionally theirs.
        return {*self._came_with(identifier)}

    def _concerned_by(self, ticket_id: str) -> set[int]:
        """The customers who have a ticket, or had it by one of its messages."""
        columns = self._directory.ticket_columns()
        if columns is None:
            return set()
        documents: list[bytes | str] = [said for said, _ in self._live.ticket(ticket_id)]
        if (document := self._directory.ticket(ticket_id)) is not None:
            documents.append(document)
        named = {each for said in documents for each in identifiers_in(said, columns)}
        return {person for identifier in named for person in self.concerned(identifier)}

    def _owner(self, identifiers: tuple[Identifier, ...]) -> int | None:
        if identifiers not in self._owners:
            self._owners[identifiers] = next(
                (
                    self.whose(identifier).person
                    for identifier in identifiers
                    if not self._directory.is_blocked(identifier)
                ),
                None,
            )
        return self._owners[identifiers]

    def _find(self, identifier: Identifier) -> Answer:
        if self._directory.is_blocked(identifier):
            return Answer(Status.UNKNOWN)
        person = self._directory.person_of(identifier)
        if person is not None:
            return Answer(Status.KNOWN, person)
        people = self._came_with(identifier)
        if not people:
            return Answer(Status.UNKNOWN)
        if len(people) > 1 or not self._may_join(people[0], identifier):
            return Answer(Status.UNDECIDED)
        return Answer(Status.PROVISIONAL, people[0])

    def _came_with(self, identifier: Identifier) -> list[int]:
        """The customers whose identifiers stand in the same events."""
        others = {
            other
            for kept in self._undecided([identifier])
            for other in kept.event.identifiers
            if not (self._directory.is_blocked(other) or self._directory.is_shared(other))
        }
        found = {self._directory.person_of(other) for other in others}
        return sorted(person for person in found if person is not None)

    def _undecided(self, identifiers: Iterable[Identifier]) -> Iterator[Kept]:
        """Events with the identifiers, but links that a build has read: it may have refused them.

        Of other events, a build knows all identifiers.
        """
        for kept in self._live.of(identifiers):
            if not (is_graph_link(kept.event) and is_taken_in(kept.places, self._taken_in)):
                yield kept

    def _may_join(self, person: int, identifier: Identifier) -> bool:
        """Whether a customer may get all new identifiers of this type that came with theirs."""
        known = [*self._directory.identifiers_of(person)]
        if any(self._directory.is_apart(identifier, each) for each in known):
            return False
        id_type = identifier[0]
        limit = self._max_values.get(id_type)
        if limit is None:
            return True
        new = {
            other
            for kept in self._undecided(known)
            for other in kept.event.identifiers
            if other[0] == id_type
            and not self._directory.is_blocked(other)
            and self._directory.person_of(other) is None
        }
        return sum(kind == id_type for kind, _ in known) + len(new) <= limit
