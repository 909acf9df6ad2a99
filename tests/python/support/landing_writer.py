"""Writes the same rows as CSV in many dialects, as JSONL, Parquet and XLSX."""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

Cell: TypeAlias = object
"""str, int, float, Decimal, bool, datetime, date, None; list and dict only in JSONL."""
Row: TypeAlias = Mapping[str, Cell]


@dataclass(frozen=True)
class Dialect:
    """A way to write CSV. `refused` says that such a file is refused whole, by its name."""

    name: str
    separator: str = ","
    line_end: str = "\n"
    quoting: int = csv.QUOTE_MINIMAL
    encoding: str = "utf-8"
    decimal_comma: bool = False
    upper_header: bool = False
    blank_lines: bool = False
    open_end: bool = False
    compressed: bool = False
    refused: bool = False


PLAIN = Dialect("plain")
DIALECTS = (
    PLAIN,
    Dialect("crlf", line_end="\r\n"),
    # Python quotes a field with a line feed only if lines end with one.
    Dialect("cr", line_end="\r", quoting=csv.QUOTE_ALL),
    Dialect("bom", encoding="utf-8-sig", line_end="\r\n"),
    Dialect("quoted", quoting=csv.QUOTE_ALL),
    Dialect("spreadsheet", quoting=csv.QUOTE_ALL, line_end="\r\n", encoding="utf-8-sig"),
    Dialect("upper header", upper_header=True),
    Dialect("blank lines", blank_lines=True),
    Dialect("no last line end", open_end=True),
    Dialect("gzip", compressed=True),
    Dialect("decimal comma", decimal_comma=True),
    Dialect("latin-1", encoding="latin-1"),
    Dialect("semicolon", separator=";", refused=True),
    Dialect("tab", separator="\t", refused=True),
    Dialect("utf-16", encoding="utf-16", refused=True),
)


def columns_of(rows: Sequence[Row]) -> list[str]:
    """The names that any of the rows has, in the order of their first row."""
    return list(dict.fromkeys(name for row in rows for name in row))


def as_text(value: Cell) -> str:
    """A cell as a CSV has it; None is an empty one."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isnan(value):
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ")
    return value.isoformat() if isinstance(value, date) else str(value)


def csv_bytes(
    rows: Sequence[Row], columns: Sequence[str] | None = None, dialect: Dialect = PLAIN
) -> bytes:
    """The rows as a CSV file; `columns` is its header where there may be no row."""
    names = list(columns) if columns is not None else columns_of(rows)
    stream = io.StringIO()
    writer = csv.writer(
        stream,
        delimiter=dialect.separator,
        lineterminator=dialect.line_end,
        quoting=csv.QUOTE_ALL if dialect.quoting == csv.QUOTE_ALL else csv.QUOTE_MINIMAL,
    )
    writer.writerow([name.upper() if dialect.upper_header else name for name in names])
    for row in rows:
        if dialect.blank_lines:
            stream.write(dialect.line_end)
        writer.writerow([_csv_text(row.get(name), dialect) for name in names])
    text = stream.getvalue()
    if dialect.open_end:
        text = text.removesuffix(dialect.line_end)
    body = text.encode(dialect.encoding)
    return gzip.compress(body, mtime=0) if dialect.compressed else body


def jsonl_bytes(rows: Sequence[Row]) -> bytes:
    """A JSON object a line; a key that a row lacks is not written, None is null."""
    lines = (json.dumps(dict(row), default=_json_value, ensure_ascii=False) for row in rows)
    return "".join(line + "\n" for line in lines).encode()


def parquet_bytes(rows: Sequence[Row], columns: Sequence[str] | None = None) -> bytes:
    """A Parquet file; a column of values of several types is written as text."""
    names = list(columns) if columns is not None else columns_of(rows)
    arrays = [_arrow([row.get(name) for row in rows]) for name in names]
    sink = io.BytesIO()
    pq.write_table(pa.table(arrays, names=names), sink)
    return sink.getvalue()


def xlsx_bytes(sheets: Mapping[str, Sequence[Row]], columns: Sequence[str] | None = None) -> bytes:
    """A workbook of one table a sheet."""
    sink = io.BytesIO()
    with xlsxwriter.Workbook(sink, {"in_memory": True, "nan_inf_to_errors": True}) as book:
        moment = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for title, rows in sheets.items():
            sheet = book.add_worksheet(title)
            names = list(columns) if columns is not None else columns_of(rows)
            for place, name in enumerate(names):
                sheet.write_string(0, place, name)
            for line, row in enumerate(rows, start=1):
                for place, name in enumerate(names):
                    value = row.get(name)
                    if isinstance(value, datetime):
                        sheet.write_datetime(line, place, value, moment)
                    elif isinstance(value, date):
                        sheet.write_datetime(line, place, value, day)
                    elif isinstance(value, bool):
                        sheet.write_boolean(line, place, value)
                    elif isinstance(value, int | float | Decimal):
                        sheet.write_number(line, place, float(value))
                    elif value is not None:
                        sheet.write_string(line, place, str(value))
    return sink.getvalue()


def file_bytes(name: str, rows: Sequence[Row], columns: Sequence[str] | None = None) -> bytes:
    """The rows in the format that the name ends in."""
    match Path(name).suffix:
        case ".csv":
            return csv_bytes(rows, columns)
        case ".jsonl":
            return jsonl_bytes(rows)
        case ".parquet":
            return parquet_bytes(rows, columns)
        case ".xlsx":
            return xlsx_bytes({"Sheet1": rows}, columns)
        case other:
            raise ValueError(f"no writer for {other}")


def _csv_text(value: Cell, dialect: Dialect) -> str:
    text = as_text(value)
    if dialect.decimal_comma and isinstance(value, float | Decimal):
        return text.replace(".", ",")
    return text


def _json_value(value: object) -> object:
    if isinstance(value, Decimal):
        return float(value)
    return as_text(value)


def _arrow(values: Sequence[Cell]) -> pa.Array:
    # Arrow would take a bool for an int and a date for a datetime.
    if len({type(value) for value in values if value is not None}) > 1:
        return pa.array([None if value is None else as_text(value) for value in values])
    try:
        return pa.array(values)
    except (pa.ArrowException, OverflowError):
        return pa.array([None if value is None else as_text(value) for value in values])
