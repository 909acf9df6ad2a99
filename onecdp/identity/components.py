"""Connected components of a link graph, and how strongly a node hangs on its root.

Both functions take edges as Arrow tables of dense integer node ids and give Arrow tables back,
sorted by node id; neither depends on the order of the edges.
"""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from scipy.sparse import coo_matrix, csgraph

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def connected_components(edges: pa.Table) -> pa.Table:
    """Give every node of an edge its component.

    Args:
        edges: columns left_node_id, right_node_id (integers); any order, repeats allowed.

    Returns:
        One row per node that has an edge: node_id, component_id (int64). A component is named
        by its smallest node id, so the name does not depend on the order of the edges.
    """
    nodes, left, right = _compact(edges)
    ones = np.ones(len(left), dtype=np.int8)
    graph = coo_matrix((ones, (left, right)), shape=(len(nodes), len(nodes)))
    _, labels = csgraph.connected_components(graph, directed=False)
    # `nodes` is sorted, so the first position of a label is its smallest node.
    _, first_position = np.unique(labels, return_index=True)
    return pa.table({"node_id": nodes, "component_id": nodes[first_position][labels]})


def widest_path_confidences(edges: pa.Table, roots: pa.Table) -> pa.Table:
    """Give every node of an edge the weakest confidence on its best path to its root.

    The best path is the one whose weakest edge is strongest; it runs along a maximum spanning
    tree (Hu, "The maximum capacity route problem", Operations Research 9, 1961).

    Args:
        edges: columns left_node_id, right_node_id (integers), confidence (0 to 1).
        roots: column root_node_id; exactly one root in each component that has an edge, other
            roots are passed over.

    Returns:
        One row per node that has an edge: node_id (int64), confidence (double); 1.0 for a root.

    Raises:
        ValueError: a component has no root.
    """
    nodes, left, right = _compact(edges)
    if not len(nodes):
        return pa.table({"node_id": nodes, "confidence": np.empty(0)})
    confidence = edges["confidence"].to_numpy().astype(np.float64)
    root_ids = np.intersect1d(roots["root_node_id"].to_numpy(), nodes)
    root_positions = np.searchsorted(nodes, root_ids)

    # One node above all roots makes the forest one tree: a single search walks all of it.
    top = len(nodes)
    tree_left, tree_right, tree_confidence = _maximum_spanning_forest(
        left, right, confidence, len(nodes)
    )
    walk_left = np.concatenate([tree_left, np.full(len(root_positions), top)])
    walk_right = np.concatenate([tree_right, root_positions])
    tree = coo_matrix(
        (np.ones(len(walk_left), dtype=np.int8), (walk_left, walk_right)),
        shape=(top + 1, top + 1),
    ).tocsr()
    _, parents = csgraph.breadth_first_order(tree, top, directed=False)
    parents = parents.astype(np.int64)
    if (parents[:top] < 0).any():
        orphan = int(nodes[np.flatnonzero(parents[:top] < 0)[0]])
        raise ValueError(f"the component of node {orphan} has no root")

    # The edge that leads from a node to its parent; edges to the top never weaken a path.
    weakest = np.ones(top + 1)
    child = np.where(parents[tree_left] == tree_right, tree_left, tree_right)
    weakest[child] = tree_confidence
    parents[top] = top
    # Pointer doubling: after k rounds every node knows the weakest of its next 2^k edges.
    while not (parents == top).all():
        weakest = np.minimum(weakest, weakest[parents])
        parents = parents[parents]
    return pa.table({"node_id": nodes, "confidence": weakest[:top]})


def _maximum_spanning_forest(
    left: Ints, right: Ints, confidence: Floats, size: int
) -> tuple[Ints, Ints, Floats]:
    """The strongest edges that keep every component connected, as left, right, confidence."""
    low, high = np.minimum(left, right), np.maximum(left, right)
    strongest_first = np.lexsort((-confidence, high, low))
    low, high, confidence = low[strongest_first], high[strongest_first], confidence[strongest_first]
    is_first = np.ones(len(low), dtype=bool)
    is_first[1:] = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    is_first &= low != high
    # scipy looks for the minimum and reads a weight of zero as "no edge": the strongest
    # confidence weighs 1, the next 2, so that nothing is lost to rounding on the way back.
    levels, level = np.unique(confidence[is_first], return_inverse=True)
    weights = len(levels) - level
    graph = coo_matrix((weights, (low[is_first], high[is_first])), shape=(size, size))
    forest = csgraph.minimum_spanning_tree(graph).tocoo()
    kept = levels[len(levels) - forest.data.astype(np.int64)]
    return forest.row.astype(np.int64), forest.col.astype(np.int64), kept


def _compact(edges: pa.Table) -> tuple[Ints, Ints, Ints]:
    """Sorted distinct node ids, and both ends of each edge as positions in them."""
    left = edges["left_node_id"].to_numpy().astype(np.int64)
    right = edges["right_node_id"].to_numpy().astype(np.int64)
    nodes, positions = np.unique(np.concatenate([left, right]), return_inverse=True)
    return nodes, positions[: len(left)], positions[len(left) :]
