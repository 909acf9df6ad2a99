"""What the last build was made of that ended well, as it is noted in the private file.

A build depends on the raw tables, the project's files, the library and the as-of date; of each it
notes a fingerprint, so that the next run knows what differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

import duckdb

from onecdp.pipeline.context import Context
from onecdp.project.fingerprint import digest, read_code
from onecdp.warehouse.files import Warehouse, connect
from onecdp.warehouse.schemas import AUDIT, RAW_ERASURE, RAW_PREFIX
from onecdp.warehouse.sql_text import quoted

NODE_STATUS = f"{AUDIT}.node_status"
"""How each node of dbt ended last."""

_LAST_BUILD = f"{AUDIT}.last_build"


@dataclass(frozen=True)
class LastBuild:
    """The last build that ended well.

    Attributes:
        built_at: When its last node ended (UTC).
        warnings: How many nodes warned.
    """

    built_at: datetime
    warnings: int


@dataclass(frozen=True)
class Build:
    """What a build was made of.

    Attributes:
        code: Fingerprint of the project's files, without the content of seeds, and the library.
        seeds: Fingerprint of each seed's content.
        raw: Fingerprint of the raw tables.
        as_of: The as-of date that was asked for, or the day.
        is_first: Whether there is no incremental table yet, so that it makes all of all rows.
        built_by: Which dbt commands made the tables (`builders`); None before the first build.
        built_at: When its last node ended; None before the first build (UTC).
        audited_at: When the tables were last made of all rows, or an audit compared them with
            that (UTC).
    """

    code: str
    seeds: dict[str, str]
    raw: str
    as_of: str
    is_first: bool
    built_by: str | None
    built_at: datetime | None
    audited_at: datetime | None


def read_last_build(warehouse: Warehouse) -> LastBuild | None:
    """Returns the last build, or None before the first."""
    with connect(warehouse.build_file, read_only=True) as private:
        last = read_build(private)
        if last is None or last.built_at is None:
            return None
        ((warnings,),) = private.execute(
            f"select count(*) from {NODE_STATUS} where status = 'warn'"
        ).fetchall()
    return LastBuild(last.built_at, warnings)


def describe_build(context: Context, as_of: date | None) -> Build:
    """Returns what a build that begins now is made of.

    Args:
        context: The project and its warehouse.
        as_of: As it is given to the build.
    """
    code = read_code(context.project)
    with connect(context.warehouse.build_file, read_only=True) as private:
        return Build(
            code=code.rest,
            seeds=code.seeds,
            raw=digest(*_raw_state(private)),
            as_of=str(as_of or f"today {datetime.now(UTC).date()}"),
            is_first=not _has_increments(private),
            built_by=None,
            built_at=None,
            audited_at=None,
        )


def note_build(context: Context, began: Build, *, full_refresh: bool) -> None:
    """Notes what a build that ended well was made of.

    Args:
        context: The project and its warehouse.
        began: From before the build: what changed meanwhile, midnight included, was not built.
        full_refresh: Whether it made all tables of all rows.
    """
    with connect(context.warehouse.build_file, read_only=False) as private:
        last, now = read_build(private), _ended(private, began)
        is_whole = full_refresh or now.is_first
        audited_at = now.built_at if is_whole else last and last.audited_at
        private.execute(
            f"create or replace table {_LAST_BUILD} as select $1 as code,"
            " map($2::varchar[], $3::varchar[]) as seeds, $4 as raw, $5 as as_of, $6 as built_by,"
            " $7::timestamptz as built_at, $8::timestamptz as audited_at",
            [
                now.code,
                list(now.seeds),
                list(now.seeds.values()),
                now.raw,
                now.as_of,
                now.built_by,
                now.built_at,
                audited_at,
            ],
        )


def _ended(private: duckdb.DuckDBPyConnection, began: Build) -> Build:
    """A build at its end: it makes raw tables that are missing, and the lock keeps loads away."""
    (newest,) = private.execute(f"select max(finished_at) from {NODE_STATUS}").fetchall()[0]
    raw = digest(*_raw_state(private))
    return replace(began, raw=raw, built_by=builders(private), built_at=newest)


def note_audit(warehouse: Warehouse) -> None:
    """Notes that an audit found nothing in the tables of the last build."""
    with connect(warehouse.build_file, read_only=False) as private:
        private.execute(
            f"update {_LAST_BUILD} set built_by = $1, audited_at = current_timestamp",
            [builders(private)],
        )


def read_build(private: duckdb.DuckDBPyConnection) -> Build | None:
    """Returns what the last build was made of that ended well; None if no such build is noted."""
    private.execute("set TimeZone = 'UTC'")
    try:
        row = private.execute(
            f"select code, seeds, raw, as_of, built_by, built_at, audited_at from {_LAST_BUILD}"
        ).fetchone()
    except (duckdb.CatalogException, duckdb.BinderException):
        # There is none, or one by a version that noted less.
        return None
    if row is None:
        return None
    code, seeds, raw, as_of, *rest = row
    return Build(code, seeds, raw, as_of, False, *rest)


def builders(private: duckdb.DuckDBPyConnection) -> str | None:
    """Returns which dbt commands made what is there, in one hash; None before the first.

    Another command that built or tested a node is another hash, whatever the clock says.
    """
    try:
        commands = private.execute(
            f"select distinct invocation_id from {NODE_STATUS} order by all"
        ).fetchall()
    except duckdb.CatalogException:
        return None
    return digest(*(str(command) for (command,) in commands))


def _has_increments(private: duckdb.DuckDBPyConnection) -> bool:
    try:
        return bool(private.execute(f"select 1 from {AUDIT}.watermarks limit 1").fetchall())
    except duckdb.CatalogException:
        return False


def _raw_state(private: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """The loads of every source, and how many identifiers were erased; loading adds to both."""
    private.execute("set TimeZone = 'UTC'")
    tables = private.execute(
        "select schema_name, table_name from duckdb_tables()"
        " where starts_with(schema_name, $1) and table_name = 'loads'"
        " or schema_name = $2 and table_name = 'tombstones' order by all",
        [RAW_PREFIX, RAW_ERASURE],
    ).fetchall()
    for schema, table in tables:
        name = f"{quoted(schema)}.{quoted(table)}"
        newest = "max(loaded_at)" if table == "loads" else "null"
        yield f"{name} {private.execute(f'select count(*), {newest} from {name}').fetchone()}"
