"""A publication as the live side asks it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from onecdp.collector.refusals import Refusal
from onecdp.live.events import Identifier
from onecdp.serving.batch_state import BatchState
from onecdp.serving.lookups import Store, identifiers_in


class StoreDirectory:
    """A publication as the live side asks it."""

    def __init__(
        self, store: Store, held: Mapping[int, Sequence[Identifier]] | None = None
    ) -> None:
        """Takes the publication, and identifiers of customers that were read already."""
        self._store, self._held = store, held or {}
        self._known = {each: person for person in self._held for each in self._held[person]}

    def person_of(self, identifier: Identifier) -> int | None:
        """Returns the one_int of the customer who has an identifier."""
        if identifier in self._known:
            return self._known[identifier]
        found = self._store.customer(*identifier)
        return None if found is None else found.one_int

    def identifiers_of(self, person: int) -> Iterable[Identifier]:
        """Returns the identifiers of a customer."""
        if person in self._held:
            return self._held[person]
        found = self._store.identifiers_of(person)
        return identifiers_in(found.document) if found else ()

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
        return is_blocked(self._store, identifier)

    def is_shared(self, identifier: Identifier) -> bool:
        """Returns whether several people share an identifier."""
        return self._store.batch is not None and self._store.batch.is_shared(identifier)

    def is_apart(self, one: Identifier, other: Identifier) -> bool:
        """Returns whether two identifiers are never one person's."""
        return self._store.batch is not None and self._store.batch.is_apart(one, other)

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


def is_blocked(store: Store, identifier: Identifier) -> bool:
    """Returns whether the blocklist of a publication matches an identifier."""
    return store.batch is not None and store.batch.is_blocked(identifier)
