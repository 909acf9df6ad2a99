"""Reads the sheets of an Excel workbook that have the table's columns."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import BinaryIO

import orjson
from python_calamine import CalamineError, CalamineWorkbook

from ..declaration import TableSpec
from ..landing.arrivals import FLAW, BrokenRow, Chunk, Refused, string_table
from ..landing.codes import EXACT_BELOW
from .header import CHUNK_ROWS, require_columns, resolve_header
from .numbers import FRACTION, NO_IDENTIFIER, code_columns


def read_xlsx(stream: BinaryIO, spec: TableSpec) -> Iterator[Chunk]:
    """Yields the rows of all sheets with the required columns, then says which others there are.

    Raises:
        Refused: it is no workbook, or none of its sheets has the columns.
    """
    try:
        workbook = CalamineWorkbook.from_filelike(stream)
        others: list[str] = []
        is_found = False
        for title in workbook.sheet_names:
            chunks = _read_sheet(workbook.get_sheet_by_name(title).iter_rows(), title, spec)
            try:
                first = next(chunks, None)
            except Refused as refusal:
                others.append(f"sheet {title!r} {refusal}")
                continue
            if first is None:
                continue
            is_found = True
            yield first
            yield from chunks
    except CalamineError as error:
        raise Refused(f"cannot be read as an Excel workbook ({error})") from error
    if not is_found:
        raise Refused("; ".join(others) or "has no rows")
    for other in others:
        yield Chunk(string_table([], [], []), left_out=other)


def _read_sheet(rows: Iterable[Sequence[object]], title: str, spec: TableSpec) -> Iterator[Chunk]:
    """Yields the rows of a sheet; nothing if it has no cell.

    Raises:
        Refused: it lacks a required column.
    """
    numbered = (pair for pair in enumerate(rows, start=1) if any(cell != "" for cell in pair[1]))
    _, header = next(numbered, (0, []))
    while header and header[-1] == "":
        header = header[:-1]
    if not header:
        return
    names = resolve_header(header, spec)
    require_columns(names, spec)
    width = len(names)
    known = code_columns(spec)
    codes = [(place, name) for place, name in enumerate(names) if name in known]
    is_first = True
    while (batch := list(islice(numbered, CHUNK_ROWS))) or is_first:
        is_first = False
        cells: list[list[str | None]] = []
        lines: list[int] = []
        broken: list[BrokenRow] = []
        for line, row in batch:
            texts = [_cell_text(value) for value in row]
            flaw = _flaw(row, codes)
            if list(row[:width]) == list(header):
                broken.append(
                    BrokenRow(line, "row repeats the header", orjson.dumps(texts).decode())
                )
            elif any(texts[width:]):
                reason = f"row has cells outside of the {width} columns of the header"
                broken.append(BrokenRow(line, reason, orjson.dumps(texts).decode()))
            else:
                cells.append([*texts[:width], flaw])
                lines.append(line)
        yield Chunk(
            string_table([*names, FLAW], zip(*cells, strict=True), lines), broken, part=title
        )


def _flaw(row: Sequence[object], codes: Sequence[tuple[int, str]]) -> str | None:
    """What is wrong with the identifiers of a row that are no text; None if nothing is."""
    flaws = []
    for place, name in codes:
        value = row[place] if place < len(row) else None
        if isinstance(value, float) and not (value.is_integer() and abs(value) < EXACT_BELOW):
            flaws.append(f"{name}: '{value}' {FRACTION}")
        elif value is not None and (
            isinstance(value, bool) or not isinstance(value, str | int | float)
        ):
            flaws.append(f"{name}: '{_cell_text(value)}' {NO_IDENTIFIER}")
    return "; ".join(flaws) or None


def _cell_text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < EXACT_BELOW:
        return str(int(value))
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat(" ") if isinstance(value, dt.datetime) else value.isoformat()
    return None if value is None else str(value)
