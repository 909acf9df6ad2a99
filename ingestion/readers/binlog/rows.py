"""Reads rows of a table by their keys, and tells which of these have none."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

from ...landing.arrivals import Refused
from ..sql.columns import RemoteColumn
from ..sql.remote import RemoteTable, make_engine, statement
from .log import Key

_AT_ONCE = 2_000
"""Keys in one statement."""


def read_by_keys(
    remote: RemoteTable, names: Sequence[str], keys: Sequence[Key]
) -> Iterator[tuple[pa.Table, list[Key]]]:
    """Yields rows as text, and the keys of each batch that have no row.

    Args:
        remote: The table.
        names: Our names of the key's columns.
        keys: Values of these columns, as the log has them.

    Raises:
        Refused: The database stopped answering.
    """
    columns, key = remote.header.columns, remote.header.remote_of(names)
    places = [remote.header.names.index(column.name) for column in key]
    texts = ", ".join(remote.dialect.text(column) for column in columns)
    engine = make_engine(remote.database)
    try:
        # Each statement by itself, so that it sees what was committed until then.
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for start in range(0, len(keys), _AT_ONCE):
                some = keys[start : start + _AT_ONCE]
                where = _among(remote, key, some)
                query = f"select {texts} from {remote.name} where {where}"
                rows = [tuple(row) for row in connection.execute(statement(query))]
                found = {tuple(row[place] for place in places) for row in rows}
                gone = [one for one in some if as_text(one) not in found]
                arrays = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
                if not rows:
                    arrays = [pa.array([], pa.string()) for _ in columns]
                yield pa.table(arrays, [f"c{no}" for no in range(len(columns))]), gone
    except sa.exc.SQLAlchemyError as error:
        told = remote.database.told(error)
        raise Refused(f"the database stopped answering: {told}") from None
    finally:
        engine.dispose()


def is_known(kind: Any) -> bool:
    """Whether the log and the database have one text for a key of a type.

    Of others, such as UUID or ZEROFILL, the log has what is stored.
    """
    if isinstance(kind, sa.Float | mysql.BIT | mysql.YEAR | mysql.SET):
        return False
    if isinstance(kind, sa.Integer | sa.Numeric):
        return not getattr(kind, "zerofill", False)
    return isinstance(kind, sa.String | sa.types._Binary)


def padded(keys: Collection[Key], kinds: Sequence[Any]) -> list[Key]:
    """Keys as the table has them: the log leaves out zero bytes at the end of BINARY."""
    lengths = [kind.length or 0 if isinstance(kind, sa.BINARY) else 0 for kind in kinds]
    if not any(lengths):
        return list(keys)
    return [
        tuple(
            value.ljust(length, b"\0") if isinstance(value, bytes) else value
            for value, length in zip(key, lengths, strict=True)
        )
        for key in keys
    ]


def as_text(key: Key) -> tuple[str | None, ...]:
    """A key as the database writes it."""
    return tuple(None if value is None else _text(value) for value in key)


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.isoformat(" ") if isinstance(value, dt.datetime) else str(value)


def _among(remote: RemoteTable, columns: Sequence[RemoteColumn], keys: Sequence[Key]) -> str:
    """SQL for whether a row has one of the keys."""
    names = [remote.dialect.name(column.remote) for column in columns]
    whole = [key for key in keys if None not in key]
    tests = []
    if whole:
        listed = ", ".join(f"({', '.join(map(_literal, key))})" for key in whole)
        tests.append(f"({', '.join(names)}) in ({listed})")
    for key in keys:
        if None in key:
            equal = (f"{n} <=> {_literal(v)}" for n, v in zip(names, key, strict=True))
            tests.append(f"({' and '.join(equal)})")
    return " or ".join(tests)


def _literal(value: Any) -> str:
    """SQL for a value; text as bytes, which need no quoting."""
    if value is None:
        return "null"
    if isinstance(value, bytes):
        return f"x'{value.hex()}'"
    if isinstance(value, int | Decimal):
        return _text(value)
    text = _text(value)
    return f"_utf8mb4 x'{text.encode().hex()}'" if text else "''"
