"""Mergeable segment trees: the most values held at any one moment.

A tree spans the moments 0 to m - 1 of one component and stores only nodes that hold something.
Merging two trees visits only the nodes that both have, so all merges of n values take O(n log n)
together, and a comparison takes no longer than the smaller tree is large.

Walks use an explicit stack, because numba can't cache recursive functions on disk.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onecdp.compiled import compiled
from onecdp.identity.resolution.graph import Ints, Records

# The nodes of all trees; node 0 is the empty tree.
TREE_NODE = np.dtype(
    [
        # The nodes of the first and the second half of the span; 0: none.
        ("children", np.int64, 2),
        # How many values are held throughout this span, but not throughout the parent's.
        ("whole", np.int32),
        # The most values held at one moment of this span, the ancestors' `whole` excluded.
        ("most", np.int32),
    ],
    align=True,
)


class Trees(NamedTuple):
    """Memory for trees.

    Attributes:
        nodes: records of TREE_NODE.
        stack: working memory of the functions below, one entry more than nodes, of three numbers.
    """

    nodes: Records
    stack: Ints


def allocate_trees(moments: Ints) -> Trees:
    """Allocates memory for trees that hold one value each, and for merging them.

    Args:
        moments: per value, how many moments its tree spans; 0: no tree.
    """
    # A tree over m moments has at most 4 nodes on each of its log2(m) + 1 levels.
    levels = np.ceil(np.log2(np.maximum(moments, 1))).astype(np.int64) + 1
    size = 1 + int((4 * levels[moments > 0]).sum())
    return Trees(np.zeros(size, dtype=TREE_NODE), np.zeros((size + 1, 3), dtype=np.int64))


@compiled
def build_tree(nodes: Records, stack: Ints, root: int, moments: int, first: int, last: int) -> int:
    """Builds the tree of one value that is held from moment `first` to `last`.

    Args:
        nodes: where to build it.
        stack: working memory.
        root: the tree's root, the first unused node.
        moments: how many moments the tree spans.
        first: the first moment.
        last: the last moment.

    Returns:
        The next unused node.
    """
    nodes[root].most = 1
    stack[0, 0], stack[0, 1], stack[0, 2] = root, 0, moments - 1
    depth = 1
    unused = root + 1
    while depth:
        depth -= 1
        node, low, high = stack[depth, 0], stack[depth, 1], stack[depth, 2]
        if first <= low and high <= last:
            nodes[node].whole = 1
            continue
        middle = (low + high) // 2
        for side in range(2):
            if first <= middle if side == 0 else last > middle:
                nodes[node].children[side] = unused
                nodes[unused].most = 1
                stack[depth, 0] = unused
                stack[depth, 1] = low if side == 0 else middle + 1
                stack[depth, 2] = middle if side == 0 else high
                depth += 1
                unused += 1
    return unused


@compiled
def exceeds(nodes: Records, stack: Ints, left: int, right: int, max_values: int) -> bool:
    """Returns whether two trees together hold more than `max_values` at any moment."""
    stack[0, 0], stack[0, 1], stack[0, 2] = left, right, max_values
    depth = 1
    while depth:
        depth -= 1
        left, right, allowed = stack[depth, 0], stack[depth, 1], stack[depth, 2]
        if nodes[left].most + nodes[right].most <= allowed:
            continue
        if left == 0 or right == 0:
            return True
        allowed -= nodes[left].whole + nodes[right].whole
        if allowed < 0:
            return True
        for side in range(2):
            stack[depth, 0] = nodes[left].children[side]
            stack[depth, 1] = nodes[right].children[side]
            stack[depth, 2] = allowed
            depth += 1
    return False


@compiled
def merge_trees(nodes: Records, stack: Ints, left: int, right: int) -> int:
    """Adds the right tree to the left and returns the root."""
    if left == 0 or right == 0:
        return left + right
    stack[0, 0], stack[0, 1] = left, right
    count = 1
    position = 0
    while position < count:
        one, two = stack[position, 0], stack[position, 1]
        position += 1
        nodes[one].whole += nodes[two].whole
        for side in range(2):
            if nodes[one].children[side] == 0:
                nodes[one].children[side] = nodes[two].children[side]
            elif nodes[two].children[side] != 0:
                stack[count, 0] = nodes[one].children[side]
                stack[count, 1] = nodes[two].children[side]
                count += 1
    # Children were pushed after their parents, so backwards they are complete before them.
    for position in range(count - 1, -1, -1):
        node = stack[position, 0]
        one, two = nodes[node].children
        nodes[node].most = nodes[node].whole + max(nodes[one].most, nodes[two].most)
    return left
