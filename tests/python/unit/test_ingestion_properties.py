"""What must hold for any input: every CSV is read as written; the lines held are the lines told."""

from __future__ import annotations

import csv
import io
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from unittest import mock

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st
from support.ingestion import RETAIL, retail_line
from support.raw_store import RawStore

from ingestion.declaration import Column, OnRepeatedKey, TableSpec
from ingestion.landing.arrivals import BrokenRow
from ingestion.readers import csv_reader
from ingestion.readers import lines as lines_module
from ingestion.sources.crm import MEMBERS
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
@settings(max_examples=100, deadline=None)
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
@settings(max_examples=100, deadline=None)
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
    holders: dict[tuple[str, ...], set[str]] = field(default_factory=dict)

    def load(self, files: dict[str, list[str]]) -> None:
        """The invoice has the lines of the files that are new: of each as often as most have it.

        A copy of a file, of now or before, isn't new; in one load the first by name counts.
        """
        document: Counter[str] = Counter()
        for name, lines in sorted(files.items()):
            holders = self.holders.setdefault(tuple(lines), set())
            if self.files.get(name) == lines or (holders and name not in holders):
                continue
            holders.add(name)
            self.files[name] = lines
            document |= Counter(lines)
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
    with tempfile.TemporaryDirectory() as folder:
        store = RawStore(Path(folder), TRANSACTIONS)
        for files in loads:
            for file, codes in files.items():
                store.write(file, RETAIL, *(retail_line("1", code) for code in codes))
            store.load()
            model.load(files)
            assert stored_lines(store, "true") == model.stored
            assert stored_lines(store, "not is_withdrawn") == model.standing


def stored_lines(store: RawStore, which: str) -> Counter[str]:
    rows = store.query(
        f"select stock_code, line_number, {which} from raw_retail.transactions order by 2"
    )
    assert [number for _, number, _ in rows] == list(range(1, len(rows) + 1))
    return Counter(code for code, _, is_told in rows if is_told)


@dataclass(frozen=True)
class Piece:
    """A file with one row of a member; a column that is not in `cells` is not in the file."""

    member: str
    day: int
    cells: dict[str, str]

    @property
    def updated_at(self) -> str:
        return f"2024-01-{self.day:02}"

    def write(self, store: RawStore) -> None:
        header = ["member_id", "updated_at", *self.cells]
        row = [self.member, self.updated_at, *self.cells.values()]
        store.write(f"{self.member}_{self.day}.csv", ",".join(header), ",".join(row))


COLUMNS = ["real_name", "level", "channel", "nickname"]
CELLS = st.dictionaries(st.sampled_from(COLUMNS), st.sampled_from(["", "a", "b"]))
PIECES = st.lists(
    st.builds(Piece, st.sampled_from(["M1", "M2"]), st.integers(1, 20), CELLS),
    min_size=1,
    max_size=7,
    unique_by=lambda piece: (piece.member, piece.day),
)


@given(PIECES, st.randoms(use_true_random=False), st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_members_are_the_newest_word_on_each_column(
    pieces: list[Piece], chance: Random, together: int
) -> None:
    """In whatever order the files come; and what is superseded names what is newer."""
    expected = {
        (member, column): next(
            (
                piece.cells[column] or None
                for piece in sorted(pieces, key=lambda piece: -piece.day)
                if piece.member == member and column in piece.cells
            ),
            None,
        )
        for member in {piece.member for piece in pieces}
        for column in COLUMNS[:3]
    }
    chance.shuffle(pieces)
    with tempfile.TemporaryDirectory() as folder:
        store = RawStore(Path(folder), MEMBERS)
        with duckdb.connect(str(store.database)) as connection:
            connection.execute("alter table raw_crm.members add column nickname varchar")
        for start in range(0, len(pieces), together):
            for piece in pieces[start : start + together]:
                piece.write(store)
            store.load()
        rows = store.query(
            "select member_id, updated_at::date::varchar, real_name, level, channel"
            " from raw_crm.members"
        )
        superseded = store.query("select file, by_file, by_line from raw_crm.superseded")
    assert {
        (member, column): value
        for member, _, *values in rows
        for column, value in zip(COLUMNS, values, strict=False)
    } == expected
    newest = {
        member: max(p.updated_at for p in pieces if p.member == member) for member, *_ in rows
    }
    assert {member: updated_at for member, updated_at, *_ in rows} == newest
    by_name = {f"{piece.member}_{piece.day}.csv": piece for piece in pieces}
    for file, by_file, by_line in superseded:
        old, new = by_name[file], by_name[by_file]
        assert by_line == 2
        assert (new.member, new.day > old.day) == (old.member, True)
        # It differs in a column that both of them state.
        assert old.updated_at != new.updated_at
