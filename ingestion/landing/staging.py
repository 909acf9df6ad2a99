"""Puts the chunks of places into the scratch database, as text."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import TableSpec
from .arrivals import FLAW, LINE, Chunk, Notify, Place, Refused
from .kinds import day_first, day_first_complaint

_ROWS_BETWEEN_NOTICES = 1_000_000
# No fault of a place: the next one would meet them, too.
MACHINE_PROBLEMS = (MemoryError, duckdb.OutOfMemoryException, duckdb.IOException)
_POSITION = "_row bigint, _place_no integer, _part varchar, _line bigint"


@dataclass(frozen=True)
class Staged:
    """The rows of some places, as they were read.

    Columns that begin with an underscore are added here; no column of a place does.

    Attributes:
        text: Relation of the rows: `_row` (its number, in the order of reading), `_place_no` (the
            place's index), `_part`, `_line`, `_flaw`, and a text column per column.
        broken: Relation of the rows that could not be read: the same position, reason, payload.
        extras: The columns of `text` that are not declared.
        refused: The places of which nothing can be loaded, by index, with the reason. They have
            no row in either relation.
        left_out: Parts of places that were not read: the place's name and the reason.
    """

    text: str
    broken: str
    extras: tuple[str, ...]
    refused: dict[int, str]
    left_out: tuple[tuple[str, str], ...]


def stage(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    places: Sequence[Place],
    notify: Notify,
    into: str,
) -> Staged:
    """Reads places into relations whose names begin with `into`."""
    staging = _Staging(connection, spec, notify, f"{into}_text", f"{into}_broken")
    for place_no, place in enumerate(places):
        staging.read(place_no, place)
    return Staged(
        staging.text,
        staging.broken,
        tuple(staging.extras),
        staging.refused,
        tuple(staging.left_out),
    )


def payload(spec: TableSpec, extras: Sequence[str]) -> str:
    """SQL for the JSON of a row as it was read; the row is `raw`."""
    names = [column.name for column in spec.columns] + list(extras)
    fields = ", ".join(f"{literal(name)}: raw.{quoted(name)}" for name in names)
    return f"to_json({{{fields}}})::varchar"


class _Staging:
    """The relations while they are filled."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        spec: TableSpec,
        notify: Notify,
        text: str,
        broken: str,
    ) -> None:
        self.text = text
        self.broken = broken
        self.extras: list[str] = []
        self.refused: dict[int, str] = {}
        self.left_out: list[tuple[str, str]] = []
        self._connection = connection
        self._spec = spec
        self._notify = notify
        self._known = {column.name for column in spec.columns}
        self._rows = 0
        columns = ", ".join(f"{quoted(column.name)} varchar" for column in spec.columns)
        connection.execute(f"create table {text} ({_POSITION}, {FLAW} varchar, {columns})")
        connection.execute(f"create table {broken} ({_POSITION}, reason varchar, payload varchar)")

    def read(self, place_no: int, place: Place) -> None:
        try:
            self._read(place_no, place)
        except Refused as refusal:
            self._refuse(place_no, str(refusal))
        except MACHINE_PROBLEMS:
            raise
        except Exception as error:
            # One place must not stop the others, whatever it holds.
            logging.getLogger(__name__).debug("%s", place.name, exc_info=True)
            text = " ".join(str(error).split())[:300]
            self._refuse(
                place_no,
                f"cannot be read: unexpected {type(error).__name__}{': ' if text else ''}{text}",
            )

    def _refuse(self, place_no: int, reason: str) -> None:
        self.refused[place_no] = reason
        for relation in (self.text, self.broken):
            self._connection.execute(f"delete from {relation} where _place_no = {place_no}")

    def _read(self, place_no: int, place: Place) -> None:
        label = f"{self._spec.source}/{place.name}"
        rows = 0
        for chunk in place.chunks():
            if chunk.notice:
                self._notify(f"{label}: {chunk.notice}")
                continue
            if chunk.left_out:
                self.left_out.append((place.name, chunk.left_out))
                continue
            self._add(place_no, chunk)
            before, rows = rows, rows + chunk.table.num_rows + len(chunk.broken)
            if before // _ROWS_BETWEEN_NOTICES < rows // _ROWS_BETWEEN_NOTICES:
                self._notify(f"{label}: {rows:,} rows so far")
        self._notify(f"{label}: {rows:,} rows read")

    def _add(self, place_no: int, chunk: Chunk) -> None:
        for name in chunk.table.column_names:
            if name not in (LINE, FLAW) and name not in self._known and name not in self.extras:
                self._connection.execute(
                    f"alter table {self.text} add column {quoted(name)} varchar"
                )
                self.extras.append(name)
        if chunk.table.num_rows:
            self._refuse_day_first(chunk.table)
            self._insert(self.text, chunk.table, place_no, chunk.part)
        if chunk.broken:
            broken = pa.table(
                {
                    "_line": [row.line for row in chunk.broken],
                    "reason": [row.reason for row in chunk.broken],
                    "payload": [row.payload for row in chunk.broken],
                }
            )
            self._insert(self.broken, broken, place_no, chunk.part)

    def _insert(self, relation: str, rows: pa.Table, place_no: int, part: str | None) -> None:
        numbers = pa.array(range(self._rows, self._rows + rows.num_rows), pa.int64())
        self._connection.register("incoming", rows.append_column("_row", numbers))
        self._connection.execute(
            f"insert into {relation} by name "
            f"select *, {place_no} as _place_no, $part as _part from incoming",
            {"part": part},
        )
        self._connection.unregister("incoming")
        self._rows += rows.num_rows

    def _refuse_day_first(self, rows: pa.Table) -> None:
        """Refuses a place with a date like 31/12/2010: its 5/12/2010 would be read as May."""
        for column in self._spec.columns:
            condition = day_first(column)
            if condition is None or column.name not in rows.column_names:
                continue
            self._connection.register("incoming", rows)
            found = self._connection.execute(
                f"select _line, {quoted(column.name)} from incoming where {condition} "
                "order by _line limit 1"
            ).fetchall()
            self._connection.unregister("incoming")
            if found:
                line, value = found[0]
                raise Refused(f"line {line}: {day_first_complaint(column.name, value)}")
