"""Events of a few people, and whose they are, worked out the slow way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass, field

from onecdp.live.events import Event, Identifier, microseconds
from onecdp.live.tickets import identifiers_in

SECOND = 1_000_000
MINUTE, DAY = 60 * SECOND, 86_400 * SECOND
NOON = microseconds(dt.datetime(2026, 6, 6, 12))
TODAY_ENDS = NOON + DAY // 2
MAX_VALUES = {"union_id": 1}
U1, U2, U3 = ("union_id", "U1"), ("union_id", "U2"), ("union_id", "U3")
D1, D2 = ("device_id", "D1"), ("device_id", "D2")
UNKNOWN = ("union_id", "unknown")
TICKET_COLUMNS = [("customer", "union_id"), ("browser", "device_id")]
IDENTIFIERS = [U1, U2, U3, D1, D2, UNKNOWN]


@dataclass
class Warehouse:
    """What a published warehouse knows; a test changes it as builds would."""

    people: dict[Identifier, int] = field(default_factory=dict)
    blocked: set[Identifier] = field(default_factory=set)
    tickets: dict[str, bytes] = field(default_factory=dict)
    shared: set[Identifier] = field(default_factory=set)
    apart: set[Identifier] = field(default_factory=set)

    def person_of(self, identifier: Identifier) -> int | None:
        return self.people.get(identifier)

    def identifiers_of(self, person: int) -> list[Identifier]:
        return [identifier for identifier, owner in self.people.items() if owner == person]

    def is_blocked(self, identifier: Identifier) -> bool:
        return identifier in self.blocked

    def is_shared(self, identifier: Identifier) -> bool:
        return identifier in self.shared

    def is_apart(self, one: Identifier, other: Identifier) -> bool:
        return {one, other} <= self.apart

    def ticket_columns(self) -> list[tuple[str, str]]:
        return TICKET_COLUMNS

    def tickets_of(self, identifiers: Collection[Identifier]) -> dict[str, bytes]:
        wanted = {*identifiers}
        return {
            name: said
            for name, said in self.tickets.items()
            if wanted & {*identifiers_in(said, TICKET_COLUMNS)}
        }

    def ticket(self, ticket_id: str) -> bytes | None:
        return self.tickets.get(ticket_id)


def event(
    event_id: str, *identifiers: Identifier, at: int = NOON, kind: str = "page_view",
    price: int | None = None, session: str | None = None, channel: str = "app",
) -> Event:  # fmt: skip
    return Event(event_id, at, kind, price, session, channel, identifiers)


def owner(each: Event, warehouse: Warehouse) -> int | None:
    """Whose an event is by the warehouse alone."""
    usable = [i for i in each.identifiers if i not in warehouse.blocked]
    return warehouse.people.get(usable[0]) if usable else None


def whose(each: Event, warehouse: Warehouse, first: dict[str, Event]) -> int | None:
    """The same, with the provisional person of an identifier that the warehouse has not seen."""
    usable = [i for i in each.identifiers if i not in warehouse.blocked]
    if not usable or usable[0] in warehouse.people:
        return owner(each, warehouse)
    found = {
        warehouse.people[other]
        for one in first.values()
        if usable[0] in one.identifiers
        for other in one.identifiers
        if other in warehouse.people
    }
    if len(found) != 1:
        return None
    (person,) = found
    kind = usable[0][0]
    theirs = {i for i in warehouse.people if warehouse.people[i] == person}
    new = {
        i
        for one in first.values()
        if theirs & {*one.identifiers}
        for i in one.identifiers
        if i[0] == kind and i not in warehouse.people and i not in warehouse.blocked
    }
    count = len(new) + sum(i[0] == kind for i in theirs)
    return person if count <= MAX_VALUES.get(kind, count) else None
