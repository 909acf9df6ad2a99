"""What the warehouse already holds, seen from the scratch database."""

from __future__ import annotations

from pathlib import Path

import duckdb

from .checks import literal, quoted
from .scratch import columns_sql
from .spec import TableSpec, TypeChanged

QUARANTINE = {
    "quarantine_id": "varchar",
    "file": "varchar",
    "fingerprint": "varchar",
    "line": "bigint",
    "reason": "varchar",
    "payload": "varchar",
    "quarantined_at": "timestamptz",
}
LOADS = {
    "file": "varchar",
    "fingerprint": "varchar",
    "rows_read": "bigint",
    "rows_loaded": "bigint",
    "rows_quarantined": "bigint",
    "rows_duplicate": "bigint",
    "rows_superseded": "bigint",
    "rows_withdrawn": "bigint",
    "rows_erased": "bigint",
    "is_other_file": "boolean",
    "loaded_at": "timestamptz",
}


def attach(connection: duckdb.DuckDBPyConnection, spec: TableSpec, warehouse: Path) -> bool:
    """Makes the views `stored`, `stored_quarantine` and `stored_loads`.

    They read the warehouse where it has the tables and are empty otherwise. `stored_loads` shows
    only loads whose dlt package was completed: a killed one may have brought this table before
    the rows.

    Returns:
        Whether the warehouse has all the tables, with all their columns. One that was loaded
        before a column was thought of gets it by the next load, be it of nothing else.
    """
    tables: set[str] = set()
    if warehouse.exists():
        connection.execute(f"attach {literal(str(warehouse))} as warehouse (read_only)")
        found = connection.execute(
            "select table_name from duckdb_tables() where database_name = 'warehouse' "
            "and schema_name = $1",
            [spec.dataset],
        )
        tables = {str(name) for (name,) in found.fetchall()}
    wanted = {spec.table, "quarantine", "loads", "_dlt_loads"}
    complete = wanted <= tables
    is_current = complete
    schema = f"warehouse.{quoted(spec.dataset)}"
    views = {
        "stored": (spec.table, columns_sql(spec)),
        "stored_quarantine": ("quarantine", _columns(QUARANTINE)),
        "stored_loads": ("loads", _columns(LOADS)),
    }
    for view, (table, columns) in views.items():
        if not complete:
            connection.execute(f"create table {view} ({columns}, _dlt_load_id varchar)")
            continue
        done = f"(select load_id from {schema}._dlt_loads where status = 0)"
        where = f"where _dlt_load_id in {done}" if table == "loads" else ""
        missing = _missing_columns(connection, spec, table, columns)
        is_current = is_current and not missing
        added = "".join(f", null::{kind} as {quoted(name)}" for name, kind in missing.items())
        connection.execute(
            f"create view {view} as select *{added} from {schema}.{quoted(table)} {where}"
        )
    return is_current


def check_types(connection: duckdb.DuckDBPyConnection, spec: TableSpec) -> None:
    """Compares the types of `out_rows` with those stored.

    Raises:
        TypeChanged: a column would change its type; dlt would fail halfway or cast in silence.
    """
    stored = {str(row[0]): str(row[1]) for row in connection.execute("describe stored").fetchall()}
    for row in connection.execute("describe out_rows").fetchall():
        name, new = str(row[0]), str(row[1])
        if stored.get(name, new) != new:
            raise TypeChanged(
                f"column {name} of {spec.dataset}.{spec.table} holds {stored[name]} and would now "
                f"get {new}; give the column another name, or keep its type in the settings"
            )


def detach(connection: duckdb.DuckDBPyConnection) -> None:
    """Lets go of the warehouse, so that dlt can write it."""
    attached = connection.execute(
        "select 1 from duckdb_databases() where database_name = 'warehouse'"
    )
    if attached.fetchall():
        connection.execute("detach warehouse")


def _missing_columns(
    connection: duckdb.DuckDBPyConnection, spec: TableSpec, table: str, columns: str
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
        [spec.dataset, table],
    )
    missing = {str(name): str(kind) for name, kind in found.fetchall()}
    connection.execute("drop table wanted")
    return missing


def _columns(columns: dict[str, str]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns.items())
