"""What loading files costs: rates of CSV and JSON lines, and a day's file against stored rows.

    python benchmarks/ingest.py
    python benchmarks/ingest.py --rows 400000 --against 839922e

Every load is an `onecdp ingest` in a process of its own, into a warehouse of its own, in a project
as `onecdp init` makes it. Seconds are those that the command reports of its source, medians of
`--repeat` runs; memory is the highest peak of the process.

    csv, jsonl   events of an app in one file, beside DuckDB's read of the same file into a table of
                 a file, and beside the code of another commit
    day          a file of 1,000 new events where 1, 2 and 4 times as many are stored; the ids are
                 random, so that no order of theirs helps
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import duckdb
from days_parts.report import Findings, Goal, Measured
from days_parts.running import Finished, Line, apart, measure, worktrees
from rich.console import Console

FORMATS = ("csv", "jsonl")
ROWS_A_DAY = 1_000
GOAL_ROWS, GOAL_TIMES_DUCKDB, GOAL_TIMES_BEFORE, GOAL_DAY = 120_000, 6, 4, 1.4

# As an app writes them: two in five name an item, one in ten has no account.
_EVENTS = """
    select
        md5('event' || n) as event_id,
        md5('device' || n % 50_000)::uuid::varchar as device_id,
        if(n % 10 = 0, null, 'un_' || left(md5('union' || n % 40_000), 20)) as union_id,
        if(n % 10 = 0, null, 'op_' || left(md5('open' || n % 40_000), 20)) as open_id,
        ['page_view', 'search', 'add_cart', 'purchase'][1 + n % 4] as event_type,
        ['home', 'search', 'product', 'cart'][1 + n % 4] as page_name,
        if(n % 5 < 2, 'SKU' || lpad((n % 500)::varchar, 4, '0'), null) as item_id,
        if(n % 5 < 2, (n % 20_000 / 100)::decimal(9, 2), null) as item_price,
        if(n % 3 = 0, 'miniapp', 'app') as channel,
        if(n % 2 = 0, 'ios', 'android') as platform,
        timestamp '2024-01-01' + to_seconds(n * 37 % 60_000_000) as event_time,
        's' || n // 7 as session_id
    from range({first}, {first} + {count}) as numbers(n)
"""
_WRITE = {"csv": "(format csv, header)", "jsonl": "(format json)"}
_READ = {"csv": "read_csv", "jsonl": "read_json"}

_DUCKDB = """
import duckdb, json, sys, time
file, database, read = sys.argv[1:]
with duckdb.connect(database) as connection:
    connection.execute("set threads = 2; set enable_progress_bar = false")
    started = time.perf_counter()
    connection.execute(f"create table events as from {read}('{file}')")
    connection.execute("checkpoint")
    print(json.dumps(time.perf_counter() - started))
"""


@dataclass(frozen=True)
class Bench:
    """Where and how everything is measured.

    Attributes:
        folder: For data and warehouses.
        ours: This code's project.
        before: The other commits' projects, by commit.
        repeat: How many runs a median is of.
        is_tiny: Whether it is too little for goals.
        findings: What was measured so far.
    """

    folder: Path
    ours: Line
    before: dict[str, Line]
    repeat: int
    is_tiny: bool
    findings: Findings


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=400_000, help="of the files")
    parser.add_argument("--stored", type=int, default=1_000_000,
                        help="events before the day's file; then 2 and 4 times that")  # fmt: skip
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--against", action="append", default=[], metavar="COMMIT",
                        help="the same files with the code of this commit, too")  # fmt: skip
    parser.add_argument("--tiny", action="store_true", help="some seconds' work, for CI")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    if options.tiny:
        options.rows, options.stored, options.repeat = 2_000, 1_000, 1
    if min(options.rows, options.stored, options.repeat) < 1:
        parser.error("at least one row and one run are needed")

    with tempfile.TemporaryDirectory(prefix="ingest-") as scratch:
        folder = Path(scratch)
        with worktrees(options.against, folder) as trees:
            bench = Bench(
                folder=folder,
                ours=_project(folder / "project"),
                before={
                    commit: _project(folder / f"project-{n}", tree)
                    for n, (commit, tree) in enumerate(trees.items())
                },
                repeat=options.repeat,
                is_tiny=options.tiny,
                findings=Findings(),
            )
            for kind in FORMATS:
                measure_file(bench, kind, options.rows)
            measure_day(bench, options.stored)
    if options.json:
        print(json.dumps(bench.findings.document()))
        return
    bench.findings.print(Console(width=120))


def measure_file(bench: Bench, kind: str, rows: int) -> None:
    """One file of events: this code, DuckDB and the other commits in turns."""
    data = bench.folder / kind
    file = apart(_write, data, kind, 0, rows)
    ours: list[Finished] = []
    duck: list[Finished] = []
    before: dict[str, list[Finished]] = {commit: [] for commit in bench.before}
    for no in range(bench.repeat):
        ours.append(_load(bench.ours, data, bench.folder / f"{kind}-{no}", rows))
        duck.append(_duckdb(file, bench.folder / f"{kind}-{no}.duckdb", _READ[kind]))
        for place, (commit, line) in enumerate(bench.before.items()):
            warehouse = bench.folder / f"{kind}-{no}-{place}"
            before[commit].append(_load(line, data, warehouse, rows))
    work = f"{rows:,} events"
    measured = _add(bench, kind, work, ours)
    rate = rows / measured.seconds
    goal = None if bench.is_tiny else GOAL_ROWS
    bench.findings.goals.append(Goal(f"{kind}: rows/s", rate, goal))
    read = _add(bench, kind, "DuckDB reads the file", duck)
    _compare(bench, measured, read, GOAL_TIMES_DUCKDB, at_least=False)
    for commit, runs in before.items():
        then = _add(bench, kind, f"{work} at {commit}", runs)
        _compare(bench, then, measured, GOAL_TIMES_BEFORE)


def measure_day(bench: Bench, stored: int) -> None:
    """A day's file where ever more events are stored."""
    data, warehouse = bench.folder / "history", bench.folder / "history-warehouse"
    held, days = 0, 0
    measured: list[Measured] = []
    for times in (1, 2) if bench.is_tiny else (1, 2, 4):
        count = times * stored - held
        apart(_write, data, "csv", held, count, f"history_{times}")
        _load(bench.ours, data, warehouse, count)
        held += count
        runs = []
        for _ in range(bench.repeat):
            days += 1
            # Far behind all of the history.
            apart(_write, data, "csv", 10**9 + days * ROWS_A_DAY, ROWS_A_DAY, f"day_{days}")
            runs.append(_load(bench.ours, data, warehouse, ROWS_A_DAY))
        measured.append(_add(bench, "day", f"{ROWS_A_DAY:,} events where {held:,} are", runs))
    for more in measured[1:]:
        _compare(bench, more, measured[0], GOAL_DAY, at_least=False)


def _add(bench: Bench, scenario: str, work: str, runs: Sequence[Finished]) -> Measured:
    return bench.findings.add(scenario, work, runs, has_stages=False)


def _compare(
    bench: Bench, one: Measured, other: Measured, goal: float, *, at_least: bool = True
) -> None:
    bench.findings.compare(one, other, None if bench.is_tiny else goal, at_least=at_least)


def _project(folder: Path, code: Path | None = None) -> Line:
    """A project of the given code; loading needs no dbt packages."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    environment = {} if code is None else {"PYTHONPATH": str(code)}
    command = [sys.executable, "-m", "onecdp", "init", folder.name]
    measure(command, folder.parent, environment=environment)
    return Line(folder, code)


def _write(data: Path, kind: str, first: int, count: int, name: str = "events") -> Path:
    file = data / "app" / f"{name}.{kind}"
    file.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute("set enable_progress_bar = false")
        connection.execute(
            f"copy ({_EVENTS.format(first=first, count=count)}) to '{file}' {_WRITE[kind]}"
        )
    return file


def _load(line: Line, data: Path, warehouse: Path, rows: int) -> Finished:
    """Loads what is new, and checks how much that is."""
    run = line.onecdp("ingest", "--data", str(data), "--warehouse", str(warehouse),
                      "--source", "app", "--json")  # fmt: skip
    (app,) = (source for source in run.document["sources"] if source["source"] == "app")
    if app["rows_loaded"] != rows:
        sys.exit(f"{app['rows_loaded']} of {rows} rows were loaded")
    return replace(run, seconds=app["seconds"])


def _duckdb(file: Path, database: Path, read: str) -> Finished:
    command = [sys.executable, "-c", _DUCKDB, str(file), str(database), read]
    run = measure(command, file.parent)
    return replace(run, seconds=float(run.printed))


if __name__ == "__main__":
    main()
