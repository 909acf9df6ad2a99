"""What the tests of odd files share: rows of each source, files of each format, expected failures.

A row is a dict of cells. Every function that makes one gives it all that its source requires.
"""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from support.ingestion import Warehouse
from support.landing_writer import Cell, Row, file_bytes

FORMATS = ("csv", "jsonl", "parquet")
RETAIL_FORMATS = (*FORMATS, "xlsx")
TABLES = {
    "crm": "raw_crm.members",
    "app": "raw_app.events",
    "retail": "raw_retail.transactions",
    "id_graph": "raw_id_graph.links",
}


def item(number: int) -> pytest.MarkDecorator:
    """Marks what is wrong today, by the item of the issue."""
    return pytest.mark.xfail(strict=True, reason=f"issue item {number}")


def member(member_id: Cell, **cells: Cell) -> dict[str, Cell]:
    return {"member_id": member_id, **cells}


def event(event_id: Cell, **cells: Cell) -> dict[str, Cell]:
    return {
        "event_id": event_id,
        "event_type": "page_view",
        "event_time": "2024-10-01 10:00:00",
        **cells,
    }


def line(invoice: Cell, price: Cell = "10.00", **cells: Cell) -> dict[str, Cell]:
    return {
        "Invoice": invoice,
        "StockCode": "A",
        "Description": "THING",
        "Quantity": 1,
        "InvoiceDate": "2024-10-01 10:00:00",
        "Price": price,
        "Customer ID": "C1",
        "Country": "France",
        **cells,
    }


def link(left: Cell, right: Cell, **cells: Cell) -> dict[str, Cell]:
    return {
        "left_id_type": "member_id",
        "left_id_value": left,
        "right_id_type": "union_id",
        "right_id_value": right,
        **cells,
    }


def send(
    warehouse: Warehouse, name: str, rows: Sequence[Row], columns: Sequence[str] | None = None
) -> None:
    """Writes a file such as `crm/members.parquet` in the format of its name."""
    warehouse.write_bytes(name, file_bytes(name, rows, columns))


def values(warehouse: Warehouse, source: str, column: str) -> list[object]:
    """A column of the raw table of a source, sorted; lines that were withdrawn are left out."""
    standing = "where not is_withdrawn" if source == "retail" else ""
    rows = warehouse.query(f"select {column} from {TABLES[source]} {standing} order by 1")
    return [value for (value,) in rows]


def reasons(warehouse: Warehouse, source: str) -> list[str]:
    """Why rows were quarantined."""
    return [str(reason) for _, _, reason in warehouse.quarantine(source)]


def lines_of(warehouse: Warehouse) -> list[tuple[object, ...]]:
    """The invoice lines that stand: invoice, stock code, price, customer."""
    return warehouse.query(
        "select invoice, stock_code, price::double, customer_id from raw_retail.transactions"
        " where not is_withdrawn order by all"
    )


def revenue(warehouse: Warehouse) -> object:
    """The sum of the invoice lines that stand."""
    rows = warehouse.query(
        "select coalesce(sum(quantity * price), 0)::double from raw_retail.transactions"
        " where not is_withdrawn"
    )
    return rows[0][0]
