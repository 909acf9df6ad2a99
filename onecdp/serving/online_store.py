"""One publication of the online store in its file, open for look-ups."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path

from onecdp.errors import OnecdpError
from onecdp.live.events import Identifier
from onecdp.live.kept import for_all
from onecdp.serving.lookups import Found, Person, Resident
from onecdp.serving.store_file import FORMAT, NO_STORE, identity, open_store

_FOUND = (
    "select one_int, one_id, {} from identifiers inner join customers using (one_int)"
    " where id_type = ? and id_value = ?"
)
_PROFILE = _FOUND.format("profile")
_IDENTITY = _FOUND.format("identity")
_PERSON = _FOUND.format("profile, identity")
_NUMBER = _FOUND.format("null")
_OF = "select one_int, one_id, {} from customers where one_int = ?"
_PROFILE_OF, _IDENTITY_OF = _OF.format("profile"), _OF.format("identity")
_TICKET = "select document from tickets where ticket_id = ?"
_TICKETS_OF = (
    "select ticket_id, document from ticket_identifiers inner join tickets using (ticket_id)"
    " where id_type = ? and id_value = ?"
)
# Large enough for any store: an address space, no memory.
_MAPPED = 1 << 40
_BLOCK = 1 << 22


class OnlineStore(Resident):
    """A store as it was when it was opened: the file may be replaced, this stays.

    Look-ups are for one thread at a time.

    Attributes:
        identity: Of the file, to compare it with the one that is there now.
        is_lost: Never: what is open stays.
    """

    is_lost = False

    def __init__(self, file: Path) -> None:
        """Opens a store.

        Raises:
            OnecdpError: There is none, or it is no store of this version.
        """
        self.file = file
        seen = None
        while seen is None or seen != identity(file):
            # Another one may take its place between the two looks.
            seen = identity(file)
            if seen is None:
                raise OnecdpError(f"{file} {NO_STORE}")
            try:
                self._store = open_store(file)
                # One for all look-ups: a new one each costs a fifth of it.
                self._cursor = self._store.cursor()
                self._read()
            except (sqlite3.Error, ValueError) as error:
                raise OnecdpError(f"{file} is no online store of this version: {error}") from error
        self.identity: object = seen

    def _read(self) -> None:
        self._store.execute(f"pragma mmap_size = {_MAPPED}")
        ((version, publication, id_types, batch),) = self._store.execute(
            "select * from store"
        ).fetchall()
        if version != FORMAT:
            raise ValueError(f"its format is {version}; run `onecdp publish`")
        audiences = self._store.execute(
            "select package_id, summary, members, held_out from audiences order by package_id"
        )
        super().__init__(publication, id_types, batch, audiences)

    def profile(self, id_type: str, id_value: str) -> Found | None:
        """Returns the customer of an identifier in its one spelling, with the profile."""
        return self._find(_PROFILE, id_type, id_value)

    def identifiers(self, id_type: str, id_value: str) -> Found | None:
        """Returns the customer of an identifier, with the list of all identifiers."""
        return self._find(_IDENTITY, id_type, id_value)

    def person(self, id_type: str, id_value: str) -> Person | None:
        """Returns the customer of an identifier, with the profile and the list of identifiers."""
        row = self._cursor.execute(_PERSON, (id_type, id_value)).fetchone()
        return None if row is None else Person(Found(row[0], row[1], row[2]), row[3])

    def customer(self, id_type: str, id_value: str) -> Found | None:
        """Returns the customer of an identifier, with no document."""
        return self._find(_NUMBER, id_type, id_value)

    def profile_of(self, one_int: int) -> Found | None:
        """Returns a customer with the profile."""
        return self._one(_PROFILE_OF, one_int)

    def identifiers_of(self, one_int: int) -> Found | None:
        """Returns a customer with the list of all identifiers."""
        return self._one(_IDENTITY_OF, one_int)

    def tickets_of(self, identifiers: Collection[Identifier]) -> Mapping[str, bytes]:
        """Returns the tickets that have one of the identifiers: documents by ticket_id."""
        found: dict[str, bytes] = {}
        for query, values in for_all(_TICKETS_OF, identifiers):
            found.update(self._cursor.execute(query, values).fetchall())
        return found

    def ticket(self, ticket_id: str) -> bytes | None:
        """Returns the document of a ticket."""
        row = self._cursor.execute(_TICKET, (ticket_id,)).fetchone()
        return None if row is None else row[0]

    def warm(self) -> None:
        """Reads the file to its end, so that no look-up waits for the disk."""
        with self.file.open("rb") as stream:
            while stream.read(_BLOCK):
                pass

    def close(self) -> None:
        """Closes the file."""
        self._store.close()

    def _one(self, query: str, one_int: int) -> Found | None:
        row = self._cursor.execute(query, (one_int,)).fetchone()
        return None if row is None else Found(row[0], row[1], row[2] or b"")

    def _find(self, query: str, id_type: str, id_value: str) -> Found | None:
        row = self._cursor.execute(query, (id_type, id_value)).fetchone()
        return None if row is None else Found(row[0], row[1], row[2] or b"")
