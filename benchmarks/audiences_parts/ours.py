"""Bitmaps of onecdp: resident, and read from a DuckDB table each time."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import duckdb

from audiences_parts.data import LEAST, Data
from onecdp.audiences.bitmaps import load_bitmaps, to_numpy
from onecdp.audiences.build import Tag, build_bitmaps
from onecdp.audiences.build_numbers import build_numbers
from onecdp.audiences.estimate import estimate
from onecdp.audiences.evaluate import Sets, count, evaluate
from onecdp.audiences.numbers import load_numbers
from onecdp.audiences.overlap import overlaps
from onecdp.audiences.rules import leaves, parse
from onecdp.audiences.store import Store

ROOT = Path(__file__).resolve().parents[2]

RULES = {
    "and": "t0 AND t1",
    "or": "t0 OR t1",
    "and not": "t0 AND NOT t1",
    "five-way rule": "(t0 OR t1) AND (t2 OR t3) AND NOT t4",
    "comparison": f"spent >= {LEAST * 100}",
    "tag and comparison": f"t0 AND spent >= {LEAST * 100}",
}
EXPORT = "t0 OR t1 OR t2 OR t3 OR t4"
WHY = 1_711


class Ours:
    """Builds and holds the bitmaps."""

    def __init__(self, data: Data) -> None:
        """Builds the bitmaps once, and stores them in a DuckDB table."""
        self._data = data
        self._tags = [Tag(number, f"t{number}", "drawn") for number in range(data.tags)]
        self.table = build_bitmaps([data.long], self._tags)
        numbers = build_numbers([data.wide.select(["one_int", "spent"])])
        self._duckdb = duckdb.connect()
        self._duckdb.register("built", self.table)
        self._duckdb.register("numbers", numbers)
        self._duckdb.execute("create table bitmaps as from built")
        self._duckdb.execute("create table slices as from numbers")
        self._sets = self._load(f"t{n}" for n in range(data.tags))
        self.bytes = sum(len(blob) for blob in self.table.column("user_bitmap").to_pylist())

    def resident(self) -> Mapping[str, Callable[[], int]]:
        """The work on bitmaps in memory."""
        return {
            "build": self.build,
            **{name: self._counted(rule) for name, rule in RULES.items()},
            "all pairs": self.pairs,
            "export of members": lambda: len(to_numpy(evaluate(parse(EXPORT), self._sets))),
            "why: the tags of a customer": self.why,
        }

    def stored(self) -> Mapping[str, Callable[[], int]]:
        """The same, with the bitmaps read from the table each time."""
        return {
            **{name: self._read_and_counted(rule) for name, rule in RULES.items()},
            "export of members": lambda: len(
                to_numpy(evaluate(parse(EXPORT), self._load(f"t{n}" for n in range(5))))
            ),
        }

    def estimate(self) -> tuple[float, float]:
        """Returns the seconds of an estimate, warm, and of the command, from a published file."""
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "marts.duckdb"
            with duckdb.connect(file) as marts:
                marts.register("built", self.table)
                marts.execute("create table audience_bitmaps as from built")
                marts.register("slices", self._duckdb.table("slices").to_arrow_table())
                marts.execute(
                    "create table audience_numbers as select * replace ('monetary' as number_name)"
                    " from slices;"
                    "insert into audience_bitmaps select 'all_customers', 'all', user_bitmap,"
                    " user_count from audience_numbers where slice = -1;"
                    "create table audience_package_summary"
                    " (package_id varchar, segment_rule varchar, error varchar);"
                    "create table customer_consents (one_id varchar)"
                )
            store = Store(file)
            rule = f"({RULES['five-way rule']}) OR monetary >= {LEAST * 100}"
            estimate(store, rule)
            start = time.perf_counter()
            estimate(store, rule)
            called = time.perf_counter() - start
            words = [sys.executable, "-m", "onecdp", "audience", "estimate", rule]
            start = time.perf_counter()
            subprocess.run(
                [*words, "--warehouse", folder], check=True, capture_output=True, cwd=ROOT
            )
            return called, time.perf_counter() - start

    def build(self) -> int:
        """Builds the bitmaps, and returns the memberships."""
        built = build_bitmaps([self._data.long], self._tags)
        return sum(built.column("user_count").to_pylist())

    def pairs(self) -> int:
        """Compares all pairs, and returns the customers that they share in total."""
        return sum(overlaps(self.table).column("both_count").to_pylist())

    def why(self) -> int:
        """Returns how many tags a customer has."""
        return sum(WHY in members for members in self._sets.tags.values())

    def _counted(self, rule: str) -> Callable[[], int]:
        return lambda: count(parse(rule), self._sets)

    def _read_and_counted(self, rule: str) -> Callable[[], int]:
        def read() -> int:
            expression = parse(rule)
            names = [getattr(leaf, "name", None) for leaf in leaves(expression)]
            return count(expression, self._load((n for n in names if n), "spent" in rule))

        return read

    def _load(self, tags: Iterable[str], with_numbers: bool = True) -> Sets:
        rows = self._duckdb.execute(
            "select segment_tag, user_bitmap from bitmaps where list_contains($1, segment_tag)",
            [list(tags)],
        ).fetchall()
        sets = Sets(load_bitmaps(rows))
        if with_numbers:
            slices = "select number_name, slice, decimals, base, user_bitmap from slices"
            sets.numbers = load_numbers(self._duckdb.execute(slices).fetchall())
        return sets
