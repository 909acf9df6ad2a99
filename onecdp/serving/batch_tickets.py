"""Tickets of support as the online store has them: the newest word on each column, and its version.

They are read from the private file while publishing, as they are loaded by then: whether one is
open is said by its own columns, not by what a build made of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import orjson

from onecdp.identity.normalise import identifier_sql, normalise
from onecdp.live.events import Identifier
from onecdp.live.tickets import STATE, TIMES, identifiers_of
from onecdp.warehouse.files import connect
from onecdp.warehouse.sql_text import literal, quoted

_TABLE = "raw_support.tickets"
_SOURCES = "_column_sources"
_ROWS = 20_000


class StoredTicket(NamedTuple):
    """A ticket.

    Attributes:
        ticket_id: Its key.
        document: What is known of it: `onecdp.live.tickets` has the shape.
        identifiers: The requester's.
    """

    ticket_id: str
    document: bytes
    identifiers: tuple[Identifier, ...]


@dataclass(frozen=True)
class TicketsRead:
    """Which tickets a store has.

    Attributes:
        columns: Columns that hold identifiers with their types, the best type first.
        loaded_at: When the last of them was loaded, microseconds since 1970.
        count: How many there are.
    """

    columns: tuple[Identifier, ...]
    loaded_at: int
    count: int


def read_tickets(
    private: duckdb.DuckDBPyConnection, columns: Sequence[Identifier]
) -> TicketsRead | None:
    """Returns which tickets are loaded; None in a project that has no table of them."""
    try:
        ((loaded_at, count),) = private.execute(
            f"select coalesce(max(epoch_us(_loaded_at)), 0), count(*) from {_TABLE}"
        ).fetchall()
    except (duckdb.CatalogException, duckdb.BinderException):
        return None
    return TicketsRead(tuple((column, kind) for column, kind in columns), loaded_at, count)


def stored_tickets(
    private: Path, read: TicketsRead, before: TicketsRead | None
) -> Iterator[StoredTicket]:
    """Yields the tickets that are new or changed since another store was written.

    Args:
        private: The private file.
        read: What is loaded.
        before: What the other store has; None, and all are.
    """
    with connect(private, read_only=True) as connection:
        there = {row[0] for row in connection.execute(f"describe {_TABLE}").fetchall()}
        names = [name for name in (*STATE, *dict(read.columns)) if name in there]
        connection.execute(
            f"select trim(ticket_id), {', '.join(map(_said, names))} from {_TABLE}"
            " where epoch_us(_loaded_at) > ?",
            [-1 if before is None else before.loaded_at],
        )
        while rows := connection.fetchmany(_ROWS):
            for ticket_id, *said in rows:
                columns = zip(names, said[::3], said[1::3], said[2::3], strict=True)
                yield _stored(ticket_id, columns, dict(read.columns))


def loaded_tickets_of(
    private: duckdb.DuckDBPyConnection,
    columns: Iterable[Identifier],
    identifiers: Iterable[Identifier],
) -> set[str]:
    """Returns the ids of the loaded tickets that have one of the identifiers.

    Args:
        private: The private file.
        columns: Columns of tickets that hold identifiers with their types.
        identifiers: In their one spelling.
    """
    held = [*identifiers]
    # Nothing in a project that has no table of them: an erasure must not fail there.
    there = private.execute(
        "select column_name from duckdb_columns() where schema_name || '.' || table_name = $1"
        " and database_name = current_database()",
        [_TABLE],
    ).fetchall()
    found: set[str] = set()
    for column, id_type in columns:
        if (column,) not in there:
            continue
        value = identifier_sql(literal(id_type), quoted(column))
        rows = private.execute(
            f"select trim(ticket_id) from {_TABLE} where list_contains($1, {value})",
            [[value for kind, value in held if kind == id_type]],
        )
        found |= {ticket_id for (ticket_id,) in rows.fetchall()}
    return found


@dataclass(frozen=True)
class TicketChanges:
    """What differs from the tickets of another store.

    Attributes:
        tickets: Those that are new or changed.
        is_anew: Whether they are all that are, and others must go.
    """

    tickets: Iterable[StoredTicket] = ()
    is_anew: bool = False


def ticket_changes(
    private: Path | None, read: TicketsRead | None, before: TicketsRead | None
) -> TicketChanges:
    """Returns how a store gets its tickets.

    Args:
        private: The private file; None without tickets.
        read: What is loaded; None if nobody asks for tickets.
        before: What the store has.
    """
    if read is None or private is None:
        return TicketChanges(is_anew=True)
    if before is None or before.columns != read.columns or before.count > read.count:
        return TicketChanges(stored_tickets(private, read, None), is_anew=True)
    if before == read:
        return TicketChanges()
    return TicketChanges(stored_tickets(private, read, before))


def _said(name: str) -> str:
    """SQL for what is known of a column: whether any row states it, the version, and the value.

    As `_old` in `ingestion/landing/choosing.py` reads it, which is the project's and can't be
    imported here; `test_live_tickets_loaded.py` compares the two.
    """
    column, path = quoted(name), literal(f'$."{name}"')
    # A column that another row than the ticket's newest has states its version here.
    told, version = f"json_type({_SOURCES}, {path})", literal(f'$."{name}"[0]')
    return (
        f"case when {_SOURCES} is null then {column} is not null"
        f" else {told} is distinct from 'NULL' end,"
        f" case when {told} is not distinct from 'ARRAY'"
        f" then json_extract_string({_SOURCES}, {version})::bigint else epoch_us(updated_at) end,"
        f" {f'epoch_us({column})' if name in TIMES else column}"
    )


def _stored(
    ticket_id: str, columns: Iterable[tuple[str, bool, int | None, Any]], types: Mapping[str, str]
) -> StoredTicket:
    said: dict[str, tuple[int | None, Any]] = {}
    for name, is_stated, version, value in columns:
        if is_stated:
            if name in types:
                value = normalise(types[name], value or "") or None
            elif name == "status":
                value = (value or "").strip().lower() or None
            said[name] = (version, value)
    values = {name: value for name, (_, value) in said.items()}
    return StoredTicket(ticket_id, orjson.dumps(said), identifiers_of(values, types.items()))
