"""Reads JSON lines: an object a line, whose fields are the columns."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NoReturn

import numpy as np
import orjson
import pyarrow as pa

from ..declaration import TableSpec
from ..landing.arrivals import FLAW, LINE, MAX_RECORD, BrokenRow, Chunk, Refused, string_table
from .ahead import map_ahead
from .header import CHUNK_ROWS, require_columns, resolve_header
from .json_blocks import read_sound_objects
from .lines import PIECE, pieces, text_blocks
from .numbers import NO_IDENTIFIER, code_columns, code_number
from .opening import PEEK

# orjson is the quick way, but numbers come out of it as doubles, if they are no 64-bit integers.
# Lines with one whose text that would change, and some others, are read the slow way: 17 figures
# and more, exponents, zeros at the end (1.10), and decimals so small that they get an exponent.
_EXACT = frozenset({str, int, bool, type(None)})
_CHANGED_NUMBER = re.compile(
    rb"[:,\[\s]-?(?:[0-9.]{17}|[0-9]+(?:\.[0-9]+)?[eE]|[0-9]+\.[0-9]+0(?![0-9])|0\.0000)"
)


# Every key has one, and nothing else has but texts and what is nested: fewer than twice, no repeat.
_KEY = re.compile(rb'"\s*:')


def read_jsonl(stream: BinaryIO, spec: TableSpec) -> Iterator[Chunk]:
    """Yields the rows of a file with one JSON object a line; a line that is none is broken.

    Numbers are read as the text that stands in the file.

    Raises:
        Refused: no line holds an object, a line is too long, or a required column is in none.
    """
    head = stream.peek(PEEK)  # type: ignore[attr-defined]
    if not any(
        line.lstrip().startswith(b"{") for line in head.removeprefix(b"\xef\xbb\xbf").splitlines()
    ):
        raise Refused("is named .jsonl, but does not hold one JSON object a line")
    names: dict[str, str] = {}
    yield from read_lines(text_blocks(stream), spec, names)
    if names:
        require_columns(list(dict.fromkeys(names.values())), spec)


def read_lines(blocks: Iterable[bytes], spec: TableSpec, names: dict[str, str]) -> Iterator[Chunk]:
    """Yields the rows of blocks of whole lines; a line that is no JSON object is broken.

    Args:
        blocks: Lines with their ends, about 8 MiB at a time.
        spec: The table.
        names: Gets the column of each key.
    """
    codes = code_columns(spec)
    number = 0
    rows = _Rows(spec, names, codes)
    for text, sound in _blocks(blocks, spec, names, codes):
        if sound is None:
            number = rows.read(text.splitlines(keepends=True), number)
        if rows.count and (sound is not None or rows.count >= CHUNK_ROWS):
            yield rows.chunk()
            rows = _Rows(spec, names, codes)
        if sound is not None:
            table, has_gaps = sound
            numbers = pa.array(np.arange(table.num_rows) + number + 1)
            number += table.num_rows
            yield Chunk(table.append_column(LINE, numbers), has_gaps=has_gaps)
    yield rows.chunk()


@dataclass(frozen=True)
class _Block:
    """A block to read as a whole.

    Attributes:
        text: Its lines.
        first: The keys of the first object; None if that can't be told.
        names: The column of each key that is known so far.
    """

    text: bytes
    first: list[str] | None
    names: dict[str, str]


def _blocks(
    blocks: Iterable[bytes], spec: TableSpec, names: dict[str, str], codes: frozenset[str]
) -> Iterator[tuple[bytes, tuple[pa.Table, bool] | None]]:
    """Yields the text in blocks, or pieces of them, with the rows of those read as a whole."""

    def read(block: _Block) -> tuple[_Block, tuple[pa.Table, bool] | None]:
        return block, _read_block(block, codes)

    for block, sound in map_ahead(read, (_block(text, spec, names) for text in blocks)):
        if sound is None and len(names) > len(block.names):
            # Rows before it have brought keys that were not known when it was read.
            block, sound = read(_block(block.text, spec, names))
        if sound is not None or len(block.text) <= PIECE:
            yield block.text, sound
            continue
        for piece in pieces(block.text):
            yield piece, _read_block(_block(piece, spec, names), codes)


def _block(text: bytes, spec: TableSpec, names: dict[str, str]) -> _Block:
    """The block of a text; `names` gets the keys of its first object."""
    first = None
    try:
        first = list(_json_fields(text[: text.find(b"\n") + 1] or text))
        for key in first:
            names.get(key) or _column(key, spec, names)
    except ValueError:
        first = None
    return _Block(text, first, dict(names))


def _read_block(block: _Block, codes: frozenset[str]) -> tuple[pa.Table, bool] | None:
    """The rows of a block, and whether null means that a row lacks the column; or None."""
    if block.first is None:
        return None
    names = block.names
    identifiers = [key for key, name in names.items() if name in codes]
    sound = read_sound_objects(block.text, block.first, names, identifiers)
    if sound is None:
        return None
    columns = [names[key] for key in sound[0].column_names]
    if not columns or len(set(columns)) < len(columns):
        return None
    return sound[0].rename_columns(columns), sound[1]


class _Rows:
    """Rows that are read one by one, until there are enough of them for a chunk."""

    def __init__(self, spec: TableSpec, names: dict[str, str], codes: frozenset[str]) -> None:
        self._spec, self._names, self._codes = spec, names, codes
        self._records: list[dict[str, str | None]] = []
        self._numbers: list[int] = []
        self._broken: list[BrokenRow] = []

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._records) + len(self._broken)

    def read(self, lines: list[bytes], before: int) -> int:
        """Reads lines, `before` of which stand before the first; returns the last one's number."""
        for number, raw in enumerate(lines, before + 1):
            if not raw.strip():
                continue
            try:
                self._records.append(_json_record(raw, self._spec, self._names, self._codes))
                self._numbers.append(number)
            except ValueError as error:
                text = raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
                self._broken.append(BrokenRow(number, str(error), text.replace("\0", "\\x00")))
        return before + len(lines)

    def chunk(self) -> Chunk:
        """The rows as a chunk."""
        records = self._records
        present = list(dict.fromkeys(name for record in records for name in record))
        columns = [[record.get(name) for record in records] for name in present]
        has_gaps = any(len(record) < len(present) for record in records)
        table = string_table(present, columns, self._numbers)
        return Chunk(table, self._broken, records if has_gaps else None)


def _json_record(
    raw: bytes, spec: TableSpec, names: dict[str, str], codes: frozenset[str]
) -> dict[str, str | None]:
    """The fields of one line as text; `names` caches the column of each key."""
    if len(raw) > MAX_RECORD:
        raise ValueError("row is longer than 1 MiB")
    record: dict[str, str | None] = {}
    flaws: list[str] = []
    for key, value in _json_fields(raw.removeprefix(b"\xef\xbb\xbf")).items():
        name = names[key] if key in names else _column(key, spec, names)
        if name in record:
            raise ValueError(f"row has the field {name} twice")
        if value is None or isinstance(value, str):
            record[name] = value
            continue
        text = _json_text(value)
        if name in codes:
            text, flaw = _json_code(value, text)
            if flaw:
                flaws.append(f"{name}: '{text[:100]}' {flaw}")
        record[name] = text
    if flaws:
        record[FLAW] = "; ".join(flaws)
    return record


def _column(key: str, spec: TableSpec, names: dict[str, str]) -> str:
    """The column of a key, which `names` gets."""
    try:
        # Behind an index, since the place of a key in its line says nothing; no key means the same.
        name = resolve_header(["", key], spec)[1]
        names[key] = next((n for n in names.values() if n.casefold() == name.casefold()), name)
    except Refused as error:
        raise ValueError(str(error)) from error
    return names[key]


def _json_fields(raw: bytes) -> dict[str, object]:
    """The fields of a line; numbers that orjson would change are fragments with their text."""
    try:
        loaded = orjson.loads(raw)
        if not isinstance(loaded, dict):
            raise ValueError("row is not a JSON object")
        fields: dict[str, object] = loaded
        if len(_KEY.findall(raw)) > len(fields):
            _check_repeats(raw)
        if not _EXACT.issuperset(map(type, fields.values())) and _CHANGED_NUMBER.search(raw):
            fields = json.loads(
                raw.decode(), parse_int=_fragment, parse_float=_fragment, parse_constant=_refuse
            )
    except orjson.JSONDecodeError as error:
        raise ValueError(f"row is not valid JSON ({error.msg})") from error
    except RecursionError as error:
        raise ValueError("row is not valid JSON (nested too deeply)") from error
    return fields


def _check_repeats(raw: bytes) -> None:
    """Raises `ValueError` for a field that comes twice; a parser would give the last one."""
    pairs: list[tuple[str, object]] = json.loads(raw.decode(), object_pairs_hook=list)
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            raise ValueError(f"row has the field {name!r} twice")
        seen.add(name)


def _fragment(number: str) -> orjson.Fragment:
    return orjson.Fragment(number)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"row is not valid JSON ({constant})")


def _json_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    try:
        return orjson.dumps(value).decode()
    except TypeError as error:
        raise ValueError("row is nested too deeply") from error


def _json_code(value: object, text: str) -> tuple[str, str | None]:
    """What a value that is no string is as an identifier, and what is wrong with it."""
    if isinstance(value, int | float | orjson.Fragment) and not isinstance(value, bool):
        return code_number(text)
    return text, NO_IDENTIFIER
