"""Blocks that are read as a whole give what their lines give one by one."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingestion.declaration import Column, Kind, OnRepeatedKey, TableSpec
from ingestion.landing.arrivals import Chunk, Refused
from ingestion.readers import csv_reader, jsonl_reader
from ingestion.readers import lines as lines_module
from ingestion.readers.csv_blocks import read_sound_lines
from ingestion.readers.json_blocks import read_sound_objects

SPEC = TableSpec(
    "any",
    "rows",
    (Column("a", Kind.CODE, required=True), Column("b")),
    ("a",),
    OnRepeatedKey.FIRST_WINS,
)
Reader = Callable[[BinaryIO, TableSpec], Iterator[Chunk]]
Read = list[tuple[Any, ...]]

FIELDS = st.lists(
    st.sampled_from(['"', '""', ",", "\r", "\r\n", "a", "b", "é", " ", "\ufeff", "\0", '"x"']),
    max_size=4,
).map("".join)
CSV_LINES = st.lists(FIELDS, min_size=1, max_size=3).map(",".join) | st.sampled_from(
    ['"a","b"', "A,x", " a\x1f,x", "1,2", '"1","2"', '"a,""b""",2', "", "a,b", '"a\nb",1']
)
VALUES = st.sampled_from(
    ['"x"', '"é"', '":"', '":x', '"a:"', '","', '"\\""', '"\\u00e9"', '"\\ud83d\\ude00"', '"\\"',
     "null", "true", "false", "tru", "0", "-0", "01", "1", "-17", "1.50", "1e5", "1E+5", "1.", ".5",
     "12345678901234567890", "NaN", "Infinity", "{}", '{"a":1}', "[1]", '"\x01"', '"\\u0000"',
     '"' + "y" * 80 + '"', "1" * 70, ""]
)  # fmt: skip
NUMBERS = st.from_regex(
    r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,18})?([eE][+-]?[0-9]{1,3})?",
    fullmatch=True,
    alphabet="0123456789.eE+-",
)
KEYS = st.sampled_from(['"a"', '"b"', '"c"', '"A"', '""', '"a "', '":"', '"a:"', '"\\u0061"'])


@st.composite
def objects(draw: st.DrawFn) -> str:
    """A line that is an object, or nearly one."""
    colon, comma = draw(st.sampled_from([(":", ","), (": ", ", "), (" :", " ,"), (":\t", ",")]))
    pairs = draw(st.lists(st.tuples(KEYS, VALUES), max_size=3))
    body = comma.join(f"{key}{colon}{value}" for key, value in pairs)
    return draw(st.sampled_from(["{%s}", "{%s}", "{%s}", " {%s}", "{%s} ", "{%s}{}", "{%s"])) % body


SAME = st.lists(
    st.tuples(VALUES | NUMBERS, VALUES | NUMBERS).map(
        lambda pair: f'{{"a":{pair[0]},"b":{pair[1]}}}'
    ),
    min_size=1,
    max_size=4,
)
GAPS = st.lists(
    st.dictionaries(KEYS, VALUES.filter(lambda value: value != "null"), max_size=3).map(
        lambda row: "{" + ",".join(f"{key}:{value}" for key, value in row.items()) + "}"
    ),
    min_size=1,
    max_size=4,
)
JSON_LINES = SAME | GAPS | st.lists(objects() | st.sampled_from(["", "[]"]), min_size=1, max_size=5)


def rows_of(reader: Reader, body: bytes) -> Read:
    """All that a reader tells of rows, whatever chunks they come in."""
    try:
        return sorted(told_by(reader, body), key=str)
    except Refused as refusal:
        return [(str(refusal),)]


def told_by(reader: Reader, body: bytes) -> Read:
    read: Read = []
    for chunk in reader(io.BufferedReader(cast(io.RawIOBase, io.BytesIO(body))), SPEC):
        rows = chunk.table.to_pylist()
        gaps = [[name for name in row if row[name] is not None] for row in rows]
        columns_of = gaps if chunk.has_gaps else chunk.columns or list(rows)
        for row, columns in zip(rows, columns_of, strict=True):
            has = set(columns) - {"_line", "_flaw"}
            told = {name: row[name] for name in row if name in has or row[name] is not None}
            read.append((row["_line"], sorted(told.items(), key=str)))
        read += [(row.line, row.reason, row.payload) for row in chunk.broken]
    return read


def read_both_ways(reader: Reader, body: bytes, name: str) -> tuple[Read, Read]:
    module = csv_reader if reader is csv_reader.read_csv else jsonl_reader
    # The header of a CSV alone is a block, and the rest another.
    with mock.patch.object(lines_module, "FIRST_BLOCK", 4):
        whole = rows_of(reader, body)
        with mock.patch.object(module, name, return_value=None):
            return whole, rows_of(reader, body)


@given(st.lists(CSV_LINES, max_size=6), st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=400, deadline=None)
def test_a_block_of_csv_gives_what_its_lines_give(lines: list[str], end: str) -> None:
    body = "a,b\n" + "".join(line + end for line in lines)
    whole, one_by_one = read_both_ways(csv_reader.read_csv, body.encode(), "read_sound_lines")
    assert whole == one_by_one


@given(JSON_LINES)
@settings(max_examples=600, deadline=None)
def test_a_block_of_json_gives_what_its_lines_give(lines: list[str]) -> None:
    body = '{"a":"1","b":"1","c":"1"}\n' + "\n".join(lines) + "\n"
    whole, one_by_one = read_both_ways(jsonl_reader.read_jsonl, body.encode(), "read_sound_objects")
    assert whole == one_by_one


@given(st.lists(JSON_LINES, min_size=4, max_size=8))
@settings(max_examples=200, deadline=None)
def test_blocks_that_are_read_ahead_give_what_their_lines_give(parts: list[list[str]]) -> None:
    body = "\n".join(['{"a":"1"}', *(line for part in parts for line in part), ""])
    with mock.patch.object(lines_module, "BLOCK", 64):
        whole, one_by_one = read_both_ways(
            jsonl_reader.read_jsonl, body.encode(), "read_sound_objects"
        )
    assert whole == one_by_one


@pytest.mark.parametrize(
    "block",
    [b'1,2\n3,"4, ""four"""\n', b'"1","2"\r\n"3",""\r\n', "订单,é\n,\n".encode(), b"1,2\n3,4"],
)
def test_sound_lines_are_read_as_a_whole(block: bytes) -> None:
    table = read_sound_lines(block, ["a", "b"], [["a", "b"]])
    assert table is not None
    assert table.num_rows == 2


@pytest.mark.parametrize("dump", [{}, {"separators": (",", ":")}, {"ensure_ascii": False}])
def test_sound_objects_are_read_as_a_whole(dump: dict[str, Any]) -> None:
    """Numbers keep their text, as 1.50 has it."""
    rows = [{"a": "订单", "b": 1.25, "c": None}, {"a": 17850, "b": True, "c": "x\n"}]
    block = "".join(json.dumps(row, **dump) + "\n" for row in rows).replace("1.25", "1.50")
    sound = read_sound_objects(block.encode(), ["a", "b", "c"], [], ["a"])
    assert sound is not None
    assert not sound[1]
    assert sound[0].to_pylist() == [
        {"a": "订单", "b": "1.50", "c": None}, {"a": "17850", "b": "true", "c": "x\n"}
    ]  # fmt: skip
