"""Removes deleted data from disk: a DuckDB file keeps deleted bytes until it is rewritten."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

import duckdb

from onecdp.errors import OnecdpError
from onecdp.project.find import Project
from onecdp.warehouse.files import (
    Warehouse,
    connect,
    remove_leftovers,
    replace_file,
    scratch,
)
from onecdp.warehouse.sql_text import literal, one_line, quoted

_BLOCK = 1 << 22


def clean(project: Project, values: Sequence[str]) -> None:
    """Deletes files beside the databases that may contain the person's data.

    Pending loads are read from their files again; dbt's logs and artefacts that contain one of the
    values are recreated.
    """
    folder = project.warehouse.folder
    shutil.rmtree(folder / ".dlt", ignore_errors=True)
    clean_scratch(project.warehouse)
    wanted = [value.encode() for value in values]
    for name in ("logs", "target"):
        for file in sorted((project.folder / name).rglob("*")):
            if file.is_file() and _holds(file, wanted):
                file.unlink()


def clean_scratch(warehouse: Warehouse) -> None:
    """Deletes temporary files of killed commands."""
    for file in (warehouse.build_file, warehouse.marts_file, warehouse.online_file):
        remove_leftovers(warehouse.folder, f"{file.name}*.tmp*")


def _holds(file: Path, wanted: Sequence[bytes]) -> bool:
    longest = max(map(len, wanted), default=1)
    tail = b""
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK):
            seen = tail + block
            if any(value in seen for value in wanted):
                return True
            tail = seen[-longest:]
    return False


def rewrite(warehouse: Warehouse) -> None:
    """Replaces the private file by a fresh copy without deleted bytes.

    Raises:
        OnecdpError: The copy can't be written; the file is then unchanged.
    """
    file = warehouse.build_file
    # Merges the write-ahead log into the file.
    with connect(file, read_only=False) as private:
        private.execute("checkpoint")
    fresh = file.with_name(f"{file.name}.{os.getpid()}.tmp")
    fresh.unlink(missing_ok=True)
    try:
        with scratch() as both:
            both.execute(f"attach {literal(str(file))} as onecdp (read_only)")
            both.execute(f"attach {literal(str(fresh))} as fresh")
            both.execute("copy from database onecdp to fresh")
            if _sizes(both, "onecdp") != _sizes(both, "fresh"):
                raise OnecdpError(f"{fresh} differs from {file}; nothing was replaced")
            both.execute("detach fresh")
        replace_file(fresh, file)
    except (duckdb.Error, OSError) as error:
        raise OnecdpError(f"{fresh} can't be written: {one_line(str(error))}") from error
    finally:
        clean_scratch(warehouse)


def _sizes(both: duckdb.DuckDBPyConnection, database: str) -> dict[str, int]:
    """Returns the row count of every table and the hash of every view."""
    tables = both.execute(
        "select schema_name, table_name from duckdb_tables() where database_name = $1", [database]
    ).fetchall()
    sizes = {}
    for schema, name in tables:
        (row,) = both.execute(
            f"select count(*) from {database}.{quoted(schema)}.{quoted(name)}"
        ).fetchall()
        sizes[f"{schema}.{name}"] = int(row[0])
    views = both.execute(
        "select schema_name || '.' || view_name, hash(sql) from duckdb_views()"
        " where database_name = $1 and not internal",
        [database],
    ).fetchall()
    return sizes | {str(name): int(text) for name, text in views}
