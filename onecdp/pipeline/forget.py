"""Forget: erases a person, in steps that can be interrupted and continued.

First comes everything that needs the person's values, in one transaction, which also records that
the erasure is unfinished. The rest needs none of them: build, rewrite the private file, publish.
The same command, given again, finds the tombstone of the identifier and that record, and continues.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import duckdb

from onecdp.destinations import erased
from onecdp.erasure import files, tables
from onecdp.erasure.person import Pair, Person, find, read_identifier, seeds_naming
from onecdp.erasure.rules import TableRules, read_rules
from onecdp.erasure.tables import Removal
from onecdp.errors import OnecdpError
from onecdp.identity.personal import hashed_identifier
from onecdp.pipeline.build import build_tables
from onecdp.pipeline.context import Context
from onecdp.pipeline.identifier_columns import identifier_columns
from onecdp.pipeline.publish import Published, online_stores, publish_marts
from onecdp.project import dbt_packages, seeds
from onecdp.project.dbt import Dbt
from onecdp.project.find import Project
from onecdp.project.ingestion import Ingestion, load_ingestion
from onecdp.project.nodes import Scope
from onecdp.project.personal_data import read_personal_data
from onecdp.serving.places import Stores
from onecdp.warehouse.files import connect
from onecdp.warehouse.identifiers import read_id_types, split_identifier


@dataclass(frozen=True)
class Plan:
    """What an erasure takes away.

    Attributes:
        identifiers: All of the person's; empty where an erasure is only finished.
        removals: What becomes of which tables.
        data_files: Files that brought the person; they are the user's and hold the person still.
        deliveries: Destinations that have the person until the next delivery there removes them,
            as `PKG001 to shop_db`.
    """

    identifiers: tuple[Pair, ...] = ()
    removals: tuple[Removal, ...] = ()
    data_files: tuple[str, ...] = ()
    deliveries: tuple[str, ...] = ()


@dataclass(frozen=True)
class Forgotten:
    """What was done.

    Attributes:
        status: `planned`, `erased`, `finished` (an erasure that was interrupted) or `already`.
        plan: What went.
        leftovers: Columns with values of the person that neither the build nor a rule clears.
        published: The published file; None if it wasn't replaced.
    """

    status: str
    plan: Plan
    leftovers: tuple[str, ...] = ()
    published: Published | None = None


def forget(
    context: Context,
    text: str,
    *,
    confirm: Callable[[Plan], bool],
    as_of: date | None = None,
) -> Forgotten:
    """Erases the person who has the identifier `text`.

    Args:
        context: The project and its warehouse.
        text: The identifier, as `ID_TYPE:VALUE`.
        confirm: Is given the plan; returning False leaves everything as it is.
        as_of: The as-of date, the last day included; None leaves it to dbt_project.yml.

    Raises:
        OnecdpError: Nobody has the identifier, or a step failed; the same call continues there.
    """
    with context.lock("onecdp forget"):
        return _forget(context, text, confirm, as_of)


def _forget(
    context: Context, text: str, confirm: Callable[[Plan], bool], as_of: date | None
) -> Forgotten:
    project, progress = context.project, context.progress
    file = project.warehouse.build_file
    if not file.is_file():
        raise OnecdpError(f"{file} isn't there; run `onecdp run` first")
    # Before anything is erased: an invalid seed would stop the build at the end half-way.
    seeds.check(project.folder)
    stores = online_stores(project)
    for place in stores.all:
        place.check()
    ingestion = load_ingestion(project.folder)
    erasure = ingestion.erasure
    dbt_packages.ensure(project, progress)
    rules = read_rules(Dbt(project, progress).manifest())
    try:
        with connect(file, read_only=False) as private:
            id_type, value = read_identifier(private, _hashed(private, project, text))
            identifier = (id_type, erasure.normalise(id_type, value))
            person = _find(private, identifier)
            if (
                person
                and not person.one_ids
                and erasure.is_erased(private, project.warehouse.folder, *identifier)
            ):
                # Erased before; the tables of the last build still have it.
                person = None
            if missing := tables.undeclared(private, rules):
                raise OnecdpError(
                    f"{', '.join(missing)}: declare an action under meta.forget in the YAML"
                    " (docs/erasure.md). Nothing was erased"
                )
            if person is None:
                plan, status = Plan(), _status(private, project, erasure, identifier)
                if status == "already":
                    return Forgotten(status, plan)
            else:
                if named := seeds_naming(project.folder, person, erasure.normalise, rules):
                    raise OnecdpError(
                        f"{'; '.join(named)}: contains an identifier of this person; delete the"
                        " line and run again. Nothing was erased"
                    )
                status = "erased"
                plan = _take_out(private, project, person, rules, ingestion, confirm, stores)
                if not plan.removals:
                    return Forgotten("planned", plan)
    except (erasure.KeyProblem, ingestion.pipelines.IngestError) as error:
        raise OnecdpError(str(error)) from error
    return _finish(context, Forgotten(status, plan), person, rules, as_of, stores)


def _hashed(private: duckdb.DuckDBPyConnection, project: Project, text: str) -> str:
    """The identifier with the hash in place of a plain e-mail address or phone number."""
    try:
        known = read_id_types(private)
    except duckdb.CatalogException:
        return text
    id_type, value = split_identifier(text)
    personal = read_personal_data(project.folder, os.environ)
    return ":".join(hashed_identifier(id_type, value, personal, known)) if id_type else text


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
            f"nobody has the {id_type} {value!r}; list the known identifiers with `onecdp sql"
            ' --private "select * from marts.id_map"`'
        )
    return "finished" if tables.is_unfinished(private) else "already"


def _take_out(
    private: duckdb.DuckDBPyConnection,
    project: Project,
    person: Person,
    rules: Sequence[TableRules],
    ingestion: Ingestion,
    confirm: Callable[[Plan], bool],
    stores: Stores,
) -> Plan:
    """Does what needs the person's values; the plan has no removals if it was not confirmed."""
    erasure = ingestion.erasure
    private.execute("set TimeZone = 'UTC'")
    private.execute("begin")
    recent = _read_recent(private, project, person)
    raw = erasure.erase_raw(private, ingestion.pipelines.tables(), person.identifiers)
    removals = [Removal(r.table, r.what, r.rows) for r in raw]
    removals += tables.erase(private, person, rules)
    held = erased.find_held(project.warehouse, person.one_ids)
    plan = Plan(
        identifiers=person.identifiers,
        removals=tuple(removals),
        data_files=tuple(sorted({file for r in raw for file in r.files})),
        deliveries=tuple(f"{each.label} to {each.destination}" for each in held),
    )
    if not confirm(plan):
        private.execute("rollback")
        return replace(plan, removals=())
    erasure.set_tombstones(private, project.warehouse.folder, person.identifiers)
    tables.set_unfinished(private)
    # Before the commit, because a later command doesn't know the values to look for.
    values = [value for _, value in person.identifiers]
    files.clean(project, [*values, *person.one_ids])
    _take_out_online(project, person, recent, stores)
    # After the live state, of which no event is refused any more.
    erased.mark_erased(project.warehouse, person.one_ids)
    private.execute("commit")
    return plan


def _is_nobodys(_: Pair) -> bool:
    """Without a build, nothing is known to be a placeholder."""
    return False


@dataclass(frozen=True)
class _Recent:
    """The person's loaded tickets, and which identifiers are nobody's."""

    tickets: frozenset[str] = frozenset()
    is_blocked: Callable[[Pair], bool] = _is_nobodys


def _read_recent(private: duckdb.DuckDBPyConnection, project: Project, person: Person) -> _Recent:
    """What an erasure from the live state has to know of the warehouse, if there is one."""
    if not project.warehouse.live_file.exists():
        return _Recent()
    from onecdp.serving.batch_state import read_batch_state
    from onecdp.serving.batch_tickets import loaded_tickets_of

    columns = identifier_columns(project.folder, "support", "tickets")
    tickets = loaded_tickets_of(private, columns, person.identifiers)
    batch = read_batch_state(private)
    return _Recent(frozenset(tickets), batch.is_blocked if batch else _is_nobodys)


def _take_out_online(project: Project, person: Person, recent: _Recent, stores: Stores) -> None:
    def from_stores() -> None:
        for place in stores.all:
            place.erase(person.identifiers, person.one_ints)

    if not project.warehouse.live_file.exists():
        from_stores()
        return
    from onecdp.live.state import LiveState

    state = LiveState(project.warehouse.live_file)
    try:
        state.erase(
            person.identifiers, person.one_ids, from_stores, recent.tickets, recent.is_blocked
        )
    finally:
        state.close()


def _finish(
    context: Context,
    done: Forgotten,
    person: Person | None,
    rules: Sequence[TableRules],
    as_of: date | None,
    stores: Stores,
) -> Forgotten:
    """Does what needs no values: build, rewrite the private file, publish."""
    built = build_tables(context, Scope.ALL, as_of=as_of)
    if not built.ok:
        raise OnecdpError(
            f"the person was erased from the raw tables, but the build failed: {built.failures[0]};"
            " readers still see the old marts. Fix it, then run this again"
        )
    warehouse = context.warehouse
    with connect(warehouse.build_file, read_only=False) as private:
        tables.prune(private, rules)
        leftovers = tables.find_leftovers(private, person) if person else ()
    context.progress.update("forget: rewriting the private file")
    files.rewrite(warehouse)
    published = publish_marts(warehouse, rewrite=True, stores=stores)
    if not leftovers:
        with connect(warehouse.build_file, read_only=False) as private:
            tables.set_finished(private)
    return Forgotten(done.status, done.plan, leftovers, published)


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
        "deliveries": list(done.plan.deliveries),
        "leftovers": list(done.leftovers),
        "published": str(done.published.file) if done.published else None,
    }
