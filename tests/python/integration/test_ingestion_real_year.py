"""The real year of Online Retail II: whole, twice, in daily pieces and as a workbook."""

from __future__ import annotations

import csv
import datetime as dt
import gzip
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path

import pytest
import xlsxwriter
from support.ingestion import Warehouse, content
from support.retail_year import by_day, read_rows, year_file

OWN = ("_file", "_line", "_loaded_at", "_dlt_load_id")
TABLE = "raw_retail.transactions"
CONTENT = "invoice, stock_code, description, quantity, invoice_date, price, customer_id, country"


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    source = year_file()
    warehouse = Warehouse(tmp_path_factory.mktemp("year"))
    (warehouse.data / "retail").mkdir(parents=True)
    (warehouse.data / "retail" / source.name).symlink_to(source)
    report = warehouse.load()["retail"]
    assert warehouse.counts(report) == (541_909, 541_909, 0, 0, 0)
    return warehouse


def write_csv(path: Path, header: list[str], rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])


def load_days(
    warehouse: Warehouse, days: Iterable[tuple[str, list[list[str]]]], header: list[str]
) -> None:
    """Loads each day's lines as a run of its own; yesterday's file is gone by then."""
    folder = warehouse.data / "retail"
    folder.mkdir(parents=True)
    for day, rows in days:
        piece = folder / f"{day}.csv"
        write_csv(piece, header, rows)
        report = warehouse.load()["retail"]
        assert warehouse.counts(report) == (len(rows), len(rows), 0, 0, 0)
        piece.unlink()


def test_year_is_loaded_line_by_line(year: Warehouse) -> None:
    (facts,) = year.query(
        f"""select count(*), count(distinct invoice), count(distinct stock_code),
            count(distinct customer_id), count(*) filter (where customer_id is null),
            count(*) filter (where invoice like 'C%'),
            count(distinct invoice) filter (where invoice like 'C%'),
            count(distinct invoice) filter (where invoice like 'A%'),
            count(*) filter (where price <= 0), count(*) filter (where price < 0),
            count(*) filter (where quantity <= 0), count(*) - count(distinct ({CONTENT})),
            count(distinct country), min(invoice_date)::varchar, max(invoice_date)::varchar,
            sum(quantity * price), count(*) - count(distinct (invoice, line_number)),
            count(*) filter (where is_withdrawn)
        from {TABLE}"""
    )
    assert facts == (
        *(541_909, 25_900, 4_070, 4_372, 135_080, 9_288, 3_836, 3, 2_517, 2, 10_624, 5_268, 38),
        *("2010-12-01 08:26:00", "2011-12-09 12:50:00", Decimal("9747747.9340"), 0, 0),
    )
    (sold,) = year.query(
        f"""select count(*), count(distinct invoice), count(distinct customer_id),
            sum(quantity * price) from {TABLE}
        where customer_id is not null and quantity > 0 and price > 0 and invoice not like 'C%'"""
    )
    assert sold == (397_884, 18_532, 4_338, Decimal("8911407.9040"))


def test_year_twice_changes_nothing(year: Warehouse) -> None:
    fingerprint = f"select count(*), bit_xor(hash(t)), max(_loaded_at) from {TABLE} as t"
    before = year.query(fingerprint)
    report = year.load()["retail"]
    assert (report.files_loaded, report.files_skipped) == (0, 1)
    # The same bytes under another name, in another wrapping, are a copy, and not read again.
    body = gzip.decompress(year_file().read_bytes())
    plain = year.data / "retail" / "again.csv"
    plain.write_bytes(body)
    assert year.counts(year.load()["retail"]) == (0, 0, 0, 0, 0)
    # The same lines in another file are an overlap from end to end.
    plain.write_bytes(body + b"\r\n")
    assert year.counts(year.load()["retail"]) == (541_909, 0, 0, 541_909, 0)
    assert year.query(fingerprint) == before


@pytest.mark.soak
def test_daily_pieces_give_what_one_file_gives(tmp_path: Path) -> None:
    header, rows = read_rows(year_file())
    days = list(by_day(rows))[::30]
    pieces = Warehouse(tmp_path / "pieces")
    load_days(pieces, days, header)
    whole = Warehouse(tmp_path / "whole")
    (whole.data / "retail").mkdir(parents=True)
    write_csv(
        whole.data / "retail" / "all.csv", header, [row for _, group in days for row in group]
    )
    whole.load()
    assert content(pieces, TABLE, OWN) == content(whole, TABLE, OWN)


@pytest.mark.soak
def test_all_daily_pieces_give_what_the_year_gives(tmp_path: Path, year: Warehouse) -> None:
    header, rows = read_rows(year_file())
    pieces = Warehouse(tmp_path)
    load_days(pieces, by_day(rows), header)
    assert content(pieces, TABLE, OWN) == content(year, TABLE, OWN)


def test_workbook_with_overlapping_sheets_gives_what_its_csv_gives(tmp_path: Path) -> None:
    header, rows = read_rows(year_file())
    sample = rows[:6000]
    text, book = Warehouse(tmp_path / "text"), Warehouse(tmp_path / "book")
    for warehouse in (text, book):
        (warehouse.data / "retail").mkdir(parents=True)
    write_csv(text.data / "retail" / "a.csv", header, sample)
    workbook = xlsxwriter.Workbook(str(book.data / "retail" / "a.xlsx"))
    dates = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
    for title, part in (("Year 2009-2010", sample[:4000]), ("Year 2010-2011", sample[2500:])):
        sheet = workbook.add_worksheet(title)
        sheet.write_row(0, 0, header)
        for number, row in enumerate(part, start=1):
            write_line(sheet, number, row, dates)
    workbook.close()
    assert text.load()["retail"].rows_loaded == 6000
    report = book.load()["retail"]
    assert book.counts(report) == (7500, 6000, 0, 1500, 0)
    assert content(book, TABLE, OWN) == content(text, TABLE, OWN)


def write_line(
    sheet: xlsxwriter.worksheet.Worksheet,
    number: int,
    row: list[str],
    dates: xlsxwriter.format.Format,
) -> None:
    """Writes one line as UCI's workbook has it: numbers as numbers, dates as dates."""
    for column, value in enumerate(row):
        if column == 4:
            sheet.write_datetime(number, column, dt.datetime.fromisoformat(value), dates)
        elif column in (3, 5, 6) or value.isdigit():
            if value:
                sheet.write_number(number, column, float(value))
        elif value:
            sheet.write_string(number, column, value)
