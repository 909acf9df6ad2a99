"""How strongly a node hangs on its root: the weakest edge of its best path there."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from onecdp.identity.resolution.graph import Components, compiled, find


def widest_path_confidences(edges: pa.Table, roots: pa.Table) -> pa.Table:
    """Give every node of an edge the weakest confidence on its best path to its root.

    The best path is the one whose weakest edge is strongest; it runs along a maximum spanning
    tree (Hu, "The maximum capacity route problem", Operations Research 9, 1961). Kruskal's
    algorithm grows that tree from the strongest edge to the weakest, so the edge that joins a
    cluster to the one with the root is the weakest on the best path of all its nodes.

    Args:
        edges: columns left_node_id, right_node_id (bigint, 0 or more), confidence (0 to 1); any
            order, repeats allowed.
        roots: column root_node_id; exactly one root in each component that has an edge, other
            roots are passed over.

    Returns:
        One row per node that has an edge, in no order: node_id (int64), confidence (double);
        1.0 for a root.

    Raises:
        ValueError: a component has no root or two, or a node id is negative.
    """
    graph = Components(expected_nodes=edges.num_rows)
    ends = [edges[column].to_numpy() for column in ("left_node_id", "right_node_id")]
    left, right = (graph.add_nodes(nodes) for nodes in ends)
    root_numbers = graph.numbers_of(roots["root_node_id"].to_numpy())
    confidence = edges["confidence"].to_numpy()
    # Equal confidences may come in any order: what they give is the same.
    order = np.argsort(-confidence).astype(np.int32)
    best, crowded = _best_paths(graph.parents, left, right, confidence, order, root_numbers)
    if crowded >= 0:
        raise ValueError(f"the component of node {graph.ids[crowded]} has two roots")
    is_lonely = np.isnan(best[left])
    if is_lonely.any():
        raise ValueError(f"the component of node {ends[0][is_lonely].min()} has no root")
    return pa.table({"node_id": graph.ids, "confidence": best})


@compiled
def _best_paths(parents, left, right, confidence, order, root_numbers):  # type: ignore[no-untyped-def]
    best = np.full(len(parents), np.nan)
    has_root = np.zeros(len(parents), dtype=np.bool_)
    # The nodes of a cluster are a ring: two rings become one by exchanging two successors.
    successors = np.arange(len(parents)).astype(np.int32)
    for number in root_numbers:
        if number >= 0:
            has_root[number] = True
            best[number] = 1.0
    for edge in order:
        one = find(parents, left[edge])
        two = find(parents, right[edge])
        if one == two:
            continue
        if has_root[one] and has_root[two]:
            return best, left[edge]
        if has_root[one] or has_root[two]:
            first = two if has_root[one] else one
            number = first
            while np.isnan(best[number]):
                best[number] = confidence[edge]
                number = successors[number]
        successors[one], successors[two] = successors[two], successors[one]
        winner, loser = (one, two) if one < two else (two, one)
        parents[loser] = winner
        has_root[winner] |= has_root[loser]
    return best, -1
