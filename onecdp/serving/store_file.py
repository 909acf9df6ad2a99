"""The files of the online store: two SQLite databases, which are never written in place.

The base has all customers as they were when it was written; the other file has those who changed
since, so that a publication writes what it changed, and not a copy of everybody.

Tables of the base:

    customers    one_int → one_id, the profile and the identity as JSON documents
    identifiers  (id_type, id_value) → one_int; active ones, and `one_id` as a type of its own
    base         one row: how many customers it has

Tables of `online.sqlite`, which names its base:

    store        one row: its format, the publication that it belongs to, the types of identifiers,
                 what the build had taken in, as JSON, and the name of the base's file
    customers    those of the base's who are others now; without one_id, who is no more
    identifiers  likewise; with `NOBODY` as one_int, what is nobody's any more
    tickets      ticket_id → what is known of a ticket of support, as JSON; only if a live feature
                 asks for tickets
    ticket_identifiers
                 (id_type, id_value) → the tickets of which it is an identifier
    audiences    package_id → its summary as JSON, its members, and those of
                 them who are held out, as Roaring bitmaps of one_int

Writers make other files and rename them, `online.sqlite` last. So readers may open both with
`immutable=1`, which spares them all locks, and files that they have open stay as they are.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from secrets import token_hex
from typing import Any

from onecdp.warehouse.files import Warehouse, remove_leftovers

FORMAT = 3
TABLES = ("customer_profiles", "id_map", "audience_packages", "audience_package_summary")
"""The marts that the store is made of."""
BESIDE = ("audience_bitmaps", "audience_numbers", "customer_consents")
"""Marts that are read beside the store: it is another publication when they are others."""
_BASE = ".base-"
HELD_OUT, TREATMENT = "hold_out", "treatment"
"""The arms of an audience: who is held out is not to be reached."""
NO_STORE = (
    "isn't there; set online_store = true below [serving] in .dlt/config.toml, then run"
    " `onecdp publish`"
)
"""What messages say of a missing store."""
NOBODY = -1
"""The one_int of an identifier that the base has, and nobody any more."""
ONE_ID = "one_id"
"""The type under which the identifiers have the one_ids themselves."""

# Neither a journal nor syncs: a file that is not complete is thrown away.
# Nor are deleted rows overwritten: an erasure rewrites the file.
_UNSAFE = (
    "pragma journal_mode = off; pragma synchronous = off; pragma cache_size = -65536;"
    "pragma secure_delete = off;"
)
BASE_SCHEMA = """
create table customers (
    one_int integer primary key, one_id text not null, profile blob not null, identity blob not null
);
create table identifiers (
    id_type text, id_value text, one_int integer not null, primary key (id_type, id_value)
) without rowid;
create table base (customers integer);
"""
SCHEMA = """
create table store (format integer, publication text, id_types text, batch text, base text);
create table customers (
    one_int integer primary key, one_id text, profile blob, identity blob
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


@dataclass(frozen=True)
class Stored:
    """What a store says of itself.

    Attributes:
        publication: The one that it belongs to.
        batch: What its build had taken in, as JSON; None if that isn't known.
        base: The file that it stands on.
    """

    publication: str
    batch: str | None
    base: Path


def read_stored(file: Path) -> Stored | None:
    """Returns what a store says of itself; None if there is none of this format, with its base."""
    if not file.is_file():
        return None
    try:
        with opened(file) as store:
            ((version, publication, _, batch, base),) = store.execute("select * from store")
        stored = Stored(publication, batch, file.with_name(base))
    except (sqlite3.Error, ValueError):
        return None
    return stored if version == FORMAT and stored.base.is_file() else None


@contextmanager
def opened(file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that reads a store."""
    connection = open_store(file)
    try:
        yield connection
    finally:
        connection.close()


def open_store(file: Path) -> sqlite3.Connection:
    """Opens a file for reading; it may be used by any thread, by one at a time."""
    return sqlite3.connect(address(file), uri=True, check_same_thread=False, isolation_level=None)


def address(file: Path) -> str:
    """Returns the URI by which SQLite reads a file that is never written in place."""
    return f"{file.absolute().as_uri()}?mode=ro&immutable=1"


def new_base(file: Path) -> Path:
    """Returns a name for the base of a store that no other base has."""
    return file.with_name(f"{file.name}{_BASE}{token_hex(8)}")


@contextmanager
def writing(
    file: Path, *, schema: str = "", beside: Path | None = None
) -> Iterator[sqlite3.Connection]:
    """A transaction in a file that nobody reads yet, made if it isn't there.

    Args:
        file: The file.
        schema: Statements that create its tables.
        beside: A file that is read as the schema `beside`.
    """
    store = sqlite3.connect(file.absolute().as_uri(), uri=True, isolation_level=None)
    try:
        store.executescript(f"{_UNSAFE}{schema}")
        if beside:
            store.execute("attach ? as beside", [address(beside)])
        store.execute("begin")
        yield store
        store.execute("commit")
    finally:
        store.close()


def fresh_file(file: Path) -> Path:
    """Returns the file beside a store in which what takes its place is written."""
    return file.with_name(f"{file.name}.{os.getpid()}.tmp")


def drop_ticket(store: sqlite3.Connection, ticket_id: str) -> None:
    """Deletes a ticket from a store that is written."""
    for table in ("tickets", "ticket_identifiers"):
        store.execute(f"delete from {table} where ticket_id = ?", [ticket_id])


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
    clean_store(warehouse)


def clean_store(warehouse: Warehouse) -> None:
    """Deletes what killed commands left, and bases of before; the caller holds the lock."""
    file = warehouse.online_file
    remove_leftovers(warehouse.folder, f"{file.name}.*.tmp*")
    stored = read_stored(file)
    for base in warehouse.folder.glob(f"{file.name}{_BASE}*"):
        if stored is None or base != stored.base:
            base.unlink()
