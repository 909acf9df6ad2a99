"""Writes the online store: the base anew, or more changes into a copy of those since the base."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

from onecdp.errors import OnecdpError
from onecdp.serving.batch_state import tickets_in
from onecdp.serving.batch_tickets import TicketChanges, ticket_changes
from onecdp.serving.marts_documents import Difference, MartsDocuments
from onecdp.serving.store_base import fold, forget_changes, has_grown, write_base
from onecdp.serving.store_file import (
    FORMAT,
    NOBODY,
    SCHEMA,
    clean_store,
    drop_ticket,
    fresh_file,
    new_base,
    read_stored,
    writing,
)
from onecdp.warehouse.files import Warehouse, replace_file


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
    stored = read_stored(file)
    known = stored.batch if stored else None
    if stored and (stored.publication, known) == (publication, batch):
        return False
    fresh = fresh_file(file)
    tickets = tickets_in(batch)
    changes = ticket_changes(private, tickets, tickets_in(known))
    try:
        if stored and stored.publication == publication:
            _write_batch(file, fresh, batch, changes)
            replace_file(fresh, file)
            return True
        documents = MartsDocuments(
            warehouse.marts_file, before if stored and stored.publication == of else None
        )
        try:
            difference = documents.difference()
            if stored and documents.is_comparable:
                base, schema = _copy(file, fresh, stored.base), ""
            else:
                base, schema = new_base(file), SCHEMA
                # Of the difference, the audiences are left.
                write_base(base, difference)
                changes = ticket_changes(private, tickets, None)
            with writing(fresh, schema=schema) as store:
                _write_difference(store, difference)
                _write_tickets(store, changes)
                store.execute("delete from store")
                store.execute(
                    "insert into store values (?, ?, ?, ?, ?)",
                    [FORMAT, publication, json.dumps(difference.id_types), batch, base.name],
                )
        finally:
            documents.close()
        replace_file(fresh, file)
    except (sqlite3.Error, OSError) as error:
        raise OnecdpError(f"{fresh} can't be written: {error}") from error
    finally:
        fresh.unlink(missing_ok=True)
        clean_store(warehouse)
    return True


def _copy(file: Path, fresh: Path, base: Path) -> Path:
    """Copies a store's changes; returns their base, which is another one if there are many."""
    shutil.copyfile(file, fresh)
    if not has_grown(file, base):
        return base
    folded = new_base(file)
    fold(file, base, folded)
    with writing(fresh) as store:
        forget_changes(store)
    return folded


def _write_batch(file: Path, fresh: Path, batch: str | None, changes: TicketChanges) -> None:
    """Writes a copy of the store that differs in what the build had taken in."""
    shutil.copyfile(file, fresh)
    with writing(fresh) as store:
        _write_tickets(store, changes)
        store.execute("update store set batch = ?", [batch])


def _write_difference(store: sqlite3.Connection, difference: Difference) -> None:
    store.executemany(
        "insert or replace into customers values (?, null, null, null)", difference.gone
    )
    store.executemany("insert or replace into customers values (?, ?, ?, ?)", difference.customers)
    store.executemany(
        f"insert or replace into identifiers values (?, ?, {NOBODY})", difference.gone_identifiers
    )
    store.executemany("insert or replace into identifiers values (?, ?, ?)", difference.identifiers)
    store.execute("delete from audiences")
    store.executemany("insert into audiences values (?, ?, ?, ?)", difference.audiences)


def _write_tickets(store: sqlite3.Connection, changes: TicketChanges) -> None:
    if changes.is_anew:
        store.execute("delete from tickets")
        store.execute("delete from ticket_identifiers")
    for ticket in changes.tickets:
        if not changes.is_anew:
            drop_ticket(store, ticket.ticket_id)
        store.execute("insert into tickets values (?, ?)", ticket[:2])
        store.executemany(
            "insert or ignore into ticket_identifiers values (?, ?, ?)",
            [(*identifier, ticket.ticket_id) for identifier in ticket.identifiers],
        )
