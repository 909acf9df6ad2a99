"""One publication of the online store in its file, open for look-ups."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from onecdp.audiences.bitmaps import from_members
from onecdp.errors import OnecdpError
from onecdp.live.events import Identifier
from onecdp.live.kept import for_all
from onecdp.serving.lookups import Found, Person, Resident, Store
from onecdp.serving.store_file import FORMAT, NO_STORE, address, identity, open_store

# By an identifier, and by number: in the base, and among those who changed since.
_IN_BASE = (
    "select one_int, one_id, {} from base.identifiers inner join base.customers using (one_int)"
    " where id_type = ?1 and id_value = ?2"
)
_IN_CHANGES = (
    "select one_int, one_id, {} from main.customers where one_id is not null and one_int ="
    " coalesce((select one_int from main.identifiers where id_type = ?1 and id_value = ?2),"
    " (select one_int from base.identifiers where id_type = ?1 and id_value = ?2))"
)
_OF_BASE = "select one_int, one_id, {} from base.customers where one_int = ?1"
_OF_CHANGES = (
    "select one_int, one_id, {} from main.customers where one_id is not null and one_int = ?1"
)


class _Query(NamedTuple):
    """One question, as SQL."""

    base: str
    changes: str


def _queries(columns: str) -> tuple[_Query, _Query]:
    return (
        _Query(_IN_BASE.format(columns), _IN_CHANGES.format(columns)),
        _Query(_OF_BASE.format(columns), _OF_CHANGES.format(columns)),
    )


_PROFILE, _PROFILE_OF = _queries("profile")
_IDENTITY, _IDENTITY_OF = _queries("identity")
_PERSON, _ = _queries("profile, identity")
_NUMBER, _ = _queries("null")
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
        base: The file that it stands on.
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
            # Another one may take its place between the two looks, and its base be deleted.
            seen = identity(file)
            if seen is None:
                raise OnecdpError(f"{file} {NO_STORE}")
            try:
                self._open()
            except (sqlite3.Error, ValueError) as error:
                if seen == identity(file):
                    raise OnecdpError(
                        f"{file} is no online store of this version: {error}"
                    ) from error
        self.identity: object = seen

    def _open(self) -> None:
        self._store = open_store(self.file)
        # One for all look-ups: a new one each costs a fifth of it.
        self._cursor = self._store.cursor()
        ((version, *rest),) = self._store.execute("select * from store").fetchall()
        if version != FORMAT:
            raise ValueError(f"its format is {version}; run `onecdp publish`")
        publication, id_types, batch, base = rest
        self.base = self.file.with_name(base)
        self._store.execute("attach ? as base", [address(self.base)])
        for name in ("main", "base"):
            self._store.execute(f"pragma {name}.mmap_size = {_MAPPED}")
        audiences = self._store.execute(
            "select package_id, summary, members, held_out from audiences order by package_id"
        )
        super().__init__(publication, id_types, batch, audiences)
        changed = self._store.execute("select one_int from main.customers").fetchall()
        self._changed = from_members(number for (number,) in changed)

    def profile(self, id_type: str, id_value: str) -> Found | None:
        """Returns the customer of an identifier in its one spelling, with the profile."""
        return self._find(_PROFILE, id_type, id_value)

    def identifiers(self, id_type: str, id_value: str) -> Found | None:
        """Returns the customer of an identifier, with the list of all identifiers."""
        return self._find(_IDENTITY, id_type, id_value)

    def person(self, id_type: str, id_value: str) -> Person | None:
        """Returns the customer of an identifier, with the profile and the list of identifiers."""
        row = self._row(_PERSON, id_type, id_value)
        return None if row is None else Person(Found(row[0], row[1], row[2]), row[3])

    def customer(self, id_type: str, id_value: str) -> Found | None:
        """Returns the customer of an identifier, with no document."""
        return self._find(_NUMBER, id_type, id_value)

    def profile_of(self, one_int: int) -> Found | None:
        """Returns a customer with the profile."""
        return self._find(_PROFILE_OF, one_int)

    def identifiers_of(self, one_int: int) -> Found | None:
        """Returns a customer with the list of all identifiers."""
        return self._find(_IDENTITY_OF, one_int)

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

    def warm(self, before: Store | None = None) -> None:
        """Reads the files to their ends, so that no look-up waits for the disk.

        Args:
            before: A store that was warmed: its base is read no more.
        """
        is_new = not (isinstance(before, OnlineStore) and before.base == self.base)
        for file in (self.file, self.base) if is_new else (self.file,):
            with file.open("rb") as stream:
                while stream.read(_BLOCK):
                    pass

    def close(self) -> None:
        """Closes the file."""
        self._store.close()

    def _find(self, query: _Query, *key: object) -> Found | None:
        row = self._row(query, *key)
        return None if row is None else Found(row[0], row[1], row[2] or b"")

    def _row(self, query: _Query, *key: object) -> Any:
        row = self._cursor.execute(query.base, key).fetchone()
        # Whoever did not change has the same identifiers, so the base is right.
        if row is not None and row[0] not in self._changed:
            return row
        return self._cursor.execute(query.changes, key).fetchone()
