"""The DuckDB files of the RFM benchmark."""

from __future__ import annotations

from pathlib import Path

import duckdb


def connect(file: Path) -> duckdb.DuckDBPyConnection:
    """Opens a file with the two threads that everything here has."""
    connection = duckdb.connect(file)
    # A checkpoint is timed by itself.
    connection.execute("set threads = 2; set wal_autocheckpoint = '1TB'")
    connection.execute("set enable_progress_bar = false")
    return connection


def differences(file: Path, one: str, other: str, columns: str = "*") -> int:
    """How many rows two tables don't share."""
    with connect(file) as connection:
        row = connection.execute(f"""
            select count(*) from (
                (select {columns} from {one} except all select {columns} from {other})
                union all
                (select {columns} from {other} except all select {columns} from {one})
            )
        """).fetchone()
    assert row is not None
    return int(row[0])
