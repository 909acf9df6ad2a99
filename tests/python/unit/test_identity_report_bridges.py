"""Bridges against networkx, on any multigraph."""

from __future__ import annotations

import time

import networkx as nx
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from onecdp.identity.report.bridges import find_bridges

# Few nodes make cycles, far-apart numbers make sure that nobody counts on dense ones.
NODE = st.integers(0, 12).map(lambda number: number * 7 - 3)
LINKS = st.lists(st.tuples(NODE, NODE).filter(lambda link: link[0] != link[1]), max_size=30)


def bridges(links: list[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, int]]:
    counts: dict[tuple[int, int], int] = {}
    for left, right in links:
        key = (left, right) if (right, left) not in counts else (right, left)
        counts[key] = counts.get(key, 0) + 1
    pairs = list(counts)
    found = find_bridges(
        np.array([left for left, _ in pairs], dtype=np.int64),
        np.array([right for _, right in pairs], dtype=np.int64),
        np.array(list(counts.values()), dtype=np.int64),
    )
    sizes = zip(found.left_sizes.tolist(), found.right_sizes.tolist(), strict=True)
    return dict(zip((pairs[p] for p in found.positions), sizes, strict=True))


def oracle(links: list[tuple[int, int]]) -> dict[frozenset[int], dict[int, int]]:
    """Each bridge with how many nodes stay on the side of each end."""
    graph = nx.MultiGraph(links)
    simple = nx.Graph(links)
    expected = {}
    for left, right in nx.bridges(simple):
        if graph.number_of_edges(left, right) == 1:
            cut = simple.copy()
            cut.remove_edge(left, right)
            expected[frozenset((left, right))] = {
                end: len(nx.node_connected_component(cut, end)) for end in (left, right)
            }
    return expected


# The first call compiles.
@settings(deadline=None)
@given(LINKS)
def test_bridges_and_both_sides_equal_those_of_networkx(links: list[tuple[int, int]]) -> None:
    found = {
        frozenset(pair): dict(zip(pair, sizes, strict=True))
        for pair, sizes in bridges(links).items()
    }
    assert found == oracle(links)


def test_a_second_channel_takes_the_bridge_away() -> None:
    assert bridges([(1, 2), (2, 3)]) == {(1, 2): (1, 2), (2, 3): (2, 1)}
    assert bridges([(1, 2), (2, 3), (3, 2)]) == {(1, 2): (1, 2)}


def test_a_chain_of_a_million_is_no_recursion_and_takes_seconds() -> None:
    left = np.arange(1_000_000, dtype=np.int64)
    bridges([(1, 2)])  # compiled, or read from the cache

    started = time.perf_counter()
    found = find_bridges(left, left + 1, np.ones_like(left))

    assert len(found.positions) == len(left)
    assert (found.left_sizes == left + 1).all()
    assert (found.left_sizes + found.right_sizes == len(left) + 1).all()
    assert time.perf_counter() - started < 20


def test_no_links_at_all() -> None:
    assert bridges([]) == {}
