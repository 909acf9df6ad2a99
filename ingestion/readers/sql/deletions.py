"""Rows that were deleted at the source: found by comparing all of its keys with the stored ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pyarrow as pa

from ...declaration import TableSpec
from ...landing.arrivals import LINE, Chunk, Place, Refused
from ..header import CHUNK_ROWS
from ..reader import Context
from .columns import deletion
from .remote import RemoteTable
from .settings import TableSettings


def find_deletions(
    remote: RemoteTable, spec: TableSpec, settings: TableSettings, context: Context, now: str
) -> Place | None:
    """The stored rows that the source has deleted; None if none are, or it isn't yet time to look.

    Only rows that this reader brought are compared: what came in files stays.

    Raises:
        Refused: The table can't tell a deletion, or the database stopped answering.
    """
    if settings.detect_deletes is None:
        return None
    told = deletion(spec)
    if told is None or spec.group:
        raise Refused(f"detect_deletes: {spec.table} has no column that tells a deletion")
    stream = f"sql/{spec.table}/deleted"
    last = context.loaded.positions.get(stream)
    pause = dt.timedelta(hours=settings.detect_deletes)
    time = dt.datetime.now(dt.UTC)
    if last is not None and time - dt.datetime.fromisoformat(last) < pause:
        return None
    keys = remote.header.remote_of(spec.key)
    names = [column.name for column in keys]
    present = (rows.rename_columns(names) for rows in remote.read(keys))
    gone = context.find_gone(spec, present, f"sql/{spec.table}/")
    if not gone.num_rows and not pause:
        return None
    name = f"{stream}/{now}"
    return Place(name, name, lambda: _chunks(gone, told, time.isoformat()), stream=stream)


def _chunks(gone: pa.Table, told: tuple[str, str], position: str) -> Iterator[Chunk]:
    marks = pa.repeat(pa.scalar(told[1]), gone.num_rows)
    lines = pa.array(range(1, gone.num_rows + 1), pa.int64())
    rows = gone.append_column(told[0], marks).append_column(LINE, lines)
    for start in range(0, max(rows.num_rows, 1), CHUNK_ROWS):
        yield Chunk(rows.slice(start, CHUNK_ROWS), position=position)
