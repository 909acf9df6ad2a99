"""Shows what a load of a source or of a file would do, with the project's settings."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from onecdp.warehouse.files import Warehouse

from ..dlt_load import reading
from ..pipelines import SOURCES, SourceReport, project_settings, report_of, tables, with_settings
from .one_file import find_table
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
    target: Path,
    source: str | None,
    warehouse: Path,
    notify: Callable[[str], None],
) -> SourcePreview:
    """Shows what a load would do; nothing is written to the warehouse.

    Args:
        target: A file, or a data folder with the folder of `source`.
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
    with tempfile.TemporaryDirectory(prefix="onecdp-check-") as work, project_settings(Path(work)):
        declared = with_settings(declared)
        because = ""
        if target.is_file():
            meant = find_table(target, declared, source)
            source, because = meant.spec.source, meant.because
        (found,) = (each for each in SOURCES if each.name == source)
        specs = [spec for spec in declared if spec.source == source]
        with reading(found.name, database):
            landed, shown = (
                preview_file(target, meant.spec, found, specs, database, notify)
                if target.is_file()
                else preview_source(found, specs, target, database, notify)
            )
    report = report_of(landed, time.monotonic() - start)
    return SourcePreview(report, shown, because, database if database.exists() else None)
