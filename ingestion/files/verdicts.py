"""Compares the sound rows of a load with each other and with what is stored.

Each rule fills the table `verdicts` (_row, verdict, note, line_number) with one row per row of
`new_typed`; verdict is `loaded`, `duplicate`, `superseded` or `conflict`. It reads the view
`stored` (the raw table) and the table `files` (file_no, name, is_changed).
"""

from __future__ import annotations

import duckdb

from ingestion.files.checks import literal, quoted
from ingestion.files.spec import Rule, TableSpec

# A row of a sheet is kept under `book.xlsx#Sheet`; the file is the part before.
FILE_OF = r"regexp_replace({0}, '(\.xlsx(\.gz)?)#.*$', '\1', 'i')"


def judge(connection: duckdb.DuckDBPyConnection, spec: TableSpec) -> None:
    """Fills `verdicts` by the rule of the table."""
    match spec.rule:
        case Rule.NEWER_WINS:
            _newer_wins(connection, spec)
        case Rule.FIRST_STANDS:
            _first_stands(connection, spec)
        case Rule.COUNTED_LINES:
            _counted_lines(connection, spec)


def _key(spec: TableSpec) -> str:
    return ", ".join(quoted(name) for name in spec.key)


def _newer_wins(connection: duckdb.DuckDBPyConnection, spec: TableSpec) -> None:
    # A row without a version counts as of now.
    version = quoted(spec.version) if spec.version else "null::timestamp"
    key = _key(spec)
    connection.execute(
        f"""create table verdicts as
        with standing as (
            select {key}, _row_hash as stored_hash, {version} as stored_version
            from stored semi join new_typed using ({key})
        ),
        ranked as (
            select _row, {key}, _row_hash, {version} as version,
                row_number() over (
                    partition by {key}, _row_hash order by {version} desc nulls first, _row desc
                ) as copy_rank,
                row_number() over (
                    partition by {key} order by {version} desc nulls first, _row desc
                ) as age_rank
            from new_typed
        )
        select ranked._row,
            case
                when copy_rank > 1 or _row_hash = stored_hash then 'duplicate'
                when age_rank > 1 or version < stored_version then 'superseded'
                else 'loaded'
            end as verdict,
            null::varchar as note,
            null::bigint as line_number
        from ranked left join standing using ({key})"""
    )


def _first_stands(connection: duckdb.DuckDBPyConnection, spec: TableSpec) -> None:
    key = _key(spec)
    named = " || ', ' || ".join(f"{quoted(k)}" for k in spec.key)
    connection.execute(
        f"""create table verdicts as
        with standing as (
            select {key}, _row_hash as stored_hash, _file as stored_file, _line as stored_line
            from stored semi join new_typed using ({key})
        ),
        placed as (
            select t._row, {key}, t._row_hash, t._line, files.name, stored_hash, stored_file,
                stored_line,
                stored_hash is null or stored_file = files.name as may_stand
            from new_typed as t
            inner join files using (file_no)
            left join standing using ({key})
        ),
        chosen as (
            select *,
                min(_row) filter (where may_stand) over (partition by {key}) as chosen_row,
                arg_min(_row_hash, _row) filter (where may_stand)
                    over (partition by {key}) as chosen_hash,
                arg_min(name, _row) filter (where may_stand)
                    over (partition by {key}) as chosen_name,
                arg_min(_line, _row) filter (where may_stand)
                    over (partition by {key}) as chosen_line
            from placed
        )
        select _row,
            case
                when _row_hash <> coalesce(chosen_hash, stored_hash) then 'conflict'
                when _row = chosen_row and _row_hash is distinct from stored_hash then 'loaded'
                else 'duplicate'
            end as verdict,
            {literal(", ".join(spec.key))} || ' ''' || {named} || ''' already stands in '
                || {literal(spec.source + "/")} || coalesce(chosen_name, stored_file) || ' line '
                || coalesce(chosen_line, stored_line) || ' with other content' as note,
            null::bigint as line_number
        from chosen"""
    )


def _counted_lines(connection: duckdb.DuckDBPyConnection, spec: TableSpec) -> None:
    group = quoted(spec.group or "")
    stored_file = FILE_OF.format("_file")
    connection.execute(
        f"""create table stored_lines as
        with touched as (
            select distinct {group} from new_typed
            union
            select distinct {group} from stored
            where {stored_file} in (select name from files where is_changed)
        )
        select {group}, line_number, _row_hash, {stored_file} as file_name, is_withdrawn,
            row_number() over (partition by _row_hash order by line_number) as occurrence
        from stored semi join touched using ({group})"""
    )
    connection.execute(
        f"""create table occurring as
        select _row, file_no, {group}, _row_hash,
            row_number() over (partition by file_no, sheet, _row_hash order by _row) as occurrence
        from new_typed"""
    )
    connection.execute(
        f"""create table verdicts as
        with sighted as (
            select _row, {group}, _row_hash, occurrence,
                row_number() over (partition by _row_hash, occurrence order by _row) as sighting
            from occurring
        ),
        matched as (
            select sighted.*, s.line_number as stored_number, s.is_withdrawn,
                sighting = 1 and s.line_number is null as is_new
            from sighted
            left join stored_lines as s using (_row_hash, occurrence)
        ),
        highest as (
            select {group}, max(line_number) as highest from stored_lines group by all
        )
        select _row,
            case
                when is_new or (sighting = 1 and is_withdrawn) then 'loaded' else 'duplicate'
            end as verdict,
            null::varchar as note,
            coalesce(
                stored_number,
                coalesce(highest, 0)
                    + row_number() over (partition by {group}, is_new order by _row)
            ) as line_number
        from matched left join highest using ({group})"""
    )


def missing_lines(connection: duckdb.DuckDBPyConnection) -> int:
    """Fills `missing` with stored lines that a changed file held and no file of this load holds.

    Returns:
        How many there are.
    """
    connection.execute(
        """create table missing as
        select s.* from stored_lines as s
        inner join files on files.name = s.file_name and files.is_changed
        anti join occurring as o
            on o._row_hash = s._row_hash and o.occurrence = s.occurrence
        where not s.is_withdrawn"""
    )
    return int(connection.execute("select count(*) from missing").fetchall()[0][0])


def keep_held_elsewhere(connection: duckdb.DuckDBPyConnection, prefix: str) -> None:
    """Takes lines out of `missing` that unchanged files, staged under `prefix`, still hold."""
    connection.execute(
        f"""delete from missing using (
            select _row_hash,
                row_number() over (partition by file_no, sheet, _row_hash) as occurrence
            from {prefix}_typed
        ) as held
        where held._row_hash = missing._row_hash and held.occurrence = missing.occurrence"""
    )
