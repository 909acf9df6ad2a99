"""The ID graph in SQL: `normalize_id` and `call_id_graph`, described in docs/id-graph.md.

This module is also the dbt-duckdb plugin that gives them to every model (profiles.yml).
"""

from __future__ import annotations

import duckdb
from duckdb.func import ARROW, SPECIAL
from duckdb.sqltypes import VARCHAR

from onecdp.identity.graph_service.client import call_id_graph, normalize_id
from onecdp.warehouse.sql_functions import SqlFunction, dbt_plugin
from onecdp.warehouse.sql_functions import register as register_functions


def functions() -> tuple[SqlFunction, ...]:
    """The functions, as DuckDB registers them."""
    texts = (VARCHAR, VARCHAR)
    return (
        SqlFunction(normalize_id, texts, VARCHAR, ARROW, SPECIAL),
        SqlFunction(call_id_graph, texts, VARCHAR, ARROW, SPECIAL, is_volatile=True),
    )


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Registers the functions; a second time changes nothing."""
    register_functions(connection, functions())


def __getattr__(name: str) -> type:
    """Returns `Plugin`, the class that dbt-duckdb looks for, without importing dbt before."""
    if name == "Plugin":
        return dbt_plugin(register)
    raise AttributeError(f"module {__name__} has no attribute {name}")
