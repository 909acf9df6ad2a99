"""Loads every source into the raw tables: source + destination + progress.

What comes: the files of each source, then what the ID graph's service answers, where one is
configured.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields, replace
from pathlib import Path
from types import ModuleType

import dlt
import duckdb
from dlt.common.exceptions import DltException
from dlt.common.runtime.run_context import RunContext, switched_run_context
from dlt.common.runtime.telemetry import stop_telemetry
from dlt.extract import DltSource

from . import app, crm, id_graph, retail
from .erasure import KeyProblem
from .files.intake import Intake, take_in
from .files.resume import take_back_copies
from .files.scratch import open_scratch
from .files.spec import TableSpec, TypeChanged
from .id_graph.answers import take_answers
from .id_graph.service import BadSettings, ServiceSettings, read_settings

SOURCES: tuple[ModuleType, ...] = (crm, app, retail, id_graph)
DATABASE = "onecdp.duckdb"
# What DuckDB says when another process, or this one, has the file open.
LOCK_SIGNS = ("Could not set lock", "different configuration", "Unique file handle conflict")

Take = Callable[[duckdb.DuckDBPyConnection, Path], Intake]
"""Takes in what is new, with a scratch database and a scratch folder."""
Tables = Callable[[Intake], DltSource]
"""The dlt source that hands over what was taken in."""


class IngestError(Exception):
    """An error for the user, in one line."""


def tables() -> list[TableSpec]:
    """The raw tables of all sources."""
    return [module.TABLE for module in SOURCES]


def source_names() -> tuple[str, ...]:
    """The names of all sources, in the order in which they are loaded."""
    return tuple(module.TABLE.source for module in SOURCES)


@dataclass(frozen=True)
class SourceReport:
    """What one run did with one source.

    Rows are those of the files that were loaded, and of the service's answers.
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
    rows_withdrawn: int
    rows_erased: int
    seconds: float


class _ProjectContext(RunContext):
    """dlt with the settings of the project, wherever it was started, and no folder elsewhere."""

    def __init__(self, work: Path) -> None:
        super().__init__(str(Path(__file__).resolve().parent.parent))
        self._work = work

    @property
    def global_dir(self) -> str:
        return str(self._work)


def load(
    data_dir: Path,
    warehouse: Path,
    notify: Callable[[str], None],
    sources: Collection[str] | None = None,
) -> list[SourceReport]:
    """Loads what is new or changed below `data_dir/<source>/` into the warehouse.

    Args:
        data_dir: a folder with any of `crm`, `app`, `retail` and `id_graph` in it.
        warehouse: the warehouse folder; made if it is not there.
        notify: gets a line of text for every step of the work.
        sources: names of the sources to load; all if None.

    Returns:
        A report per source to load, in the order of `SOURCES`, also for the absent ones.

    Raises:
        IngestError: nothing more could be loaded; what is loaded by then stays, and the next
            run goes on from there.
    """
    if not data_dir.is_dir():
        names = ", ".join(source_names())
        raise IngestError(f"{data_dir} is not a folder; it should hold any of {names}")
    chosen = source_names() if sources is None else sources
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
        try:
            service = read_settings()
        except BadSettings as error:
            raise IngestError(f"the ID graph's service, [sources.id_graph]: {error}") from error
        reports = [
            _load_files(module, data_dir, warehouse, notify)
            for module in SOURCES
            if module.TABLE.source in chosen
        ]
        if service is None or id_graph.TABLE.source not in chosen:
            return reports
        # Last, because it asks about what the files brought.
        answered = _load_answers(service, warehouse, notify)
        return [_sum(r, answered) if r.source == answered.source else r for r in reports]


def _load_files(
    module: ModuleType, data_dir: Path, warehouse: Path, notify: Callable[[str], None]
) -> SourceReport:
    spec: TableSpec = module.TABLE
    folder, database = data_dir / spec.source, warehouse / DATABASE

    def take(connection: duckdb.DuckDBPyConnection, scratch: Path) -> Intake:
        return take_in(connection, spec, folder, database, scratch, notify)

    return _load_source(spec, take, module.source, warehouse, notify)


def _load_answers(
    service: ServiceSettings, warehouse: Path, notify: Callable[[str], None]
) -> SourceReport:
    def take(connection: duckdb.DuckDBPyConnection, scratch: Path) -> Intake:
        return take_answers(connection, service, warehouse / DATABASE, scratch, notify)

    report = _load_source(id_graph.TABLE, take, id_graph.answers, warehouse, notify)
    # The answers pass through a file of ours, which is none of the user's.
    return replace(report, files_loaded=0)


def _sum(files: SourceReport, answers: SourceReport) -> SourceReport:
    names = [field.name for field in fields(SourceReport) if field.name != "source"]
    return replace(files, **{name: getattr(files, name) + getattr(answers, name) for name in names})


def _load_source(
    spec: TableSpec, take: Take, tables: Tables, warehouse: Path, notify: Callable[[str], None]
) -> SourceReport:
    """Loads one source; what dlt keeps on disk is dropped and made anew if it is of no use.

    The raw tables and their loads are the truth. The working folder matters only for a load that
    was interrupted, and whatever it had not finished is read from the files again.
    """
    start = time.monotonic()
    source = spec.source
    database = warehouse / DATABASE
    work = warehouse / ".dlt" / source
    if not database.exists():
        shutil.rmtree(work, ignore_errors=True)
    try:
        try:
            intake = _run(spec, take, tables, warehouse, notify)
        except Exception as error:
            is_told = isinstance(error, TypeChanged | KeyProblem)
            if is_told or _is_locked(error) or not work.exists():
                raise
            notify(f"{source}: starting over, the last load left something that cannot be finished")
            shutil.rmtree(work)
            intake = _run(spec, take, tables, warehouse, notify)
    except (TypeChanged, KeyProblem) as error:
        raise IngestError(f"{source}: {error}") from error
    except (DltException, duckdb.Error, OSError) as error:
        raise IngestError(_in_one_line(error, source, database)) from error
    return _report(intake, time.monotonic() - start)


def _run(
    spec: TableSpec, take: Take, tables: Tables, warehouse: Path, notify: Callable[[str], None]
) -> Intake:
    database = warehouse / DATABASE
    pipeline = dlt.pipeline(
        spec.source,
        destination=dlt.destinations.duckdb(str(database)),
        dataset_name=spec.dataset,
        pipelines_dir=str(warehouse / ".dlt"),
    )
    if pipeline.has_pending_data:
        notify(f"{spec.source}: finishing an interrupted load")
        take_back_copies(pipeline, database)
        pipeline.run()
    with tempfile.TemporaryDirectory(prefix="scratch", dir=warehouse / ".dlt") as folder:
        scratch = Path(folder)
        connection = open_scratch(scratch)
        try:
            intake = take(connection, scratch)
            if not intake.is_empty:
                notify(f"{spec.source}: writing {intake.counts.loaded:,} rows")
                pipeline.run(tables(intake), loader_file_format="parquet")
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
        rows_withdrawn=intake.counts.withdrawn,
        rows_erased=intake.counts.erased,
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
