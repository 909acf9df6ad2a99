"""The replay of components that break a rule: edge by edge, refusing what would break it.

Nodes are dense numbers here, 0 to n - 1. What one moment holds is kept per cluster in a segment
tree over the moments at which a value of its component begins (the most is always reached at
such a moment). Uniting two clusters merges their trees, which costs their common part only:
n log n for all unions together, and a look before a refusal costs no more than the smaller tree.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from onecdp.identity.resolution.graph import Ints, compiled


@dataclass(frozen=True)
class Held:
    """The values of limited types, and when they are held.

    Attributes:
        limit: per node, the position of its type's limit; -1 for a type without.
        first, last: per node, the first and last of its component's moments (0 to moments - 1)
            at which it is held; first > last: at none.
        moments: per node, how many moments its component has; 0 where the limit has no window.
        most: per limit, how many values one person may hold.
        is_windowed: per limit.
    """

    limit: Ints
    first: Ints
    last: Ints
    moments: Ints
    most: Ints
    is_windowed: npt.NDArray[np.bool_]


def replay(
    left: Ints,
    right: Ints,
    is_manual: npt.NDArray[np.bool_],
    held: Held,
    cannot_links: Ints,
    max_cluster_size: int,
) -> Ints:
    """Unites along the edges, in the order given, unless that would break a rule.

    Args:
        left: per edge, one of its nodes.
        right: per edge, the other.
        is_manual: per edge; a manual edge heeds cannot_links only.
        held: the values of limited types.
        cannot_links: n x 2 nodes that may never be in one cluster.
        max_cluster_size: the most nodes that edges (not manual ones) may bring together.

    Returns:
        Per node, a node of its cluster: the same for all of the cluster.
    """
    # A tree over m moments has at most 4 nodes on each of its log2(m) + 1 levels.
    levels = np.ceil(np.log2(np.maximum(held.moments, 1))).astype(np.int64) + 1
    tree_size = 1 + int((4 * levels[held.moments > 0]).sum())
    return _replay(  # type: ignore[no-any-return]
        left,
        right,
        is_manual,
        held.limit,
        held.first,
        held.last,
        held.moments,
        held.most,
        held.is_windowed,
        cannot_links.reshape(-1, 2),
        max_cluster_size,
        tree_size,
    )


# A tree is three arrays, with one entry per node: both children (0: none), how many hold the
# whole of its span, and the most that hold any one moment of it. Walks keep their own stack:
# machine code of a recursive function can't be kept on disk.


@compiled
def _hold(tree, stack, used, moments, first, last):  # type: ignore[no-untyped-def]
    """Makes a tree, from node `used` on, in which one value is held; gives the nodes used."""
    children, whole, most = tree
    most[used] = 1
    stack[0, 0], stack[0, 1], stack[0, 2] = used, 0, moments - 1
    depth = 1
    used += 1
    while depth:
        depth -= 1
        node, low, high = stack[depth, 0], stack[depth, 1], stack[depth, 2]
        if first <= low and high <= last:
            whole[node] = 1
            continue
        middle = (low + high) // 2
        for side in range(2):
            if first <= middle if side == 0 else last > middle:
                children[node, side] = used
                most[used] = 1
                stack[depth, 0] = used
                stack[depth, 1] = low if side == 0 else middle + 1
                stack[depth, 2] = middle if side == 0 else high
                depth += 1
                used += 1
    return used


@compiled
def _exceeds(tree, stack, left, right, most_allowed):  # type: ignore[no-untyped-def]
    """Whether two trees together hold more than allowed at one moment."""
    children, whole, most = tree
    stack[0, 0], stack[0, 1], stack[0, 2] = left, right, most_allowed
    depth = 1
    while depth:
        depth -= 1
        left, right, allowed = stack[depth, 0], stack[depth, 1], stack[depth, 2]
        if most[left] + most[right] <= allowed:
            continue
        if left == 0 or right == 0:
            return True
        allowed -= whole[left] + whole[right]
        if allowed < 0:
            return True
        for side in range(2):
            stack[depth, 0] = children[left, side]
            stack[depth, 1] = children[right, side]
            stack[depth, 2] = allowed
            depth += 1
    return False


@compiled
def _merge(tree, stack, left, right):  # type: ignore[no-untyped-def]
    """Adds the right tree to the left; gives the root."""
    children, whole, most = tree
    if left == 0 or right == 0:
        return left + right
    stack[0, 0], stack[0, 1] = left, right
    count = 1
    position = 0
    while position < count:
        one, two = stack[position, 0], stack[position, 1]
        position += 1
        whole[one] += whole[two]
        for side in range(2):
            if children[one, side] == 0:
                children[one, side] = children[two, side]
            elif children[two, side] != 0:
                stack[count, 0] = children[one, side]
                stack[count, 1] = children[two, side]
                count += 1
    # The nodes below stand behind: backwards, each finds its children done.
    for position in range(count - 1, -1, -1):
        node = stack[position, 0]
        most[node] = whole[node] + max(most[children[node, 0]], most[children[node, 1]])
    return left


@compiled
def _root(parents, node):  # type: ignore[no-untyped-def]
    while parents[node] != node:
        parents[node] = parents[parents[node]]
        node = parents[node]
    return node


@compiled
def _are_forbidden(parents, first_entry, next_entry, other, small, large):  # type: ignore[no-untyped-def]
    entry = first_entry[small]
    while entry >= 0:
        if _root(parents, other[entry]) == large:
            return True
        entry = next_entry[entry]
    return False


@compiled
def _replay(  # type: ignore[no-untyped-def]
    left,
    right,
    is_manual,
    limit,
    first,
    last,
    moments,
    allowed,
    is_windowed,
    cannot_links,
    max_cluster_size,
    tree_size,
):
    node_count = len(limit)
    limit_count = len(allowed)
    parents = np.arange(node_count)
    sizes = np.ones(node_count, dtype=np.int64)
    values = np.zeros((node_count, limit_count), dtype=np.int32)
    roots = np.zeros((node_count, limit_count), dtype=np.int64)
    tree = (
        np.zeros((tree_size, 2), dtype=np.int64),
        np.zeros(tree_size, dtype=np.int32),
        np.zeros(tree_size, dtype=np.int32),
    )
    stack = np.zeros((tree_size + 1, 3), dtype=np.int64)
    used = 1
    for node in range(node_count):
        if limit[node] >= 0:
            values[node, limit[node]] = 1
            if moments[node] > 0 and first[node] <= last[node]:
                roots[node, limit[node]] = used
                used = _hold(tree, stack, used, moments[node], first[node], last[node])

    # Per cluster a list of the other ends of its cannot_links.
    entry_count = 2 * len(cannot_links)
    other = np.empty(entry_count, dtype=np.int64)
    next_entry = np.full(entry_count, -1, dtype=np.int64)
    first_entry = np.full(node_count, -1, dtype=np.int64)
    last_entry = np.full(node_count, -1, dtype=np.int64)
    entries = np.zeros(node_count, dtype=np.int64)
    for entry in range(entry_count):
        owner = cannot_links[entry // 2, entry % 2]
        other[entry] = cannot_links[entry // 2, 1 - entry % 2]
        next_entry[entry] = first_entry[owner]
        first_entry[owner] = entry
        if last_entry[owner] < 0:
            last_entry[owner] = entry
        entries[owner] += 1

    for edge in range(len(left)):
        one = _root(parents, left[edge])
        two = _root(parents, right[edge])
        if one == two:
            continue
        # `one` takes `two` in: the larger the smaller.
        if sizes[one] < sizes[two]:
            one, two = two, one
        few, many = (one, two) if entries[one] < entries[two] else (two, one)
        if _are_forbidden(parents, first_entry, next_entry, other, few, many):
            continue
        if not is_manual[edge]:
            if sizes[one] + sizes[two] > max_cluster_size:
                continue
            is_refused = False
            for each in range(limit_count):
                both = values[one, each] + values[two, each]
                if values[one, each] == 0 or values[two, each] == 0 or both <= allowed[each]:
                    continue
                if not is_windowed[each] or _exceeds(
                    tree, stack, roots[one, each], roots[two, each], allowed[each]
                ):
                    is_refused = True
                    break
            if is_refused:
                continue
        parents[two] = one
        sizes[one] += sizes[two]
        for each in range(limit_count):
            values[one, each] += values[two, each]
            if roots[two, each] > 0:
                roots[one, each] = _merge(tree, stack, roots[one, each], roots[two, each])
        if first_entry[two] >= 0:
            if first_entry[one] >= 0:
                next_entry[last_entry[one]] = first_entry[two]
            else:
                first_entry[one] = first_entry[two]
            last_entry[one] = last_entry[two]
            entries[one] += entries[two]

    for node in range(node_count):
        parents[node] = _root(parents, node)
    return parents
