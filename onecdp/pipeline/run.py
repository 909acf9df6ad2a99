"""The daily job: dbt packages, ingest, build with its tests, publish."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from onecdp.erasure.tables import is_unfinished
from onecdp.identity.report import count_ids
from onecdp.pipeline.build import build_tables
from onecdp.pipeline.context import Context
from onecdp.pipeline.ingest import Delivery, IngestReport, check, load
from onecdp.pipeline.publish import Published, publish_marts
from onecdp.pipeline.unchanged import PublishedBuild, find_current, note_published
from onecdp.pipeline.unreported import count_since_published
from onecdp.project import dbt_packages, seeds
from onecdp.project.dbt_report import NOTHING_BUILT, BuildReport
from onecdp.warehouse.files import Warehouse, connect
from onecdp.warehouse.schemas import MARTS, SEEDS


@dataclass(frozen=True)
class Audience:
    """An audience and how many customers its package has."""

    package_id: str
    package_name: str
    segment_rule: str
    customers: int


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
        published: The published file; None when the build failed.
        seconds: Wall time per stage.
        current: The build that is published, where nothing has changed since; then dbt did not run
            and `build` counts no node.
    """

    ingest: IngestReport
    build: BuildReport
    customers: int
    new_one_ids: int
    merged_one_ids: int
    split_one_ids: int
    refused_links: int
    audiences: Sequence[Audience]
    published: Published | None
    seconds: dict[str, float]
    current: PublishedBuild | None = None


def run(
    context: Context,
    data: Path | None = None,
    *,
    as_of: date | None = None,
    full_refresh: bool = False,
    withdraw_missing: bool = False,
) -> RunReport:
    """Does the daily job: dbt packages, ingest, build with its tests, publish.

    A failed build is reported, not raised; nothing is published then.

    Args:
        context: The project and its warehouse.
        data: A folder with a folder per source; None loads the project's sample.
        as_of: The as-of date, the last day included; None leaves it to dbt_project.yml.
        full_refresh: Rebuild the incremental models from the raw tables.
        withdraw_missing: As for `ingest`.

    Raises:
        OnecdpError: A stage couldn't start, such as for wrong data, an invalid seed or a locked
            warehouse.
    """
    delivery = check(context.project, data, withdraw_missing=withdraw_missing)
    with context.lock("onecdp run"):
        return _run(context, delivery, as_of, full_refresh)


def _run(context: Context, delivery: Delivery, as_of: date | None, full_refresh: bool) -> RunReport:
    project, progress, warehouse = context.project, context.progress, context.warehouse
    clock = _Clock()
    if is_interrupted := _erasure_is_unfinished(warehouse):
        progress.note("an erasure was interrupted: run the same `onecdp forget` again to finish it")
    # Before anything is loaded, so that an invalid seed changes nothing.
    seeds.check(project.folder)
    dbt_packages.ensure(project, progress)
    before = count_ids(warehouse)
    clock.lap("deps")
    loaded = load(context, delivery)
    ingested = replace(loaded, sources=count_since_published(warehouse, loaded.sources))
    clock.lap("ingest")
    current = None if full_refresh or is_interrupted else find_current(context, as_of)
    if current:
        progress.note("build: nothing has changed since the published build; skipped")
        built = NOTHING_BUILT
    else:
        built = build_tables(context, as_of=as_of, full_refresh=full_refresh)
    after = count_ids(warehouse)
    audiences = _read_audiences(warehouse) if built.ok else ()
    clock.lap("build")
    published = current.published if current else None
    if built.ok and not current:
        # Last, so that stopping the command at any moment before its end publishes nothing.
        progress.update("publish: writing the marts")
        published = publish_marts(warehouse)
        if published.notice:
            progress.note(published.notice)
        note_published(context, as_of, published)
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
        published=published,
        seconds=clock.laps,
        current=current,
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
            "select a.package_id, a.package_name, a.segment_rule, count(p.one_id)"
            f" from {SEEDS}.audiences as a"
            f" left join {MARTS}.audience_packages as p on a.package_id = p.package_id"
            " group by all order by a.package_id"
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
