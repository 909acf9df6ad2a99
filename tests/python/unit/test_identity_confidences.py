"""Widest paths against a slow search, on any graph."""

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onecdp.identity.resolution.confidences import widest_path_confidences

NODE = st.integers(0, 30)
CONFIDENCE = st.sampled_from([0.0, 0.25, 0.8, 0.9, 0.95, 0.99, 1.0])
EDGES = st.lists(st.tuples(NODE, NODE, CONFIDENCE), max_size=60)


def as_edges(rows: list[tuple[int, int, float]]) -> pa.Table:
    left, right, confidence = zip(*rows, strict=True) if rows else ((), (), ())
    return pa.table(
        {
            "left_node_id": pa.array(left, pa.int64()),
            "right_node_id": pa.array(right, pa.int64()),
            "confidence": pa.array(confidence, pa.float64()),
        }
    )


def as_roots(nodes: list[int]) -> pa.Table:
    return pa.table({"root_node_id": pa.array(nodes, pa.int64())})


def as_dict(table: pa.Table, column: str) -> dict[int, float]:
    return dict(zip(table["node_id"].to_pylist(), table[column].to_pylist(), strict=True))


def widest_paths(rows: list[tuple[int, int, float]], root: int) -> dict[int, float]:
    """The slow, plain way: raise a node's confidence until nothing changes."""
    best = {root: 1.0}
    changed = True
    while changed:
        changed = False
        for left, right, confidence in rows:
            for here, there in ((left, right), (right, left)):
                through = min(best.get(here, -1.0), confidence)
                if through > best.get(there, -1.0):
                    best[there] = through
                    changed = True
    return best


def components(rows: list[tuple[int, int, float]]) -> list[set[int]]:
    return list(nx.connected_components(nx.Graph((left, right) for left, right, _ in rows)))


@settings(deadline=None)
@given(EDGES, st.randoms())
def test_order_and_direction_of_edges_do_not_matter(
    rows: list[tuple[int, int, float]], random: np.random.Generator
) -> None:
    shuffled = [(right, left, confidence) for left, right, confidence in rows]
    random.shuffle(shuffled)
    roots = as_roots([min(part) for part in components(rows)])
    expected = as_dict(widest_path_confidences(as_edges(rows), roots), "confidence")
    found = widest_path_confidences(as_edges(shuffled), roots)
    assert as_dict(found, "confidence") == expected


@settings(deadline=None)
@given(EDGES, st.data())
def test_confidence_is_the_weakest_link_of_the_best_path(
    rows: list[tuple[int, int, float]], data: st.DataObject
) -> None:
    parts = [sorted(part) for part in components(rows)]
    roots = [data.draw(st.sampled_from(part)) for part in parts]
    expected: dict[int, float] = {}
    for root in roots:
        expected |= widest_paths(rows, root)
    # A root of a component without edges is passed over.
    found = widest_path_confidences(as_edges(rows), as_roots([*roots, 99]))
    assert as_dict(found, "confidence") == expected


def test_a_long_chain_is_as_weak_as_its_weakest_link() -> None:
    length = 20_000
    chain = [(node, node + 1, 1.0 - node / length / 2) for node in range(length)]
    chain.reverse()
    confidences = as_dict(widest_path_confidences(as_edges(chain), as_roots([0])), "confidence")
    assert confidences[0] == 1.0
    assert confidences[length] == 1.0 - (length - 1) / length / 2


def test_no_edges_give_no_rows() -> None:
    assert widest_path_confidences(as_edges([]), as_roots([3])).num_rows == 0


def test_a_component_without_a_root_is_an_error() -> None:
    with pytest.raises(ValueError, match="component of node 4 has no root"):
        widest_path_confidences(as_edges([(1, 2, 0.9), (4, 5, 0.9)]), as_roots([1]))


def test_a_component_with_two_roots_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"component of node \d has two roots"):
        widest_path_confidences(as_edges([(1, 2, 0.9), (2, 5, 0.9)]), as_roots([1, 5]))


def test_ids_of_all_sizes_find_room() -> None:
    # A star of more nodes than one piece and one table hold; ids up to the largest.
    leaves = [(2**63 - 1, leaf * 2**40 + 1, 0.5) for leaf in range(200_000)]
    found = widest_path_confidences(as_edges(leaves), as_roots([2**63 - 1]))
    assert found.num_rows == 200_001
    assert sum(found["confidence"].to_pylist()) == 100_001.0
