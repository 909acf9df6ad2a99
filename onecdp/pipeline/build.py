"""Build: runs `dbt build` in the private file, data tests included."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from onecdp.destinations.receipts import copy_receipts
from onecdp.errors import OnecdpError
from onecdp.pipeline.context import Context
from onecdp.pipeline.last_build import Build, describe_build, note_build
from onecdp.project import dbt_packages, seeds
from onecdp.project.dbt import Dbt
from onecdp.project.dbt_report import BuildReport
from onecdp.project.nodes import Nodes, Scope
from onecdp.warehouse.files import connect
from onecdp.warehouse.schemas import RAW_PREFIX


def build(
    context: Context, *, as_of: date | None = None, full_refresh: bool = False
) -> BuildReport:
    """Builds and tests the tables of the private file.

    A failed model or test is reported, not raised.

    Args:
        context: The project and its warehouse.
        as_of: The as-of date, the last day included; None leaves it to dbt_project.yml.
        full_refresh: Rebuild the incremental models from the raw tables.

    Raises:
        OnecdpError: dbt couldn't start, such as for a mistake in a model, an invalid seed, a locked
            warehouse or one without raw tables.
    """
    with context.lock("onecdp build"):
        dbt_packages.ensure(context.project, context.progress)
        return build_tables(context, Scope.ALL, as_of=as_of, full_refresh=full_refresh)


def build_tables(
    context: Context,
    nodes: Nodes,
    began: Build | None = None,
    *,
    as_of: date | None = None,
    full_refresh: bool = False,
) -> BuildReport:
    """Builds, with the dbt packages installed and the lock held by the caller.

    Args:
        context: The project and its warehouse.
        nodes: Which nodes.
        began: By what the nodes were chosen: what was changed since, they may lack. None for all
            nodes, which takes what is there now.
        as_of: As for `build`.
        full_refresh: As for `build`.
    """
    project = context.project
    # dbt would notice a locked file only after it has read the whole project, and report missing
    # raw tables once per staging model.
    if not _has_raw_tables(project.warehouse.build_file):
        raise OnecdpError("nothing was ingested yet; run `onecdp ingest` first")
    seeds.check(project.folder)
    copy_receipts(project.warehouse)
    began = began or describe_build(context, as_of)
    report = Dbt(project, context.progress).build(nodes, as_of=as_of, full_refresh=full_refresh)
    if report.ok:
        note_build(context, began, full_refresh=full_refresh)
    return report


def _has_raw_tables(file: Path) -> bool:
    """Whether ingestion wrote into the private file, be it empty tables."""
    if not file.is_file():
        return False
    with connect(file, read_only=True) as private:
        row = private.execute(
            "select count(*) from duckdb_tables()"
            " where starts_with(schema_name, $1) and table_name = 'loads'",
            [RAW_PREFIX],
        ).fetchone()
    return bool(row and row[0])
