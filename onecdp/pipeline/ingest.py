"""Ingest: loads files into the raw tables, by the project's own ingestion code."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from onecdp.errors import OnecdpError, UsageProblem
from onecdp.pipeline.context import Context
from onecdp.printable import printable
from onecdp.project.data import Data
from onecdp.project.find import Project
from onecdp.project.ingestion import load_ingestion

# Says what a warehouse was filled with; a file beside the two databases.
_FILLED_WITH = ".filled-with"
_SAMPLE, _OWN = "the sample", "your own data"

# Loading libraries keep settings per process while they work; dlt does.
one_at_a_time = threading.Lock()


class SourceReport(Protocol):
    """What `ingestion.pipelines.load` reports of a source; counts are rows unless named else.

    Warnings are values of loaded rows that could not be read and are null.
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


@dataclass(frozen=True)
class IngestReport:
    """What was loaded.

    Attributes:
        sources: One report per source, in the order in which they were loaded.
        left_out: What the data folder holds outside of the sources' folders, with the reason why
            it was not read.
    """

    sources: tuple[SourceReport, ...]
    left_out: tuple[tuple[str, str], ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether everything was read, and there was something to read."""
        has_files = any(s.files_loaded or s.files_skipped for s in self.sources)
        is_short = any(s.refused or s.left_out for s in self.sources)
        return has_files and not is_short and not self.left_out


@dataclass(frozen=True)
class Delivery:
    """Data that was checked and can be loaded.

    Attributes:
        data: Its folder, absolute, or the URL of one.
        sources: The sources to load; None loads all.
        withdraw_missing: Whether invoices are withdrawn that no file names any more.
        left_out: What it holds outside of the sources' folders, with the reason why it is not read.
        unknown: Folders that belong to no source.
    """

    data: Data
    sources: tuple[str, ...] | None
    withdraw_missing: bool = False
    left_out: tuple[tuple[str, str], ...] = ()
    unknown: tuple[str, ...] = ()


def ingest(
    context: Context,
    data: Data | None = None,
    *,
    sources: Sequence[str] | None = None,
    withdraw_missing: bool = False,
) -> IngestReport:
    """Loads the files of `data`; files already loaded are skipped.

    Args:
        context: The project and its warehouse.
        data: A folder with a folder per source, or the URL of one; None loads the project's sample.
        sources: Names of the sources to load; None loads all.
        withdraw_missing: Withdraw the invoices that the files which brought them are there for,
            but no file names any more.

    Raises:
        UsageProblem: There is no such source, no such data, or the sample would be mixed with the
            user's own data.
        OnecdpError: The ingestion code can't be imported, or what it reports as an error.
    """
    delivery = check(context.project, data, sources, withdraw_missing=withdraw_missing)
    with context.lock("onecdp ingest"):
        return load(context, delivery)


def check(
    project: Project,
    data: Data | None,
    sources: Sequence[str] | None = None,
    *,
    withdraw_missing: bool = False,
) -> Delivery:
    """Returns what is to be loaded; takes no lock and writes nothing.

    Raises:
        UsageProblem: A source isn't one of the project's, or `data` isn't there, or it has no
            folder of any source and no live reader is configured.
    """
    data = project.sample_data if data is None else data
    pipelines = load_ingestion(project.folder).pipelines
    known: tuple[str, ...] = pipelines.source_names()
    chosen = known if sources is None else tuple(name for name in known if name in sources)
    if unknown := [name for name in sources or () if name not in known]:
        raise UsageProblem(f"no source is called {unknown[0]!r}; expected {' or '.join(known)}")
    expected = "expected a folder with any of " + " ".join(f"{source}/" for source in chosen)
    if isinstance(data, Path) and not data.is_dir():
        raise UsageProblem(f"{data} is not a folder; {expected}")
    problem = None
    try:
        is_live = bool(set(chosen) & set(pipelines.live_sources()))
        if isinstance(data, Path):
            names = _names(data, known)
        else:
            names, problem = pipelines.top_level(data)
    except pipelines.IngestError as error:
        raise OnecdpError(str(error)) from error
    if problem and not is_live:
        raise OnecdpError(f"{data} {problem}")
    left_out, foreign = _outside(names, known)
    has_files = any(is_folder and name in chosen for name, is_folder in names)
    if not has_files and not is_live:
        near = "".join(f"; {name} {reason}" for name, reason in left_out if name.endswith("/"))
        raise UsageProblem(f"{data} holds no source; {expected}{near}")
    chosen_only = None if sources is None else chosen
    place = data.resolve() if isinstance(data, Path) else data
    return Delivery(place, chosen_only, withdraw_missing, left_out, foreign)


def _names(data: Path, known: Sequence[str]) -> list[tuple[str, bool]]:
    """The names in a folder, each with whether it is a folder itself."""
    names: list[tuple[str, bool]] = []
    for path in sorted(data.iterdir()):
        source = next((s for s in known if s == path.name.strip().casefold()), None)
        # A file system may take `Retail` for `retail`.
        is_read = source is not None and (data / source).exists() and path.samefile(data / source)
        names.append((source if source and is_read else path.name, path.is_dir()))
    return names


def _outside(
    names: Sequence[tuple[str, bool]], known: Sequence[str]
) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
    """What data holds besides the folders of sources: what is left out, and unknown folders."""
    left_out: list[tuple[str, str]] = []
    unknown: list[str] = []
    for name, is_folder in names:
        if name.startswith(".") or (is_folder and name in known):
            continue
        source = next((s for s in known if s == name.strip().casefold()), None)
        if source is not None and is_folder:
            left_out.append((f"{printable(name)}/", f"is not read; rename it to {source}/"))
        elif is_folder:
            unknown.append(f"{printable(name)}/")
        else:
            left_out.append((printable(name), "is in no source's folder; move it into one"))
    return tuple(left_out), tuple(unknown)


def load(context: Context, delivery: Delivery) -> IngestReport:
    """Loads checked data; the caller holds the lock.

    Raises:
        OnecdpError: What ingestion reports as an error.
        UsageProblem: The sample would be mixed with the user's own data.
    """
    project, progress = context.project, context.progress
    progress.update("ingest: starting")
    pipelines = load_ingestion(project.folder).pipelines
    _keep_sample_apart(project, delivery.data)
    for name in delivery.unknown:
        progress.note(f"{name}: no source has this name; it is not read")
    try:
        progress.update(f"ingest: files of {delivery.data}")
        with one_at_a_time:
            reports: Sequence[SourceReport] = pipelines.load(
                delivery.data,
                project.warehouse.folder,
                progress.note,
                sources=delivery.sources,
                withdraw_missing=delivery.withdraw_missing,
            )
    except pipelines.IngestError as error:
        raise OnecdpError(str(error)) from error
    return IngestReport(
        tuple(reports), tuple((name, f"it {reason}") for name, reason in delivery.left_out)
    )


def _keep_sample_apart(project: Project, data: Data) -> None:
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
