"""Whether a run would build what is already published.

A build depends on the raw tables, the project's files, the library and the as-of date. A run notes
a fingerprint of all four when it has published. While the fingerprint is the same, and nobody else
has run dbt or touched the published file since, the next run has nothing to build: dbt isn't even
imported. What can't be told apart from a change counts as one.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from onecdp.pipeline.context import Context
from onecdp.pipeline.publish import Published
from onecdp.pipeline.unreported import PUBLISHED_BUILD, last_load
from onecdp.project.scaffold import PROJECT_PARTS
from onecdp.warehouse.files import connect
from onecdp.warehouse.schemas import AUDIT, RAW_ERASURE, RAW_PREFIX
from onecdp.warehouse.sql_text import quoted

_LIBRARY = Path(__file__).resolve().parents[1]
_PACKAGES = "dbt_packages"
_JUNK = ("__pycache__", ".pyc")


@dataclass(frozen=True)
class PublishedBuild:
    """The build that is published, if the next one would be the same.

    Attributes:
        built_at: When it ended (UTC).
        warnings: How many of its nodes warned.
        published: The published file.
    """

    built_at: datetime
    warnings: int
    published: Published


def find_current(context: Context, as_of: date | None) -> PublishedBuild | None:
    """Returns the published build if building now would give the same marts, else None."""
    warehouse = context.warehouse
    if not (warehouse.build_file.is_file() and warehouse.marts_file.is_file()):
        return None
    with connect(warehouse.build_file, read_only=True) as private:
        try:
            noted = private.execute(
                f"select fingerprint, published_size, published_mtime_ns, built_at, tables,"
                f" (select count(*) from {AUDIT}.node_status where finished_at > built_at"
                f" or status not in ('success', 'pass', 'warn', 'no-op')),"
                f" (select count(*) from {AUDIT}.node_status where status = 'warn')"
                f" from {PUBLISHED_BUILD}"
            ).fetchone()
        except duckdb.CatalogException:
            return None
        if noted is None:
            return None
        fingerprint, size, mtime_ns, built_at, tables, later, warnings = noted
        if later or (size, mtime_ns) != _stamp(warehouse.marts_file):
            return None
        if fingerprint != _fingerprint(context, private, as_of):
            return None
    return PublishedBuild(built_at, warnings, Published(warehouse.marts_file, tables, ()))


def note_published(context: Context, as_of: date | None, published: Published) -> None:
    """Notes what the published marts were built from."""
    size, mtime_ns = _stamp(published.file)
    with connect(context.warehouse.build_file, read_only=False) as private:
        fingerprint = _fingerprint(context, private, as_of)
        private.execute(
            f"create or replace table {PUBLISHED_BUILD} as select $1 as fingerprint,"
            " $2::bigint as published_size, $3::bigint as published_mtime_ns,"
            f" (select max(finished_at) from {AUDIT}.node_status) as built_at,"
            " $4::bigint as tables, $5::timestamptz as loaded_until",
            [fingerprint, size, mtime_ns, published.tables, last_load(private)],
        )


def _stamp(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def _fingerprint(context: Context, private: duckdb.DuckDBPyConnection, as_of: date | None) -> str:
    digest = hashlib.sha256()
    for text in (
        str(as_of or f"today {datetime.now(UTC).date()}"),
        *_raw_state(private),
        *_file_hashes(context.project.folder, (*PROJECT_PARTS, _PACKAGES)),
        *_file_hashes(_LIBRARY, (".",)),
    ):
        digest.update(f"{text}\n".encode())
    return digest.hexdigest()


def _raw_state(private: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """The loads of every source, and how many identifiers were erased; loading adds to both."""
    tables = private.execute(
        "select schema_name, table_name from duckdb_tables()"
        " where starts_with(schema_name, $1) and (table_name = 'loads' or schema_name = $2)"
        " order by all",
        [RAW_PREFIX, RAW_ERASURE],
    ).fetchall()
    for schema, table in tables:
        name = f"{quoted(schema)}.{quoted(table)}"
        newest = "max(loaded_at)" if table == "loads" else "null"
        yield f"{name} {private.execute(f'select count(*), {newest} from {name}').fetchone()}"


def _file_hashes(folder: Path, parts: tuple[str, ...]) -> Iterator[str]:
    for part in parts:
        root = folder / part
        files = sorted(root.rglob("*")) if root.is_dir() else [root]
        for file in files:
            name = str(file.relative_to(folder))
            if file.is_file() and not any(junk in name for junk in _JUNK):
                yield f"{name} {hashlib.sha256(file.read_bytes()).hexdigest()}"
