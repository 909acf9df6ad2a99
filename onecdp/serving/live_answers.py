"""What people do now, beside what the warehouse knows: one answer of batch and live.

It is put together when somebody asks, from one publication and the events as they are then. So it
is right at once after a merge, a split or another publication, and windows end without an event.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import orjson

from onecdp.collector.refusals import Refusal
from onecdp.errors import OnecdpError
from onecdp.live.events import Identifier
from onecdp.live.features import Feature, Window, asks_for_tickets
from onecdp.live.kept import LiveEvents
from onecdp.live.measure import Measures, Value, Watermark
from onecdp.live.person import Answer, People, Status
from onecdp.live.settings import LiveSettings
from onecdp.serving.batch_state import BatchState
from onecdp.serving.lookups import Found, Store
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


@dataclass(frozen=True)
class LiveAnswer:
    """What is known of the person of an identifier.

    Attributes:
        status: How sure it is who that is.
        found: The customer with the profile, whose totals are those of batch and live.
        features: By name.
    """

    status: Status
    found: Found | None = None
    features: Mapping[str, Value] | None = None

    @property
    def features_json(self) -> bytes:
        """The features as JSON."""
        return orjson.dumps(self.features, default=_number)


class LiveAnswers:
    """Answers for one tenant. Look-ups are for one thread at a time.

    Attributes:
        identity: Of the file, to compare it with the one that is there now.
    """

    def __init__(self, file: Path, settings: LiveSettings) -> None:
        """Opens the recent events.

        Raises:
            OnecdpError: They aren't there.
        """
        self.identity = inode(file)
        self._events, self._settings = LiveEvents(file), settings
        self._alone = Measures(settings.features)
        self._with_totals = Measures((*settings.features, *_ADDED))
        self._has_tickets = asks_for_tickets(settings.features)

    def profile(self, store: Store, identifier: Identifier) -> LiveAnswer:
        """Returns the customer of an identifier with live features."""
        people = self._people(store)
        whose = people.whose(identifier)
        if whose.person is None:
            return LiveAnswer(whose.status)
        found = store.profile_of(whose.person)
        if found is None:
            # Erased since, which a store in Redis shows between two look-ups.
            return LiveAnswer(Status.UNKNOWN)
        now = time.time_ns() // 1_000
        # Without a build that says what it has taken in, all recent events would count twice.
        batch = store.batch
        watermark = batch.watermark if batch else Watermark({}, 0)
        measures = self._with_totals if batch else self._alone
        events = people.events_of(whose.person)
        tickets = None
        if self._has_tickets:
            tickets = people.open_tickets_of(whose.person, now, watermark.taken_in)
        values = measures.of(events, now, watermark, self._settings.session_gap, tickets)
        added = {name: values.pop(f"total {name}") for name in TOTALS} if batch else {}
        return LiveAnswer(whose.status, _with_totals(found, added), values)

    def whose(self, store: Store, identifier: Identifier) -> Answer:
        """Returns whose an identifier is."""
        return self._people(store).whose(identifier)

    def close(self) -> None:
        """Closes the file."""
        self._events.close()

    def _people(self, store: Store) -> People:
        return People(StoreDirectory(store), self._events, self._settings.max_values)


class StoreDirectory:
    """A publication as the live side asks it."""

    def __init__(self, store: Store) -> None:
        """Takes the publication."""
        self._store = store

    def person_of(self, identifier: Identifier) -> int | None:
        """Returns the one_int of the customer who has an identifier."""
        found = self._store.customer(*identifier)
        return None if found is None else found.one_int

    def identifiers_of(self, person: int) -> Iterable[Identifier]:
        """Returns the identifiers of a customer."""
        found = self._store.identifiers_of(person)
        held = orjson.loads(found.document) if found else ()
        return [(each["id_type"], each["id_value"]) for each in held]

    def one_id_of(self, person: int) -> str:
        """Returns the one_id of a customer.

        Raises:
            Refusal: There is none any more.
        """
        found = self._store.identifiers_of(person)
        if found is None:
            raise Refusal(503, "no_store", "a customer was erased meanwhile", 1)
        return found.one_id

    def is_blocked(self, identifier: Identifier) -> bool:
        """Returns whether the blocklist matches an identifier."""
        batch: BatchState | None = self._store.batch
        return batch is not None and batch.is_blocked(identifier)

    def ticket_columns(self) -> Sequence[Identifier] | None:
        """Returns the columns of tickets that hold identifiers; None without tickets."""
        batch: BatchState | None = self._store.batch
        return batch.tickets.columns if batch and batch.tickets else None

    def tickets_of(self, identifiers: Collection[Identifier]) -> Mapping[str, bytes]:
        """Returns the tickets that have one of the identifiers."""
        return self._store.tickets_of(identifiers)

    def ticket(self, ticket_id: str) -> bytes | None:
        """Returns what the publication knows of a ticket."""
        return self._store.ticket(ticket_id)


def open_live(file: Path, settings: LiveSettings) -> LiveAnswers | None:
    """Returns answers from a file; None while it isn't there or can't be used."""
    try:
        return LiveAnswers(file, settings) if file.is_file() else None
    except (OnecdpError, sqlite3.Error):
        return None


def _with_totals(found: Found, added: Mapping[str, Value]) -> Found:
    if not any(added.values()):
        return found
    profile = orjson.loads(found.document)
    for name, more in added.items():
        if name in profile and isinstance(more, (int, Decimal)):
            total = Decimal(str(profile[name] or 0)) + more
            profile[name] = int(total) if isinstance(more, int) else float(total)
    if profile.get("total_orders") and {"avg_order_value", "total_revenue"} <= profile.keys():
        profile["avg_order_value"] = round(profile["total_revenue"] / profile["total_orders"], 4)
    return Found(found.one_int, found.one_id, orjson.dumps(profile))


def _number(value: object) -> float:
    assert isinstance(value, Decimal)
    return float(value)
