"""The time that a Python model gives to the rows it writes; SQL models have a macro for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb


def change_stamp(connection: duckdb.DuckDBPyConnection, this: Any) -> datetime:
    """Returns now (UTC), or a moment after the table's last stamp where the clock went back.

    Readers take what is later than the last stamp they saw, so it must only grow, through a full
    refresh, too.

    Args:
        connection: To the warehouse.
        this: dbt's name of the model's table, which may not be there yet or have no changed_at.
    """
    now = datetime.now(UTC).replace(tzinfo=None)
    try:
        stored = connection.table(str(this))
    except duckdb.CatalogException:
        return now
    if "changed_at" not in stored.columns:
        return now
    (newest,) = stored.aggregate("max(changed_at)").fetchall()[0]
    return max(now, newest + timedelta(microseconds=1)) if newest else now
