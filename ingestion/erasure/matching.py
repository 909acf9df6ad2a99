"""Which rows of a table name an erased person, and what they lose.

- A row whose key holds an erased identifier is deleted.
- A row whose best identifier is erased describes what that person did. It is anonymised: it loses
  all identifiers, the columns that lead back to them, and undeclared columns, which may hold
  anything.
- Any other row belongs to somebody else and loses the erased identifiers alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb

from onecdp.identity.normalise import identifier_sql
from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import Identifier, TableSpec


def pair(identifier: Identifier) -> tuple[str, str]:
    """SQL for the normalised type and value that a column holds."""
    id_type = (
        f"lower(trim({quoted(identifier.type_column)}))"
        if identifier.type_column
        else literal(identifier.id_type)
    )
    return id_type, identifier_sql(id_type, quoted(identifier.column))


def former_values(identifier: Identifier, text: str) -> str:
    """SQL for a list of spellings that tombstones may have of a value.

    Of before identifiers were normalised as they are now: spaces trimmed from the text, and a
    double from Parquet with an exponent.
    """
    id_type, id_value = pair(identifier)
    digits = f"rtrim({id_value}, '0')"
    return rf"""[
        case
            when {id_type} in ('mobile_hash', 'email_hash') then lower(trim({text}))
            when {id_type} = 'retail_customer_id'
                then regexp_replace(trim({text}), '^([0-9]+)\.0+$', '\1')
            else trim({text})
        end,
        case
            when regexp_full_match({id_value}, '[1-9][0-9]{{10,15}}')
                then rtrim({digits}[1] || '.' || {digits}[2:], '.')
                    || 'e+' || (length({id_value}) - 1)
        end
    ]"""


@dataclass(frozen=True)
class Matches:
    """Temporary relations of the rows that an erasure touches.

    Attributes:
        deleted: `_row` of rows that are deleted.
        anonymised: `_row` of rows that lose everything that identifies the person.
        cells: `_row` and the column's `name` of every erased identifier.
    """

    deleted: str
    anonymised: str
    cells: str


def find_matches(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, table: str, row: str, erased: str
) -> Matches:
    """Finds the rows of a table that name erased people.

    Args:
        connection: Where the tables are.
        spec: Says which columns hold identifiers; each must be in the table.
        table: The table with the rows, as SQL.
        row: What a row is known by in it, as SQL.
        erased: A table of the erased identifiers (id_type, id_value).
    """
    matches = Matches("matches_deleted", "matches_anonymised", "matches_cells")
    connection.execute(f"create or replace temp table {matches.cells} (_row bigint, name varchar)")
    for identifier in spec.identifiers:
        id_type, id_value = pair(identifier)
        connection.execute(
            f"""insert into {matches.cells}
            select _row, {literal(identifier.column)}
            from (select {row} as _row, {id_type} as id_type, {id_value} as id_value from {table})
            semi join {erased} using (id_type, id_value)"""
        )
    keys = ", ".join(literal(i.column) for i in spec.identifiers if i.column in spec.key)
    connection.execute(
        f"create or replace temp table {matches.deleted} as "
        f"select distinct _row from {matches.cells} where name in ({keys or 'null'})"
    )
    best = " ".join(
        f"when {quoted(i.column)} is not null then {literal(i.column)}" for i in spec.identifiers
    )
    connection.execute(
        f"""create or replace temp table {matches.anonymised} as
        select _row from (
            select {row} as _row, case {best or "when false then ''"} end as name from {table}
            where {row} in (select _row from {matches.cells})
        )
        semi join {matches.cells} using (_row, name)
        anti join {matches.deleted} using (_row)"""
    )
    return matches


def set_null(
    connection: duckdb.DuckDBPyConnection,
    spec: TableSpec,
    table: str,
    row: str,
    extras: Iterable[str],
    matches: Matches,
) -> None:
    """Sets to null what anonymous rows and rows of others lose; rows to be deleted stay as is.

    Args:
        connection: Where the tables are.
        spec: The table.
        table: The table with the rows, as SQL.
        row: What a row is known by in it, as SQL.
        extras: Its columns that nobody declared.
        matches: The rows.
    """
    own = [i.column for i in spec.identifiers if i.column not in spec.key]
    for name in dict.fromkeys([*own, *spec.traces, *extras]):
        rows = f"select _row from {matches.anonymised}"
        if name in own:
            rows += f" union all select _row from {matches.cells} where name = {literal(name)}"
        connection.execute(
            f"update {table} set {quoted(name)} = null where {quoted(name)} is not null "
            f"and {row} in ({rows})"
        )
