"""Broken files and rows: what is refused, and what is quarantined."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pytest
from support.ingestion import take
from support.ingestion_files import EVENT_TABLE, GOOD, events, parquet, zipped

from ingestion.sources.app import EVENTS
from ingestion.sources.retail import TRANSACTIONS

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
            "column item_price is bool; cast it to a decimal",
        ),
        (
            "bad.parquet",
            parquet(EVENT_TABLE.set_column(4, "event_time", pa.array([1, 2]))),
            "column event_time is int64; cast it to a timestamp",
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
