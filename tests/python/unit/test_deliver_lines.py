"""Rows as COPY and LOAD DATA read them."""

from __future__ import annotations

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from onecdp.destinations.databases.lines import as_lines

ESCAPES = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r"}
VALUE = st.none() | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


def parse(line: str) -> list[str | None]:
    """The values of a line, as both servers document the format."""
    values: list[str | None] = []
    for field in line.split("\t"):
        if field == "\\N":
            values.append(None)
            continue
        chars = iter(field)
        values.append("".join(ESCAPES[next(chars)] if char == "\\" else char for char in chars))
    return values


@given(st.lists(st.tuples(VALUE, VALUE, st.none() | st.integers(-9, 9)), max_size=20))
def test_every_row_comes_back(rows: list[tuple[str | None, str | None, int | None]]) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], []]
    kinds = [pa.string(), pa.string(), pa.int64()]
    arrays = [pa.array(values, kind) for values, kind in zip(columns, kinds, strict=True)]
    table = pa.table(arrays, names=["a", "b", "c"])
    lines = bytes(as_lines(table)).decode().split("\n")
    assert lines.pop() == ""

    def plain(value: str | None) -> str | None:
        # PostgreSQL has no NUL.
        return value and value.replace("\0", "")

    wanted = [[plain(a), plain(b), None if c is None else str(c)] for a, b, c in rows]
    assert [parse(line) for line in lines] == wanted
    half = table.slice(len(rows) // 2)
    assert bytes(as_lines(half)).decode().split("\n")[:-1] == lines[len(rows) // 2 :]
