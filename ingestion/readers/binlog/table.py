"""One table that is read from the binary log."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from ...declaration import TableSpec
from ...landing.arrivals import LINE, Arrivals, Chunk, Place, Refused
from ..header import CHUNK_ROWS
from ..reader import Context
from ..sql.columns import deletion
from ..sql.reader import now
from ..sql.remote import RemoteTable, find_table, statement
from ..sql.scope import Scope
from ..sql.settings import Database
from .log import Changes, Position, Stored
from .rows import as_text, is_known, padded, read_by_keys

_OFTEN_ENOUGH = 16 << 20
"""Bytes of the log that are read again at most because nothing in them was of a table."""


@dataclass
class Table:
    """A table, what is known of it, and what has changed in it.

    Attributes:
        spec: The raw table.
        remote: The table there.
        remote_name: Its schema and name, as the log has them.
        scope: What is read of it.
        stored: Where the next load goes on; None before the first one.
        context: Of the load.
        changes: What the log says; None where the table must be read as a whole.
        notice: Why it is read as a whole, where the user should know.
        gap: Why its changes can't be told.
    """

    spec: TableSpec
    remote: RemoteTable
    remote_name: tuple[str, str]
    scope: Scope
    stored: Stored | None
    context: Context
    changes: Changes | None = None
    notice: str | None = None
    gap: str | None = None

    @property
    def stream(self) -> str:
        """The name of its stream."""
        return f"binlog/{self.spec.table}"

    @property
    def key(self) -> list[str]:
        """Our names of the columns by which its rows are read."""
        return [self.spec.group] if self.spec.group else list(self.spec.key)

    @property
    def key_types(self) -> list[Any]:
        """The types of these columns there."""
        return [self.remote.types[one.remote] for one in self.remote.header.remote_of(self.key)]

    def goes_on(self, server: str, end: Position) -> bool:
        """Whether the log tells its changes; sets `changes`, or `notice` or `gap`."""
        if self.stored is None:
            return False
        if self.stored.server != server:
            self.gap = "the server is another one than before"
        elif self.stored.position > end:
            self.gap = "the server's log begins anew"
        elif news := self.scope.news_since(self.stored.scope):
            self.notice = f"{news}: it is read as a whole"
        else:
            key = [column.remote for column in self.remote.header.remote_of(self.key)]
            self.changes = Changes(self.stored.position, key)
            return True
        return False

    def arrivals(self, server: str, end: Position | None) -> Arrivals:
        """Lists the place of what is new, if anything is.

        Args:
            server: The identity of the server.
            end: The end of its log; None where it has none.
        """
        if self.gap and not self.remote.database.takes_snapshot:
            advice = 'to read the table as a whole where the log has a gap, set on_gap = "snapshot"'
            return Arrivals(refused={self.stream: f"{self.gap}; {advice}"})
        position = Stored(server, end, self.scope) if end else None
        changes = None if self.gap else self.changes
        if changes is None or changes.is_whole:
            if changes is not None:
                self.notice = f"{changes.is_whole}: it is read as a whole"
            if self.gap:
                self.notice = f"is read as a whole: {self.gap}"
            name = f"{self.stream}/{end or 'no-log'}/{now()}"
            chunks = partial(self._snapshot, position.text() if position else None)
            place = Place(name, name, chunks, stream=self.stream, repeats=True)
            told = {name: f"{self.remote.table} {self.notice}"} if self.notice else {}
            return Arrivals([place], notices=told)
        if position is None or self.stored is None:
            raise AssertionError("changes are known without a position")
        before = self.stored.position
        has_moved = position.position.file != before.file or (
            position.position.byte - before.byte > _OFTEN_ENOUGH
        )
        if not (changes.keys or has_moved):
            return Arrivals(idle=1)
        name = f"{self.stream}/{before}-{position.position}"
        keys = sorted(padded(changes.keys, self.key_types), key=repr)
        gone = self.scope.gone_since(self.stored.scope)
        told = {name: f"{self.remote.table} {gone}"} if gone else {}
        chunks = partial(self._changed, keys, position.text())
        place = Place(name, name, chunks, stream=self.stream, repeats=True)
        return Arrivals([place], notices=told)

    def _snapshot(self, position: str | None) -> Iterator[Chunk]:
        """Yields all rows, then what was deleted of those that an earlier load brought."""
        keys = []
        places = [self.remote.header.names.index(name) for name in self.key]
        line = 1
        for rows in self.remote.read(self.remote.header.columns):
            yield Chunk(self.remote.header.chunk_table(rows, line))
            line += rows.num_rows
            keys.append(rows.select(places).rename_columns(self.key))
        if not self.spec.group:
            compared = self.context.compare_keys(self.spec, keys, f"{self.stream}/")
            yield from self._deleted(compared.gone, line)
        yield replace(Chunk(self.remote.header.empty()), position=position)

    def _changed(self, keys: list[tuple[object, ...]], position: str) -> Iterator[Chunk]:
        line = 1
        without_row: list[tuple[str | None, ...]] = []
        for rows, gone in read_by_keys(self.remote, self.key, keys):
            yield Chunk(self.remote.header.chunk_table(rows, line))
            line += rows.num_rows
            without_row += map(as_text, gone)
        if without_row and self.spec.group:
            # A document states its lines; that it has none any more can't be stated.
            what = f"{len(without_row):,} of {self.spec.group} have no row any more: "
            what += f"{self.spec.table} keeps those that it has"
            yield Chunk(self.remote.header.empty(), notice=what)
        elif without_row:
            columns = [pa.array(values, pa.string()) for values in zip(*without_row, strict=True)]
            written = pa.table(columns, self.key)
            compared = self.context.compare_keys(self.spec, [written], among=True)
            yield from self._deleted(compared.gone, line)
        yield replace(Chunk(self.remote.header.empty()), position=position)

    def _deleted(self, gone: pa.Table, line: int) -> Iterator[Chunk]:
        """Yields a row per deleted key, where the table has a column that tells it."""
        if not gone.num_rows:
            return
        told = deletion(self.spec)
        if told is None:
            what = f"{gone.num_rows:,} rows were deleted; {self.spec.table} keeps them"
            yield Chunk(self.remote.header.empty(), notice=what)
            return
        marks = pa.repeat(pa.scalar(told[1]), gone.num_rows)
        lines = pa.array(range(line, line + gone.num_rows), pa.int64())
        rows = gone.append_column(told[0], marks).append_column(LINE, lines)
        for start in range(0, rows.num_rows, CHUNK_ROWS):
            yield Chunk(rows.slice(start, CHUNK_ROWS))


def look_at(
    connection: sa.Connection, database: Database, spec: TableSpec, context: Context
) -> Table:
    """Finds a table and what is stored of it.

    Raises:
        Refused: It isn't there, lacks a column, or the binary log does not tell its changes.
    """
    remote = find_table(connection, database, spec, database.tables[spec.table])
    if not remote.dialect.is_mysql:
        raise Refused("only MySQL and MariaDB have a binary log; use the reader sql")
    if remote.table in sa.inspect(connection).get_view_names(remote.schema):
        raise Refused(f"{remote.table} is a view, which has no changes in the log; name its table")
    schema = remote.schema or connection.engine.url.database or ""
    where = (schema, remote.table)
    if connection.execute(statement("select @@lower_case_table_names")).scalar() == 1:
        where = (schema.lower(), remote.table.lower())
    stored = Stored.read(context.loaded.positions.get(f"binlog/{spec.table}"))
    scope = Scope.of(remote, connection.engine.url.database)
    table = Table(spec, remote, where, scope, stored, context)
    for kind in table.key_types:
        if not is_known(kind):
            raise Refused(f"a key of type {kind} can't be read from the log; use the reader sql")
    return table
