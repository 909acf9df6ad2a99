"""Components and widest paths against networkx, on any graph."""

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onecdp.identity.components import connected_components, widest_path_confidences

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


@given(EDGES)
def test_components_equal_those_of_networkx(rows: list[tuple[int, int, float]]) -> None:
    graph = nx.Graph((left, right) for left, right, _ in rows)
    expected = {node: min(part) for part in nx.connected_components(graph) for node in part}
    assert as_dict(connected_components(as_edges(rows)), "component_id") == expected


@given(EDGES, st.randoms())
def test_order_and_direction_of_edges_do_not_matter(
    rows: list[tuple[int, int, float]], random: np.random.Generator
) -> None:
    shuffled = [(right, left, confidence) for left, right, confidence in rows]
    random.shuffle(shuffled)
    components = connected_components(as_edges(rows))
    assert components.equals(connected_components(as_edges(shuffled)))
    roots = as_roots(sorted(set(components["component_id"].to_pylist())))
    assert widest_path_confidences(as_edges(rows), roots).equals(
        widest_path_confidences(as_edges(shuffled), roots)
    )


@given(EDGES, st.data())
def test_confidence_is_the_weakest_link_of_the_best_path(
    rows: list[tuple[int, int, float]], data: st.DataObject
) -> None:
    graph = nx.Graph((left, right) for left, right, _ in rows)
    parts = [sorted(part) for part in nx.connected_components(graph)]
    roots = [data.draw(st.sampled_from(part)) for part in parts]
    expected: dict[int, float] = {}
    for root in roots:
        expected |= widest_paths(rows, root)
    # A root of a component without edges is passed over.
    found = widest_path_confidences(as_edges(rows), as_roots([*roots, 99]))
    assert as_dict(found, "confidence") == expected


def test_a_long_chain_is_one_component() -> None:
    length = 20_000
    chain = [(node, node + 1, 1.0 - node / length / 2) for node in range(length)]
    chain.reverse()
    assert set(connected_components(as_edges(chain))["component_id"].to_pylist()) == {0}
    confidences = as_dict(widest_path_confidences(as_edges(chain), as_roots([0])), "confidence")
    assert confidences[0] == 1.0
    assert confidences[length] == 1.0 - (length - 1) / length / 2


def test_no_edges_give_no_rows() -> None:
    assert connected_components(as_edges([])).num_rows == 0
    assert widest_path_confidences(as_edges([]), as_roots([3])).num_rows == 0


def test_a_component_without_a_root_is_an_error() -> None:
    with pytest.raises(ValueError, match="component of node 4 has no root"):
        widest_path_confidences(as_edges([(1, 2, 0.9), (4, 5, 0.9)]), as_roots([1]))
