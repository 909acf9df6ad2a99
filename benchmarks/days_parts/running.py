"""Runs commands in processes of their own, and measures them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from multiprocessing import get_context
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

# "Published", and "published, but some rows (3) or files (4) were set aside".
PUBLISHED = (0, 3, 4)
# Linux counts in KiB, macOS in bytes.
_PER_GIB = 2**30 if sys.platform == "darwin" else 2**20


@dataclass(frozen=True)
class Finished:
    """What a command took.

    Attributes:
        seconds: Wall time.
        cpu: Seconds of all processors; of a busy machine it says more than wall time.
        peak: GiB of memory at the peak of the largest process among the command's own and those
            that it started.
        printed: Its stdout.
    """

    seconds: float
    cpu: float
    peak: float
    printed: str = field(repr=False)

    @property
    def document(self) -> dict[str, Any]:
        """The JSON that it printed last."""
        found: dict[str, Any] = json.loads(self.printed.splitlines()[-1])
        return found

    @property
    def stages(self) -> dict[str, float]:
        """Seconds per stage, of a command that printed `onecdp run --json`."""
        found: dict[str, float] = self.document["seconds"]
        return found


def measure(
    command: Sequence[str],
    folder: Path,
    *,
    accepted: Sequence[int] = (0,),
    environment: Mapping[str, str] | None = None,
) -> Finished:
    """Runs a command in `folder`.

    Raises:
        SystemExit: Its exit code is none of the accepted ones; what it printed is shown.
    """
    # A warehouse of one's own must not be built in by mistake.
    inherited = {name: value for name, value in os.environ.items() if name != "ONECDP_WAREHOUSE"}
    log = folder / ".stderr"
    with log.open("w") as errors:
        started = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True,
            env={**inherited, **(environment or {})},
        )  # fmt: skip
        assert process.stdout is not None
        printed = process.stdout.read()
        # Unlike `wait`, this gives the usage of this child alone, not of all children so far.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in accepted:
        said = f"{printed}\n{log.read_text()}"
        sys.exit(f"{' '.join(command)} ended with {process.returncode}\n{said}")
    cpu = usage.ru_utime + usage.ru_stime
    return Finished(seconds, cpu, usage.ru_maxrss / _PER_GIB, printed)


def apart(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls a function in a process of its own.

    What it holds in memory would else be counted in the peak of every command that is run later:
    a child's peak begins with what its parent holds.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(work, *args, **kwargs).result()


@contextmanager
def worktrees(commits: Sequence[str], folder: Path) -> Iterator[dict[str, Path]]:
    """The trees of commits below `folder`, while the context lasts."""
    root = Path(__file__).resolve().parents[2]
    trees = {commit: folder / "code" / str(number) for number, commit in enumerate(commits)}

    def git(*arguments: str) -> None:
        subprocess.run(["git", "worktree", *arguments], cwd=root, check=True)

    try:
        for commit, tree in trees.items():
            git("add", "--quiet", "--detach", str(tree), commit)
        yield trees
    finally:
        for tree in filter(Path.is_dir, trees.values()):
            git("remove", "--force", str(tree))


@dataclass(frozen=True)
class Line:
    """A project as `onecdp init` makes it, and the code that runs it.

    Attributes:
        project: The project's folder.
        code: The tree whose `onecdp` is run; None for the installed one.
    """

    project: Path
    code: Path | None = None

    @classmethod
    def made(cls, project: Path, code: Path | None = None) -> Line:
        """Makes the project with the given code, and its dbt packages."""
        line = cls(project, code)
        project.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "onecdp", "init", project.name]
        measure(command, project.parent, environment=line._environment)
        line.onecdp("deps")
        return line

    def onecdp(self, *arguments: str, accepted: Sequence[int] = (0,)) -> Finished:
        """Runs `onecdp` in the project."""
        return measure(
            [sys.executable, "-m", "onecdp", *arguments], self.project,
            accepted=accepted, environment=self._environment,
        )  # fmt: skip

    def run(self, warehouse: Path, data: Path | None, as_of: date, *options: str) -> Finished:
        """Does the daily job; `data` None is the sample."""
        files = [] if data is None else ["--data", str(data)]
        return self.onecdp(
            "run", *files, "--warehouse", str(warehouse), "--as-of", as_of.isoformat(), "--json",
            *options, accepted=PUBLISHED,
        )  # fmt: skip

    @property
    def _environment(self) -> dict[str, str]:
        return {} if self.code is None else {"PYTHONPATH": str(self.code)}


def median(runs: Sequence[Finished]) -> float:
    """The median of their seconds."""
    return statistics.median(run.seconds for run in runs)


def rows_loaded(run: Finished) -> int:
    """How many rows an `onecdp run --json` loaded, of all sources."""
    return sum(source["rows_loaded"] for source in run.document["sources"])
