"""Invoice lines: an invoice is a document, and the newest load that names it states all its lines.

The rule of COUNTED_LINES; `group` is the column with the invoice. Within a load the places are
united: of equal lines there are as many as the place that has most of them. A load says nothing
about invoices that it does not name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import TableSpec
from ..raw_tables import PLACE, content_hash, undeclared_columns
from .absent_columns import fill_absent_columns
from .checking import Checked
from .stored import fetch

# What stands between the fields of a row that could not be split into them.
_SEPARATORS = r"""[,;\t|"'{}\[\]=]"""


@dataclass(frozen=True)
class Lines:
    """The lines of a load compared with those stored.

    Attributes:
        outcomes: The relation of row outcomes.
        stored: The stored lines of the invoices that the load names: the key, `_row_hash`,
            `occurrence`, `is_withdrawn`, the amount.
        stated: What the load says of each invoice: position, `_row_hash`, `occurrence`, the amount,
            and `copy_rank`, which is 1 for one of the equal lines of several places.
        kept: Invoices that stay as they are because a line of them can't be read, with the position
            of that line (`bad_row`, `bad_place_no`, `bad_part`, `bad_line`).
        removed: The stored lines that are withdrawn: the key and the `_place_no` of the place that
            states the invoice without them.
    """

    outcomes: str
    stored: str
    stated: str
    kept: str
    removed: str


def number_lines(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    checked: Checked,
    headers: Sequence[frozenset[str]],
    stored: str,
    places: str,
    into: str,
) -> Lines:
    """Compares the lines of a load with those stored; new ones get the next numbers.

    A line that stood before keeps its number, also where it was withdrawn in between.
    """
    lines = Lines(*(f"{into}_{name}" for name in ("row_outcomes", *_RELATIONS)))
    group = quoted(spec.group or "")
    fill_absent_columns(connection, spec, checked.sound, headers, stored)
    _count_stated(connection, spec, checked.sound, lines.stated)
    _count_stored(connection, spec, stored, lines)
    _find_kept(connection, spec, checked.bad, lines)
    connection.execute(
        f"""create table {lines.outcomes} as
        with matched as (
            select t.*, s.line_number as stored_number, s.is_withdrawn, bad_row, bad_line,
                {PLACE.format("p", "k")} as bad_file,
                copy_rank = 1 and stored_number is null and bad_row is null as is_new
            from {lines.stated} as t
            left join {lines.stored} as s using (_row_hash, occurrence)
            left join (select *, bad_part as _part from {lines.kept}) as k
                on t.{group} = k.{group}
            left join {places} as p on k.bad_place_no = p._place_no
        ),
        highest as (
            select {group}, max(line_number) as highest from {lines.stored} group by all
        )
        select _row,
            case
                when not is_withdrawn then 'duplicate'
                when bad_row is not null then 'superseded'
                when copy_rank = 1 then 'loaded'
                else 'duplicate'
            end as outcome,
            null::varchar as note,
            if(outcome = 'superseded', bad_file, null) as by_file,
            if(outcome = 'superseded', bad_line, null) as by_line,
            coalesce(
                stored_number,
                coalesce(highest, 0)
                    + row_number() over (partition by {group}, is_new order by _row)
            ) as line_number
        from matched left join highest using ({group})"""
    )
    key = ", ".join(quoted(name) for name in spec.key)
    connection.execute(
        f"""create table {lines.removed} as
        with named as (
            select {group}, arg_min(_place_no, _row) as _place_no from {lines.stated} group by all
        )
        select {key}, _place_no
        from {lines.stored}
        inner join named using ({group})
        anti join {lines.stated} using (_row_hash, occurrence)
        anti join {lines.kept} using ({group})
        where not is_withdrawn"""
    )
    return lines


_RELATIONS = ("stored_lines", "stated_lines", "kept_groups", "removed_lines")


def write_lines(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    lines: Lines,
    sound: str,
    extras: Sequence[str],
    stored: str,
    places: str,
    into: str,
) -> None:
    """Makes `into`: the lines to write, new, back again and withdrawn.

    Withdrawn lines are kept as soft-deleted rows, so that their customers are computed again.
    """
    known = [column.name for column in spec.columns]
    new = ", ".join(f"t.{quoted(name)}" for name in [*known, *extras])
    old = ", ".join(
        f"s.{quoted(name)}" for name in [*known, *undeclared_columns(connection, spec, stored)]
    )
    removed = f"{into}_removed"
    # Those of invoices that this load does not name, too.
    fetch(connection, stored, spec.key, lines.removed, removed)
    connection.execute(
        f"""create table {into} as
        select t._row, {new}, o.line_number, false as is_withdrawn,
            {PLACE.format("p", "t")} as _file, t._line
        from {sound} as t
        inner join {lines.outcomes} as o using (_row)
        inner join {places} as p using (_place_no)
        where o.outcome = 'loaded'
        union all by name
        select {old}, s.line_number, true as is_withdrawn, s._file, s._line
        from {removed} as s"""
    )


def _count_stated(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, sound: str, into: str
) -> None:
    columns = undeclared_columns(connection, spec, sound)
    connection.execute(
        f"""create table {into} as
        with hashed as (
            select _row, _place_no, _part, {quoted(spec.group or "")}, {_amount(spec)} as amount,
                {content_hash(spec, columns)} as _row_hash
            from {sound}
        ),
        counted as (
            select *, row_number() over (
                partition by _place_no, _part, _row_hash order by _row
            ) as occurrence
            from hashed
        )
        select *,
            row_number() over (partition by _row_hash, occurrence order by _row) as copy_rank
        from counted"""
    )


def _count_stored(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, stored: str, lines: Lines
) -> None:
    group = quoted(spec.group or "")
    held = undeclared_columns(connection, spec, stored)
    connection.execute(
        f"""create table {lines.stored} as
        with hashed as (
            select {group}, line_number, is_withdrawn, {_amount(spec)} as amount,
                {content_hash(spec, held)} as _row_hash
            from {stored} semi join {lines.stated} using ({group})
        )
        select *,
            -- Those that stand come first, so that they are the ones that stay.
            row_number() over (
                partition by _row_hash order by is_withdrawn, line_number
            ) as occurrence
        from hashed"""
    )


def _find_kept(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, bad: str, lines: Lines
) -> None:
    """Finds invoices that have lines stored and one that can't be read in this load."""
    group = quoted(spec.group or "")
    connection.execute(
        f"""create table {lines.kept} as
        with standing as (
            select distinct {group} from {lines.stored} where not is_withdrawn
        )
        select {group}, min(_row) as bad_row, arg_min(_place_no, _row) as bad_place_no,
            arg_min({{'part': _part}}, _row).part as bad_part, arg_min(_line, _row) as bad_line
        from ({bad_groups(spec, bad)}) semi join standing using ({group})
        group by all"""
    )


def bad_groups(spec: TableSpec, bad: str) -> str:
    """SQL for the invoices of the rows that can't be read, with the position of these.

    A row in which no invoice can be told is taken for a line of each whose number is in its text.
    """
    group = quoted(spec.group or "")
    words = f"unnest(regexp_split_to_array(payload, {literal(_SEPARATORS)}))"
    return f"""
        select _group as {group}, _row, _place_no, _part, _line from {bad}
        where _group is not null
        union all
        select trim({words}) as {group}, _row, _place_no, _part, _line from {bad}
        where _group is null"""


def _amount(spec: TableSpec) -> str:
    """SQL for the money of a line; 0 where the table has none."""
    return " * ".join(map(quoted, spec.amount or ())) or "0"
