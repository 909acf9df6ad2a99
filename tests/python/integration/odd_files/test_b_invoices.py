"""An invoice is a document: the newest load that names it states all of its lines."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

import pytest
from support.ingestion import RETAIL, Warehouse
from support.landing_writer import Row, xlsx_bytes
from support.odd_files import RETAIL_FORMATS, line, lines_of, reasons, revenue, send

HEADER = RETAIL.split(",")


def said(warehouse: Warehouse, *words: str) -> bool:
    """Whether one notice has all of these words."""
    return any(all(word in notice for word in words) for notice in warehouse.notices)


def test_corrected_file_under_another_name_replaces_the_invoice(warehouse: Warehouse) -> None:
    """The formats are sent together: an invoice of each, and one that is not corrected."""
    old = [line(suffix, 100) for suffix in RETAIL_FORMATS]
    send(warehouse, "retail/sales.csv", [*old, line("other", 7)])
    warehouse.load()
    for suffix in RETAIL_FORMATS:
        send(warehouse, f"retail/sales_corrected.{suffix}", [line(suffix, 10)])
    report = warehouse.load()["retail"]
    expected = [(suffix, "A", 10, "C1") for suffix in RETAIL_FORMATS]
    assert lines_of(warehouse) == sorted([*expected, ("other", "A", 7, "C1")])
    assert report.rows_withdrawn == 4


def test_replacement_that_removes_lines_is_reported(warehouse: Warehouse) -> None:
    send(warehouse, "retail/sales.csv", [line("1", 1111), line("1", 2222), line("2", 4444)])
    warehouse.load()
    send(warehouse, "retail/again.csv", [line("1", 1111), line("2", 4444)])
    warehouse.load()
    # Of one invoice one line went; the revenue before and after is that of the invoice.
    assert said(warehouse, "again.csv", "1 invoice", "1 line", "3,333", "1,111")


def test_line_that_gains_its_customer_counts_once(warehouse: Warehouse) -> None:
    old = [line(suffix, **{"Customer ID": None}) for suffix in RETAIL_FORMATS]
    send(warehouse, "retail/a.csv", old)
    warehouse.load()
    for suffix in RETAIL_FORMATS:
        send(warehouse, f"retail/b.{suffix}", [line(suffix, **{"Customer ID": "C9"})])
    warehouse.load()
    assert lines_of(warehouse) == sorted((suffix, "A", 10, "C9") for suffix in RETAIL_FORMATS)


def test_rolling_window_keeps_the_invoices_that_left_it(warehouse: Warehouse) -> None:
    def window(start: int) -> None:
        for suffix in RETAIL_FORMATS:
            rows = [line(f"{suffix} {number}") for number in range(start, start + 3)]
            send(warehouse, f"retail/last_30_days.{suffix}", rows)

    window(1)
    warehouse.load()
    window(2)
    report = warehouse.load()["retail"]
    kept = sorted(f"{suffix} {number}" for suffix in RETAIL_FORMATS for number in range(1, 5))
    assert [invoice for invoice, *_ in lines_of(warehouse)] == kept
    assert report.rows_withdrawn == 0
    for suffix in RETAIL_FORMATS:
        assert said(warehouse, f"last_30_days.{suffix}", "1 invoice", "--withdraw-missing")


def test_file_of_nothing_but_a_header_withdraws_nothing(warehouse: Warehouse) -> None:
    formats = ("csv", "parquet", "xlsx")
    for suffix in formats:
        send(warehouse, f"retail/s.{suffix}", [line(f"{suffix} 1"), line(f"{suffix} 2")])
    warehouse.load()
    for suffix in formats:
        send(warehouse, f"retail/s.{suffix}", [], HEADER)
    report = warehouse.load()["retail"]
    assert len(lines_of(warehouse)) == 6
    assert (report.rows_withdrawn, report.refused) == (0, ())
    for suffix in formats:
        assert said(warehouse, f"s.{suffix}", "2 invoices", "--withdraw-missing")


def test_file_without_a_column_keeps_what_other_files_say_there(warehouse: Warehouse) -> None:
    """So is a customer kept; also where both files come together."""
    formats = list(RETAIL_FORMATS)
    for suffix in formats:
        rows = [line(suffix, 5), line(suffix, 5, **{"Customer ID": "C2"}), line(f"{suffix} 2")]
        send(warehouse, f"retail/a.{suffix}", rows)
    bare = {
        suffix: [
            {name: cell for name, cell in row.items() if name not in ("Customer ID", "Country")}
            for row in [line(suffix, 5), line(suffix, 5), line(suffix, 6)]
        ]
        for suffix in formats
    }
    send(warehouse, "retail/together.csv", bare["csv"][:2])
    warehouse.load()
    assert len(lines_of(warehouse)) == 3 * len(formats)
    for suffix in formats:
        send(warehouse, f"retail/b.{suffix}", bare[suffix])
    report = warehouse.load()["retail"]
    assert (report.rows_loaded, report.rows_withdrawn) == (4, 0)
    expected = [
        row
        for suffix in formats
        for row in [
            (suffix, "A", 5, "C1"), (suffix, "A", 5, "C2"), (suffix, "A", 6, None),
            (f"{suffix} 2", "A", 10, "C1"),
        ]
    ]  # fmt: skip
    assert sorted(lines_of(warehouse), key=str) == sorted(expected, key=str)


@pytest.mark.parametrize("name", ["sales", "sales_again"])
def test_invoice_with_a_quarantined_line_keeps_what_stood(warehouse: Warehouse, name: str) -> None:
    for suffix in RETAIL_FORMATS:
        before = [line(suffix, "20.00"), line(suffix, "5.00", StockCode="B"), line(f"{suffix} 2")]
        send(warehouse, f"retail/sales.{suffix}", before)
    warehouse.load()
    stood = [row for row in lines_of(warehouse) if row[0] in RETAIL_FORMATS]
    for suffix in RETAIL_FORMATS:
        after = [line(suffix, "20,00"), line(suffix, "6.00", StockCode="B"), line(f"{suffix} 2", 8)]
        send(warehouse, f"retail/{name}.{suffix}", after)
    report = warehouse.load()["retail"]
    others = [(f"{suffix} 2", "A", 8, "C1") for suffix in RETAIL_FORMATS]
    assert lines_of(warehouse) == sorted([*stood, *others])
    assert sum("20,00" in reason for reason in reasons(warehouse, "retail")) == 4
    # Whatever the sound line of such an invoice is counted as, it is counted.
    warehouse.counts(report)
    assert said(warehouse, f"{name}.csv", "1 invoice", "quarantine")


@pytest.mark.parametrize(
    "broken", ["1,A,THING,1,2024-10-01,20,00,C1,France", "1,A,THING,1,2024-10-01,20.00,C1"]
)
def test_row_of_the_wrong_width_is_a_quarantined_line_of_its_invoice(
    warehouse: Warehouse, broken: str
) -> None:
    send(warehouse, "retail/sales.csv", [line("1", "20.00"), line("1", "5.00", StockCode="B")])
    warehouse.load()
    warehouse.write(
        "retail/sales.csv", RETAIL, broken, "1,B,THING,1,2024-10-01 10:00:00,5,C1,France"
    )
    assert warehouse.load()["retail"].rows_quarantined >= 1
    assert revenue(warehouse) == 25


def test_lines_of_an_invoice_that_never_stood_are_loaded_beside_a_quarantined_one(
    warehouse: Warehouse,
) -> None:
    send(warehouse, "retail/a.csv", [line("1", "20,00"), line("1", "5.00", StockCode="B")])
    warehouse.load()
    assert lines_of(warehouse) == [("1", "B", 5, "C1")]
    # Nor does the invoice stay as it is once all of it can be read.
    send(warehouse, "retail/b.csv", [line("1", "20.00"), line("1", "4.00", StockCode="B")])
    warehouse.load()
    assert lines_of(warehouse) == [("1", "A", 20, "C1"), ("1", "B", 4, "C1")]


def test_files_of_one_load_unite_an_invoice_by_content_and_occurrence(
    warehouse: Warehouse,
) -> None:
    for suffix in RETAIL_FORMATS:
        twice, once = line(suffix, "1.00"), line(suffix, "2.00")
        send(warehouse, f"retail/a.{suffix}", [twice, twice, once])
        send(warehouse, f"retail/b_{suffix}.csv", [twice, line(suffix, "3.00")])
    report = warehouse.load()["retail"]
    assert [price for _, _, price, _ in lines_of(warehouse)] == [1, 1, 2, 3] * 4
    assert warehouse.counts(report) == (20, 16, 0, 4, 0)


def test_sheets_that_overlap_count_once(warehouse: Warehouse) -> None:
    first = [line("1"), line("2"), line("2")]
    second = [line("2"), line("2"), line("3")]
    warehouse.write_bytes(
        "retail/book.xlsx", xlsx_bytes({"Year 2009-2010": first, "Year 2010-2011": second})
    )
    warehouse.load()
    assert [invoice for invoice, *_ in lines_of(warehouse)] == ["1", "2", "2", "3"]


def test_newest_load_states_all_lines_whatever_the_file_is_called(warehouse: Warehouse) -> None:
    send(warehouse, "retail/a.csv", [line("1", 1), line("1", 2), line("1", 3)])
    warehouse.load()
    send(warehouse, "retail/b.csv", [line("1", 2)])
    report = warehouse.load()["retail"]
    assert [price for _, _, price, _ in lines_of(warehouse)] == [2]
    assert (report.rows_loaded, report.rows_duplicate, report.rows_withdrawn) == (0, 1, 2)
    send(warehouse, "retail/c.csv", [line("1", 3), line("1", 2), line("1", 1)])
    warehouse.load()
    assert [price for _, _, price, _ in lines_of(warehouse)] == [1, 2, 3]
    # The line that always stood has the number that it always had.
    assert warehouse.query(
        "select line_number from raw_retail.transactions where price = 2 and not is_withdrawn"
    ) == [(2,)]


def document_of(lines: Sequence[Row]) -> Counter[str]:
    return Counter(f"{row['Invoice']} {row['Price']}" for row in lines)


@pytest.mark.parametrize("seed", range(3))
def test_daily_pieces_with_corrections_end_in_the_last_word_on_each_invoice(
    warehouse: Warehouse, seed: int
) -> None:
    """Days of files in any order; a day corrects some invoices of before under any name."""
    chance = random.Random(seed)
    expected: dict[str, list[Row]] = {}
    for day in range(6):
        new = [f"{day}{n}" for n in range(4)]
        corrected = chance.sample(sorted(expected), k=min(len(expected), 3))
        documents = {
            invoice: [line(invoice, chance.randrange(1, 5)) for _ in range(chance.randrange(1, 4))]
            for invoice in (*new, *corrected)
        }
        pieces: list[list[Row]] = [[], [], []]
        for invoice, rows in documents.items():
            # Whole in one file, or in two of them.
            for piece in chance.sample(pieces, k=chance.choice((1, 1, 2))):
                piece += rows
            expected[invoice] = list(rows)
        for number, piece in enumerate(pieces):
            chance.shuffle(piece)
            name = chance.choice((f"day{day}_{number}", f"piece_{number}"))
            suffix = chance.choice(RETAIL_FORMATS)
            if piece:
                send(warehouse, f"retail/{name}.{suffix}", piece)
        warehouse.load()
        found = Counter(f"{invoice} {price:.0f}" for invoice, _, price, _ in lines_of(warehouse))
        assert found == document_of([row for rows in expected.values() for row in rows])
