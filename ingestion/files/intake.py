"""From a folder of files to the rows that a load brings."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from ingestion.files import store
from ingestion.files.checks import quoted
from ingestion.files.discover import SourceFile, discover
from ingestion.files.scratch import Notify, Staged, columns_sql, payload, stage
from ingestion.files.spec import TableSpec
from ingestion.files.verdicts import FILE_OF, PLACE, find_leaving, find_other_holders, judge

BATCH_ROWS = 100_000


@dataclass(frozen=True)
class Counts:
    """Rows of one load; read = loaded + quarantined + duplicate + superseded."""

    read: int = 0
    loaded: int = 0
    quarantined: int = 0
    duplicate: int = 0
    superseded: int = 0


@dataclass(frozen=True)
class Intake:
    """What a load of one source brings.

    The rows wait in the scratch database, in the tables `out_rows`, `out_quarantine` and
    `out_loads`; `is_empty` means that there is nothing to write.
    """

    spec: TableSpec
    connection: duckdb.DuckDBPyConnection
    files_loaded: int
    files_skipped: int
    refused: tuple[tuple[str, str], ...]
    counts: Counts
    is_empty: bool

    def batches(self, table: str, key: tuple[str, ...]) -> Iterator[pa.Table]:
        """The rows of one of the `out_` tables; an empty table comes as one empty batch."""
        # dlt reads the tables in turns, and a connection's next query ends the one before.
        with self.connection.cursor() as cursor:
            (total,) = cursor.execute(f"select count(*) from {table}").fetchall()[0]
            reader = cursor.execute(f"select * from {table}").to_arrow_reader(BATCH_ROWS)
            fields = [_portable(f.with_nullable(f.name not in key)) for f in reader.schema]
            schema = pa.schema(fields)
            if not total:
                yield schema.empty_table()
            sent = 0
            for batch in reader:
                yield pa.Table.from_batches([batch]).cast(schema)
                sent += batch.num_rows
        if sent != total:
            raise AssertionError(f"{sent} of {total} rows of {table} were handed over")


def clock() -> dt.datetime:
    """The time of a load."""
    return dt.datetime.now(dt.UTC)


def _portable(column: pa.Field) -> pa.Field:
    if pa.types.is_timestamp(column.type) and column.type.tz is not None:
        return column.with_type(pa.timestamp("us", "UTC"))
    return column


def take_in(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    folder: Path,
    warehouse: Path,
    scratch: Path,
    notify: Notify,
) -> Intake:
    """Reads what is new in `folder`, checks it and compares it with the warehouse.

    The warehouse is only read, and let go of before this returns.
    """
    is_complete = store.attach(connection, spec, warehouse)
    files, ignored = discover(folder, spec.excel)
    for name in ignored:
        notify(f"{spec.source}/{name}: ignored, not a kind of file that is loaded")
    known = connection.execute(
        "select file, arg_max(fingerprint, loaded_at) from stored_loads group by file"
    )
    latest: dict[str, str] = dict(known.fetchall())
    refused: dict[str, str] = {}
    fingerprints: dict[str, str] = {}
    for file in files:
        try:
            fingerprints[file.name] = file.fingerprint()
        except OSError as error:
            refused[file.name] = f"cannot be read ({error.strerror or error})"
            fingerprints[file.name] = ""
    new = [f for f in files if f.name not in refused and latest.get(f.name) != fingerprints[f.name]]
    changed = {file.name for file in new}
    old = [f for f in files if f.name not in refused and f.name not in changed]

    staged = stage(connection, spec, new, "new", scratch, notify)
    refused |= {new[file_no].name: reason for file_no, reason in staged.refused.items()}
    # A refused version changes nothing: what an earlier one brought stays.
    _list_files(connection, new, fingerprints, set(latest) - set(refused))
    judge(connection, spec)
    if spec.group is not None and find_leaving(connection, spec) and old:
        # Rare, so they are read again rather than that every line's every place is stored.
        stage(connection, spec, old, "old", scratch, notify)
        names = [(number, file.name) for number, file in enumerate(old)]
        connection.execute("create table old_files (_file_no integer, name varchar)")
        connection.executemany("insert into old_files values ($1, $2)", names)
        find_other_holders(connection, spec)
    _write_rows(connection, spec, staged)
    store.check_types(connection, spec)
    _write_quarantine(connection, spec, staged, refused, fingerprints)
    _write_loads(connection, spec, staged)
    waiting = connection.execute(
        "select (select count(*) from out_rows) + (select count(*) from out_quarantine) "
        "+ (select count(*) from out_loads)"
    ).fetchall()[0][0]
    store.detach(connection)
    return Intake(
        spec=spec,
        connection=connection,
        files_loaded=len(new) - len(staged.refused),
        files_skipped=len(old),
        refused=tuple(sorted(refused.items())),
        counts=_totals(connection),
        is_empty=is_complete and not waiting,
    )


def _list_files(
    connection: duckdb.DuckDBPyConnection,
    files: list[SourceFile],
    fingerprints: dict[str, str],
    loaded_before: set[str],
) -> None:
    connection.execute(
        "create table files "
        "(_file_no integer, name varchar, fingerprint varchar, is_changed boolean)"
    )
    if files:
        rows = [
            (no, f.name, fingerprints[f.name], f.name in loaded_before)
            for no, f in enumerate(files)
        ]
        connection.executemany("insert into files values ($1, $2, $3, $4)", rows)
    # One value for the load, later than any stored one even if the clock was put back.
    connection.execute(
        """create table load_time as
        select greatest(
            $1::timestamptz,
            (select max(_loaded_at) from stored) + interval 1 microsecond,
            (select max(loaded_at) from stored_loads) + interval 1 microsecond
        ) as loaded_at""",
        [clock()],
    )


def _write_rows(connection: duckdb.DuckDBPyConnection, spec: TableSpec, staged: Staged) -> None:
    names = [column.name for column in spec.columns] + sorted(staged.extras)
    extra = ""
    if spec.group is not None:
        extra = "verdicts.line_number, false as is_withdrawn,"
    connection.execute(f"create table out_rows ({columns_sql(spec)})")
    for name in sorted(staged.extras):
        connection.execute(f"alter table out_rows add column {quoted(name)} varchar")
    connection.execute(
        f"""insert into out_rows by name
        select {", ".join("t." + quoted(name) for name in names)}, {extra}
            {PLACE.format("files", "t")} as _file, t._line, t._row_hash,
            (select loaded_at from load_time) as _loaded_at
        from new_typed as t
        inner join verdicts using (_row)
        inner join files using (_file_no)
        where verdicts.verdict = 'loaded'
        order by t._row"""
    )
    if spec.group is not None:
        _write_leaving(connection, spec)


def _write_leaving(connection: duckdb.DuckDBPyConnection, spec: TableSpec) -> None:
    """Adds the lines that left their file: soft-deleted, or under another file that holds them."""
    stored = [str(row[0]) for row in connection.execute("describe stored").fetchall()]
    changing = ("is_withdrawn", "_loaded_at", "_dlt_load_id", "_file", "_line")
    kept = [name for name in stored if name not in changing]
    known = {str(row[0]) for row in connection.execute("describe out_rows").fetchall()}
    for name in kept:
        if name not in known:
            connection.execute(f"alter table out_rows add column {quoted(name)} varchar")
    key = ", ".join(quoted(name) for name in spec.key)
    connection.execute(
        f"""insert into out_rows by name
        select {", ".join("stored." + quoted(name) for name in kept)},
            holders._file is null as is_withdrawn,
            coalesce(holders._file, stored._file) as _file,
            coalesce(holders._line, stored._line) as _line,
            (select loaded_at from load_time) as _loaded_at
        from leaving
        inner join stored using ({key})
        left join holders using ({key})"""
    )


def _write_quarantine(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    staged: Staged,
    refused: dict[str, str],
    fingerprints: dict[str, str],
) -> None:
    """One row per bad row; one without a line per refused file, unless it is already told."""
    place = PLACE.format("files", "bad")
    connection.execute(
        f"""create table out_quarantine as
        with bad as (
            select _file_no, _sheet, _line, reason, payload from new_bad
            union all
            select raw._file_no, raw._sheet, raw._line, verdicts.note, {payload(spec, staged)}
            from new_text as raw inner join verdicts using (_row)
            where verdicts.verdict = 'conflict'
        )
        select md5(concat_ws(chr(10), {place}, fingerprint, _line)) as quarantine_id,
            {place} as file, fingerprint, _line as line, reason, payload,
            (select loaded_at from load_time) as quarantined_at
        from bad inner join files using (_file_no)
        order by file, line"""
    )
    for name, reason in sorted(refused.items()):
        connection.execute(
            """insert into out_quarantine
            select md5(concat_ws(chr(10), $1, $2)), $1, $2, null, $3, null, loaded_at
            from load_time
            where not exists (
                select 1 from stored_quarantine
                where file = $1 and fingerprint = $2 and line is null and reason = $3
            )""",
            [name, fingerprints[name], reason],
        )


def _write_loads(connection: duckdb.DuckDBPyConnection, spec: TableSpec, staged: Staged) -> None:
    connection.execute(
        f"""create table out_loads as
        with judged as (
            select _file_no, verdict from sound inner join verdicts using (_row)
            union all
            select _file_no, 'conflict' from new_bad
        ),
        counted as (
            select _file_no,
                count(*) filter (where verdict = 'loaded') as rows_loaded,
                count(*) filter (where verdict = 'conflict') as rows_quarantined,
                count(*) filter (where verdict = 'duplicate') as rows_duplicate,
                count(*) filter (where verdict = 'superseded') as rows_superseded
            from judged group by _file_no
        ),
        staged as (
            select _file_no, count(*) as rows_read
            from (select _file_no from new_text union all select _file_no from new_broken)
            group by _file_no
        ),
        withdrawn as (
            select {FILE_OF.format("_file")} as name, count(*) as rows_withdrawn
            from out_rows where {"is_withdrawn" if spec.group else "false"} group by all
        )
        select name as file, fingerprint,
            coalesce(rows_read, 0) as rows_read,
            coalesce(rows_loaded, 0) as rows_loaded,
            coalesce(rows_quarantined, 0) as rows_quarantined,
            coalesce(rows_duplicate, 0) as rows_duplicate,
            coalesce(rows_superseded, 0) as rows_superseded,
            coalesce(rows_withdrawn, 0) as rows_withdrawn,
            (select loaded_at from load_time) as loaded_at
        from files
        left join staged using (_file_no)
        left join counted using (_file_no)
        left join withdrawn using (name)
        where not list_contains($refused, _file_no)
        order by _file_no""",
        {"refused": list(staged.refused)},
    )
    unbalanced = connection.execute(
        "select file, rows_read from out_loads where rows_read <> "
        "rows_loaded + rows_quarantined + rows_duplicate + rows_superseded"
    ).fetchall()
    if unbalanced:
        raise AssertionError(f"rows read and rows accounted for differ: {unbalanced}")


def _totals(connection: duckdb.DuckDBPyConnection) -> Counts:
    (row,) = connection.execute(
        """select coalesce(sum(rows_read), 0)::bigint, coalesce(sum(rows_loaded), 0)::bigint,
            coalesce(sum(rows_quarantined), 0)::bigint, coalesce(sum(rows_duplicate), 0)::bigint,
            coalesce(sum(rows_superseded), 0)::bigint from out_loads"""
    ).fetchall()
    return Counts(*row)
