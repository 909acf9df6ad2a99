"""The ways to take a day into the RFM state, in SQL."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path

from days_parts.report import Findings
from days_parts.running import Finished, apart, measure

from .files import connect, differences

_SCRIPT = Path(__file__).resolve().parents[1] / "rfm.py"

_EVENTS = """
    select
        (hash(i) % {customers})::integer as one_int,
        hash(i, 1) % 33 = 0 as is_return,
        date '2023-01-01' + (i * 1000 // {events})::integer as event_date,
        ((hash(i, 2) % 20000) / 100)::decimal(18, 4) as revenue
    from range({events}) as numbers (i)
"""
# One in ten is of a new customer, one in twenty happened a month before.
_DAY = """
    create table day{number} as
    select
        (case when i % 10 = 0 then {customers} + {number} * {rows} + i
            else hash(i, {number}, 7) % {customers} end)::integer as one_int,
        hash(i, {number}) % 33 = 0 as is_return,
        date '2025-09-27' + {number} - if(i % 20 = 0, 31, 0) as event_date,
        ((hash(i, {number}, 2) % 20000) / 100)::decimal(18, 4) as revenue
    from range({rows}) as numbers (i)
"""
_STATE = """
    select
        one_int,
        min(event_date) filter (not is_return) as first_purchase_date,
        max(event_date) filter (not is_return) as last_purchase_date,
        count(*) filter (not is_return) as orders,
        coalesce(sum(revenue) filter (not is_return), 0)::decimal(18, 4) as gross_revenue,
        coalesce(sum(revenue) filter (is_return), 0)::decimal(18, 4) as returned_revenue
    from {events} group by one_int
"""
_FULL = f"create or replace table state_full as {_STATE.format(events='events')}"
_TOUCHED = """
    begin;
    create temp table touched as select distinct one_int from day{number};
    create temp table recounted as {state};
    delete from {table} where one_int in (select one_int from touched);
    insert into {table} from recounted;
    commit
"""
# One join finds the rows to change; an update of them and an insert of the others are two, and an
# update in place leaves more to the checkpoint. MERGE INTO costs as much as these.
_ADDITIVE = """
    begin;
    create temp table delta as {state};
    create temp table sums as
    select
        delta.one_int,
        least(state.first_purchase_date, delta.first_purchase_date),
        greatest(state.last_purchase_date, delta.last_purchase_date),
        coalesce(state.orders, 0) + delta.orders,
        coalesce(state.gross_revenue, 0) + delta.gross_revenue,
        coalesce(state.returned_revenue, 0) + delta.returned_revenue,
        state.rowid as replaced
    from state_additive as state right join delta on state.one_int = delta.one_int;
    delete from state_additive where rowid in (select replaced from sums);
    insert into state_additive select * exclude (replaced) from sums;
    commit
"""
FULL, TOUCHED, CLUSTERED, ADDITIVE = WAYS = ("full", "touched", "clustered", "additive")


def statements(way: str, number: int) -> str:
    """The SQL that takes the day into the state of a way."""
    if way == FULL:
        return _FULL
    if way == ADDITIVE:
        return _ADDITIVE.format(state=_STATE.format(events=f"day{number}"))
    events = "events" if way == TOUCHED else "events_by_customer"
    state = _STATE.format(events=f"{events} semi join touched using (one_int)")
    return _TOUCHED.format(number=number, table=f"state_{way}", state=state)


def prepare(file: Path, events: int, customers: int, rows: int, days: int) -> None:
    """Makes the events in both orders, the days, and the state before them in each way."""
    with connect(file) as connection:
        connection.execute(
            f"create table events as {_EVENTS.format(events=events, customers=customers)}"
        )
        connection.execute("create table events_by_customer as from events order by one_int")
        for number in range(days):
            connection.execute(_DAY.format(number=number, customers=customers, rows=rows))
        for way in WAYS[1:]:
            connection.execute(f"create table state_{way} as {_STATE.format(events='events')}")
        connection.execute("checkpoint")


def arrive(file: Path, number: int) -> None:
    """Appends a day to the stored events."""
    with connect(file) as connection:
        for table in ("events", "events_by_customer"):
            connection.execute(f"insert into {table} from day{number}")
        connection.execute("checkpoint")


def take_in(file: Path, way: str, number: int) -> dict[str, float]:
    """Takes a day into the state; returns the seconds until committed, and of the checkpoint."""
    with connect(file) as connection:
        started = time.perf_counter()
        connection.execute(statements(way, number))
        committed = time.perf_counter()
        connection.execute("checkpoint")
        return {"work": committed - started, "checkpoint": time.perf_counter() - committed}


def measure_sql(
    findings: Findings, folder: Path, events: int, customers: int, rows: int, repeat: int
) -> None:
    """Measures the ways in SQL, a day each in turn."""
    file = folder / "sql.duckdb"
    apart(prepare, file, events, customers, rows, repeat)
    runs: dict[str, list[Finished]] = {way: [] for way in WAYS}
    for number in range(repeat):
        apart(arrive, file, number)
        for way in WAYS:
            child = [sys.executable, str(_SCRIPT), "--child", str(file), way, str(number)]
            runs[way].append(measure(child, folder))
    for way in WAYS[1:]:
        if rows_apart := apart(differences, file, "state_full", f"state_{way}"):
            sys.exit(f"{rows_apart:,} rows of {way} are not those of {FULL}")
    found, whole = {}, {}
    for way in WAYS:
        committed = [replace(run, seconds=run.document["work"]) for run in runs[way]]
        both = [replace(run, seconds=sum(run.document.values())) for run in runs[way]]
        found[way] = findings.add("SQL", way, committed, has_stages=False)
        whole[way] = findings.add("SQL", f"{way} and checkpoint", both, has_stages=False)
    for way, goal in ((TOUCHED, 9), (CLUSTERED, None), (ADDITIVE, 40)):
        findings.compare(found[FULL], found[way], goal)
        findings.compare(whole[FULL], whole[way])
