"""Loads every source into the raw tables: source + destination + progress.

What comes: the files of each source, then what the ID graph's service answers, where one is
configured.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import dlt
import duckdb
from dlt.common.exceptions import DltException
from dlt.common.runtime.run_context import RunContext, switched_run_context
from dlt.common.runtime.telemetry import stop_telemetry
from dlt.extract import DltResource

from .declaration import BadDeclaration, TableSpec
from .erasure import KeyProblem
from .identifiers import DeclaredIdentifier, read_identifiers, resolve
from .landing.arrivals import Arrivals
from .landing.land import Landed, land
from .landing.resources import resources
from .landing.resume import remove_staged_copies
from .landing.scratch import open_scratch
from .landing.stored import TypeChanged
from .readers.reader import Context
from .sources import SOURCES
from .sources.id_graph.answers import land_answers
from .sources.id_graph.service import BadSettings, ServiceSettings, read_settings
from .sources.id_graph.tables import LINKS
from .sources.source import Source

__all__ = ["SOURCES", "IngestError", "SourceReport", "identifiers", "load", "tables"]

PROJECT = Path(__file__).resolve().parent.parent
DATABASE = "onecdp.duckdb"
# What DuckDB says when another process, or this one, has the file open.
LOCK_SIGNS = ("Could not set lock", "different configuration", "Unique file handle conflict")

Take = Callable[[duckdb.DuckDBPyConnection, Path], tuple[Landed, Iterable[DltResource]]]
"""Lands what is new, with a scratch database and a scratch folder, and says what dlt writes."""


class IngestError(Exception):
    """An error for the user, in one line."""


def tables() -> list[TableSpec]:
    """The raw tables of all sources, with the identifiers that the staging models declare.

    Raises:
        IngestError: A declaration cannot work.
    """
    try:
        return resolve([spec for source in SOURCES for spec in source.tables], PROJECT)
    except BadDeclaration as error:
        raise IngestError(str(error)) from error


def identifiers() -> list[DeclaredIdentifier]:
    """Which raw column holds which type of identifier, as the staging models declare it.

    Raises:
        IngestError: A declaration cannot work.
    """
    try:
        return read_identifiers(PROJECT)
    except BadDeclaration as error:
        raise IngestError(str(error)) from error


def source_names() -> tuple[str, ...]:
    """The names of all sources, in the order in which they are loaded."""
    return tuple(source.name for source in SOURCES)


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
        super().__init__(str(PROJECT))
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
        data_dir: a folder with the folder of any source in it.
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
    declared = tables()
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
            _load_source(source, declared, data_dir, warehouse, notify)
            for source in SOURCES
            if source.name in chosen
        ]
        if service is None or LINKS.source not in chosen:
            return reports
        # Last, because it asks about what the files brought.
        answered = _load_answers(service, declared, warehouse, notify)
        return [_sum(r, answered) if r.source == answered.source else r for r in reports]


def _load_source(
    source: Source,
    declared: Sequence[TableSpec],
    data_dir: Path,
    warehouse: Path,
    notify: Callable[[str], None],
) -> SourceReport:
    specs = [spec for spec in declared if spec.source == source.name]

    def take(
        connection: duckdb.DuckDBPyConnection, scratch: Path
    ) -> tuple[Landed, Iterable[DltResource]]:
        def arrive(loaded: Mapping[str, str]) -> Mapping[str, Arrivals]:
            context = Context(data_dir / source.name, loaded, scratch, notify)
            return source.reader.arrivals(specs, context)

        landed = land(connection, specs, arrive, warehouse / DATABASE, notify)
        return landed, resources(landed)

    return _load(source.name, take, warehouse, notify)


def _load_answers(
    service: ServiceSettings,
    declared: Sequence[TableSpec],
    warehouse: Path,
    notify: Callable[[str], None],
) -> SourceReport:
    (links,) = (s for s in declared if (s.source, s.table) == (LINKS.source, LINKS.table))

    def take(
        connection: duckdb.DuckDBPyConnection, _: Path
    ) -> tuple[Landed, Iterable[DltResource]]:
        database = warehouse / DATABASE
        answers = land_answers(connection, service, links, declared, database, notify)
        return answers.landed, answers.resources()

    # The answers are a place, but no file of the user's.
    return replace(_load(links.source, take, warehouse, notify), files_loaded=0)


def _sum(files: SourceReport, answers: SourceReport) -> SourceReport:
    names = [field.name for field in fields(SourceReport) if field.name != "source"]
    return replace(files, **{name: getattr(files, name) + getattr(answers, name) for name in names})


def _load(source: str, take: Take, warehouse: Path, notify: Callable[[str], None]) -> SourceReport:
    """Loads one source; what dlt keeps on disk is dropped and made anew if it is of no use.

    The raw tables and their loads are the truth. The working folder matters only for a load that
    was interrupted, and whatever it had not finished is read from the files again.
    """
    start = time.monotonic()
    database = warehouse / DATABASE
    work = warehouse / ".dlt" / source
    if not database.exists():
        shutil.rmtree(work, ignore_errors=True)
    try:
        try:
            landed = _run(source, take, warehouse, notify)
        except Exception as error:
            is_for_the_user = isinstance(error, TypeChanged | KeyProblem)
            if is_for_the_user or _is_locked(error) or not work.exists():
                raise
            notify(f"{source}: starting over, the last load left something that cannot be finished")
            shutil.rmtree(work)
            landed = _run(source, take, warehouse, notify)
    except (TypeChanged, KeyProblem) as error:
        raise IngestError(f"{source}: {error}") from error
    except (DltException, duckdb.Error, OSError) as error:
        raise IngestError(_in_one_line(error, source, database)) from error
    return _report(landed, time.monotonic() - start)


def _run(source: str, take: Take, warehouse: Path, notify: Callable[[str], None]) -> Landed:
    database = warehouse / DATABASE
    pipeline = dlt.pipeline(
        source,
        destination=dlt.destinations.duckdb(str(database)),
        dataset_name=f"raw_{source}",
        pipelines_dir=str(warehouse / ".dlt"),
    )
    if pipeline.has_pending_data:
        notify(f"{source}: finishing an interrupted load")
        remove_staged_copies(pipeline, database)
        pipeline.run()
    with tempfile.TemporaryDirectory(prefix="scratch", dir=warehouse / ".dlt") as folder:
        scratch = Path(folder)
        connection = open_scratch(scratch)
        try:
            landed, written = take(connection, scratch)
            if not landed.is_empty:
                notify(f"{source}: writing {landed.counts.loaded:,} rows")
                to_write = dlt.source(lambda: written, name=source, section=source)()
                pipeline.run(to_write, loader_file_format="parquet")
        finally:
            connection.close()
    return landed


def _report(landed: Landed, seconds: float) -> SourceReport:
    counts = landed.counts
    return SourceReport(
        source=landed.source,
        files_loaded=landed.places_loaded,
        files_skipped=landed.places_skipped,
        refused=landed.refused,
        rows_read=counts.read,
        rows_loaded=counts.loaded,
        rows_quarantined=counts.quarantined,
        rows_duplicate=counts.duplicate,
        rows_superseded=counts.superseded,
        rows_withdrawn=counts.withdrawn,
        rows_erased=counts.erased,
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
