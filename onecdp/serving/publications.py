"""The published warehouse as triggers see it: the online store, and what the marts say of rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from onecdp.live.measure import Watermark
from onecdp.live.triggers.declared import Trigger
from onecdp.live.triggers.publication import MartsSets, Publication, read_marts
from onecdp.serving.live_answers import StoreDirectory
from onecdp.serving.online_store import OnlineStore
from onecdp.serving.store_file import identity
from onecdp.warehouse.files import Warehouse


class OpenPublications:
    """Opens the newest publication when another store is there, and keeps it until then.

    The marts are replaced before the store is. What they say is by one_int, which is never another
    customer's, so a store and marts of two publications are mixed for a moment at most.
    """

    def __init__(
        self, warehouse: Warehouse, triggers: Sequence[Trigger], notify: Callable[[str], None]
    ) -> None:
        """Opens nothing yet.

        Args:
            warehouse: The warehouse.
            triggers: Those that will ask.
            notify: Gets why a trigger can't be evaluated.
        """
        self._warehouse, self._triggers, self._notify = warehouse, triggers, notify
        self._identity: tuple[int, ...] | None = None
        self._store: OnlineStore | None = None
        self._publication: Publication | None = None

    def __call__(self) -> Publication | None:
        """Returns what is published; None if nothing is.

        Raises:
            OnecdpError: A file can't be read.
        """
        seen = identity(self._warehouse.online_file)
        if seen != self._identity:
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
        marts: MartsSets = read_marts(self._warehouse.marts_file, self._triggers)
        store = self._store = OnlineStore(self._warehouse.online_file)
        for problem in marts.failed.values():
            self._notify(f"{problem}; it waits for a publication that has it")
        return Publication(
            name=store.publication,
            people=StoreDirectory(store),
            watermark=store.batch.watermark if store.batch else Watermark({}, 0),
            **vars(marts),
        )
