"""The quick ways of the landing's SQL give what the slow ones give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.declaration import Column, Kind
from ingestion.landing.kinds import complaint, typed
from ingestion.landing.scratch import open_scratch

# Nearly what `PLAIN_TIME` matches, so that both ways are taken.
DIGITS = st.sampled_from(
    ["00", "01", "08", "12", "24", "29", "31", "59", "60", "99", "1", " 1", "a"]
)
TIMES = st.builds(
    "{0}-{1}-{2}{3}{4}:{5}:{6}{7}{8}".format,
    st.sampled_from(["2024", "2023", "1900", "0000", "9999", "24", "+2024"]),
    DIGITS,
    DIGITS,
    st.sampled_from(["T", " ", "t", "  ", ""]),
    DIGITS,
    DIGITS,
    DIGITS,
    st.sampled_from(["", "", ".", ".5", ".123", ".123456", ".1234567", ",5", "."]),
    st.sampled_from(["", "Z", "z", " Z", "+00:00", "+08:00", " UTC", "\n"]),
)
DAYS = st.builds("{0}-{1}-{2}{3}".format, st.sampled_from(["2024", "2023", "0000"]), DIGITS, DIGITS,
                 st.sampled_from(["", "", " ", " 00:00", "T00:00:00", "\n"]))  # fmt: skip
WHOLES = st.builds("{0}{1}{2}".format, st.sampled_from(["", "", "-", "+", "--"]),
                   st.integers(0, 10**21).map(str) | DIGITS | st.just("0" * 18),
                   st.sampled_from(["", "", ".", ".0", ".5", "e2", " "]))  # fmt: skip
BLANKS = st.text(st.sampled_from([*" \t\n\u00a0\u3000\u200b!~a\u00e9\x7f"]), max_size=3)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    folder: Path = tmp_path_factory.mktemp("scratch")
    with open_scratch(folder) as connection:
        yield connection


def asked(
    connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[str | None]
) -> list[Any]:
    """What a query of one column tells of `written`, a table with the column x."""
    connection.register("written", pa.table({"x": pa.array(values, pa.string())}))
    try:
        return [value for (value,) in connection.execute(query).fetchall()]
    finally:
        connection.unregister("written")


@given(st.data())
@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize(
    ("kind", "texts"), [(Kind.TIMESTAMP, TIMES), (Kind.DATE, DAYS), (Kind.INTEGER, WHOLES)]
)
def test_what_is_plain_is_what_the_long_way_reads(
    scratch: duckdb.DuckDBPyConnection,
    kind: Kind,
    texts: st.SearchStrategy[str],
    data: st.DataObject,
) -> None:
    values = data.draw(st.lists(texts, min_size=1, max_size=30))
    query = f"select ({typed('x', kind)})::varchar from written"
    # Nothing plain begins with a blank, which the long way removes.
    longer = asked(scratch, query, [f" {value}" for value in values])
    assert asked(scratch, query, values) == longer


@given(st.lists(BLANKS | st.none(), min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
@pytest.mark.parametrize("kind", [Kind.TEXT, Kind.TIMESTAMP])
def test_what_is_blank_is_missing(
    scratch: duckdb.DuckDBPyConnection, kind: Kind, values: list[str | None]
) -> None:
    told = complaint(Column("x", kind, required=True), "no load")
    assert told is not None
    query = f"""select coalesce({told} = 'x is missing', false)
        from (select raw, {{'x': {typed("x", kind)}}} as t from written as raw)"""
    trimmed = asked(scratch, "select nullif(trim(x), '') is null from written", values)
    assert asked(scratch, query, values) == trimmed
