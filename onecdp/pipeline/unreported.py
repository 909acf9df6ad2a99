"""What was loaded since the last published run.

A run that is killed, or whose build fails, has loaded rows and quarantined others without anybody
being told for certain. So every run counts from the load that the last published run ended with,
as `audit.published_build` has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

import duckdb

from onecdp.pipeline.ingest import SourceReport
from onecdp.warehouse.files import Warehouse, connect
from onecdp.warehouse.schemas import AUDIT, RAW_PREFIX
from onecdp.warehouse.sql_text import quoted

PUBLISHED_BUILD = f"{AUDIT}.published_build"
_COUNTS = ("read", "loaded", "quarantined", "duplicate", "superseded", "withdrawn", "erased")


def count_since_published(
    warehouse: Warehouse, reports: Sequence[SourceReport]
) -> tuple[SourceReport, ...]:
    """Returns the reports of a run's sources with the rows since the last published run."""
    with connect(warehouse.build_file, read_only=True) as private:
        private.execute("set TimeZone = 'UTC'")
        since = _published_until(private)
        return tuple(
            replace(cast(Any, report), **_counts(private, report.source, since))
            for report in reports
        )


def last_load(private: duckdb.DuckDBPyConnection) -> datetime | None:
    """The time of the newest load of any source; it never goes back, as a clock may."""
    schemas = private.execute(
        "select schema_name from duckdb_tables()"
        " where starts_with(schema_name, $1) and table_name = 'loads'",
        [RAW_PREFIX],
    ).fetchall()
    times = [
        private.execute(f"select max(loaded_at) from {quoted(schema)}.loads").fetchall()[0][0]
        for (schema,) in schemas
    ]
    return max(filter(None, times), default=None)


def _published_until(private: duckdb.DuckDBPyConnection) -> datetime | None:
    try:
        found = private.execute(f"select * from {PUBLISHED_BUILD}")
    except duckdb.CatalogException:
        return None
    row = found.fetchone()
    noted = dict(zip([column[0] for column in found.description or ()], row or (), strict=False))
    # Noted by a version that kept no time of a load.
    return cast("datetime | None", noted.get("loaded_until", noted.get("built_at")))


def _counts(
    private: duckdb.DuckDBPyConnection, source: str, since: datetime | None
) -> dict[str, int]:
    schema = quoted(f"{RAW_PREFIX}{source}")
    # A load whose package was not completed is done again, under another id.
    done = f"_dlt_load_id in (select load_id from {schema}._dlt_loads where status = 0)"
    sums = ", ".join(f"coalesce(sum(rows_{name}), 0)::bigint as rows_{name}" for name in _COUNTS)
    found = private.execute(
        f"select {sums}, (select count(*) from {schema}.warnings"
        f" where {done} and ($1 is null or warned_at > $1)) as warnings"
        f" from {schema}.loads where {done} and ($1 is null or loaded_at > $1)",
        [since],
    )
    names = [column[0] for column in found.description or ()]
    return dict(zip(names, found.fetchall()[0], strict=True))
