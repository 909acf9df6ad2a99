"""The project's own models on a prepared table of events, through dbt."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

from days_parts.report import Findings
from days_parts.running import Finished, Line, apart, measure

from .files import connect, differences

# int_events__resolved of a shop whose customers are 64-bit hashes in hex; a day is loaded later.
_RESOLVED = """
    select
        'EV' || {first} + i as event_id,
        printf('ONE%016X', hash((case when {is_new} and i % 10 = 0 then {customers} + {first} + i
            else hash(i, {first}) % {customers} end)::bigint)) as one_id,
        (['page_view', 'add_cart', 'purchase', 'return', 'search'])[
            case when draw < 70 then 1 when draw < 85 then 2 when draw < 92 then 3
                when draw < 93 then 4 else 5 end] as event_type,
        if(draw % 2 = 0, 'app', 'miniapp') as channel,
        if(draw % 2 = 0, 'ios', 'wechat') as platform,
        'SKU' || hash(i, 3) % 4000 as item_id,
        price as item_price,
        case when draw between 85 and 91 then 1 when draw = 92 then -1 end::bigint as quantity,
        case when draw between 85 and 91 then price when draw = 92 then -price else 0
            end::decimal(18, 4) as revenue,
        happened_at as event_time,
        happened_at::date as event_date,
        's' || i // 3 as session_id,
        null::varchar as order_id,
        null::varchar as country,
        false as is_withdrawn,
        'app' as source_name,
        timestamp '{loaded_at}' as loaded_at,
        timestamp '{loaded_at}' as changed_at
    from (
        select i, hash(i, {first}, 5) % 100 as draw,
            ((hash(i, 2) % 20000) / 100)::decimal(18, 4) as price,
            timestamp '{from_day}' + interval 1 minute * (i * {minutes} // {rows})::integer
                - if({is_new} and i % 20 = 0, interval 31 day, interval 0 day) as happened_at
        from range({rows}) as numbers (i)
    )
"""
_MODELS = ("int_customers__activity", "int_customers__rfm", "customer_rfm")
_ACTIVITY = "intermediate.int_customers__activity"


def write_resolved(file: Path, first: int, rows: int, customers: int, number: int | None) -> None:
    """Makes the events, or appends a day to them."""
    made = _RESOLVED.format(
        first=first, rows=rows, customers=customers, is_new=number is not None,
        loaded_at="2025-10-01" if number is None else f"2025-10-{number + 2:02}",
        from_day="2023-01-01" if number is None else f"2025-10-{number + 1:02}",
        minutes=1000 * 1440 if number is None else 1440,
    )  # fmt: skip
    with connect(file) as connection:
        connection.execute("create schema if not exists intermediate")
        table = "intermediate.int_events__resolved"
        how = "create table {} as" if number is None else "insert into {}"
        connection.execute(f"{how.format(table)} {made}")
        connection.execute("checkpoint")


def keep_days(file: Path) -> None:
    """Keeps what the days gave, to compare it with a full refresh."""
    with connect(file) as connection:
        connection.execute(f"create table of_days as from {_ACTIVITY}")


def measure_dbt(
    findings: Findings, folder: Path, events: int, customers: int, rows: int, repeat: int
) -> None:
    """Measures the project's models: full refreshes, and a day each in turn."""
    warehouse = folder / "warehouse"
    warehouse.mkdir()
    file = warehouse / "onecdp.duckdb"
    project = Line.made(folder / "project").project
    apart(write_resolved, file, 0, events, customers, None)
    dbt = str(Path(sys.executable).with_name("dbt"))
    select = ["--select", *_MODELS, "--vars", '{"as_of_date": "2025-12-31"}']

    def run(*options: str) -> tuple[Finished, Finished]:
        finished = measure(
            [dbt, "--quiet", "run", *select, *options], project,
            environment={"ONECDP_WAREHOUSE": str(warehouse)},
        )  # fmt: skip
        results = json.loads((project / "target" / "run_results.json").read_text())["results"]
        inside = sum(result["execution_time"] for result in results)
        return finished, replace(finished, seconds=inside)

    run("--full-refresh")  # dbt parses the project.
    days = []
    for number in range(repeat):
        apart(write_resolved, file, events + number * rows, rows, customers, number)
        days.append(run())
    apart(keep_days, file)
    fulls = [run("--full-refresh") for _ in range(repeat)]
    if rows_apart := apart(differences, file, "of_days", _ACTIVITY, "* exclude (changed_at)"):
        sys.exit(f"{rows_apart:,} rows of the days are not those of a full refresh")
    for place, what in enumerate(("dbt run", "models alone")):
        full = findings.add(what, "full", [pair[place] for pair in fulls], has_stages=False)
        day = findings.add(what, "a day", [pair[place] for pair in days], has_stages=False)
        findings.compare(full, day)
