"""Messages as JSON lines, which the reader of files reads; `_line` is their offset."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from dataclasses import replace

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from ...declaration import Kind, TableSpec
from ...landing.arrivals import FLAW, LINE, BrokenRow, Chunk, string_table
from ..jsonl_reader import read_lines
from ..lines import BLOCK
from .broker import Messages
from .debezium import NotAnEnvelope, unwrap

# What the serializer of Confluent's registry puts before the JSON: a zero and the schema's number.
_FRAME = 5


class BadMessage(ValueError):
    """A message that is no row; the text is the reason."""


class MessageLines:
    """The messages of a partition on their way to rows."""

    def __init__(self, spec: TableSpec, is_debezium: bool) -> None:
        """Sets the table that they are for, and whether they are Debezium's envelopes."""
        self._spec, self._is_debezium = spec, is_debezium
        self._offsets = array("q")
        self._broken: list[BrokenRow] = []
        self._broken_bytes = 0
        self._is_over = False

    def chunks(self, batches: Iterable[Messages]) -> Iterator[Chunk]:
        """Yields the rows of messages, in their order."""
        source, names = iter(batches), dict[str, str]()
        while not self._is_over:
            del self._offsets[:]
            for chunk in read_lines(self._blocks(source), self._spec, names):
                broken = [replace(row, line=self._offsets[row.line - 1]) for row in chunk.broken]
                found = sorted([*broken, *self._broken], key=lambda row: row.line)
                self._clear_broken()
                yield replace(chunk, table=self._table(chunk.table), broken=found)
            if self._broken:
                yield Chunk(string_table([], [], []), list(self._broken))
                self._clear_broken()

    def _clear_broken(self) -> None:
        self._broken.clear()
        self._broken_bytes = 0

    def _table(self, table: pa.Table) -> pa.Table:
        """The rows with their offsets, and flaws where a date may be misread."""
        numbers = table[LINE].to_numpy() - 1
        if not len(numbers):
            return table
        first = int(numbers[0])
        offsets = np.array(self._offsets[first : int(numbers[-1]) + 1])[numbers - first]
        position = table.column_names.index(LINE)
        table = table.set_column(position, LINE, pa.array(offsets))
        return self._without_slashes(table)

    def _without_slashes(self, table: pa.Table) -> pa.Table:
        """Flaws rows with slash dates whose order nobody set; in a file they refuse it whole.

        One such message must not stop its partition.
        """
        if self._spec.date_order is not None:
            return table
        for column in self._spec.columns:
            if column.kind not in (Kind.DATE, Kind.TIMESTAMP):
                continue
            if column.name not in table.column_names:
                continue
            has_slash = pc.match_substring(table[column.name], "/")
            if not pc.any(has_slash).as_py():
                continue
            # With the value, which the payload lacks.
            why = "' is a date with slashes; set date_order, or send ISO 8601"
            flaws = pc.binary_join_element_wise(
                f"{column.name}: '", pc.utf8_slice_codeunits(table[column.name], 0, 100), why, ""
            )
            flaws = pc.if_else(pc.fill_null(has_slash, False), flaws, pa.scalar(None, pa.string()))
            if FLAW in table.column_names:
                flaws = pc.coalesce(table[FLAW], flaws)
                table = table.drop_columns([FLAW])
            # Without the value, so that the order of dates isn't looked for.
            kept = pc.if_else(pc.fill_null(has_slash, False), pa.scalar(None, pa.string()),
                              table[column.name])  # fmt: skip
            at = table.column_names.index(column.name)
            table = table.set_column(at, column.name, kept).append_column(FLAW, flaws)
        return table

    def _blocks(self, batches: Iterable[Messages]) -> Iterator[bytes]:
        """Yields lines with their ends, about 8 MiB at a time; notes the offset of each.

        It ends where so many messages are broken that they are to be handed on first.
        """
        waiting: list[bytes] = []
        size = 0
        for messages in batches:
            lines = self._lines(messages)
            if lines:
                waiting.append(lines)
                size += len(lines)
            if size >= BLOCK:
                yield b"\n".join([*waiting, b""])
                waiting.clear()
                size = 0
            if self._broken_bytes >= BLOCK:
                break
        else:
            self._is_over = True
        if waiting:
            yield b"\n".join([*waiting, b""])

    def _lines(self, messages: Messages) -> bytes:
        """The lines of messages, without the last line's end."""
        values = messages.values
        if not self._is_debezium and None not in values:
            lines = b"\n".join(values)  # type: ignore[arg-type]
            are_objects = [value[:1] for value in values if value].count(b"{") == len(values)
            if are_objects and b"\r" not in lines and lines.count(b"\n") == len(values) - 1:
                self._offsets.extend(messages.offsets)
                return lines
        kept: list[bytes] = []
        for offset, value in zip(messages.offsets, values, strict=True):
            key = messages.keys.get(offset)
            try:
                line = self._line(key, value)
            except ValueError as error:
                self._broken.append(_broken(offset, value or key or b"", str(error)))
                self._broken_bytes += len(self._broken[-1].payload)
                continue
            if line is not None:
                kept.append(line)
                self._offsets.append(offset)
        return b"\n".join(kept)

    def _line(self, key: bytes | None, value: bytes | None) -> bytes | None:
        """The message's JSON on one line; None where it says nothing that another one did not."""
        if value is None:
            # Debezium sends one behind each delete.
            return None if self._is_debezium else self._tombstone(key)
        if value.startswith(b"\0") and value[_FRAME:].lstrip().startswith(b"{"):
            value = value[_FRAME:]
        if self._is_debezium:
            try:
                return unwrap(value, self._spec)
            except NotAnEnvelope as error:
                raise BadMessage(str(error)) from None
        if not value.strip():
            raise BadMessage("message is empty")
        # No text in JSON has a line end: between its parts it is a blank.
        if b"\n" in value or b"\r" in value:
            value = value.replace(b"\n", b" ").replace(b"\r", b" ")
        return value

    def _tombstone(self, key: bytes | None) -> bytes:
        """A deleted row, in a table that knows deletions and has one column as key."""
        spec = self._spec
        if spec.deleted is None or len(spec.key) != 1:
            raise BadMessage(f"message is a tombstone, but rows of {spec.table} are not deleted")
        if not key:
            raise BadMessage("message is a tombstone without a key")
        if key.startswith(b"\0") and key[_FRAME:].lstrip()[:1] in (b"{", b'"'):
            key = key[_FRAME:]
        (column,) = spec.key
        try:
            stated = orjson.loads(key)
        except orjson.JSONDecodeError:
            stated = key.decode("utf-8", "backslashreplace")
        if isinstance(stated, dict):
            stated = stated.get(column)
        elif not isinstance(stated, str):
            stated = key.decode("utf-8", "backslashreplace")
        return orjson.dumps({column: stated, spec.deleted: True})


def _broken(offset: int, content: bytes, reason: str) -> BrokenRow:
    text = content.decode("utf-8", "backslashreplace")
    return BrokenRow(offset, reason, text.replace("\0", "\\x00"))
