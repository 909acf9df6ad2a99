"""Receipts of deliveries: all of them, at once, and in the private file for the mart."""

from __future__ import annotations

from typing import Any

import duckdb
import orjson

from onecdp.errors import OnecdpError
from onecdp.warehouse.files import Warehouse, connect, is_lock_problem, opening_problem
from onecdp.warehouse.query import fetch_rows
from onecdp.warehouse.schemas import AUDIT
from onecdp.warehouse.sql_text import literal

_COLUMNS = (
    "feed_id, delivery_number, destination, address, what, platform, package_name, segment_rule,"
    " as_of, rows_inserted, rows_updated, rows_deleted, rows_unchanged, rows_refused, started_at,"
    " delivered_at"
)
_ORDER = "order by delivered_at, feed_id, delivery_number"


def read_receipts(warehouse: Warehouse) -> list[dict[str, Any]]:
    """Returns every receipt, the oldest first; `details` are what destinations told beside.

    Raises:
        OnecdpError: A delivery is under way.
    """
    if not warehouse.deliveries_file.is_file():
        return []
    with connect(warehouse.deliveries_file, read_only=True) as connection:
        rows = fetch_rows(connection, f"select {_COLUMNS}, details from receipts {_ORDER}")
    return [dict(row) | {"details": orjson.loads(row["details"])} for row in rows]


def has_new_receipts(warehouse: Warehouse) -> bool:
    """Returns whether there are receipts that `copy_receipts` has not copied yet.

    Those of a delivery that is under way are none yet.
    """
    counts = []
    for file, table in (
        (warehouse.deliveries_file, "receipts"),
        (warehouse.build_file, f"{AUDIT}.deliveries"),
    ):
        if not file.is_file():
            return False
        try:
            with connect(file, read_only=True) as opened:
                counts += opened.execute(f"select count(*) from {table}").fetchall()
        except (OnecdpError, duckdb.CatalogException):
            return False
    return counts[0] != counts[1]


def copy_receipts(warehouse: Warehouse) -> None:
    """Copies the receipts to `audit.deliveries` of the private file, which the mart reads.

    While a delivery is under way, those of before stay.
    """
    if not warehouse.deliveries_file.is_file():
        return
    with connect(warehouse.build_file, read_only=False) as private:
        try:
            private.execute(
                f"attach {literal(str(warehouse.deliveries_file))} as deliveries (read_only)"
            )
        except duckdb.Error as error:
            if is_lock_problem(str(error)):
                return
            raise OnecdpError(opening_problem(str(error), warehouse.deliveries_file)) from error
        private.execute(f"create schema if not exists {AUDIT}")
        private.execute(
            f"create or replace table {AUDIT}.deliveries as"
            f" select {_COLUMNS} from deliveries.receipts {_ORDER}"
        )
        private.execute("detach deliveries")
