"""Compares identity resolution with Splink's clustering, networkx and plain SQL.

    python benchmarks/identity.py --links 1000000 10000000 --repeat 3

End to end: from a table of links with text values (member ids, SHA-256 in hex, UUIDs) to a stored
map of (id_type, id_value, cluster), including the checkpoint. Every run is a separate process that
first runs on two links, so that imports and loading machine code are not timed (the latter is
printed). All methods must return the same partition, except "with rules", which divides clusters.

"Our graph" is the product's graph with its constraints, node_id and collision check, with input and
output code of this benchmark; its memory is outside of DuckDB, which therefore has a lower limit.
"Our resolve, SQL" is the function that the product's model calls, with the map written by plain
SQL. Plain SQL are the product's macros for engines without Python. None of them includes the other
work of the models (history, one_ids, confidences).

"With rules" also stores edges and components. On these, batches of new links and a withdrawal are
resolved incrementally by the product's `resolve`; the result must equal a full run.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import duckdb
from identity_parts.batches import measure_batches, timed
from identity_parts.contenders import BATCHES, CONTENDERS, OURS, OURS_WITH_RULES, rehearse
from identity_parts.links import generate
from rich.console import Console
from rich.table import Table

MOST_FOR_NETWORKX = 1_000_000
TINY = 20_000

# Identical for identical partitions, independent of cluster ids.
_SIGNATURE = """
    with ids as (select hash(id_type, id_value) as id, cluster_id from out.map),
    parts as (
        select cluster_id, bit_xor(id) as name, count(*) as size from ids group by cluster_id
    )
    select count(*), count(distinct name), max(size), bit_xor(hash(id, name))::varchar
    from ids inner join parts using (cluster_id)
"""


def connect(folder: Path, memory_limit: str) -> duckdb.DuckDBPyConnection:
    """Opens the links, read-only, and a database `out` for the result."""
    connection = duckdb.connect()
    connection.execute(f"set threads = 2; set memory_limit = '{memory_limit}'")
    # A stream is produced in parallel only with a buffer.
    connection.execute("set streaming_buffer_size = '64MB'")
    # Checkpoints are timed separately.
    connection.execute("set wal_autocheckpoint = '1TB'")
    connection.execute(f"set temp_directory = '{folder / 'spilled'}'")
    connection.execute(f"attach '{folder / 'links.duckdb'}' as given (read_only)")
    connection.execute(f"attach '{folder / 'out.duckdb'}' as out")
    connection.execute("create view links as select rowid, * from given.links")
    return connection


def child(task: str, folder: Path, memory_limit: str) -> dict[str, Any]:
    """Runs one task; returns its seconds, peak memory and other results."""
    loading = timed(lambda: rehearse(task))
    with connect(folder, memory_limit) as connection:
        if task == "signature":
            row = connection.execute(_SIGNATURE).fetchone()
            assert row
            return {"identifiers": row[0], "clusters": row[1], "largest": row[2], "bits": row[3]}
        if task == BATCHES:
            size = min(10_000, int(connection.table("links").shape[0]) // 10)
            measured: dict[str, Any] = measure_batches(connection, size)
            return measured
        try:
            seconds = timed(lambda: CONTENDERS[task](connection))
            checkpoint = timed(lambda: connection.execute("checkpoint out"))
        except duckdb.OutOfMemoryException:
            return {"seconds": None}
    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    return {"loading": loading, "seconds": seconds, "checkpoint": checkpoint, "peak": peak}


def run(task: str, folder: Path, memory_limit: str, **environment: str) -> dict[str, Any]:
    """Runs a task in a separate process."""
    finished = subprocess.run(
        [sys.executable, __file__, "--child", task, str(folder), "--memory-limit", memory_limit],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )
    if finished.returncode:
        sys.exit(f"{task} failed")
    found: dict[str, Any] = json.loads(finished.stdout.splitlines()[-1])
    return found


def compare(links: int, repeat: int, limits: dict[str, str], console: Console) -> None:
    """Measures all methods and prints a table.

    Args:
        links: number of links.
        repeat: runs per method.
        limits: DuckDB's memory limit of the "graph" and of the "others".
        console: where to print.
    """
    by_graph = (OURS, OURS_WITH_RULES)
    limit_of = {name: limits["graph" if name in by_graph else "others"] for name in CONTENDERS}
    names = [name for name in CONTENDERS if name != "networkx" or links <= MOST_FOR_NETWORKX]
    with tempfile.TemporaryDirectory() as given:
        folder = Path(given)
        # In a separate process: the peak memory of a child starts with that of its parent.
        made = get_context("spawn").Process(target=generate, args=(folder / "links.duckdb", links))
        made.start()
        made.join()
        if made.exitcode:
            sys.exit("generating the links failed")
        found: dict[str, list[dict[str, Any]]] = {name: [] for name in names}
        later: list[dict[str, Any]] = []
        partitions: dict[str, dict[str, Any]] = {}
        for _ in range(repeat):
            for name in names:
                for stale in folder.glob("out.duckdb*"):
                    stale.unlink()
                taken = run(name, folder, limit_of[name])
                if taken["seconds"] is None:
                    continue
                found[name].append(taken)
                partition = run("signature", folder, limits["others"])
                if partitions.setdefault(name, partition) != partition:
                    sys.exit(f"{name} returns different partitions")
                if name == OURS_WITH_RULES:
                    later.append(run(BATCHES, folder, limits["others"]))
    # A method that ran out of memory once has no comparable median.
    measured = {name: runs for name, runs in found.items() if len(runs) == repeat}
    if OURS not in measured:
        sys.exit(f"{limits['graph']} of memory is not enough for {links:,} links")
    for name, partition in partitions.items():
        if name != OURS_WITH_RULES and partition != partitions[OURS]:
            sys.exit(f"{name} returns {partition}, ours {partitions[OURS]}")
    seconds = {
        name: statistics.median(each["seconds"] + each["checkpoint"] for each in runs)
        for name, runs in measured.items()
    }
    shape = partitions[OURS]
    table = Table(
        "way", "seconds", "times ours", "peak GiB", "DuckDB's limit", "clusters",
        title=f"{links:,} links, {shape['identifiers']:,} identifiers, "
        f"largest component {shape['largest']:,}, median of {repeat}",
    )  # fmt: skip
    for name, runs in found.items():
        if name not in measured:
            table.add_row(name, "out of memory")
            continue
        table.add_row(
            name,
            f"{seconds[name]:.2f}",
            f"{seconds[name] / seconds[OURS]:.2f}",
            f"{statistics.median(each['peak'] for each in runs) / 2**30:.2f}",
            limit_of[name],
            f"{partitions[name]['clusters']:,}",
        )
    console.print(table)
    if OURS_WITH_RULES in measured:
        print_batches(measured[OURS_WITH_RULES], later, console)


def print_batches(
    full_runs: list[dict[str, Any]], later: list[dict[str, Any]], console: Console
) -> None:
    """Prints the times of batches relative to the full run, without and with the checkpoint."""
    full = statistics.median(each["seconds"] for each in full_runs)
    full_checkpoint = statistics.median(each["checkpoint"] for each in full_runs)
    steps = Table(
        "against the stored result", "seconds", "full is times", "checkpoint", "both: times",
        "of it",
        title=f"with rules; full took {full:.2f} and {full_checkpoint:.2f} for its checkpoint",
    )  # fmt: skip
    for name in later[0]:
        laps = {lap: statistics.median(each[name][lap] for each in later) for lap in later[0][name]}
        checkpoint = laps.pop("checkpoint")
        total = sum(laps.values())
        steps.add_row(
            name,
            f"{total:.2f}",
            f"{full / total:.1f}",
            f"{checkpoint:.2f}",
            f"{(full + full_checkpoint) / (total + checkpoint):.1f}",
            ", ".join(f"{lap} {took:.2f}" for lap, took in laps.items()),
        )
    console.print(steps)


def first_compile(console: Console, memory_limit: str) -> None:
    """Prints the time to compile on the first run, and to load the cached code on the next."""
    with tempfile.TemporaryDirectory() as given, tempfile.TemporaryDirectory() as cache:
        generate(Path(given) / "links.duckdb", 2_000)
        took = []
        for _ in range(2):
            for stale in Path(given).glob("out.duckdb*"):
                stale.unlink()
            took.append(
                run(OURS_WITH_RULES, Path(given), memory_limit, NUMBA_CACHE_DIR=cache)["loading"]
            )
    console.print(
        f"Machine code: {took[0]:.1f} s to compile on the first run, "
        f"{took[1]:.1f} s to load on the next"
    )


def main() -> None:
    """Parses the arguments and measures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--links", type=int, nargs="+", default=[1_000_000, 10_000_000])
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--memory-limit", default="4GiB", help="DuckDB's, of the other methods")
    parser.add_argument("--graph-memory-limit", default="256MiB", help="DuckDB's, of our graph")
    parser.add_argument("--tiny", action="store_true", help="runs some seconds, for CI")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        task, folder = arguments.child
        print(json.dumps(child(task, Path(folder), arguments.memory_limit)))
        return
    if min(arguments.links) < 100 or arguments.repeat < 1:
        parser.error("at least 100 links and 1 run are needed")
    console = Console()
    first_compile(console, arguments.memory_limit)
    limits = {"graph": arguments.graph_memory_limit, "others": arguments.memory_limit}
    for links in [TINY] if arguments.tiny else arguments.links:
        compare(links, 1 if arguments.tiny else arguments.repeat, limits, console)


if __name__ == "__main__":
    main()
