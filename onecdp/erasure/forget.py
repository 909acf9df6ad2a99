"""`onecdp forget`: erases a person, in steps that may be interrupted at any of them.

First everything that needs to know the values, in one transaction, which leaves a note that the
rest is to be done; then the rest, which needs none: build, write the private file anew, publish.
Whoever comes again with the same identifier finds its tombstone and the note, and goes on.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from onecdp.erasure import files, tables
from onecdp.erasure.person import Pair, Person, find, seeds_naming, split
from onecdp.erasure.rules import TableRules, read_rules
from onecdp.erasure.tables import Removal
from onecdp.errors import OnecdpError
from onecdp.pipeline.publish import Published, publish
from onecdp.pipeline.stages import ingestion_code
from onecdp.project import dbt_packages as deps
from onecdp.project import seeds
from onecdp.project.dbt import Dbt
from onecdp.project.find import Project
from onecdp.project.progress import Progress
from onecdp.warehouse.files import connect


@dataclass(frozen=True)
class Plan:
    """What an erasure takes away.

    Attributes:
        identifiers: All of the person's; empty where an erasure is only finished.
        removals: What becomes of which tables.
        data_files: Files that brought the person; they are the user's and hold the person still.
    """

    identifiers: tuple[Pair, ...] = ()
    removals: tuple[Removal, ...] = ()
    data_files: tuple[str, ...] = ()


@dataclass(frozen=True)
class Forgotten:
    """What was done.

    Attributes:
        status: `planned`, `erased`, `finished` (an erasure that was interrupted) or `already`.
        plan: What went.
        leftovers: Columns that no build and no rule of ours empties, with values of the person.
        published: The published file; None if it wasn't replaced.
    """

    status: str
    plan: Plan
    leftovers: tuple[str, ...] = ()
    published: Published | None = None


def forget(
    project: Project,
    text: str,
    *,
    as_of: date | None,
    confirm: Callable[[Plan], bool],
    progress: Progress,
) -> Forgotten:
    """Erases the person whom `ID_TYPE:VALUE` names.

    Args:
        project: The project and its warehouse, held exclusively.
        text: The identifier.
        as_of: The day that the marts count to; None leaves it to dbt_project.yml.
        confirm: Is shown the plan; False leaves everything as it is.
        progress: Told what is being done.

    Raises:
        OnecdpError: Nobody is meant, or a step failed; the same command goes on from there.
    """
    file = project.warehouse.build_file
    if not file.is_file():
        raise OnecdpError(f"{file} isn't there; run `onecdp run` first")
    # The build at the end would stop at them, when the raw tables have forgotten already.
    seeds.check(project.folder)
    pipelines = ingestion_code(project)
    erasure = importlib.import_module("ingestion.erasure")
    deps.ensure(project, progress)
    with _nameless_command():
        rules = read_rules(Dbt(project, progress).manifest())
    try:
        with connect(file, read_only=False) as private:
            id_type, value = split(private, text)
            identifier = (id_type, erasure.normalise(id_type, value))
            person = _find(private, identifier)
            if missing := tables.undeclared(private, rules):
                raise OnecdpError(
                    f"{', '.join(missing)}: say under meta.forget in the YAML what `forget` does"
                    " with the column (docs/erasure.md). Nothing was erased"
                )
            if person is None:
                plan, status = Plan(), _status(private, project, erasure, identifier)
                if status == "already":
                    return Forgotten(status, plan)
            else:
                if named := seeds_naming(project.folder, person, erasure.normalise, rules):
                    raise OnecdpError(
                        f"{'; '.join(named)}: names this person and is yours to edit; delete the"
                        " line, then run this again. Nothing was erased"
                    )
                status = "erased"
                plan = _take_out(private, project, person, rules, pipelines, erasure, confirm)
                if not plan.removals:
                    return Forgotten("planned", plan)
    except erasure.KeyProblem as error:
        raise OnecdpError(str(error)) from error
    return _finish(project, Forgotten(status, plan), person, rules, as_of, progress)


def _find(private: duckdb.DuckDBPyConnection, identifier: Pair) -> Person | None:
    try:
        return find(private, identifier)
    except duckdb.CatalogException as error:
        raise OnecdpError("the last build didn't finish; run `onecdp build` first") from error


def _status(
    private: duckdb.DuckDBPyConnection, project: Project, erasure: Any, identifier: Pair
) -> str:
    if not erasure.is_erased(private, project.warehouse.folder, *identifier):
        id_type, value = identifier
        raise OnecdpError(
            f"nobody has the {id_type} {value!r}; see who is known with `onecdp sql --private"
            ' "select * from marts.id_map"`'
        )
    return "finished" if tables.is_unfinished(private) else "already"


def _take_out(
    private: duckdb.DuckDBPyConnection,
    project: Project,
    person: Person,
    rules: Sequence[TableRules],
    pipelines: Any,
    erasure: Any,
    confirm: Callable[[Plan], bool],
) -> Plan:
    """All that needs the values; without removals if it was not confirmed."""
    private.execute("set TimeZone = 'UTC'")
    private.execute("begin")
    raw = erasure.erase_raw(private, pipelines.tables(), person.identifiers)
    removals = [Removal(r.table, r.what, r.rows) for r in raw]
    removals += tables.erase(private, person, rules)
    plan = Plan(
        identifiers=person.identifiers,
        removals=tuple(removals),
        data_files=tuple(sorted({file for r in raw for file in r.files})),
    )
    if not confirm(plan):
        private.execute("rollback")
        return Plan(plan.identifiers, (), plan.data_files)
    erasure.set_tombstones(private, project.warehouse.folder, person.identifiers)
    tables.set_unfinished(private)
    # Before the commit: whoever comes after it no longer knows what to look for.
    values = [value for _, value in person.identifiers]
    files.clean(project, [*values, *person.one_ids])
    private.execute("commit")
    return plan


def _finish(
    project: Project,
    done: Forgotten,
    person: Person | None,
    rules: Sequence[TableRules],
    as_of: date | None,
    progress: Progress,
) -> Forgotten:
    """What needs no values: build, write the private file anew, publish."""
    with _nameless_command():
        built = Dbt(project, progress).build(as_of=as_of, full_refresh=False)
    if not built.ok:
        raise OnecdpError(
            f"the raw tables have forgotten the person, but the build failed: {built.failures[0]};"
            " readers still see the old marts. Put it right, then run this again"
        )
    warehouse = project.warehouse
    with connect(warehouse.build_file, read_only=False) as private:
        tables.prune(private, rules)
        leftovers = tables.find_leftovers(private, person) if person else ()
    progress.update("forget: writing the private file anew")
    files.rewrite(warehouse)
    published = publish(warehouse)
    if not leftovers:
        with connect(warehouse.build_file, read_only=False) as private:
            tables.set_finished(private)
    return Forgotten(done.status, done.plan, leftovers, published)


@contextmanager
def _nameless_command() -> Iterator[None]:
    """Keeps the identifier from dbt, which writes the command line to its log and artefacts."""
    typed = sys.argv
    sys.argv = [typed[0], "forget"]
    try:
        yield
    finally:
        sys.argv = typed


def document(done: Forgotten) -> dict[str, Any]:
    """The JSON of what was done; values only in a plan that was not carried out."""
    types: Sequence[str] = [id_type for id_type, _ in done.plan.identifiers]
    planned = [f"{t}:{v}" for t, v in done.plan.identifiers] if done.status == "planned" else []
    return {
        "status": done.status,
        "identifiers": {id_type: types.count(id_type) for id_type in sorted(set(types))},
        "planned": planned,
        "tables": [vars(removal) for removal in done.plan.removals],
        "data_files": list(done.plan.data_files),
        "leftovers": list(done.leftovers),
        "published": str(done.published.file) if done.published else None,
    }
