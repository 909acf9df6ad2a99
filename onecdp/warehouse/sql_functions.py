"""Registers Python functions as SQL functions of DuckDB, in a connection or as a dbt plugin.

The functions themselves are in `onecdp.audiences.sql_functions` and
`onecdp.identity.graph_service.sql_functions`. profiles.yml names these modules as plugins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import duckdb
from duckdb.func import DEFAULT, FunctionNullHandling, PythonUDFType
from duckdb.sqltypes import DuckDBPyType


@dataclass(frozen=True)
class SqlFunction:
    """A Python function and its signature in SQL.

    Attributes:
        call: A function of a module, whose name is the SQL function's too; never a closure: DuckDB
            goes on calling it after the connection that registered it is gone, and crashes if the
            function was collected with it.
        parameters: The types of the arguments.
        result: The type of the result.
        kind: NATIVE calls it per row, ARROW per vector of 2,048 rows.
        nulls: DEFAULT gives null for null without a call; SPECIAL calls it with the null.
        is_volatile: Whether it must not be called while a query is only planned, such as one that
            asks a service.
    """

    call: Callable[..., Any]
    parameters: tuple[DuckDBPyType, ...]
    result: DuckDBPyType
    kind: PythonUDFType
    nulls: FunctionNullHandling = DEFAULT
    is_volatile: bool = False


def register(connection: duckdb.DuckDBPyConnection, functions: Iterable[SqlFunction]) -> None:
    """Registers functions in a connection; those it already has are skipped.

    DuckDB keeps functions per database, not per connection: every connection of this process to the
    same file has them, also after this one is closed.
    """
    rows = connection.execute("select distinct function_name from duckdb_functions()").fetchall()
    existing = {name for (name,) in rows}
    for function in functions:
        if function.call.__name__ not in existing:
            connection.create_function(
                function.call.__name__,
                function.call,
                list(function.parameters),
                function.result,
                type=function.kind,
                null_handling=function.nulls,
                side_effects=function.is_volatile,
            )


@cache
def dbt_plugin(register_in: Callable[[duckdb.DuckDBPyConnection], None]) -> type:
    """Returns a dbt-duckdb plugin that calls `register_in` on the connection that dbt opens.

    It is made when dbt asks for it, because importing dbt takes seconds.
    """
    from dbt.adapters.duckdb.plugins import BasePlugin

    class Plugin(BasePlugin):
        """Registers the functions."""

        def configure_connection(self, conn: duckdb.DuckDBPyConnection) -> None:
            register_in(conn)

    return Plugin
