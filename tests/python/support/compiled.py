"""Models as dbt compiled them, on tables of a test's own in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb

from onecdp.audiences.sql_functions import register
from support.cli import BuiltProject


@contextmanager
def compiled_models(project: BuiltProject, *models: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database with views of these models of a built project, in the order given.

    What they read are empty tables with the columns of the built ones, for the test to `fill`.
    """
    sources = {
        file.stem: file.read_text()
        for file in (project.folder / "target" / "compiled").rglob("models/**/*.sql")
        if file.parent.suffix != ".yml"
    }
    with duckdb.connect(project.warehouse / "onecdp.duckdb", read_only=True) as built:
        columns = built.execute(
            "select table_schema, table_name,"
            " string_agg(format('{} {}', column_name, data_type), ', ')"
            " from information_schema.columns group by all"
        ).fetchall()
    with duckdb.connect() as scratch:
        register(scratch)
        scratch.execute("set TimeZone = 'UTC'; attach ':memory:' as onecdp; use onecdp")
        for schema, name, typed in columns:
            scratch.execute(f"create schema if not exists {schema}")
            is_read = any(f'"{schema}"."{name}"' in sources[model] for model in models)
            if is_read and name not in models:
                scratch.execute(f"create table {schema}.{name} ({typed})")
        schemas = {name: schema for schema, name, _ in columns}
        for model in models:
            scratch.execute(f"create view {schemas[model]}.{model} as {sources[model]}")
        yield scratch


def fill(
    connection: duckdb.DuckDBPyConnection, table: str, columns: str, rows: Sequence[Sequence[Any]]
) -> None:
    """Replaces the rows of a table; columns that are not named are null."""
    connection.execute(f"delete from {table}")
    if rows:
        marks = ", ".join("?" for _ in columns.split(","))
        connection.executemany(f"insert into {table} ({columns}) values ({marks})", rows)
