"""The SQL of MySQL, MariaDB and PostgreSQL: any column as text, and literals of cursors.

All text is made by the server: a client has no say in what a zero date, a decimal or a time in the
session's zone becomes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

from .columns import RemoteColumn, Sort
from .cursor import Cursor

_VALUE = re.compile(r"-?[0-9]+(\.[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}( [0-9:.]{8,15})?")


def sort_of(kind: Any) -> Sort:
    """What a column of a reflected type holds."""
    if isinstance(kind, mysql.TIMESTAMP):
        return Sort.INSTANT
    if isinstance(kind, mysql.BIT):
        return Sort.BITS
    if isinstance(kind, sa.types._Binary | postgresql.BYTEA):
        return Sort.BYTES
    if isinstance(kind, sa.DateTime):
        return Sort.INSTANT if kind.timezone else Sort.LOCAL_TIME
    if isinstance(kind, sa.Date):
        return Sort.DATE
    if isinstance(kind, sa.Integer | sa.Numeric) and not isinstance(kind, sa.Float):
        return Sort.NUMBER
    return Sort.TEXT


class Dialect:
    """Writes SQL for one server."""

    def __init__(self, engine: sa.Engine) -> None:
        """Takes the dialect of an engine."""
        self.is_mysql = engine.dialect.name in ("mysql", "mariadb")
        self._quote = engine.dialect.identifier_preparer.quote_identifier

    def name(self, *parts: str | None) -> str:
        """A quoted name, with its schema."""
        return ".".join(self._quote(part) for part in parts if part)

    def text(self, column: RemoteColumn, of: str | None = None) -> str:
        """SQL for the text of a column, or of an expression of its type."""
        value = of or self.name(column.remote)
        if not self.is_mysql:
            if column.sort is Sort.BYTES:
                return f"encode({value}, 'hex')"
            if column.sort is Sort.INSTANT:
                value = f"({value} at time zone 'UTC')"
            return f"cast({value} as text)"
        if column.sort is Sort.BYTES:
            return f"lower(hex({value}))"
        if column.sort is Sort.BITS:
            value = f"{value} + 0"
        as_text = "cast({0} as char character set utf8mb4)".format
        if column.sort is not Sort.INSTANT:
            return as_text(value)
        # Whatever zone the session has.
        epoch = f"unix_timestamp({value})"
        time = as_text(f"timestamp'1970-01-01 00:00:00' + interval {epoch} second")
        return f"case when {epoch} = 0 then '0000-00-00 00:00:00' else {time} end"

    def digest(self, texts: Sequence[str]) -> str:
        """SQL for a number that tells sets of rows apart: the sum of hashes of 64 bits.

        The server computes it: a bulk change may have given all rows of a table one cursor.
        """
        row = "concat_ws('|', " + ", ".join(f"coalesce({text}, '')" for text in texts) + ")"
        half = f"left(md5({row}), 16)"
        if self.is_mysql:
            return f"sum(cast(conv({half}, 16, 10) as unsigned))"
        return f"sum(cast(cast('x' || {half} as bit(64)) as bigint))"

    def among(self, columns: Sequence[RemoteColumn], rows: Iterable[Sequence[str]]) -> str:
        """SQL for whether the texts of some columns are those of one of the rows."""
        texts = ", ".join(self.text(column) for column in columns)
        listed = ", ".join(f"({', '.join(map(self._literal_text, row))})" for row in rows)
        return f"({texts}) in ({listed})"

    def _literal_text(self, value: str) -> str:
        # As bytes, which need no quoting.
        if self.is_mysql:
            return f"_utf8mb4 x'{value.encode().hex()}'"
        return f"convert_from(decode('{value.encode().hex()}', 'hex'), 'UTF8')"

    def literal(self, cursor: Cursor, value: str) -> str:
        """SQL for a value of a cursor.

        Raises:
            ValueError: It is neither a time nor a number.
        """
        if not _VALUE.fullmatch(value):
            raise ValueError(value)
        if cursor.sort is Sort.NUMBER:
            return value
        if cursor.sort is Sort.DATE:
            return f"date'{value[:10]}'"
        if cursor.sort is Sort.LOCAL_TIME:
            return f"timestamp'{value}'"
        if not self.is_mysql:
            return f"timestamptz'{value}+00'"
        moment = dt.datetime.fromisoformat(value).replace(tzinfo=dt.UTC)
        micros = (moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)) // dt.timedelta(microseconds=1)
        # A timestamp of MySQL begins with 1970; what is before is below all of them.
        return f"from_unixtime({max(micros, 1) / 1_000_000:.6f})"
