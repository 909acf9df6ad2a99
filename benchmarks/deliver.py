"""What it costs to write profiles back to a database, beside doing it by hand and beside dlt.

    python benchmarks/deliver.py
    python benchmarks/deliver.py --server postgresql --customers 1000000

Servers run on loopback, with data folders of their own, where the machine has them.

    by hand      DuckDB's COPY to a CSV file, then LOAD DATA LOCAL or COPY into the same table
    deliver      `onecdp deliver --profiles` into a new table; then after a day that changes one
                 customer in a hundred; then with no change
    dlt          its sqlalchemy destination, merging the first rows of the same table by one_id;
                 in rows a second, as it is slower
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import duckdb
from rich.console import Console
from rich.table import Table

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "python"))
from support.sql_servers import NotInstalled, Server, mariadb, postgresql

from onecdp.destinations.deliver import Order, deliver
from onecdp.destinations.kinds import find_target
from onecdp.project.find import Project
from onecdp.project.progress import Silent
from onecdp.warehouse.files import Warehouse

SERVERS: dict[str, Callable[[], AbstractContextManager[Server]]] = {
    "mariadb": mariadb,
    "postgresql": postgresql,
}
# The columns of customer_profiles, as a shop's customers have them.
PROFILES = """
    create or replace table customer_profiles as select
        format('ONE{{:016x}}', hash(i)) as one_id, i as one_int, 'MBR' || i as member_id,
        case when i % 3 > 0 then 'u_' || hash(i) end as union_id,
        case when i % 5 = 0 then (10000 + i)::varchar end as retail_customer_id,
        case when i % 4 > 0 then sha256('+49' || i) end as mobile_hash,
        case when i % 3 > 0 then sha256('mail' || i) end as email_hash,
        case when i % 2 > 0 then 'o_' || hash(i + 1) end as open_id, 'd_' || hash(i) as device_id,
        1 + i % 6 as identifier_count, '会员 ' || i as real_name,
        ['f', 'm', null][1 + i % 3] as gender, date '1960-01-01' + (i % 18000)::int as birthday,
        date '2020-01-01' + (i % 1500)::int as register_date, 'app' as register_channel,
        'gold' as level, i % 5000 as total_points, 'United Kingdom' as country,
        i % 40 as total_orders, i % 30 as purchase_days,
        (i % 99991 * 1.2345)::decimal(18, 4) as gross_revenue,
        (i % 977 * 0.5)::decimal(18, 4) as returned_revenue,
        (i % 99991 * 1.1)::decimal(18, 4) as net_revenue,
        date '2021-01-01' + (i % 900)::int as first_purchase_date,
        date '2023-06-01' + (i % 900)::int as last_purchase_date, i % 300 as page_views,
        's_' || hash(i) as last_session_id,
        timestamp '2025-01-01' + to_microseconds(i * 1234567) as last_event_at,
        'app' as first_channel, 'miniapp' as last_channel, 'At Risk' as rfm_segment,
        'hibernating' as grid_segment, 'Lapsed' as recency_segment, 'Low' as frequency_segment,
        'Mid Value' as monetary_segment, 'Moderately' as engagement_segment
    from range({first}, {last}) as customers(i)
"""
_NO_PACKAGES = """
    create or replace table audience_packages as
        select '' as package_id, '' as package_name, '' as segment_rule, '' as one_id,
            '' as rfm_segment, '' as arm, current_date::timestamp as created_at where false;
    create or replace table audience_package_summary as
        select * exclude (one_id, rfm_segment, arm), '' as purpose from audience_packages;
    create or replace table customer_consents as
        select '' as one_id, '' as purpose, '' as status where false
"""


def publish(file: Path, customers: int, *, day: int) -> None:
    """Writes the marts of a day: each day changes one customer in a hundred."""
    file.parent.mkdir(exist_ok=True)
    # A tenth of the change comes and goes, the rest changes.
    moved = day * max(1, customers // 1000)
    with duckdb.connect(file) as marts:
        marts.execute(PROFILES.format(first=1 + moved, last=1 + moved + customers))
        marts.execute(_NO_PACKAGES)
        marts.execute(
            f"update customer_profiles set page_views = page_views + {day} where one_int % 125 = 0"
        )


@contextmanager
def timed(found: dict[str, float], name: str) -> Iterator[None]:
    """Notes the seconds of a block."""
    started = time.perf_counter()
    yield
    found[name] = time.perf_counter() - started


def by_hand(server: Server, file: Path, folder: Path) -> None:
    """Exports and loads, as one would type it."""
    csv = folder / "profiles.csv"
    with duckdb.connect(file, read_only=True) as marts:
        null = "\\N" if server.is_mysql else ""
        marts.execute(
            f"copy (from customer_profiles order by one_id) to '{csv}'"
            f" (header false, nullstr '{null}')"
        )
    if server.is_mysql:
        import pymysql

        connection: Any = pymysql.connect(
            host="127.0.0.1", port=server.port, user="root", database="crm", local_infile=True
        )
        with connection.cursor() as cursor:
            cursor.execute(
                f"load data local infile '{csv}' into table by_hand character set utf8mb4"
                " fields terminated by ',' optionally enclosed by '\"'"
            )
    else:
        import psycopg2

        connection = psycopg2.connect(
            host="127.0.0.1", port=server.port, user="root", dbname="postgres"
        )
        with connection.cursor() as cursor, csv.open("rb") as stream:
            cursor.copy_expert("copy crm.by_hand from stdin (format csv)", stream, 1 << 20)
    connection.commit()
    connection.close()
    csv.unlink()


def by_dlt(url: str, file: Path, rows: int, folder: Path) -> None:
    """Merges the first rows with dlt's sqlalchemy destination."""
    import dlt

    with duckdb.connect(file, read_only=True) as marts:
        table = marts.execute(f"from customer_profiles limit {rows}").to_arrow_table()
    pipeline = dlt.pipeline(
        "profiles",
        destination=dlt.destinations.sqlalchemy(url),
        dataset_name="crm",
        pipelines_dir=str(folder / "dlt"),
    )
    # It has no upsert: rows with the same key are deleted and inserted.
    pipeline.run(
        table,
        table_name="by_dlt",
        write_disposition="merge",
        primary_key="one_id",
        columns={"one_id": {"data_type": "text", "precision": 64}},
    )


def measure(server: Server, customers: int, dlt_rows: int, folder: Path) -> dict[str, float]:
    """Measures one server; returns seconds, of dlt rows a second."""
    warehouse = Warehouse(folder / "warehouse")
    marts = warehouse.marts_file
    publish(marts, customers, day=0)
    server.execute("create database crm" if server.is_mysql else "create schema crm")
    if server.is_mysql:
        # The tests' server is for small tables; a server keeps those of its customers in memory.
        server.execute("set global innodb_buffer_pool_size = 1 << 30")
    user = server.url.replace("reader:secret", "root").rpartition("/")
    url = f"{user[0]}/{'crm' if server.is_mysql else user[2]}"
    settings = {
        "DESTINATIONS__CRM__TYPE": "sql",
        "DESTINATIONS__CRM__CREDENTIALS": url,
        "DESTINATIONS__CRM__PROFILES__TABLE": "crm.profiles",
    }

    def send(expected: int) -> None:
        target = find_target(
            Project(folder, warehouse), settings, "crm",
            file_format=None, is_diff=False, is_for_platform=False,
        )  # fmt: skip
        (receipt,) = deliver(warehouse, Order(("profiles",)), target, Silent())
        sent = sum(receipt[f"rows_{name}"] for name in ("inserted", "updated", "deleted"))
        assert sent == expected, receipt

    found: dict[str, float] = {}
    with timed(found, "deliver: all"):
        send(customers)
    server.execute(
        "create table crm.by_hand like crm.profiles"
        if server.is_mysql
        else "create table crm.by_hand (like crm.profiles including all)"
    )
    with timed(found, "by hand: all"):
        by_hand(server, marts, folder)
    counts = (
        server.execute("select count(*) from crm.by_hand"),
        server.execute("select count(*) from crm.profiles"),
    )
    assert counts[0] == counts[1] == [(customers,)], counts
    with timed(found, "deliver: nothing changed"):
        send(0)
    publish(marts, customers, day=1)
    with duckdb.connect(marts, read_only=True) as day:
        moved = max(1, customers // 1000)
        ((changed,),) = day.execute(
            "select count(*) from customer_profiles where one_int % 125 = 0"
            f" and one_int <= {customers}"
        ).fetchall()
    with timed(found, "deliver: a day's delta"):
        send(changed + 2 * moved)
    with timed(found, "dlt"):
        by_dlt(url, marts, dlt_rows, folder)
    found["dlt"] = dlt_rows / found["dlt"]
    return found


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--server", action="append", choices=sorted(SERVERS), help="all by default")
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--tiny", action="store_true", help="some seconds' work, for CI")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    options = parser.parse_args()
    customers = 1_000 if options.tiny else options.customers
    if customers < 1_000:
        parser.error("at least 1000 customers are needed")
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    results: dict[str, dict[str, float]] = {}
    for name in options.server or SERVERS:
        with tempfile.TemporaryDirectory(prefix="deliver-") as folder:
            try:
                with SERVERS[name]() as server:
                    rows = min(customers, 20_000)
                    results[name] = measure(server, customers, rows, Path(folder))
            except NotInstalled as missing:
                print(f"{name} is left out: {missing}", file=sys.stderr)
    if options.json:
        print(json.dumps({"customers": customers, "seconds": results}, indent=2))
    else:
        _print(results, customers)


def _print(results: dict[str, dict[str, float]], customers: int) -> None:
    table = Table(title=f"{customers:,} profiles")
    for column in ("server", "work", "seconds", "rows/s", "of all delivered"):
        table.add_column(column, justify="left" if column in ("server", "work") else "right")
    for name, found in results.items():
        whole = found["deliver: all"]
        for work, seconds in found.items():
            if work == "dlt":
                table.add_row(name, "dlt: merge", "", f"{seconds:,.0f}", "")
                continue
            rate = f"{customers / seconds:,.0f}" if work.endswith("all") else ""
            table.add_row(name, work, f"{seconds:.2f}", rate, f"1 / {whole / seconds:.1f}")
    Console(width=100).print(table)


if __name__ == "__main__":
    main()
