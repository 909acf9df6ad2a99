"""Writes the online store: anew, or as a copy of the old one in which changed rows are replaced."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Collection, Sequence
from pathlib import Path

from onecdp.audiences.bitmaps import BitMap, from_bytes, to_bytes
from onecdp.errors import OnecdpError
from onecdp.serving.batch_state import tickets_in
from onecdp.serving.batch_tickets import TicketChanges, ticket_changes
from onecdp.serving.marts_documents import Difference, MartsDocuments
from onecdp.serving.store_file import (
    FORMAT,
    ONE_ID,
    SCHEMA,
    name_after_erasure,
    read_batch,
    read_publication,
    remove_store,
)
from onecdp.warehouse.files import Warehouse, replace_file

# Neither a journal nor syncs: a file that is not complete is thrown away.
_UNSAFE = "pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -65536;"


def write_store(
    warehouse: Warehouse,
    publication: str,
    *,
    before: Path | None,
    of: str | None,
    batch: str | None = None,
    private: Path | None = None,
) -> bool:
    """Brings the store to what is published; returns whether it had to be written.

    Args:
        warehouse: The warehouse; the caller holds its lock.
        publication: The name of what is published.
        before: The marts published before, if they are still there.
        of: The name of what was published before.
        batch: What the build had taken in, as JSON.
        private: The private file, if the batch has tickets.

    Raises:
        OnecdpError: It can't be written, or the marts lack a table. The store stays as it was.
    """
    file = warehouse.online_file
    stored, known = read_publication(file), read_batch(file)
    if stored == publication and batch == known:
        return False
    fresh = _fresh(file)
    tickets = tickets_in(batch)
    changes = ticket_changes(private, tickets, tickets_in(known))
    try:
        if stored == publication:
            _write_batch(file, fresh, batch, changes)
            replace_file(fresh, file)
            return True
        documents = MartsDocuments(
            warehouse.marts_file, before if stored is not None and stored == of else None
        )
        try:
            is_update = documents.is_comparable
            difference = documents.difference()
            if is_update:
                shutil.copyfile(file, fresh)
            else:
                changes = ticket_changes(private, tickets, None)
            _write(fresh, difference, publication, batch, changes, is_update=is_update)
        finally:
            documents.close()
        replace_file(fresh, file)
    except (sqlite3.Error, OSError) as error:
        raise OnecdpError(f"{fresh} can't be written: {error}") from error
    finally:
        fresh.unlink(missing_ok=True)
    return True


def erase_from_store(
    warehouse: Warehouse, identifiers: Collection[tuple[str, str]], one_ints: Sequence[int]
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
    publication = read_publication(file)
    if publication is None:
        # There is none; or it is of another format, and may have the person.
        remove_store(warehouse)
        return
    copy = _fresh(file)
    fresh = copy.with_name(f"{copy.name}2")
    try:
        shutil.copyfile(file, copy)
        with sqlite3.connect(copy) as store:
            store.executescript(_UNSAFE)
            _take_out(store, identifiers, one_ints)
            store.execute("update store set publication = ?", [name_after_erasure(publication)])
            store.commit()
            # A deleted row leaves its bytes in the page.
            store.execute("vacuum into ?", [str(fresh)])
        store.close()
        replace_file(fresh, file)
    except (sqlite3.Error, OSError) as error:
        raise OnecdpError(f"{fresh} can't be written: {error}") from error
    finally:
        copy.unlink(missing_ok=True)
        fresh.unlink(missing_ok=True)


def _take_out(
    store: sqlite3.Connection, identifiers: Collection[tuple[str, str]], one_ints: Sequence[int]
) -> None:
    had = {
        number
        for identifier in identifiers
        for (number,) in store.execute(
            "select one_int from identifiers where id_type = ? and id_value = ?", identifier
        )
    }
    store.executemany(
        "delete from identifiers where id_type = ? and id_value = ?", list(identifiers)
    )
    tickets = {
        ticket_id
        for identifier in identifiers
        for (ticket_id,) in store.execute(
            "select ticket_id from ticket_identifiers where id_type = ? and id_value = ?",
            identifier,
        )
    }
    for ticket_id in tickets:
        _drop_ticket(store, ticket_id)
    numbers = [(number,) for number in {*one_ints, *had}]
    one_ids = [
        (ONE_ID, one_id)
        for number in numbers
        for (one_id,) in store.execute("select one_id from customers where one_int = ?", number)
    ]
    store.executemany("delete from identifiers where id_type = ? and id_value = ?", one_ids)
    store.executemany("delete from customers where one_int = ?", numbers)
    person = BitMap(number for (number,) in numbers)
    audiences = store.execute("select package_id, members, held_out from audiences").fetchall()
    for package_id, *bitmaps in audiences:
        left = [to_bytes(from_bytes(each) - person) for each in bitmaps]
        store.execute(
            "update audiences set members = ?, held_out = ? where package_id = ?",
            [*left, package_id],
        )


def _write_batch(file: Path, fresh: Path, batch: str | None, changes: TicketChanges) -> None:
    """Writes a copy of the store that differs in what the build had taken in."""
    shutil.copyfile(file, fresh)
    store = sqlite3.connect(fresh, isolation_level=None)
    try:
        store.executescript(_UNSAFE)
        store.execute("begin")
        _write_tickets(store, changes)
        store.execute("update store set batch = ?", [batch])
        store.execute("commit")
    finally:
        store.close()


def _write(
    file: Path, difference: Difference, publication: str, batch: str | None,
    changes: TicketChanges, *, is_update: bool,
) -> None:  # fmt: skip
    store = sqlite3.connect(file, isolation_level=None)
    try:
        store.executescript(_UNSAFE)
        if not is_update:
            store.executescript(SCHEMA)
        store.execute("begin")
        store.executemany("delete from customers where one_int = ?", difference.gone)
        store.executemany(
            "insert or replace into customers values (?, ?, ?, ?)", difference.customers
        )
        store.executemany(
            "delete from identifiers where id_type = ? and id_value = ?",
            difference.gone_identifiers,
        )
        store.executemany(
            "insert or replace into identifiers values (?, ?, ?)", difference.identifiers
        )
        store.execute("delete from audiences")
        store.executemany("insert into audiences values (?, ?, ?, ?)", difference.audiences)
        _write_tickets(store, changes)
        store.execute("delete from store")
        store.execute(
            "insert into store values (?, ?, ?, ?)",
            [FORMAT, publication, json.dumps(difference.id_types), batch],
        )
        store.execute("commit")
    finally:
        store.close()


def _write_tickets(store: sqlite3.Connection, changes: TicketChanges) -> None:
    if changes.is_anew:
        store.execute("delete from tickets")
        store.execute("delete from ticket_identifiers")
    for ticket in changes.tickets:
        if not changes.is_anew:
            _drop_ticket(store, ticket.ticket_id)
        store.execute("insert into tickets values (?, ?)", ticket[:2])
        store.executemany(
            "insert or ignore into ticket_identifiers values (?, ?, ?)",
            [(*identifier, ticket.ticket_id) for identifier in ticket.identifiers],
        )


def _drop_ticket(store: sqlite3.Connection, ticket_id: str) -> None:
    for table in ("tickets", "ticket_identifiers"):
        store.execute(f"delete from {table} where ticket_id = ?", [ticket_id])


def _fresh(file: Path) -> Path:
    return file.with_name(f"{file.name}.{os.getpid()}.tmp")
