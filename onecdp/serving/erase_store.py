"""Takes a person out of the online store."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Collection, Sequence

from onecdp.audiences.bitmaps import BitMap, from_bytes, to_bytes
from onecdp.errors import OnecdpError
from onecdp.serving.store_base import fold, forget_changes, rewrite
from onecdp.serving.store_file import (
    clean_store,
    drop_ticket,
    fresh_file,
    name_after_erasure,
    new_base,
    read_stored,
    remove_store,
    writing,
)
from onecdp.warehouse.files import Warehouse

Identifiers = Collection[tuple[str, str]]


def erase_from_store(
    warehouse: Warehouse, identifiers: Identifiers, one_ints: Sequence[int]
) -> None:
    """Replaces the store by one without a person, in which no byte of the person is left.

    The counts of audiences stay until the next publication. Until then the store also lacks others
    who had one of the identifiers when it was published, as before a split: which of their
    attributes are the person's is not known.

    Args:
        warehouse: The warehouse; the caller holds its lock.
        identifiers: Type and value of each.
        one_ints: The person's.

    Raises:
        OnecdpError: The store can't be written; it is then unchanged.
    """
    file = warehouse.online_file
    stored = read_stored(file)
    if stored is None:
        # There is none; or it is of another format, and may have the person.
        remove_store(warehouse)
        return
    fresh, base = fresh_file(file), new_base(file)
    person = set(one_ints)

    def erase(everybody: sqlite3.Connection) -> None:
        person.update(_who_had(everybody, identifiers))
        _erase_customers(everybody, identifiers, person)

    try:
        # What the base says of others who changed since may be of this person.
        fold(file, stored.base, base, erase)
        shutil.copyfile(file, fresh)
        with writing(fresh) as store:
            forget_changes(store)
            _erase_tickets(store, identifiers)
            _erase_members(store, person)
            name = name_after_erasure(stored.publication)
            store.execute("update store set publication = ?, base = ?", [name, base.name])
        rewrite(fresh, file)
    except (sqlite3.Error, OSError) as error:
        raise OnecdpError(f"{fresh} can't be written: {error}") from error
    finally:
        fresh.unlink(missing_ok=True)
        clean_store(warehouse)


def _who_had(store: sqlite3.Connection, identifiers: Identifiers) -> set[int]:
    query = "select one_int from identifiers where id_type = ? and id_value = ?"
    return {one_int for each in identifiers for (one_int,) in store.execute(query, each)}


def _erase_customers(
    store: sqlite3.Connection, identifiers: Identifiers, one_ints: Collection[int]
) -> None:
    store.executemany(
        "delete from identifiers where id_type = ? and id_value = ?", list(identifiers)
    )
    numbers = [(number,) for number in one_ints]
    # Also the one_id, which is an identifier here; there is no index, and the file is read anyway.
    store.executemany("delete from identifiers where one_int = ?", numbers)
    store.executemany("delete from customers where one_int = ?", numbers)


def _erase_tickets(store: sqlite3.Connection, identifiers: Identifiers) -> None:
    tickets = {
        ticket_id
        for identifier in identifiers
        for (ticket_id,) in store.execute(
            "select ticket_id from ticket_identifiers where id_type = ? and id_value = ?",
            identifier,
        )
    }
    for ticket_id in tickets:
        drop_ticket(store, ticket_id)


def _erase_members(store: sqlite3.Connection, one_ints: Collection[int]) -> None:
    person = BitMap(one_ints)
    audiences = store.execute("select package_id, members, held_out from audiences").fetchall()
    for package_id, *bitmaps in audiences:
        left = [to_bytes(from_bytes(each) - person) for each in bitmaps]
        store.execute(
            "update audiences set members = ?, held_out = ? where package_id = ?",
            [*left, package_id],
        )
