"""The raw tables as SQL: their columns, and which of them decide whether rows are the same."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from onecdp.warehouse.sql_text import literal, quoted

from .declaration import Kind, TableSpec

SQL_TYPES = {
    Kind.TEXT: "varchar",
    Kind.CODE: "varchar",
    Kind.EMAIL_HASH: "varchar",
    Kind.PHONE_HASH: "varchar",
    Kind.INTEGER: "bigint",
    Kind.MONEY: "decimal(18,4)",
    Kind.TIMESTAMP: "timestamp",
    Kind.DATE: "date",
    Kind.BOOLEAN: "boolean",
    Kind.SCORE: "double",
}
QUARANTINE = {
    "quarantine_id": "varchar",
    "file": "varchar",
    "fingerprint": "varchar",
    "line": "bigint",
    "reason": "varchar",
    "payload": "varchar",
    "quarantined_at": "timestamptz",
}
WARNINGS = {
    "warning_id": "varchar",
    "file": "varchar",
    "fingerprint": "varchar",
    "line": "bigint",
    "column_name": "varchar",
    "value": "varchar",
    "reason": "varchar",
    "warned_at": "timestamptz",
}
SUPERSEDED = {
    "superseded_id": "varchar",
    "file": "varchar",
    "fingerprint": "varchar",
    "line": "bigint",
    "by_file": "varchar",
    "by_line": "bigint",
    "superseded_at": "timestamptz",
}
LOADS = {
    "file": "varchar",
    "fingerprint": "varchar",
    "rows_read": "bigint",
    "rows_loaded": "bigint",
    "rows_quarantined": "bigint",
    "rows_duplicate": "bigint",
    "rows_superseded": "bigint",
    "rows_withdrawn": "bigint",
    "rows_erased": "bigint",
    "has_ambiguous_dates": "boolean",
    "content": "varchar",
    "stream": "varchar",
    "position": "varchar",
    "columns": "varchar",
    "own_names": "varchar",
    "loaded_at": "timestamptz",
}
PLAIN_IDENTIFIERS = {
    "id_type": "varchar",
    "id_value": "varchar",
    "plain_value": "varchar",
    "first_loaded_at": "timestamptz",
    "last_loaded_at": "timestamptz",
}
"""Of `plain_identifiers`, which is there only if the setting `store_plain_pii` was used."""

TABLE_NAME = {"table_name": "varchar"}
"""One more column of each, in a source of several tables: which of them it is about."""

COUNTED = {"line_number", "is_withdrawn"}
"""Columns that onecdp adds to COUNTED_LINES tables; in other tables a file may have them."""

COLUMN_SOURCES = "_column_sources"
"""Which columns of a row with a key other rows state; JSON, see `landing/merging.py`."""

ROW_HASH = "_row_hash"
"""A column of earlier warehouses, which nothing reads any more: the md5 of a row's content."""

PLACE = "{0}.name || coalesce('#' || {1}._part, '')"
"""The `_file` of a row, out of its place and the part of it, such as `book.xlsx#Sheet`."""

# The other way round.
FILE_OF = r"regexp_replace({0}, '(\.xlsx(\.gz)?)#.*$', '\1', 'i')"


def columns_sql(spec: TableSpec) -> str:
    """The columns of the raw table as DuckDB types, without those dlt adds."""
    columns = [f"{quoted(column.name)} {SQL_TYPES[column.kind]}" for column in spec.columns]
    if spec.group is not None:
        columns += ["line_number bigint", "is_withdrawn boolean"]
    else:
        columns.append(f"{COLUMN_SOURCES} varchar")
    columns += ["_file varchar", "_line bigint", "_loaded_at timestamptz"]
    return ", ".join(columns)


def undeclared_columns(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, relation: str
) -> tuple[str, ...]:
    """The columns of a relation, such as a raw table, that files brought and nobody declared."""
    ours = {column.name for column in spec.columns} | (COUNTED if spec.group else set())
    found = (str(row[0]) for row in connection.execute(f"describe {relation}").fetchall())
    return tuple(name for name in found if name not in ours and not name.startswith("_"))


def compared_columns(spec: TableSpec, present: Iterable[str]) -> list[str]:
    """The columns that decide whether two rows are the same: declared ones and identifiers.

    Args:
        spec: The table.
        present: The columns of the rows; declared ones are taken for present.
    """
    declared = [column.name for column in spec.columns]
    identifiers = {name for i in spec.identifiers for name in (i.column, i.type_column)}
    return [*declared, *sorted(identifiers.intersection(present) - set(declared))]


def content_hash(spec: TableSpec, present: Iterable[str]) -> str:
    """SQL for the md5 of what decides whether a row is the same, of the columns in `present`.

    Nulls are skipped and each value is hashed with its column's name, so adding a column does not
    change the hash of rows without it.
    """
    return hash_of(spec, compared_columns(spec, present))


def hash_of(spec: TableSpec, names: Iterable[str]) -> str:
    """SQL for the md5 of some columns of a row."""
    canonical = {Kind.TIMESTAMP: "epoch_us({0})"}
    parts = []
    for name in names:
        kind = spec.kind_of(name)
        value = f"{canonical.get(kind, '{0}').format(quoted(name))}::varchar"
        parts.append(f"{literal(name + ':')} || length({value}) || ':' || {value} || ';'")
    return f"md5(concat({', '.join(parts)}))"
