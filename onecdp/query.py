"""`onecdp sql`: one read-only question to a DuckDB file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb

from onecdp.errors import OnecdpError
from onecdp.warehouse import connect


def ask(file: Path, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    """Runs `query` and returns the columns' names and the rows.

    Raises:
        OnecdpError: There is no such file yet, or DuckDB can't run the query.
    """
    if not file.is_file():
        raise OnecdpError(f"{file} isn't there yet; run `onecdp run` first")
    from onecdp.sql_functions import register

    with connect(file, read_only=True) as connection:
        connection.execute("set timezone = 'UTC'")
        register(connection)
        try:
            result = connection.execute(query)
            return [column[0] for column in result.description or []], result.fetchall()
        except duckdb.Error as error:
            raise OnecdpError(_one_line(str(error))) from error


def _one_line(message: str) -> str:
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    # The lines after the first draw a caret under the query, which the user just typed.
    return " ".join(line for line in lines[:3] if not line.startswith("LINE") and line != "^")
