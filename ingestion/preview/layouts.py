"""Which columns files have, what they are read as, and how many of their values can't be read."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from onecdp.identity.personal import hide_plain

from ..declaration import Kind, TableSpec
from ..landing.arrivals import INDEX
from ..landing.header_names import column_of
from ..landing.landed import Landed
from ..raw_tables import FILE_OF
from ..readers.discover import SourceFile
from .headers import best_header, read_headers
from .report import ColumnPreview, Layout

# How a reason names a value: `column: 'value' is …`.
TOLD = r"(\w+): '(.*?)' [a-z]"
_WORDS = {
    Kind.CODE: "identifier",
    Kind.EMAIL_HASH: "e-mail address, hashed",
    Kind.PHONE_HASH: "phone number, hashed",
}


def layouts(
    landed: Landed, places: Mapping[str, Sequence[str]], files: Mapping[str, SourceFile]
) -> list[Layout]:
    """Groups places by their headers.

    Args:
        landed: What the landing brought.
        places: The names of the new places of each table.
        files: The files among them, by their names.
    """
    unreadable = _count_unreadable(landed)
    refused = {name for name, _ in landed.refused}
    # Of a place that is no file, the columns are known once it is read.
    read: dict[str, list[str]] = {}
    for name, columns in landed.connection.execute(
        f"select file, columns from {landed.loads} where columns is not null"
    ).fetchall():
        read[name] = json.loads(columns)
    found: list[Layout] = []
    for spec, _ in landed.tables:
        by_header: dict[tuple[str, ...], list[str]] = {}
        for name in places.get(spec.table, ()):
            header = best_header(read_headers(files[name]), spec) if name in files else None
            names = header.names if header else tuple(read.get(name, ()))
            by_header.setdefault(names, []).append(name)
        found += [
            _layout(spec, header, names, unreadable, is_read=not refused.issuperset(names))
            for header, names in by_header.items()
            if header
        ]
    return found


def _layout(
    spec: TableSpec,
    header: Sequence[str],
    files: Sequence[str],
    unreadable: Mapping[tuple[str, str], int],
    *,
    is_read: bool,
) -> Layout:
    columns = [_column(name, no, spec, files, unreadable) for no, name in enumerate(header, 1)]
    if not is_read:
        columns = [replace(column, unreadable=None) for column in columns]
    present = {column.column for column in columns}
    absent = tuple(c.name for c in spec.columns if c.name not in present)
    return Layout(spec.table, tuple(files), tuple(columns), absent)


def _column(
    header: str,
    position: int,
    spec: TableSpec,
    files: Iterable[str],
    unreadable: Mapping[tuple[str, str], int],
) -> ColumnPreview:
    name = column_of(header.strip(), position, spec)
    if name == INDEX:
        return ColumnPreview(header, None, "ignored", False, 0)
    kind = spec.kind_of(name)
    is_known = spec.known(header.strip()) is not None or kind.is_code
    words = _WORDS.get(kind, str(kind))
    count = sum(unreadable.get((file, name), 0) for file in files)
    # Of a file without a header, they are values.
    header, name = hide_plain(header, spec.personal), hide_plain(name, spec.personal)
    return ColumnPreview(header, name, words, is_known, count)


def _count_unreadable(landed: Landed) -> dict[tuple[str, str], int]:
    """How many values of each file and column can't be read."""
    found = landed.connection.execute(
        f"select file, column_name, count(*) from ({unreadable_values(landed)}) group by all",
        [TOLD],
    )
    return {(name, column): count for name, column, count in found.fetchall()}


def unreadable_values(landed: Landed) -> str:
    """SQL for the values that can't be read: file, column_name and value; its parameter is TOLD."""
    file = FILE_OF.format("file")
    optional = " union all ".join(
        f"select {file} as file, column_name, value from {view} anti join hidden using (file, line)"
        for view in landed.unreadable
    )
    # Of required and decisive columns, the reason of the row tells.
    return f"""with hidden as (
            -- Quarantined rows that name an erased person are not quoted.
            select file, line from {landed.quarantine} where line is not null and payload is null
        )
        {optional}
        union all
        select * exclude (quarantine_id) from (
            select distinct quarantine_id, {file} as file,
                unnest(regexp_extract_all(reason, $1, 1)) as column_name,
                unnest(regexp_extract_all(reason, $1, 2)) as value
            from {landed.quarantine} where line is not null
        )"""
