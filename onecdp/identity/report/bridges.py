"""Bridges: the links whose loss would split a person.

Depth-first search with low points (Tarjan, "A note on finding the bridges of a graph", Information
Processing Letters 2, 1974), with an explicit stack, so that long chains cause no deep recursion.
Linear in nodes and links.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onecdp.compiled import compiled
from onecdp.identity.resolution.graph import Ints


@dataclass(frozen=True)
class Bridges:
    """The edges that are bridges.

    Attributes:
        positions: Positions of the bridges among the given edges, ascending.
        left_sizes: Per bridge, the nodes on the side of the left end without it.
        right_sizes: The same of the right end.
    """

    positions: Ints
    left_sizes: Ints
    right_sizes: Ints


def find_bridges(left: Ints, right: Ints, multiplicity: Ints) -> Bridges:
    """Finds the bridges of a multigraph.

    Args:
        left: One end of each edge; any integers. Each pair occurs once, in either direction.
        right: The other end.
        multiplicity: Parallel links per edge; an edge with more than one is not a bridge.
    """
    nodes, ends = np.unique(np.concatenate([left, right]), return_inverse=True)
    left_ends, right_ends = ends[: len(left)], ends[len(left) :]
    # Both directions of every edge, sorted by start: edge k is at k and k + n.
    order = np.argsort(ends, kind="stable")
    first = np.zeros(len(nodes) + 1, dtype=np.int64)
    np.cumsum(np.bincount(ends, minlength=len(nodes)), out=first[1:])
    targets = np.concatenate([right_ends, left_ends])[order]
    edges = order % max(len(left), 1)
    child, child_size, component_size = _search(first, targets, edges, len(left))
    positions = np.flatnonzero((child >= 0) & (multiplicity == 1))
    below, above = child_size[positions], component_size[positions] - child_size[positions]
    is_left_below = child[positions] == left_ends[positions]
    return Bridges(
        positions, np.where(is_left_below, below, above), np.where(is_left_below, above, below)
    )


@compiled
def _search(
    first: Ints, targets: Ints, edges: Ints, edge_count: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns per bridge its lower node, the size of the subtree there, and of the component."""
    node_count = len(first) - 1
    entered = np.full(node_count, -1, dtype=np.int64)
    low = np.empty(node_count, dtype=np.int64)
    size = np.ones(node_count, dtype=np.int64)
    upward = np.full(node_count, -1, dtype=np.int64)
    following = first[:-1].copy()
    stack = np.empty(node_count, dtype=np.int64)
    # Bridges of the current component, whose size is known only after its search.
    found = np.empty(node_count, dtype=np.int64)
    child = np.full(edge_count, -1, dtype=np.int64)
    child_size = np.zeros(edge_count, dtype=np.int64)
    component_size = np.zeros(edge_count, dtype=np.int64)
    clock = 0
    for start in range(node_count):
        if entered[start] >= 0:
            continue
        entered[start] = low[start] = clock
        clock += 1
        stack[0] = start
        depth = 1
        found_count = 0
        while depth:
            node = stack[depth - 1]
            position = following[node]
            if position < first[node + 1]:
                following[node] += 1
                target = targets[position]
                if edges[position] == upward[node]:
                    continue
                if entered[target] >= 0:
                    low[node] = min(low[node], entered[target])
                    continue
                upward[target] = edges[position]
                entered[target] = low[target] = clock
                clock += 1
                stack[depth] = target
                depth += 1
                continue
            depth -= 1
            if depth:
                parent = stack[depth - 1]
                low[parent] = min(low[parent], low[node])
                size[parent] += size[node]
                if low[node] > entered[parent]:
                    edge = upward[node]
                    child[edge] = node
                    child_size[edge] = size[node]
                    found[found_count] = edge
                    found_count += 1
        for number in range(found_count):
            component_size[found[number]] = size[start]
    return child, child_size, component_size
