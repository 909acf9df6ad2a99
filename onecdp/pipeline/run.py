"""The daily job: dbt packages, ingest, build with its tests, publish."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date

from onecdp.erasure.tables import is_unfinished
from onecdp.identity.report import count_ids
from onecdp.pipeline.audit import compare_tables, read_later_events
from onecdp.pipeline.build import build_tables
from onecdp.pipeline.context import Context
from onecdp.pipeline.ingest import Delivery, IngestReport, check, load
from onecdp.pipeline.last_build import LastBuild, describe_build, note_audit, read_last_build
from onecdp.pipeline.plan import Plan, plan_run
from onecdp.pipeline.publish import Published, online_stores, publish_marts
from onecdp.pipeline.unreported import count_since_published
from onecdp.project import dbt_packages, seeds
from onecdp.project.data import Data
from onecdp.project.dbt_report import NOTHING_BUILT, BuildReport
from onecdp.project.nodes import Scope
from onecdp.warehouse.files import Warehouse, connect
from onecdp.warehouse.schemas import MARTS


@dataclass(frozen=True)
class Audience:
    """An audience, how many customers its package has, and why it has failed if it has."""

    package_id: str
    package_name: str
    segment_rule: str
    customers: int
    error: str | None


@dataclass(frozen=True)
class RunReport:
    """What a run did.

    Attributes:
        ingest: What was loaded; its rows are all since the last published run, which a run that
            was killed may not have reported.
        build: What dbt did.
        customers: one_ids with an active identifier, after the run.
        new_one_ids: one_ids minted by this run.
        merged_one_ids: one_ids that were merged into others during this run.
        split_one_ids: one_ids that identifiers left for another one during this run.
        refused_links: Links that a constraint stops, after the run: `id_link_rejections`.
        audiences: Every audience of the seed, empty ones too.
        as_of: The as-of date of the build; None when it failed.
        later_events: Events after it, which count nowhere.
        published: The published file; None when the build failed.
        seconds: Wall time per stage; `parse` is dbt's start and its reading of the project,
            `audit` the comparison of incremental tables.
        plan: What was built, and why.
        unchanged_since: The last build, if nothing has changed since; then dbt did not run and
            `build` counts no node.
    """

    ingest: IngestReport
    build: BuildReport
    customers: int
    new_one_ids: int
    merged_one_ids: int
    split_one_ids: int
    refused_links: int
    audiences: Sequence[Audience]
    as_of: date | None
    later_events: int
    published: Published | None
    seconds: dict[str, float]
    plan: Plan
    unchanged_since: LastBuild | None


def run(
    context: Context,
    data: Data | None = None,
    *,
    as_of: date | None = None,
    full_refresh: bool = False,
    audit: bool = False,
    withdraw_missing: bool = False,
) -> RunReport:
    """Does the daily job: dbt packages, ingest, build with its tests, publish.

    A failed build is reported, not raised; nothing is published then.

    Args:
        context: The project and its warehouse.
        data: A folder with a folder per source, or the URL of one; None loads the project's sample.
        as_of: The as-of date, the last day included; None leaves it to dbt_project.yml.
        full_refresh: Rebuild the incremental models from the raw tables.
        audit: Build everything, ask all tests and compare the incremental tables, not only once a
            week.
        withdraw_missing: As for `ingest`.

    Raises:
        OnecdpError: A stage couldn't start, such as for wrong data, an invalid seed or a locked
            warehouse.
    """
    delivery = check(context.project, data, withdraw_missing=withdraw_missing)
    with context.lock("onecdp run"):
        return _run(context, delivery, as_of, full_refresh, audit)


def _run(
    context: Context, delivery: Delivery, as_of: date | None, full_refresh: bool, audit: bool
) -> RunReport:
    project, progress, warehouse = context.project, context.progress, context.warehouse
    clock = _Clock()
    if is_interrupted := _erasure_is_unfinished(warehouse):
        progress.note("an erasure was interrupted: run the same `onecdp forget` again to finish it")
    # Before anything is loaded, so that an invalid seed changes nothing.
    seeds.check(project.folder)
    stores = online_stores(project)
    dbt_packages.ensure(project, progress)
    before = count_ids(warehouse)
    clock.lap("deps")
    loaded = load(context, delivery)
    ingested = replace(loaded, sources=count_since_published(warehouse, loaded.sources))
    clock.lap("ingest")
    # One reading for the plan and for the note of what was built: a file that is edited in between
    # would be noted as built.
    began = describe_build(context, as_of)
    if full_refresh or audit:
        # A full refresh leaves nothing to compare: all rows are made of all rows.
        plan = Plan(Scope.ALL, "asked for", is_audit=not full_refresh)
    elif is_interrupted:
        plan = Plan(Scope.ALL, "an erasure is unfinished")
    else:
        plan = plan_run(context, began)
    if plan.nodes is None:
        progress.note("build: nothing has changed since the last build; skipped")
        built, unchanged_since = NOTHING_BUILT, read_last_build(warehouse)
    else:
        unchanged_since = None
        built = build_tables(context, plan.nodes, began, as_of=as_of, full_refresh=full_refresh)
    clock.lap("build")
    clock.divide("build", "parse", built.seconds)
    if plan.is_audit and built.ok:
        built = built.with_findings(compare_tables(context, is_new=True))
        if built.ok:
            note_audit(warehouse)
        clock.lap("audit")
    after = count_ids(warehouse)
    audiences = _read_audiences(warehouse) if built.ok else ()
    built_as_of, later_events = read_later_events(warehouse) if built.ok else (None, 0)
    published = None
    if built.ok:
        # Last, so that stopping the command at any moment before its end publishes nothing.
        progress.update("publish: writing the marts that differ")
        published = publish_marts(warehouse, stores=stores)
        if published.notice:
            progress.note(published.notice)
    clock.lap("publish")
    return RunReport(
        ingest=ingested,
        build=built,
        customers=after.customers,
        new_one_ids=after.minted - before.minted,
        merged_one_ids=after.merged - before.merged,
        split_one_ids=after.split - before.split,
        refused_links=after.refused_links,
        audiences=audiences,
        as_of=built_as_of,
        later_events=later_events,
        published=published,
        seconds=clock.laps,
        plan=plan,
        unchanged_since=unchanged_since,
    )


def _erasure_is_unfinished(warehouse: Warehouse) -> bool:
    """Whether `onecdp forget` was interrupted."""
    if not warehouse.build_file.is_file():
        return False
    with connect(warehouse.build_file, read_only=True) as private:
        return is_unfinished(private)


def _read_audiences(warehouse: Warehouse) -> tuple[Audience, ...]:
    """Reads the audiences of the private file with their sizes, ordered by package_id."""
    with connect(warehouse.build_file, read_only=True) as private:
        rows = private.execute(
            "select package_id, package_name, segment_rule, customer_count, error"
            f" from {MARTS}.audience_package_summary order by package_id"
        ).fetchall()
    return tuple(Audience(*row) for row in rows)


class _Clock:
    """Wall time per stage."""

    def __init__(self) -> None:
        self.laps: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        now = time.perf_counter()
        self.laps[name] = round(now - self._last, 2)
        self._last = now

    def divide(self, lap: str, rest: str, seconds: float) -> None:
        """Keeps `seconds` of a lap, and counts what is left of it as the lap `rest` before it."""
        whole = self.laps.pop(lap)
        self.laps[rest] = round(max(0.0, whole - seconds), 2)
        self.laps[lap] = round(min(whole, seconds), 2)
