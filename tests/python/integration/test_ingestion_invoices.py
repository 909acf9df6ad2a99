"""Invoice lines: repeats, overlaps, corrections and withdrawals."""

from __future__ import annotations

import pytest
from support.ingestion import (
    RETAIL,
    Warehouse,
    content,
    retail_line,
)


def test_equal_retail_lines_survive_and_overlaps_change_nothing(warehouse: Warehouse) -> None:
    lines = [retail_line("1", "A"), retail_line("1", "A"), retail_line("1", "B"), retail_line("2")]
    warehouse.write("retail/a.csv", RETAIL, *lines)
    assert warehouse.counts(warehouse.load()["retail"]) == (4, 4, 0, 0, 0)
    before = content(warehouse, "raw_retail.transactions", ())
    numbers = "select invoice, stock_code, line_number from raw_retail.transactions order by 1, 3"
    expected = [("1", "A", 1), ("1", "A", 2), ("1", "B", 3), ("2", "A", 1)]
    assert warehouse.query(numbers) == expected
    warehouse.write("retail/b.csv", RETAIL, lines[3], lines[0], lines[0])
    assert warehouse.counts(warehouse.load()["retail"]) == (3, 0, 0, 3, 0)
    assert content(warehouse, "raw_retail.transactions", ()) == before
    warehouse.write("retail/c.csv", RETAIL, lines[0], lines[0], lines[0], retail_line("1", "C"))
    assert warehouse.counts(warehouse.load()["retail"]) == (4, 2, 0, 2, 0)
    assert warehouse.query(numbers) == [
        *expected[:3],
        ("1", "A", 4),
        ("1", "C", 5),
        ("2", "A", 1),
    ]


def test_line_that_leaves_its_file_is_withdrawn_and_may_return(warehouse: Warehouse) -> None:
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
    warehouse.write("retail/g.csv", RETAIL, b)
    assert warehouse.counts(warehouse.load()["retail"]) == (1, 1, 0, 0, 0)
    assert warehouse.query(state)[2] == ("B", 3, False, "g.csv")


def test_line_that_another_file_holds_is_not_withdrawn(warehouse: Warehouse) -> None:
    a, b = retail_line("1", "A"), retail_line("1", "B")
    warehouse.write("retail/f.csv", RETAIL, a, b)
    warehouse.write("retail/g.csv", RETAIL, a)
    warehouse.load()
    warehouse.write("retail/f.csv", RETAIL, retail_line("1", "C"))
    warehouse.load()
    state = (
        "select stock_code, is_withdrawn, _file from raw_retail.transactions order by line_number"
    )
    assert warehouse.query(state) == [
        ("A", False, "g.csv"),
        ("B", True, "f.csv"),
        ("C", False, "f.csv"),
    ]
    warehouse.write("retail/g.csv", RETAIL)
    warehouse.load()
    assert warehouse.query(state)[0] == ("A", True, "g.csv")


def test_other_file_of_the_same_name_withdraws_nothing(warehouse: Warehouse) -> None:
    """Daily exports with the same names: the folder is another one every day."""
    standing = (
        "select invoice, price::double from raw_retail.transactions "
        "where not is_withdrawn order by all"
    )
    monday = [retail_line("1"), retail_line("2"), retail_line("2")]
    tuesday = [retail_line("3"), retail_line("4")]
    warehouse.write("retail/t.csv", RETAIL, *monday)
    warehouse.load()
    warehouse.write("retail/t.csv", RETAIL, *tuesday)
    report = warehouse.load()["retail"]
    assert (warehouse.counts(report), report.rows_withdrawn) == ((2, 2, 0, 0, 0), 0)
    both = [("1", 2.55), ("2", 2.55), ("2", 2.55), ("3", 2.55), ("4", 2.55)]
    assert warehouse.query(standing) == both
    notice = (
        "retail/t.csv: shares no invoice with its previous version ({} lines); treated as a "
        "different file; nothing was withdrawn"
    )
    assert notice.format(3) in warehouse.notices

    # A correction of Tuesday leaves Monday alone.
    warehouse.write("retail/t.csv", RETAIL, tuesday[0], retail_line("4", price=9))
    report = warehouse.load()["retail"]
    assert (warehouse.counts(report), report.rows_withdrawn) == ((2, 1, 0, 1, 0), 1)
    assert warehouse.query(standing) == [*both[:4], ("4", 9)]

    # Monday comes again, then its correction, which leaves Tuesday alone.
    warehouse.write("retail/t.csv", RETAIL, *monday)
    report = warehouse.load()["retail"]
    assert (warehouse.counts(report), report.rows_withdrawn) == ((3, 0, 0, 3, 0), 0)
    assert notice.format(2) in warehouse.notices
    warehouse.write("retail/t.csv", RETAIL, *monday[:2])
    report = warehouse.load()["retail"]
    assert (warehouse.counts(report), report.rows_withdrawn) == ((2, 0, 0, 2, 0), 1)
    assert warehouse.query(standing) == [*both[:2], ("3", 2.55), ("4", 9)]

    # A file without rows is a version on purpose.
    warehouse.write("retail/t.csv", RETAIL)
    assert warehouse.load()["retail"].rows_withdrawn == 2
    assert warehouse.query(standing) == [("3", 2.55), ("4", 9)]


def test_version_that_changes_every_line_of_its_invoices_is_a_correction(
    warehouse: Warehouse,
) -> None:
    warehouse.write("retail/t.csv", RETAIL, retail_line("1"), retail_line("2"))
    warehouse.load()
    till = [retail_line(invoice) + ",t7" for invoice in "12"]
    warehouse.write("retail/t.csv", RETAIL + ",Till", *till)
    report = warehouse.load()["retail"]
    assert (report.rows_loaded, report.rows_withdrawn) == (2, 2)


def test_version_that_shares_lines_with_other_files_is_a_correction(warehouse: Warehouse) -> None:
    """Most of `g` was stored as lines of `f`; only the wrong one stands as its own."""
    shared = [retail_line("1"), retail_line("2")]
    warehouse.write("retail/f.csv", RETAIL, *shared)
    warehouse.write("retail/g.csv", RETAIL, *shared, retail_line("3"))
    warehouse.load()
    warehouse.write("retail/g.csv", RETAIL, *shared, retail_line("4"))
    report = warehouse.load()["retail"]
    assert (report.rows_loaded, report.rows_withdrawn) == (1, 1)


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
