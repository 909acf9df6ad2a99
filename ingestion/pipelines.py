"""Loads every source into the raw tables: source + destination + progress.

What comes: the files of each source and what is new in its live readers, then what the ID graph's
service answers, where one is configured.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pathlib import Path

import duckdb
from dlt.extract import DltResource

from onecdp.warehouse.files import Warehouse

from .data_folder import REMEMBERED, opened_data, top_level
from .declaration import BadDeclaration, TableSpec
from .dlt_load import IngestError, PrepareLoad, run_load
from .identifiers import DeclaredIdentifier, attach_identifiers, read_identifiers
from .landing.absent import complete_sources, has_pending_load
from .landing.arrivals import Arrivals, Ledger
from .landing.gone import compare_keys
from .landing.land import land
from .landing.landed import Landed
from .landing.resources import resources
from .project_settings import PROJECT, only_settings, project_settings, with_settings
from .readers.live import LiveReader, list_arrivals, live_readers
from .readers.objects import ObjectFolder
from .readers.reader import Context
from .sources import SOURCES
from .sources.id_graph.answers import land_answers
from .sources.id_graph.service import BadSettings, ServiceSettings, read_settings
from .sources.id_graph.tables import LINKS
from .sources.source import Source

__all__ = [
    "SOURCES",
    "IngestError",
    "SourceReport",
    "identifiers",
    "live_sources",
    "load",
    "source_names",
    "tables",
    "top_level",
]

SAMPLE = PROJECT / "ingestion" / "sample"


def tables() -> list[TableSpec]:
    """The raw tables of all sources, with the identifiers that the staging models declare.

    Raises:
        IngestError: A declaration cannot work.
    """
    try:
        return attach_identifiers([spec for source in SOURCES for spec in source.tables], PROJECT)
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


def live_sources() -> tuple[str, ...]:
    """The sources that have a live reader by the settings; they need no folder with files.

    Raises:
        IngestError: A file of the settings can't be read.
    """
    with tempfile.TemporaryDirectory() as work, only_settings(Path(work)):
        return tuple(source.name for source in SOURCES if live_readers(source.name))


@dataclass(frozen=True)
class SourceReport:
    """What one run did with one source.

    Rows are those of the files that were loaded, of live readers and of the service's answers.
    A range of a stream counts as a file, a stream with nothing new as one that was skipped.
    `warnings` are values of loaded rows that could not be read and are null.
    `refused` pairs each file of which nothing was loaded with the reason; `left_out` does so for
    what else was not read: other files, linked folders, sheets. `notices` tells what else there
    is to know of a file.
    """

    source: str
    files_loaded: int
    files_skipped: int
    refused: tuple[tuple[str, str], ...]
    left_out: tuple[tuple[str, str], ...]
    notices: tuple[tuple[str, str], ...]
    rows_read: int
    rows_loaded: int
    rows_quarantined: int
    rows_duplicate: int
    rows_superseded: int
    rows_withdrawn: int
    rows_erased: int
    warnings: int
    seconds: float


def load(
    data_dir: Path | str,
    warehouse: Path,
    notify: Callable[[str], None],
    sources: Collection[str] | None = None,
    withdraw_missing: bool = False,
) -> list[SourceReport]:
    """Loads what is new or changed below `data_dir/<source>/` into the warehouse.

    And what is new in the live readers that the settings name; but the sample comes alone.

    Args:
        data_dir: a folder with the folder of any source in it, or the URL of one.
        warehouse: the warehouse folder; made if it is not there.
        notify: gets a line of text for every step of the work.
        sources: names of the sources to load; all if None.
        withdraw_missing: whether invoices are withdrawn that the files which brought them are
            there for, but no file names any more.

    Returns:
        A report per source to load, in the order of `SOURCES`, also for the absent ones.

    Raises:
        IngestError: nothing more could be loaded; what is loaded by then stays, and the next
            run goes on from there.
    """
    if isinstance(data_dir, Path) and not data_dir.is_dir():
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
    with project_settings(work):
        declared = with_settings(declared)
        try:
            service = read_settings()
        except BadSettings as error:
            raise IngestError(f"the ID graph's service, [sources.id_graph]: {error}") from error
        complete = complete_sources(declared, Warehouse(warehouse).build_file)
        with opened_data(data_dir, work, work / REMEMBERED) as folder:
            reports = [
                _nothing(source.name)
                if source.name in complete and _is_absent(source.name, folder, work)
                else _load_source(source, declared, folder, warehouse, notify, withdraw_missing)
                for source in SOURCES
                if source.name in chosen
            ]
        if service is None or LINKS.source not in chosen:
            return reports
        # Last, because it asks about what the files brought.
        answered = _load_answers(service, declared, warehouse, notify)
        return [_sum(r, answered) if r.source == answered.source else r for r in reports]


def _is_absent(source: str, data_dir: Path | ObjectFolder, work: Path) -> bool:
    """Whether a source has neither files nor a live reader, nor a load to finish."""
    # To ask a bucket whether there is a folder costs as much as to list it.
    if not isinstance(data_dir, Path):
        return False
    if os.path.lexists(data_dir / source) or has_pending_load(work / source):
        return False
    return not live_beside(source, data_dir)


def live_beside(source: str, data_dir: Path | ObjectFolder) -> list[LiveReader]:
    """The live readers of a source beside a data folder; the sample comes alone."""
    is_sample = isinstance(data_dir, Path) and data_dir.resolve() == SAMPLE
    return [] if is_sample else live_readers(source)


def _nothing(source: str) -> SourceReport:
    return SourceReport(source, 0, 0, (), (), (), 0, 0, 0, 0, 0, 0, 0, 0, 0.0)


def _load_source(
    source: Source,
    declared: Sequence[TableSpec],
    data_dir: Path | ObjectFolder,
    warehouse: Path,
    notify: Callable[[str], None],
    withdraw_missing: bool,
) -> SourceReport:
    specs = [spec for spec in declared if spec.source == source.name]

    def prepare(
        connection: duckdb.DuckDBPyConnection, scratch: Path
    ) -> tuple[Landed, Iterable[DltResource]]:
        def list_places(loaded: Ledger) -> Mapping[str, Arrivals]:
            context = Context(
                data_dir / source.name, loaded, scratch, notify, partial(compare_keys, connection)
            )
            live = live_beside(source.name, data_dir)
            return list_arrivals(source.reader, live, specs, context)

        database = Warehouse(warehouse).build_file
        landed = land(connection, specs, list_places, database, notify, withdraw_missing)
        return landed, resources(landed)

    return _timed(source.name, prepare, warehouse, notify)


def _load_answers(
    service: ServiceSettings,
    declared: Sequence[TableSpec],
    warehouse: Path,
    notify: Callable[[str], None],
) -> SourceReport:
    (links,) = (s for s in declared if (s.source, s.table) == (LINKS.source, LINKS.table))

    def prepare(
        connection: duckdb.DuckDBPyConnection, _: Path
    ) -> tuple[Landed, Iterable[DltResource]]:
        database = Warehouse(warehouse).build_file
        answers = land_answers(connection, service, links, declared, database, notify)
        return answers.landed, answers.resources()

    # The answers are a place, but no file of the user's.
    return replace(_timed(links.source, prepare, warehouse, notify), files_loaded=0)


def _timed(
    source: str, prepare: PrepareLoad, warehouse: Path, notify: Callable[[str], None]
) -> SourceReport:
    start = time.monotonic()
    landed = run_load(source, prepare, warehouse, notify)
    return report_of(landed, time.monotonic() - start)


def _sum(files: SourceReport, answers: SourceReport) -> SourceReport:
    names = [field.name for field in fields(SourceReport) if field.name != "source"]
    return replace(files, **{name: getattr(files, name) + getattr(answers, name) for name in names})


def report_of(landed: Landed, seconds: float) -> SourceReport:
    """What a run did with one source."""
    counts = landed.counts
    return SourceReport(
        source=landed.source,
        files_loaded=landed.places_loaded,
        files_skipped=landed.places_skipped,
        refused=landed.refused,
        left_out=landed.left_out,
        notices=landed.notices,
        rows_read=counts.read,
        rows_loaded=counts.loaded,
        rows_quarantined=counts.quarantined,
        rows_duplicate=counts.duplicate,
        rows_superseded=counts.superseded,
        rows_withdrawn=counts.withdrawn,
        rows_erased=counts.erased,
        warnings=landed.warned,
        seconds=seconds,
    )
