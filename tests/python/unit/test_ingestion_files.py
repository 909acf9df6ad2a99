"""Files: what is read from each kind, and which are refused."""

from __future__ import annotations

import datetime as dt
import io
import json
from decimal import Decimal
from pathlib import Path

import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from support.ingestion import EVENTS as EVENT_HEADER
from support.ingestion import RETAIL, retail_line, take
from support.ingestion_files import EVENT_TABLE, GOOD, events, parquet, workbook, zipped
from support.landing_writer import file_bytes
from support.odd_files import FORMATS, event

from ingestion.declaration import TableSpec
from ingestion.readers.header import CHUNK_ROWS
from ingestion.sources.app import EVENTS
from ingestion.sources.crm import MEMBERS
from ingestion.sources.retail import TRANSACTIONS


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", events(GOOD, b"E2,view,,2024-11-01")),
        ("a.CSV", b"\xef\xbb\xbf" + events(GOOD, b"E2,view,,2024-11-01")),
        ("a.csv", b'\xef\xbb\xbf"EVENTID"' + events(GOOD, b"E2,view,,2024-11-01")[8:]),
        ("a.csv.gz", zipped(events(GOOD, b"E2,view,,2024-11-01"))),
        (
            "a.jsonl",
            b'{"eventId": "E1", "event_type": "view", "item_price": 1.5, '
            b'"event_time": "2024-11-01"}\n'
            b'\n{"event_id": "E2", "event_type": "view", "event_time": "2024-11-01T00:00Z"}',
        ),
        ("a.parquet", parquet(EVENT_TABLE)),
        ("a.parquet.gz", zipped(parquet(EVENT_TABLE))),
    ],
)
def test_every_format_gives_the_same_rows(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    taken = take(EVENTS, tmp_path)
    assert (taken.counts, taken.refused) == ((2, 2, 0, 0, 0), {})
    assert [(r["event_id"], r["item_price"], r["event_time"]) for r in taken.rows] == [
        ("E1", Decimal("1.5000"), dt.datetime(2024, 11, 1)),
        ("E2", None, dt.datetime(2024, 11, 1)),
    ]


def test_header_alone_is_a_file_without_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(events())
    taken = take(EVENTS, tmp_path)
    assert (taken.counts, taken.refused) == ((0, 0, 0, 0, 0), {})


def test_workbook_gives_what_the_csv_of_its_rows_gives(tmp_path: Path) -> None:
    """Two sheets that overlap, as UCI ships them, against one CSV of the same lines."""
    lines = [
        retail_line("536365", "85123A", 6, "2010-12-01 08:26:00", "2.55"),
        retail_line("536365", "71053", 6, "2010-12-01 08:26:00", "3.39"),
        retail_line("536365", "71053", 6, "2010-12-01 08:26:00", "3.39"),
        retail_line("C536366", "22632", -1, "2010-12-02 09:00:00", "1.85"),
        retail_line("536367", "22633", 12, "2010-12-03 10:30:00", "1"),
    ]
    (tmp_path / "csv").mkdir()
    (tmp_path / "xlsx").mkdir()
    (tmp_path / "csv" / "a.csv").write_text("\n".join([RETAIL, *lines]))

    def cells(line: str) -> list[object]:
        invoice, code, text, quantity, date, price, customer, country = line.split(",")
        return [
            int(invoice) if invoice.isdigit() else invoice,
            int(code) if code.isdigit() else code,
            text,
            int(quantity),
            dt.datetime.fromisoformat(date),
            float(price),
            float(customer),
            country,
        ]

    header: list[object] = [*RETAIL.split(",")]
    rows = [cells(line) for line in lines]
    workbook(
        tmp_path / "xlsx" / "a.xlsx",
        {
            "Notes": [["Online Retail II"]],
            "Year 2009-2010": [header, *rows[:4]],
            "Year 2010-2011": [header, *rows[1:]],
        },
    )
    book = take(TRANSACTIONS, tmp_path / "xlsx")
    text = take(TRANSACTIONS, tmp_path / "csv")
    assert book.counts == (8, 5, 0, 3, 0)
    assert text.counts == (5, 5, 0, 0, 0)
    own = ("_file", "_line", "_loaded_at")

    def bare(rows: list[dict[str, object]]) -> list[dict[str, object]]:
        return [{key: row[key] for key in row if key not in own} for row in rows]

    assert bare(book.rows) == bare(text.rows)
    assert [(row["_file"], row["_line"]) for row in book.rows][3:] == [
        ("a.xlsx#Year 2009-2010", 5),
        ("a.xlsx#Year 2010-2011", 5),
    ]
    (notice,) = [text for text in book.notices if "left out" in text]
    assert notice.startswith("retail/a.xlsx: left out, sheet 'Notes' has no column")


def test_workbook_is_for_retail_only(tmp_path: Path) -> None:
    workbook(tmp_path / "a.xlsx", {"One": [["member_id"], ["M1"]]})
    taken = take(MEMBERS, tmp_path)
    assert (taken.rows, taken.refused) == ([], {})
    assert taken.notices == [
        "crm/a.xlsx: left out, it is not a kind of file that is loaded; save its sheet as .csv"
    ]


def test_uci_names_and_dates_are_known(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(
        "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n"
        "536365,85123A,MUG,6,12/1/2010 8:26,2.55,17850,United Kingdom\n"
    )
    (row,) = take(TRANSACTIONS, tmp_path).rows
    assert (row["invoice"], row["price"], row["customer_id"], row["invoice_date"]) == (
        "536365",
        Decimal("2.5500"),
        "17850",
        dt.datetime(2010, 12, 1, 8, 26),
    )


def test_parquet_written_from_a_csv_equals_it(tmp_path: Path) -> None:
    lines = "\n".join([RETAIL, retail_line(), retail_line(), retail_line("2", "B", -3)])
    for kind in ("csv", "parquet"):
        (tmp_path / kind).mkdir()
    (tmp_path / "csv" / "a.csv").write_text(lines)
    pq.write_table(pc.read_csv(io.BytesIO(lines.encode())), tmp_path / "parquet" / "a.parquet")
    text, arrow = (take(TRANSACTIONS, tmp_path / kind) for kind in ("csv", "parquet"))
    assert len(text.rows) == 3
    own = {"_file", "_line", "_loaded_at"}
    contents = [
        [{name: row[name] for name in row.keys() - own} for row in taken.rows]
        for taken in (text, arrow)
    ]
    assert contents[0] == contents[1]


def test_columns_of_any_name_are_kept(tmp_path: Path) -> None:
    names = "file,line,sheet,file_no,name,reason,payload,verdict,note,version,stored_hash,select"
    values = [f"v{n}" for n in range(len(names.split(",")))]
    for spec, header, row in (
        (EVENTS, EVENT_HEADER, GOOD.decode()),
        (TRANSACTIONS, RETAIL, retail_line()),
        (MEMBERS, "member_id", "M1"),
    ):
        (tmp_path / spec.source).mkdir()
        file = tmp_path / spec.source / "a.csv"
        file.write_text(f"{header},{names}\n{row},{','.join(values)}\n{row},{','.join(values)}\n")
        (first, *_) = take(spec, tmp_path / spec.source).rows
        assert [first[name] for name in names.split(",")] == values


@pytest.mark.parametrize(
    ("header", "spec", "names"),
    [
        ("_id,_file,Unnamed: 0,,2020", EVENTS, "x_id,x_file,unnamed_0,column_8,x_2020"),
        ("line_number,is_withdrawn", EVENTS, "line_number,is_withdrawn"),
        ("Line Number,IsWithdrawn,_row", TRANSACTIONS, "x_line_number,x_is_withdrawn,x_row"),
        (
            "姓名,1月,_备注,备注 \uff08二\uff09,कीमत,a\u200bé,ÉTÉ 2,Straße",
            EVENTS,
            "姓名,x_1月,x_备注,备注_二,कीमत,aé,été_2,straße",
        ),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_names_that_the_warehouse_keeps_are_loaded_under_others(
    tmp_path: Path, header: str, spec: TableSpec, names: str, kind: str
) -> None:
    known, row = (EVENT_HEADER, GOOD.decode()) if spec is EVENTS else (RETAIL, retail_line())
    extra = header.split(",")
    fields = [*known.split(","), *extra]
    values = [*row.split(","), *(f"v{n}" for n in range(len(extra)))]
    if kind == "csv":
        text = ",".join(fields) + "\n" + ",".join(values)
    else:
        # A key has no place in a line, so that it is told apart by number 2.
        names = names.replace("column_8", "column_2")
        text = json.dumps(dict(zip(fields, values, strict=True)))
    (tmp_path / f"a.{kind}").write_text(text + "\n")
    taken = take(spec, tmp_path)
    assert (taken.refused, taken.quarantine) == ({}, [])
    assert [taken.rows[0][name] for name in names.split(",")] == values[-len(extra) :]


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_row_is_lost_between_chunks(tmp_path: Path, suffix: str) -> None:
    count = 2 * CHUNK_ROWS + 5
    rows = [event(f"E{number}", page_name="x" * 90) for number in range(count)]
    (tmp_path / f"a.{suffix}").write_bytes(file_bytes(f"a.{suffix}", rows))
    assert take(EVENTS, tmp_path).counts == (count, count, 0, 0, 0)
