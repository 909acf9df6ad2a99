"""The file of the online store: one SQLite database, which is never written in place.

    store        one row: its format, the publication that it belongs to, the types of identifiers,
                 and what the build had taken in, as JSON
    customers    one_int → one_id, the profile and the identity as JSON documents
    identifiers  (id_type, id_value) → one_int; active ones, and `one_id` as a type of its own
    tickets      ticket_id → what is known of a ticket of support, as JSON; only if a live feature
                 asks for tickets
    ticket_identifiers
                 (id_type, id_value) → the tickets of which it is an identifier
    audiences    package_id → its summary as JSON, its members, and those of
                 them who are held out, as Roaring bitmaps of one_int

Writers make another file and rename it. So readers may open it with `immutable=1`, which spares
them all locks, and a file that they have open stays as it is.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

from onecdp.warehouse.files import Warehouse, remove_leftovers

FORMAT = 2
TABLES = ("customer_profiles", "id_map", "audience_packages", "audience_package_summary")
"""The marts that the store is made of."""
BESIDE = ("audience_bitmaps", "audience_numbers", "customer_consents")
"""Marts that are read beside the store: it is another publication when they are others."""
HELD_OUT, TREATMENT = "hold_out", "treatment"
"""The arms of an audience: who is held out is not to be reached."""
NO_STORE = (
    "isn't there; set online_store = true below [serving] in .dlt/config.toml, then run"
    " `onecdp publish`"
)
"""What messages say of a missing store."""
ONE_ID = "one_id"
"""The type under which the identifiers have the one_ids themselves."""

SCHEMA = """
create table store (format integer, publication text, id_types text, batch text);
create table customers (
    one_int integer primary key, one_id text not null, profile blob not null, identity blob not null
);
create table identifiers (
    id_type text, id_value text, one_int integer not null, primary key (id_type, id_value)
) without rowid;
create table tickets (ticket_id text primary key, document blob not null) without rowid;
create table ticket_identifiers (
    id_type text, id_value text, ticket_id text not null, primary key (id_type, id_value, ticket_id)
) without rowid;
create index tickets_identifiers on ticket_identifiers (ticket_id);
create table audiences (
    package_id text primary key, summary blob not null, members blob not null,
    held_out blob not null
);
"""


def name_publication(digests: Mapping[str, object]) -> str:
    """Returns the name of what is published: equal marts have equal names.

    Args:
        digests: What each published table holds.
    """
    held = [f"{name} {digests.get(name)}" for name in (*TABLES, *BESIDE)]
    return sha256("\n".join([str(FORMAT), *held]).encode()).hexdigest()[:20]


def name_after_erasure(publication: str) -> str:
    """Returns the name of a publication from which somebody was erased; no marts have it."""
    return sha256(f"erased from {publication}".encode()).hexdigest()[:20]


def read_publication(file: Path) -> str | None:
    """Returns which publication a store belongs to; None if there is none of this format."""
    row = _read_row(file)
    return None if row is None else str(row[1])


def read_batch(file: Path) -> str | None:
    """Returns what the build of a store had taken in, as JSON; None if there is none."""
    row = _read_row(file)
    return None if row is None else row[3]


def _read_row(file: Path) -> tuple[Any, ...] | None:
    if not file.is_file():
        return None
    try:
        with opened(file) as store:
            (row,) = store.execute("select * from store").fetchall()
    except (sqlite3.Error, ValueError):
        return None
    return row if row[0] == FORMAT else None


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that reads a store."""
    connection = open_store(file)
    try:
        yield connection
    finally:
        connection.close()


def open_store(file: Path) -> sqlite3.Connection:
    """Opens a store for reading; it may be used by any thread, by one at a time."""
    address = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
    return sqlite3.connect(address, uri=True, check_same_thread=False, isolation_level=None)


def identity(file: Path) -> tuple[int, ...] | None:
    """Returns what changes when another file takes this one's place; None if there is none."""
    try:
        found: Any = os.stat(file)  # noqa: PTH116
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def inode(file: Path) -> tuple[int, ...] | None:
    """Returns what stays while one file is written, and changes when another takes its place."""
    found = identity(file)
    return None if found is None else found[:2]


def remove_store(warehouse: Warehouse) -> None:
    """Deletes a store that nobody keeps any more, which would be outdated and keep the erased."""
    warehouse.online_file.unlink(missing_ok=True)


def clean_store(warehouse: Warehouse) -> None:
    """Deletes what killed commands left; the caller holds the lock."""
    remove_leftovers(warehouse.folder, f"{warehouse.online_file.name}.*.tmp*")
