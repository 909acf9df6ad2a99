"""Cells of workbooks that look otherwise than a reader of values sees them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import xlsxwriter
from support.ingestion import Warehouse, take
from support.odd_files import line, reasons

from ingestion.pipelines import tables

HEADER = list(line("1"))
CUSTOMER, QUANTITY, DESCRIPTION = (
    HEADER.index(n) for n in ("Customer ID", "Quantity", "Description")
)
(RETAIL,) = (spec for spec in tables() if spec.source == "retail")


def book(fill: Callable[[Any, Any], None], rows: int = 1, first: tuple[int, int] = (0, 0)) -> bytes:
    """A workbook with some sound lines, from a cell on, which `fill` changes."""
    sink = io.BytesIO()
    with xlsxwriter.Workbook(sink, {"in_memory": True, "nan_inf_to_errors": True}) as made:
        sheet = made.add_worksheet("S")
        sheet.write_row(*first, HEADER)
        for number in range(rows):
            values = list(line(str(number)).values())
            sheet.write_row(first[0] + number + 1, first[1], values)
        fill(sheet, made)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("formula", "value", "expected"),
    [
        ("=1/0", "#DIV/0!", "customer_id: error cell #DIV/0!"),
        ("=NA()", "#N/A", "customer_id: error cell #N/A"),
        ("=A1", "", "customer_id: formula without a stored value: open the workbook"),
    ],
)
@pytest.mark.parametrize("first", [(0, 0), (3, 2)])
def test_identifier_that_is_no_value(
    tmp_path: Path, formula: str, value: str, expected: str, first: tuple[int, int]
) -> None:
    def fill(sheet: Any, _: Any) -> None:
        sheet.write_formula(first[0] + 2, first[1] + CUSTOMER, formula, None, value)

    (tmp_path / "a.xlsx").write_bytes(book(fill, 3, first))
    taken = take(RETAIL, tmp_path)
    assert taken.counts == (3, 2, 1, 0, 0)
    (bad,) = taken.quarantine
    assert bad["line"] == first[0] + 3
    assert bad["reason"].startswith(expected)


def test_other_cells_that_are_no_values(warehouse: Warehouse) -> None:
    def fill(sheet: Any, _: Any) -> None:
        sheet.write_formula(1, QUANTITY, "=A1", None, "")
        sheet.write_formula(2, DESCRIPTION, "=1/0", None, "#REF!")
        sheet.write_formula(3, DESCRIPTION, "=A1", None, "computed")
        # A row of nothing but formulas that nobody computed is a row.
        for place in range(len(HEADER)):
            sheet.write_formula(8, place, "=A1", None, "")

    warehouse.write_bytes("retail/a.xlsx", book(fill, 3))
    report = warehouse.load(source="retail")["retail"]
    assert (report.rows_read, report.rows_loaded, report.rows_quarantined) == (4, 2, 2)
    assert report.warnings == 1
    assert warehouse.query("select line, column_name, value, reason from raw_retail.warnings") == [
        (3, "description", "#REF!", "error cell #REF!")
    ]
    assert warehouse.query("select description from raw_retail.transactions order by invoice") == [
        (None,), ("computed",),
    ]  # fmt: skip
    told = reasons(warehouse, "retail")
    assert told[0].startswith("quantity: formula without a stored value")
    assert "missing" not in told[0]


def test_identifiers_are_shown_with_leading_zeros(warehouse: Warehouse) -> None:
    def fill(sheet: Any, made: Any) -> None:
        padded = made.add_format({"num_format": "00000"})
        sheet.write_number(1, CUSTOMER, 123, padded)
        sheet.write_number(2, CUSTOMER, 17850, padded)
        sheet.write_number(3, CUSTOMER, 123)
        sheet.write_number(1, QUANTITY, 7, padded)

    warehouse.write_bytes("retail/a.xlsx", book(fill, 3))
    warehouse.load(source="retail")
    assert warehouse.query(
        "select customer_id, quantity from raw_retail.transactions order by invoice"
    ) == [("00123", 7), ("17850", 1), ("123", 1)]


def test_header_that_nobody_computed_is_refused(tmp_path: Path) -> None:
    def fill(sheet: Any, _: Any) -> None:
        sheet.write_formula(0, CUSTOMER, "=A1", None, "")

    (tmp_path / "a.xlsx").write_bytes(book(fill))
    taken = take(RETAIL, tmp_path)
    assert "header that cannot be read: formula without" in taken.refused["a.xlsx"]
