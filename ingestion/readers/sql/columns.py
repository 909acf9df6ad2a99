"""The columns of a remote table: which are read, under which names, and as which text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...declaration import TableSpec
from ...landing.arrivals import LINE, Refused
from ..header import require_columns, resolve_header
from .settings import TableSettings

_TIME = "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{1,6})?$"


class Sort(StrEnum):
    """What a remote column holds, as far as its text depends on it."""

    NUMBER = "number"
    DATE = "date"
    LOCAL_TIME = "local time"
    """Without a zone: what the settings say, or UTC."""
    INSTANT = "instant"
    """Its text is in UTC."""
    BYTES = "bytes"
    """Its text is hexadecimal."""
    BITS = "bits"
    TEXT = "text"


@dataclass(frozen=True)
class RemoteColumn:
    """A column that is read: its name there and here, and what it holds."""

    remote: str
    name: str
    sort: Sort


@dataclass(frozen=True)
class Header:
    """The columns of a remote table that are read.

    Attributes:
        columns: In the order of the remote table.
        added: A column of ours that tells a deletion, which the remote table does not have, and
            what it is for a row that is there.
        local_zone: The zone of times without one; None is UTC.
    """

    columns: tuple[RemoteColumn, ...]
    added: tuple[str, str] | None
    local_zone: str | None

    @property
    def names(self) -> list[str]:
        """Our names, in order."""
        return [column.name for column in self.columns]

    def remote_of(self, names: Sequence[str]) -> list[RemoteColumn]:
        """Those that have one of our names."""
        return [column for column in self.columns if column.name in names]

    def chunk_table(self, rows: pa.Table, first_line: int) -> pa.Table:
        """The table of a chunk, out of rows with a column of text per column of the header."""
        arrays = [
            _in_utc(column, self.local_zone)
            if self.local_zone and one.sort is Sort.LOCAL_TIME
            else column.cast(pa.string())
            for one, column in zip(self.columns, rows.columns, strict=True)
        ]
        names = self.names
        if self.added:
            names.append(self.added[0])
            arrays.append(pa.repeat(pa.scalar(self.added[1]), rows.num_rows))
        lines = pa.array(np.arange(first_line, first_line + rows.num_rows))
        return pa.table([*arrays, lines], names=[*names, LINE])

    def empty(self) -> pa.Table:
        """The table of a chunk without rows."""
        no_rows = pa.table([pa.array([], pa.string()) for _ in self.columns], self.names)
        return self.chunk_table(no_rows, 1)


def choose_columns(
    spec: TableSpec,
    settings: TableSettings,
    found: Sequence[tuple[str, Sort]],
    time_zone: str | None,
) -> Header:
    """Chooses what to read: known columns, declared identifiers and those that the settings name.

    Others stay where they are: a database holds much that was never meant for a warehouse.

    Args:
        spec: The raw table.
        settings: Of the table.
        found: The columns of the remote table.
        time_zone: Of times without a zone.

    Raises:
        Refused: A required column is missing, or one that the settings name.
    """
    remote = [name for name, _ in found]
    if gone := [name for name in settings.columns if name not in remote]:
        listed = ", ".join(remote)
        raise Refused(f"{settings.table} has no column {gone[0]}; columns found: {listed}")
    # What the settings don't name must not take the name of what they do.
    mapped = set(settings.columns.values())
    known = {column.name for column in spec.columns} | {ours for _, ours in spec.own_names}
    known |= {name for i in spec.identifiers for name in (i.column, i.type_column)}
    wanted = known | mapped
    for theirs, ours in settings.columns.items():
        if resolve_header([ours], spec) != [ours]:
            raise Refused(f"{theirs} can't be called {ours!r}; use small letters and underlines")
        if not spec.keeps_undeclared and ours not in known:
            raise Refused(
                f"{spec.source} takes {ours} only if [sources.{spec.source}.columns] names it"
            )
    names = [settings.columns.get(name) or resolve_header([name], spec)[0] for name in remote]
    columns = [
        RemoteColumn(theirs, ours, sort)
        for (theirs, sort), ours in zip(found, names, strict=True)
        if ours in wanted and (theirs in settings.columns or ours not in mapped)
    ]
    resolve_header([column.name for column in columns], spec)
    # The last part of a key may be a number that the landing gives to equal lines.
    key = [name for name in spec.key if spec.group is None or name != "line_number"]
    require_columns([c.name for c in columns], spec, remote)
    if missing := [name for name in key if name not in {c.name for c in columns}]:
        raise Refused(f"{settings.table} has no column {missing[0]}, which is a key")
    return Header(tuple(columns), _marker(spec, columns), time_zone)


def deletion(spec: TableSpec) -> tuple[str, str] | None:
    """The column that tells a deletion and its value for a deleted row; None if there is none."""
    if spec.deleted:
        return spec.deleted, "true"
    return (spec.active, "false") if spec.active else None


def _marker(spec: TableSpec, columns: Sequence[RemoteColumn]) -> tuple[str, str] | None:
    told = deletion(spec)
    if told is None or told[0] in {column.name for column in columns}:
        return None
    return told[0], "false" if told[1] == "true" else "true"


def _in_utc(column: pa.ChunkedArray, zone: str) -> pa.ChunkedArray:
    """Times of a zone, as text in UTC; what is no time, such as a zero date, stays as it is."""
    column = column.cast(pa.string())
    is_time = pc.fill_null(pc.match_substring_regex(column, _TIME), False)
    # Zero dates look like times, too.
    is_zero = pc.match_substring_regex(column, "^0000|^....-00|^....-..-00")
    is_time = pc.and_(is_time, pc.invert(pc.fill_null(is_zero, False)))
    times = _as_times(pc.if_else(is_time, column, pa.scalar(None, pa.string())))
    is_time = times.is_valid()
    times = pc.assume_timezone(times, zone, ambiguous="earliest", nonexistent="earliest")
    text: Any = times.cast(pa.timestamp("us", "UTC")).cast(pa.timestamp("us")).cast(pa.string())
    return pc.if_else(is_time, text, column)


def _as_times(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts as times; null for days that no calendar has, which a server may let in."""
    try:
        return texts.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:
        found = [_as_time(text) for text in texts.to_pylist()]
        return pa.chunked_array([found], pa.timestamp("us"))


def _as_time(text: str | None) -> dt.datetime | None:
    try:
        return None if text is None else dt.datetime.fromisoformat(text)
    except ValueError:
        return None
