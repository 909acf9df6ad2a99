"""Compares audience bitmaps with plain SQL, in one process.

    python benchmarks/audiences.py --customers 1000000 --tags 50

Each customer has each tag with a probability of 8 %. Times are medians of five runs; peak memory is
that of the process so far.
"""

from __future__ import annotations

import argparse
import resource
import statistics
import sys
import time
from collections.abc import Callable

import duckdb
import numpy as np
import pyarrow as pa
from rich.console import Console
from rich.table import Table

from onecdp.audiences.bitmaps import build_bitmaps, count, load_bitmaps
from onecdp.audiences.rules import parse
from onecdp.audiences.sql_functions import register

RUNS = 5
SHARE = 0.08
TINY = (2_000, 5)


def memberships(customers: int, tags: int) -> pa.Table:
    """Draws which customer has which tag, deterministically, ordered by customer."""
    rng = np.random.default_rng(20)
    carried = [np.flatnonzero(rng.random(customers) < SHARE) + 1 for _ in range(tags)]
    one_int = np.concatenate(carried)
    code = np.repeat(np.arange(tags), [len(members) for members in carried])
    order = np.argsort(one_int, kind="stable")
    names = pa.array([f"tag_{number:03}" for number in range(tags)])
    return pa.table({"segment_tag": names.take(pa.array(code[order])), "one_int": one_int[order]})


def measure(work: Callable[[], object]) -> tuple[float, float]:
    """Returns the median seconds of the runs, and the peak memory of the process in GB."""
    seconds = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    return statistics.median(seconds), peak


def main() -> None:
    """Measures, checks that both methods return the same counts, and prints the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--tags", type=int, default=50)
    parser.add_argument("--tiny", action="store_true", help="a second's work, for CI")
    arguments = parser.parse_args()
    customers, tags = TINY if arguments.tiny else (arguments.customers, arguments.tags)
    if customers < 1 or tags < 2:
        parser.error("at least 1 customer and 2 tags are needed")

    connection = duckdb.connect()
    register(connection)
    rows = memberships(customers, tags)
    connection.execute("create table memberships as from rows")
    built = build_bitmaps(rows)
    connection.execute("create table bitmaps as from built")
    loaded = load_bitmaps(built)
    rule = parse("tag_000 AND tag_001")
    join = """
        select count(*) from memberships as a inner join memberships as b using (one_int)
        where a.segment_tag = 'tag_000' and b.segment_tag = 'tag_001'
    """
    function = """
        select bitmap_and_count(a.user_bitmap, b.user_bitmap) from bitmaps as a, bitmaps as b
        where a.segment_tag = 'tag_000' and b.segment_tag = 'tag_001'
    """
    pairs = """
        select sum(bitmap_and_count(a.user_bitmap, b.user_bitmap)) from bitmaps as a
        inner join bitmaps as b on a.segment_tag < b.segment_tag
    """
    lists = "create or replace table lists as select segment_tag, list(one_int) from memberships"

    def sql(query: str) -> int:
        return int(connection.execute(query).fetchall()[0][0])

    if not count(rule, loaded) == sql(join) == sql(function):
        raise SystemExit("the ways of counting disagree")
    work: list[tuple[str, Callable[[], object]]] = [
        ("build: build_bitmaps, from Arrow", lambda: build_bitmaps(rows)),
        (
            "build: build_bitmaps, from a DuckDB table",
            lambda: build_bitmaps(connection.table("memberships").to_arrow_reader()),
        ),
        ("build: SQL list() per tag", lambda: connection.execute(f"{lists} group by all")),
        ("count of two tags: bitmaps in memory", lambda: count(rule, loaded)),
        ("count of two tags: bitmap_and_count in SQL", lambda: sql(function)),
        ("count of two tags: SQL join", lambda: sql(join)),
        (f"all {tags * (tags - 1) // 2:,} pairs: bitmap_and_count in SQL", lambda: sql(pairs)),
    ]
    table = Table(title=f"{customers:,} customers, {tags} tags, {rows.num_rows:,} memberships")
    table.add_column("work")
    table.add_column("median ms", justify="right")
    table.add_column("peak GB so far", justify="right")
    for name, call in work:
        seconds, peak = measure(call)
        table.add_row(name, f"{seconds * 1000:,.3f}", f"{peak:.2f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
