"""Reads the sheets of an Excel workbook that have the table's columns."""

from __future__ import annotations

import datetime as dt
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO
from xml.etree import ElementTree

import orjson
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook

from ..declaration import Column, TableSpec
from ..landing.arrivals import FLAW, WARNED, BrokenRow, Chunk, Refused, string_table
from ..landing.codes import EXACT_BELOW
from .header import CHUNK_ROWS, require_columns, resolve_header
from .numbers import FRACTION, NO_IDENTIFIER
from .xlsx_cells import OddCell, OddCells, Workbook


def read_xlsx(stream: BinaryIO, spec: TableSpec) -> Iterator[Chunk]:
    """Yields the rows of all sheets with the required columns, then says which others there are.

    Raises:
        Refused: it is no workbook, or none of its sheets has the columns.
    """
    try:
        workbook = CalamineWorkbook.from_filelike(stream)
        xml = Workbook(stream)
        others: list[str] = []
        is_found = False
        for title in workbook.sheet_names:
            sheet = workbook.get_sheet_by_name(title)
            chunks = _read_sheet(_rows(sheet, xml.odd_cells(title)), title, spec)
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
    except (CalamineError, zipfile.BadZipFile, ElementTree.ParseError) as error:
        raise Refused(f"cannot be read as an Excel workbook ({error})") from error
    if not is_found:
        raise Refused("; ".join(others) or "has no rows")
    for other in others:
        yield Chunk(string_table([], [], []), left_out=other)


@dataclass(frozen=True)
class _Row:
    """A row of a sheet that has a cell: its number, its values and its odd cells by their place."""

    line: int
    values: Sequence[object]
    odd: Mapping[int, OddCell]


def _rows(sheet: CalamineSheet, odd: OddCells) -> Iterator[_Row]:
    """The rows that are not empty; also those of which calamine sees no cell."""
    first = sheet.start[1] if sheet.start else 0
    line = 0
    for line, values in enumerate(sheet.iter_rows(), start=1):
        cells = odd.get(line, {})
        if cells or any(value != "" for value in values):
            yield _Row(line, values, {column - first: cell for column, cell in cells.items()})
    for number in sorted(number for number in odd if number > line):
        cells = odd[number]
        yield _Row(number, [], {column - first: cell for column, cell in cells.items()})


def _read_sheet(rows: Iterator[_Row], title: str, spec: TableSpec) -> Iterator[Chunk]:
    """Yields the rows of a sheet; nothing if it has no cell.

    Raises:
        Refused: it lacks a required column.
    """
    first = next(rows, None)
    header = list(first.values) if first else []
    while header and header[-1] == "":
        header.pop()
    if first and (flaws := [cell.flaw for cell in first.odd.values() if cell.flaw]):
        raise Refused(f"has a header that cannot be read: {flaws[0]}")
    if not header:
        return
    names = resolve_header(header, spec)
    require_columns(names, spec, header)
    width = len(names)
    is_first = True
    while (batch := list(islice(rows, CHUNK_ROWS))) or is_first:
        is_first = False
        cells: list[list[str | None]] = []
        lines: list[int] = []
        broken: list[BrokenRow] = []
        for row in batch:
            texts = _texts(row, names, spec)
            if list(row.values[:width]) == header:
                reason = "row repeats the header"
            elif any(texts[width:]):
                reason = f"row has cells outside of the {width} columns of the header"
            else:
                cells.append([*texts[:width], *_flaws(row, names, spec)])
                lines.append(row.line)
                continue
            broken.append(BrokenRow(row.line, reason, orjson.dumps(texts).decode()))
        table = string_table([*names, FLAW, WARNED], zip(*cells, strict=True), lines)
        yield Chunk(table, broken, part=title)


def _texts(row: _Row, names: Sequence[str], spec: TableSpec) -> list[str | None]:
    texts = [_cell_text(value) for value in row.values]
    texts += [""] * (len(names) - len(texts))
    for place, cell in row.odd.items():
        # Shown with leading zeros; a number to calculate with has the same value without them.
        text = texts[place] if 0 <= place < len(names) else None
        if cell.digits and text and spec.kind_of(names[place]).is_code and text.isdecimal():
            texts[place] = text.zfill(cell.digits)
    return texts


def _flaws(row: _Row, names: Sequence[str], spec: TableSpec) -> tuple[str | None, str | None]:
    """Why a row can't be loaded, and which of its values are null instead, as JSON (WARNED)."""
    known = {column.name: column for column in spec.columns}
    flaws: list[str] = []
    warned: list[dict[str, str]] = []
    for name, value in zip(names, row.values, strict=False):
        column = known.get(name, Column(name))
        if not (spec.kind_of(name).is_code and spec.is_decisive(column)):
            continue
        if isinstance(value, float) and not (value.is_integer() and abs(value) < EXACT_BELOW):
            flaws.append(f"{name}: '{value}' {FRACTION}")
        elif isinstance(value, bool) or not isinstance(value, str | int | float):
            flaws.append(f"{name}: '{_cell_text(value)}' {NO_IDENTIFIER}")
    for place, cell in sorted(row.odd.items()):
        if not cell.flaw or not 0 <= place < len(names):
            continue
        name = names[place]
        if spec.is_decisive(known.get(name, Column(name))):
            flaws.append(f"{name}: {cell.flaw}")
        else:
            warned.append({"column_name": name, "value": cell.shown, "reason": cell.flaw})
    return "; ".join(flaws) or None, orjson.dumps(warned).decode() if warned else None


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
