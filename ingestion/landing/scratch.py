"""The scratch database that a load works in."""

from __future__ import annotations

import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa
from duckdb.func import ARROW
from duckdb.sqltypes import VARCHAR

from onecdp.identity.normalise import nfkc
from onecdp.warehouse.sql_text import literal

from .codes import MACROS

NFKC = "nfkc"
"""A function of the scratch database: a text in Unicode NFKC, which DuckDB has not got."""


def open_scratch(folder: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB, in UTC, that spills to `folder` when the input is large.

    It has the functions `NFKC` and those of `codes`.
    """
    connection = duckdb.connect()
    connection.execute(f"set temp_directory = {literal(str(folder))}")
    connection.execute("set memory_limit = '2GB'")
    connection.execute("set TimeZone = 'UTC'")
    connection.create_function(NFKC, nfkc, [VARCHAR], VARCHAR, type=ARROW)
    for macro in MACROS:
        connection.execute(macro)
    return connection


def in_file(connection: duckdb.DuckDBPyConnection, rows: pa.Table) -> pa.Table:
    """The same rows in a file of the folder, of which the system holds in memory what it likes."""
    ((temporary,),) = connection.execute("select current_setting('temp_directory')").fetchall()
    folder = Path(temporary)
    folder.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.NamedTemporaryFile(dir=folder, suffix=".arrow", delete=False) as stream,
        pa.ipc.new_file(stream, rows.schema) as writer,
    ):
        writer.write_table(rows)
    with pa.memory_map(stream.name) as mapped:
        return pa.ipc.open_file(mapped).read_all()
