"""One publication of the online store in Redis or Valkey, open for look-ups."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from onecdp.collector.refusals import Refusal
from onecdp.errors import OnecdpError
from onecdp.live.events import Identifier
from onecdp.serving.lookups import Found, Person, Resident, Store
from onecdp.serving.redis_keys import (
    IDENTITY,
    LOOK_UP,
    PROFILE,
    Keys,
    State,
    connect,
    read_state,
    told,
)
from onecdp.serving.redis_settings import RedisSettings
from onecdp.serving.store_file import NO_STORE

# All requests wait while a look-up waits, once: after it, none is tried until the server is there.
_LOOK_UP_SECONDS = 1.0
_OPEN_SECONDS = 10.0
_ATTEMPTS = 5
_NAME_ALONE = "p1"


class RedisStore(Resident):
    """A publication: it stays what it is while the next one is written.

    Look-ups are for one thread at a time; each is one round trip.

    Attributes:
        identity: Of the publication, to compare it with the one that the server names now.
        is_lost: Whether the server was away, or has gone on by two publications.
    """

    def __init__(self, settings: RedisSettings) -> None:
        """Opens the store.

        Raises:
            OnecdpError: The server can't be reached, or has no store of this version.
        """
        self._settings = settings
        client = connect(settings, _OPEN_SECONDS)
        with told(settings):
            state = self._read(client)
        self.identity: object = state.identity
        self.is_lost = False
        self._generation = state.generation
        self._keys = Keys(settings.prefix, state.epoch, state.tickets)
        self._customers, self._oldest = self._keys("c:"), self._keys("oldest")
        client.close()
        self._client = connect(settings, _LOOK_UP_SECONDS)
        self._look_up = self._client.register_script(LOOK_UP)

    def _read(self, client: Any) -> State:
        for _ in range(_ATTEMPTS):
            state = read_state(client, self._settings)
            if state is None:
                raise OnecdpError(f"the online store of {self._settings.name} {NO_STORE}")
            reading = client.pipeline(transaction=True)
            for key in Keys(self._settings.prefix, state.epoch).audiences(state.generation):
                reading.hgetall(key)
            summaries, members, held_out = reading.execute()
            if read_state(client, self._settings) == state:
                break
        else:
            raise OnecdpError(f"{self._settings.name} changes all the time")
        super().__init__(
            state.publication, state.id_types, state.batch,
            ((key.decode(), summaries[key], members[key], held_out[key])
             for key in sorted(summaries)),
        )  # fmt: skip
        return state

    def profile(self, id_type: str, id_value: str) -> Found | None:
        """Returns the customer of an identifier in its one spelling, with the profile."""
        return self._find(PROFILE, self._keys.identifier(id_type, id_value))

    def identifiers(self, id_type: str, id_value: str) -> Found | None:
        """Returns the customer of an identifier, with the list of all identifiers."""
        return self._find(IDENTITY, self._keys.identifier(id_type, id_value))

    def person(self, id_type: str, id_value: str) -> Person | None:
        """Returns the customer of an identifier, with the profile and the list of identifiers."""
        found = self.profile(id_type, id_value)
        # None if the customer was erased meanwhile.
        held = found and self.identifiers_of(found.one_int)
        return Person(found, held.document) if found and held else None

    def customer(self, id_type: str, id_value: str) -> Found | None:
        """Returns the customer of an identifier, with no document."""
        return self._find(_NAME_ALONE, self._keys.identifier(id_type, id_value))

    def profile_of(self, one_int: int) -> Found | None:
        """Returns a customer with the profile."""
        return self._find(PROFILE, None, one_int)

    def identifiers_of(self, one_int: int) -> Found | None:
        """Returns a customer with the list of all identifiers."""
        return self._find(IDENTITY, None, one_int)

    def tickets_of(self, identifiers: Collection[Identifier]) -> Mapping[str, bytes]:
        """Returns the tickets that have one of the identifiers: documents by ticket_id."""
        keys = [self._keys.tickets_of(*identifier) for identifier in identifiers]
        if not keys:
            return {}
        with self._asking():
            found = sorted(each.decode() for each in self._client.sunion(keys))
            documents = self._documents(found)
        return {name: said for name, said in zip(found, documents, strict=True) if said is not None}

    def ticket(self, ticket_id: str) -> bytes | None:
        """Returns the document of a ticket."""
        with self._asking():
            return self._documents([ticket_id])[0]

    def _documents(self, ticket_ids: Sequence[str]) -> list[bytes | None]:
        if not ticket_ids:
            return []
        found: list[bytes | None] = self._client.mget(map(self._keys.ticket, ticket_ids))
        return found

    def warm(self, before: Store | None = None) -> None:
        """Makes the connection."""
        with told(self._settings):
            self._client.ping()

    def close(self) -> None:
        """Closes the connection."""
        self._client.close()

    @contextmanager
    def _asking(self) -> Iterator[None]:
        """What goes wrong meanwhile loses the store: no other look-up waits for it."""
        if self.is_lost:
            raise _away()
        try:
            with told(self._settings):
                yield
        except OnecdpError:
            self.is_lost = True
            raise _away() from None

    def _find(self, kind: str, identifier: str | None, one_int: int = 0) -> Found | None:
        keys = [self._oldest] if identifier is None else [self._oldest, identifier]
        arguments: list[object] = [self._generation, kind, self._customers]
        if identifier is None:
            arguments.append(one_int)
        with self._asking():
            found = self._look_up(keys=keys, args=arguments)
        if found is None:
            return None
        number, held = found
        one_id, _, document = held.partition(b"\n")
        return Found(number, one_id.decode(), document)


def _away() -> Refusal:
    return Refusal(503, "no_store", "the online store can't be reached", 1)
