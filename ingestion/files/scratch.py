"""The scratch database: files read into it, typed and checked there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import pyarrow as pa

from ..erasure.loading import strike_new
from ..erasure.tombstones import Tombstones
from .checks import (
    SQL_TYPES,
    amount_complaint,
    complaint,
    content_hash,
    day_first,
    day_first_complaint,
    literal,
    quoted,
    typed,
)
from .discover import SourceFile
from .readers import read
from .spec import FileRefused, Kind, TableSpec

Notify = Callable[[str], None]
_ROWS_BETWEEN_WORDS = 1_000_000


def open_scratch(folder: Path) -> duckdb.DuckDBPyConnection:
    """An in-memory DuckDB, in UTC, that spills to `folder` when the input is large."""
    connection = duckdb.connect()
    connection.execute(f"set temp_directory = {literal(str(folder))}")
    connection.execute("set memory_limit = '2GB'")
    connection.execute("set TimeZone = 'UTC'")
    return connection


@dataclass
class Staged:
    """Rows of some files in the scratch database.

    Tables, all with the prefix: `<prefix>_text` (rows as read), `<prefix>_broken` (rows that could
    not be read), `<prefix>_typed` (the sound rows with their types and `_row_hash`) and
    `<prefix>_bad` (the others, with their reasons). `_row` numbers the rows in file order.
    Columns of our own begin with an underscore, which no column of a file does.
    """

    prefix: str
    extras: list[str] = field(default_factory=list)
    refused: dict[int, str] = field(default_factory=dict)
    rows: int = 0


def stage(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    files: Sequence[SourceFile],
    prefix: str,
    scratch: Path,
    notify: Notify,
    tombstones: Tombstones | None,
) -> Staged:
    """Reads files into the scratch database; `_file_no` is the place in `files`.

    Rows that the tombstones keep out go to `<prefix>_erased`. A file that turns out to be
    unreadable leaves no row; `refused` says why.
    """
    staged = Staged(prefix)
    columns = ", ".join(f"{quoted(column.name)} varchar" for column in spec.columns)
    place = "_row bigint, _file_no integer, _sheet varchar, _line bigint"
    connection.execute(f"create table {prefix}_text ({place}, {columns})")
    connection.execute(f"create table {prefix}_broken ({place}, reason varchar, payload varchar)")
    for file_no, file in enumerate(files):
        try:
            _stage_file(connection, spec, file, file_no, staged, scratch, notify)
        except FileRefused as refusal:
            staged.refused[file_no] = str(refusal)
            for table in ("text", "broken"):
                connection.execute(f"delete from {prefix}_{table} where _file_no = {file_no}")
    _check(connection, spec, staged, tombstones)
    return staged


def _stage_file(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    file: SourceFile,
    file_no: int,
    staged: Staged,
    scratch: Path,
    notify: Notify,
) -> None:
    known = {column.name for column in spec.columns}
    rows = 0
    for chunk in read(file, spec, scratch):
        if chunk.notice:
            notify(f"{spec.source}/{file.name}: {chunk.notice}")
            continue
        for name in chunk.table.column_names:
            if name != "_line" and name not in known and name not in staged.extras:
                connection.execute(
                    f"alter table {staged.prefix}_text add column {quoted(name)} varchar"
                )
                staged.extras.append(name)
        place = f"{file_no} as _file_no, $sheet as _sheet"
        if size := chunk.table.num_rows:
            incoming = chunk.table.append_column(
                "_row", pa.array(range(staged.rows, staged.rows + size), pa.int64())
            )
            connection.register("incoming", incoming)
            _refuse_day_first(connection, spec, chunk.table.column_names)
            connection.execute(
                f"insert into {staged.prefix}_text by name select *, {place} from incoming",
                {"sheet": chunk.sheet},
            )
            connection.unregister("incoming")
            staged.rows += size
        if chunk.broken:
            incoming = pa.table(
                {
                    "_row": range(staged.rows, staged.rows + len(chunk.broken)),
                    "_line": [row.line for row in chunk.broken],
                    "reason": [row.reason for row in chunk.broken],
                    "payload": [row.payload for row in chunk.broken],
                }
            )
            connection.register("incoming", incoming)
            connection.execute(
                f"insert into {staged.prefix}_broken by name select *, {place} from incoming",
                {"sheet": chunk.sheet},
            )
            connection.unregister("incoming")
            staged.rows += len(chunk.broken)
        before, rows = rows, rows + chunk.table.num_rows + len(chunk.broken)
        if before // _ROWS_BETWEEN_WORDS < rows // _ROWS_BETWEEN_WORDS:
            notify(f"{spec.source}/{file.name}: {rows:,} rows so far")
    notify(f"{spec.source}/{file.name}: {rows:,} rows read")


def _refuse_day_first(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, present: Sequence[str]
) -> None:
    """Refuses a file with a date like 31/12/2010: its 5/12/2010 would be taken for May."""
    for column in spec.columns:
        condition = day_first(column)
        if condition is None or column.name not in present:
            continue
        found = connection.execute(
            f"select _line, {quoted(column.name)} from incoming where {condition} "
            "order by _line limit 1"
        ).fetchall()
        if found:
            line, value = found[0]
            connection.unregister("incoming")
            raise FileRefused(f"line {line}: {day_first_complaint(column.name, value)}")


def _check(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    staged: Staged,
    tombstones: Tombstones | None,
) -> None:
    """Types the rows, and parts the sound from the bad."""
    prefix = staged.prefix
    kinds = [(column.name, column.kind) for column in spec.columns]
    kinds += [(extra, Kind.TEXT) for extra in staged.extras]
    columns = ", ".join(f"{typed(name, kind)} as {quoted(name)}" for name, kind in kinds)
    complaints = [text for text in map(complaint, spec.columns) if text]
    if spec.amount:
        complaints.append(amount_complaint(spec.amount))
    connection.execute(
        f"create table {prefix}_all as select _row, _file_no, _sheet, _line, {columns} "
        f"from {prefix}_text"
    )
    connection.execute(
        f"""create table {prefix}_bad as
        with judged as (
            select _row, nullif(concat_ws('; ', {", ".join(complaints)}), '') as reason
            from {prefix}_text as raw inner join {prefix}_all as t using (_row)
        )
        select raw._row, raw._file_no, raw._sheet, raw._line, judged.reason,
            {payload(spec, staged)} as payload
        from judged inner join {prefix}_text as raw using (_row)
        where judged.reason is not null
        union all
        select * from {prefix}_broken"""
    )
    connection.execute(f"delete from {prefix}_all where _row in (select _row from {prefix}_bad)")
    strike_new(connection, spec, prefix, staged.extras, tombstones)
    connection.execute(
        f"create table {prefix}_typed as "
        f"select *, {content_hash(spec, staged.extras)} as _row_hash "
        f"from {prefix}_all"
    )
    connection.execute(f"drop table {prefix}_all")


def payload(spec: TableSpec, staged: Staged) -> str:
    """SQL for the JSON of a row as it was read; the row is `raw`."""
    names = [column.name for column in spec.columns] + staged.extras
    fields = ", ".join(f"{literal(name)}: raw.{quoted(name)}" for name in names)
    return f"to_json({{{fields}}})::varchar"


def columns_sql(spec: TableSpec) -> str:
    """The columns of the raw table as DuckDB types, without those dlt adds."""
    columns = [f"{quoted(column.name)} {SQL_TYPES[column.kind]}" for column in spec.columns]
    if spec.group is not None:
        columns += ["line_number bigint", "is_withdrawn boolean"]
    columns += ["_file varchar", "_line bigint", "_row_hash varchar", "_loaded_at timestamptz"]
    return ", ".join(columns)
