"""Resolution against networkx, and against the plain replay, for any graph and any batches."""

from collections.abc import Iterator

import duckdb
import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.identity_reference import Edge, breaks, clusters_by_rule
from support.identity_store import Clusters, Store, by_node, edge_rows, resolve_all

from onecdp.identity.resolution.resolve import resolve
from onecdp.identity.resolution.settings import Limit, Settings

NO_RULES = Settings(limits=(), cannot_links=(), max_cluster_size=10**9)
DAY = st.none() | st.integers(0, 6)
NODES = 14
TYPES = 4


@st.composite
def an_edge(draw: st.DrawFn, nodes: int = NODES) -> Edge:
    """An edge between two nodes, whose types follow from their numbers."""
    left, right = draw(
        st.tuples(st.integers(0, nodes - 1), st.integers(0, nodes - 1)).filter(
            lambda pair: pair[0] != pair[1]
        )
    )
    left, right = sorted((left, right), key=lambda node: (node % TYPES, node))
    first, last = draw(DAY), draw(DAY)
    if first is not None and last is not None:
        first, last = min(first, last), max(first, last)
    return Edge(
        left=left,
        right=right,
        left_priority=left % TYPES,
        right_priority=right % TYPES,
        method_rank=draw(st.sampled_from([0, 1, 1, 1, 1, 2])),
        confidence=draw(st.sampled_from([0.8, 0.9, 0.95])),
        first_day=first,
        last_day=last,
    )


@st.composite
def some_rules(draw: st.DrawFn) -> Settings:
    """Limits on some types, with and without a window; cannot-links; a cap."""
    limits = [
        Limit(priority, draw(st.integers(1, 3)), draw(st.none() | st.integers(0, 3)))
        for priority in range(TYPES)
        if draw(st.booleans())
    ]
    node = st.integers(0, NODES + 1)
    pairs = st.tuples(node, node).filter(lambda pair: pair[0] != pair[1])
    cannot_links = draw(st.lists(pairs, max_size=3))
    return Settings(tuple(limits), tuple(cannot_links), draw(st.sampled_from([2, 5, 1000])))


def unique(edges: list[Edge]) -> list[Edge]:
    return list({(edge.left, edge.right): edge for edge in edges}.values())


def parts(clusters: Clusters, position: int) -> set[frozenset[int]]:
    """The partition by component (0) or cluster (1), each named by its smallest node."""
    found: dict[int, set[int]] = {}
    for node, names in clusters.items():
        found.setdefault(names[position], set()).add(node)
    assert all(name == min(part) for name, part in found.items())
    return {frozenset(part) for part in found.values()}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


EDGES = st.lists(an_edge(), max_size=40).map(unique)


@settings(deadline=None)
@given(EDGES)
def test_without_rules_clusters_are_the_components_of_networkx(
    connection: duckdb.DuckDBPyConnection, edges: list[Edge]
) -> None:
    graph = nx.Graph((edge.left, edge.right) for edge in edges)
    expected = {frozenset(part) for part in nx.connected_components(graph)}
    clusters = resolve_all(connection, edges, NO_RULES)
    assert parts(clusters, 0) == expected
    assert parts(clusters, 1) == expected


@settings(max_examples=200, deadline=None)
@given(EDGES, some_rules())
def test_clusters_are_those_of_the_plain_replay(
    connection: duckdb.DuckDBPyConnection, edges: list[Edge], rules: Settings
) -> None:
    expected, refused = clusters_by_rule(edges, rules)
    clusters = resolve_all(connection, edges, rules)
    assert parts(clusters, 1) == {frozenset(cluster) for cluster in expected}
    graph = nx.Graph((edge.left, edge.right) for edge in edges)
    assert parts(clusters, 0) == {frozenset(part) for part in nx.connected_components(graph)}
    across = {edge for edge in edges if clusters[edge.left][1] != clusters[edge.right][1]}
    assert across == set(refused)


@settings(deadline=None)
@given(EDGES, some_rules())
def test_only_a_manual_edge_makes_a_cluster_that_breaks_a_rule(
    connection: duckdb.DuckDBPyConnection, edges: list[Edge], rules: Settings
) -> None:
    clusters = resolve_all(connection, edges, rules)
    priorities = {edge.left: edge.left_priority for edge in edges}
    priorities |= {edge.right: edge.right_priority for edge in edges}
    for cluster in parts(clusters, 1):
        assert not any({left, right} <= cluster for left, right in rules.cannot_links)
        if any(edge.method_rank == 0 and edge.left in cluster for edge in edges):
            continue
        assert len(cluster) <= rules.max_cluster_size
        for limit in rules.limits:
            values = [node for node in cluster if priorities[node] == limit.priority]
            assert not breaks(values, limit, edges)


@settings(deadline=None)
@given(EDGES, some_rules(), st.randoms())
def test_the_order_of_rows_and_of_rules_does_not_matter(
    connection: duckdb.DuckDBPyConnection,
    edges: list[Edge],
    rules: Settings,
    random: np.random.Generator,
) -> None:
    shuffled, limits, pairs = [*edges], [*rules.limits], [pair[::-1] for pair in rules.cannot_links]
    for each in (shuffled, limits, pairs):
        random.shuffle(each)
    other = Settings(tuple(limits), tuple(pairs), rules.max_cluster_size)
    assert other.fingerprint == rules.fingerprint
    assert resolve_all(connection, shuffled, other) == resolve_all(connection, edges, rules)
    # An edge that is written twice is one edge.
    assert resolve_all(connection, [*shuffled, *edges], rules) == resolve_all(
        connection, edges, rules
    )


BATCH = st.tuples(st.lists(an_edge(), max_size=6), st.lists(an_edge(), max_size=3))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(BATCH, min_size=1, max_size=7),
    st.lists(some_rules(), min_size=1, max_size=2),
    st.data(),
)
def test_batch_by_batch_gives_what_resolving_all_gives(
    connection: duckdb.DuckDBPyConnection,
    batches: list[tuple[list[Edge], list[Edge]]],
    rules: list[Settings],
    data: st.DataObject,
) -> None:
    store = Store(connection)
    now = rules[0]
    for new, gone in batches:
        present = [(edge.left, edge.right) for edge in store.present]
        withdrawn = data.draw(st.lists(st.sampled_from(present), max_size=4)) if present else []
        store.change(new, [*withdrawn, *((edge.left, edge.right) for edge in gone)])
        before = store.clusters
        was, now = now, data.draw(st.sampled_from([now, now, now, *rules]))
        written = store.resolve(now)

        # The same as all at once, row for row but for resolved_through_at; and as the plain replay.
        stored, anew = store.clusters, store.resolve_anew(now)
        for one, other in ((stored, anew), (anew, stored)):  # noqa: B007 (DuckDB finds them)
            assert not connection.execute(
                "select * exclude (resolved_through_at) from one except all "
                "select * exclude (resolved_through_at) from other"
            ).fetchall()
        expected, _ = clusters_by_rule(store.present, now)
        in_an_edge = {node for cluster in expected for node in cluster}
        assert {p for p in parts(by_node(stored), 1) if p & in_an_edge} == set(
            map(frozenset, expected)
        )
        assert set(stored["resolved_through_at"].to_pylist()) <= {
            *before["resolved_through_at"].to_pylist(),
            *anew["resolved_through_at"].to_pylist(),
        }

        # Rows of components that no change touches are not written.
        if now.fingerprint == was.fingerprint and len(before):
            touched = {
                node
                for edge, _, day in store.edges.values()
                if day == store.day
                for node in (edge.left, edge.right)
            }
            known = by_node(before)
            dirty = {known[node][0] for node in touched & known.keys()}
            whole = {node for node, (component, _) in known.items() if component in dirty}
            assert set(by_node(written)) == touched | whole


def test_nothing_to_do_gives_no_rows(connection: duckdb.DuckDBPyConnection) -> None:
    store = Store(connection)
    assert store.resolve(NO_RULES).num_rows == 0
    store.change([Edge(1, 2), Edge(3, 4)], [])
    assert store.resolve(NO_RULES).num_rows == 4
    assert store.resolve(NO_RULES).num_rows == 0


def test_a_changed_rule_resolves_all(connection: duckdb.DuckDBPyConnection) -> None:
    store = Store(connection)
    store.change([Edge(1, 2), Edge(3, 4)], [])
    store.resolve(NO_RULES)
    apart = Settings((), ((1, 2),), 1000)
    assert by_node(store.resolve(apart)) == {1: (1, 1), 2: (1, 2), 3: (3, 3), 4: (3, 3)}
    assert by_node(store.resolve(NO_RULES)) == {1: (1, 1), 2: (1, 1), 3: (3, 3), 4: (3, 3)}


def test_a_merge_and_its_withdrawal_leave_what_was(connection: duckdb.DuckDBPyConnection) -> None:
    store = Store(connection)
    store.change([Edge(1, 2), Edge(3, 4), Edge(5, 6)], [])
    store.resolve(NO_RULES)
    before = by_node(store.clusters)
    store.change([Edge(2, 3)], [])
    assert by_node(store.resolve(NO_RULES)) == dict.fromkeys((1, 2, 3, 4), (1, 1))
    store.change([], [(2, 3)])
    assert set(by_node(store.resolve(NO_RULES))) == {1, 2, 3, 4}
    assert by_node(store.clusters) == before


def test_tables_of_the_user_are_neither_read_nor_made(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    connection.execute("set python_enable_replacements = false")
    for name in ("dirty", "dirty_edges", "suspects", "edges", "stored", "standing"):
        connection.execute(f"create table {name} as select 99::bigint as node_id")
    tables = connection.sql("from duckdb_tables() select table_name").fetchall()
    store = Store(connection)
    one_of_a_type = Settings((Limit(1, 1, None),), (), 1000)
    store.change([Edge(1, 2, 1, 2), Edge(3, 4, 1, 2)], [])
    store.resolve(one_of_a_type)
    store.change([Edge(2, 3, 2, 1)], [])
    assert by_node(store.resolve(one_of_a_type)) == {1: (1, 1), 2: (1, 1), 3: (1, 3), 4: (1, 3)}
    assert connection.sql("from duckdb_tables() select table_name").fetchall() == tables
    assert not connection.sql("from duckdb_views() where not internal").fetchall()


def test_a_node_without_its_last_edge_is_its_own_component(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    store = Store(connection)
    store.change([Edge(1, 2)], [])
    store.resolve(NO_RULES)
    store.change([], [(1, 2)])
    assert by_node(store.resolve(NO_RULES)) == {1: (1, 1), 2: (2, 2)}


def test_a_negative_node_id_and_two_limits_of_a_type_are_errors(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    edges = connection.from_arrow(edge_rows([(Edge(-7, 2), True, 0)]))
    with pytest.raises(ValueError, match="node id -7 is negative"):
        resolve(connection, edges, NO_RULES)
    with pytest.raises(ValueError, match="a type has two limits"):
        resolve(connection, edges, Settings((Limit(1, 1, None), Limit(1, 2, None)), (), 10))
