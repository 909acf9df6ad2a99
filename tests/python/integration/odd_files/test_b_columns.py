"""Columns that are not a source's own, and dates of which nobody says what comes first."""

from __future__ import annotations

import pytest
from support.ingestion import Warehouse
from support.landing_writer import Cell, Row, csv_bytes
from support.odd_files import (
    FORMATS,
    RETAIL_FORMATS,
    TABLES,
    event,
    line,
    lines_of,
    link,
    member,
    send,
    values,
)

from ingestion.pipelines import IngestError

# A setting of dlt's kind, as the service of the ID graph has its own.
DAY_FIRST = "SOURCES__RETAIL__DATE_ORDER"


def test_event_sent_again_with_one_more_column_is_no_conflict(warehouse: Warehouse) -> None:
    """Be the column one of the file's own or a known one."""
    for suffix in FORMATS:
        send(warehouse, f"app/1.{suffix}", [event(f"{suffix} 1"), event(f"{suffix} 2")])
    warehouse.load()
    for suffix in FORMATS:
        extra = event(f"{suffix} 1", received_at="2024-10-02 03:04:05")
        send(warehouse, f"app/2.{suffix}", [extra])
        send(warehouse, f"app/3.{suffix}", [event(f"{suffix} 2", session_id="S1")])
    report = warehouse.load()["app"]
    assert warehouse.quarantine("app") == []
    assert report.rows_duplicate + report.rows_loaded == 6


def test_extra_column_that_changes_is_no_other_row(warehouse: Warehouse) -> None:
    def send_all(stamp: str) -> None:
        for suffix in FORMATS:
            cells: dict[str, Cell] = {"received_at": stamp}
            send(warehouse, f"app/{stamp}.{suffix}", [event(suffix, **cells)])
            row = member(suffix, level="gold", updated_at="2024-10-01", **cells)
            send(warehouse, f"crm/{stamp}.{suffix}", [row])
            row = link(suffix, "U1", confidence=0.9, last_seen="2024-10-01", **cells)
            send(warehouse, f"id_graph/{stamp}.{suffix}", [row])
        for suffix in RETAIL_FORMATS:
            twice = [line(suffix, received_at=stamp), line(suffix, received_at=f"{stamp} b")]
            send(warehouse, f"retail/{stamp}.{suffix}", twice)

    send_all("1")
    warehouse.load()
    send_all("2")
    reports = warehouse.load()
    found = {name: warehouse.counts(report) for name, report in reports.items()}
    assert found == {
        "crm": (3, 0, 0, 3, 0),
        "app": (3, 0, 0, 3, 0),
        "retail": (8, 0, 0, 8, 0),
        "id_graph": (3, 0, 0, 3, 0),
    }
    for source, table in TABLES.items():
        rows = warehouse.query(f"select count(received_at) from {table}")
        assert rows == [(8 if source == "retail" else 3,)]


@pytest.mark.parametrize("header", ["", " ", "Unnamed: 0"])
def test_index_column_of_pandas_does_not_make_other_rows(warehouse: Warehouse, header: str) -> None:
    lines = [line("1", 5), line("1", 5), line("2", 7)]

    def indexed(start: int) -> list[Row]:
        return [{header: number, **row} for number, row in enumerate(lines, start=start)]

    send(warehouse, "retail/a.csv", lines)
    warehouse.load()
    warehouse.write_bytes("retail/b.csv", csv_bytes(indexed(0)))
    warehouse.write_bytes("app/1.csv", csv_bytes([{header: 0, **event("E1")}]))
    warehouse.load()
    send(warehouse, "retail/c.xlsx", indexed(5))
    warehouse.write_bytes("app/2.csv", csv_bytes([{header: 1, **event("E1")}]))
    warehouse.load()
    assert [price for _, _, price, _ in lines_of(warehouse)] == [5, 5, 7]
    assert warehouse.quarantine("app") == []
    if not header.strip():
        names = [name for name, *_ in warehouse.query("describe raw_retail.transactions")]
        assert "column_1" not in names
        for file in ("retail/b.csv", "retail/c.xlsx", "app/1.csv"):
            assert any(file in n and "ignored" in n for n in warehouse.notices), file


def test_file_of_ambiguous_dates_is_loaded_with_a_warning(warehouse: Warehouse) -> None:
    """Both readings are shown, and the setting that decides."""
    for suffix in RETAIL_FORMATS:
        dates = [line(f"{suffix} {n}", InvoiceDate=f"{n:02}/02/2011") for n in (5, 12)]
        send(warehouse, f"retail/s.{suffix}", dates)
    send(warehouse, "crm/m.csv", [member("M1", register_date="05/02/2011")])
    send(warehouse, "app/e.csv", [event("E1", event_time="05/02/2011 10:00")])
    send(warehouse, "id_graph/l.csv", [link("M1", "U1", first_seen="05/02/2011")])
    reports = warehouse.load()
    assert [report.rows_loaded for report in reports.values()] == [1, 1, 8, 1]
    files = [f"retail/s.{suffix}" for suffix in RETAIL_FORMATS]
    for file in (*files, "crm/m.csv", "app/e.csv", "id_graph/l.csv"):
        words = (file, "2011-05-02", "2011-02-05", "date_order")
        assert any(all(word in notice for word in words) for notice in warehouse.notices), file


def test_file_whose_dates_can_only_be_month_first_is_loaded_without_a_word(
    warehouse: Warehouse,
) -> None:
    dates = ["05/02/2011 08:26", "12/13/2011 08:26"]
    send(warehouse, "retail/s.csv", [line(date, InvoiceDate=date) for date in dates])
    warehouse.load()
    assert values(warehouse, "retail", "invoice_date::varchar") == [
        "2011-05-02 08:26:00",
        "2011-12-13 08:26:00",
    ]
    assert not any("date_order" in notice for notice in warehouse.notices)


def test_setting_says_the_order_of_dates(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DAY_FIRST, "day_first")
    for suffix in RETAIL_FORMATS:
        dates = [
            line(f"{suffix} {day}", InvoiceDate=f"{day}/02/2011 08:26") for day in ("05", "28")
        ]
        send(warehouse, f"retail/s.{suffix}", dates)
    report = warehouse.load()["retail"]
    assert report.refused == ()
    assert values(warehouse, "retail", "invoice_date::varchar") == (
        ["2011-02-05 08:26:00"] * 4 + ["2011-02-28 08:26:00"] * 4
    )
    assert not any("2011-05-02" in notice for notice in warehouse.notices)


def test_evidence_of_day_first_names_the_earlier_files(warehouse: Warehouse) -> None:
    send(warehouse, "retail/january.csv", [line("1", InvoiceDate="05/01/2011")])
    send(warehouse, "retail/iso.csv", [line("2", InvoiceDate="2011-01-05")])
    warehouse.load()
    send(warehouse, "retail/february.csv", [line("3", InvoiceDate="28/02/2011")])
    report = warehouse.load()["retail"]
    told = [*warehouse.notices, *(reason for _, reason in report.refused)]
    assert any("january.csv" in text and "february.csv" in text for text in told)
    assert not any("iso.csv" in text and "february.csv" in text for text in told)


def test_files_that_were_read_month_first_are_read_again_once_the_setting_is_made(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(warehouse, "retail/a.csv", [line("1", InvoiceDate="05/02/2011")])
    send(warehouse, "app/a.csv", [event("E1", event_time="05/02/2011 10:00")])
    send(warehouse, "app/iso.csv", [event("E2", event_time="2011-02-05 10:00")])
    warehouse.load()
    for source in ("RETAIL", "APP"):
        monkeypatch.setenv(f"SOURCES__{source}__DATE_ORDER", "day_first")
    reports = warehouse.load()
    assert (reports["app"].files_loaded, reports["app"].files_skipped) == (1, 1)
    assert values(warehouse, "app", "event_time::varchar") == ["2011-02-05 10:00:00"] * 2
    assert values(warehouse, "retail", "invoice_date::date::varchar") == ["2011-02-05"]
    again = warehouse.load()
    assert (again["app"].files_loaded, again["retail"].files_loaded) == (0, 0)


@pytest.mark.parametrize(
    ("order", "date", "told"),
    [
        ("day_first", "12/31/2010", "has no 31st month: slash dates are read day first"),
        ("month_first", "31/12/2010", "has no 31st month: slash dates are read month first"),
    ],
)
def test_file_that_contradicts_the_setting_is_refused(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, order: str, date: str, told: str
) -> None:
    monkeypatch.setenv(DAY_FIRST, order)
    send(warehouse, "retail/a.csv", [line("1", InvoiceDate="05/02/2011")])
    send(warehouse, "retail/b.csv", [line("2", InvoiceDate=date)])
    report = warehouse.load()["retail"]
    ((name, reason),) = report.refused
    assert (name, report.rows_loaded, report.notices) == ("b.csv", 1, ())
    assert told in reason
    assert "write 2010-12-31" in reason


def test_setting_that_is_none_stops_with_its_name(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DAY_FIRST, "dmy")
    with pytest.raises(IngestError, match=r"sources\.retail\.date_order is 'dmy'; expected month"):
        warehouse.load()
