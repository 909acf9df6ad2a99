"""What people do now, beside what the warehouse knows: one answer of batch and live.

It is put together when somebody asks, from one publication and the events as they are then. So it
is right at once after a merge, a split or another publication, and windows end without an event.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from onecdp.errors import OnecdpError
from onecdp.live.events import Identifier
from onecdp.live.features import Feature, Window, asks_for_tickets
from onecdp.live.identifier_filter import IdentifierFilter
from onecdp.live.kept import LiveEvents
from onecdp.live.measure import Measures, Value, Watermark
from onecdp.live.person import Answer, People, Status
from onecdp.live.settings import LiveSettings
from onecdp.live.tickets import OpenTicket
from onecdp.serving.lookups import Found, Store, identifiers_in
from onecdp.serving.ready_features import (
    AskedEvents,
    Ready,
    ReadyFeatures,
    lasting,
    text_of,
)
from onecdp.serving.store_directory import StoreDirectory, is_blocked
from onecdp.serving.store_file import inode

# The totals of profiles that go on between two builds, and what of new events adds to them.
TOTALS: Mapping[str, tuple[str, str]] = {
    "total_orders": ("purchase", "count"),
    "gross_revenue": ("purchase", "sum"),
    "total_revenue": ("purchase", "sum"),
}
_ADDED = tuple(
    Feature(f"total {name}", event_type, measured, Window("batch"))
    for name, (event_type, measured) in TOTALS.items()
)


class LiveAnswer(NamedTuple):
    """What is known of the person of an identifier.

    Attributes:
        status: How sure it is who that is.
        found: The customer with the profile, whose totals are those of batch and live.
        features_json: The live features as JSON.
    """

    status: Status
    found: Found | None = None
    features_json: bytes | None = None

    @property
    def features(self) -> Mapping[str, Any] | None:
        """The live features by name."""
        return None if self.features_json is None else orjson.loads(self.features_json)


class LiveAnswers:
    """Answers for one tenant. Look-ups are for one thread at a time.

    Attributes:
        identity: Of the file, to compare it with the one that is there now.
    """

    def __init__(
        self, file: Path, settings: LiveSettings, clock: Callable[[], int] = time.time_ns
    ) -> None:
        """Opens the recent events.

        Args:
            file: Where they are.
            settings: What is computed.
            clock: Nanoseconds since 1970.

        Raises:
            OnecdpError: They aren't there.
        """
        self.identity = inode(file)
        self._events, self._settings, self._clock = LiveEvents(file), settings, clock
        self._features = lasting(settings.features)
        self._measures = Measures((*self._features, *_ADDED))
        self._has_tickets = asks_for_tickets(settings.features)
        self._store: Store | None = None
        self._is_caught_up = False
        self._ready = ReadyFeatures()
        self._recent = IdentifierFilter(self._events.identifiers())
        self._of_nobody = self._ready_without(None)
        self._without_tickets = self._ready_without(())

    @property
    def is_worn(self) -> bool:
        """Whether it should be opened anew: it looks up more and more people for nothing."""
        return self._recent.is_worn

    def profile(self, store: Store, identifier: Identifier) -> LiveAnswer:
        """Returns the customer of an identifier with live features."""
        self.catch_up(store)
        known = store.person(*identifier)
        if known is None or is_blocked(store, identifier):
            return self._of_unseen(store, identifier)
        return self._answer(store, Status.KNOWN, known.found, known.identifiers)

    def catch_up(self, store: Store) -> None:
        """Drops what was ready and may be otherwise by now.

        Within an event loop, all answers of one round see the same events. To be called at times,
        also if nobody asks: then it has little to do for those who do.
        """
        if store is not self._store:
            self._store = store
            self._ready.clear()
        if self._is_caught_up:
            return
        with contextlib.suppress(RuntimeError):
            # To ask SQLite costs half as much as to look up a profile.
            asyncio.get_running_loop().call_soon(self._end_round)
            self._is_caught_up = True
        changes = self._events.changes()
        if changes is not None:
            for identifier in changes.identifiers:
                self._recent.add(identifier)
            self._ready.drop(changes)

    def _end_round(self) -> None:
        self._is_caught_up = False

    def whose(self, store: Store, identifier: Identifier) -> Answer:
        """Returns whose an identifier is."""
        taken_in = _watermark(store).taken_in
        people = People(StoreDirectory(store), self._events, self._settings.max_values, taken_in)
        return people.whose(identifier)

    def close(self) -> None:
        """Closes the file."""
        self._events.close()

    def _of_unseen(self, store: Store, identifier: Identifier) -> LiveAnswer:
        """The answer for an identifier that the publication has not, or blocks."""
        whose = self.whose(store, identifier)
        if whose.person is None:
            return LiveAnswer(whose.status)
        found = store.profile_of(whose.person)
        held = store.identifiers_of(whose.person)
        if found is None or held is None:
            # Erased since, which a store in Redis shows between two look-ups.
            return LiveAnswer(Status.UNKNOWN)
        return self._answer(store, whose.status, found, held.document)

    def _answer(self, store: Store, status: Status, found: Found, held: bytes) -> LiveAnswer:
        now = self._clock() // 1_000
        ready = self._ready.get(found.one_int, now)
        if ready is None:
            identifiers = identifiers_in(held)
            ready = self._of_idle(store, identifiers)
            if ready is None:
                ready = self._measure(store, found, identifiers, now)
        if ready.profile is not None:
            found = Found(found.one_int, found.one_id, ready.profile)
        return LiveAnswer(status, found, ready.json_at(now))

    def _of_idle(self, store: Store, identifiers: Collection[Identifier]) -> Ready | None:
        """The features of a person without events and tickets; None if there may be some."""
        if any(map(self._recent.__contains__, identifiers)):
            return None
        if not self._has_tickets or store.batch is None or store.batch.tickets is None:
            return self._of_nobody
        return None if store.tickets_of(identifiers) else self._without_tickets

    def _ready_without(self, tickets: Sequence[OpenTicket] | None) -> Ready:
        values = self._measures.of((), 0, Watermark({}, 0), 0, tickets)
        return Ready(*text_of(self._features, values), None, since=0, until=None)

    def _measure(
        self, store: Store, found: Found, identifiers: Sequence[Identifier], now: int
    ) -> Ready:
        asked = AskedEvents(self._events)
        directory = StoreDirectory(store, {found.one_int: identifiers})
        watermark = _watermark(store)
        people = People(directory, asked, self._settings.max_values, watermark.taken_in)
        person = found.one_int
        events = people.events_of(person)
        tickets = None
        if self._has_tickets:
            tickets = people.tickets_of(person, now, watermark.taken_in)
        gap = self._settings.session_gap
        values = self._measures.of(
            events, now, watermark, gap, None if tickets is None else tickets.opened
        )
        # Without a build that says what it has taken in, all recent events would count twice.
        added = {name: values[f"total {name}"] for name in TOTALS} if store.batch else {}
        changes = [
            self._measures.next_change(events, now, gap),
            None if tickets is None else tickets.next_change,
        ]
        ready = Ready(
            *text_of(self._features, values),
            _with_totals(found.document, added) if any(added.values()) else None,
            since=now,
            until=min((time for time in changes if time is not None), default=None),
        )
        self._ready.put(person, ready, asked.asked)
        return ready


def open_live(file: Path, settings: LiveSettings) -> LiveAnswers | None:
    """Returns answers from a file; None while it isn't there or can't be used."""
    try:
        return LiveAnswers(file, settings) if file.is_file() else None
    except (OnecdpError, sqlite3.Error):
        return None


def _with_totals(document: bytes, added: Mapping[str, Value]) -> bytes:
    profile = orjson.loads(document)
    for name, more in added.items():
        if name in profile and isinstance(more, (int, Decimal)):
            total = Decimal(str(profile[name] or 0)) + more
            profile[name] = int(total) if isinstance(more, int) else float(total)
    if profile.get("total_orders") and {"avg_order_value", "total_revenue"} <= profile.keys():
        profile["avg_order_value"] = round(profile["total_revenue"] / profile["total_orders"], 4)
    return orjson.dumps(profile)


def _watermark(store: Store) -> Watermark:
    return store.batch.watermark if store.batch else Watermark({}, 0)
