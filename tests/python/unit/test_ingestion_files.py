"""Files: what is read from each kind, and which are refused."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import json
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
import xlsxwriter
from support.ingestion import EVENTS as EVENT_HEADER
from support.ingestion import RETAIL, retail_line, take

from ingestion.declaration import TableSpec
from ingestion.sources.app import EVENTS
from ingestion.sources.crm import MEMBERS
from ingestion.sources.retail import TRANSACTIONS

GOOD = b"E1,view,1.5,2024-11-01"


def events(*lines: bytes) -> bytes:
    return b"".join(line + b"\n" for line in (EVENT_HEADER.encode(), *lines))


def zipped(content: bytes) -> bytes:
    """Without the time of day, which would give the tests other names in each worker."""
    return gzip.compress(content, mtime=0)


def parquet(table: pa.Table) -> bytes:
    stream = io.BytesIO()
    pq.write_table(table, stream)
    return stream.getvalue()


def workbook(path: Path, sheets: dict[str, list[list[object]]]) -> None:
    book = xlsxwriter.Workbook(str(path), {"default_date_format": "yyyy-mm-dd hh:mm"})
    for title, rows in sheets.items():
        sheet = book.add_worksheet(title)
        for number, row in enumerate(rows):
            sheet.write_row(number, 0, row)
    book.close()


EVENT_TABLE = pa.table(
    {
        "event_id": ["E1", "E2"],
        "event_type": ["view", "view"],
        "item_price": pa.array([Decimal("1.50"), None], pa.decimal128(10, 2)),
        "open_id": pa.array([None, None], pa.float64()),
        "event_time": pa.array(
            [dt.datetime(2024, 11, 1, tzinfo=dt.UTC)] * 2, pa.timestamp("ns", "Asia/Shanghai")
        ),
    }
)


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


TRUNCATED = zipped(events(*[b"E%d,view,1,2024-11-01" % n for n in range(20_000)]))[:-5000]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("bad.csv", b"", "is empty"),
        ("bad.csv", b"\n\n", "has no header"),
        ("bad.csv.gz", b"", "is empty"),
        ("bad.csv.gz", zipped(b""), "is empty"),
        ("bad.csv.gz", TRUNCATED, "is a truncated or damaged .gz file"),
        ("bad.csv.gz", events(GOOD), "is named .gz, but does not hold gzip data"),
        ("bad.csv", zipped(events(GOOD)), "is named .csv, but holds gzip data"),
        ("bad.csv", parquet(EVENT_TABLE), "is named .csv, but holds a Parquet file"),
        ("bad.csv", b"\x00\x01\x02", "is named .csv, but holds binary data"),
        (
            "bad.csv",
            events(GOOD).decode().encode("utf-16"),
            "is named .csv, but holds UTF-16 text; save it as UTF-8",
        ),
        ("bad.parquet", events(GOOD), "is named .parquet, but holds plain text"),
        ("bad.parquet", parquet(EVENT_TABLE)[:-20], "is a damaged Parquet file"),
        ("bad.jsonl", events(GOOD), "is named .jsonl, but does not hold one JSON object a line"),
        (
            "bad.csv",
            b"event_id,kind\nE1,view\n",
            "has no column event_type, event_time; columns found: event_id, kind",
        ),
        (
            "bad.jsonl",
            b'{"event_id": "E1", "event_type": "view"}\n',
            "has no column event_time; columns found: event_id, event_type",
        ),
        (
            "bad.csv",
            b"event_id,Event ID,event_type,event_time\n",
            "columns 'event_id' and 'Event ID' both mean 'event_id'; keep one of them",
        ),
        (
            "bad.csv",
            b"event_id;event_type;event_time\nE1;view;2024-11-01\n",
            "looks semicolon-separated; save it with commas",
        ),
        (
            "bad.csv",
            b'\xef\xbb\xbf"event_id";"event_type";"event_time"\n',
            "looks semicolon-separated; save it with commas",
        ),
        (
            "bad.csv",
            b"event_id\tevent_type\tevent_time\n",
            "looks tab-separated; save it with commas",
        ),
        (
            "bad.parquet",
            parquet(EVENT_TABLE.set_column(2, "item_price", pa.array([True, False]))),
            "column item_price is bool, expected money",
        ),
        (
            "bad.parquet",
            parquet(EVENT_TABLE.set_column(4, "event_time", pa.array([1, 2]))),
            "column event_time is int64, expected timestamp",
        ),
    ],
)
def test_file_is_refused_and_the_others_are_loaded(
    tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    (tmp_path / "good.csv").write_bytes(events(GOOD))
    taken = take(EVENTS, tmp_path)
    assert list(taken.refused) == [name]
    assert taken.refused[name].startswith(reason)
    assert [(row["event_id"], row["_file"]) for row in taken.rows] == [("E1", "good.csv")]
    assert taken.counts == (1, 1, 0, 0, 0)
    assert taken.quarantine == [
        {"file": name, "line": None, "reason": taken.refused[name], "payload": None}
    ]


def test_zip_of_something_else_is_no_workbook(tmp_path: Path) -> None:
    (tmp_path / "a.xlsx").write_bytes(b"PK\x03\x04 nothing")
    refused = take(TRANSACTIONS, tmp_path).refused["a.xlsx"]
    assert refused.startswith("cannot be read as an Excel workbook")


def test_header_alone_is_a_file_without_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(events())
    taken = take(EVENTS, tmp_path)
    assert (taken.counts, taken.refused) == ((0, 0, 0, 0, 0), {})


@pytest.mark.parametrize(
    ("broken", "reason", "payload"),
    [
        (b"E2,view", "row has 2 fields, the header has 4", "E2,view"),
        (b"E2,view,1,2024-11-01,x", "row has 5 fields, the header has 4", None),
        (
            b"E2,vi\xffew,1,2024-11-01",
            "row is not valid UTF-8 (byte 0xff)",
            r"E2,vi\xffew,1,2024-11-01",
        ),
        (b"E2,vi\0ew,1,2024-11-01", "row holds a NUL byte", r"E2,vi\x00ew,1,2024-11-01"),
        (b'E2,"view,1,2024-11-01', "a quote is not closed", 'E2,"view,1,2024-11-01'),
        (b"E2," + b"x" * 2_000_000 + b",1,2024", "row is longer than 1 MiB", None),
    ],
)
def test_broken_csv_row_costs_one_row(
    tmp_path: Path, broken: bytes, reason: str, payload: str | None
) -> None:
    # A NUL early in the file would make it binary: pad it to where files are no longer sniffed.
    padding = [b"P%d,view,1,2024-11-01" % n for n in range(4000)]
    lines = [*padding, GOOD, broken, b'E3,"two\nlines",1,2024-11-01', b"E4,view,1,2024-11-01"]
    (tmp_path / "a.csv").write_bytes(events(*lines))
    taken = take(EVENTS, tmp_path)
    assert taken.refused == {}
    assert taken.counts == (4004, 4003, 1, 0, 0)
    assert [(r["event_id"], r["_line"]) for r in taken.rows[4000:]] == [
        ("E1", 4002),
        ("E3", 4004),
        ("E4", 4006),
    ]
    assert [(row["line"], row["reason"]) for row in taken.quarantine] == [(4003, reason)]
    assert taken.quarantine[0]["payload"] == (payload or broken.decode())


def test_unclosed_quote_does_not_swallow_a_long_file(tmp_path: Path) -> None:
    lines = [b"E%d,view,1,2024-11-01" % n for n in range(100_000)]
    lines[10] = b'E10,"view,1,2024-11-01'
    (tmp_path / "a.csv").write_bytes(events(*lines))
    taken = take(EVENTS, tmp_path)
    assert taken.counts == (100_000, 99_999, 1, 0, 0)
    assert [(row["line"], row["reason"]) for row in taken.quarantine] == [
        (12, "a quote is not closed")
    ]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (b'{"event_id": "E2"', "row is not valid JSON"),
        (b"[1]", "row is not a JSON object"),
        (b'{"event_id": "\xff"}', "row is not valid JSON"),
        (b'{"event_id": "E2", "Event Id": "E3"}', "row has the field event_id twice"),
        (b'{"event_id": "' + b"x" * 2_000_000 + b'"}', "row is longer than 1 MiB"),
    ],
)
def test_broken_json_row_costs_one_row(tmp_path: Path, broken: bytes, reason: str) -> None:
    good = [
        json.dumps({"event_id": f"E{n}", "event_type": "view", "event_time": "2024-11-01"}).encode()
        for n in (1, 3)
    ]
    (tmp_path / "a.ndjson").write_bytes(b"\n".join([good[0], broken, good[1]]))
    taken = take(EVENTS, tmp_path)
    assert taken.counts == (3, 2, 1, 0, 0)
    assert [row["_line"] for row in taken.rows] == [1, 3]
    assert taken.quarantine[0]["line"] == 2
    assert taken.quarantine[0]["reason"].startswith(reason)


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
    assert taken.notices == ["crm/a.xlsx: ignored, not a kind of file that is loaded"]


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
    assert [row["_row_hash"] for row in arrow.rows] == [row["_row_hash"] for row in text.rows]


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
        # A key has no place in a line, so that it is told apart by number 1.
        names = names.replace("column_8", "column_1")
        text = json.dumps(dict(zip(fields, values, strict=True)))
    (tmp_path / f"a.{kind}").write_text(text + "\n")
    taken = take(spec, tmp_path)
    assert (taken.refused, taken.quarantine) == ({}, [])
    assert [taken.rows[0][name] for name in names.split(",")] == values[-len(extra) :]


def test_many_files_and_broken_rows_keep_their_places(tmp_path: Path) -> None:
    for day in range(40):
        lines = [b"E%d-%d,view,1,2024-11-01" % (day, n) for n in range(20)]
        lines[day % 20] = b"broken"
        (tmp_path / f"{day:02}.csv").write_bytes(events(*lines))
    taken = take(EVENTS, tmp_path)
    assert taken.counts == (800, 760, 40, 0, 0)
    assert [(r["file"], r["line"]) for r in taken.quarantine] == [
        (f"{day:02}.csv", day % 20 + 2) for day in range(40)
    ]
    assert all(r["event_id"] == f"E{int(r['_file'][:2])}-{r['_line'] - 2}" for r in taken.rows)
