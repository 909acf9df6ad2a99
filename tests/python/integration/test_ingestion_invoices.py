"""Invoice lines: repeats, overlaps, new versions, and invoices that no file names any more."""

from __future__ import annotations

import pytest
from support.ingestion import (
    RETAIL,
    Warehouse,
    content,
    retail_line,
)

STANDING = (
    "select invoice, price::double from raw_retail.transactions where not is_withdrawn order by all"
)


def test_equal_retail_lines_survive_and_overlaps_change_nothing(warehouse: Warehouse) -> None:
    lines = [retail_line("1", "A"), retail_line("1", "A"), retail_line("1", "B"), retail_line("2")]
    warehouse.write("retail/a.csv", RETAIL, *lines)
    assert warehouse.counts(warehouse.load()["retail"]) == (4, 4, 0, 0, 0)
    before = content(warehouse, "raw_retail.transactions", ())
    numbers = "select invoice, stock_code, line_number from raw_retail.transactions order by 1, 3"
    expected = [("1", "A", 1), ("1", "A", 2), ("1", "B", 3), ("2", "A", 1)]
    assert warehouse.query(numbers) == expected
    warehouse.write("retail/b.csv", RETAIL, lines[2], lines[0], lines[0])
    assert warehouse.counts(warehouse.load()["retail"]) == (3, 0, 0, 3, 0)
    assert content(warehouse, "raw_retail.transactions", ()) == before
    new = [lines[0], lines[0], lines[0], lines[2], retail_line("1", "C")]
    warehouse.write("retail/c.csv", RETAIL, *new)
    assert warehouse.counts(warehouse.load()["retail"]) == (5, 2, 0, 3, 0)
    assert warehouse.query(numbers) == [
        *expected[:3],
        ("1", "A", 4),
        ("1", "C", 5),
        ("2", "A", 1),
    ]


def test_line_that_leaves_its_invoice_is_withdrawn_and_may_return(warehouse: Warehouse) -> None:
    a, b, c = (retail_line("1", code) for code in "ABC")
    state = (
        "select stock_code, line_number, is_withdrawn, _file "
        "from raw_retail.transactions order by line_number"
    )
    warehouse.write("retail/f.csv", RETAIL, a, a, b)
    warehouse.load()
    stamp = "select max(_loaded_at) from raw_retail.transactions"
    first = warehouse.query(stamp)
    warehouse.write("retail/f.csv", RETAIL, a, c)
    assert warehouse.counts(warehouse.load()["retail"]) == (2, 1, 0, 1, 0)
    assert warehouse.query("select max(rows_withdrawn) from raw_retail.loads") == [(2,)]
    assert warehouse.query(state) == [
        ("A", 1, False, "f.csv"),
        ("A", 2, True, "f.csv"),
        ("B", 3, True, "f.csv"),
        ("C", 4, False, "f.csv"),
    ]
    assert warehouse.query(stamp) > first
    warehouse.write("retail/g.csv", RETAIL, b, a)
    assert warehouse.counts(warehouse.load()["retail"]) == (2, 1, 0, 1, 0)
    assert warehouse.query(state) == [
        ("A", 1, False, "f.csv"),
        ("A", 2, True, "f.csv"),
        ("B", 3, False, "g.csv"),
        ("C", 4, True, "f.csv"),
    ]


def test_daily_exports_under_one_name_add_up(warehouse: Warehouse) -> None:
    monday = [retail_line("1"), retail_line("2"), retail_line("2")]
    tuesday = [retail_line("3"), retail_line("4")]
    both = [("1", 2.55), ("2", 2.55), ("2", 2.55), ("3", 2.55), ("4", 2.55)]
    warehouse.write("retail/t.csv", RETAIL, *monday)
    warehouse.load()
    warehouse.write("retail/t.csv", RETAIL, *tuesday)
    report = warehouse.load()["retail"]
    assert (warehouse.counts(report), report.rows_withdrawn) == ((2, 2, 0, 0, 0), 0)
    assert warehouse.query(STANDING) == both
    assert any("t.csv: does not name 2 invoices" in notice for notice in warehouse.notices)
    # A correction of Tuesday, then one of Monday, under a name of before: the other day stays.
    warehouse.write("retail/t.csv", RETAIL, tuesday[0], retail_line("4", price=9))
    report = warehouse.load()["retail"]
    assert (warehouse.counts(report), report.rows_withdrawn) == ((2, 1, 0, 1, 0), 1)
    warehouse.write("retail/t.csv", RETAIL, *monday[:2])
    report = warehouse.load()["retail"]
    assert (warehouse.counts(report), report.rows_withdrawn) == ((2, 0, 0, 2, 0), 1)
    assert warehouse.query(STANDING) == [*both[:2], ("3", 2.55), ("4", 9)]


def test_invoices_that_no_file_names_any_more_are_withdrawn_on_demand(
    warehouse: Warehouse,
) -> None:
    one, two, three, four = (retail_line(number) for number in "1234")
    warehouse.write("retail/f.csv", RETAIL, one, two, three)
    warehouse.write("retail/g.csv", RETAIL, two)
    gone = warehouse.write("retail/h.csv", RETAIL, four)
    warehouse.load()
    gone.unlink()
    # 2 is named by an unchanged file, 3 by a row that can't be read.
    warehouse.write("retail/f.csv", RETAIL, retail_line("5"), retail_line("3", price="free"))
    warehouse.load()
    stands = [(number, 2.55) for number in "12345"]
    assert warehouse.query(STANDING) == stands
    # Also in a run that finds nothing new, and not while a file can't be read.
    broken = warehouse.write_bytes("retail/broken.csv", b"Invoice\n1\n")
    assert warehouse.load(withdraw_missing=True)["retail"].rows_withdrawn == 0
    assert any("broken.csv: cannot be read" in notice for notice in warehouse.notices)
    broken.unlink()
    report = warehouse.load(withdraw_missing=True)["retail"]
    assert (warehouse.counts(report), report.rows_withdrawn) == ((0, 0, 0, 0, 0), 1)
    assert any("f.csv: does not name 1 invoice" in notice for notice in warehouse.notices)
    assert warehouse.query(STANDING) == stands[1:]
    assert warehouse.query(
        "select file, rows_read, rows_withdrawn from raw_retail.loads where rows_withdrawn > 0"
    ) == [("f.csv", 0, 1)]
    before = content(warehouse, "raw_retail.transactions", ())
    assert warehouse.load(withdraw_missing=True)["retail"].rows_withdrawn == 0
    assert content(warehouse, "raw_retail.transactions", ()) == before


def test_different_lines_of_an_invoice_in_one_load_are_reported(warehouse: Warehouse) -> None:
    whole, split = [retail_line("1", "A"), retail_line("1", "B")], retail_line("2", "A")
    warehouse.write("retail/a.csv", RETAIL, *whole, split)
    warehouse.write("retail/b.csv", RETAIL, whole[1], retail_line("2", "B"))
    warehouse.load()
    (notice,) = (notice for notice in warehouse.notices if "different lines" in notice)
    assert "1 invoice, such as 2," in notice


def test_withdrawn_line_keeps_columns_that_the_new_version_lacks(warehouse: Warehouse) -> None:
    warehouse.write("retail/a.csv", RETAIL + ",Till", retail_line("1") + ",t7")
    warehouse.load()
    warehouse.write("retail/a.csv", RETAIL, retail_line("1", "B"))
    warehouse.load()
    assert warehouse.query(
        "select stock_code, till, is_withdrawn from raw_retail.transactions order by 1"
    ) == [("A", "t7", True), ("B", None, False)]


@pytest.mark.parametrize("broken", [b"", b"Invoice\n1\n", b"\x1f\x8b"])
def test_refused_version_of_a_file_withdraws_nothing(warehouse: Warehouse, broken: bytes) -> None:
    warehouse.write("retail/a.csv", RETAIL, retail_line("1"))
    warehouse.load()
    before = content(warehouse, "raw_retail.transactions", ())
    warehouse.write_bytes("retail/a.csv", broken)
    report = warehouse.load()["retail"]
    assert (report.files_loaded, len(report.refused)) == (0, 1)
    assert content(warehouse, "raw_retail.transactions", ()) == before
