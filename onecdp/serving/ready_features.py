"""Live features that are ready for the next look-up.

What a person's features are depends on the events and tickets that were asked for meanwhile, on the
publication, and on time. So they are kept with the identifiers that were asked for, until an event
has one of these or their time is over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
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
        text: Their JSON; a bytes format if seconds are counted.
        times: From which they are counted, microseconds since 1970.
        profile: The profile, if its totals are others than those of the publication.
        since: When this was so, microseconds since 1970.
        until: When it may be otherwise without an event; None if never.
    """

    text: bytes
    times: tuple[int, ...]
    profile: bytes | None
    since: int
    until: int | None

    def json_at(self, now: int) -> bytes:
        """Returns the features at a time as JSON."""
        if not self.times:
            return self.text
        return self.text % tuple([seconds_between(time, now) for time in self.times])


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


def text_of(
    features: Iterable[Feature], values: Mapping[str, Value]
) -> tuple[bytes, tuple[int, ...]]:
    """Returns the text and the times of `Ready`.

    Args:
        features: As `lasting` returns them.
        values: Of these.
    """
    times: list[int] = []
    members: list[bytes] = []
    for feature in features:
        value = values[feature.name]
        if feature.measure == LAST_TIME and isinstance(value, int):
            times.append(value)
            members.append(b'"%b":%%r' % feature.name.encode())
        else:
            member = orjson.dumps({feature.name: value}, default=_number)[1:-1]
            members.append(member.replace(b"%", b"%%"))
    text = b"{%b}" % b",".join(members)
    return (text, tuple(times)) if times else (text.replace(b"%%", b"%"), ())


def _number(value: object) -> float:
    assert isinstance(value, Decimal)
    return float(value)
