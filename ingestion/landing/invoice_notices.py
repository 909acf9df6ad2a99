"""What the user should know of invoices: those replaced, left as before, and united."""

from __future__ import annotations

from collections.abc import Iterator

import duckdb

from onecdp.warehouse.sql_text import quoted

from ..declaration import TableSpec
from .invoice_lines import Lines


def notices_of_lines(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, lines: Lines, places: str
) -> Iterator[tuple[str, str]]:
    """Yields places with what the user should know: invoices replaced, kept and united."""
    group = quoted(spec.group or "")
    replaced = connection.execute(
        f"""with removed as (
            select r._place_no, {group}, count(*) as withdrawn
            from {lines.removed} as r
            group by all
        ),
        before as (
            select {group}, sum(amount) as before
            from {lines.stored} where not is_withdrawn group by all
        ),
        after as (
            select {group}, sum(amount) as after
            from {lines.stated} where copy_rank = 1 group by all
        )
        select name, count(*), sum(withdrawn), sum(before), sum(after)
        from removed
        inner join before using ({group})
        inner join after using ({group})
        inner join {places} using (_place_no)
        group by name order by name"""
    ).fetchall()
    for name, groups, withdrawn, before, after in replaced:
        money = f"; revenue {before:,.2f} before, {after:,.2f} after" if spec.amount else ""
        yield (
            name,
            f"replaces {counted(groups, spec)}: "
            f"{withdrawn:,} line{'s' if withdrawn != 1 else ''} withdrawn{money}",
        )
    kept = connection.execute(
        f"""select name, count(*) from {lines.kept} as k
        inner join {places} as p on k.bad_place_no = p._place_no
        group by name order by name"""
    ).fetchall()
    for name, groups in kept:
        yield (
            name,
            f"{counted(groups, spec)} left as before, because of lines in the quarantine",
        )
    ((united, example, name),) = connection.execute(
        f"""with by_place as (
            select {group}, count(*) as lines from {lines.stated} group by _place_no, _part, {group}
        ),
        fullest as (select {group}, max(lines) as most from by_place group by all),
        united as (
            select {group}, count(*) as lines, arg_max(_place_no, _row) as _place_no
            from {lines.stated} where copy_rank = 1 group by {group}
        )
        select count(*), min({group}), arg_min(name, {group})
        from united inner join {places} using (_place_no) inner join fullest using ({group})
        where most < lines"""
    ).fetchall()
    if united:
        yield (
            name,
            f"{counted(united, spec)}, such as {example}, with different lines in "
            "several files or sheets of this load: all lines are kept; if one file corrects "
            "another, load it again on its own",
        )


def counted(groups: int, spec: TableSpec) -> str:
    """A number of invoices, or whatever `group` is, in words."""
    return f"{groups:,} {spec.group}{'s' if groups != 1 else ''}"
