"""The tables of a shop in MariaDB that the binary log tells of, and their rows here and there."""

from __future__ import annotations

import time
from collections.abc import Callable

from ingestion.sources.crm import MEMBERS
from ingestion.sources.shop import TRANSACTIONS
from support.ingestion import Warehouse
from support.raw_store import RawStore
from support.sql_servers import Server

BY_LOAD = ("_file", "_line", "_loaded_at", "_dlt_load_id", "_column_sources")
REMOTE = {MEMBERS: "people", TRANSACTIONS: "sales"}
Configure = Callable[..., None]
"""Makes the server that of one reader, and of no other."""


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
