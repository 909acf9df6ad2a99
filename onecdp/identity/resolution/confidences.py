"""The confidence that a node belongs to its root: the weakest edge on its best path there."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from onecdp.compiled import compiled
from onecdp.identity.resolution.graph import Components, Numbers, find

Floats = npt.NDArray[np.float64]


def widest_path_confidences(edges: pa.Table, roots: pa.Table) -> pa.Table:
    """Returns the weakest confidence on the best path from each node to its root.

    The best path is the one whose weakest edge is strongest; it runs along a maximum spanning
    tree (Hu, "The maximum capacity route problem", Operations Research 9, 1961). Kruskal's
    algorithm grows that tree from the strongest edge to the weakest, so the edge that joins a
    cluster to the one with the root is the weakest on the best path of all its nodes.

    Args:
        edges: columns left_node_id, right_node_id (bigint, 0 or more), confidence (0 to 1); any
            order, repeats allowed.
        roots: column root_node_id; exactly one root in each component that has an edge, other
            roots are ignored.

    Returns:
        One row per node that has an edge, in no order: node_id (int64), confidence (double;
        1.0 for a root).

    Raises:
        ValueError: a component has no root or two, or a node id is negative.
    """
    graph = Components(expected_nodes=edges.num_rows)
    ends = [edges[column].to_numpy() for column in ("left_node_id", "right_node_id")]
    left, right = (graph.add_nodes(nodes) for nodes in ends)
    root_numbers = graph.numbers_of(roots["root_node_id"].to_numpy())
    confidence = edges["confidence"].to_numpy()
    # Ties need no tie-break: any order of equal confidences gives the same result.
    order = np.argsort(-confidence).astype(np.int32)
    best, second_root = _best_paths(
        graph.parents, _Edges(left, right, confidence, order), root_numbers
    )
    if second_root >= 0:
        raise ValueError(f"the component of node {graph.ids[second_root]} has two roots")
    has_no_root = np.isnan(best[left])
    if has_no_root.any():
        raise ValueError(f"the component of node {ends[0][has_no_root].min()} has no root")
    return pa.table({"node_id": graph.ids, "confidence": best})


class _Edges(NamedTuple):
    left: Numbers
    right: Numbers
    confidence: Floats
    # Positions of the edges, strongest first.
    order: Numbers


@compiled
def _best_paths(parents: Numbers, edges: _Edges, roots: Numbers) -> tuple[Floats, int]:
    """Unites all edges, strongest first.

    Args:
        parents: per node, itself.
        edges: the edges.
        roots: node numbers; negative ones are ignored.

    Returns:
        Per node the weakest confidence on its best path to its root, NaN if it has none; and a
        node of a component with two roots, -1 if there is none.
    """
    best = np.full(len(parents), np.nan)
    has_root = np.zeros(len(parents), dtype=np.bool_)
    # The nodes of a cluster form a ring; swapping two successors joins two rings.
    successors = np.arange(len(parents)).astype(np.int32)
    for number in roots:
        if number >= 0:
            has_root[number] = True
            best[number] = 1.0
    for edge in edges.order:
        one = find(parents, edges.left[edge])
        two = find(parents, edges.right[edge])
        if one == two:
            continue
        if has_root[one] and has_root[two]:
            return best, edges.left[edge]
        if has_root[one] or has_root[two]:
            number = two if has_root[one] else one
            while np.isnan(best[number]):
                best[number] = edges.confidence[edge]
                number = successors[number]
        successors[one], successors[two] = successors[two], successors[one]
        winner, loser = (one, two) if one < two else (two, one)
        parents[loser] = winner
        has_root[winner] |= has_root[loser]
    return best, -1
