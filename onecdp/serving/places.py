"""Where the online store of a warehouse is kept: a file beside it, or a Redis server.

The one place that chooses between them. Whoever reads or writes a store knows only `Place`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from onecdp.serving import store_file
from onecdp.serving.redis_settings import RedisSettings
from onecdp.warehouse.files import Warehouse

if TYPE_CHECKING:
    from onecdp.serving.lookups import Store

Identifiers = Collection[tuple[str, str]]


@dataclass(frozen=True)
class Publication:
    """What is published.

    Attributes:
        name: Of it; equal marts have equal names.
        before: The marts published before, if they are still there.
        of: The name of what was published before.
        batch: What the build had taken in, as JSON.
        private: The private file, which has the tickets that `batch` tells of.
    """

    name: str
    before: Path | None = None
    of: str | None = None
    batch: str | None = None
    private: Path | None = None


class Place(Protocol):
    """A place that has at most one store; its methods raise `OnecdpError` if it can't be used."""

    def identity(self) -> object:
        """Returns what changes with the store; None if there is none."""

    def open(self) -> Store:
        """Opens the store that is there now."""

    def read_batch(self) -> str | None:
        """Returns what the build of the store had taken in, as JSON; None if there is none."""

    def write(self, publication: Publication) -> bool:
        """Brings the store to what is published; returns whether it had to be written."""

    def check(self) -> None:
        """Raises if an erasure could not be done here; it asks before anything is erased."""

    def erase(self, identifiers: Identifiers, one_ints: Sequence[int]) -> None:
        """Takes a person out of the store, if there is one."""

    def remove(self) -> None:
        """Deletes the store, if there is one."""


@dataclass(frozen=True)
class FilePlace:
    """`online.sqlite` in the warehouse folder, with its base beside it."""

    warehouse: Warehouse

    def identity(self) -> object:
        """Returns what changes when another file takes this one's place."""
        return store_file.identity(self.warehouse.online_file)

    def open(self) -> Store:
        """Opens the file."""
        from onecdp.serving.online_store import OnlineStore

        return OnlineStore(self.warehouse.online_file)

    def read_batch(self) -> str | None:
        """Returns what the build had taken in."""
        stored = store_file.read_stored(self.warehouse.online_file)
        return stored.batch if stored else None

    def write(self, publication: Publication) -> bool:
        """Replaces the file, unless it is right."""
        # Whoever keeps no store pays nothing for its libraries.
        from onecdp.serving.write_store import write_store

        return write_store(
            self.warehouse, publication.name, before=publication.before, of=publication.of,
            batch=publication.batch, private=publication.private,
        )  # fmt: skip

    def check(self) -> None:
        """A file beside the warehouse is its own."""

    def erase(self, identifiers: Identifiers, one_ints: Sequence[int]) -> None:
        """Replaces the files by ones without a person."""
        if not self.warehouse.online_file.exists():
            # A killed publication may have left a base.
            self.remove()
        else:
            from onecdp.serving.erase_store import erase_from_store

            erase_from_store(self.warehouse, identifiers, one_ints)

    def remove(self) -> None:
        """Deletes the file."""
        store_file.remove_store(self.warehouse)


@dataclass(frozen=True)
class Stores:
    """The places of a warehouse's store.

    Attributes:
        kept: Where publishing keeps it; None if it keeps none.
        others: Where there must be none: what is left there would be outdated and keep the erased.
        ticket_columns: Columns of tickets that hold identifiers, with their types, the best type
            first; None if no live feature asks for tickets.
    """

    kept: Place | None = None
    others: Sequence[Place] = ()
    ticket_columns: Sequence[tuple[str, str]] | None = None

    @property
    def all(self) -> Sequence[Place]:
        """All places where there may be a store."""
        return [*self.others, *([self.kept] if self.kept else [])]


def place_of(warehouse: Warehouse, redis: RedisSettings | None) -> Place:
    """Returns where a warehouse's store is."""
    if redis is None:
        return FilePlace(warehouse)
    from onecdp.serving.redis_place import RedisPlace

    return RedisPlace(redis, warehouse.marts_file)


def stores_of(warehouse: Warehouse, redis: RedisSettings | None, *, is_kept: bool) -> Stores:
    """Returns the places of a warehouse's store.

    Args:
        warehouse: The warehouse.
        redis: The server, if the project names one.
        is_kept: Whether publishing keeps a store.
    """
    chosen, file = place_of(warehouse, redis), FilePlace(warehouse)
    others = [file] if redis else []
    return Stores(chosen, others) if is_kept else Stores(None, [*others, chosen])
