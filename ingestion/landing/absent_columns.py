"""Invoice lines of places that lack a column: they get its values from the same lines elsewhere.

A column that a place does not have says nothing. So a file without customers does not take them
from the invoices that it names.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from onecdp.warehouse.sql_text import quoted

from ..declaration import TableSpec
from ..raw_tables import hash_of


def fill_absent_columns(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    sound: str,
    headers: Sequence[frozenset[str]],
    stored: str,
) -> None:
    """Sets the columns that lines of `sound` lack to those of an equal line, if there is one.

    Equal is a line with the same values in the other columns, counted as ever; of this load, or
    else one that stands in the raw table.
    """
    known = [column.name for column in spec.columns]
    lacking: dict[tuple[str, ...], list[int]] = {}
    for no, header in enumerate(headers):
        if absent := tuple(name for name in known if name not in header):
            lacking.setdefault(absent, []).append(no)
    for absent, numbers in lacking.items():
        having = [no for no, header in enumerate(headers) if header.issuperset(absent)]
        _fill(connection, spec, sound, stored, absent, numbers, having)


def _fill(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    sound: str,
    stored: str,
    absent: Sequence[str],
    lacking: Sequence[int],
    having: Sequence[int],
) -> None:
    group = quoted(spec.group or "")
    present = [column.name for column in spec.columns if column.name not in absent]
    content = hash_of(spec, present)
    cells = ", ".join(f"'{name}': {quoted(name)}" for name in absent)
    in_place = "row_number() over (partition by _place_no, _part, content order by _row)"
    connection.execute(
        f"""create or replace temp table filled as
        with lines as (
            select *, {content} as content from {sound}
            where list_contains($lacking, _header) or list_contains($having, _header)
        ),
        standing as (
            select *, {content} as content from {stored}
            where not is_withdrawn and {group} in (select {group} from lines)
        ),
        others as (
            select content, occurrence, {{{cells}}} as cells, 0 as origin, _row as position
            from (
                select *, {in_place} as occurrence from lines
                where list_contains($having, _header)
            )
            union all
            select content, row_number() over (partition by content order by line_number),
                {{{cells}}}, 1, line_number
            from standing
        ),
        found as (
            select content, occurrence, arg_min(cells, (origin, position)) as cells
            from others group by all
        )
        select _row, found.cells
        from (
            select _row, content, {in_place} as occurrence
            from lines where list_contains($lacking, _header)
        )
        inner join found using (content, occurrence)""",
        {"lacking": list(lacking), "having": list(having)},
    )
    sets = ", ".join(f"{quoted(name)} = filled.cells.{quoted(name)}" for name in absent)
    connection.execute(f"update {sound} as t set {sets} from filled where t._row = filled._row")
    connection.execute("drop table filled")
