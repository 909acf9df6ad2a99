"""Writes rows to a file of a random format, and tells the reference what can be read of it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from support.landing_reference import File
from support.landing_writer import (
    DIALECTS,
    PLAIN,
    Dialect,
    Row,
    columns_of,
    csv_bytes,
    jsonl_bytes,
    parquet_bytes,
    xlsx_bytes,
)

# What is read well today.
SOUND = tuple(
    dialect
    for dialect in DIALECTS
    if not (dialect.refused or dialect.name in ("decimal comma", "latin-1"))
)


@dataclass(frozen=True)
class Sent:
    """A file as it is written, and as it is told to the reference; each sheet is a file there."""

    path: str
    body: bytes
    files: tuple[File, ...]


def write_file(
    source: str,
    name: str,
    rows: Sequence[Row],
    formats: Sequence[str],
    dialects: Sequence[Dialect],
    may_split: bool,
) -> Sent:
    """Writes rows in one of the formats, and CSV in one of the dialects.

    A name keeps both, so that a new version of a file has the name of the old one. Workbooks have
    a second sheet where they may be split.
    """
    chance = random.Random(name)
    suffix = chance.choice(formats)
    if suffix == "csv":
        dialect = chance.choice(dialects)
        return _write_csv(source, name, rows, dialect if _can_write(rows, dialect) else PLAIN)
    path = f"{name}.{suffix}"
    if suffix == "jsonl":
        return Sent(f"{source}/{path}", jsonl_bytes(rows), (File(path, rows),))
    if suffix == "parquet":
        return Sent(f"{source}/{path}", parquet_bytes(rows), (File(path, _filled(rows)),))
    cut = chance.randrange(len(rows) + 1) if may_split else 0
    sheets = {title: part for title, part in (("A", rows[:cut]), ("B", rows[cut:])) if part}
    files = [File(f"{path}#{title}", _filled(part)) for title, part in sheets.items()]
    return Sent(f"{source}/{path}", xlsx_bytes(sheets), tuple(files))


def _write_csv(source: str, name: str, rows: Sequence[Row], dialect: Dialect) -> Sent:
    written = [dict(row) for row in _filled(rows)]
    if dialect.decimal_comma:
        for row in written:
            for column, value in row.items():
                if isinstance(value, float | Decimal):
                    row[column] = str(value).replace(".", ",")
    sound = [row for row in written if not _is_broken(row, dialect)]
    path = f"{name}.csv.gz" if dialect.compressed else f"{name}.csv"
    file = File(path, sound, dialect.refused, len(written) - len(sound))
    return Sent(f"{source}/{path}", csv_bytes(rows, dialect=dialect), (file,))


def _filled(rows: Sequence[Row]) -> list[Row]:
    """The rows with all columns of their file: a table has an empty cell where JSON has none."""
    names = columns_of(rows)
    return [{name: row.get(name) for name in names} for row in rows]


def _can_write(rows: Sequence[Row], dialect: Dialect) -> bool:
    """Whether the encoding has all letters, and each broken row will be one line."""
    texts = [str(value) for row in rows for value in row.values()]
    is_latin = dialect.encoding == "latin-1"
    return not is_latin or all(
        max(text, default="a") < "\u0100" and "\n" not in text for text in texts
    )


def _is_broken(row: Row, dialect: Dialect) -> bool:
    """Whether the row is no UTF-8 where it is written in latin-1."""
    return dialect.encoding == "latin-1" and not all(str(v).isascii() for v in row.values())
