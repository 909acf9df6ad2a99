"""Compares every incremental table with what its model makes of all rows upstream.

A model that knows no watermark computes all of its rows and keeps those that a build would write:
none, if the table is what it should be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import duckdb

from onecdp.audiences.sql_functions import register as register_bitmaps
from onecdp.identity.graph_service.sql_functions import register as register_id_graph
from onecdp.pipeline.history import take_back_day
from onecdp.project.dbt import CompiledModel
from onecdp.project.dbt_report import Finding
from onecdp.warehouse.files import Warehouse, connect
from onecdp.warehouse.schemas import AUDIT
from onecdp.warehouse.sql_text import one_line


def find_wrong_tables(
    warehouse: Warehouse, models: Iterable[CompiledModel], *, is_new: bool = False
) -> tuple[Finding, ...]:
    """Returns the incremental tables with rows that a build would write, delete or withdraw.

    Nothing is published then until all was built, since what is downstream is wrong, too; and
    watermarks are gone, so that the next build writes these rows. With status `warn`, those that
    can't be compared.

    Args:
        warehouse: Where they are.
        models: What makes them.
        is_new: Whether the build has not been published yet: its day then shows the build before.
    """
    with connect(warehouse.build_file, read_only=False) as private:
        private.execute("set TimeZone = 'UTC'")
        register_bitmaps(private)
        register_id_graph(private)
        found = list(compare(private, models))
        wrong = [(model, finding) for model, finding in found if finding.status == "fail"]
        private.execute("begin")
        if wrong and is_new and _has_moments(private):
            take_back_day(private)
        for model, _ in wrong:
            private.execute(f"delete from {AUDIT}.watermarks where model = $1", [model.alias])
            # Named like no node, so that a whole build alone removes it.
            mark = f"audit.{model.unique_id.partition('.')[2]}"
            private.execute(f"delete from {AUDIT}.node_status where unique_id = $1", [mark])
            private.execute(
                f"insert into {AUDIT}.node_status (unique_id, status, invocation_id, finished_at)"
                " values ($1, 'fail', 'audit', current_timestamp)",
                [mark],
            )
        private.execute("commit")
    return tuple(finding for _, finding in found)


def _has_moments(private: duckdb.DuckDBPyConnection) -> bool:
    """Whether the project's macros keep moments; those of an older project don't."""
    found = private.execute(
        "select 1 from duckdb_tables() where (schema_name, table_name) = ($1, 'run_moment')",
        [AUDIT],
    )
    return bool(found.fetchall())


def compare(
    private: duckdb.DuckDBPyConnection, models: Iterable[CompiledModel]
) -> Iterator[tuple[CompiledModel, Finding]]:
    """Yields the models whose tables are not what they make of all rows."""
    for model in models:
        try:
            ((rows,),) = private.execute(f"select count(*) from ({model.sql}\n)").fetchall()
        except duckdb.Error as error:
            reason = f"can't be compared with all rows upstream: {one_line(str(error))}"
            yield model, Finding(model.name, "warn", reason, None, model.file)
            continue
        if rows:
            differ = f"{rows:,} row{' differs' if rows == 1 else 's differ'}"
            reason = f"{differ} from what the model makes of all rows upstream"
            yield model, Finding(model.name, "fail", reason, rows, model.file)
