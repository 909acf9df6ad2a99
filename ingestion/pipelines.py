"""Loads the files of every source into the raw tables: source + destination + progress."""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import dlt
import duckdb
from dlt.common.exceptions import DltException
from dlt.common.runtime.run_context import RunContext, switched_run_context
from dlt.common.runtime.telemetry import stop_telemetry

from ingestion import app, crm, id_graph, retail
from ingestion.files.intake import Intake, take_in
from ingestion.files.scratch import open_scratch
from ingestion.files.spec import TypeChanged

SOURCES: tuple[ModuleType, ...] = (crm, app, retail, id_graph)
DATABASE = "onecdp.duckdb"
# What DuckDB says when another process, or this one, has the file open.
LOCK_SIGNS = ("Could not set lock", "different configuration", "Unique file handle conflict")


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


class _ProjectContext(RunContext):
    """dlt with the settings of the project, wherever it was started, and no folder elsewhere."""

    def __init__(self, work: Path) -> None:
        super().__init__(str(Path(__file__).resolve().parent.parent))
        self._work = work

    @property
    def global_dir(self) -> str:
        return str(self._work)


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
    if not data_dir.is_dir():
        raise IngestError(f"{data_dir} is not a folder; it should hold any of crm, app, ...")
    # dlt takes a relative path for one below its own folder.
    warehouse = warehouse.resolve()
    work = warehouse / ".dlt"
    work.mkdir(parents=True, exist_ok=True)
    for leftover in work.glob("scratch*"):
        shutil.rmtree(leftover, ignore_errors=True)
    context = _ProjectContext(work)
    with switched_run_context(context):
        # Before the switch dlt has started by the settings of the current folder, which may have
        # none: then it would report every load to its makers.
        stop_telemetry()
        context.initialize_runtime()
        return [_load_source(module, data_dir, warehouse, notify) for module in SOURCES]


def _load_source(
    module: ModuleType, data_dir: Path, warehouse: Path, notify: Callable[[str], None]
) -> SourceReport:
    """Loads one source; what dlt keeps on disk is dropped and made anew if it is of no use.

    The raw tables and their loads are the truth. The working folder matters only for a load that
    was interrupted, and whatever it had not finished is read from the files again.
    """
    start = time.monotonic()
    source = module.TABLE.source
    database = warehouse / DATABASE
    work = warehouse / ".dlt" / source
    if not database.exists():
        shutil.rmtree(work, ignore_errors=True)
    try:
        try:
            intake = _run(module, data_dir, warehouse, notify)
        except Exception as error:
            if _is_locked(error) or isinstance(error, TypeChanged) or not work.exists():
                raise
            notify(f"{source}: starting over, the last load left something that cannot be finished")
            shutil.rmtree(work)
            intake = _run(module, data_dir, warehouse, notify)
    except TypeChanged as error:
        raise IngestError(f"{source}: {error}") from error
    except (DltException, duckdb.Error, OSError) as error:
        raise IngestError(_in_one_line(error, source, database)) from error
    return _report(intake, time.monotonic() - start)


def _run(
    module: ModuleType, data_dir: Path, warehouse: Path, notify: Callable[[str], None]
) -> Intake:
    spec = module.TABLE
    database = warehouse / DATABASE
    pipeline = dlt.pipeline(
        spec.source,
        destination=dlt.destinations.duckdb(str(database)),
        dataset_name=spec.dataset,
        pipelines_dir=str(warehouse / ".dlt"),
    )
    if pipeline.has_pending_data:
        notify(f"{spec.source}: finishing an interrupted load")
        pipeline.run()
    with tempfile.TemporaryDirectory(prefix="scratch", dir=warehouse / ".dlt") as folder:
        scratch = Path(folder)
        connection = open_scratch(scratch)
        try:
            intake = take_in(connection, spec, data_dir / spec.source, database, scratch, notify)
            if not intake.is_empty:
                notify(f"{spec.source}: writing {intake.counts.loaded:,} rows")
                pipeline.run(module.source(intake), loader_file_format="parquet")
        finally:
            connection.close()
    return intake


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


def _is_locked(error: BaseException) -> bool:
    text = _root(error)
    return any(sign in text for sign in LOCK_SIGNS)


def _root(error: BaseException) -> str:
    """What the first of the chained errors says."""
    while error.__cause__ or error.__context__:
        error = error.__cause__ or error.__context__ or error
    return str(error) or type(error).__name__


def _in_one_line(error: BaseException, source: str, database: Path) -> str:
    text = _root(error)
    if _is_locked(error):
        holder = re.search(r"PID \d+", text)
        who = f"another process ({holder.group()})" if holder else "this process"
        return f"{database} is held open by {who}; close it there and run again"
    first = next((line for line in text.splitlines() if line.strip()), text)
    return f"{source}: could not be loaded into {database}: {first}"
