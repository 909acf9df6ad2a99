"""What a run has to build: everything, what new rows, seeds or the date change, or nothing.

What differs from what the last build was made of (`last_build`) decides how much is built; what
can't be told apart from a change counts as one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import yaml

from onecdp.destinations.receipts import has_new_receipts
from onecdp.pipeline.context import Context
from onecdp.pipeline.last_build import NODE_STATUS, Build, builders, describe_build, read_build
from onecdp.project.nodes import ChangedSeeds, Nodes, Scope
from onecdp.warehouse.files import connect
from onecdp.warehouse.schemas import AUDIT

AUDIT_INTERVAL = timedelta(days=7)
"""How long a run trusts the last audit, which asks all tests and compares incremental tables."""

_DBT_RAN = "dbt ran since the last build of onecdp"
_GOOD = ("success", "pass", "warn", "no-op")


@dataclass(frozen=True)
class Plan:
    """What a run builds.

    Attributes:
        nodes: Which nodes; None builds nothing.
        reason: Why, in a few words.
        is_audit: Whether the incremental tables are compared with what their models make of all
            rows, too.
    """

    nodes: Nodes | None
    reason: str
    is_audit: bool = False


def plan_run(context: Context, now: Build) -> Plan:
    """Returns what a run has to build.

    Args:
        context: The project and its warehouse.
        now: What a build would be made of; the build that follows is to note the same.
    """
    with connect(context.warehouse.build_file, read_only=True) as private:
        last = read_build(private)
        if last is None:
            reason = "the first build, or the last one did not end well"
            return Plan(Scope.ALL, reason, is_audit=not now.is_first)
        is_left = builders(private) == last.built_by and not _has_bad_node(private)
        is_stale = _is_stale(private)
    if not is_left:
        plan = Plan(Scope.ALL, _DBT_RAN)
    elif missing := _missing_selectors(context.project.folder):
        plan = Plan(Scope.ALL, f"selectors.yml has no {missing[0]}")
    else:
        plan = plan_from(last, now)
    # Also where the clock went back, or no audit would be due until it has caught up.
    age = datetime.now(UTC) - last.audited_at if last.audited_at else None
    if age is None or not timedelta(0) <= age <= AUDIT_INTERVAL:
        reason = plan.reason if plan.nodes is Scope.ALL else "the weekly audit is due"
        return Plan(Scope.ALL, reason, is_audit=True)
    if plan.nodes is None and has_new_receipts(context.warehouse):
        return Plan(Scope.NEW_DATE, "only deliveries were made")
    if plan.nodes is None and is_stale:
        return Plan(Scope.NEW_DATE, "nothing has come for longer than a freshness rule allows")
    return plan


def plan_from(last: Build, now: Build) -> Plan:
    """Returns what has to be built after a build that ended well, and left no older test behind."""
    if now.code != last.code:
        return Plan(Scope.ALL, "a model, a setting or the library has changed")
    seeds = sorted(name for name in now.seeds if now.seeds[name] != last.seeds.get(name))
    if seeds:
        changed = f"{' and '.join(seeds)} {'has' if len(seeds) == 1 else 'have'} changed"
        if now.raw != last.raw or now.as_of != last.as_of:
            return Plan(Scope.ALL, f"{changed}, and rows or the date")
        return Plan(ChangedSeeds(seeds), f"only {changed}")
    if now.raw != last.raw:
        return Plan(Scope.NEW_ROWS, "rows were loaded or erased")
    if now.as_of != last.as_of:
        return Plan(Scope.NEW_DATE, "only the date has changed")
    return Plan(None, "nothing has changed")


def changed_since_build(context: Context) -> str | None:
    """Returns what a build would have to take in besides the date, in a few words; None if nothing.

    Also None if that isn't known, since dbt alone has built. A dbt command since the last build may
    have been for another date.
    """
    with connect(context.warehouse.build_file, read_only=True) as private:
        last = read_build(private)
        if last is None:
            return None
        if last.built_by != builders(private):
            return _DBT_RAN
    plan = plan_from(last, replace(describe_build(context, None), as_of=last.as_of))
    return plan.reason if plan.nodes is not None else None


def _missing_selectors(project: Path) -> list[str]:
    """The selectors of a smaller build that the project lacks, such as one of an older version."""
    file = project / "selectors.yml"
    content = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else None
    names = {selector.get("name") for selector in (content or {}).get("selectors", ())}
    return [s.value for s in Scope if s is not Scope.ALL and s.value not in names]


def _has_bad_node(private: duckdb.DuckDBPyConnection) -> bool:
    row = private.execute(
        f"select count(*) from {NODE_STATUS} where not list_contains($1, status)", [list(_GOOD)]
    ).fetchone()
    return bool(row and row[0])


def _is_stale(private: duckdb.DuckDBPyConnection) -> bool:
    """Whether what a freshness rule allowed in the last build is too old by now."""
    try:
        row = private.execute(
            "select count(*)"
            f" from {AUDIT}.data_quality where rule = 'newest_age' and verdict = 'pass'"
            f" and run_id = (select max_by(run_id, checked_at) from {AUDIT}.data_quality)"
            " and value + epoch(now() - checked_at) / 86400 > at_most"
        ).fetchone()
    except duckdb.CatalogException:
        # A project that was made before onecdp had data quality tests.
        return False
    return bool(row and row[0])
