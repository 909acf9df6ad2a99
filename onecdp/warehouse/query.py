"""Queries: the one of `onecdp sql`, and rows as mappings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from onecdp.errors import OnecdpError, UsageProblem
from onecdp.warehouse.files import connect
from onecdp.warehouse.sql_functions import SqlFunction, register
from onecdp.warehouse.sql_text import one_line

Row = Mapping[str, Any]
"""A row by column name."""
Rows = Sequence[Row]


def fetch_rows(
    connection: duckdb.DuckDBPyConnection, query: str, arguments: Sequence[Any] = ()
) -> Rows:
    """Runs a query and returns its rows by column name."""
    result = connection.execute(query, list(arguments))
    columns = [column[0] for column in result.description or []]
    return [dict(zip(columns, row, strict=True)) for row in result.fetchall()]


def run_query(
    file: Path, query: str, functions: Iterable[SqlFunction] = ()
) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Runs `query` and returns the columns' names and the rows.

    The query reads `file` and no other file, and writes none.

    Args:
        file: A DuckDB file.
        query: One SQL statement.
        functions: Functions of ours that the query may call.

    Raises:
        OnecdpError: There is no such file yet, or DuckDB can't run the query.
        UsageProblem: It isn't exactly one statement.
    """
    if not file.is_file():
        raise OnecdpError(f"{file} isn't there yet; run `onecdp run` first")
    with connect(file, read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        register(connection, functions)
        # A file opened read-only still lets COPY TO and ATTACH write others.
        connection.execute("set enable_external_access = false")
        try:
            statements = connection.extract_statements(query)
            if len(statements) != 1:
                raise UsageProblem(f"expected one SQL statement, got {len(statements)}")
            result = connection.execute(statements[0])
            return [column[0] for column in result.description or []], result.fetchall()
        except duckdb.Error as error:
            raise OnecdpError(one_line(str(error))) from error
