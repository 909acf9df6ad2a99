"""What the warehouse already holds, seen from the scratch database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from onecdp.warehouse.sql_text import literal, quoted

from ..declaration import TableSpec
from ..raw_tables import LOADS, PLAIN_IDENTIFIERS, QUARANTINE, TABLE_NAME, columns_sql


class TypeChanged(Exception):
    """A column of the raw table has another type than what is loaded now; for the user."""


@dataclass(frozen=True)
class Stored:
    """Views of what a source has in the warehouse; empty where it has nothing.

    Attributes:
        tables: The view of each raw table, by the table's name. `fetch` reads rows of it.
        quarantine: Of the quarantine.
        loads: Of the loads whose dlt package was completed: one that was killed may have brought
            this table before the rows.
        plain: Of the plain identifiers; empty where none are kept.
        unseen: Raw tables that hold rows, but are empty here: the loads that filled them are gone.
        is_current: Whether the warehouse has all tables with all their columns. A column
            that was declared later is added by the next load, even if that has no rows.
    """

    tables: Mapping[str, str]
    quarantine: str
    loads: str
    plain: str
    unseen: frozenset[str]
    is_current: bool


def attach(
    connection: duckdb.DuckDBPyConnection, tables: Sequence[TableSpec], warehouse: Path
) -> Stored:
    """Attaches the warehouse, if there is one, and makes the views."""
    dataset = tables[0].dataset
    held: set[str] = set()
    if warehouse.exists():
        connection.execute(f"attach {literal(str(warehouse))} as warehouse (read_only)")
        found = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'warehouse' "
            "and schema_name = $1",
            [dataset],
        )
        held = {str(name) for (name,) in found.fetchall()}
    has_loads = {"quarantine", "loads", "_dlt_loads"} <= held
    # Loads without the table that they filled say nothing: its files are loaded again.
    present = [spec.table for spec in tables if has_loads and spec.table in held]
    is_current = len(present) == len(tables) and {"warnings", "superseded"} <= held
    by_table = TABLE_NAME if len(tables) > 1 else {}
    schema = f"warehouse.{quoted(dataset)}"

    def view(name: str, table: str, columns: str, is_present: bool, where: str = "") -> str:
        nonlocal is_current
        if not is_present:
            connection.execute(f"create table {name} ({columns}, _dlt_load_id varchar)")
            connection.execute(f"create view {name}_rows as select rowid as _rowid, * from {name}")
            return name
        missing = _missing_columns(connection, dataset, table, columns)
        is_current = is_current and not missing
        added = "".join(f", null::{kind} as {quoted(column)}" for column, kind in missing.items())
        connection.execute(
            f"create view {name}_rows as "
            f"select rowid as _rowid, *{added} from {schema}.{quoted(table)}"
        )
        connection.execute(
            f"create view {name} as select * exclude (_rowid) from {name}_rows {where}"
        )
        return name

    done = f"where _dlt_load_id in (select load_id from {schema}._dlt_loads where status = 0)"
    if by_table:
        # A load of when the source had one table names none.
        done += f" and coalesce(table_name, '') in ({', '.join(map(literal, [*present, '']))})"
    return Stored(
        tables={
            spec.table: view(
                f"{spec.table}__stored", spec.table, columns_sql(spec), spec.table in present
            )
            for spec in tables
        },
        quarantine=view(
            "_stored_quarantine", "quarantine", _columns(QUARANTINE | by_table), bool(present)
        ),
        plain=view(
            "_stored_plain",
            "plain_identifiers",
            _columns(PLAIN_IDENTIFIERS),
            "plain_identifiers" in held,
        ),
        unseen=frozenset(spec.table for spec in tables if spec.table in held - set(present)),
        loads=view("_stored_loads", "loads", _columns(LOADS | by_table), bool(present), done),
        is_current=is_current,
    )


def fetch(
    connection: duckdb.DuckDBPyConnection,
    stored: str,
    columns: Sequence[str],
    wanted: str,
    into: str,
) -> None:
    """Makes `into`: the rows of a raw table whose values of some columns are in `wanted`.

    Of all other rows it reads these columns alone, and not even them where the range of a row
    group's values tells enough: a day's file is compared with years of rows.
    """
    names = ", ".join(map(quoted, columns))
    connection.execute(
        f"create temp table {into}_rowids as "
        f"select _rowid from {stored}_rows semi join {wanted} using ({names})"
    )
    connection.execute(
        f"create table {into} as select * exclude (_rowid) from {stored}_rows "
        f"where _rowid in (select _rowid from {into}_rowids)"
    )


def check_types(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, stored: str, rows: str
) -> None:
    """Compares the types of new rows with those stored.

    Raises:
        TypeChanged: a column would change its type; dlt would fail halfway or cast in silence.
    """
    described = connection.execute(f"describe {stored}").fetchall()
    types = {str(row[0]): str(row[1]) for row in described}
    for row in connection.execute(f"describe {rows}").fetchall():
        name, new = str(row[0]), str(row[1])
        if types.get(name, new) != new:
            raise TypeChanged(
                f"column {name} of {spec.dataset}.{spec.table} has type {types[name]}, the file "
                f"has type {new}; give the column another name, or keep its type in the settings"
            )


def detach(connection: duckdb.DuckDBPyConnection) -> None:
    """Detaches the warehouse, so that dlt can write it."""
    attached = connection.execute(
        "select 1 from duckdb_databases() where database_name = 'warehouse'"
    )
    if attached.fetchall():
        connection.execute("detach warehouse")


def _missing_columns(
    connection: duckdb.DuckDBPyConnection, dataset: str, table: str, columns: str
) -> dict[str, str]:
    """Those of `columns` that the warehouse's table doesn't have, with their types."""
    connection.execute(f"create temp table wanted ({columns})")
    found = connection.execute(
        """select column_name, data_type
        from duckdb_columns() as wanted
        where database_name = 'temp' and table_name = 'wanted' and not exists (
            select 1 from duckdb_columns() as held
            where held.database_name = 'warehouse' and held.schema_name = $1
                and held.table_name = $2 and held.column_name = wanted.column_name
        )
        order by column_index""",
        [dataset, table],
    )
    missing = {str(name): str(kind) for name, kind in found.fetchall()}
    connection.execute("drop table wanted")
    return missing


def _columns(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())
