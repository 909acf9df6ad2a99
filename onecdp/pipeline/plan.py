"""What a run has to build: everything, what new rows, seeds or the date change, or nothing.

A build depends on the raw tables, the project's files, the library and the as-of date. Every build
that ended well notes a fingerprint of each. What differs at the next run decides how much of it is
built; what can't be told apart from a change counts as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import yaml

from onecdp.destinations.receipts import has_new_receipts
from onecdp.pipeline.context import Context
from onecdp.project.dbt import ChangedSeeds, Nodes, Scope
from onecdp.project.fingerprint import digest, read_code
from onecdp.warehouse.files import Warehouse, connect
from onecdp.warehouse.schemas import AUDIT, RAW_ERASURE, RAW_PREFIX
from onecdp.warehouse.sql_text import quoted

AUDIT_INTERVAL = timedelta(days=7)
"""How long a run trusts the last audit, which asks all tests and compares incremental tables."""

_LAST_BUILD = f"{AUDIT}.last_build"
_NODE_STATUS = f"{AUDIT}.node_status"
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


@dataclass(frozen=True)
class LastBuild:
    """The last build that ended well.

    Attributes:
        built_at: When its last node ended (UTC).
        warnings: How many nodes warned.
    """

    built_at: datetime
    warnings: int


@dataclass(frozen=True)
class Build:
    """What a build was made of.

    Attributes:
        code: Fingerprint of the project's files, without the content of seeds, and the library.
        seeds: Fingerprint of each seed's content.
        raw: Fingerprint of the raw tables.
        as_of: The as-of date that was asked for, or the day.
        is_first: Whether there is no incremental table yet, so that it makes all of all rows.
        built_by: Which dbt commands made the tables (`builders`); None before the first build.
        built_at: When its last node ended; None before the first build (UTC).
        audited_at: When the tables were last made of all rows, or an audit compared them with
            that (UTC).
    """

    code: str
    seeds: dict[str, str]
    raw: str
    as_of: str
    is_first: bool
    built_by: str | None
    built_at: datetime | None
    audited_at: datetime | None


def plan_run(context: Context, now: Build) -> Plan:
    """Returns what a run has to build.

    Args:
        context: The project and its warehouse.
        now: What a build would be made of; the build that follows is to note the same.
    """
    with connect(context.warehouse.build_file, read_only=True) as private:
        last = _read(private)
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
        last = _read(private)
        if last is None:
            return None
        if last.built_by != builders(private):
            return _DBT_RAN
    plan = plan_from(last, replace(describe_build(context, None), as_of=last.as_of))
    return plan.reason if plan.nodes is not None else None


def read_last_build(warehouse: Warehouse) -> LastBuild | None:
    """Returns the last build, or None before the first."""
    with connect(warehouse.build_file, read_only=True) as private:
        last = _read(private)
        if last is None or last.built_at is None:
            return None
        ((warnings,),) = private.execute(
            f"select count(*) from {_NODE_STATUS} where status = 'warn'"
        ).fetchall()
    return LastBuild(last.built_at, warnings)


def describe_build(context: Context, as_of: date | None) -> Build:
    """Returns what a build that begins now is made of.

    Args:
        context: The project and its warehouse.
        as_of: As it is given to the build.
    """
    code = read_code(context.project)
    with connect(context.warehouse.build_file, read_only=True) as private:
        return Build(
            code=code.rest,
            seeds=code.seeds,
            raw=digest(*_raw_state(private)),
            as_of=str(as_of or f"today {datetime.now(UTC).date()}"),
            is_first=not _has_increments(private),
            built_by=None,
            built_at=None,
            audited_at=None,
        )


def note_build(context: Context, began: Build, *, full_refresh: bool) -> None:
    """Notes what a build that ended well was made of.

    Args:
        context: The project and its warehouse.
        began: From before the build: what changed meanwhile, midnight included, was not built.
        full_refresh: Whether it made all tables of all rows.
    """
    with connect(context.warehouse.build_file, read_only=False) as private:
        last, now = _read(private), _ended(private, began)
        is_whole = full_refresh or now.is_first
        audited_at = now.built_at if is_whole else last and last.audited_at
        private.execute(
            f"create or replace table {_LAST_BUILD} as select $1 as code,"
            " map($2::varchar[], $3::varchar[]) as seeds, $4 as raw, $5 as as_of, $6 as built_by,"
            " $7::timestamptz as built_at, $8::timestamptz as audited_at",
            [
                now.code,
                list(now.seeds),
                list(now.seeds.values()),
                now.raw,
                now.as_of,
                now.built_by,
                now.built_at,
                audited_at,
            ],
        )


def _ended(private: duckdb.DuckDBPyConnection, began: Build) -> Build:
    """A build at its end: it makes raw tables that are missing, and the lock keeps loads away."""
    (newest,) = private.execute(f"select max(finished_at) from {_NODE_STATUS}").fetchall()[0]
    raw = digest(*_raw_state(private))
    return replace(began, raw=raw, built_by=builders(private), built_at=newest)


def note_audit(warehouse: Warehouse) -> None:
    """Notes that an audit found nothing in the tables of the last build."""
    with connect(warehouse.build_file, read_only=False) as private:
        private.execute(
            f"update {_LAST_BUILD} set built_by = $1, audited_at = current_timestamp",
            [builders(private)],
        )


def _read(private: duckdb.DuckDBPyConnection) -> Build | None:
    private.execute("set TimeZone = 'UTC'")
    try:
        row = private.execute(
            f"select code, seeds, raw, as_of, built_by, built_at, audited_at from {_LAST_BUILD}"
        ).fetchone()
    except (duckdb.CatalogException, duckdb.BinderException):
        # There is none, or one by a version that noted less.
        return None
    if row is None:
        return None
    code, seeds, raw, as_of, *rest = row
    return Build(code, seeds, raw, as_of, False, *rest)


def _has_increments(private: duckdb.DuckDBPyConnection) -> bool:
    try:
        return bool(private.execute(f"select 1 from {AUDIT}.watermarks limit 1").fetchall())
    except duckdb.CatalogException:
        return False


def builders(private: duckdb.DuckDBPyConnection) -> str | None:
    """Returns which dbt commands made what is there, in one hash; None before the first.

    Another command that built or tested a node is another hash, whatever the clock says.
    """
    try:
        commands = private.execute(
            f"select distinct invocation_id from {_NODE_STATUS} order by all"
        ).fetchall()
    except duckdb.CatalogException:
        return None
    return digest(*(str(command) for (command,) in commands))


def _missing_selectors(project: Path) -> list[str]:
    """The selectors of a smaller build that the project lacks, such as one of an older version."""
    file = project / "selectors.yml"
    content = yaml.safe_load(file.read_text(encoding="utf-8")) if file.is_file() else None
    names = {selector.get("name") for selector in (content or {}).get("selectors", ())}
    return [s.value for s in Scope if s is not Scope.ALL and s.value not in names]


def _has_bad_node(private: duckdb.DuckDBPyConnection) -> bool:
    row = private.execute(
        f"select count(*) from {_NODE_STATUS} where not list_contains($1, status)", [list(_GOOD)]
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


def _raw_state(private: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """The loads of every source, and how many identifiers were erased; loading adds to both."""
    private.execute("set TimeZone = 'UTC'")
    tables = private.execute(
        "select schema_name, table_name from duckdb_tables()"
        " where starts_with(schema_name, $1) and table_name = 'loads'"
        " or schema_name = $2 and table_name = 'tombstones' order by all",
        [RAW_PREFIX, RAW_ERASURE],
    ).fetchall()
    for schema, table in tables:
        name = f"{quoted(schema)}.{quoted(table)}"
        newest = "max(loaded_at)" if table == "loads" else "null"
        yield f"{name} {private.execute(f'select count(*), {newest} from {name}').fetchone()}"
