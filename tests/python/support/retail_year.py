"""The real year of Online Retail II (D. Chen, UCI, CC BY 4.0), where a copy is at hand."""

from __future__ import annotations

import csv
import gzip
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

NAME = "online_retail_ii/year_2010_2011.csv.gz"
_FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data"

Row = list[str]


def year_file() -> Path:
    """The file, or a skip that says what is missing."""
    folder = Path(os.environ.get("ONECDP_TEST_DATA", _FOLDER))
    file = folder / NAME
    if not file.is_file():
        pytest.skip(f"no {NAME}: set ONECDP_TEST_DATA to the folder that holds it")
    return file


def read_rows(file: Path) -> tuple[Row, list[Row]]:
    """The header and all rows, as text."""
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        header, *rows = csv.reader(text)
    return header, rows


def by_day(rows: list[Row], date_column: int = 4) -> Iterator[tuple[str, list[Row]]]:
    """The rows of each day, in the order of the file, which is that of time."""
    for day, group in itertools.groupby(rows, key=lambda row: row[date_column][:10]):
        yield day, list(group)


def thirty_days() -> tuple[Row, list[list[Row]]]:
    """The header, and the lines of the first thirty days with at most 300 lines of each."""
    header, rows = read_rows(year_file())
    days = (lines[:300] for _, lines in by_day(rows))
    return header, list(itertools.islice(days, 30))


def write_rows(file: Path, header: Row, rows: list[Row]) -> None:
    """Writes rows as CSV, gzipped where the name says so."""
    file.parent.mkdir(parents=True, exist_ok=True)
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "wt", encoding="utf-8", newline="") as text:
        csv.writer(text).writerows([header, *rows])
