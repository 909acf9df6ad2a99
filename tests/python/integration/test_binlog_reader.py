"""The binary log of a real MariaDB: a snapshot, then what changes; kills, gaps and new columns."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.ingestion import ROOT, Warehouse
from support.raw_store import RawStore
from support.sql_servers import Server

from ingestion.declaration import TableSpec
from ingestion.readers.binlog import log
from ingestion.readers.binlog.reader import Binlog
from ingestion.readers.live import LiveReader
from ingestion.readers.sql.reader import Sql
from ingestion.sources.crm import MEMBERS
from ingestion.sources.shop import TRANSACTIONS

CHILD = """
import sys
from pathlib import Path
from ingestion.pipelines import load
print("ready", flush=True)
load(Path(sys.argv[1]), Path(sys.argv[2]), lambda text: print(text, flush=True), sources=["crm"])
"""
BY_LOAD = ("_file", "_line", "_loaded_at", "_dlt_load_id", "_column_sources")
REMOTE = {MEMBERS: "people", TRANSACTIONS: "sales"}
Configure = Callable[..., None]


@pytest.fixture
def server(mariadb_server: Server) -> Server:
    """The server, with 40 rows in `people` and `sales`."""
    mariadb_server.execute(
        "drop table if exists sales",
        "create table sales (transaction_id varchar(20) primary key, customer_id varchar(20), "
        "amount decimal(12, 2), transaction_date datetime, status varchar(20), "
        "updated_at datetime(3), key (updated_at))",
        "insert into sales select concat('S', seq), concat('C', seq % 7), seq / 4, '2024-01-01', "
        "'pending', '2024-01-01 08:00:00' + interval seq second from seq_1_to_40",
        "drop table if exists people",
        "create table people (member_id varchar(20) primary key, real_name varchar(50), "
        "birthday date, total_points int unsigned, updated_at datetime(3), key (updated_at)) "
        "character set latin1",
        "insert into people select concat('M', seq), 'José', '1990-01-02', 4000000000 + seq, "
        "'2024-01-01 08:00:00' + interval seq second from seq_1_to_40",
    )
    return mariadb_server


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Makes the server that of one reader, and of no other."""

    def use(server: Server, reader: str, spec: TableSpec = MEMBERS, **values: object) -> None:
        section = f"SOURCES__{spec.source.upper()}"
        for other in ("SQL", "BINLOG"):
            for name in ("CREDENTIALS", "TABLES"):
                monkeypatch.delenv(f"{section}__{other}__{name}", raising=False)
        if reader == "sql":
            values |= {"cursor": "updated_at", "lag": 3600, "detect_deletes": 0}
        if reader != "files":
            tables = {spec.table: {"table": REMOTE[spec], **values}}
            server.configure(monkeypatch, spec.source, reader, tables)

    return use


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    """An empty table of members, loaded without dlt: what is tested here comes before it."""
    return RawStore(tmp_path, MEMBERS)


def change(server: Server, day: int) -> None:
    """Updates, late commits, deletes, re-inserts and new keys, of one day."""
    at = f"'2024-01-01 08:{day:02}:00.5'"
    server.execute(
        f"update people set total_points = total_points + {day}, updated_at = {at} "
        f"where member_id in ('M{day}', 'M{day + 20}')",
        f"insert into people values ('L{day}', 'late', null, 1, '2024-01-01 08:00:0{day}')",
        f"delete from people where member_id in ('M{day + 10}', 'M{day + 1}')",
        f"insert ignore into people values ('M{day}', 'again', null, null, {at})",
        f"update people set member_id = 'K{day}', updated_at = {at} "
        f"where member_id = 'M{day + 30}'",
    )


def change_sales(server: Server, day: int) -> None:
    """The same of the shop: statuses, late commits, deletes, re-inserts and new keys."""
    at = f"'2024-01-01 08:{day:02}:00.5'"
    server.execute(
        f"update sales set status = 'completed', updated_at = {at} "
        f"where transaction_id in ('S{day}', 'S{day + 20}')",
        f"insert into sales values ('L{day}', 'C1', 1, '2024-01-01', 'completed', "
        f"'2024-01-01 08:00:0{day}')",
        f"delete from sales where transaction_id in ('S{day + 10}', 'S{day + 1}')",
        f"insert ignore into sales values ('S{day}', 'C2', 2.5, '2024-01-02', 'refunded', {at})",
        f"update sales set transaction_id = 'K{day}', updated_at = {at} "
        f"where transaction_id = 'S{day + 30}'",
    )


def purge(server: Server) -> None:
    """Deletes all files of the log but the last; the server keeps those that are still read."""
    ((last, *_),) = server.execute("show master status")
    for _ in range(200):
        server.execute(f"purge binary logs to '{last}'")
        if len(server.execute("show binary logs")) == 1:
            return
        time.sleep(0.1)
    raise AssertionError("the log is still read")


def rows_there(server: Server, table: str = "people") -> list[tuple[object, ...]]:
    return server.execute(f"select * from {table} order by 1")


def rows_here(store: RawStore | Warehouse) -> list[tuple[object, ...]]:
    return store.query(
        "select member_id, real_name, birthday, total_points, updated_at from raw_crm.members "
        "where is_deleted is not true order by member_id"
    )


@pytest.mark.parametrize("spec", REMOTE, ids=lambda spec: spec.dataset)
def test_cursor_log_and_files_give_equal_tables(
    tmp_path: Path, server: Server, configure: Configure, spec: TableSpec
) -> None:
    readers: dict[str, tuple[LiveReader, ...]] = {
        "files": (), "sql": (Sql(),), "binlog": (Binlog(),),
    }  # fmt: skip
    stores = {}
    for reader in readers:
        (tmp_path / reader).mkdir()
        stores[reader] = RawStore(tmp_path / reader, spec)
    gone: set[object] = set()
    columns = server.execute(f"show columns from {REMOTE[spec]}")
    header = ",".join([str(column[0]) for column in columns] + ["is_deleted"])
    for day in range(3):
        before = {row[0] for row in rows_there(server, REMOTE[spec])}
        if day:
            (change if spec is MEMBERS else change_sales)(server, day)
        there = rows_there(server, REMOTE[spec])
        gone = (gone | before) - {row[0] for row in there}
        lines = [",".join("" if v is None else str(v) for v in row) + ",false" for row in there]
        stores["files"].write(f"{day}.csv", header, *lines)
        stores["files"].write(
            f"{day}_gone.csv", f"{spec.key[0]},is_deleted", *(f"{k},true" for k in gone)
        )
        for reader, live in readers.items():
            configure(server, reader, spec)
            assert stores[reader].load(*live).refused == ()
    raw = f"{spec.dataset}.{spec.table}"
    rows = f"select * exclude ({', '.join(BY_LOAD)}) from {raw} order by all"
    tables = [store.query(rows) for store in stores.values()]
    assert len(tables[0]) == len(rows_there(server, REMOTE[spec])) + len(gone)
    assert tables[0] == tables[1] == tables[2]
    if spec is MEMBERS:
        assert rows_here(stores["binlog"]) == rows_there(server)
    assert stores["binlog"].load(Binlog()).places_skipped == 1


@pytest.mark.parametrize("reader", ["sql", "binlog"])
@pytest.mark.parametrize("kills", [5, pytest.param(10, marks=pytest.mark.soak)])
def test_killed_loads_lose_and_double_nothing(
    warehouse: Warehouse, server: Server, configure: Configure, reader: str, kills: int
) -> None:
    configure(server, reader)
    warehouse.data.mkdir()
    chance = random.Random(reader)
    command = [sys.executable, "-c", CHILD, str(warehouse.data), str(warehouse.folder)]
    for day in range(kills):
        if day:
            change(server, day)
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            # While it asks the server, compares the rows, or writes them.
            stage = ("ready", "rows read", "writing")[day % 3]
            for line in child.stdout:
                if stage in line:
                    break
            time.sleep(chance.uniform(0, 0.5))
            child.send_signal(signal.SIGKILL)
    warehouse.load(source="crm")
    assert rows_here(warehouse) == rows_there(server)
    twice = "select member_id from raw_crm.members group by 1 having count(*) > 1"
    assert warehouse.query(twice) == []
    assert warehouse.load(source="crm")["crm"].files_loaded == 0


def test_what_is_written_while_the_log_is_read_comes_once(
    store: RawStore, server: Server, configure: Configure
) -> None:
    configure(server, "binlog")
    stopped = threading.Event()

    def write() -> None:
        chance = random.Random(1)
        with server.again() as connection, connection.cursor() as cursor:
            while not stopped.is_set():
                number = chance.randrange(60)
                cursor.execute(
                    "replace into people values (%s, 'x', null, %s, now(3))",
                    (f"M{number}", chance.randrange(1000)),
                )
                cursor.execute("delete from people where member_id = %s", (f"M{number // 2}",))
                connection.commit()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(3):
            assert store.load(Binlog()).refused == ()
    finally:
        stopped.set()
        writer.join()
    store.load(Binlog())
    assert rows_here(store) == rows_there(server)


def test_keys_are_found_as_the_log_has_them(
    store: RawStore, server: Server, configure: Configure
) -> None:
    """The log ends a BINARY at its last byte that is not zero, and has UUIDs as they are stored."""
    keys = ("a1b2c3d4a1b2c300", "20b2c3d4a1b20000", "a1b2c3d4a1b2c320")
    server.execute(
        "drop table people",
        "create table people (member_id binary(8) primary key, real_name varchar(9))",
        *(f"insert into people values (x'{key}', 'before')" for key in keys),
    )
    configure(server, "binlog")
    store.load(Binlog())
    server.execute(
        "update people set real_name = 'after'",
        f"delete from people where member_id = x'{keys[0]}'",
    )
    store.load(Binlog())
    found = store.query("select member_id, real_name, is_deleted from raw_crm.members")
    expected = {(keys[0], "before", True), (keys[1], "after", False), (keys[2], "after", False)}
    assert set(found) == expected
    server.execute("drop table people", "create table people (member_id uuid primary key)")
    assert store.load(Binlog()).refused == (
        ("binlog/members", "a key of type UUID can't be read from the log; use the reader sql"),
    )
    server.execute("create or replace view folk as select 'a' as member_id")
    server.execute("grant show view on shop.* to reader@'%'")
    configure(server, "binlog", table="folk")
    ((_, reason),) = store.load(Binlog()).refused
    server.execute("drop view folk", "revoke show view on shop.* from reader@'%'")
    assert reason == "folk is a view, which has no changes in the log; name its table"


def test_a_log_that_cannot_be_decoded_is_replaced_by_the_table(
    store: RawStore, server: Server, configure: Configure
) -> None:
    server.execute("alter table people add column notes varchar(9)")
    configure(server, "binlog")
    store.load(Binlog())
    # No letter of Python's cp1252, as UTF-8 in a column of latin1 often is none.
    server.execute("update people set real_name = 'x', notes = x'81' where member_id = 'M1'")
    server.execute("delete from people where member_id = 'M2'")
    report = store.load(Binlog())
    assert [text for _, text in report.notices] == [
        "people has a log that can't be decoded (UnicodeDecodeError): it is read as a whole"
    ]
    assert rows_here(store) == [row[:5] for row in rows_there(server)]
    assert store.load(Binlog()).places_loaded == 0


def test_a_fault_of_the_reader_is_no_log_that_cannot_be_decoded(
    store: RawStore, server: Server, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read the table as a whole, each time, would hide it."""
    configure(server, "binlog")
    store.load(Binlog())
    server.execute("delete from people where member_id = 'M2'")

    def fail(*_: object) -> None:
        raise KeyError("missing")

    monkeypatch.setattr(log, "_note_rows", fail)
    with pytest.raises(KeyError, match="missing"):
        store.load(Binlog())


def test_the_log_decides_where_a_version_goes_back(
    store: RawStore, server: Server, configure: Configure
) -> None:
    configure(server, "binlog")
    store.load(Binlog())
    back = "real_name = 'OLDER', updated_at = '2020-01-01' where member_id = 'M1'"
    server.execute(
        f"update people set {back}",
        "delete from people where member_id in ('M2', 'M3')",
        "insert into people values ('M3', 'again', null, 7, '2020-01-01')",
    )
    report = store.load(Binlog())
    assert (report.counts.loaded, report.counts.superseded) == (3, 0)
    assert rows_here(store) == rows_there(server)
    server.execute("insert into people values ('M2', 'again', null, 7, '2019-01-01')")
    store.load(Binlog())
    assert rows_here(store) == rows_there(server)
    # By versions it is as before: between the log and files.
    store.write(
        "a.csv", "member_id,real_name,updated_at", "M1,file,2021-01-01", "M2,file,2018-01-01"
    )
    store.load(Binlog())
    server.execute("update people set total_points = 8 where member_id in ('M1', 'M2')")
    store.load(Binlog())
    names = "member_id, real_name, total_points, updated_at::date::varchar"
    assert store.query(f"select {names} from raw_crm.members order by all limit 12")[::11] == [
        ("M1", "file", 8, "2021-01-01"),
        ("M2", "again", 8, "2019-01-01"),
    ]
    assert store.load(Binlog()).places_loaded == 0


def test_changes_of_the_table_and_gaps_of_the_log(
    store: RawStore, server: Server, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(server, "binlog")
    store.load(Binlog())
    server.execute(
        "alter table people add column gender varchar(3) default 'f'",
        "delete from people where member_id = 'M1'",
    )
    report = store.load(Binlog())
    assert [text for _, text in report.notices] == [
        "people has a new column gender: it is read as a whole"
    ]
    found = store.query("select gender, count(*) from raw_crm.members group by all order by 2")
    assert found == [(None, 1), ("f", 39)]
    server.execute("alter table people modify total_points bigint", "truncate people")
    server.execute("insert into people values ('N1', 'n', null, 5, '2024-01-01', 'm')")
    report = store.load(Binlog())
    assert report.notices[0][1].startswith("people was changed by ")
    assert rows_here(store) == [row[:5] for row in rows_there(server)]
    server.execute("flush binary logs", "update people set real_name = 'o'", "flush binary logs")
    purge(server)
    ((_, reason),) = store.load(Binlog()).refused
    assert reason.startswith("the server has deleted its log bin.0")
    assert reason.endswith('set on_gap = "snapshot"')
    monkeypatch.setenv("SOURCES__CRM__BINLOG__ON_GAP", "snapshot")
    assert store.load(Binlog()).refused == ()
    assert rows_here(store)[0][1] == "o"
    monkeypatch.delenv("SOURCES__CRM__BINLOG__ON_GAP")
    server.execute("set global binlog_format = 'MIXED'")
    ((_, reason),) = store.load(Binlog()).refused
    server.execute("set global binlog_format = 'ROW'")
    assert reason.startswith("the server's binlog_format is MIXED: set it to ROW; ")
    server.execute("rename table people to folk")
    ((_, reason),) = store.load(Binlog()).refused
    server.execute("drop table folk")
    assert reason == "there is no table people"
