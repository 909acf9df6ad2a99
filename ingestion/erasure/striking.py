"""Which rows of a table are an erased person's, and what they lose.

A row that is known by an erased identifier goes. Else, if the best identifier that it has is
erased, the row tells what that person did: it stays without identifiers, without what leads back
to them, and without columns that nobody declared, since nobody can say what they hold. Else it is
somebody else's row and loses the erased identifiers alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from ..files.checks import literal, quoted
from ..files.spec import Identifier, TableSpec
from .tombstones import spelled


def pair(identifier: Identifier) -> tuple[str, str]:
    """SQL for the type and the value, in their one spelling, that a column holds."""
    id_type = (
        f"lower(trim({quoted(identifier.type_column)}))"
        if identifier.type_column
        else literal(identifier.id_type)
    )
    return id_type, spelled(id_type, quoted(identifier.column))


def find_struck(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, table: str, row: str, erased: str
) -> None:
    """Fills the temporary tables `gone` (_row), `anonymous` (_row) and `struck` (_row, name).

    Args:
        connection: Where the tables are.
        spec: Says which columns hold identifiers.
        table: The table with the rows, as SQL.
        row: What a row is known by in it, as SQL.
        erased: A table of the erased identifiers (id_type, id_value).
    """
    connection.execute("create or replace temp table struck (_row bigint, name varchar)")
    for identifier in spec.identifiers:
        id_type, id_value = pair(identifier)
        connection.execute(
            f"""insert into struck
            select _row, {literal(identifier.column)}
            from (select {row} as _row, {id_type} as id_type, {id_value} as id_value from {table})
            semi join {erased} using (id_type, id_value)"""
        )
    keys = ", ".join(literal(i.column) for i in spec.identifiers if i.column in spec.key)
    connection.execute(
        "create or replace temp table gone as "
        f"select distinct _row from struck where name in ({keys or 'null'})"
    )
    best = " ".join(
        f"when {quoted(i.column)} is not null then {literal(i.column)}" for i in spec.identifiers
    )
    connection.execute(
        f"""create or replace temp table anonymous as
        select _row from (
            select {row} as _row, case {best or "when false then ''"} end as name from {table}
            where {row} in (select _row from struck)
        )
        semi join struck using (_row, name)
        anti join gone using (_row)"""
    )


def blank(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    table: str,
    row: str,
    extras: Sequence[str],
) -> None:
    """Empties what the rows of `anonymous` and `struck` lose; those of `gone` are left alone."""
    own = [i.column for i in spec.identifiers if i.column not in spec.key]
    for name in [*own, *spec.traces, *extras]:
        rows = "select _row from anonymous"
        if name in own:
            rows += f" union all select _row from struck where name = {literal(name)}"
        connection.execute(
            f"update {table} set {quoted(name)} = null where {quoted(name)} is not null "
            f"and {row} in ({rows})"
        )
