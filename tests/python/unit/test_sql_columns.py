"""Columns of a remote table: their times in UTC."""

from __future__ import annotations

import pyarrow as pa

from ingestion.readers.sql.columns import Header, RemoteColumn, Sort


def test_local_times_are_in_utc_and_what_is_no_time_stays() -> None:
    """MySQL may hold days that no calendar has; they must not stop the others."""
    header = Header((RemoteColumn("t", "t", Sort.LOCAL_TIME),), None, "Europe/Berlin")
    times = {
        "2024-07-01 10:00:00": "2024-07-01 08:00:00.000000",
        "2024-01-01 00:30:00.5": "2023-12-31 23:30:00.500000",
        "2024-02-31 10:00:00": "2024-02-31 10:00:00",
        "0000-00-00 00:00:00": "0000-00-00 00:00:00",
        "infinity": "infinity",
        None: None,
    }
    found = header.chunk_table(pa.table({"c0": list(times)}), 1)
    assert found["t"].to_pylist() == list(times.values())
