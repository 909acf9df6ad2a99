"""Lands a source, or one file of it, as a load would, and writes nothing to the warehouse."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb

from ..declaration import TableSpec
from ..landing.arrivals import Arrivals, Ledger, Notify, Refused
from ..landing.gone import compare_keys
from ..landing.land import land
from ..landing.landed import Landed
from ..landing.scratch import open_scratch
from ..pipelines import live_beside
from ..readers.discover import SourceFile, source_file
from ..readers.files import Files
from ..readers.live import list_arrivals
from ..readers.objects import ObjectFolder, list_files
from ..readers.reader import Context
from ..sources.source import Source
from .fixes import fixes
from .layouts import layouts
from .one_file import list_file
from .report import Preview
from .rows import row_groups


def preview_source(
    source: Source,
    tables: Sequence[TableSpec],
    data_dir: Path | ObjectFolder,
    database: Path,
    notify: Notify,
) -> tuple[Landed, Preview]:
    """Shows what a load of the source's new places would do.

    Args:
        source: The source.
        tables: Its tables, with the project's settings.
        data_dir: The folder with the source's folder in it.
        database: The warehouse's file; need not exist.
        notify: Gets the progress.

    Returns:
        What the landing says, its connection closed, and what it shows.
    """
    folder = data_dir / source.name

    def list_places(context: Context) -> Mapping[str, Arrivals]:
        live = live_beside(source.name, data_dir)
        return list_arrivals(source.reader, live, tables, context)

    try:
        files = {file.name: file for file in list_files(folder, excel=True).files}
    except Refused:
        files = {}  # the landing tells why
    return _preview(tables, list_places, folder, files, database, notify)


def preview_file(
    path: Path,
    spec: TableSpec,
    source: Source,
    tables: Sequence[TableSpec],
    database: Path,
    notify: Notify,
) -> tuple[Landed, Preview]:
    """Shows what a load would do with one file, which may be anywhere.

    Args:
        path: The file.
        spec: The table that it is meant for.
        source: The source of the table.
        tables: All tables of the source.
        database: The warehouse's file; need not exist.
        notify: Gets the progress.
    """
    excel = isinstance(source.reader, Files) and source.reader.excel
    files: dict[str, SourceFile] = {}
    skipped: list[str] = []

    def list_places(context: Context) -> Mapping[str, Arrivals]:
        found, known = list_file(path, spec, context, excel=excel)
        skipped.extend([known] if known else [])
        for place in found.new:
            if file := source_file(path, place.name, excel):
                files[place.name] = file
        return {spec.table: found}

    landed, preview = _preview(tables, list_places, path.parent, files, database, notify)
    notices = [(name, "its content was loaded: a load skips it") for name in skipped]
    return replace(landed, notices=(*notices, *landed.notices)), preview


def _preview(
    tables: Sequence[TableSpec],
    list_places: Callable[[Context], Mapping[str, Arrivals]],
    folder: Path | ObjectFolder,
    files: Mapping[str, SourceFile],
    database: Path,
    notify: Notify,
) -> tuple[Landed, Preview]:
    listed: dict[str, Arrivals] = {}
    with _scratch() as (connection, scratch):

        def places(loaded: Ledger) -> Mapping[str, Arrivals]:
            context = Context(folder, loaded, scratch, notify, partial(compare_keys, connection))
            listed.update(list_places(context))
            return listed

        landed = land(connection, tables, places, database, notify)
        names = {
            table: [*(place.name for place in arrivals.new)] for table, arrivals in listed.items()
        }
        specs = {name: spec for spec in tables for name in names.get(spec.table, ())}
        return landed, Preview(
            tuple(layouts(landed, names, files)),
            tuple(row_groups(landed)),
            tuple(fixes(landed, specs, files)),
        )


@contextmanager
def _scratch() -> Iterator[tuple[duckdb.DuckDBPyConnection, Path]]:
    """A scratch database and folder outside of the warehouse."""
    with tempfile.TemporaryDirectory(prefix="onecdp-check-") as folder:
        connection = open_scratch(Path(folder))
        try:
            yield connection, Path(folder)
        finally:
            connection.close()
