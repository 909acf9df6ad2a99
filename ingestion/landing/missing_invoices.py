"""Invoices that the places which brought them no longer name.

A load says nothing about invoices that it does not name, so they are kept, and withdrawn only where
the user asks for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import duckdb

from onecdp.warehouse.sql_text import quoted

from ..declaration import TableSpec
from ..raw_tables import FILE_OF
from .checking import Checked
from .invoice_lines import bad_groups
from .invoice_notices import counted


def named_groups(spec: TableSpec, checked: Checked) -> str:
    """SQL for the invoices that rows name, sound or not."""
    group = quoted(spec.group or "")
    return (
        f"select {group} from {checked.sound} "
        f"union all select {group} from ({bad_groups(spec, checked.bad)})"
    )


def find_missing(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    stored: str,
    named: str,
    places: str,
    looked_at: Sequence[str],
    into: str,
) -> None:
    """Makes `into`: the lines of invoices that are not named, but whose places were looked at.

    An invoice with a line of another place is left out: that place may still name it.

    Args:
        connection: Where the relations are.
        spec: The table.
        stored: The raw table.
        named: SQL for the invoices that are named.
        places: `_place_no` and `name` of the places.
        looked_at: The names of those that may tell that an invoice is missing.
        into: The new relation: the key and the `_place_no` of the place that brought the line.
    """
    group = quoted(spec.group or "")
    key = ", ".join(quoted(name) for name in spec.key)
    connection.execute(
        f"""create table {into} as
        with standing as (
            select {key}, p._place_no
            from {stored} as s
            left join (select * from {places} where list_contains($looked_at, name)) as p
                on {FILE_OF.format("s._file")} = p.name
            where not is_withdrawn
        )
        select * from standing
        anti join (select {group} from standing where _place_no is null) using ({group})
        anti join ({named}) using ({group})""",
        {"looked_at": list(looked_at)},
    )


def notices_of_missing(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, missing: str, places: str, is_kept: bool
) -> Iterator[tuple[str, str]]:
    """Yields places with what happens to the invoices that `find_missing` found."""
    group = quoted(spec.group or "")
    found = connection.execute(
        f"""select name, count(distinct {group}), count(*)
        from {missing} inner join {places} using (_place_no) group by name order by name"""
    ).fetchall()
    for name, groups, lines in found:
        what = (
            "kept (--withdraw-missing withdraws what no file names any more)"
            if is_kept
            else f"withdrawn, {lines:,} line{'s' if lines != 1 else ''}"
        )
        yield name, f"does not name {counted(groups, spec)} of an earlier version: {what}"
