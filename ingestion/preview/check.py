"""Shows what a load of a source or of a file would do, with the project's settings."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from onecdp.warehouse.files import Warehouse

from ..data_folder import REMEMBERED, opened_data
from ..dlt_load import reading
from ..pipelines import SOURCES, IngestError, SourceReport, report_of, tables
from ..project_settings import project_settings, with_settings
from ..readers.objects import ObjectFolder, copy_in_tree
from .one_file import NoSource, find_table
from .preview import preview_file, preview_source
from .report import Preview


@dataclass(frozen=True)
class SourcePreview:
    """What a load of a source, or of one file, would do.

    Attributes:
        report: What it would report; the files are those that it would load.
        shown: Columns, rows and likely fixes.
        because: For a file, what tells its source.
        compared_with: The warehouse's file, which is only read; None if there is none yet.
    """

    report: SourceReport
    shown: Preview
    because: str
    compared_with: Path | None


def preview(
    target: Path | str,
    source: str | None,
    warehouse: Path,
    notify: Callable[[str], None],
) -> SourcePreview:
    """Shows what a load would do; nothing is written to the warehouse.

    Args:
        target: A file, or a data folder with the folder of `source`, or the URL of one.
        source: The name of the source; of a file None, if it is to be found out.
        warehouse: The warehouse folder; need not exist.
        notify: gets a line of text for every step of the work.

    Raises:
        IngestError: A load would stop.
        NoSource: Nothing tells the source of a file.
    """
    declared = tables()
    database = Warehouse(warehouse.resolve()).build_file
    start = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="onecdp-check-") as work,
        project_settings(Path(work)),
        opened_data(target, Path(work), Path(work, REMEMBERED)) as place,
    ):
        declared = with_settings(declared)
        because = ""
        file = place if isinstance(place, Path) and place.is_file() else None
        if file:
            meant = find_table(file, declared, source)
            source, because = meant.spec.source, meant.because
        (found,) = (each for each in SOURCES if each.name == source)
        specs = [spec for spec in declared if spec.source == source]
        with reading(found.name, database):
            landed, shown = (
                preview_file(file, meant.spec, found, specs, database, notify)
                if file
                else preview_source(found, specs, place, database, notify)
            )
    report = report_of(landed, time.monotonic() - start)
    return SourcePreview(report, shown, because, database if database.exists() else None)


def preview_file_at(
    url: str, source: str | None, warehouse: Path, notify: Callable[[str], None]
) -> SourcePreview:
    """Shows what a load would do with one file in object storage.

    Args:
        url: The URL of the file.
        source: As for `preview`.
        warehouse: As for `preview`.
        notify: As for `preview`.

    Raises:
        IngestError: It can't be fetched, or a load would stop.
        NoSource: Nothing tells the source of the file.
    """
    with tempfile.TemporaryDirectory(prefix="onecdp-check-") as folder:
        copy = fetch(url, Path(folder))
        try:
            return preview(copy, source, warehouse, notify)
        except NoSource as error:
            raise NoSource(str(error).replace(str(copy), url)) from None


def fetch(url: str, into: Path) -> Path:
    """Copies a file from object storage, into folders below `into` that are called as in its URL.

    Raises:
        IngestError: It can't be fetched.
    """
    above, _, name = url.rpartition("/")
    with project_settings(into), opened_data(above, into, into / REMEMBERED) as found:
        assert isinstance(found, ObjectFolder)
        try:
            return copy_in_tree(found, name, into)
        except OSError as error:
            raise IngestError(f"{url} can't be read: {error}") from error
