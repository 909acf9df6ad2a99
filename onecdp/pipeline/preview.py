"""Preview: what a load would do, by the project's own ingestion code."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from onecdp.errors import OnecdpError, UsageProblem
from onecdp.pipeline.context import Context
from onecdp.pipeline.ingest import IngestReport, SourceReport, check, one_at_a_time
from onecdp.project.data import Data, parse_data
from onecdp.project.ingestion import load_ingestion


class ColumnPreview(Protocol):
    """A column of files; `column` is None if it is ignored, `unreadable` if no file was read."""

    header: str
    column: str | None
    kind: str
    is_known: bool
    unreadable: int | None


class Layout(Protocol):
    """Files of a table with one header; `absent` are the columns that they don't have."""

    table: str
    files: tuple[str, ...]
    columns: Sequence[ColumnPreview]
    absent: tuple[str, ...]


class Example(Protocol):
    """A row: its file, its line, its values by their columns."""

    file: str
    line: int | None
    values: Mapping[str, str]


class RowGroup(Protocol):
    """Rows that become the same for the same reason; `null` counts values."""

    outcome: str
    reason: str
    rows: int
    examples: Sequence[Example]


class Fix(Protocol):
    """What is likely wrong with a file, and what to do."""

    file: str
    kind: str
    problem: str
    fix: str


class Shown(Protocol):
    """Columns, rows and likely fixes."""

    layouts: Sequence[Layout]
    groups: Sequence[RowGroup]
    fixes: Sequence[Fix]


class SourcePreview(Protocol):
    """What `ingestion.preview.preview` returns.

    Attributes:
        report: What a load would report.
        shown: Columns, rows and likely fixes.
        because: For a file, what tells its source.
        compared_with: The warehouse's file, which is only read; None if there is none yet.
    """

    report: SourceReport
    shown: Shown
    because: str
    compared_with: Path | None


@dataclass(frozen=True)
class PreviewReport:
    """What a load would do.

    Attributes:
        target: The file, or the source's folder.
        preview: What the landing shows.
    """

    target: Data
    preview: SourcePreview

    @property
    def ingest(self) -> IngestReport:
        """What the load would report."""
        return IngestReport((self.preview.report,))


def preview(
    context: Context, target: str, data: Data | None = None, *, source: str | None = None
) -> PreviewReport:
    """Shows what a load of a source or of a file would do; writes nothing to the warehouse.

    Args:
        context: The project and its warehouse.
        target: The name of a source, a file, or a source's folder; the latter two also by URL.
        data: For a source, the folder with its folder in it; None takes the project's sample.
        source: For a file, the source that it is meant for; None finds it out.

    Raises:
        UsageProblem: There is no such file or source, or nothing tells the source of a file.
        OnecdpError: The ingestion code can't be imported, or what it reports as an error.
    """
    code = load_ingestion(context.project.folder)
    if code.preview is None:
        raise OnecdpError(
            "the project's ingestion/ has no preview/; copy it from a project of `onecdp init`"
        )
    known: tuple[str, ...] = code.pipelines.source_names()
    place, name, is_file = _place(context, known, target, data, source)
    context.progress.update(f"check: {place}")
    is_object = is_file and isinstance(place, str)
    show = code.preview.preview_file_at if is_object else code.preview.preview
    try:
        with one_at_a_time:
            found: SourcePreview = show(
                place, name, context.warehouse.folder, context.progress.update
            )
    except code.preview.NoSource as error:
        raise UsageProblem(str(error)) from error
    except code.pipelines.IngestError as error:
        raise OnecdpError(str(error)) from error
    if is_file:
        return PreviewReport(place, found)
    return PreviewReport(place / str(name) if isinstance(place, Path) else f"{place}/{name}", found)


def _place(
    context: Context, known: Sequence[str], target: str, data: Data | None, source: str | None
) -> tuple[Data, str | None, bool]:
    """The file, or the data folder, the source, and whether it is a file."""
    path, expected = Path(target), " or ".join(known)
    if source is not None and source not in known:
        raise UsageProblem(f"no source is called {source!r}; expected {expected}")
    if target in known:
        if source not in (None, target):
            raise UsageProblem(f"{target} is a source itself; leave out --source {source}")
        return check(context.project, data, [target]).data, target, False
    if data is not None:
        raise UsageProblem(f"--data goes with a source: {expected}; {target} is none")
    url = parse_data(target)
    if isinstance(url, str):
        above, _, last = url.rpartition("/")
        is_folder = last in known and source in (None, last)
        return (above, last, False) if is_folder else (url, source, True)
    if path.is_file():
        return path.resolve(), source, True
    name = source or path.resolve().name
    if path.is_dir() and name == path.resolve().name and name in known:
        return path.resolve().parent, name, False
    what = "is a folder" if path.is_dir() else "is neither a file nor a source"
    raise UsageProblem(f"{target} {what}; name a file, or a source with --data DIR: {expected}")
