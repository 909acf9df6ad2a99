"""The user's table: made on first use, checked at each delivery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from sqlalchemy import types
from sqlalchemy.types import TypeEngine

from onecdp.destinations.databases.dialects import Dialect
from onecdp.destinations.protocol import Delivery
from onecdp.errors import OnecdpError

_WITHOUT_TRANSACTIONS = ("MyISAM", "Aria", "MEMORY", "CSV", "ARCHIVE")


@dataclass(frozen=True)
class Target:
    """A table of the user.

    Attributes:
        name: As in the settings, with its schema if it has one.
        is_new: Whether it was made just now.
        types: Types of its columns that may round our numbers and times without a word.
    """

    name: str
    is_new: bool
    types: Mapping[str, TypeEngine[Any]]


def ready_table(
    connection: sa.Connection, dialect: Dialect, name: str, delivery: Delivery
) -> Target:
    """Makes the table, or adds columns that it lacks, and checks that it can be upserted.

    Args:
        connection: To its server; the caller commits.
        dialect: Of the server.
        name: As in the settings.
        delivery: With the columns and the key.

    Raises:
        OnecdpError: It has no unique key that the rows could be told apart by, or no transactions.
        sqlalchemy.exc.DBAPIError: The server refused.
    """
    schema, _, table = name.rpartition(".")
    # Of a connection: of an engine, it would connect for each question.
    inspector = sa.inspect(connection)
    if not inspector.has_table(table, schema=schema or None):
        _create(connection, dialect, name, delivery)
        return Target(name, True, {})
    if dialect.has_storage_engines:
        options = inspector.get_table_options(table, schema=schema or None)
        kind = next((v for k, v in options.items() if k.endswith("_engine")), "InnoDB")
        if kind in _WITHOUT_TRANSACTIONS:
            raise OnecdpError(
                f"{name} is a table of {kind}, where a delivery that stops half-way can't be"
                f" undone; alter table {_quoted(dialect, name)} engine=InnoDB"
            )
    found = {c["name"]: c["type"] for c in inspector.get_columns(table, schema=schema or None)}
    _add_missing(connection, dialect, name, delivery, found)
    key = set(delivery.selection.key)
    unique: list[Any] = [
        inspector.get_pk_constraint(table, schema=schema or None)["constrained_columns"],
        *(
            index["column_names"]
            for index in inspector.get_indexes(table, schema=schema or None)
            if index["unique"]
        ),
    ]
    if key not in [set(columns) for columns in unique]:
        columns = ", ".join(map(dialect.quoted, delivery.selection.key))
        raise OnecdpError(
            f"{name} has no unique key on ({columns}), by which rows are found;"
            f" alter table {_quoted(dialect, name)} add unique ({columns})"
        )
    return Target(name, False, _rounding(delivery.schema, found))


def check_digits(target: Target, rows: pa.Table) -> None:
    """Raises if a column would round a value, or cut the time of day off."""
    for name, theirs in target.types.items():
        kept = _as_kept(rows[name], theirs)
        if pc.any(pc.not_equal(kept, rows[name])).as_py():
            kind = str(theirs).partition(" COLLATE")[0]
            raise OnecdpError(
                f"column {name} of {target.name} is {kind}, which would round values; widen it"
            )


def _as_kept(values: pa.ChunkedArray, theirs: TypeEngine[Any]) -> pa.ChunkedArray:
    """The values as a column of the type has them after they were written to it."""
    if pa.types.is_timestamp(values.type):
        if isinstance(theirs, types.DateTime):
            return pc.floor_temporal(values, 10 ** (6 - _second_digits(theirs)), "microsecond")
        return pc.floor_temporal(values, unit="day")
    if isinstance(theirs, types.Float):
        width = pa.float64() if isinstance(theirs, types.Double) else pa.float32()
        # Not checked: large integers have no equal there, and the caller compares.
        kept = values.cast(width, safe=False).cast(pa.float64())
        # MySQL's FLOAT(7,2).
        scale = getattr(theirs, "scale", None)
        kept = kept if scale is None else pc.round(kept, scale)
        return kept.cast(values.type, safe=False)
    scale = 0 if isinstance(theirs, types.Integer) else getattr(theirs, "scale", None)
    return values if scale is None or scale >= values.type.scale else pc.round(values, scale)


def _second_digits(theirs: TypeEngine[Any]) -> int:
    # MySQL says `fsp`, and none means none; PostgreSQL says `precision`, and none means 6.
    if hasattr(theirs, "fsp"):
        return int(theirs.fsp or 0)
    precision = getattr(theirs, "precision", None)
    return 6 if precision is None else int(precision)


def _create(connection: sa.Connection, dialect: Dialect, name: str, delivery: Delivery) -> None:
    schema, _, table = name.rpartition(".")
    key = delivery.selection.key
    lengths = delivery.read_lengths()
    columns: list[Any] = [
        sa.Column(
            field.name,
            dialect.column_type(field, lengths.get(field.name, 0), is_key=field.name in key),
            nullable=field.name not in key,
        )
        for field in delivery.schema
    ]
    made = sa.Table(
        table,
        sa.MetaData(),
        *columns,
        # With the order of the key, which need not be that of the columns.
        sa.PrimaryKeyConstraint(*key),
        schema=schema or None,
        # Each name of the dialect reads its own.
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
        mariadb_charset="utf8mb4",
        mariadb_engine="InnoDB",
    )
    if len(key) > 1:
        sa.Index(f"{table}_{key[-1]}", made.c[key[-1]])
    made.create(connection)


def _add_missing(
    connection: sa.Connection,
    dialect: Dialect,
    name: str,
    delivery: Delivery,
    found: Mapping[str, Any],
) -> None:
    missing = [field for field in delivery.schema if field.name not in found]
    if not missing:
        return
    if keys := [field.name for field in missing if field.name in delivery.selection.key]:
        raise OnecdpError(f"{name} has no column {keys[0]}, by which rows are found")
    lengths = delivery.read_lengths()
    for field in missing:
        kind = dialect.column_type(field, lengths.get(field.name, 0), is_key=False)
        statement = (
            f"alter table {_quoted(dialect, name)} add column {dialect.quoted(field.name)}"
            f" {kind.compile(dialect=connection.dialect)}"
        )
        # The drivers take a single % for the place of a value.
        connection.exec_driver_sql(statement.replace("%", "%%"))


def _quoted(dialect: Dialect, name: str) -> str:
    return ".".join(map(dialect.quoted, name.split(".", 1)))


def _rounding(schema: pa.Schema, found: Mapping[str, Any]) -> dict[str, TypeEngine[Any]]:
    kinds = {name: kind for name, kind in found.items() if name in schema.names}
    return {
        name: kind
        for name, kind in kinds.items()
        if (
            pa.types.is_decimal(schema.field(name).type)
            and isinstance(kind, types.Numeric | types.Float | types.Integer)
        )
        or (pa.types.is_integer(schema.field(name).type) and isinstance(kind, types.Float))
        or (
            pa.types.is_timestamp(schema.field(name).type)
            and isinstance(kind, types.DateTime | types.Date)
        )
    }
