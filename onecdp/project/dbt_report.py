"""What a dbt run did, read from its results, with reasons that a user can act upon."""

from __future__ import annotations

import builtins
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from onecdp.project.find import Project
from onecdp.project.quality import QualityResult
from onecdp.warehouse.files import opening_problem

_CLASS = re.compile(r"^(?:[A-Za-z_]\w*\.)*(?P<name>[A-Z]\w*): ")


@dataclass(frozen=True)
class Finding:
    """A node that failed or warned, and why.

    Attributes:
        node: Its name, such as `not_null_id_map_one_id`.
        status: `error`, `fail` or `warn`.
        reason: One line.
        rows: How many rows a data test found; None for other nodes.
        compiled: The file of the SQL that ran, if dbt wrote one.
    """

    node: str
    status: str
    reason: str
    rows: int | None
    compiled: Path | None

    def __str__(self) -> str:
        """One line for the user."""
        where = f"; see {_short(self.compiled)}" if self.compiled else ""
        return f"{self.status}: {self.node}: {self.reason}{where}"


@dataclass(frozen=True)
class Counts:
    """How many nodes of a kind ended how."""

    passed: int = 0
    warned: int = 0
    failed: int = 0
    skipped: int = 0


@dataclass(frozen=True)
class BuildReport:
    """What a dbt run did.

    Attributes:
        models: Models, seeds and snapshots.
        tests: Data tests.
        failures: Nodes that failed, without those that were skipped as a consequence.
        warnings: Nodes that warned; they don't stop publishing.
        quality: What the data quality tests measured.
        seconds: Wall time of the nodes, without dbt's start and its reading of the project.
    """

    models: Counts
    tests: Counts
    failures: tuple[Finding, ...]
    warnings: tuple[Finding, ...]
    quality: tuple[QualityResult, ...] = ()
    seconds: float = 0

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures

    def with_findings(self, more: Sequence[Finding]) -> BuildReport:
        """Returns the report with further failures and warnings."""
        warnings = [finding for finding in more if finding.status == "warn"]
        failures = [finding for finding in more if finding.status != "warn"]
        return replace(
            self,
            failures=(*self.failures, *failures),
            warnings=(*self.warnings, *warnings),
        )


NOTHING_BUILT = BuildReport(Counts(), Counts(), (), ())
"""The report of a run that had nothing to build."""


def read_results(
    results: Sequence[Any],
    project: Project,
    quality: Sequence[QualityResult] = (),
    seconds: float = 0,
) -> BuildReport:
    """Returns the report of dbt's `RunResult`s, and of what data quality tests measured."""
    measured = {result.check: result for result in quality}
    models: Counter[str] = Counter()
    tests: Counter[str] = Counter()
    failures, warnings = [], []
    for result in results:
        kind = str(result.node.resource_type)
        status = str(result.status)
        outcome = _outcome(status)
        if kind == "test":
            tests[outcome] += 1
        elif kind in ("model", "seed", "snapshot"):
            models[outcome] += 1
        if outcome == "failed":
            failures.append(_finding(result, status, project, measured))
        elif outcome == "warned":
            warnings.append(_finding(result, status, project, measured))
    return BuildReport(
        models=Counts(**models),
        tests=Counts(**tests),
        failures=tuple(failures),
        warnings=tuple(warnings),
        quality=tuple(quality),
        seconds=seconds,
    )


def _finding(
    result: Any, status: str, project: Project, measured: Mapping[str, QualityResult]
) -> Finding:
    if status in ("fail", "warn") and (rule := measured.get(result.node.name)):
        return Finding(result.node.name, status, str(rule), None, None)
    compiled = getattr(result.node, "compiled_path", None)
    return Finding(
        node=result.node.name,
        status=status,
        reason=reason_in(result.message or "no reason given; see logs/dbt.log", project),
        rows=result.failures,
        compiled=project.folder / compiled if compiled else None,
    )


def reason_in(message: str, project: Project) -> str:
    """Returns the part of a dbt message that a user can act upon, in one line."""
    if "Could not set lock" in message:
        return opening_problem(message, project.warehouse.build_file)
    if "Traceback (most recent call last)" in message:
        return last_exception(message)
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    # "Runtime Error in model x (models/x.sql)" repeats what is printed before the reason.
    if len(lines) > 1 and re.match(r"(Runtime|Database|Compilation) Error in ", lines[0]):
        lines = lines[1:]
    return " ".join(lines)[:600]


def last_exception(message: str) -> str:
    r"""The message of the exception that a traceback ends with, in one line.

    >>> last_exception('Traceback (most recent call last):\n  File "m.py"\nValueError: no tag')
    'no tag'
    """
    lines = message.rstrip().splitlines()
    # dbt indents what it quotes; the exception is indented like the word Traceback.
    start = next(n for n, line in enumerate(lines) if line.lstrip().startswith("Traceback"))
    indent = len(lines[start]) - len(lines[start].lstrip())
    quoted = [line[indent:] for line in lines[start:]]
    frame = max((n for n, line in enumerate(quoted) if line.startswith("  File ")), default=0)
    said = [line for line in quoted[frame + 1 :] if line and not line.startswith(" ")]
    reason = " ".join(" ".join(said or quoted[-1:]).split())
    raised = _CLASS.match(reason)
    # Our errors and ValueError explain themselves; a KeyError's name says more than its message.
    if raised is None or (raised["name"] != "ValueError" and raised["name"] in vars(builtins)):
        return reason
    return reason[raised.end() :]


def _outcome(status: str) -> str:
    if status in ("success", "pass", "no-op"):
        return "passed"
    if status == "warn":
        return "warned"
    return "skipped" if status == "skipped" else "failed"


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
