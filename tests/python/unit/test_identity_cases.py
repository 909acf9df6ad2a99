"""The cases that identity resolution is known to get wrong, one by one."""

import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from support.identity_reference import Edge, clusters_by_rule
from support.identity_store import Clusters, edge_rows, resolve_all

import onecdp
from onecdp.identity.resolution.resolve import resolve
from onecdp.identity.resolution.settings import Limit, Settings

MEMBER, PHONE, DEVICE = 1, 2, 3
ONE_MEMBER = Limit(MEMBER, 1, None)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


def rules(*limits: Limit, apart: tuple[tuple[int, int], ...] = (), cap: int = 1000) -> Settings:
    return Settings(limits=limits, cannot_links=apart, max_cluster_size=cap)


def sizes(clusters: Clusters) -> list[int]:
    return sorted(Counter(cluster for _, cluster in clusters.values()).values(), reverse=True)


def names(clusters: Clusters) -> dict[int, int]:
    return {node: cluster for node, (_, cluster) in clusters.items()}


def test_two_members_on_one_phone_stay_two_and_it_goes_to_the_surer(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    edges = [
        Edge(1, 10, MEMBER, PHONE, confidence=0.9),
        Edge(2, 10, MEMBER, PHONE, confidence=0.95),
        Edge(1, 11, MEMBER, DEVICE),
    ]
    clusters = resolve_all(connection, edges, rules(ONE_MEMBER))
    assert names(clusters) == {1: 1, 11: 1, 2: 2, 10: 2}
    assert {component for component, _ in clusters.values()} == {1}


def test_equally_sure_the_phone_stays_with_the_first(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    edges = [
        Edge(1, 10, MEMBER, PHONE, first_day=5),
        Edge(2, 10, MEMBER, PHONE, first_day=3),
        Edge(3, 10, MEMBER, PHONE, first_day=None),
    ]
    assert names(resolve_all(connection, edges, rules(ONE_MEMBER))) == {1: 1, 2: 2, 10: 2, 3: 3}


@pytest.mark.parametrize(
    ("second_from", "persons"), [(39, 2), (40, 2), (41, 1)], ids=["during", "last day", "after"]
)
def test_a_phone_after_the_other_is_the_same_person_but_not_two_at_once(
    connection: duckdb.DuckDBPyConnection, second_from: int, persons: int
) -> None:
    # One phone at a time; the first is held from day 0 to day 10 + 30.
    edges = [
        Edge(1, 10, MEMBER, PHONE, first_day=0, last_day=10),
        Edge(1, 11, MEMBER, PHONE, first_day=second_from, last_day=90),
    ]
    clusters = resolve_all(connection, edges, rules(Limit(PHONE, 1, 30)))
    assert len(sizes(clusters)) == persons
    assert clusters[10][1] == 1


def test_a_value_is_held_over_all_its_edges(connection: duckdb.DuckDBPyConnection) -> None:
    edges = [
        Edge(1, 10, MEMBER, PHONE, first_day=0, last_day=1),
        Edge(1, 11, MEMBER, PHONE, first_day=50, last_day=60),
    ]
    limited = rules(Limit(PHONE, 1, 30))
    assert sizes(resolve_all(connection, edges, limited)) == [3]
    # Seen with a device on day 30, phone 10 is held until day 60.
    edges.append(Edge(10, 20, PHONE, DEVICE, confidence=0.8, first_day=30, last_day=30))
    assert sizes(resolve_all(connection, edges, limited)) == [3, 1]


@pytest.mark.parametrize("first_day", [None, 0])
@pytest.mark.parametrize("last_day", [None, 5])
def test_without_a_date_a_value_is_held_since_or_for_ever(
    connection: duckdb.DuckDBPyConnection, first_day: int | None, last_day: int | None
) -> None:
    edges = [
        Edge(1, 10, MEMBER, PHONE, first_day=100, last_day=110),
        Edge(1, 11, MEMBER, PHONE, first_day=first_day, last_day=last_day),
    ]
    clusters = resolve_all(connection, edges, rules(Limit(PHONE, 1, 30)))
    assert sizes(clusters) == ([2, 1] if last_day is None else [3])


def test_nothing_overrides_a_cannot_link(connection: duckdb.DuckDBPyConnection) -> None:
    edges = [
        Edge(1, 2, method_rank=0, confidence=1.0),
        Edge(1, 3, 1, 2, method_rank=0, confidence=0.9),
        Edge(2, 3, 1, 2, method_rank=0, confidence=0.8),
    ]
    assert names(resolve_all(connection, edges, rules(apart=((2, 1),)))) == {1: 1, 3: 1, 2: 2}


def test_a_must_link_overrides_limit_and_cap(connection: duckdb.DuckDBPyConnection) -> None:
    edges = [
        Edge(1, 2, MEMBER, MEMBER, method_rank=0),
        Edge(3, 10, MEMBER, PHONE, confidence=0.99),
        Edge(1, 10, MEMBER, PHONE),
    ]
    # Two members by hand are two; they take no third in.
    assert sizes(resolve_all(connection, edges, rules(ONE_MEMBER))) == [2, 2]
    assert sizes(resolve_all(connection, edges, rules(cap=1))) == [2, 1, 1]


def test_a_chain_of_two_thousand(connection: duckdb.DuckDBPyConnection) -> None:
    chain = [Edge(node, node + 1, 4, 4) for node in range(2000)]
    assert sizes(resolve_all(connection, chain, rules(cap=10_000))) == [2001]
    assert sizes(resolve_all(connection, chain, rules())) == [1000, 1000, 1]


@pytest.mark.parametrize("cap", [1000, 10**9], ids=["capped", "not capped"])
@pytest.mark.parametrize("window", [None, 30])
def test_one_value_of_a_hundred_thousand_links_is_fast(
    connection: duckdb.DuckDBPyConnection, cap: int, window: int | None
) -> None:
    count = 100_000
    days = [*range(count)]
    random.Random(3).shuffle(days)
    edges = connection.from_arrow(
        edge_rows(
            (Edge(0, leaf + 1, 9, PHONE, first_day=day, last_day=day + 2), True, 0)
            for leaf, day in enumerate(days)
        )
    )
    limited = rules(Limit(PHONE, 20 if window else count, window), cap=cap)
    resolve(connection, edges.limit(100), limited)
    start = time.perf_counter()
    resolved = resolve(connection, edges, limited)
    # About 0.2 s; with work that grows with the square, minutes.
    assert time.perf_counter() - start < 10
    largest = max(Counter(resolved["cluster_id"].to_pylist()).values())
    if cap == 1000:
        assert largest == 1000
    elif window is None:
        assert largest == count + 1
    else:
        # 20 of the 33 that every moment would have.
        assert count // 2 < largest < count * 2 // 3


def test_large_random_components_are_as_the_plain_replay(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    draw = random.Random(20260606)
    for _ in range(25):
        nodes = draw.choice([20, 60])
        pairs = {(draw.randrange(nodes), nodes + draw.randrange(nodes)) for _ in range(3 * nodes)}
        edges = [
            Edge(
                left,
                right,
                left % 4,
                right % 4,
                method_rank=draw.choice([0] + [1] * 9),
                confidence=draw.choice([0.8, 0.9]),
                first_day=draw.choice([None, *range(1, 90)]),
                last_day=draw.choice([None, *range(90, 130)]),
            )
            for left, right in sorted(pairs)
        ]
        limited = rules(
            Limit(0, draw.randint(1, 3), 0),
            Limit(1, draw.randint(1, 6), 20),
            Limit(2, 4, None),
            apart=tuple((draw.randrange(nodes), draw.randrange(nodes)) for _ in range(4)),
            cap=draw.choice([25, 1000]),
        )
        expected, _ = clusters_by_rule(edges, limited)
        found = names(resolve_all(connection, edges, limited))
        assert found == {node: min(cluster) for cluster in expected for node in cluster}


COUNT = """
import duckdb, onecdp, sys
from onecdp.identity.resolution.graph import Components
import numpy as np
graph = Components()
ids, priorities = np.arange(5), np.zeros(5, dtype=np.int16)
graph.add(ids, ids // 2, priorities, priorities)
print(onecdp.__file__, graph.components().tolist())
"""


@pytest.mark.parametrize("is_home_writable", [True, False])
def test_machine_code_is_kept_elsewhere_or_not_at_all(
    tmp_path: Path, is_home_writable: bool
) -> None:
    # The tests may run as root, who may write everywhere: a file where a folder should be can't
    # be written into by anybody.
    package = tmp_path / "package"
    shutil.copytree(
        Path(onecdp.__file__).parent,
        package / "onecdp",
        ignore=shutil.ignore_patterns("__pycache__", "_project"),
    )
    (package / "onecdp/identity/resolution/__pycache__").touch()
    home = tmp_path / "home"
    if is_home_writable:
        home.mkdir()
    else:
        home.touch()
    settings = {
        name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")
    } | {"PYTHONPATH": str(package), "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    finished = subprocess.run(
        [sys.executable, "-c", COUNT], env=settings, cwd=tmp_path, capture_output=True, text=True
    )
    assert finished.stdout.split(maxsplit=1) == [
        str(package / "onecdp/__init__.py"),
        "[0, 0, 0, 0, 0]\n",
    ], finished.stderr
    assert bool([*tmp_path.rglob("*.nbi")]) == is_home_writable
