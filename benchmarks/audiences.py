"""Compares audience bitmaps with ClickHouse and plain SQL, on the same data in one process.

    python benchmarks/audiences.py --customers 10000000 --tags 50

Each customer has each tag with a probability of 8.3 %. Times are medians of five runs, or of
fewer that took 5 s; all ways of counting must return the same. ClickHouse needs `pip install chdb`.
The work is:

    and, or, and not       how many customers two tags select
    five-way rule          (t0 OR t1) AND (t2 OR t3) AND NOT t4
    comparison             spent >= 250, of bit-sliced numbers or of a column
    export of members      the one_ints of t0 OR … OR t4, as an array or Arrow table
    rules                  --rules rules of five leaves over all tags, to bytes; ours, in a process
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from audiences_parts.clickhouse import ClickHouse
from audiences_parts.data import draw
from audiences_parts.many import many_rules, peak
from audiences_parts.ours import Ours
from audiences_parts.sql import Sql
from rich.console import Console
from rich.table import Table

RUNS = 5
LONG = 5.0
TINY = (2_000, 6, 20)


@dataclass(frozen=True)
class Measured:
    """The medians of several runs: seconds on the clock and of all processors, and the result."""

    seconds: float
    processor: float
    found: int


def measure(work: Callable[[], int]) -> Measured:
    """Runs the work several times; what takes long less often."""
    seconds: list[float] = []
    processor: list[float] = []
    while len(seconds) < RUNS and sum(seconds) < LONG:
        start, used = time.perf_counter(), time.process_time()
        found = work()
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return Measured(statistics.median(seconds), statistics.median(processor), found)


def memory_speed(customers: int) -> float:
    """Bytes a second that numpy adds up with one processor, of an array that no cache holds."""
    values = np.ones(min(5 * customers, 64_000_000), dtype=np.uint64)
    return values.nbytes / measure(lambda: int(values.sum())).processor


def main() -> None:
    """Measures, checks that all ways return the same, and prints the times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--tags", type=int, default=50)
    parser.add_argument("--rules", type=int, default=1_000)
    parser.add_argument("--ours", action="store_true", help="nothing but onecdp")
    parser.add_argument("--tiny", action="store_true", help="a second's work, for CI")
    arguments = parser.parse_args()
    customers, tags, rules = (
        TINY if arguments.tiny else (arguments.customers, arguments.tags, arguments.rules)
    )
    if customers < 1 or tags < 6:
        parser.error("at least 1 customer and 6 tags are needed")
    console = Console(width=120)
    data = draw(customers, tags)
    before = peak()
    ours = Ours(data)
    built = peak()
    ways: dict[str, Mapping[str, Callable[[], int]]] = {
        "onecdp, resident": ours.resident(),
        "onecdp, from table": ours.stored(),
    }
    with tempfile.TemporaryDirectory() as folder:
        if not arguments.ours:
            sql = Sql(data)
            ways |= {"DuckDB, long": sql.long(), "DuckDB, wide": sql.wide()}
            try:
                clickhouse = ClickHouse(data, Path(folder))
                ways |= {
                    "ClickHouse bitmaps": clickhouse.bitmaps(),
                    "ClickHouse MergeTree": clickhouse.stored(),
                    "ClickHouse, wide": clickhouse.wide(),
                }
            except ImportError:
                console.print("without ClickHouse: chdb is not installed (pip install chdb)")
        measured: dict[str, dict[str, Measured]] = {}
        for name in ways["onecdp, resident"]:
            row = {way: measure(work[name]) for way, work in ways.items() if name in work}
            measured[name] = row
            # A line each, since the whole can take long.
            console.print(name, {way: f"{cell.seconds * 1000:,.3f}" for way, cell in row.items()})
            if len({cell.found for cell in row.values()}) != 1:
                raise SystemExit(f"{name}: the ways disagree: {row}")
    title = f"{customers:,} customers, {tags} tags"
    for what, field in (
        ("median ms", "seconds"),
        ("ms of all processors, which other work on the machine changes less", "processor"),
    ):
        table = Table("work", title=f"{title}: {what}")
        for way in ways:
            table.add_column(way, justify="right")
        for name, row in measured.items():
            cells = [
                f"{getattr(row[way], field) * 1000:,.3f}" if way in row else "" for way in ways
            ]
            table.add_row(name, *cells)
        console.print(table)
    tag_bytes, memory = ours.bytes / tags, memory_speed(customers)
    for name, read in (("and", 2 * tag_bytes), ("build", data.long.nbytes)):
        speed = read / measured[name]["onecdp, resident"].processor
        console.print(
            f"{name}: reads {read / 1e6:,.1f} MB, {speed / 1e9:.2f} GB/s: {speed / memory:.0%} of"
            f" the {memory / 1e9:.1f} GB/s that a processor reads of the memory"
        )
    called, command = ours.estimate()
    console.print(
        f"estimate: {called * 1000:,.1f} ms for the call, warm; {command:.2f} s for the command"
    )
    with tempfile.TemporaryDirectory() as folder:
        many = many_rules(ours.table, rules, Path(folder))
    members = data.long.num_rows
    console.print(
        f"{members:,} memberships, {ours.bytes / members:.2f} bytes each;"
        f" peak GB: data {before:.2f}, with bitmaps built {built:.2f}, at the end {peak():.2f}"
    )
    console.print(
        f"{rules:,} rules of five leaves: {many.seconds:.2f} s,"
        f" {many.processor:.2f} s of the processor; peak GB of their process {many.peak:.2f}"
    )


if __name__ == "__main__":
    main()
