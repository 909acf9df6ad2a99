"""Live features that are ready for the next look-up.

What a person's features are depends on the events and tickets that were asked for meanwhile, on the
publication, and on time. So they are kept with the identifiers that were asked for, until an event
has one of these or their time is over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

import orjson

from onecdp.live.events import TICKET, Identifier
from onecdp.live.features import Feature
from onecdp.live.kept import Changes, Kept, LiveEvents
from onecdp.live.measure import LAST_TIME, Value, seconds_between

_MOST = 1 << 15
"""People whose features are kept: some 3 KB each."""
_SECONDS = "seconds_since_last"


@dataclass(frozen=True, slots=True)
class Ready:
    """The features of a person.

    Attributes:
        parts: Their JSON: texts, and between them the times from which seconds are counted.
        profile: The profile, if its totals are others than those of the publication.
        since: When this was so, microseconds since 1970.
        until: When it may be otherwise without an event; None if never.
    """

    parts: tuple[bytes | int, ...]
    profile: bytes | None
    since: int
    until: int | None

    def json_at(self, now: int) -> bytes:
        """Returns the features at a time as JSON."""
        if len(self.parts) == 1 and isinstance(self.parts[0], bytes):
            return self.parts[0]
        return b"".join(
            [
                part if isinstance(part, bytes) else b"%r" % seconds_between(part, now)
                for part in self.parts
            ]
        )


class ReadyFeatures:
    """Features by person, one_int, of one publication."""

    def __init__(self) -> None:
        """Starts with none."""
        self._ready: dict[int, Ready] = {}
        self._asking: dict[Identifier, set[int]] = {}

    def get(self, person: int, now: int) -> Ready | None:
        """Returns the features of a person; None if they must be measured."""
        ready = self._ready.get(person)
        # A clock may go back.
        if ready is None or now < ready.since or (ready.until is not None and now >= ready.until):
            return None
        return ready

    def put(self, person: int, ready: Ready, asked: Iterable[Identifier]) -> None:
        """Keeps the features of a person until an event has one of the identifiers."""
        if len(self._ready) >= _MOST or len(self._asking) >= 8 * _MOST:
            self.clear()
        self._ready[person] = ready
        for identifier in asked:
            self._asking.setdefault(identifier, set()).add(person)

    def drop(self, changes: Changes) -> None:
        """Drops what may be otherwise now."""
        if changes.is_all:
            self.clear()
            return
        for identifier in changes.identifiers:
            for person in self._asking.pop(identifier, ()):
                self._ready.pop(person, None)

    def clear(self) -> None:
        """Drops all."""
        self._ready.clear()
        self._asking.clear()


class AskedEvents:
    """Recent events, and what was asked of them.

    Attributes:
        asked: Identifiers, and tickets as such.
    """

    def __init__(self, events: LiveEvents) -> None:
        """Takes the events."""
        self._events = events
        self.asked: set[Identifier] = set()

    def of(self, identifiers: Iterable[Identifier]) -> list[Kept]:
        """Returns the events that have one of the identifiers, in their order in time."""
        return self._events.of(self._noted(identifiers))

    def tickets_of(self, identifiers: Iterable[Identifier]) -> set[str]:
        """Returns the tickets of which a message has one of the identifiers."""
        return self._events.tickets_of(self._noted(identifiers))

    def ticket(self, ticket_id: str) -> list[tuple[str, tuple[tuple[str, int], ...]]]:
        """Returns the messages of a ticket."""
        self.asked.add((TICKET, ticket_id))
        return self._events.ticket(ticket_id)

    def _noted(self, identifiers: Iterable[Identifier]) -> Collection[Identifier]:
        found = [*identifiers]
        self.asked.update(found)
        return found


def lasting(features: Iterable[Feature]) -> list[Feature]:
    """Returns features that are the same until an event comes or a window ends.

    Of those that are seconds, the time from which these count.
    """
    return [
        replace(each, measure=LAST_TIME) if each.measure == _SECONDS else each for each in features
    ]


def json_parts(features: Sequence[Feature], values: Mapping[str, Value]) -> tuple[bytes | int, ...]:
    """Returns the JSON of values, with the times from which seconds count left as they are.

    Args:
        features: As `lasting` returns them.
        values: Of these.
    """
    parts: list[bytes | int] = []
    others: dict[str, Value] = {}
    text = b"{"
    for feature in features:
        value = values[feature.name]
        if feature.measure != LAST_TIME or not isinstance(value, int):
            others[feature.name] = value
            continue
        before = _members(others)
        parts += [
            text + before + (b"," if before else b"") + b'"%b":' % feature.name.encode(),
            value,
        ]
        others, text = {}, b","
    after = _members(others)
    return *parts, (text if after or not parts else b"") + after + b"}"


def _members(values: Mapping[str, Value]) -> bytes:
    return orjson.dumps(values, default=_number)[1:-1]


def _number(value: object) -> float:
    assert isinstance(value, Decimal)
    return float(value)
