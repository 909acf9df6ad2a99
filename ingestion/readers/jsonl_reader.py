"""Reads JSON lines: an object a line, whose fields are the columns."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

import orjson

from ..declaration import TableSpec
from ..landing.arrivals import MAX_RECORD, BrokenRow, Chunk, Refused, string_table
from .header import CHUNK_ROWS, require_columns, resolve_header
from .lines import line_blocks
from .opening import PEEK


def read_jsonl(stream: BinaryIO, spec: TableSpec) -> Iterator[Chunk]:
    """Yields the rows of a file with one JSON object a line; a line that is none is broken.

    Raises:
        Refused: no line holds an object, a line is too long, or a required column is in none.
    """
    head = stream.peek(PEEK)  # type: ignore[attr-defined]
    if not any(
        line.lstrip().startswith(b"{") for line in head.removeprefix(b"\xef\xbb\xbf").splitlines()
    ):
        raise Refused("is named .jsonl, but does not hold one JSON object a line")
    names: dict[str, str] = {}
    number = 0
    while batch := list(islice(_json_lines(stream), CHUNK_ROWS)):
        records: list[dict[str, str | None]] = []
        numbers: list[int] = []
        broken: list[BrokenRow] = []
        for raw in batch:
            number += 1
            if not raw.strip():
                continue
            try:
                records.append(_json_record(raw, spec, names))
                numbers.append(number)
            except ValueError as error:
                text = raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
                broken.append(BrokenRow(number, str(error), text.replace("\0", "\\x00")))
        present = list(dict.fromkeys(name for record in records for name in record))
        columns = [[record.get(name) for record in records] for name in present]
        yield Chunk(string_table(present, columns, numbers), broken)
    if names:
        require_columns(list(dict.fromkeys(names.values())), spec)


def _json_lines(stream: BinaryIO) -> Iterator[bytes]:
    for lines in line_blocks(stream):
        yield from lines


def _json_record(raw: bytes, spec: TableSpec, names: dict[str, str]) -> dict[str, str | None]:
    """The fields of one line as text; `names` caches the column of each key."""
    if len(raw) > MAX_RECORD:
        raise ValueError("row is longer than 1 MiB")
    try:
        fields = orjson.loads(raw.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise ValueError(f"row is not valid JSON ({error.msg})") from error
    if not isinstance(fields, dict):
        raise ValueError("row is not a JSON object")
    record: dict[str, str | None] = {}
    for key, value in fields.items():
        if key not in names:
            try:
                names[key] = resolve_header([key], spec)[0]
            except Refused as error:
                raise ValueError(str(error)) from error
        name = names[key]
        if name in record:
            raise ValueError(f"row has the field {name} twice")
        record[name] = _json_text(value)
    return record


def _json_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return orjson.dumps(value).decode()
