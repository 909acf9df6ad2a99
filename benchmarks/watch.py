"""From an event to the published marts: how long `onecdp run --watch` takes, and where it goes.

    python benchmarks/watch.py
    python benchmarks/watch.py --only shop --customers 200000 --events 5

A project as `onecdp init` makes it is watched by one process. For each event a file appears in the
data folder, at another moment between two batches. Counted is from its rename until the batch that
brought it is printed; then the event must be in the published file. `waiting` is what no stage
counts: until that batch begins, or below 0 where it had begun. `cpu` are seconds of all processors,
batches without news included: of a busy machine it says more than wall time. Memory is that of the
process, after the first event and after the last.

    sample   the worked example; goal: 15 s
    shop     a generated shop; goal: 60 s at 200,000 customers
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from queue import Empty, Queue
from typing import Any

import duckdb
from days_parts.running import Line, apart
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from onecdp.generate import Rates, generate

SCENARIOS = {"sample": 15.0, "shop": 60.0}
LAST_DAYS = {"sample": date(2026, 6, 6), "shop": date(2026, 1, 11)}
TINY_CUSTOMERS, TINY_EVENTS = 500, 1
PATIENCE = 1_800.0


@dataclass(frozen=True)
class Watched:
    """What the events of one scenario took.

    Attributes:
        name: Of the scenario.
        goal: Seconds.
        seconds: Of each event, until it was published.
        stages: Seconds per stage, of each event's batch.
        cpu: Seconds of all processors, of each event.
        megabytes: Of memory, after the first event and after the last.
    """

    name: str
    goal: float
    seconds: list[float] = field(default_factory=list)
    stages: list[Mapping[str, float]] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    megabytes: list[int] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As JSON; the stages are medians."""
        stages = {s: statistics.median(each[s] for each in self.stages) for s in self.stages[0]}
        return {
            "scenario": self.name,
            "goal": self.goal,
            "median": statistics.median(self.seconds),
            "slowest": max(self.seconds),
            "cpu": statistics.median(self.cpu),
            "waiting": statistics.median(
                took - sum(each.values())
                for took, each in zip(self.seconds, self.stages, strict=True)
            ),
            "stages": stages,
            "megabytes": [self.megabytes[0], self.megabytes[-1]],
        }


class Watcher:
    """A running `onecdp run --watch`."""

    def __init__(self, process: subprocess.Popen[str], errors: Path) -> None:
        """Reads what the process prints."""
        self._process, self._errors = process, errors
        self._printed: Queue[tuple[float, str]] = Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def batch(self) -> tuple[float, dict[str, Any]]:
        """When the next batch that did something was printed, and its report.

        Raises:
            SystemExit: The process ended, or none came.
        """
        try:
            at, line = self._printed.get(timeout=PATIENCE)
        except Empty:
            line = ""
        if not line:
            sys.exit(f"no batch came\n{self._errors.read_text()}")
        report: dict[str, Any] = json.loads(line)
        if not report["published"]:
            sys.exit(f"a batch failed: {report['failures']}")
        return at, report

    @property
    def used(self) -> tuple[float, int]:
        """Seconds of all processors so far, and megabytes of memory now; Linux tells them."""
        folder = Path(f"/proc/{self._process.pid}")
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        pages = int((folder / "statm").read_text().split()[1])
        seconds = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
        return seconds, pages * os.sysconf("SC_PAGE_SIZE") // 1024**2

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._printed.put((time.monotonic(), line))
        self._printed.put((time.monotonic(), ""))


@contextmanager
def watching(
    project: Path, data: Path, warehouse: Path, every: float, today: date
) -> Iterator[Watcher]:
    """A watcher of a data folder, while the context lasts."""
    errors = project / ".stderr"
    command = [
        sys.executable, "-m", "onecdp", "run", "--watch", str(every), "--json", "--data", str(data),
        "--warehouse", str(warehouse), "--as-of", today.isoformat(),
    ]  # fmt: skip
    with errors.open("w") as log:
        process = subprocess.Popen(
            command, cwd=project, stdout=subprocess.PIPE, stderr=log, text=True
        )
    try:
        yield Watcher(process, errors)
    finally:
        process.terminate()
        process.wait()


def measure(name: str, line: Line, data: Path, events: int, every: float) -> Watched:
    """Sends events, one after the other, and waits until each is published."""
    found, today = Watched(name, SCENARIOS[name]), LAST_DAYS[name]
    warehouse = line.project.parent / f"{name}-warehouse"
    with watching(line.project, data, warehouse, every, today) as watcher:
        watcher.batch()
        # The first event finds a process that has built everything, not yet a part.
        for number in range(-1, events):
            # At any moment between two batches.
            time.sleep(every * (number % 4) / 4)
            before, _ = watcher.used
            sent = _send(data / "app", f"watched{number}", today - timedelta(days=1))
            at, report = watcher.batch()
            after, megabytes = watcher.used
            _check_published(warehouse / "marts.duckdb", f"watched{number}")
            if number >= 0:
                found.seconds.append(at - sent)
                found.stages.append(report["seconds"])
                found.cpu.append(after - before)
                found.megabytes.append(megabytes)
    return found


def _send(folder: Path, event_id: str, day: date) -> float:
    """Lets a file with one event appear as a whole; returns when."""
    arriving = folder / f".{event_id}"
    arriving.write_text(
        "event_id,device_id,event_type,channel,event_time\n"
        f"{event_id},D_WATCHED,page_view,app,{day} 10:00:00\n"
    )
    arriving.rename(folder / f"{event_id}.csv")
    return time.monotonic()


def _check_published(marts: Path, event_id: str) -> None:
    with duckdb.connect(str(marts), read_only=True) as connection:
        found = connection.execute(
            "select count(*) from unified_events where event_id = $1", [event_id]
        ).fetchall()
    if found != [(1,)]:
        sys.exit(f"{event_id} is not in the published file")


def _generate(shop: Path, customers: int) -> None:
    generate(shop, customers, 7, lambda _: None, Rates())


def show(found: list[Watched], console: Console) -> None:
    """Prints a table."""
    table = Table(box=SIMPLE_HEAD)
    columns = ["waiting", *found[0].stages[0]]
    titles = ("scenario", "seconds", "slowest", "goal", "cpu", *columns, "MB first", "MB last")
    for title in titles:
        table.add_column(title, justify="left" if title == "scenario" else "right")
    for each in found:
        told = each.document()
        seconds = {"waiting": told["waiting"], **told["stages"]}
        stages = [f"{seconds[name]:.1f}" for name in columns]
        table.add_row(
            each.name, f"{told['median']:.1f}", f"{told['slowest']:.1f}", f"{each.goal:.0f}",
            f"{told['cpu']:.1f}", *stages, *map(str, told["megabytes"]),
        )  # fmt: skip
    console.print(table)


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=SCENARIOS)
    parser.add_argument("--customers", type=int, default=200_000, help="of the shop")
    parser.add_argument("--events", type=int, default=8, help="at least one")
    parser.add_argument("--every", type=float, default=1.0, metavar="SECONDS",
                        help="from the start of a batch to that of the next")  # fmt: skip
    parser.add_argument("--tiny", action="store_true", help="a minute's work, for CI")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    if options.events < 1:
        parser.error("at least one event is needed")
    chosen = [options.only] if options.only else ["sample"] if options.tiny else list(SCENARIOS)
    if options.tiny:
        options.customers, options.events = TINY_CUSTOMERS, TINY_EVENTS
    found = []
    with tempfile.TemporaryDirectory(prefix="watch-") as scratch:
        line = Line.made(Path(scratch) / "project")
        for name in chosen:
            data = Path(scratch) / name
            if name == "sample":
                shutil.copytree(line.project / "ingestion" / "sample", data)
            else:
                apart(_generate, data, options.customers)
            found.append(measure(name, line, data, options.events, options.every))
    if options.json:
        print(json.dumps([each.document() for each in found]))
    else:
        show(found, Console(width=140))


if __name__ == "__main__":
    main()
