"""Runs dbt in this process: its events become progress, its results one report.

Importing dbt takes seconds, so it is imported when the first command needs it.
"""

from __future__ import annotations

import builtins
import json
import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from onecdp.errors import OnecdpError
from onecdp.project import seeds
from onecdp.project.find import Project
from onecdp.project.progress import Progress
from onecdp.warehouse.files import connect, explain

_CLASS = re.compile(r"^(?:[A-Za-z_]\w*\.)*(?P<name>[A-Z]\w*): ")


@dataclass(frozen=True)
class Finding:
    """A node that failed or warned, and why.

    Attributes:
        node: Its name, such as `not_null_id_map_one_id`.
        status: `error`, `fail` or `warn`.
        reason: One line.
        rows: How many rows a test found; None for what is no test of data.
        compiled: The SQL that ran, where dbt wrote it.
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
        failures: What failed; what was skipped because of it isn't listed.
        warnings: What warned: it is published, and somebody should look at it.
    """

    models: Counts
    tests: Counts
    failures: tuple[Finding, ...]
    warnings: tuple[Finding, ...]

    @property
    def ok(self) -> bool:
        """Whether nothing failed."""
        return not self.failures


class Dbt:
    """One dbt runner for a project, for the time of one command."""

    def __init__(self, project: Project, progress: Progress) -> None:
        """Doesn't import dbt yet.

        Args:
            project: Where dbt runs.
            progress: Told about each node.
        """
        self._project = project
        self._progress = progress
        self._total = 0
        self._done = 0

    def invoke(self, *args: str, options: Sequence[str] = ()) -> Any:
        """Runs a dbt command and returns what `dbtRunner` gives.

        dbt's own words go to the project's logs/dbt.log, none of them to the terminal.
        """
        from dbt.cli.main import dbtRunner

        folder = str(self._project.folder)
        runner = dbtRunner(callbacks=[self._on_event])
        quiet = [
            "--log-level",
            "none",
            "--log-level-file",
            "debug",
            "--no-print",
            "--log-path",
            f"{folder}/logs",
        ]
        where = ["--project-dir", folder, "--profiles-dir", folder]
        before = os.environ.get("ONECDP_WAREHOUSE")
        # profiles.yml finds the warehouse by this; dbt reads it from the process.
        os.environ["ONECDP_WAREHOUSE"] = str(self._project.warehouse.folder)
        try:
            return runner.invoke([*quiet, *args, *where, *options])
        finally:
            # Whatever comes next in this process may mean another project.
            del os.environ["ONECDP_WAREHOUSE"]
            if before is not None:
                os.environ["ONECDP_WAREHOUSE"] = before
            _let_go()

    def manifest(self) -> Any:
        """Parses the project and returns dbt's Manifest.

        Raises:
            OnecdpError: dbt cannot parse the project.
        """
        self._progress.update("reading the project")
        answer = self.invoke("parse")
        if answer.exception is not None:
            raise OnecdpError(f"dbt: {self._reason(str(answer.exception))}") from answer.exception
        return answer.result

    def build(self, *, as_of: date | None, full_refresh: bool) -> BuildReport:
        """Builds everything and tests the data.

        dbt's unit tests look at the SQL, not at the data, so they are for those who change it:
        `dbt build` and `dbt test` run them.

        Args:
            as_of: The day that recency is counted to; None leaves it to dbt_project.yml.
            full_refresh: Rebuild incremental models from the raw tables.

        Raises:
            OnecdpError: dbt couldn't start, such as for a mistake in a model, a seed that can't be
                meant, a held warehouse or one without raw tables.
        """
        # dbt would find a held file only after it has read the whole project, and say of absent
        # raw tables once per staging model that there is no such table.
        if not has_raw_tables(self._project.warehouse.build_file):
            raise OnecdpError("nothing was ingested yet; run `onecdp ingest` first")
        seeds.check(self._project.folder)
        options = ["--exclude-resource-type", "unit_test"]
        if as_of:
            options += ["--vars", json.dumps({"as_of_date": as_of.isoformat()})]
        if full_refresh:
            options.append("--full-refresh")
        self._progress.update("build: reading the project")
        answer = self.invoke("build", options=options)
        if isinstance(answer.exception, KeyboardInterrupt):
            raise answer.exception
        if answer.exception is not None:
            raise OnecdpError(f"dbt: {self._reason(str(answer.exception))}") from answer.exception
        return self._report(answer.result.results)

    def _report(self, results: Sequence[Any]) -> BuildReport:
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
                failures.append(self._finding(result, status))
            elif outcome == "warned":
                warnings.append(self._finding(result, status))
        return BuildReport(Counts(**models), Counts(**tests), tuple(failures), tuple(warnings))

    def _finding(self, result: Any, status: str) -> Finding:
        compiled = getattr(result.node, "compiled_path", None)
        return Finding(
            node=result.node.name,
            status=status,
            reason=self._reason(result.message or "no reason given; see logs/dbt.log"),
            rows=result.failures,
            compiled=self._project.folder / compiled if compiled else None,
        )

    def _reason(self, message: str) -> str:
        """The part of dbt's message that a user can act upon, in one line."""
        if "Could not set lock" in message:
            return explain(message, self._project.warehouse.build_file)
        if "Traceback (most recent call last)" in message:
            return last_exception(message)
        lines = [line.strip() for line in message.splitlines() if line.strip()]
        # "Runtime Error in model x (models/x.sql)" repeats what stands before the reason.
        if len(lines) > 1 and re.match(r"(Runtime|Database|Compilation) Error in ", lines[0]):
            lines = lines[1:]
        return " ".join(lines)[:600]

    def _on_event(self, event: Any) -> None:
        name = event.info.name
        if name == "ConcurrencyLine":
            self._total, self._done = event.data.node_count, 0
        elif name == "NodeStart":
            node = event.data.node_info
            count = f" {self._done + 1}/{self._total}" if self._total else ""
            self._progress.update(f"build{count}: {node.resource_type} {node.node_name}")
        elif name == "NodeFinished":
            self._done += 1
            if event.data.run_result.status in ("error", "fail"):
                self._progress.note(
                    f"build: {event.data.run_result.status} {event.data.node_info.node_name}"
                )


def has_raw_tables(file: Path) -> bool:
    """Whether ingestion wrote into the private file, be it empty tables."""
    if not file.is_file():
        return False
    with connect(file, read_only=True) as private:
        row = private.execute(
            "select count(*) from duckdb_tables()"
            " where schema_name like 'raw@_%' escape '@' and table_name = 'loads'"
        ).fetchone()
    return bool(row and row[0])


def last_exception(message: str) -> str:
    r"""The message of the exception that a traceback ends with, in one line.

    >>> last_exception('Traceback (most recent call last):\n  File "m.py"\nValueError: no tag')
    'no tag'
    """
    lines = message.rstrip().splitlines()
    # dbt indents what it quotes; the exception stands where the word Traceback does.
    start = next(n for n, line in enumerate(lines) if line.lstrip().startswith("Traceback"))
    indent = len(lines[start]) - len(lines[start].lstrip())
    quoted = [line[indent:] for line in lines[start:]]
    frame = max((n for n, line in enumerate(quoted) if line.startswith("  File ")), default=0)
    said = [line for line in quoted[frame + 1 :] if line and not line.startswith(" ")]
    reason = " ".join(" ".join(said or quoted[-1:]).split())
    raised = _CLASS.match(reason)
    # Ours and ValueError are for the user; of a KeyError the name says more than the message.
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


def _let_go() -> None:
    """Closes the DuckDB file, which dbt keeps open for as long as the process lives."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import cleanup_connections, reset_adapters

    cleanup_connections()
    DuckDBConnectionManager.close_all_connections()
    reset_adapters()
