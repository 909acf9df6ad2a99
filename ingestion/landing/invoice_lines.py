"""Lines without a key: numbered by counting equal ones, and removed with their file.

The rule of COUNTED_LINES.
"""

from __future__ import annotations

from dataclasses import dataclass

import duckdb

from onecdp.warehouse.sql_text import quoted

from ..declaration import TableSpec
from ..raw_tables import FILE_OF

PLACE = "{0}.name || coalesce('#' || {1}._part, '')"
"""The `_file` of a row, out of its place and the part of it."""


@dataclass(frozen=True)
class Numbered:
    """Lines with their numbers.

    Attributes:
        outcomes: The relation of row outcomes.
        stored: The stored lines of every group that this load touches, with their occurrence.
        occurrences: The new lines, with which of the equal lines of its place each is.
    """

    outcomes: str
    stored: str
    occurrences: str


@dataclass(frozen=True)
class Removed:
    """What changed places no longer hold.

    Attributes:
        reused_names: `_place_no`, `name` and `lines` of places that are another file under the
            name of an earlier one.
        lines: The removed lines: the key, `_row_hash`, `occurrence`.
        still_held: Those of them that another place holds: the key, `_file`, `_line`.
    """

    reused_names: str
    lines: str
    still_held: str


def number_lines(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    sound: str,
    stored: str,
    loads: str,
    places: str,
    into: str,
) -> Numbered:
    """Tells which lines are new and gives each its number within its group."""
    group = quoted(spec.group or "")
    stored_file = FILE_OF.format("_file")
    numbered = Numbered(f"{into}_row_outcomes", f"{into}_stored_lines", f"{into}_occurrences")
    connection.execute(
        f"""create table {numbered.stored} as
        with touched as (
            select distinct {group} from {sound}
            union
            select distinct {group} from {stored}
            where {stored_file} in (select name from {places} where is_changed)
        ),
        others as (
            select file, max(loaded_at) as since from {loads} where is_other_file group by file
        )
        select {group}, line_number, _row_hash, {stored_file} as file_name, is_withdrawn,
            coalesce(_loaded_at < others.since, false) as is_of_other_file,
            -- A load that was killed may have left lines; they say nothing of an earlier version.
            _loaded_at in (select loaded_at from {loads}) as is_settled,
            row_number() over (partition by _row_hash order by line_number) as occurrence
        from {stored}
        semi join touched using ({group})
        left join others on {stored_file} = others.file"""
    )
    count_occurrences(connection, spec, sound, numbered.occurrences)
    connection.execute(
        f"""create table {numbered.outcomes} as
        with seen as (
            select _row, {group}, _row_hash, occurrence,
                row_number() over (partition by _row_hash, occurrence order by _row) as copy_rank
            from {numbered.occurrences}
        ),
        matched as (
            select seen.*, s.line_number as stored_number, s.is_withdrawn,
                copy_rank = 1 and s.line_number is null as is_new
            from seen
            left join {numbered.stored} as s using (_row_hash, occurrence)
        ),
        highest as (
            select {group}, max(line_number) as highest from {numbered.stored} group by all
        )
        select _row,
            case
                when is_new or (copy_rank = 1 and is_withdrawn) then 'loaded' else 'duplicate'
            end as outcome,
            null::varchar as note,
            coalesce(
                stored_number,
                coalesce(highest, 0)
                    + row_number() over (partition by {group}, is_new order by _row)
            ) as line_number
        from matched left join highest using ({group})"""
    )
    return numbered


def count_occurrences(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, sound: str, into: str
) -> None:
    """Makes `into`: the position of each line and which of the equal lines of its place it is."""
    connection.execute(
        f"""create table {into} as
        select _row, _place_no, _part, _line, {quoted(spec.group or "")}, _row_hash,
            row_number() over (
                partition by _place_no, _part, _row_hash order by _row
            ) as occurrence
        from {sound}"""
    )


def find_reused_file_names(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    numbered: Numbered,
    read: tuple[str, str],
    places: str,
    into: str,
) -> list[tuple[str, int]]:
    """Makes `into` with the changed places that are no new version of the place before.

    Such a place has rows, but none of an invoice (or whatever `group` is) that is stored from its
    earlier version, nor any line that is stored from another place. So a folder of tomorrow's
    export may use the names of today's. Lines of one invoice count as a correction even if each
    of them differs: otherwise a new price would count beside the old one.

    Args:
        connection: Where the relations are.
        spec: The table.
        numbered: Its lines.
        read: The relations of the rows that were read, sound or not.
        places: The places of this load.
        into: The name of the new relation.

    Returns:
        Their names, with how many lines are stored from the earlier version.
    """
    group = quoted(spec.group or "")
    with_rows = " union all ".join(f"select _place_no from {relation}" for relation in read)
    connection.execute(
        f"""create table {into} as
        with current as (
            select * from {numbered.stored} where is_settled and not is_withdrawn
        ),
        previous as (
            select p._place_no, p.name, {group}
            from current inner join {places} as p on current.file_name = p.name
            where p.is_changed and not is_of_other_file
        ),
        matching as (
            select _place_no
            from {numbered.occurrences}
            semi join previous using (_place_no, {group})
            union
            select o._place_no
            from {numbered.occurrences} as o
            inner join {places} as p using (_place_no)
            inner join current as s using (_row_hash, occurrence)
            where s.file_name <> p.name
        )
        select _place_no, name, count(*) as lines
        from previous
        semi join ({with_rows}) using (_place_no)
        anti join matching using (_place_no)
        group by all"""
    )
    return connection.execute(f"select name, lines from {into} order by name").fetchall()


def find_removed_lines(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    numbered: Numbered,
    reused_names: str,
    places: str,
    into: str,
) -> tuple[Removed, bool]:
    """Finds stored lines whose place has changed and no longer holds them.

    Lines of another file of the same name stay as they are, but those that come again are removed
    from it in favour of the current file.

    Returns:
        The lines with the places of this load that still hold them, and whether there are any
        that none of these holds.
    """
    key = ", ".join(quoted(name) for name in spec.key)
    removed = Removed(reused_names, f"{into}_removed_lines", f"{into}_still_held")
    connection.execute(
        f"""create table {removed.lines} as
        with previous as (
            select s.*, p._place_no,
                s.is_of_other_file
                    or p._place_no in (select _place_no from {reused_names}) as is_kept
            from {numbered.stored} as s
            inner join {places} as p on p.name = s.file_name and p.is_changed
            where not s.is_withdrawn
        )
        select {key}, _row_hash, occurrence
        from previous anti join {numbered.occurrences} using (_place_no, _row_hash, occurrence)
        where not is_kept
        union all
        select {key}, _row_hash, occurrence
        from previous semi join {numbered.occurrences} using (_place_no, _row_hash, occurrence)
        where is_kept"""
    )
    connection.execute(
        f"create table {removed.still_held} as "
        f"select {key}, '' as _file, 0 as _line from {removed.lines} limit 0"
    )
    add_still_held(connection, spec, removed, numbered.occurrences, places)
    left = connection.execute(
        f"select 1 from {removed.lines} anti join {removed.still_held} using ({key}) limit 1"
    )
    return removed, bool(left.fetchall())


def add_still_held(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    removed: Removed,
    occurrences: str,
    places: str,
) -> None:
    """Adds to `removed.still_held` the removed lines that are among `occurrences`."""
    key = ", ".join(quoted(name) for name in spec.key)
    group = quoted(spec.group or "")
    connection.execute(
        f"""insert into {removed.still_held} by name
        select {key}, arg_min({PLACE.format("p", "o")}, _row) as _file,
            arg_min(_line, _row) as _line
        from {removed.lines}
        inner join {occurrences} as o using ({group}, _row_hash, occurrence)
        inner join {places} as p using (_place_no)
        anti join {removed.still_held} using ({key})
        group by all"""
    )
