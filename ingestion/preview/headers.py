"""Reads the headers of files, also of those that can't be loaded as they are."""

from __future__ import annotations

import codecs
import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineWorkbook

from ..declaration import TableSpec
from ..readers.discover import SourceFile

_HEAD = 1 << 16
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", "^": "caret"}


@dataclass(frozen=True)
class Header:
    """A header.

    Attributes:
        names: The names as they are written.
        separator: What is between them in a text file.
        encoding: How a text file is likely encoded.
    """

    names: tuple[str, ...]
    separator: str = ","
    encoding: str = "utf-8"


def read_headers(file: SourceFile) -> list[Header]:
    """The headers of a file: one, or one a sheet; none if there is nothing to read."""
    try:
        if file.format == "xlsx":
            return _of_workbook(_content(file))
        if file.format == "parquet":
            return [Header(tuple(pq.read_schema(_content(file)).names))]
        text, encoding = _decoded(_head(file))
        if file.format == "jsonl":
            return [Header(_keys(text), encoding=encoding)]
        return [_of_csv(text, encoding)]
    except (OSError, EOFError, zlib.error, pa.ArrowException, csv.Error):
        return []
    except (CalamineError, zipfile.BadZipFile):
        return []


def best_header(headers: Iterable[Header], spec: TableSpec) -> Header | None:
    """The header that has most of the table's required columns, and then most of the others."""
    return max(headers, key=lambda header: likeness(header, spec), default=None)


def likeness(header: Header, spec: TableSpec) -> tuple[float, int]:
    """How much of a table a header has: the part of the required columns, and how many at all."""
    known = {column for name in header.names if (column := spec.known(name))}
    required = set(spec.required)
    return len(known & required) / max(len(required), 1), len(known)


def _head(file: SourceFile) -> bytes:
    with file.open() as raw:
        stream: Any = gzip.GzipFile(fileobj=raw) if file.compressed else raw
        head: bytes = stream.read(_HEAD)
        return head


def _content(file: SourceFile) -> io.BytesIO | Any:
    if not file.compressed:
        return file.open()
    with file.open() as packed, gzip.open(packed) as stream:
        return io.BytesIO(stream.read())


def _decoded(head: bytes) -> tuple[str, str]:
    """A text and the encoding that it is likely in."""
    for mark, name in (
        (codecs.BOM_UTF8, "utf-8-sig"),
        (codecs.BOM_UTF16_LE, "utf-16"),
        (codecs.BOM_UTF16_BE, "utf-16"),
    ):
        if head.startswith(mark):
            return head.decode(name, "ignore"), name.removesuffix("-sig")
    if head[1:2] == b"\0":
        return head.decode("utf-16-le", "ignore"), "utf-16"
    try:
        return codecs.getincrementaldecoder("utf-8")().decode(head), "utf-8"
    except UnicodeDecodeError:
        return head.decode("cp1252", "replace"), "windows-1252"


def _of_csv(text: str, encoding: str) -> Header:
    lines = [line for line in text.splitlines(keepends=True) if line.strip()]
    found = {}
    for separator in SEPARATORS:
        names = next(csv.reader(lines, delimiter=separator), [])
        found[separator] = tuple(name.strip() for name in names)
    # The comma, where no other makes more of it.
    separator = max(SEPARATORS, key=lambda s: len(found[s]))
    return Header(found[separator], separator, encoding)


def _keys(text: str) -> tuple[str, ...]:
    keys: dict[str, None] = {}
    for line in text.splitlines():
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError:
            continue
        if isinstance(found, dict):
            keys.update(dict.fromkeys(found))
    return tuple(keys)


def _of_workbook(stream: Any) -> list[Header]:
    workbook = CalamineWorkbook.from_filelike(stream)
    headers = []
    for title in workbook.sheet_names:
        for row in workbook.get_sheet_by_name(title).iter_rows():
            names = [str(value).strip() for value in row]
            if any(names):
                while names and not names[-1]:
                    names.pop()
                headers.append(Header(tuple(names)))
                break
    return headers
