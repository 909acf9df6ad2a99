"""The SQL reader: what has changed in each table since its stored position."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

import orjson

from ...declaration import TableSpec
from ...landing.arrivals import Arrivals, Chunk, Place, Refused
from ..reader import Context
from .cursor import EARLIEST, Cursor, make_cursor
from .scope import Scope
from .settings import (
    NEEDS_EXTRA,
    SETTING_NAMES,
    Database,
    TableSettings,
    is_configured,
    read_settings,
)

if TYPE_CHECKING:
    import sqlalchemy as sa

    from .remote import RemoteTable


@dataclass(frozen=True)
class Position:
    """Where the next load of a table goes on.

    Attributes:
        cursor: The newest cursor that was read.
        window: A hash of the rows that late commits may still join or change.
        scope: What was read.
    """

    cursor: str
    window: str
    scope: Scope

    def text(self) -> str:
        """As it is stored."""
        return orjson.dumps(
            {"cursor": self.cursor, "window": self.window, **self.scope.document()}
        ).decode()

    @classmethod
    def read(cls, text: str | None) -> Position | None:
        """A stored position; None where there is none."""
        if text is None:
            return None
        found = orjson.loads(text)
        return cls(found["cursor"], found["window"], Scope.read(found))


class Sql:
    """Reads `[sources.<source>.sql]`; a stream per table."""

    name = "sql"
    setting_names = SETTING_NAMES

    def is_configured(self, source: str) -> bool:
        """Whether the settings name a database for the source."""
        return is_configured(source, self.name)

    def arrivals(self, tables: Sequence[TableSpec], context: Context) -> Mapping[str, Arrivals]:
        """Lists a place per table in which something is new, and one of deleted rows."""
        try:
            from .remote import connected, looking_at
        except ImportError:
            raise Refused(NEEDS_EXTRA) from None
        database = read_settings(tables, self.name, ("table", "cursor"))
        found: dict[str, Arrivals] = {}
        with connected(database) as connection:
            for spec in tables:
                if spec.table not in database.tables:
                    continue
                settings = database.tables[spec.table]
                try:
                    with looking_at(connection, database):
                        found[spec.table] = _arrivals(connection, database, spec, settings, context)
                except Refused as refusal:
                    refused = {f"{self.name}/{spec.table}": str(refusal)}
                    found[spec.table] = Arrivals(refused=refused)
        return found


def _arrivals(
    connection: sa.Connection,
    database: Database,
    spec: TableSpec,
    settings: TableSettings,
    context: Context,
) -> Arrivals:
    from .deletions import find_deletions
    from .remote import find_table
    from .window import CursorTable

    stream = f"sql/{spec.table}"
    stored = Position.read(context.loaded.positions.get(stream))
    remote = find_table(connection, database, spec, settings)
    sort = remote.sorts.get(settings.cursor)
    cursor = make_cursor(settings.cursor, sort, settings.lag, settings.table, database.time_zone)
    table = CursorTable(remote, cursor, cursor.latest())
    notices = []
    if not table.is_indexed(connection):
        slow = f"has no index on {cursor.remote}: each run scans it as a whole"
        notices.append(f"{settings.table} {slow}")
    end = table.newest(connection)
    if end is None and table.has_rows(connection):
        end = EARLIEST.isoformat(" ") if cursor.is_time else "0"
    scope = Scope.of(remote, connection.engine.url.database, cursor.remote)
    lower, told = _lower(scope, settings.table, cursor, stored)
    notices += told
    places: list[Place] = []
    deletions = find_deletions(remote, spec, settings, context, now())
    if end is not None:
        # A hash of what late commits may join, taken before the rows are read: what is committed
        # in between is read again.
        try:
            recent = table.window(cursor.before_lag(end), end)
        except ValueError:
            raise Refused(f"{settings.table}: its largest {cursor.remote} is {end}") from None
        window = table.digest(connection, recent)
        position = Position(end, window, scope)
        if position != stored or deletions.returned:
            name = f"{stream}/{end.replace(' ', 'T')}/{now()}"
            where = table.window(lower, end)
            if deletions.returned:
                where = f"{where} or {deletions.returned}"
            chunks = partial(_chunks, remote, where, position.text())
            places.append(Place(name, name, chunks, stream=stream, repeats=True))
    if deletions.place:
        places.append(deletions.place)
    shown = {(places[0].name if places else stream): "; ".join(notices)} if notices else {}
    return Arrivals(places, idle=int(not places), notices=shown)


def _lower(
    scope: Scope, table: str, cursor: Cursor, stored: Position | None
) -> tuple[str | None, list[str]]:
    """From where to read, None for all, and what to tell of a table that has changed."""
    if stored is None:
        return None, []
    if news := scope.news_since(stored.scope):
        return None, [f"{table} {news}: it is read as a whole"]
    gone = scope.gone_since(stored.scope)
    told = [f"{table} {gone}"] if gone else []
    try:
        return cursor.before_lag(stored.cursor), told
    except ValueError:
        changed = f"{cursor.remote} of {table} has another type: the table is read as a whole"
        return None, [*told, changed]


def _chunks(remote: RemoteTable, where: str, position: str) -> Iterator[Chunk]:
    line = 1
    for rows in remote.rows(where):
        yield Chunk(remote.header.chunk_table(rows, line))
        line += rows.num_rows
    yield replace(Chunk(remote.header.empty()), position=position)


def now() -> str:
    """The time in UTC, for the name of a place."""
    return f"{dt.datetime.now(dt.UTC):%Y%m%dT%H%M%S.%fZ}"
