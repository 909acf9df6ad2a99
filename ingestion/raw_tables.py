"""The raw tables as SQL: their columns, and the hash of a row's content."""

from __future__ import annotations

from collections.abc import Iterable

from onecdp.warehouse.sql_text import literal, quoted

from .declaration import Kind, TableSpec

SQL_TYPES = {
    Kind.TEXT: "varchar",
    Kind.CODE: "varchar",
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
    "is_other_file": "boolean",
    "has_ambiguous_dates": "boolean",
    "loaded_at": "timestamptz",
}
TABLE_NAME = {"table_name": "varchar"}
"""One more column of all three, in a source of several tables: which of them it is about."""

COUNTED = {"line_number", "is_withdrawn"}
"""Columns that onecdp adds to COUNTED_LINES tables; in other tables a file may have them."""

# A row of a sheet is kept under `book.xlsx#Sheet`; the file is the part before.
FILE_OF = r"regexp_replace({0}, '(\.xlsx(\.gz)?)#.*$', '\1', 'i')"


def columns_sql(spec: TableSpec) -> str:
    """The columns of the raw table as DuckDB types, without those dlt adds."""
    columns = [f"{quoted(column.name)} {SQL_TYPES[column.kind]}" for column in spec.columns]
    if spec.group is not None:
        columns += ["line_number bigint", "is_withdrawn boolean"]
    columns += ["_file varchar", "_line bigint", "_row_hash varchar", "_loaded_at timestamptz"]
    return ", ".join(columns)


def content_hash(spec: TableSpec, extras: Iterable[str]) -> str:
    """SQL for the md5 of a row's typed content.

    Nulls are skipped and each value is hashed with its column's name, so adding a column does not
    change the hash of rows without it.
    """
    canonical = {Kind.TIMESTAMP: "epoch_us({0})"}
    parts = []
    for name in [*(column.name for column in spec.columns), *sorted(extras)]:
        kind = spec.kind_of(name)
        value = f"{canonical.get(kind, '{0}').format(quoted(name))}::varchar"
        parts.append(f"{literal(name + ':')} || length({value}) || ':' || {value} || ';'")
    return f"md5(concat({', '.join(parts)}))"
