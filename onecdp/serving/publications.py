"""The published warehouse as triggers see it: the online store, and what the marts say of rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from onecdp.collector.refusals import Refusal
from onecdp.errors import OnecdpError
from onecdp.live.events import Identifier
from onecdp.live.measure import Watermark
from onecdp.live.triggers.declared import Trigger
from onecdp.live.triggers.publication import MartsSets, Publication, read_marts
from onecdp.serving.lookups import Store
from onecdp.serving.places import Place
from onecdp.serving.store_directory import StoreDirectory


class OpenPublications:
    """Opens the newest publication when another store is there, and keeps it until then.

    The marts are replaced before the store is. What they say is by one_int, which is never another
    customer's, so a store and marts of two publications are mixed for a moment at most.
    """

    def __init__(
        self, place: Place, marts: Path, triggers: Sequence[Trigger],
        notify: Callable[[str], None],
    ) -> None:  # fmt: skip
        """Opens nothing yet.

        Args:
            place: Where the store is kept.
            marts: The published marts.
            triggers: Those that will ask.
            notify: Gets why a trigger can't be evaluated.
        """
        self._place, self._marts, self._triggers, self._notify = place, marts, triggers, notify
        self._identity: object = None
        self._store: Store | None = None
        self._publication: Publication | None = None

    def __call__(self) -> Publication | None:
        """Returns what is published; None if nothing is.

        Raises:
            OnecdpError: A file can't be read.
        """
        seen = self._place.identity()
        if seen != self._identity or (self._store is not None and self._store.is_lost):
            # The store of before may have people who were erased.
            self.close()
            if seen is not None:
                self._publication = self._open()
            self._identity = seen
        return self._publication

    def close(self) -> None:
        """Closes the store."""
        if self._store is not None:
            self._store.close()
        self._store = self._publication = self._identity = None

    def _open(self) -> Publication:
        marts: MartsSets = read_marts(self._marts, self._triggers)
        store = self._store = self._place.open()
        for problem in marts.failed.values():
            self._notify(f"{problem}; it waits for a publication that has it")
        return Publication(
            name=store.publication,
            people=Customers(store),
            watermark=store.batch.watermark if store.batch else Watermark({}, 0),
            **vars(marts),
        )


class Customers(StoreDirectory):
    """The customers of a store; one that is lost is an error, which passes, and no refusal."""

    def person_of(self, identifier: Identifier) -> int | None:
        """Returns the one_int of the customer who has an identifier."""
        with _told():
            return super().person_of(identifier)

    def identifiers_of(self, person: int) -> Iterable[Identifier]:
        """Returns the identifiers of a customer."""
        with _told():
            return super().identifiers_of(person)

    def one_id_of(self, person: int) -> str:
        """Returns the one_id of a customer."""
        with _told():
            return super().one_id_of(person)

    def tickets_of(self, identifiers: Collection[Identifier]) -> Mapping[str, bytes]:
        """Returns the tickets that have one of the identifiers."""
        with _told():
            return super().tickets_of(identifiers)

    def ticket(self, ticket_id: str) -> bytes | None:
        """Returns what the publication knows of a ticket."""
        with _told():
            return super().ticket(ticket_id)


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except Refusal as refusal:
        raise OnecdpError(str(refusal)) from None
