"""Sources that bring nothing and need nothing: most projects have few of those that ship."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from ..declaration import TableSpec
from ..raw_tables import (
    COLUMN_SOURCES,
    COUNTED,
    LOADS,
    QUARANTINE,
    SUPERSEDED,
    TABLE_NAME,
    WARNINGS,
)

_BESIDE = {"quarantine": QUARANTINE, "warnings": WARNINGS, "superseded": SUPERSEDED, "loads": LOADS}


def complete_sources(tables: Sequence[TableSpec], warehouse: Path) -> frozenset[str]:
    """The sources whose tables are in the warehouse, with all columns that a load would make.

    Args:
        tables: The tables of all sources.
        warehouse: The warehouse's file.
    """
    if not warehouse.exists():
        return frozenset()
    try:
        with duckdb.connect(str(warehouse), read_only=True) as connection:
            found = connection.execute(
                "select schema_name, table_name, column_name from duckdb_columns() "
                "where starts_with(schema_name, 'raw_')"
            ).fetchall()
    except duckdb.Error:
        # The load itself says what is wrong.
        return frozenset()
    held = {(str(schema), str(table), str(column)) for schema, table, column in found}
    names = {spec.source for spec in tables}
    return frozenset(
        name
        for name in names
        if held.issuperset(_columns([spec for spec in tables if spec.source == name]))
    )


def has_pending_load(work: Path) -> bool:
    """Whether dlt's working folder of a source has a load that was interrupted."""
    folders = (
        work / "normalize" / "extracted",
        work / "load" / "new",
        work / "load" / "normalized",
    )
    return any(folder.is_dir() and any(folder.iterdir()) for folder in folders)


def _columns(tables: Sequence[TableSpec]) -> Iterator[tuple[str, str, str]]:
    dataset = tables[0].dataset
    for spec in tables:
        ours = COUNTED if spec.group else {COLUMN_SOURCES}
        for name in (*(c.name for c in spec.columns), *ours, "_file", "_line", "_loaded_at"):
            yield dataset, spec.table, name
    more = TABLE_NAME if len(tables) > 1 else {}
    for table, columns in _BESIDE.items():
        for name in columns | more:
            yield dataset, table, name
    yield dataset, "_dlt_loads", "status"
