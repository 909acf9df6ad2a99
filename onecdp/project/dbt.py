"""Runs dbt in this process; its events become progress.

Importing dbt takes seconds, so it is imported when the first command needs it.
"""

from __future__ import annotations

import contextvars
import os
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from onecdp.errors import OnecdpError
from onecdp.project.dbt_report import BuildReport, read_results, reason_in
from onecdp.project.find import Project
from onecdp.project.fingerprint import code_fingerprint
from onecdp.project.nodes import Nodes, options_of
from onecdp.project.parsed import keep_manifest, read_manifest
from onecdp.project.progress import Progress
from onecdp.project.quality import read_quality

# dbt keeps its flags, loggers and adapters per process, and changes the working directory while it
# runs, so a process runs one dbt command at a time.
_one_at_a_time = threading.Lock()
_WAREHOUSE = "ONECDP_WAREHOUSE"


@dataclass(frozen=True)
class CompiledModel:
    """A model as dbt compiled it.

    Attributes:
        name: Its name.
        alias: The name of its table.
        unique_id: dbt's name of the node.
        sql: The compiled query.
        file: Where dbt wrote it.
    """

    name: str
    alias: str
    unique_id: str
    sql: str
    file: Path


class Dbt:
    """Runs dbt commands in a project."""

    def __init__(self, project: Project, progress: Progress) -> None:
        """Doesn't import dbt yet.

        Args:
            project: Where dbt runs.
            progress: Receives a line per node.
        """
        self._project = project
        self._progress = progress
        self._total = 0
        self._done = 0

    def invoke(
        self,
        *args: str,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
        manifest: Any = None,
    ) -> Any:
        """Runs a dbt command and returns dbt's own `dbtRunnerResult`.

        dbt logs to the project's logs/dbt.log, not to the terminal. Jinja's `env_var` sees
        `environment` and the warehouse besides this process's. With a `manifest` dbt doesn't read
        the project.
        """
        warehouse = {_WAREHOUSE: str(self._project.warehouse.folder)}
        return self._invoke(args, options, {**warehouse, **(environment or {})}, manifest)

    def _invoke(
        self,
        args: Sequence[str],
        options: Sequence[str],
        environment: Mapping[str, str],
        manifest: Any,
    ) -> Any:
        from dbt.cli.main import dbtRunner

        folder = str(self._project.folder)
        invocation = _Invocation(
            environment=environment,
            command=" ".join(["dbt", *args, *options]),
        )
        runner = dbtRunner(manifest, callbacks=[invocation.on_event, self._on_event])
        quiet = [
            "--log-level",
            "none",
            # Said, because the level of the terminal would count for the file, too.
            "--log-level-file",
            os.environ.get("DBT_LOG_LEVEL_FILE", "debug"),
            "--no-print",
            # Each time dbt writes its manifest twice, which takes longer than many a build.
            "--no-write-json",
            "--log-path",
            f"{folder}/logs",
        ]
        where = ["--project-dir", folder, "--profiles-dir", folder]
        with _one_at_a_time:
            try:
                # In a copy, so that dbt's invocation context ends with the invocation.
                context = contextvars.copy_context()
                return context.run(runner.invoke, [*quiet, *args, *where, *options])
            finally:
                _close_files()

    def manifest(self) -> Any:
        """Returns dbt's Manifest of the project, parsed if it has changed since the last time.

        Raises:
            OnecdpError: dbt cannot parse the project.
        """
        self._progress.update("reading the project")
        if kept := read_manifest(self._project):
            return kept
        code = code_fingerprint(self._project)
        # Without the warehouse: dbt parses everything again where the profile names another file,
        # so for each further warehouse, and whenever plain dbt ran before.
        answer = self._invoke(["parse"], [], {}, None)
        if _WAREHOUSE in str(answer.exception):
            # The project's profile has no default for it.
            answer = self.invoke("parse")
        if answer.exception is not None:
            raise OnecdpError(
                f"dbt: {reason_in(str(answer.exception), self._project)}"
            ) from answer.exception
        keep_manifest(self._project, answer.result, code)
        return answer.result

    def build(self, nodes: Nodes, *, as_of: date | None, full_refresh: bool) -> BuildReport:
        """Builds and tests the data.

        dbt's unit tests look at the SQL, not at the data, so they are for those who change it:
        `dbt build` and `dbt test` run them.

        Args:
            nodes: Which nodes.
            as_of: The as-of date, the last day included; None leaves it to dbt_project.yml.
            full_refresh: Rebuild incremental models from the raw tables.

        Raises:
            OnecdpError: dbt couldn't start, such as for a mistake in a model or a locked warehouse.
        """
        options = ["--exclude-resource-type", "unit_test", *options_of(nodes)]
        if full_refresh:
            options.append("--full-refresh")
        return self._report("build", options, as_of)

    def test(self, *, as_of: date | None) -> BuildReport:
        """Asks all data tests of the tables as they are; the arguments are those of `build`."""
        return self._report("test", ["--exclude-resource-type", "unit_test"], as_of)

    def compiled(self, *, as_of: date | None) -> tuple[CompiledModel, ...]:
        """Returns the incremental models in SQL, as a build compiles them that compares everything.

        Those that give no row where nothing has changed: by watermarks, or as their meta says. In
        dbt's usual style, an incremental model may write the rows of its last day each time.

        Args:
            as_of: As for `build`.
        """
        # Without the tests of these models.
        options = ["--select", "config.materialized:incremental", "--indirect-selection", "empty"]
        done = self._answer("compile", options, as_of)
        return tuple(
            CompiledModel(
                result.node.name,
                result.node.alias,
                result.node.unique_id,
                result.node.compiled_code,
                self._project.folder / result.node.compiled_path,
            )
            for result in done.results
            if result.node.language == "sql"
            and not {"watermarks", "compared"}.isdisjoint(result.node.config.meta)
        )

    def _report(self, command: str, options: Sequence[str], as_of: date | None) -> BuildReport:
        done = self._answer(command, options, as_of)
        quality = read_quality(self._project.warehouse, _invocation_id())
        target = self._project.folder / "target"
        target.mkdir(exist_ok=True)
        done.write(str(target / "run_results.json"))
        return read_results(done.results, self._project, quality, done.elapsed_time)

    def _answer(self, command: str, options: Sequence[str], as_of: date | None) -> Any:
        # Another value of a var would make dbt parse the whole project again.
        environment = {"ONECDP_AS_OF": as_of.isoformat() if as_of else ""}
        answer = self.invoke(
            command, options=options, environment=environment, manifest=self.manifest()
        )
        if isinstance(answer.exception, KeyboardInterrupt):
            raise answer.exception
        if answer.exception is not None:
            raise OnecdpError(
                f"dbt: {reason_in(str(answer.exception), self._project)}"
            ) from answer.exception
        return answer.result

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


@dataclass(frozen=True)
class _Invocation:
    """What one dbt invocation is given instead of this process's environment and command line.

    dbt has no argument for either. It copies `os.environ` into a context variable when an
    invocation starts, and `sys.argv` into its flags; profiles.yml and the artefacts are made from
    these. Both are replaced at the invocation's first event, which dbt fires before it reads
    profiles.yml and before it logs its arguments. Later events find them replaced.

    Attributes:
        environment: Variables that are added to those of the process.
        command: What logs and artefacts record as the command line.
    """

    environment: Mapping[str, str]
    command: str

    def on_event(self, _event: Any) -> None:
        from dbt.flags import get_flags
        from dbt_common.context import set_invocation_context, try_get_invocation_context

        context = try_get_invocation_context()
        if context is not None and not self.environment.items() <= context.env.items():
            set_invocation_context({**context.env, **self.environment})
        flags = get_flags()
        if getattr(flags, "INVOCATION_COMMAND", self.command) != self.command:
            # The flags are a frozen dataclass, to which dbt itself adds in this way.
            object.__setattr__(flags, "INVOCATION_COMMAND", self.command)


def _invocation_id() -> str:
    """The id of the last dbt invocation in this process."""
    from dbt_common.invocation import get_invocation_id

    return str(get_invocation_id())


def _close_files() -> None:
    """Closes the DuckDB file, which dbt keeps open for as long as the process lives."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import cleanup_connections, reset_adapters

    cleanup_connections()
    DuckDBConnectionManager.close_all_connections()
    reset_adapters()
