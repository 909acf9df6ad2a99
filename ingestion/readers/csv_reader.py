"""Reads CSV line by line, so that one broken row costs one row."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..declaration import TableSpec
from ..landing.arrivals import LINE, MAX_RECORD, BrokenRow, Chunk, Refused, string_table
from .csv_blocks import read_sound_lines
from .header import CHUNK_ROWS, require_columns, resolve_header
from .lines import MAX_LINE, PIECE, pieces, text_blocks

_OTHER_SEPARATORS = ((";", "semicolon"), ("\t", "tab"), ("|", "pipe"), ("^", "caret"))
# What `str.strip` removes.
_BLANKS = "".join(char for char in map(chr, range(0x3001)) if char.isspace())


class _KeyNames:
    """Tells a row that is another header: its required fields hold the names of columns."""

    def __init__(self, names: Sequence[str], header: Sequence[str], spec: TableSpec) -> None:
        self._places = [names.index(name) for name in spec.required_in(names)]
        known = (*spec.known_names, *header)
        self._spellings = {name.strip().casefold() for name in known}

    def are_in(self, row: list[str]) -> bool:
        places, spellings = self._places, self._spellings
        # Most rows are told by their first key alone.
        if not places or row[places[0]].strip().casefold() not in spellings:
            return False
        return all(row[place].strip().casefold() in spellings for place in places)

    def may_be_in(self, rows: pa.Table) -> bool:
        """Whether a row may be another header, by its first required field."""
        if not self._places:
            return False
        keys = rows.column(self._places[0])
        # Only in ASCII is lower case all that `casefold` does.
        is_ascii = pc.string_is_ascii(keys)
        lower = pc.ascii_lower(pc.utf8_trim(keys, _BLANKS))
        is_name = pc.is_in(lower, pa.array(sorted(self._spellings), pa.string()))
        others = keys.filter(pc.invert(is_ascii)).to_pylist()
        return bool(
            pc.any(is_name).as_py() or any(k.strip().casefold() in self._spellings for k in others)
        )


class _Lines:
    """The physical lines of a stream, for `csv.reader`, able to step back within a record."""

    def __init__(self, stream: BinaryIO) -> None:
        self._blocks = text_blocks(stream)
        self._pieces: Iterator[bytes] = iter(())
        self._back: list[bytes] = []
        self.number = 0
        self.record: list[bytes] = []
        self.flaw: str | None = None
        self._size = 0

    def __iter__(self) -> _Lines:
        return self

    @property
    def is_stepped_back(self) -> bool:
        """Whether lines that were read before are still to be handed out."""
        return bool(self._back)

    def sound_rows(
        self, names: Sequence[str], headers: Sequence[Sequence[str]], key_names: _KeyNames
    ) -> pa.Table | None:
        """Reads the lines of a block together; None if one may be no sound row, or at the end.

        A block with such a line is read in pieces, and the lines of a piece with one are handed out
        one by one.
        """

        def read(text: bytes) -> pa.Table | None:
            rows = read_sound_lines(text, names, headers)
            return None if rows is None or key_names.may_be_in(rows) else rows

        text = next(self._pieces, b"")
        if not text:
            text = next(self._blocks, b"")
            if len(text) > PIECE:
                rows = read(text)
                if rows is not None:
                    return self._numbered(rows)
                self._pieces = pieces(text)
                text = next(self._pieces)
        rows = read(text)
        if rows is not None and rows.num_rows:
            return self._numbered(rows)
        self._back = text.splitlines(keepends=True)[::-1]
        return None

    def _numbered(self, rows: pa.Table) -> pa.Table:
        first = self.number + 1
        self.number += rows.num_rows
        return rows.append_column(LINE, pa.array(np.arange(first, self.number + 1)))

    def start(self) -> None:
        """Marks the start of a record."""
        self.record = []
        self.flaw = None
        self._size = 0

    def __next__(self) -> str:
        if not self._back:
            text = next(self._pieces, b"") or next(self._blocks)
            self._back = text.splitlines(keepends=True)[::-1]
        raw = self._back.pop()
        self.number += 1
        if self.number == 1:
            raw = raw.removeprefix(codecs.BOM_UTF8)
        self.record.append(raw)
        self._size += len(raw)
        if self._size > MAX_RECORD:
            # An unclosed quote would go on to the end of the file; a row this long is broken.
            one = len(self.record) == 1
            raise csv.Error("row is longer than 1 MiB" if one else "a quote is not closed")
        if b"\0" in raw:
            self.flaw = "row holds a NUL byte"
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            self.flaw = f"row is not valid UTF-8 (byte {error.object[error.start]:#04x})"
            return raw.decode("utf-8", "backslashreplace")

    def step_back(self, reason: str) -> BrokenRow:
        """Gives the first line of the record as broken and hands out the others again."""
        first, *others = self.record
        self._back.extend(reversed(others))
        self.number -= len(others)
        text = first.decode("utf-8", "backslashreplace").rstrip("\r\n").replace("\0", "\\x00")
        return BrokenRow(self.number, reason, text)


def read_csv(stream: BinaryIO, spec: TableSpec) -> Iterator[Chunk]:
    """Yields the rows of a comma-separated UTF-8 file with a header.

    Empty lines are no rows. A row with the wrong number of fields, an unclosed quote, invalid
    UTF-8 or more than 1 MiB is broken, as is the header if it comes again; reading goes on with
    the line after its first.

    Raises:
        Refused: the header cannot be read or lacks a required column.
    """
    csv.field_size_limit(MAX_LINE)
    lines = _Lines(stream)
    reader = csv.reader(lines, strict=True)
    header = _header(lines, reader, spec)
    names = resolve_header(header, spec)
    require_columns(names, spec, header)
    width = len(names)
    # Files that were put together have it again, perhaps with the mark of a file's beginning.
    headers = (header, ["\ufeff" + header[0], *header[1:]])
    key_names = _KeyNames(names, header, spec)
    rows: list[list[str]] = []
    numbers: list[int] = []
    broken: list[BrokenRow] = []
    while True:
        if not lines.is_stepped_back:
            sound = lines.sound_rows(names, headers, key_names)
            is_full = len(rows) + len(broken) >= CHUNK_ROWS
            if (rows or broken) and (is_full or sound is not None):
                yield Chunk(string_table(names, zip(*rows, strict=True), numbers), broken)
                rows, numbers, broken = [], [], []
            if sound is not None:
                yield Chunk(sound)
                continue
        lines.start()
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            broken.append(lines.step_back(_plain(error, lines.record)))
            continue
        if not row:
            continue
        if lines.flaw is not None:
            broken.append(lines.step_back(lines.flaw))
        elif len(row) != width:
            reason = f"row has {len(row)} fields, the header has {width}"
            broken.append(lines.step_back(reason))
        elif row in headers:
            broken.append(lines.step_back("row repeats the header"))
        elif key_names.are_in(row):
            number = lines.number - len(lines.record) + 1
            raise Refused(f"line {number} is a header with other columns; split the file there")
        else:
            rows.append(row)
            numbers.append(lines.number - len(lines.record) + 1)
    yield Chunk(string_table(names, zip(*rows, strict=True), numbers), broken)


def _header(lines: _Lines, reader: Iterator[list[str]], spec: TableSpec) -> list[str]:
    header: list[str] = []
    while not header:
        lines.start()
        try:
            header = next(reader)
        except StopIteration:
            raise Refused("has no header") from None
        except csv.Error as error:
            _check_separator(lines.record, [], spec)
            raise Refused(
                f"has a header that cannot be read: {_plain(error, lines.record)}"
            ) from error
        if lines.flaw is not None:
            raise Refused(f"has a header that cannot be read: {lines.flaw}")
    _check_separator(lines.record, header, spec)
    quoted = [name for name in header if name.strip()]
    if quoted and all(len(n.strip()) > 1 and n.strip()[0] == n.strip()[-1] == "'" for n in quoted):
        raise Refused("quotes its fields with '; save it with \"")
    return header


def _check_separator(record: list[bytes], header: list[str], spec: TableSpec) -> None:
    """Refuses a header that makes sense only with another separator than the comma."""
    required = set(spec.required)
    # Of a table of which nothing is known, one column is none.
    if len(header) > 1 if not required else required <= set(map(spec.known, header)):
        return
    text = record[0].decode("utf-8-sig", "replace").rstrip("\r\n")
    for separator, name in _OTHER_SEPARATORS:
        fields = next(csv.reader([text], delimiter=separator), [])
        if len(fields) > 1 and required <= set(map(spec.known, fields)):
            raise Refused(f"looks {name}-separated; save it with commas")


def _plain(error: csv.Error, record: Sequence[bytes]) -> str:
    text = str(error)
    # A quote that is not closed goes on to a quote in another line.
    if "unexpected end of data" in text or ("expected after" in text and len(record) > 1):
        return "a quote is not closed"
    if "expected after" in text:
        return (
            "there is something between a closing quote and the next comma "
            '(write a quote inside of a quoted field twice: "")'
        )
    return text
