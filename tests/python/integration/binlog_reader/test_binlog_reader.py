"""The binary log of a real MariaDB: a snapshot, then what changes; kills in between."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from support.binlog_tables import (
    BY_LOAD,
    REMOTE,
    Configure,
    change,
    change_sales,
    rows_here,
    rows_there,
)
from support.ingestion import ROOT, Warehouse
from support.raw_store import RawStore
from support.sql_servers import Server

from ingestion.declaration import TableSpec
from ingestion.readers.binlog.reader import Binlog
from ingestion.readers.live import LiveReader
from ingestion.readers.sql.reader import Sql
from ingestion.sources.crm import MEMBERS

CHILD = """
import sys
from pathlib import Path
from ingestion.pipelines import load
print("ready", flush=True)
load(Path(sys.argv[1]), Path(sys.argv[2]), lambda text: print(text, flush=True), sources=["crm"])
"""


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
