"""Audit: asks all data tests of the tables as they are, those that a daily run leaves out, too.

And it compares every incremental table with what its model makes of all rows, which no test does.
"""

from __future__ import annotations

from datetime import date

from onecdp.errors import OnecdpError
from onecdp.pipeline.compared import find_wrong_tables
from onecdp.pipeline.context import Context
from onecdp.pipeline.last_build import note_audit
from onecdp.pipeline.plan import changed_since_build
from onecdp.project import dbt_packages
from onecdp.project.dbt import Dbt
from onecdp.project.dbt_report import BuildReport, Finding
from onecdp.warehouse.files import Warehouse, connect


def audit(context: Context) -> BuildReport:
    """Asks all data tests of the private file, for the as-of date of its last build.

    A failed test, or an incremental table with another row than it should have, is reported, not
    raised; nothing is published until a build passes.

    Raises:
        OnecdpError: Nothing was built yet, or dbt couldn't start.
    """
    with context.lock("onecdp audit"):
        dbt_packages.ensure(context.project, context.progress)
        as_of, _ = read_later_events(context.warehouse)
        since = changed_since_build(context)
        report = Dbt(context.project, context.progress).test(as_of=as_of)
        if since:
            context.progress.note(
                f"audit: {since}, so the incremental tables are not compared;"
                " run `onecdp run` first"
            )
            return report
        report = report.with_findings(compare_tables(context))
        if report.ok:
            note_audit(context.warehouse)
        return report


def compare_tables(context: Context, *, is_new: bool = False) -> tuple[Finding, ...]:
    """Compares each incremental table with what its model makes of all rows, as of the last build.

    The caller holds the lock. What differs is not published, and the next build mends it.

    Args:
        context: The project and its warehouse.
        is_new: Whether this build has not been published yet; its day is then taken back.
    """
    context.progress.update("comparing the incremental tables")
    as_of, _ = read_later_events(context.warehouse)
    models = Dbt(context.project, context.progress).compiled(as_of=as_of)
    return find_wrong_tables(context.warehouse, models, is_new=is_new)


def read_later_events(warehouse: Warehouse) -> tuple[date, int]:
    """Returns the as-of date of the last build and the number of events after it.

    Raises:
        OnecdpError: Nothing was built yet.
    """
    if warehouse.build_file.is_file():
        with connect(warehouse.build_file, read_only=True) as private:
            if private.execute(
                "select 1 from duckdb_functions() where function_name = 'later_events'"
            ).fetchone():
                ((as_of, count),) = private.execute("from later_events()").fetchall()
                return as_of, int(count)
    raise OnecdpError("nothing was built yet; run `onecdp run` first")
