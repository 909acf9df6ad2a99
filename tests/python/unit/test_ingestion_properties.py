"""What must hold for any input: every CSV is read as written; the lines held are the lines told."""

from __future__ import annotations

import csv
import io
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ingestion import RETAIL, land_files, retail_line

from ingestion.declaration import Column, OnRepeatedKey, TableSpec
from ingestion.landing.arrivals import BrokenRow
from ingestion.landing.scratch import open_scratch
from ingestion.raw_tables import LOADS, QUARANTINE, columns_sql
from ingestion.readers import csv_reader
from ingestion.readers import lines as lines_module
from ingestion.sources.retail import TRANSACTIONS

PAIRS = TableSpec("any", "pairs", (Column("a"), Column("b")), ("a",), OnRepeatedKey.FIRST_WINS)
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=8) | st.sampled_from(
    ['"', '""', ",", "\n", "\r\n", '",\n"', "é", "订单"]
)


# Blocks of one byte end at every line; those of 1 MiB hold the whole file.
BLOCKS = st.sampled_from([1, 20, 1 << 20])


def read_all(body: bytes, block: int) -> tuple[list[dict[str, object]], list[BrokenRow]]:
    with mock.patch.multiple(lines_module, BLOCK=block, FIRST_BLOCK=block):
        chunks = list(csv_reader.read_csv(io.BytesIO(body), PAIRS))
    rows = [row for chunk in chunks for row in chunk.table.to_pylist()]
    return rows, [row for chunk in chunks for row in chunk.broken]


@given(st.lists(st.tuples(TEXT, TEXT), max_size=30), st.sampled_from(["\n", "\r\n", "\r"]), BLOCKS)
@settings(max_examples=200, deadline=None)
def test_whatever_a_csv_writer_writes_is_read_back(
    rows: list[tuple[str, str]], end: str, block: int
) -> None:
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["a", "b"])
    starts = []
    for row in rows:
        starts.append(len(stream.getvalue().encode().splitlines()) + 1)
        writer.writerow(row)
    read, broken = read_all(stream.getvalue().encode(), block)
    assert broken == []
    assert [(row["a"], row["b"]) for row in read] == rows
    assert [row["_line"] for row in read] == starts


@given(
    st.lists(st.binary(max_size=12) | st.sampled_from([b"1,2", b'"1",2', b'3,"', b'"\n,"', b""])),
    BLOCKS,
)
@settings(max_examples=200, deadline=None)
def test_no_bytes_are_lost_or_stop_the_reader(parts: list[bytes], block: int) -> None:
    """Every line that is not empty is part of a row or quarantined, however it is read."""
    body = b"\n".join(parts)
    rows, broken = read_all(b"a,b\n" + body, block)
    told = [row["_line"] for row in rows] + [row.line for row in broken]
    assert len(told) == len(set(told))
    physical = body.splitlines()
    for number, line in enumerate(physical, start=2):
        if number not in told and line:
            # Inside a quoted field that began above.
            assert any(b'"' in above for above in physical[: number - 2])
    assert (rows, broken) == read_all(b"a,b\n" + body, 1)


@dataclass
class Model:
    """What should be stored, kept by counting: the oracle for the rule of counted lines."""

    stored: Counter[str] = field(default_factory=Counter)
    standing: Counter[str] = field(default_factory=Counter)
    files: dict[str, list[str]] = field(default_factory=dict)

    def load(self, files: dict[str, list[str]]) -> None:
        """The invoice has the lines of the files that are new: of each as often as most have it."""
        document: Counter[str] = Counter()
        for name, lines in files.items():
            if self.files.get(name) != lines:
                document |= Counter(lines)
        self.files |= files
        self.standing = document or self.standing
        self.stored |= self.standing


LINES = st.lists(st.sampled_from("ABC"), max_size=5)
LOADS_OF_FILES = st.lists(
    st.dictionaries(st.sampled_from(["f.csv", "g.csv", "h.csv"]), LINES, min_size=1),
    min_size=1,
    max_size=5,
)


@given(LOADS_OF_FILES)
@settings(max_examples=20, deadline=None)
def test_stored_lines_are_those_the_files_hold(loads: list[dict[str, list[str]]]) -> None:
    model = Model()
    with tempfile.TemporaryDirectory() as name:
        folder, database = Path(name) / "retail", Path(name) / "w.duckdb"
        folder.mkdir()
        create(database)
        for files in loads:
            for file, codes in files.items():
                lines = [RETAIL, *(retail_line("1", code) for code in codes)]
                (folder / file).write_text("\n".join(lines) + "\n")
            load_without_dlt(folder, database)
            model.load(files)
            assert stored_lines(database, "true") == model.stored
            assert stored_lines(database, "not is_withdrawn") == model.standing


def create(database: Path) -> None:
    def columns(types: dict[str, str]) -> str:
        return ", ".join(f"{name} {kind}" for name, kind in types.items())

    with duckdb.connect(str(database)) as connection:
        connection.execute("create schema raw_retail; use raw_retail")
        own = "_dlt_load_id varchar"
        key = "primary key (invoice, line_number)"
        connection.execute(f"create table transactions ({columns_sql(TRANSACTIONS)}, {own}, {key})")
        connection.execute(f"create table quarantine ({columns(QUARANTINE)}, {own})")
        connection.execute(f"create table loads ({columns(LOADS)}, {own})")
        connection.execute("create table _dlt_loads (load_id varchar, status bigint)")
        connection.execute("insert into _dlt_loads values ('1', 0)")


def load_without_dlt(folder: Path, database: Path) -> None:
    """What dlt does with a load, in two statements."""
    scratch = open_scratch(folder.parent)
    landed = land_files(scratch, TRANSACTIONS, folder, database, folder.parent, lambda text: None)
    ((_, lines),) = landed.tables
    with duckdb.connect(str(database)) as connection:
        for table, target in ((lines, "transactions"), (landed.loads, "loads")):
            rows = scratch.execute(f"select *, '1' as _dlt_load_id from {table}").to_arrow_table()
            connection.register("rows", rows)
            upsert = "or replace" if target == "transactions" else ""
            connection.execute(f"insert {upsert} into raw_retail.{target} by name from rows")
    scratch.close()


def stored_lines(database: Path, which: str) -> Counter[str]:
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute(
            f"select stock_code, line_number, {which} from raw_retail.transactions order by 2"
        ).fetchall()
    assert [number for _, number, _ in rows] == list(range(1, len(rows) + 1))
    return Counter(code for code, _, is_told in rows if is_told)
