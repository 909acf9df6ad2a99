"""Compares every incremental table with what its model makes of all rows upstream.

A model that knows no watermark computes all of its rows and keeps those that a build would write:
none, if the table is what it should be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import duckdb

from onecdp.project.dbt import CompiledModel
from onecdp.project.dbt_report import Finding
from onecdp.warehouse.files import Warehouse, connect
from onecdp.warehouse.schemas import AUDIT
from onecdp.warehouse.sql_text import one_line


def find_wrong_tables(warehouse: Warehouse, models: Iterable[CompiledModel]) -> tuple[Finding, ...]:
    """Returns the incremental tables with rows that a build would write, delete or withdraw.

    The status of their models is then `fail`, so that nothing is published, and their watermarks
    are gone, so that the next build writes these rows.
    """
    with connect(warehouse.build_file, read_only=False) as private:
        private.execute("set TimeZone = 'UTC'")
        found = {model.unique_id: finding for model, finding in compare(private, models)}
        for unique_id, finding in found.items():
            private.execute(f"delete from {AUDIT}.watermarks where model = $1", [finding.node])
            private.execute(
                f"update {AUDIT}.node_status set status = 'fail' where unique_id = $1", [unique_id]
            )
    return tuple(found.values())


def compare(
    private: duckdb.DuckDBPyConnection, models: Iterable[CompiledModel]
) -> Iterator[tuple[CompiledModel, Finding]]:
    """Yields the models whose tables are not what they make of all rows."""
    for model in models:
        try:
            ((rows,),) = private.execute(f"select count(*) from ({model.sql}\n)").fetchall()
        except duckdb.Error as error:
            yield model, Finding(model.name, "error", one_line(str(error)), None, model.file)
            continue
        if rows:
            differ = f"{rows:,} row{' differs' if rows == 1 else 's differ'}"
            reason = f"{differ} from what the model makes of all rows upstream"
            yield model, Finding(model.name, "fail", reason, rows, model.file)
