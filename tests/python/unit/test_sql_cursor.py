"""Cursors of the SQL reader: from which value rows are read again."""

from __future__ import annotations

from decimal import Decimal

import pytest

from ingestion.readers.sql.columns import Sort
from ingestion.readers.sql.cursor import make_cursor


def test_numbers_of_any_length_are_exact() -> None:
    cursor = make_cursor("n", Sort.NUMBER, 1000, "t")
    value = "12345678901234567890123456789999999999"
    assert Decimal(cursor.before_lag(value)) == int(value) - 1000


@pytest.mark.parametrize(
    ("newest", "read_from"),
    [
        # Clocks are put back from three to two.
        ("2024-10-27 02:59:00", "2024-10-27 01:58:00"),
        ("2024-10-27 03:01:00", "2024-10-27 03:00:00"),
        ("2024-03-31 03:01:00", "2024-03-31 03:00:00"),
    ],
)
def test_the_hour_that_clocks_repeat_is_read_again(newest: str, read_from: str) -> None:
    cursor = make_cursor("t", Sort.LOCAL_TIME, 60, "t", "Europe/Berlin")
    assert cursor.before_lag(newest) == read_from
    in_utc = make_cursor("t", Sort.LOCAL_TIME, 60, "t")
    assert in_utc.before_lag("2024-10-27 02:59:00") == "2024-10-27 02:58:00"
