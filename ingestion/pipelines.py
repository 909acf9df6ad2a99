"""Loads the files of every source into the raw tables: source + destination + progress."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import dlt
import duckdb
from dlt.common.runtime.run_context import RunContext, switched_run_context
from dlt.pipeline.exceptions import PipelineStepFailed

from ingestion import app, crm, id_graph, retail
from ingestion.files.intake import Intake, take_in
from ingestion.files.scratch import open_scratch

SOURCES: tuple[ModuleType, ...] = (crm, app, retail, id_graph)
DATABASE = "onecdp.duckdb"


class IngestError(Exception):
    """An error for the user, in one line."""


@dataclass(frozen=True)
class SourceReport:
    """What one run did with one source. Rows are those of the files that were loaded.

    `refused` pairs each file of which nothing was loaded with the reason.
    """

    source: str
    files_loaded: int
    files_skipped: int
    refused: tuple[tuple[str, str], ...]
    rows_read: int
    rows_loaded: int
    rows_quarantined: int
    rows_duplicate: int
    rows_superseded: int
    seconds: float


def load(data_dir: Path, warehouse: Path, notify: Callable[[str], None]) -> list[SourceReport]:
    """Loads what is new or changed below `data_dir/<source>/` into the warehouse.

    Args:
        data_dir: a folder with any of `crm`, `app`, `retail` and `id_graph` in it.
        warehouse: the warehouse folder; made if it is not there.
        notify: gets a line of text for every step of the work.

    Returns:
        A report per source, in the order of `SOURCES`, also for the absent ones.

    Raises:
        IngestError: nothing more could be loaded; what is loaded by then stays, and the next
            run goes on from there.
    """
    # dlt takes a relative path for one below its own folder.
    warehouse = warehouse.resolve()
    work = warehouse / ".dlt"
    work.mkdir(parents=True, exist_ok=True)
    for leftover in work.glob("scratch*"):
        shutil.rmtree(leftover, ignore_errors=True)
    # dlt's settings are those of the project, wherever the command was started.
    context = RunContext(str(Path(__file__).resolve().parent.parent))
    with switched_run_context(context):
        return [_load_source(module, data_dir, warehouse, notify) for module in SOURCES]


def _load_source(
    module: ModuleType, data_dir: Path, warehouse: Path, notify: Callable[[str], None]
) -> SourceReport:
    start = time.monotonic()
    spec = module.TABLE
    database = warehouse / DATABASE
    pipeline = dlt.pipeline(
        spec.source,
        destination=dlt.destinations.duckdb(str(database)),
        dataset_name=spec.dataset,
        pipelines_dir=str(warehouse / ".dlt"),
    )
    try:
        if pipeline.has_pending_data:
            notify(f"{spec.source}: finishing an interrupted load")
            pipeline.run()
        with tempfile.TemporaryDirectory(prefix="scratch", dir=warehouse / ".dlt") as scratch:
            connection = open_scratch(Path(scratch))
            try:
                folder = data_dir / spec.source
                intake = take_in(connection, spec, folder, database, Path(scratch), notify)
                if not intake.is_empty:
                    notify(f"{spec.source}: writing {intake.counts.loaded:,} rows")
                    pipeline.run(module.source(intake), loader_file_format="parquet")
            finally:
                connection.close()
    except (PipelineStepFailed, duckdb.Error) as error:
        raise IngestError(_in_one_line(error, spec.source, database)) from error
    return _report(intake, time.monotonic() - start)


def _report(intake: Intake, seconds: float) -> SourceReport:
    return SourceReport(
        source=intake.spec.source,
        files_loaded=intake.files_loaded,
        files_skipped=intake.files_skipped,
        refused=intake.refused,
        rows_read=intake.counts.read,
        rows_loaded=intake.counts.loaded,
        rows_quarantined=intake.counts.quarantined,
        rows_duplicate=intake.counts.duplicate,
        rows_superseded=intake.counts.superseded,
        seconds=seconds,
    )


def _in_one_line(error: BaseException, source: str, database: Path) -> str:
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    first = next((line for line in str(cause).splitlines() if line.strip()), type(cause).__name__)
    return f"{source}: {database}: {first}"
