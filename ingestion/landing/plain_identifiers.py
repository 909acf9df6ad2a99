"""Plain e-mail addresses and phone numbers beside their hashes, where the settings want them."""

from __future__ import annotations

from collections.abc import Iterable

import duckdb

from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import TableSpec
from ..raw_tables import PLAIN_IDENTIFIERS
from .outputs import Results

COLUMNS = ", ".join(f"{name} {kind}" for name, kind in PLAIN_IDENTIFIERS.items())


def find_plain(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, results: Results, into: str
) -> None:
    """Makes `into`: the plain values of rows that are or were loaded, with id_type and id_value.

    A row says nothing here if it is quarantined or superseded, or if the person was erased.
    """
    connection.execute(f"create table {into} (id_type varchar, id_value varchar, plain varchar)")
    described = connection.execute(f"describe {results.checked.sound}").fetchall()
    held = {str(row[0]) for row in described}
    for name in held.intersection(spec.plain_columns):
        connection.execute(
            f"""insert into {into}
            select distinct plain.id_type, plain.id_value, plain.plain_value
            from {results.staged.plain} as plain
            inner join {results.checked.sound} as t
                on plain._row = t._row and plain.id_value = t.{quoted(name)}
            inner join {results.outcomes.rows} as o on plain._row = o._row
            where plain.column_name = {literal(name)} and o.outcome in ('loaded', 'duplicate')"""
        )


def write_plain(
    connection: duckdb.DuckDBPyConnection,
    found: Iterable[str],
    stored: str,
    load_time: str,
    into: str,
) -> None:
    """Makes `into`: a row per value, with when it was first and last loaded.

    Args:
        connection: Where the relations are.
        found: Relations that `find_plain` made.
        stored: The values in the warehouse.
        load_time: The relation with the time of the load.
        into: The name of the new relation.
    """
    values = " union ".join(f"select * from {relation}" for relation in found)
    connection.execute(
        f"""create table {into} as
        select id_type, id_value, any_value(plain) as plain_value,
            coalesce(min(s.first_loaded_at), (select loaded_at from {load_time}))
                as first_loaded_at,
            (select loaded_at from {load_time}) as last_loaded_at
        from ({values}) left join {stored} as s using (id_type, id_value)
        group by id_type, id_value
        order by id_type, id_value"""
    )
