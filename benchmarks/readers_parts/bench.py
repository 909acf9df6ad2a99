"""What every reader is measured with."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from days_parts.report import Findings
from days_parts.running import Finished, measure

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests" / "python"

_LOAD = """
import json, sys, time
from pathlib import Path
from ingestion.pipelines import load
started = time.perf_counter()
(report,) = load(Path(sys.argv[1]), Path(sys.argv[2]), lambda _: None, sources=[sys.argv[3]])
seconds = time.perf_counter() - started
assert not report.refused, report.refused
print(json.dumps({"rows": report.rows_read, "seconds": seconds}))
"""


@dataclass(frozen=True)
class Bench:
    """Where and how everything is measured.

    Attributes:
        folder: For data, servers and warehouses.
        rows: Of the largest table or topic.
        repeat: How many runs a median is of.
        is_tiny: Whether it is too little for goals.
        findings: What was measured so far.
    """

    folder: Path
    rows: int
    repeat: int
    is_tiny: bool
    findings: Findings

    def goal(self, value: float) -> float | None:
        """A goal, where the work is large enough to have one."""
        return None if self.is_tiny else value

    def run(
        self, code: str, *arguments: str, settings: Mapping[str, str] | None = None
    ) -> Finished:
        """Runs Python code that prints its `rows` and `seconds` as JSON, in a process of its own.

        The seconds are those that it printed: without imports and the start of Python.
        """
        paths = {"PYTHONPATH": f"{ROOT}:{TESTS}", "HOME": str(self.folder), **(settings or {})}
        run = measure([sys.executable, "-c", code, *arguments], self.folder, environment=paths)
        return replace(run, seconds=run.document["seconds"])

    def load(self, warehouse: Path, source: str, settings: Mapping[str, str]) -> Finished:
        """Loads a source from its live readers into a warehouse."""
        data = self.folder / "no-files"
        data.mkdir(exist_ok=True)
        return self.run(_LOAD, str(data), str(warehouse), source, settings=settings)


Reader = Callable[[Bench], None]
"""Measures one reader, into the findings."""
