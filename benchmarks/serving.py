"""What a look-up costs in the online store and through the API, and what a publication costs.

python benchmarks/serving.py
python benchmarks/serving.py --customers 10000000
apt-get install wrk redis-server
                          # without wrk, the load comes from Python, and limits what is seen

look-ups      identifier → one_id → profile as JSON, one after the other, in one process: the
online store; `plain`, two tables in SQLite without anything around them;
DuckDB with primary keys; and the online store in Redis, if that is installed.
With live features, of customers with ten recent events, for the first time and
again, and of customers without
members       whether a customer is in an audience, and all audiences of a customer
publication   the first one, and one that changes one customer in a hundred
http          profile and audiences over 32 keep-alive connections from the same machine,
beside a bare echo of the same size on the same server, which is the ceiling;
alternating, as medians of `--repeat` runs; with live features of customers with
and without recent events, after each of the former was asked about once; while
the store is replaced; and with two workers
visible       from sending an event to `onecdp collect` until the API's answer has it, by
`onecdp live`, while 2,000 others come a second; what comes if the machine is too
slow for that is in the table
"""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path

from rich.console import Console
from rich.table import Table
from serving_parts.events import make_events
from serving_parts.load import HAS_WRK, Echo, Rate, ask_all, measure, running
from serving_parts.look_ups import duckdb_store, look_ups, plain_store
from serving_parts.marts import change_a_hundredth, make_marts
from starlette.types import ASGIApp

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "python"))
from serving_parts.visible import measure_visible
from support.redis_server import redis_server
from support.sql_servers import NotInstalled

from onecdp.live.settings import NO_FEATURES, LiveSettings, read_live_settings
from onecdp.project.personal_data import DEFAULT
from onecdp.serving.app import make_app
from onecdp.serving.batch_state import BatchState
from onecdp.serving.keys import digest_of
from onecdp.serving.live_answers import LiveAnswers
from onecdp.serving.online_store import OnlineStore
from onecdp.serving.places import FilePlace, Place, Publication
from onecdp.serving.redis_keys import connect
from onecdp.serving.redis_place import RedisPlace
from onecdp.serving.redis_settings import RedisSettings
from onecdp.serving.redis_store import RedisStore
from onecdp.serving.settings import SCOPES, Key, Settings, TenantSettings
from onecdp.warehouse.files import Warehouse

REPOSITORY = Path(__file__).resolve().parents[1]
KEY = "a-key-for-benchmarks"
PATH = "/v1/profiles/member_id/M%d"
PACKAGES = 50
EVENTS_PER_SECOND, VISIBLE_MS = 2_000, 250


def api(
    folder: Path, redis: RedisSettings | None = None, live: LiveSettings = NO_FEATURES
) -> ASGIApp:
    """The API of a warehouse, for one key without limits."""
    key = Key("bench", digest_of(KEY), frozenset(SCOPES), None, 1e9)
    tenant = TenantSettings("default", Warehouse(folder), (key,), redis)
    return make_app(Settings((tenant,), 0.1, False, DEFAULT, live))


def publish(place: Place, name: str, before: Path | None, of: str | None, batch: str) -> float:
    """Seconds to bring a store to the marts."""
    start = time.perf_counter()
    place.write(Publication(name, before, of, batch))
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
        try:
            with redis_server() as server:
                tables = measured(Path(folder), options, server.settings)
        except NotInstalled as missing:
            print(f"without Redis: {missing}")
            tables = measured(Path(folder), options, None)
    Console(width=100).print(*tables)


def measured(folder: Path, options: argparse.Namespace, redis: RedisSettings | None) -> list[Table]:
    """The tables of results."""
    warehouse, customers = Warehouse(folder), options.customers
    make_marts(warehouse.marts_file, customers, PACKAGES)
    places: dict[str, Place] = {"online store": FilePlace(warehouse)}
    if redis:
        places["in redis"] = RedisPlace(redis, warehouse.marts_file)
    batch = BatchState({}, dt.datetime.now(dt.UTC).date(), frozenset(), ()).to_json()
    first = {name: publish(each, "first", None, None, batch) for name, each in places.items()}
    sizes = held(warehouse, redis)

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
    if redis:
        shared = RedisStore(redis)
        found["in redis"] = look_ups(
            lambda n: shared.profile("member_id", f"M{n}"), customers, count // 5
        )
    # Beside the same store: a server takes the events that are beside its own.
    lively = Warehouse(folder / "lively")
    active = make_events(lively.live_file, customers)
    put_store(warehouse, lively)
    live = LiveAnswers(lively.live_file, read_live_settings(REPOSITORY))
    each = cycle(range(1, active + 1))
    found["live, 10 events"] = look_ups(
        lambda _: live.profile(store, ("member_id", f"M{next(each)}")), active, active * 9 // 10
    )
    found["the same again"] = look_ups(
        lambda n: live.profile(store, ("member_id", f"M{n}")), active * 9 // 10, count // 5
    )
    found["live, none"] = look_ups(
        lambda n: live.profile(store, ("member_id", f"M{customers - n + 1}")),
        customers - active, count // 5,
    )  # fmt: skip
    live.close()
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
    publications = Table("publication", "seconds", "MB", "goal")
    for name, place in places.items():
        later = publish(place, "later", folder / "before", "first", batch)
        publications.add_row(f"{name}, first", f"{first[name]:.2f}", f"{sizes[name]:,.0f}", "")
        goal = _goal(first[name] / later, 10, "times cheaper")
        publications.add_row(
            f"{name}, 1 % changed", f"{later:.2f}", f"{held(warehouse, redis)[name]:,.0f}", goal
        )
    return [
        stores,
        publications,
        over_http(warehouse, store, options, redis, (lively, active)),
        until_visible(warehouse, options),
    ]


def until_visible(warehouse: Warehouse, options: argparse.Namespace) -> Table:
    """From an event to the answer that has it."""
    folder = warehouse.folder / "visible"
    folder.mkdir()
    put_store(warehouse, Warehouse(folder))
    with running(api, folder, None, read_live_settings(REPOSITORY)) as port:
        found = measure_visible(
            REPOSITORY, folder, port, KEY, options.customers,
            events=10 if options.tiny else 500, wanted=EVENTS_PER_SECOND,
        )  # fmt: skip
    table = Table(
        "event → visible", "p50 ms", "p99 ms", "goal", title=f"{EVENTS_PER_SECOND:,} events/s"
    )
    goal = f"p99 ≤ {VISIBLE_MS} {_met(found.p99 <= VISIBLE_MS)}"
    if found.per_second < 0.95 * EVENTS_PER_SECOND:
        goal = "too few events came beside them"
    table.add_row(
        f"{found.events} events, beside {found.per_second:,.0f} a second", f"{found.p50:.0f}",
        f"{found.p99:.0f}", goal,
    )  # fmt: skip
    return table


def put_store(warehouse: Warehouse, other: Warehouse) -> None:
    """The same store in another folder."""
    for file in warehouse.folder.glob(f"{warehouse.online_file.name}*"):
        (other.folder / file.name).hardlink_to(file)


def held(warehouse: Warehouse, redis: RedisSettings | None) -> dict[str, float]:
    """MB of each store: of the file, and of the server's memory."""
    files = warehouse.folder.glob(f"{warehouse.online_file.name}*")
    found = {"online store": float(sum(file.stat().st_size for file in files))}
    if redis:
        client = connect(redis, timeout=10)
        found["in redis"] = float(client.info("memory")["used_memory"])
        client.close()
    return {name: size / 1e6 for name, size in found.items()}


def over_http(
    warehouse: Warehouse, store: OnlineStore, options: argparse.Namespace,
    redis: RedisSettings | None, lively: tuple[Warehouse, int],
) -> Table:  # fmt: skip
    """The API beside an echo of the same size, and beside itself while the store is replaced."""
    profile = store.profile("member_id", "M1")
    assert profile
    body = b"x" * (len(profile.document) + 100)
    folder, features = warehouse.folder, read_live_settings(REPOSITORY)
    with_events, active = lively
    live = (with_events.folder, None, features)
    servers: dict[str, tuple[Callable[..., ASGIApp], tuple[object, ...], int, int]] = {
        "echo": (Echo, (body,), 1, 1),
        "api": (api, (folder,), 1, options.customers),
        "api, publications": (api, (folder,), 1, options.customers),
        "echo, 2 workers": (Echo, (body,), 2, 1),
        "api, 2 workers": (api, (folder,), 2, options.customers),
        "api, live, any customer": (api, live, 1, options.customers),
        "api, live, 10 events each": (api, live, 1, active),
    }
    if redis:
        servers["api, in redis"] = (api, (folder, redis), 1, options.customers)
    rates: dict[str, list[Rate]] = {name: [] for name in servers}
    with ExitStack() as started:
        ports = {}
        for name, (make, arguments, workers, customers) in servers.items():
            ports[name] = port = started.enter_context(running(make, *arguments, workers=workers))
            # Also waits until it answers, and has opened what there is.
            measure(port, PATH, customers, KEY, 1 if not options.tiny else 0.2)
            if name.startswith("api, live"):
                ask_all(port, KEY, active)
        for _ in range(options.repeat):
            for name, (_, _, _, customers) in servers.items():
                if name == "api, publications":
                    fresh = folder / "copy"
                    shutil.copy(warehouse.online_file, fresh)
                    fresh.replace(warehouse.online_file)
                rates[name].append(measure(ports[name], PATH, customers, KEY, options.seconds))
    tool = "wrk" if HAS_WRK else "clients in Python"
    table = Table(
        "http", "requests/s", "p50 ms", "p99 ms", ": echo", "goal", title=f"load by {tool}"
    )
    medians = {
        name: [statistics.median(getattr(run, part) for run in runs)
               for part in ("per_second", "p50", "p99")]
        for name, runs in rates.items()
    }  # fmt: skip
    for name, (rate, p50, p99) in medians.items():
        ceiling, _, _ = medians["echo, 2 workers" if "2 workers" in name else "echo"]
        # A busy machine may answer nothing within the time that CI has for it.
        share = rate / ceiling if ceiling else 0.0
        goal = ""
        if name.startswith("api") and "publications" not in name and "redis" not in name:
            goal = f"{_goal(share, 0.6, 'of it')}, p99 {_met(p99 <= 5)}"
        table.add_row(name, f"{rate:,.0f}", f"{p50:.2f}", f"{p99:.2f}", f"{share:.2f}", goal)
    return table


def _goal(value: float, goal: float, unit: str) -> str:
    return f"{value:,.2f} {unit}, ≥ {goal:.3g} {_met(value >= goal)}"


def _met(is_met: bool) -> str:
    return "met" if is_met else "missed"


if __name__ == "__main__":
    main()
