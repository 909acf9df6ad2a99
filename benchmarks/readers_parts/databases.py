"""Databases: the readers `sql` and `binlog`, beside the clients that they stand on."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from .bench import TESTS, Bench

sys.path.append(str(TESTS))
from support.sql_servers import Server, mariadb, postgresql

GOAL_OF_CLIENT = 0.6
ROWS_A_DAY = 1_000
_COUNT = itertools.count()

_PLAIN = {
    "mariadb": """
import json, sys, time, pymysql
started, rows = time.perf_counter(), 0
with pymysql.connect(host="127.0.0.1", port=int(sys.argv[1]), user="reader", password="secret",
                     database="shop", cursorclass=pymysql.cursors.SSCursor) as connection:
    cursor = connection.cursor()
    cursor.execute("select * from people")
    while some := cursor.fetchmany(20_000):
        rows += len(some)
print(json.dumps({"rows": rows, "seconds": time.perf_counter() - started}))
""",
    "postgresql": """
import json, sys, time, psycopg2
started, rows = time.perf_counter(), 0
connection = psycopg2.connect(host="127.0.0.1", port=sys.argv[1], user="reader", password="secret",
                              dbname="postgres")
cursor = connection.cursor("people")
cursor.execute("select * from shop.people")
while some := cursor.fetchmany(20_000):
    rows += len(some)
print(json.dumps({"rows": rows, "seconds": time.perf_counter() - started}))
""",
}
_DICTS = """
import json, sys, time, dlt
from dlt.sources.sql_database import sql_table
url, schema, folder = sys.argv[1:]
started = time.perf_counter()
pipeline = dlt.pipeline("dicts", destination=dlt.destinations.duckdb(folder + "/dicts.duckdb"),
                        pipelines_dir=folder + "/dicts")
pipeline.run(sql_table(url, "people", schema=schema or None), write_disposition="replace")
print(json.dumps({"rows": 0, "seconds": time.perf_counter() - started}))
"""
_LOG = """
import json, sys, time
from pymysqlreplication import BinLogStreamReader
from pymysqlreplication.row_event import DeleteRowsEvent, UpdateRowsEvent, WriteRowsEvent
port, file, byte = sys.argv[1:]
started, rows = time.perf_counter(), 0
reader = BinLogStreamReader(
    connection_settings={"host": "127.0.0.1", "port": int(port), "user": "reader",
                         "passwd": "secret"},
    server_id=77, log_file=file, log_pos=int(byte), resume_stream=True, only_tables=["people"],
    only_events=[DeleteRowsEvent, UpdateRowsEvent, WriteRowsEvent])
for event in reader:
    rows += len(event.rows)
print(json.dumps({"rows": rows, "seconds": time.perf_counter() - started}))
"""


def measure_mariadb(bench: Bench) -> None:
    """The reader `sql` on MariaDB, then the reader `binlog`."""
    with mariadb() as server:
        _fill(server, bench.rows)
        _measure_sql(bench, server, "mariadb")
        _measure_binlog(bench, server)


def measure_postgresql(bench: Bench) -> None:
    """The reader `sql` on PostgreSQL."""
    with postgresql() as server:
        _fill(server, bench.rows)
        _measure_sql(bench, server, "postgresql")


def _warehouses(bench: Bench) -> Iterator[Path]:
    for _ in range(bench.repeat):
        yield bench.folder / f"warehouse{next(_COUNT)}"


def _fill(server: Server, rows: int) -> None:
    """Makes members with the columns that a CRM has."""
    numbers = f"generate_series(1, {rows}) as s(seq)"
    text, second = "text", "seq * interval '1 second'"
    if server.is_mysql:
        numbers, text, second = f"seq_1_to_{rows}", "char", "interval seq second"
    server.execute(
        "create table people (member_id varchar(20) primary key, mobile_hash char(64), "
        "email_hash char(64), real_name varchar(50), gender char(1), birthday date, "
        "register_date date, channel varchar(20), level varchar(20), total_points int, "
        "updated_at timestamp not null)",
        "create index people_updated on people (updated_at)",
        f"insert into people select concat('MBR', seq), md5(cast(seq as {text})), "
        f"md5(cast(seq + 1 as {text})), concat('Name ', seq), 'f', date '1990-01-01', "
        "date '2020-01-01', 'wechat', 'gold', seq % 5000, "
        f"timestamp '2020-01-01 00:00:00' + {second} from {numbers}",
    )
    server.execute("analyze table people" if server.is_mysql else "analyze people")


def _settings(server: Server, reader: str) -> dict[str, str]:
    section = f"SOURCES__CRM__{reader.upper()}__"
    table = {"table": f"{server.schema}people"}
    if reader == "sql":
        table["cursor"] = "updated_at"
    return {
        f"{section}CREDENTIALS": server.url,
        f"{section}TABLES": json.dumps({"members": table}),
    }


def _change(server: Server, rows: int) -> None:
    """Changes every seventh row, up to so many."""
    number = f"cast(substr(member_id, 4) as {'signed' if server.is_mysql else 'bigint'})"
    server.execute(
        "update people set total_points = total_points + 1, updated_at = current_timestamp "
        f"where {number} <= {7 * rows} and {number} % 7 = 0"
    )


def _measure_sql(bench: Bench, server: Server, name: str) -> None:
    scenario, rows = f"sql, {name}", f"{bench.rows:,} rows"
    settings = _settings(server, "sql")
    warehouses = list(_warehouses(bench))
    ours = bench.findings.add(
        scenario, f"{rows} into a raw table",
        [bench.load(one, "crm", settings) for one in warehouses], has_stages=False,
    )  # fmt: skip
    port = str(server.port)
    plain = bench.findings.add(
        scenario, "the client only reads",
        [bench.run(_PLAIN[name], port) for _ in range(bench.repeat)], has_stages=False,
    )  # fmt: skip
    schema = "" if server.is_mysql else "shop"
    dicts = bench.findings.add(
        scenario, "dlt's resource with dicts",
        [bench.run(_DICTS, server.url, schema, str(bench.folder))], has_stages=False,
    )  # fmt: skip
    # Rows a second are the reciprocal of seconds.
    bench.findings.compare(plain, ours, bench.goal(GOAL_OF_CLIENT))
    bench.findings.compare(dicts, ours)
    days = []
    for one in warehouses:
        _change(server, min(ROWS_A_DAY, bench.rows // 10))
        days.append(bench.load(one, "crm", settings))
    bench.findings.add(scenario, f"a day of {ROWS_A_DAY:,} changes", days, has_stages=False)


def _measure_binlog(bench: Bench, server: Server) -> None:
    settings, changed = _settings(server, "binlog"), bench.rows // 10
    warehouses = list(_warehouses(bench))
    snapshots = [bench.load(one, "crm", settings) for one in warehouses]
    bench.findings.add("binlog", f"snapshot of {bench.rows:,} rows", snapshots, has_stages=False)
    ((file, byte, *_),) = server.execute("show master status")
    _change(server, changed)
    loads = [bench.load(one, "crm", settings) for one in warehouses]
    ours = bench.findings.add("binlog", f"{changed:,} changes", loads, has_stages=False)
    arguments = (str(server.port), str(file), str(byte))
    plain = bench.findings.add(
        "binlog", "the client only reads them",
        [bench.run(_LOG, *arguments) for _ in range(bench.repeat)], has_stages=False,
    )  # fmt: skip
    bench.findings.compare(plain, ours)
