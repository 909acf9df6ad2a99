"""The scratch database that a load works in."""

from __future__ import annotations

from pathlib import Path

import duckdb

from onecdp.warehouse.sql_text import literal


def open_scratch(folder: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB, in UTC, that spills to `folder` when the input is large."""
    connection = duckdb.connect()
    connection.execute(f"set temp_directory = {literal(str(folder))}")
    connection.execute("set memory_limit = '2GB'")
    connection.execute("set TimeZone = 'UTC'")
    return connection
