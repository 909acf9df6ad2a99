"""Look-ups one after the other in one process, and stores to compare with."""

from __future__ import annotations

import random
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from onecdp.serving.online_store import OnlineStore
from serving_parts.load import Rate


def look_ups(look_up: Callable[[int], object], customers: int, count: int) -> Rate:
    """Looks up customers at random."""
    numbers = [random.randint(1, customers) for _ in range(count)]
    for number in numbers[: count // 10]:
        assert look_up(number) is not None
    times = []
    start = time.perf_counter()
    for number in numbers:
        asked_at = time.perf_counter()
        look_up(number)
        times.append(time.perf_counter() - asked_at)
    spent = time.perf_counter() - start
    times.sort()
    return Rate(count / spent, times[count // 2] * 1e3, times[count * 99 // 100] * 1e3)


def plain_store(store: OnlineStore, file: Path) -> Callable[[int], object]:
    """The plain prototype: the same documents in two tables, of a store without changes."""
    connection = sqlite3.connect(file)
    connection.execute(f"attach '{store.base}' as store")
    connection.execute("create table ids (id text primary key, n integer) without rowid")
    connection.execute("create table documents (n integer primary key, document blob)")
    connection.execute(
        "insert into ids select id_type || ':' || id_value, one_int from store.identifiers"
    )
    connection.execute("insert into documents select one_int, profile from store.customers")
    connection.commit()
    connection.close()
    opened = sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True, isolation_level=None)
    opened.execute("pragma mmap_size = 1099511627776")
    query = "select document from ids inner join documents using (n) where id = ?"
    return lambda number: opened.execute(query, (f"member_id:M{number}",)).fetchone()


def duckdb_store(marts: Path, file: Path) -> Callable[[int], object]:
    """DuckDB by key: the same look-up on tables with primary keys."""
    connection = duckdb.connect(file)
    connection.execute(f"attach '{marts}' as marts (read_only)")
    connection.execute("create table ids (id varchar primary key, n bigint)")
    connection.execute("create table documents (n bigint primary key, document varchar)")
    connection.execute(
        "insert into ids select id_type || ':' || id_value, one_int from marts.id_map"
    )
    connection.execute(
        "insert into documents select one_int, to_json(p) from marts.customer_profiles as p"
    )
    query = "select document from ids inner join documents using (n) where id = ?"
    return lambda number: connection.execute(query, [f"member_id:M{number}"]).fetchone()
