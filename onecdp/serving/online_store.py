"""One publication of the online store, open for look-ups."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from onecdp.audiences.bitmaps import BitMap, from_bytes
from onecdp.errors import OnecdpError
from onecdp.identity.normalise import LOWER_CASE_TYPES
from onecdp.serving.audience_masks import AudienceMasks
from onecdp.serving.batch_state import from_json, name_state
from onecdp.serving.store_file import FORMAT, HELD_OUT, TREATMENT, identity, open_store

_FOUND = (
    "select one_int, one_id, {} from identifiers inner join customers using (one_int)"
    " where id_type = ? and id_value = ?"
)
_PROFILE = _FOUND.format("profile")
_IDENTITY = _FOUND.format("identity")
_NUMBER = _FOUND.format("null")
_OF = "select one_int, one_id, {} from customers where one_int = ?"
_PROFILE_OF, _IDENTITY_OF = _OF.format("profile"), _OF.format("identity")
# Large enough for any store: an address space, no memory.
_MAPPED = 1 << 40
_BLOCK = 1 << 22


class Found(NamedTuple):
    """A customer: one_int, one_id, and a document as JSON that nobody has parsed."""

    one_int: int
    one_id: str
    document: bytes


@dataclass(frozen=True)
class Audience:
    """An audience.

    Attributes:
        summary: As JSON.
        members: Their one_ints.
        held_out: Those of them who are not to be reached.
        has_failed: Whether its rule could not be evaluated.
    """

    summary: bytes
    members: BitMap = field(repr=False)
    held_out: BitMap = field(repr=False)
    has_failed: bool

    def arm_of(self, member: int) -> str:
        """Returns the arm of a member."""
        return HELD_OUT if member in self.held_out else TREATMENT


class OnlineStore:
    """A store as it was when it was opened: the file may be replaced, this stays.

    Look-ups are for one thread at a time.

    Attributes:
        publication: The name of what was published.
        batch: What its build had taken in; None if that isn't known.
        identity: Of the file, to compare it with the one that is there now.
        audiences: All of them by package_id, in memory.
        id_types: The types of identifiers.
        unhashed_types: Those of which no value is a hash, which has rules of its own.
    """

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
                raise OnecdpError(
                    f"{file} isn't there; set online_store = true below [serving] in"
                    " .dlt/config.toml, then run `onecdp publish`"
                )
            try:
                self._store = open_store(file)
                # One for all look-ups: a new one each costs a fifth of it.
                self._cursor = self._store.cursor()
                self._read()
            except (sqlite3.Error, ValueError) as error:
                raise OnecdpError(f"{file} is no online store of this version: {error}") from error
        self.identity = seen

    def _read(self) -> None:
        self._store.execute(f"pragma mmap_size = {_MAPPED}")
        ((version, publication, id_types, batch),) = self._store.execute(
            "select * from store"
        ).fetchall()
        if version != FORMAT:
            raise ValueError(f"its format is {version}; run `onecdp publish`")
        self.publication = f"{publication}{name_state(batch)}"
        self.batch = None if batch is None else from_json(batch)
        self.id_types: tuple[str, ...] = tuple(json.loads(id_types))
        self.unhashed_types = frozenset(self.id_types).difference(LOWER_CASE_TYPES)
        self.audiences: Mapping[str, Audience] = {
            package_id: Audience(
                summary, from_bytes(members), from_bytes(held_out), _has_failed(summary)
            )
            for package_id, summary, members, held_out in self._store.execute(
                "select package_id, summary, members, held_out from audiences order by package_id"
            )
        }
        self._masks = AudienceMasks(
            {key: each.members - each.held_out for key, each in self.audiences.items()}
        )

    def profile(self, id_type: str, id_value: str) -> Found | None:
        """Returns the customer of an identifier in its one spelling, with the profile."""
        return self._find(_PROFILE, id_type, id_value)

    def identifiers(self, id_type: str, id_value: str) -> Found | None:
        """Returns the customer of an identifier, with the list of all identifiers."""
        return self._find(_IDENTITY, id_type, id_value)

    def customer(self, id_type: str, id_value: str) -> Found | None:
        """Returns the customer of an identifier, with no document."""
        return self._find(_NUMBER, id_type, id_value)

    def profile_of(self, one_int: int) -> Found | None:
        """Returns a customer with the profile."""
        return self._one(_PROFILE_OF, one_int)

    def identifiers_of(self, one_int: int) -> Found | None:
        """Returns a customer with the list of all identifiers."""
        return self._one(_IDENTITY_OF, one_int)

    def audiences_of(self, one_int: int) -> bytes:
        """Returns the package_ids of all audiences by which a customer may be reached, as JSON."""
        return self._masks.json_of(one_int)

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


def _has_failed(summary: bytes) -> bool:
    return bool(json.loads(summary).get("error"))


class CurrentStore:
    """The newest publication of a store; it changes between two look-ups, never within one."""

    def __init__(self, file: Path) -> None:
        """Opens the store.

        Raises:
            OnecdpError: There is none.
        """
        self.file = file
        self.store = OnlineStore(file)
        self.store.warm()
        self.is_usable = True
        """Whether a store is there, and is this one or could be opened.

        Otherwise the present one must answer no more: it may have people who were erased since.
        """

    def find_newer(self) -> OnlineStore | None:
        """Opens and reads the store that is there now, so that no look-up waits for it.

        Returns None if it is the present one, or can't be used. May run beside look-ups.
        """
        if identity(self.file) == self.store.identity:
            self.is_usable = True
            return None
        try:
            newer = OnlineStore(self.file)
            newer.warm()
        except (OnecdpError, OSError):
            self.is_usable = False
            return None
        return newer

    def change_to(self, newer: OnlineStore) -> OnlineStore:
        """Answers from a newer store from now on; not while a look-up runs.

        Returns the store of before, for the caller to close: with a large file, whose last reader
        it was, that takes a while.
        """
        self.store, before = newer, self.store
        self.is_usable = True
        return before
