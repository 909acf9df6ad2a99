"""Compares the sound rows of a load with each other and with what is stored.

Each rule fills the table `verdicts` (_row, verdict, note, line_number) with one row per row of
`new_typed`; verdict is `loaded`, `duplicate`, `superseded` or `conflict`. It reads the view
`stored` (the raw table) and the table `files` (_file_no, name, is_changed).
"""

from __future__ import annotations

import duckdb

from .checks import literal, quoted
from .spec import Rule, TableSpec

# A row of a sheet is kept under `book.xlsx#Sheet`; the file is the part before.
FILE_OF = r"regexp_replace({0}, '(\.xlsx(\.gz)?)#.*$', '\1', 'i')"

PLACE = "{0}.name || coalesce('#' || {1}._sheet, '')"
"""The `_file` of a row, out of its file and its sheet."""


def judge(connection: duckdb.DuckDBPyConnection, spec: TableSpec) -> None:
    """Fills `verdicts` by the rule of the table."""
    # Only the columns that matter: a file's own columns may have any name.
    names = [spec.group] if spec.group else [*spec.key, *filter(None, [spec.version])]
    connection.execute(
        "create view sound as select _row, _file_no, _sheet, _line, _row_hash, "
        f"{', '.join(quoted(name) for name in names)} from new_typed"
    )
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
            from stored semi join sound using ({key})
        ),
        ranked as (
            select _row, {key}, _row_hash, {version} as version,
                row_number() over (
                    partition by {key}, _row_hash order by {version} desc nulls first, _row desc
                ) as copy_rank,
                row_number() over (
                    partition by {key} order by {version} desc nulls first, _row desc
                ) as age_rank
            from sound
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
            from stored semi join sound using ({key})
        ),
        placed as (
            select t._row, {key}, t._row_hash, t._line, files.name, stored_hash, stored_file,
                stored_line,
                stored_hash is null or stored_file = files.name as may_stand
            from sound as t
            inner join files using (_file_no)
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
            select distinct {group} from sound
            union
            select distinct {group} from stored
            where {stored_file} in (select name from files where is_changed)
        ),
        others as (
            select file, max(loaded_at) as since from stored_loads where is_other_file group by file
        )
        select {group}, line_number, _row_hash, {stored_file} as file_name, is_withdrawn,
            coalesce(_loaded_at < others.since, false) as is_of_namesake,
            -- A load that was killed may have left lines; they say nothing of an earlier version.
            _loaded_at in (select loaded_at from stored_loads) as is_settled,
            row_number() over (partition by _row_hash order by line_number) as occurrence
        from stored
        semi join touched using ({group})
        left join others on {stored_file} = others.file"""
    )
    _count_occurrences(connection, spec, "new")
    connection.execute(
        f"""create table verdicts as
        with sighted as (
            select _row, {group}, _row_hash, occurrence,
                row_number() over (partition by _row_hash, occurrence order by _row) as sighting
            from new_occurring
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


def _count_occurrences(connection: duckdb.DuckDBPyConnection, spec: TableSpec, prefix: str) -> None:
    connection.execute(
        f"""create table {prefix}_occurring as
        select _row, _file_no, _sheet, _line, {quoted(spec.group or "")}, _row_hash,
            row_number() over (partition by _file_no, _sheet, _row_hash order by _row) as occurrence
        from {prefix}_typed"""
    )


def find_namesakes(connection: duckdb.DuckDBPyConnection, spec: TableSpec) -> list[tuple[str, int]]:
    """Fills `namesakes` with the changed files that are no new version of the file before.

    Such a file has rows, but none of an invoice (or whatever `group` is) that stands by its
    earlier version, nor any line that stands by another file. So a folder of tomorrow's export
    may use the names of today's. Lines of one invoice are told as a correction even if each of
    them differs: otherwise a new price would count beside the old one.

    Returns:
        Their names, with how many lines of the earlier version stand.
    """
    if spec.group is None:
        connection.execute("create table namesakes (_file_no integer, name varchar, lines bigint)")
        return []
    group = quoted(spec.group)
    connection.execute(
        f"""create table namesakes as
        with standing as (
            select * from stored_lines where is_settled and not is_withdrawn
        ),
        own as (
            select files._file_no, files.name, {group}
            from standing inner join files on standing.file_name = files.name
            where files.is_changed and not is_of_namesake
        ),
        alike as (
            select _file_no from new_occurring semi join own using (_file_no, {group})
            union
            select o._file_no
            from new_occurring as o
            inner join files using (_file_no)
            inner join standing as s using (_row_hash, occurrence)
            where s.file_name <> files.name
        )
        select _file_no, name, count(*) as lines
        from own
        semi join (select _file_no from new_text union all select _file_no from new_broken)
            using (_file_no)
        anti join alike using (_file_no)
        group by all"""
    )
    return connection.execute("select name, lines from namesakes order by name").fetchall()


def find_leaving(connection: duckdb.DuckDBPyConnection, spec: TableSpec) -> bool:
    """Fills `leaving` with stored lines whose file has changed and no longer holds them.

    Lines of a namesake stay as they are, but those that come again are `leaving` it for the file
    of now. `holders` gets the files of this load that hold such a line as well, with the place.

    Returns:
        Whether there are any that no file of this load holds.
    """
    key = _key(spec)
    connection.execute(
        f"""create table leaving as
        with own as (
            select s.*, files._file_no,
                s.is_of_namesake or files._file_no in (select _file_no from namesakes) as is_kept
            from stored_lines as s
            inner join files on files.name = s.file_name and files.is_changed
            where not s.is_withdrawn
        )
        select {key}, _row_hash, occurrence
        from own anti join new_occurring using (_file_no, _row_hash, occurrence)
        where not is_kept
        union all
        select {key}, _row_hash, occurrence
        from own semi join new_occurring using (_file_no, _row_hash, occurrence)
        where is_kept"""
    )
    connection.execute(
        f"create table holders as select {key}, '' as _file, 0 as _line from leaving limit 0"
    )
    _find_holders(connection, spec, "new", "files")
    left = connection.execute(f"select 1 from leaving anti join holders using ({key}) limit 1")
    return bool(left.fetchall())


def find_other_holders(connection: duckdb.DuckDBPyConnection, spec: TableSpec) -> None:
    """Adds to `holders` the files that have not changed, staged as `old`, named in `old_files`."""
    _count_occurrences(connection, spec, "old")
    _find_holders(connection, spec, "old", "old_files")


def _find_holders(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, prefix: str, files: str
) -> None:
    key = _key(spec)
    group = quoted(spec.group or "")
    connection.execute(
        f"""insert into holders by name
        select {key}, arg_min({PLACE.format(files, "o")}, _row) as _file,
            arg_min(_line, _row) as _line
        from leaving
        inner join {prefix}_occurring as o using ({group}, _row_hash, occurrence)
        inner join {files} using (_file_no)
        anti join holders using ({key})
        group by all"""
    )
