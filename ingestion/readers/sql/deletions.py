"""Rows that were deleted at the source: found by comparing all of its keys with the stored ones."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from ...declaration import TableSpec
from ...landing.arrivals import LINE, Chunk, Place, Refused
from ..header import CHUNK_ROWS
from ..reader import Context
from .columns import deletion
from .remote import RemoteTable
from .settings import TableSettings

_FEW = 1_000
"""Keys in one statement; where more are back, the table is read as a whole."""


@dataclass(frozen=True)
class Deletions:
    """What a comparison of keys has found.

    Attributes:
        place: Of the deleted rows; None if there is nothing to store.
        returned: SQL for whether a row is there again that an earlier comparison found deleted;
            None if none is.
    """

    place: Place | None = None
    returned: str | None = None


def find_deletions(
    remote: RemoteTable, spec: TableSpec, settings: TableSettings, context: Context, now: str
) -> Deletions:
    """Compares the keys of the source with the stored ones, if it is time to.

    Only rows that this reader brought are compared: what came in files stays. A row that comes back
    with the cursor that it had, as from a backup, is found by its key alone.

    Raises:
        Refused: The table can't tell a deletion, or the database stopped answering.
    """
    if settings.detect_deletes is None:
        return Deletions()
    told = deletion(spec)
    if told is None or spec.group:
        raise Refused(f"detect_deletes: {spec.table} has no column that tells a deletion")
    stream = f"sql/{spec.table}/deleted"
    last = context.loaded.positions.get(stream)
    pause = dt.timedelta(hours=settings.detect_deletes)
    time = dt.datetime.now(dt.UTC)
    if last is not None and time - dt.datetime.fromisoformat(last) < pause:
        return Deletions()
    keys = remote.header.remote_of(spec.key)
    names = [column.name for column in keys]
    present = (rows.rename_columns(names) for rows in remote.read(keys))
    found = context.compare_keys(spec, present, f"sql/{spec.table}/", marked_by=f"{stream}/")
    gone, returned = found.gone, None
    if found.back.num_rows:
        back = zip(*(found.back[name].to_pylist() for name in names), strict=True)
        few = found.back.num_rows <= _FEW
        returned = remote.dialect.among(keys, back) if few else "true"
    name = f"{stream}/{now}"
    place = Place(name, name, lambda: _chunks(gone, told, time.isoformat()), stream=stream)
    return Deletions(place if gone.num_rows or pause else None, returned)


def _chunks(gone: pa.Table, told: tuple[str, str], position: str) -> Iterator[Chunk]:
    marks = pa.repeat(pa.scalar(told[1]), gone.num_rows)
    lines = pa.array(range(1, gone.num_rows + 1), pa.int64())
    rows = gone.append_column(told[0], marks).append_column(LINE, lines)
    for start in range(0, max(rows.num_rows, 1), CHUNK_ROWS):
        yield Chunk(rows.slice(start, CHUNK_ROWS), position=position)
