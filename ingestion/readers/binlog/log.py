"""The binary log: its position, its gaps, and the keys that changed between two positions."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import orjson
import pymysql
import sqlalchemy as sa
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.constants.NONE_SOURCE import COLS_BITMAP
from pymysqlreplication.event import ExecuteLoadQueryEvent, QueryEvent
from pymysqlreplication.row_event import DeleteRowsEvent, UpdateRowsEvent, WriteRowsEvent

from ...landing.arrivals import Refused
from ..sql.remote import statement
from ..sql.scope import Scope
from .statements import Statements

Key = tuple[Any, ...]
MOST_KEYS = 500_000
"""Of one table; to read more rows by their keys takes longer than to read them all."""
_PURGED = 1236
_UNTIL_VISIBLE = 1.0
_ROWS = (WriteRowsEvent, UpdateRowsEvent, DeleteRowsEvent)
_NOT_ALLOWED = (1044, 1045, 1227)


class Gap(Exception):
    """What changed since a position can't be told; the message says why, and what to do."""


@dataclass(frozen=True, order=True)
class Position:
    """A place in the log of one server: the number of the file, its name and the byte in it."""

    number: int
    file: str
    byte: int

    @classmethod
    def of(cls, file: str, byte: int) -> Position:
        """A position by the file's name, such as `bin.000003`."""
        return cls(int(file.rpartition(".")[2]), file, byte)

    def __str__(self) -> str:
        """As places are named."""
        return f"{self.file}:{self.byte}"


@dataclass(frozen=True)
class Stored:
    """Where the next load of a table goes on: the server, the position and what was read."""

    server: str
    position: Position
    scope: Scope

    def text(self) -> str:
        """As it is stored."""
        return orjson.dumps(
            {
                "server": self.server,
                "file": self.position.file,
                "byte": self.position.byte,
                **self.scope.document(),
            }
        ).decode()

    @classmethod
    def read(cls, text: str | None) -> Stored | None:
        """A stored position; None where there is none."""
        if text is None:
            return None
        found = orjson.loads(text)
        position = Position.of(found["file"], found["byte"])
        return cls(found["server"], position, Scope.read(found))


@dataclass
class Changes:
    """What the log says of one table.

    Attributes:
        since: Where to begin.
        key: The key's columns there.
        keys: The keys of rows that were inserted, updated or deleted.
        is_whole: Whether the table must be read as a whole instead, and why first.
    """

    since: Position
    key: Sequence[str]
    keys: set[Key] = field(default_factory=set)
    is_whole: str | None = None

    def counts(self, at: Position) -> bool:
        """Whether what ends at a position says something of the table that is not known yet."""
        return at > self.since and not self.is_whole

    def mark_whole(self, why: str) -> None:
        """Has the table read as a whole, which needs no keys."""
        self.is_whole = self.is_whole or why
        self.keys.clear()


def current(connection: sa.Connection) -> tuple[str, Position]:
    """The server, by an identity that a failover changes, and the end of its log.

    Raises:
        Gap: The server writes no log, or not what is needed.
        Refused: The user may not read it.
    """
    found = connection.execute(
        statement(
            "show global variables where variable_name in ('log_bin', 'binlog_format', "
            "'binlog_row_image', 'binlog_row_metadata', 'server_id', 'server_uuid', 'server_uid')"
        )
    )
    variables = {str(name): str(value) for name, value in found}
    if variables.get("log_bin", "").upper() not in ("ON", "1"):
        raise Gap("the server writes no binary log: start it with log_bin")
    for name, wanted in (
        ("binlog_format", "ROW"), ("binlog_row_image", "FULL"), ("binlog_row_metadata", "FULL")
    ):  # fmt: skip
        if (value := variables.get(name, "unknown").upper()) != wanted:
            raise Gap(f"the server's {name} is {value}: set it to {wanted}")
    try:
        file, byte = _end(connection)
    except sa.exc.DatabaseError as error:
        if getattr(error.orig, "args", (0,))[0] not in _NOT_ALLOWED:
            raise
        raise Refused(
            "the user may not read the log: grant replication slave and replication client "
            "(binlog monitor in MariaDB) on *.*"
        ) from None
    names = ("server_id", "server_uuid", "server_uid")
    server = "/".join(variables[name] for name in names if name in variables)
    return server, Position.of(file, byte)


def _end(connection: sa.Connection) -> tuple[str, int]:
    """The file and the byte up to which the transactions of the log are visible to others.

    A transaction is in the log shortly before its rows are visible. MariaDB tells the position of
    a snapshot; of MySQL, transactions at the end of the log get a second.

    Raises:
        Gap: There is no log.
    """
    if getattr(connection.dialect, "is_mariadb", False):
        connection.rollback()
        connection.execute(statement("start transaction with consistent snapshot"))
        found = connection.execute(statement("show status like 'binlog_snapshot_%'"))
        snapshot = {str(name).lower(): str(value) for name, value in found}
        connection.rollback()
        file = snapshot.get("binlog_snapshot_file", "")
        if file.rpartition(".")[2].isdecimal():
            return file, int(snapshot["binlog_snapshot_position"])
    try:
        row = connection.execute(statement("show binary log status")).fetchone()
    except sa.exc.ProgrammingError:
        row = connection.execute(statement("show master status")).fetchone()
    if row is None:
        raise Gap("the server writes no binary log: start it with log_bin")
    time.sleep(_UNTIL_VISIBLE)
    return str(row[0]), int(row[1])


def read_changes(
    connection: sa.Connection, changes: Mapping[tuple[str, str], Changes], end: Position
) -> None:
    """Reads the log up to a position, into the changes of each table (schema and name).

    Raises:
        Gap: The server has deleted the file to begin with.
    """
    begin = min(one.since for one in changes.values())
    _, options = connection.dialect.create_connect_args(connection.engine.url)
    stream = BinLogStreamReader(
        connection_settings=options,
        # Each reader of a server needs one of its own.
        server_id=random.randrange(1 << 31, 1 << 32),
        log_file=begin.file,
        log_pos=begin.byte,
        resume_stream=True,
        only_events=[*_ROWS, QueryEvent, ExecuteLoadQueryEvent],
        only_schemas=sorted({schema for schema, _ in changes}),
        only_tables=sorted({table for _, table in changes}),
        enable_logging=False,
        pymysql_wrapper=_connect_twice(),
    )
    statements = Statements(changes)
    try:
        while (event := _decoded(stream.fetchone)) is not None:
            at = Position.of(stream.log_file, stream.log_pos)
            if not isinstance(event, _ROWS):
                statements.note(event, at)
            elif (one := changes.get((event.schema, event.table))) and one.counts(at):
                _note_rows(_decoded(partial(getattr, event, "rows")), one)
            if at >= end:
                break
    except pymysql.err.MySQLError as error:
        if error.args and error.args[0] == _PURGED:
            raise Gap(
                f"the server has deleted its log {begin.file}: keep it longer "
                "(binlog_expire_logs_seconds), or load more often"
            ) from None
        raise
    except _Undecodable as error:
        for one in changes.values():
            one.mark_whole(f"has a log that can't be decoded ({error})")
    finally:
        stream.close()


class _Undecodable(Exception):
    """The client does not know all that servers write: bytes that are no text, compressed columns.

    The message is the type of its error.
    """


def _decoded(read: Callable[[], Any]) -> Any:
    """What the client reads of the log; the server's errors pass."""
    try:
        return read()
    except pymysql.err.MySQLError:
        raise
    except Exception as error:
        raise _Undecodable(type(error).__name__) from error


def _note_rows(rows: Sequence[Mapping[str, Any]], changes: Changes) -> None:
    for row in rows:
        for image in ("", "before_", "after_"):
            if (values := row.get(f"{image}values")) is None:
                continue
            missing = row[f"{image}none_sources"]
            if any(n not in values or missing.get(n) == COLS_BITMAP for n in changes.key):
                changes.mark_whole("has other columns than its log")
                return
            changes.keys.add(tuple(values[name] for name in changes.key))
    if len(changes.keys) > MOST_KEYS:
        changes.mark_whole(f"has more than {MOST_KEYS:,} changed rows")


def _connect_twice() -> Any:
    """Connects for the stream and for its questions, but not again where the server went away.

    A stream that goes on in the midst of a transaction might not know its tables any more.
    """
    left = [pymysql.connect, pymysql.connect]

    def connect(**options: Any) -> Any:
        if not left:
            raise pymysql.err.OperationalError(2013, "the connection was lost")
        return left.pop()(**options)

    return connect
