"""Writes what a load brings into the tables `out_rows`, `out_quarantine` and `out_loads`."""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from .checks import quoted
from .scratch import Staged, columns_sql, payload
from .spec import TableSpec
from .verdicts import FILE_OF, PLACE


@dataclass(frozen=True)
class Counts:
    """Rows of one load; read = loaded + quarantined + duplicate + superseded + erased.

    `erased` are rows of erased people, which are not stored. `withdrawn` are stored rows that no
    file holds any more.
    """

    read: int = 0
    loaded: int = 0
    quarantined: int = 0
    duplicate: int = 0
    superseded: int = 0
    withdrawn: int = 0
    erased: int = 0


def write_rows(connection: duckdb.DuckDBPyConnection, spec: TableSpec, staged: Staged) -> None:
    """Fills `out_rows` with the rows whose verdict is `loaded`, and the lines that left."""
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
        _add_leaving(connection, spec)


def _add_leaving(connection: duckdb.DuckDBPyConnection, spec: TableSpec) -> None:
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


def write_quarantine(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    staged: Staged,
    refused: dict[str, str],
    fingerprints: dict[str, str],
) -> None:
    """Fills `out_quarantine`: a row per bad row, and one without a line per refused file.

    The latter only if it is not told already.
    """
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


def write_loads(connection: duckdb.DuckDBPyConnection, spec: TableSpec, staged: Staged) -> None:
    """Fills `out_loads`: a row per file that was loaded, with what became of its rows.

    Raises:
        AssertionError: a row that was read is in none of the counts; nothing may be written.
    """
    connection.execute(
        f"""create table out_loads as
        with judged as (
            select _file_no, verdict from sound inner join verdicts using (_row)
            union all
            select _file_no, 'conflict' from new_bad
            union all
            select _file_no, 'erased' from new_erased
        ),
        counted as (
            select _file_no,
                count(*) filter (where verdict = 'loaded') as rows_loaded,
                count(*) filter (where verdict = 'conflict') as rows_quarantined,
                count(*) filter (where verdict = 'duplicate') as rows_duplicate,
                count(*) filter (where verdict = 'superseded') as rows_superseded,
                count(*) filter (where verdict = 'erased') as rows_erased
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
            coalesce(rows_erased, 0) as rows_erased,
            _file_no in (select _file_no from namesakes) as is_other_file,
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
        "rows_loaded + rows_quarantined + rows_duplicate + rows_superseded + rows_erased"
    ).fetchall()
    if unbalanced:
        raise AssertionError(f"rows read and rows accounted for differ: {unbalanced}")


def totals(connection: duckdb.DuckDBPyConnection) -> Counts:
    """The sums of `out_loads`."""
    (row,) = connection.execute(
        """select coalesce(sum(rows_read), 0)::bigint, coalesce(sum(rows_loaded), 0)::bigint,
            coalesce(sum(rows_quarantined), 0)::bigint, coalesce(sum(rows_duplicate), 0)::bigint,
            coalesce(sum(rows_superseded), 0)::bigint, coalesce(sum(rows_withdrawn), 0)::bigint,
            coalesce(sum(rows_erased), 0)::bigint
        from out_loads"""
    ).fetchall()
    return Counts(*row)
