"""Values: what is typed how, and what is said of those that cannot be."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.ingestion import Taken, take

from ingestion.declaration import TableSpec
from ingestion.sources.app import EVENTS
from ingestion.sources.crm import MEMBERS
from ingestion.sources.id_graph.tables import LINKS
from ingestion.sources.retail import TRANSACTIONS

BASE: dict[str, dict[str, str]] = {
    "members": {"member_id": "M1"},
    "events": {"event_id": "E1", "event_type": "view", "event_time": "2024-11-01"},
    "transactions": {
        "invoice": "1",
        "stock_code": "A",
        "quantity": "1",
        "invoice_date": "2024-11-01",
        "price": "1",
    },
    "links": {
        "left_id_type": "member_id",
        "left_id_value": "M1",
        "right_id_type": "union_id",
        "right_id_value": "U1",
    },
}


def take_value(folder: Path, spec: TableSpec, column: str, value: Any) -> Taken:
    row = {**BASE[spec.table], column: value}
    (folder / "f.jsonl").write_text(json.dumps(row) + "\n")
    return take(spec, folder)


@pytest.mark.parametrize(
    ("spec", "column", "value", "expected"),
    [
        (TRANSACTIONS, "customer_id", "17850.0", "17850"),
        (TRANSACTIONS, "customer_id", 17850.0, "17850"),
        (TRANSACTIONS, "customer_id", " CUS013085 ", "CUS013085"),
        (TRANSACTIONS, "customer_id", "  ", None),
        (TRANSACTIONS, "invoice", 536365, "536365"),
        (TRANSACTIONS, "stock_code", "84029.G", "84029.G"),
        (TRANSACTIONS, "description", " MUG ", " MUG "),
        (TRANSACTIONS, "description", "", None),
        (TRANSACTIONS, "quantity", "6.0", 6),
        (TRANSACTIONS, "quantity", "-12", -12),
        (TRANSACTIONS, "price", "2.5", Decimal("2.5000")),
        (TRANSACTIONS, "price", 1e-05, Decimal("0.0000")),
        (TRANSACTIONS, "price", "-11062.06", Decimal("-11062.0600")),
        (TRANSACTIONS, "price", "100000000000", Decimal(100_000_000_000)),
        (TRANSACTIONS, "invoice_date", "12/1/2010 8:26", dt.datetime(2010, 12, 1, 8, 26)),
        (EVENTS, "event_time", "2024-11-01T10:00:00+08:00", dt.datetime(2024, 11, 1, 2)),
        (
            EVENTS,
            "event_time",
            "2024-11-01 10:00:00.5Z",
            dt.datetime(2024, 11, 1, 10, 0, 0, 500000),
        ),
        (EVENTS, "event_time", "2024-11-01 10:00", dt.datetime(2024, 11, 1, 10)),
        (EVENTS, "event_time", "2024-11-01", dt.datetime(2024, 11, 1)),
        (MEMBERS, "birthday", "1990-05-12 00:00:00", dt.date(1990, 5, 12)),
        (MEMBERS, "birthday", None, None),
        (MEMBERS, "birthday", "5/12/1990", dt.date(1990, 5, 12)),
        (MEMBERS, "register_date", "12/25/2010 0:00", dt.date(2010, 12, 25)),
        (LINKS, "confidence", "1", 1.0),
        (LINKS, "confidence", 0.95, 0.95),
        (LINKS, "is_active", "FALSE", False),
        (LINKS, "is_active", True, True),
    ],
)
def test_value_is_typed(
    tmp_path: Path, spec: TableSpec, column: str, value: Any, expected: Any
) -> None:
    taken = take_value(tmp_path, spec, column, value)
    assert taken.quarantine == []
    assert [row[column] for row in taken.rows] == [expected]


@pytest.mark.parametrize(
    ("spec", "column", "value", "reason"),
    [
        (TRANSACTIONS, "price", "abc", "price: 'abc' is not a number"),
        (TRANSACTIONS, "price", "nan", "price: 'nan' is not a number"),
        (TRANSACTIONS, "price", "1_000", "price: '1_000' is not a number"),
        (TRANSACTIONS, "price", "1,5", "price: '1,5' is not a number"),
        (TRANSACTIONS, "price", "1e300", "price: '1e300' is not a number"),
        (
            TRANSACTIONS,
            "quantity",
            "-9000000000000000000",
            "quantity * price: -9000000000000000000 * 1 is not below 1,000,000,000,000",
        ),
        (TRANSACTIONS, "price", None, "price is missing"),
        (TRANSACTIONS, "quantity", "6.5", "quantity: '6.5' is not a whole number"),
        (TRANSACTIONS, "quantity", "0x10", "quantity: '0x10' is not a whole number"),
        (TRANSACTIONS, "quantity", "9" * 20, f"quantity: '{'9' * 20}' is not a whole number"),
        (EVENTS, "event_time", "2024-13-45", "event_time: '2024-13-45' is not a timestamp"),
        (EVENTS, "event_time", "infinity", "event_time: 'infinity' is not a timestamp"),
        (
            EVENTS,
            "event_time",
            "12/32/2010 8:26",
            "event_time: '12/32/2010 8:26' is not a timestamp",
        ),
        (EVENTS, "event_id", " ", "event_id is missing"),
        (MEMBERS, "member_id", "", "member_id is missing"),
        (LINKS, "confidence", "1.01", "confidence: '1.01' is not a number from 0 to 1"),
        (LINKS, "confidence", "-0.1", "confidence: '-0.1' is not a number from 0 to 1"),
        (LINKS, "is_active", "maybe", "is_active: 'maybe' is not true or false"),
        (LINKS, "last_seen", "soon", "last_seen: 'soon' is not a timestamp"),
        (MEMBERS, "updated_at", "soon", "updated_at: 'soon' is not a timestamp"),
        (MEMBERS, "is_deleted", "maybe", "is_deleted: 'maybe' is not true or false"),
    ],
)
def test_bad_value_is_quarantined_with_its_reason(
    tmp_path: Path, spec: TableSpec, column: str, value: Any, reason: str
) -> None:
    taken = take_value(tmp_path, spec, column, value)
    assert taken.rows == []
    assert [(row["file"], row["line"], row["reason"]) for row in taken.quarantine] == [
        ("f.jsonl", 1, reason)
    ]
    text = None if value is None else str(value)
    assert json.loads(taken.quarantine[0]["payload"])[column] == text


@pytest.mark.parametrize(
    ("spec", "column", "value", "complaint"),
    [
        (MEMBERS, "birthday", "0000-00-00", "is not a date"),
        (MEMBERS, "birthday", "1990-02-30", "is not a date"),
        (MEMBERS, "birthday", "1990-02-20 10:00:00", "is not a date"),
        (MEMBERS, "total_points", "many", "is not a whole number"),
        (LINKS, "first_seen", "soon", "is not a timestamp"),
        (EVENTS, "item_price", "inf", "is not a number"),
        (EVENTS, "item_price", "-1e12", "is not below 1,000,000,000,000"),
    ],
)
def test_optional_value_that_cannot_be_read_is_null_with_a_warning(
    tmp_path: Path, spec: TableSpec, column: str, value: str, complaint: str
) -> None:
    taken = take_value(tmp_path, spec, column, value)
    assert taken.quarantine == []
    assert taken.counts == (1, 1, 0, 0, 0)
    assert [row[column] for row in taken.rows] == [None]
    reason = f"{column}: '{value}' {complaint}"
    assert taken.warnings == [
        {"file": "f.jsonl", "line": 1, "column_name": column, "value": value, "reason": reason}
    ]


def test_row_that_is_quarantined_has_no_warning(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text("member_id,birthday,total_points\n,0000-00-00,1\nM1,x,y\n")
    taken = take(MEMBERS, tmp_path)
    assert [row["reason"] for row in taken.quarantine] == ["member_id is missing"]
    assert [(row["line"], row["column_name"]) for row in taken.warnings] == [
        (3, "birthday"),
        (3, "total_points"),
    ]


@pytest.mark.parametrize(
    ("spec", "column", "value", "told"),
    [
        (TRANSACTIONS, "invoice_date", "31/12/2010 08:26", "31st month: {}; write 2010-12-31"),
        (EVENTS, "event_time", " 13/1/2010", "13th month: {}; write 2010-01-13"),
        (MEMBERS, "birthday", "22/2/1990", "22nd month: {}; write 1990-02-22"),
        (LINKS, "last_seen", "23/30/2010 8:26 PM", "23rd month: {}; write YYYY-MM-DD"),
    ],
)
def test_file_with_a_day_before_its_month_is_refused(
    tmp_path: Path, spec: TableSpec, column: str, value: str, told: str
) -> None:
    """Its other dates, such as 5/12/2010, would be read as another day without a word."""
    rows = [{**BASE[spec.table], column: date} for date in ("5/12/2010", value)]
    (tmp_path / "f.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    taken = take(spec, tmp_path)
    reason = told.format("slash dates are read month first")
    way_out = f'or set date_order = "day_first" under [sources.{spec.source}] in .dlt/config.toml'
    assert taken.refused == {"f.jsonl": f"line 2: {column}: {value!r} has no {reason}, {way_out}"}
    assert (taken.rows, taken.counts) == ([], (0, 0, 0, 0, 0))


def test_every_reason_of_a_row_is_told(tmp_path: Path) -> None:
    (tmp_path / "f.csv").write_text(
        "Invoice,StockCode,Quantity,InvoiceDate,Price\n,A,x,never,abc\n"
    )
    assert take(TRANSACTIONS, tmp_path).quarantine[0]["reason"] == (
        "invoice is missing; quantity: 'x' is not a whole number; "
        "invoice_date: 'never' is not a timestamp; price: 'abc' is not a number"
    )


def test_rows_are_the_same_by_their_typed_content(tmp_path: Path) -> None:
    header = "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID\n"
    (tmp_path / "a.csv").write_text(header + "1,A,MUG,6,2010-12-01 08:26:00,2.55,17850.0\n")
    (tmp_path / "b.csv").write_text(header + "1,A,MUG,6.0,12/1/2010 8:26,2.550,17850\n")
    taken = take(TRANSACTIONS, tmp_path)
    assert taken.counts == (2, 1, 0, 1, 0)
