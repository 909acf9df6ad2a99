"""Holds the chunks of places as text, for the scratch database to read."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pyarrow as pa

from onecdp.identity.personal import without_addresses
from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import TableSpec
from .arrivals import FLAW, INDEX, LINE, WARNED, Chunk, Notify, Place, Refused
from .date_order import OtherOrder, SlashDates
from .personal import PLAIN_SCHEMA, Hasher
from .scratch import in_file

_ROWS_BETWEEN_NOTICES = 1_000_000
# More bytes than these are held in a file.
_MOST_IN_MEMORY = 256 << 20
# No fault of a place: the next one would meet them, too.
MACHINE_PROBLEMS = (MemoryError, duckdb.OutOfMemoryException, duckdb.IOException)
_POSITION = "_row bigint, _place_no integer, _part varchar, _line bigint"
_ADDED = {
    "_row": pa.int64(), "_place_no": pa.int32(), "_part": pa.string(), LINE: pa.int64(),
    FLAW: pa.string(), WARNED: pa.string(), "_header": pa.int32(),
}  # fmt: skip


@dataclass(frozen=True)
class Staged:
    """The rows of some places, as they were read.

    Columns that begin with an underscore are added here; no column of a place does.

    Attributes:
        text: Relation of the rows: `_row` (its number, in the order of reading), `_place_no` (the
            place's index), `_part`, `_line`, `_flaw`, `_warned`, `_header` (which
            columns the row has: the index in `headers`), and a text column per column.
        broken: Relation of the rows that could not be read: the same position, reason, payload.
        extras: The columns of `text` that are not declared.
        headers: The sets of columns that rows have.
        refused: The places of which nothing can be loaded, by index, with the reason. They have
            no row in either relation.
        left_out: Parts of places that were not read: the place's name and the reason.
        notices: What else to tell of places, by their names.
        ambiguous_dates: The places whose slash dates are all ambiguous, by index.
        other_dates: The places that were refused for the order of their dates, by index.
        positions: Where the next load of a place's stream goes on, by index.
        columns: The columns of each place.
        plain: Relation of plain values of personal data, as `personal.PLAIN_SCHEMA`; empty unless
            they are collected.
    """

    text: str
    broken: str
    extras: tuple[str, ...]
    headers: tuple[frozenset[str], ...]
    refused: dict[int, str]
    left_out: tuple[tuple[str, str], ...]
    notices: tuple[tuple[str, str], ...]
    ambiguous_dates: tuple[int, ...]
    other_dates: tuple[int, ...]
    positions: dict[int, str]
    columns: tuple[list[str], ...]
    plain: str


def stage(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    places: Sequence[Place],
    notify: Notify,
    stored_extras: Iterable[str],
    into: str,
    *,
    keeps_plain: bool = False,
) -> Staged:
    """Reads places into relations whose names begin with `into`.

    Args:
        connection: The scratch database.
        spec: The table.
        places: What to read.
        notify: Gets what the user should know.
        stored_extras: The columns of the raw table that are not declared. A new column that differs
            from one in case alone, as `STRASSE` from `Straße`, is the same, as it is to dlt.
        into: What the names of the relations begin with.
        keeps_plain: Whether the plain values of all personal data are collected.
    """
    hasher = Hasher(connection, spec, keeps_plain)
    staging = _Staging(connection, spec, notify, hasher, f"{into}_text", f"{into}_broken")
    staging.spellings = {name.casefold(): name for name in stored_extras}
    for place_no, place in enumerate(places):
        staging.read(place_no, place)
    staging.show()
    plain = f"{into}_plain"
    connection.register(plain, pa.concat_tables([PLAIN_SCHEMA.empty_table(), *hasher.plain]))
    return Staged(
        staging.text,
        staging.broken,
        tuple(staging.extras),
        tuple(staging.headers),
        staging.refused,
        tuple(staging.left_out),
        tuple(staging.notices),
        tuple(staging.ambiguous_dates),
        tuple(staging.other_dates),
        staging.positions,
        tuple(list(staging.columns.get(no, ())) for no in range(len(places))),
        plain,
    )


def stated(headers: Sequence[frozenset[str]], column: str, header: str) -> str:
    """SQL for whether the row with the `_header` in the column `header` has a column."""
    having = [str(no) for no, names in enumerate(headers) if column in names]
    if len(having) in (0, len(headers)):
        return "true" if having else "false"
    return f"{header} in ({', '.join(having)})"


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
        hasher: Hasher,
        text: str,
        broken: str,
    ) -> None:
        self.text = text
        self.broken = broken
        self.extras: list[str] = []
        self.spellings: dict[str, str] = {}
        self.headers: dict[frozenset[str], int] = {}
        self.refused: dict[int, str] = {}
        self.left_out: list[tuple[str, str]] = []
        self.notices: list[tuple[str, str]] = []
        self.ambiguous_dates: list[int] = []
        self.other_dates: list[int] = []
        self.positions: dict[int, str] = {}
        self.columns: dict[int, dict[str, None]] = {}
        self._connection = connection
        self._spec = spec
        self._notify = notify
        self._hasher = hasher
        self._known = {column.name for column in spec.columns}
        self._kept = {LINE, FLAW, WARNED, *self._known, *(ours for _, ours in spec.own_names)}
        self._kept |= {name for i in spec.identifiers for name in (i.column, i.type_column)}
        self._rows = 0
        self._bytes = 0
        names = dict.fromkeys(self._known, pa.string())
        self._held = [pa.schema({**_ADDED, **names}).empty_table()]
        self._in_files: list[pa.Table] = []
        connection.execute(f"create table {broken} ({_POSITION}, reason varchar, payload varchar)")

    def read(self, place_no: int, place: Place) -> None:
        try:
            self._read(place_no, place)
        except Refused as refusal:
            self._refuse(place_no, str(refusal))
            if isinstance(refusal, OtherOrder):
                self.other_dates.append(place_no)
        except MACHINE_PROBLEMS:
            raise
        except Exception as error:
            # One place must not stop the others, whatever it holds.
            logging.getLogger(__name__).debug("%s", place.name, exc_info=True)
            text = without_addresses(" ".join(str(error).split()), self._spec.personal)[:300]
            self._refuse(
                place_no,
                f"cannot be read: unexpected {type(error).__name__}{': ' if text else ''}{text}",
            )

    def _refuse(self, place_no: int, reason: str) -> None:
        self.refused[place_no] = without_addresses(reason, self._spec.personal)
        self._connection.execute(f"delete from {self.broken} where _place_no = {place_no}")

    def show(self) -> None:
        """Makes the relation of the rows that are held, without those of refused places."""
        rows = pa.concat_tables([*self._in_files, *self._held], promote_options="default")
        if not self.refused:
            self._connection.register(self.text, rows)
            return
        self._connection.register(f"{self.text}_held", rows)
        self._connection.execute(
            f"create temp view {self.text} as select * from {self.text}_held "
            f"where _place_no not in ({', '.join(map(str, self.refused))})"
        )

    def _read(self, place_no: int, place: Place) -> None:
        label = f"{self._spec.source}/{place.name}"
        rows, dates = 0, SlashDates(self._spec)
        dropped: dict[str, None] = {}
        is_index_told = False
        for chunk in place.chunks():
            if chunk.position is not None:
                self.positions[place_no] = chunk.position
            if chunk.notice:
                self.notices.append((place.name, chunk.notice))
                continue
            if chunk.left_out:
                self.left_out.append((place.name, chunk.left_out))
                continue
            if INDEX in chunk.table.column_names:
                if not is_index_told:
                    notice = "the first column has no name and is ignored"
                    self.notices.append((place.name, notice))
                is_index_told = True
                chunk = replace(chunk, table=chunk.table.drop_columns([INDEX]))
            if not self._spec.keeps_undeclared:
                dropped |= dict.fromkeys(set(chunk.table.column_names) - self._kept)
                chunk = self._without(chunk, dropped)
            self._add(place_no, chunk, dates)
            before, rows = rows, rows + chunk.table.num_rows + len(chunk.broken)
            if before // _ROWS_BETWEEN_NOTICES < rows // _ROWS_BETWEEN_NOTICES:
                self._notify(f"{label}: {rows:,} rows so far")
        self._notify(f"{label}: {rows:,} rows read")
        if dropped:
            listed = ", ".join(sorted(dropped))
            self.notices.append((place.name, f"columns that are not loaded: {listed}"))
        if dates.notice:
            self.notices.append((place.name, dates.notice))
            self.ambiguous_dates.append(place_no)

    def _spelled(self, name: str) -> str:
        """A column as the first one of its name is spelled."""
        return name if name in self._known else self.spellings.setdefault(name.casefold(), name)

    def _without(self, chunk: Chunk, dropped: Collection[str]) -> Chunk:
        """A chunk without the columns that the table does not take."""
        columns = chunk.columns and [[n for n in row if n not in dropped] for row in chunk.columns]
        names = [name for name in chunk.table.column_names if name not in dropped]
        return replace(chunk, table=chunk.table.select(names), columns=columns)

    def _add(self, place_no: int, chunk: Chunk, dates: SlashDates) -> None:
        names = [self._spelled(name) for name in chunk.table.column_names]
        chunk = replace(
            chunk,
            table=chunk.table.rename_columns(names),
            columns=chunk.columns and [map(self._spelled, columns) for columns in chunk.columns],
        )
        held = self.columns.setdefault(place_no, {})
        for name in chunk.table.column_names:
            if name in (LINE, FLAW, WARNED):
                continue
            held[name] = None
            if name not in self._known and name not in self.extras:
                self.extras.append(name)
        if chunk.table.num_rows:
            dates.read(self._connection, chunk.table)
            rows = chunk.table.append_column("_header", self._headers(chunk))
            placed = self._placed(rows, place_no, chunk.part)
            self._hold(self._hasher.hash_rows(placed))
        if chunk.broken:
            rows = self._hasher.hash_broken(chunk.broken)
            broken = pa.table(
                {
                    "_line": [row.line for row in rows],
                    "reason": [row.reason for row in rows],
                    "payload": [row.payload for row in rows],
                }
            )
            broken = self._placed(broken, place_no, chunk.part)
            self._connection.register("incoming", broken)
            self._connection.execute(f"insert into {self.broken} by name from incoming")
            self._connection.unregister("incoming")

    def _headers(self, chunk: Chunk) -> pa.Array:
        """Which columns each row has, as numbers."""
        if chunk.columns is not None:
            return pa.array(map(self._header, chunk.columns), pa.int32())
        if chunk.has_gaps:
            return self._headers_by_nulls(chunk.table)
        header = pa.scalar(self._header(chunk.table.column_names), pa.int32())
        return pa.repeat(header, chunk.table.num_rows)

    def _headers_by_nulls(self, rows: pa.Table) -> pa.Array:
        names = rows.column_names
        has = np.column_stack([column.is_valid().to_numpy() for column in rows.columns])
        sets, numbers = np.unique(np.packbits(has, axis=1), axis=0, return_inverse=True)
        columns = np.unpackbits(sets, axis=1, count=len(names)).astype(bool)
        headers = [
            self._header(name for name, is_there in zip(names, row, strict=True) if is_there)
            for row in columns
        ]
        return pa.array(np.array(headers, np.int32)[numbers.reshape(-1)])

    def _header(self, columns: Iterable[str]) -> int:
        names = frozenset(columns) - {LINE, FLAW, WARNED, INDEX}
        return self.headers.setdefault(names, len(self.headers))

    def _placed(self, rows: pa.Table, place_no: int, part: str | None) -> pa.Table:
        count = rows.num_rows
        numbers = pa.array(np.arange(self._rows, self._rows + count))
        self._rows += count
        rows = rows.append_column("_row", numbers)
        rows = rows.append_column("_place_no", pa.repeat(pa.scalar(place_no, pa.int32()), count))
        return rows.append_column("_part", pa.repeat(pa.scalar(part, pa.string()), count))

    def _hold(self, rows: pa.Table) -> None:
        self._held.append(rows)
        self._bytes += rows.nbytes
        if self._bytes > _MOST_IN_MEMORY:
            united = pa.concat_tables(self._held, promote_options="default")
            self._in_files.append(in_file(self._connection, united))
            self._held, self._bytes = [], 0
