"""The stages of a run: ingest, build, publish, and all of them in order."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from onecdp.erasure.tables import is_unfinished
from onecdp.errors import OnecdpError, UsageProblem
from onecdp.identity.report.counts import count_ids
from onecdp.pipeline import publish
from onecdp.project import dbt_packages as deps
from onecdp.project import seeds
from onecdp.project.dbt import BuildReport, Dbt
from onecdp.project.find import Project
from onecdp.project.progress import Progress
from onecdp.warehouse.files import Warehouse, connect

# What a warehouse was filled with, in a file beside the two databases.
_FILLED_WITH = ".filled-with"
_SAMPLE, _OWN = "the sample", "your own data"


class SourceReport(Protocol):
    """What `ingestion.pipelines.load` tells of a source; counts are rows unless named else."""

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


@dataclass(frozen=True)
class Audience:
    """An audience package and how many customers it has."""

    package_id: str
    package_name: str
    segment_rule: str
    members: int


@dataclass(frozen=True)
class RunReport:
    """What a run did.

    Attributes:
        sources: One report per source.
        build: What dbt did.
        customers: one_ids with an active identifier, after the run.
        new_one_ids: one_ids minted by this run.
        merged_one_ids: one_ids that other ones took in during this run.
        split_one_ids: one_ids that identifiers left for another one during this run.
        refused_links: links that a constraint stops, after the run: `id_link_rejections`.
        audiences: Every audience of the seed, empty ones too.
        published: The file that readers see; None when the build failed.
        seconds: Wall time per stage.
    """

    sources: Sequence[SourceReport]
    build: BuildReport
    customers: int
    new_one_ids: int
    merged_one_ids: int
    split_one_ids: int
    refused_links: int
    audiences: Sequence[Audience]
    published: publish.Published | None
    seconds: dict[str, float]


def run(
    project: Project, data: Path, *, as_of: date | None, full_refresh: bool, progress: Progress
) -> RunReport:
    """Does the daily job: deps, ingest, build with its tests, publish.

    A failed build is reported, not raised; nothing is published then.

    Raises:
        OnecdpError: A stage couldn't do its work at all.
    """
    clock = _Clock()
    if erasure_unfinished(project.warehouse):
        progress.note("an erasure was interrupted: run the same `onecdp forget` again to finish it")
    seeds.check(project.folder)
    deps.ensure(project, progress)
    before = count_ids(project.warehouse)
    clock.lap("deps")
    sources = ingest(project, data, progress)
    clock.lap("ingest")
    built = Dbt(project, progress).build(as_of=as_of, full_refresh=full_refresh)
    after = count_ids(project.warehouse)
    audiences = read_audiences(project.warehouse) if built.ok else ()
    clock.lap("build")
    published = None
    if built.ok:
        # Last, so that whoever stops the command before its end has stopped the publishing.
        progress.update("publish: writing the marts")
        published = publish.publish(project.warehouse)
        if published.notice:
            progress.note(published.notice)
    clock.lap("publish")
    return RunReport(
        sources=sources,
        build=built,
        customers=after.customers,
        new_one_ids=after.minted - before.minted,
        merged_one_ids=after.merged - before.merged,
        split_one_ids=after.split - before.split,
        refused_links=after.refused_links,
        audiences=audiences,
        published=published,
        seconds=clock.laps,
    )


def ingest(project: Project, data: Path, progress: Progress) -> Sequence[SourceReport]:
    """Loads the files of `data` by the project's own ingestion folder.

    Raises:
        OnecdpError: What ingestion has to say to the user, or that its code can't be imported.
        UsageProblem: The sample would be mixed with the user's own data.
    """
    progress.update("ingest: starting")
    pipelines = ingestion_code(project)
    _keep_apart(project, data)
    try:
        progress.update(f"ingest: files of {data}")
        reports: Sequence[SourceReport] = pipelines.load(
            data, project.warehouse.folder, progress.note
        )
    except pipelines.IngestError as error:
        raise OnecdpError(str(error)) from error
    return reports


def check_data(project: Project, data: Path) -> Path:
    """Returns `data`, absolute, if it has the folder of at least one of the project's sources.

    Raises:
        UsageProblem: It isn't there or holds none of the sources' folders.
    """
    sources = [source.name for source in ingestion_code(project).SOURCES]
    expected = "expected a folder with any of " + " ".join(f"{source}/" for source in sources)
    if not data.is_dir():
        raise UsageProblem(f"{data} is no folder; {expected}")
    if not any((data / source).is_dir() for source in sources):
        raise UsageProblem(f"{data} holds no source; {expected}")
    return data.resolve()


def _keep_apart(project: Project, data: Path) -> None:
    """Raises if `data` would mix the sample's people with the user's in one warehouse."""
    warehouse = project.warehouse
    note = warehouse.folder / _FILLED_WITH
    new = _SAMPLE if data == project.sample_data.resolve() else _OWN
    held = note.read_text() if warehouse.build_file.is_file() and note.is_file() else new
    if held != new:
        this = "no --data means the sample; name your folder with --data, or"
        raise UsageProblem(
            f"{warehouse.folder} holds {held}; "
            + (
                f"{this} another warehouse with --warehouse"
                if new == _SAMPLE
                else "name another folder with --warehouse, or delete it"
            )
        )
    warehouse.folder.mkdir(parents=True, exist_ok=True)
    note.write_text(new)


def ingestion_code(project: Project) -> Any:
    """The module `ingestion.pipelines` of the project.

    Raises:
        OnecdpError: It can't be imported.
    """
    # The folder is the analyst's, not an installed package.
    if str(project.folder) not in sys.path:
        sys.path.insert(0, str(project.folder))
    try:
        return importlib.import_module("ingestion.pipelines")
    except SyntaxError as error:
        raise OnecdpError(f"{error.filename}, line {error.lineno}: {error.msg}") from error
    except ImportError as error:
        raise OnecdpError(f"the project's ingestion/ can't be imported: {error}") from error


def erasure_unfinished(warehouse: Warehouse) -> bool:
    """Whether `onecdp forget` was interrupted."""
    if not warehouse.build_file.is_file():
        return False
    with connect(warehouse.build_file, read_only=True) as private:
        return is_unfinished(private)


def read_audiences(warehouse: Warehouse) -> tuple[Audience, ...]:
    """Reads the audiences of the private file, with their sizes, in the order of their ids."""
    with connect(warehouse.build_file, read_only=True) as private:
        rows = private.execute(
            "select a.package_id, a.package_name, a.segment_rule, count(p.one_id)"
            " from seeds.audiences as a"
            " left join marts.audience_packages as p on a.package_id = p.package_id"
            " group by all order by a.package_id"
        ).fetchall()
    return tuple(Audience(*row) for row in rows)


class _Clock:
    """Wall time per stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 2)
        self._last = now
