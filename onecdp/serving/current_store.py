"""The newest publication of a store, for a server: it changes between two look-ups."""

from __future__ import annotations

from onecdp.errors import OnecdpError
from onecdp.serving.lookups import Store
from onecdp.serving.places import Place


class CurrentStore:
    """The newest publication of a store; it changes between two look-ups, never within one."""

    def __init__(self, place: Place) -> None:
        """Opens the store.

        Raises:
            OnecdpError: There is none.
        """
        self._place = place
        self.store = place.open()
        self.store.warm()
        self._is_there = True

    @property
    def is_usable(self) -> bool:
        """Whether a store is there, and is this one or could be opened.

        Otherwise the present one must answer no more: it may have people who were erased since.
        """
        return self._is_there and not self.store.is_lost

    def lose(self) -> None:
        """Answers no more, until a store can be opened."""
        self._is_there = False

    def find_newer(self) -> Store | None:
        """Opens and reads the store that is there now, so that no look-up waits for it.

        Returns None if it is the present one, or can't be used. May run beside look-ups.
        """
        try:
            if self._place.identity() == self.store.identity:
                self._is_there, self.store.is_lost = True, False
                return None
            newer = self._place.open()
            newer.warm(self.store)
        except (OnecdpError, OSError):
            self.lose()
            return None
        return newer

    def change_to(self, newer: Store) -> Store:
        """Answers from a newer store from now on; not while a look-up runs.

        Returns the store of before, for the caller to close: with a large file, whose last reader
        it was, that takes a while.
        """
        self.store, before = newer, self.store
        self._is_there = True
        return before
