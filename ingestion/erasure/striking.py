"""Which rows of a table are an erased person's, and what they lose.

A row that is known by an erased identifier goes. Else, if the best identifier that it has is
erased, the row tells what that person did: it stays without identifiers, without what leads back
to them, and without columns that nobody declared, since nobody can say what they hold. Else it is
somebody else's row and loses the erased identifiers alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import Identifier, TableSpec
from .tombstones import spelled


def pair(identifier: Identifier) -> tuple[str, str]:
    """SQL for the type and the value, in their one spelling, that a column holds."""
    id_type = (
        f"lower(trim({quoted(identifier.type_column)}))"
        if identifier.type_column
        else literal(identifier.id_type)
    )
    return id_type, spelled(id_type, quoted(identifier.column))


@dataclass(frozen=True)
class Struck:
    """Temporary relations of the rows that an erasure touches.

    Attributes:
        gone: `_row` of rows that are deleted.
        anonymous: `_row` of rows that lose everything that tells whose they are.
        values: `_row` and the column's `name` of every erased identifier.
    """

    gone: str
    anonymous: str
    values: str


def find_struck(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, table: str, row: str, erased: str
) -> Struck:
    """Finds the rows of a table that name erased people.

    Args:
        connection: Where the tables are.
        spec: Says which columns hold identifiers; each must be in the table.
        table: The table with the rows, as SQL.
        row: What a row is known by in it, as SQL.
        erased: A table of the erased identifiers (id_type, id_value).
    """
    struck = Struck("struck_gone", "struck_anonymous", "struck_values")
    connection.execute(f"create or replace temp table {struck.values} (_row bigint, name varchar)")
    for identifier in spec.identifiers:
        id_type, id_value = pair(identifier)
        connection.execute(
            f"""insert into {struck.values}
            select _row, {literal(identifier.column)}
            from (select {row} as _row, {id_type} as id_type, {id_value} as id_value from {table})
            semi join {erased} using (id_type, id_value)"""
        )
    keys = ", ".join(literal(i.column) for i in spec.identifiers if i.column in spec.key)
    connection.execute(
        f"create or replace temp table {struck.gone} as "
        f"select distinct _row from {struck.values} where name in ({keys or 'null'})"
    )
    best = " ".join(
        f"when {quoted(i.column)} is not null then {literal(i.column)}" for i in spec.identifiers
    )
    connection.execute(
        f"""create or replace temp table {struck.anonymous} as
        select _row from (
            select {row} as _row, case {best or "when false then ''"} end as name from {table}
            where {row} in (select _row from {struck.values})
        )
        semi join {struck.values} using (_row, name)
        anti join {struck.gone} using (_row)"""
    )
    return struck


def blank(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    table: str,
    row: str,
    extras: Iterable[str],
    struck: Struck,
) -> None:
    """Sets to null what anonymous rows and rows of others lose; rows to be deleted stay as is.

    Args:
        connection: Where the tables are.
        spec: The table.
        table: The table with the rows, as SQL.
        row: What a row is known by in it, as SQL.
        extras: Its columns that nobody declared.
        struck: The rows.
    """
    own = [i.column for i in spec.identifiers if i.column not in spec.key]
    for name in dict.fromkeys([*own, *spec.traces, *extras]):
        rows = f"select _row from {struck.anonymous}"
        if name in own:
            rows += f" union all select _row from {struck.values} where name = {literal(name)}"
        connection.execute(
            f"update {table} set {quoted(name)} = null where {quoted(name)} is not null "
            f"and {row} in ({rows})"
        )
