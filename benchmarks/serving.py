"""What a look-up costs in the online store and through the API, and what a publication costs.

python benchmarks/serving.py
python benchmarks/serving.py --customers 10000000
apt-get install wrk       # otherwise the load comes from Python, and limits what is seen

look-ups      identifier → one_id → profile as JSON, one after the other, in one process: the
online store; `plain`, two tables in SQLite without anything around them; and
DuckDB with primary keys
members       whether a customer is in an audience, and all audiences of a customer
publication   the first one, and one that changes one customer in a hundred
http          profile and audiences over 32 keep-alive connections from the same machine,
beside a bare echo of the same size on the same server, which is the ceiling;
alternating, as medians of `--repeat` runs; and while the store is replaced
"""

from __future__ import annotations

import argparse
import random
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb
from rich.console import Console
from rich.table import Table
from serving_parts.load import HAS_WRK, Echo, Rate, measure, running
from serving_parts.marts import change_a_hundredth, make_marts
from starlette.types import ASGIApp

from onecdp.project.personal_data import DEFAULT
from onecdp.serving.app import make_app
from onecdp.serving.keys import digest_of
from onecdp.serving.online_store import OnlineStore
from onecdp.serving.settings import SCOPES, Key, Settings, TenantSettings
from onecdp.serving.write_store import write_store
from onecdp.warehouse.files import Warehouse

KEY = "a-key-for-benchmarks"
PATH = "/v1/profiles/member_id/M%d"
PACKAGES = 50


def api(folder: Path) -> ASGIApp:
    """The API of a warehouse, for one key without limits."""
    key = Key("bench", digest_of(KEY), frozenset(SCOPES), None, 1e9)
    tenant = TenantSettings("default", Warehouse(folder), (key,))
    return make_app(Settings((tenant,), 0.1, False, DEFAULT))


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
    """The plain prototype: the same documents in two tables."""
    connection = sqlite3.connect(file)
    connection.execute(f"attach '{store.file}' as store")
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


def publish(warehouse: Warehouse, name: str, before: Path | None, of: str | None) -> float:
    """Seconds to bring the store to the marts."""
    start = time.perf_counter()
    write_store(warehouse, name, before=before, of=of)
    return time.perf_counter() - start


def main() -> None:
    """Reads the arguments, measures, prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=float, default=5, help="of each run over HTTP")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--tiny", action="store_true", help="some seconds' work, for CI")
    options = parser.parse_args()
    if options.tiny:
        options.customers, options.seconds, options.repeat = 2_000, 0.3, 1
    with tempfile.TemporaryDirectory(prefix="serving-") as folder:
        Console(width=100).print(*measured(Path(folder), options))


def measured(folder: Path, options: argparse.Namespace) -> list[Table]:
    """The tables of results."""
    warehouse, customers = Warehouse(folder), options.customers
    make_marts(warehouse.marts_file, customers, PACKAGES)
    first = publish(warehouse, "first", None, None)
    size = warehouse.online_file.stat().st_size

    store = OnlineStore(warehouse.online_file)
    store.warm()
    count = min(customers, 100_000)
    found = {
        "online store": look_ups(lambda n: store.profile("member_id", f"M{n}"), customers, count),
        "plain": look_ups(plain_store(store, folder / "plain.sqlite"), customers, count),
        "duckdb": look_ups(
            duckdb_store(warehouse.marts_file, folder / "keys.duckdb"), customers, count // 50
        ),
    }
    ours, title = found["online store"], f"look-ups, {customers:,} customers"
    stores = Table("store", "a second", "p50 µs", "p99 µs", "goal", title=title)
    for name, rate in found.items():
        goal = ""
        if name == "plain":
            goal = _goal(ours.per_second / rate.per_second, 1 / 3, "of it")
        elif name == "duckdb":
            goal = _goal(ours.per_second / rate.per_second, 150, "times")
        stores.add_row(name, f"{rate.per_second:,.0f}", f"{rate.p50 * 1e3:.1f}",
                       f"{rate.p99 * 1e3:.1f}", goal)  # fmt: skip
    (members,) = [store.audiences["PKG1"].members]
    for name, ask in {
        "in one audience": lambda n: n in members,
        f"all {PACKAGES} audiences": store.audiences_of,
    }.items():
        rate = look_ups(ask, customers, count)
        stores.add_row(name, f"{rate.per_second:,.0f}", f"{rate.p50 * 1e3:.2f}",
                       f"{rate.p99 * 1e3:.2f}", "")  # fmt: skip

    shutil.copy(warehouse.marts_file, folder / "before")
    change_a_hundredth(warehouse.marts_file)
    later = publish(warehouse, "later", folder / "before", "first")
    publications = Table("publication", "seconds", "goal", title=f"{size / 1e6:,.0f} MB")
    publications.add_row("first", f"{first:.2f}", "")
    publications.add_row("1 % changed", f"{later:.2f}", _goal(first / later, 10, "times cheaper"))
    return [stores, publications, over_http(warehouse, store, options)]


def over_http(warehouse: Warehouse, store: OnlineStore, options: argparse.Namespace) -> Table:
    """The API beside an echo of the same size, and beside itself while the store is replaced."""
    profile = store.profile("member_id", "M1")
    assert profile
    body = b"x" * (len(profile.document) + 100)
    rates: dict[str, list[Rate]] = {"echo": [], "api": [], "api, publications": []}

    def ask(port: int) -> Rate:
        return measure(port, PATH, options.customers, KEY, options.seconds)

    with running(Echo, body) as echo, running(api, warehouse.folder) as served:
        for port in (echo, served):
            measure(port, PATH, options.customers, KEY, 1 if not options.tiny else 0.2)
        for _ in range(options.repeat):
            rates["echo"].append(ask(echo))
            rates["api"].append(ask(served))
            fresh = warehouse.folder / "copy"
            shutil.copy(warehouse.online_file, fresh)
            fresh.replace(warehouse.online_file)
            rates["api, publications"].append(ask(served))
    tool = "wrk" if HAS_WRK else "clients in Python"
    table = Table(
        "http", "requests/s", "p50 ms", "p99 ms", ": echo", "goal", title=f"load by {tool}"
    )
    ceiling = statistics.median(rate.per_second for rate in rates["echo"])
    for name, runs in rates.items():
        rate, p50, p99 = (
            statistics.median(getattr(run, part) for run in runs)
            for part in ("per_second", "p50", "p99")
        )
        goal = ""
        # A busy machine may answer nothing within the time that CI has for it.
        share = rate / ceiling if ceiling else 0.0
        if name == "api":
            goal = f"{_goal(share, 0.6, 'of it')}, p99 {_met(p99 <= 5)}"
        table.add_row(name, f"{rate:,.0f}", f"{p50:.2f}", f"{p99:.2f}", f"{share:.2f}", goal)
    return table


def _goal(value: float, goal: float, unit: str) -> str:
    return f"{value:,.2f} {unit}, ≥ {goal:.3g} {_met(value >= goal)}"


def _met(is_met: bool) -> str:
    return "met" if is_met else "missed"


if __name__ == "__main__":
    main()
