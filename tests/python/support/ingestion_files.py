"""Files in every format that ingestion reads."""

from __future__ import annotations

import datetime as dt
import gzip
import io
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from support.ingestion import EVENTS as EVENT_HEADER

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
