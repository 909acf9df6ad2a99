"""The user's table: made on first use, checked at each delivery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from onecdp.destinations.databases.dialects import Dialect
from onecdp.destinations.protocol import Delivery
from onecdp.errors import OnecdpError


@dataclass(frozen=True)
class Target:
    """A table of the user.

    Attributes:
        name: As in the settings, with its schema if it has one.
        is_new: Whether it was made just now.
        scales: Digits after the point that its columns have, of numbers and of seconds, where
            they are fewer than ours.
    """

    name: str
    is_new: bool
    scales: Mapping[str, int]


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
        OnecdpError: It has no unique key that the rows could be told apart by.
        sqlalchemy.exc.DBAPIError: The server refused.
    """
    schema, _, table = name.rpartition(".")
    # Of a connection: of an engine, it would connect for each question.
    inspector = sa.inspect(connection)
    if not inspector.has_table(table, schema=schema or None):
        _create(connection, dialect, name, delivery)
        return Target(name, True, {})
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
    return Target(name, False, _scales(delivery.schema, found))


def check_digits(target: Target, rows: pa.Table) -> None:
    """Raises if a value has more digits after the point than its column, which would round it."""
    for name, scale in target.scales.items():
        values = rows[name]
        if pa.types.is_timestamp(values.type):
            rest = pc.multiply(pc.subsecond(values), 10.0**scale)
            is_cut = pc.any(pc.greater(pc.subtract(rest, pc.floor(rest)), 1e-9))
        else:
            is_cut = pc.any(pc.not_equal(pc.round(values, scale), values))
        if is_cut.as_py():
            raise OnecdpError(
                f"column {name} of {target.name} has {scale} digits after the point, and values"
                " have more; widen it"
            )


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
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
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
        connection.exec_driver_sql(
            f"alter table {_quoted(dialect, name)} add column {dialect.quoted(field.name)}"
            f" {kind.compile(dialect=connection.dialect)}"
        )


def _quoted(dialect: Dialect, name: str) -> str:
    return ".".join(map(dialect.quoted, name.split(".", 1)))


def _scales(schema: pa.Schema, found: Mapping[str, Any]) -> dict[str, int]:
    scales = {}
    for field in schema:
        theirs: Any = found.get(field.name)
        if pa.types.is_decimal(field.type) and isinstance(theirs, sa.types.Numeric):
            scale = getattr(theirs, "scale", None)
            if scale is not None and scale < field.type.scale:
                scales[field.name] = scale
        elif pa.types.is_timestamp(field.type):
            # MySQL says `fsp`, and none means none; PostgreSQL says `precision`, and none means 6.
            if hasattr(theirs, "fsp"):
                scales[field.name] = theirs.fsp or 0
            elif getattr(theirs, "precision", None) is not None:
                scales[field.name] = theirs.precision
    return {name: scale for name, scale in scales.items() if scale < _digits(schema.field(name))}


def _digits(field: pa.Field) -> int:
    return 6 if pa.types.is_timestamp(field.type) else int(field.type.scale)
