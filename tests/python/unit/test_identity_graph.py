"""The graph itself: numbers of nodes, growth of its table, components beside networkx."""

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onecdp.identity.resolution.graph import NO_PRIORITY, Components, Ints

# Neighbours in the table, too: ids that differ in upper bits alone.
IDS = st.integers(0, 30) | st.integers(0, 2**63 - 1) | st.integers(0, 30).map(lambda n: n << 58)


def priorities(length: int) -> np.ndarray:
    return np.arange(length, dtype=np.int16)


@given(batches=st.lists(st.lists(st.tuples(IDS, IDS), min_size=1, max_size=40), max_size=6))
@settings(max_examples=60, deadline=None)
def test_components_are_those_of_networkx(batches: list[list[tuple[int, int]]]) -> None:
    graph, oracle = Components(), nx.Graph()
    for batch in batches:
        ends = np.array(batch, dtype=np.int64)
        given_numbers = graph.add(
            ends[:, 0], ends[:, 1], priorities(len(batch)), priorities(len(batch))
        )
        for side, numbers in enumerate(given_numbers):
            assert graph.ids[numbers].tolist() == ends[:, side].tolist()
        oracle.add_edges_from(batch)
        # Between batches too: what was flat grows on.
        smallest = {node: min(part) for part in nx.connected_components(oracle) for node in part}
        assert dict(zip(graph.ids.tolist(), graph.components().tolist(), strict=True)) == smallest


def test_a_table_that_grows_keeps_numbers_and_priorities() -> None:
    rng = np.random.default_rng(3)
    nodes: Ints = rng.permutation(rng.choice(2**62, 200_000, replace=False))
    graph = Components(expected_nodes=10)
    half = len(nodes) // 2
    kept = rng.integers(0, 9, half).astype(np.int16)
    left, right = graph.add(nodes[:half], nodes[half:], kept, kept)
    assert graph.node_count == len(nodes)
    assert np.array_equal(graph.numbers_of(nodes), np.concatenate([left, right]))
    assert np.array_equal(graph.priorities[left], kept)
    assert np.array_equal(graph.priorities[right], kept)
    assert np.array_equal(graph.components()[left], np.minimum(nodes[:half], nodes[half:]))
    assert np.array_equal(graph.components()[right], np.minimum(nodes[:half], nodes[half:]))


def test_nodes_without_edges_come_once_and_keep_the_priority_they_came_with() -> None:
    graph = Components()
    graph.add(np.array([7]), np.array([5]), priorities(1), priorities(1))
    assert graph.add_nodes(np.array([5, 9, 9])).tolist() == [1, 2, 2]
    assert graph.ids.tolist() == [7, 5, 9]
    assert graph.priorities.tolist() == [0, 0, NO_PRIORITY]
    assert graph.components().tolist() == [5, 5, 9]
    assert graph.numbers_of(np.array([9, 8])).tolist() == [2, -1]


def test_a_negative_id_is_an_error_and_what_came_before_it_stays_right() -> None:
    graph = Components()
    many = np.arange(1, 1 + 3 * 65_536)
    none = np.zeros(len(many), dtype=np.int16)
    graph.add(many[:1], many[:1], none[:1], none[:1])
    graph.flatten()
    right = np.concatenate([np.zeros(2 * 65_536, dtype=np.int64), np.full(65_536, -3)])
    with pytest.raises(ValueError, match="node id -3 is negative"):
        graph.add(many, right, none, none)
    assert set(graph.components()[graph.numbers_of(many[: 2 * 65_536])].tolist()) == {0}


@given(
    edges=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=12),
    most=st.integers(1, 3),
    cap=st.integers(2, 8),
    cannot_links=st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)), max_size=3),
)
@settings(max_examples=100, deadline=None)
def test_broken_are_whole_components_that_break_a_rule(
    edges: list[tuple[int, int]], most: int, cap: int, cannot_links: list[tuple[int, int]]
) -> None:
    ends = np.array(edges, dtype=np.int64)
    graph = Components()
    # The type of a node follows from its id.
    types = [(ends[:, side] % 3).astype(np.int16) for side in (0, 1)]
    graph.add(ends[:, 0], ends[:, 1], *types)
    pairs = np.array(cannot_links, dtype=np.int64).reshape(-1, 2)
    found = graph.broken([(1, most)], pairs, cap)
    assert found.tolist() == sorted(set(found.tolist()))
    expected: set[int] = set()
    for part in nx.connected_components(nx.Graph(edges)):
        if (
            len(part) > cap
            or sum(node % 3 == 1 for node in part) > most
            or any({*pair} <= part for pair in cannot_links)
        ):
            expected |= part
    assert set(graph.ids[found].tolist()) == expected
