"""What the published file holds, as noted in the private file when it was published.

The note counts only while the published file has the size and time of then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import duckdb

from onecdp.pipeline.marts_file import Digest
from onecdp.pipeline.unreported import PUBLISHED_BUILD, last_load
from onecdp.warehouse.files import Warehouse, connect
from onecdp.warehouse.schemas import AUDIT

_TABLES = f"{AUDIT}.published_tables"


@dataclass(frozen=True)
class Noted:
    """What was noted when the published file was written.

    Attributes:
        built_by: Which dbt commands had made the private tables (`builders`).
        digests: What each table holds.
    """

    built_by: str | None
    digests: dict[str, Digest]


def read_noted(private: duckdb.DuckDBPyConnection, warehouse: Warehouse) -> Noted | None:
    """Returns what was noted, or None if the published file isn't as it was then."""
    private.execute("set TimeZone = 'UTC'")
    try:
        noted = private.execute(
            f"select published_size, published_mtime_ns, built_by from {PUBLISHED_BUILD}"
        ).fetchone()
        rows = private.execute(f"select table_name, shape, row_count, xor, sum from {_TABLES}")
    except (duckdb.CatalogException, duckdb.BinderException):
        return None
    if not warehouse.marts_file.is_file() or noted is None:
        return None
    if noted[:2] != _stamp(warehouse.marts_file):
        return None
    return Noted(noted[2], {name: Digest(*digest) for name, *digest in rows.fetchall()})


def note(warehouse: Warehouse, digests: Mapping[str, Digest], built_by: str | None) -> None:
    """Notes what the published file holds now, and the last load that it includes.

    Args:
        warehouse: Where.
        digests: What each table holds.
        built_by: Which dbt commands had made the private tables when these were read.
    """
    size, mtime_ns = _stamp(warehouse.marts_file)
    with connect(warehouse.build_file, read_only=False) as private:
        private.execute("begin")
        private.execute(
            f"create or replace table {PUBLISHED_BUILD} as select $1::bigint as published_size,"
            " $2::bigint as published_mtime_ns, $3::varchar as built_by,"
            " $4::timestamptz as loaded_until",
            [size, mtime_ns, built_by, last_load(private)],
        )
        private.execute(
            f"create or replace table {_TABLES}"
            " (table_name varchar, shape varchar, row_count bigint, xor ubigint, sum hugeint)"
        )
        private.executemany(
            f"insert into {_TABLES} values ($1, $2, $3, $4, $5)",
            [[name, d.shape, d.rows, d.xor, d.sum] for name, d in digests.items()],
        )
        private.execute("commit")


def _stamp(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns
