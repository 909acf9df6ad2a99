"""The replay: unites nodes edge by edge and refuses edges that would break a constraint.

There are three constraints: the size of a cluster, limits on the values of a type, and
cannot-links. Each keeps its state per cluster, under the number of the cluster's root, and has two
functions: one tells whether two clusters may become one, the other merges their state.
`graph.Components.broken` checks the same constraints on whole components, and
int_identity__broken_constraints.sql names the one that refused a link: a new constraint goes into
all three.

Nodes are numbered 0 to n - 1.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from onecdp.compiled import compiled
from onecdp.identity.resolution.graph import Flags, Ints, Records, find
from onecdp.identity.resolution.segment_trees import (
    Trees,
    allocate_trees,
    build_tree,
    exceeds,
    merge_trees,
)
from onecdp.identity.resolution.settings import Limit
from onecdp.identity.resolution.values import Values


class Edges(NamedTuple):
    """Edges in the order in which they are replayed.

    Attributes:
        left: one end of each edge.
        right: the other end.
        is_manual: manual edges may break limits and the size, but no cannot-link.
    """

    left: Ints
    right: Ints
    is_manual: Flags


def replay(
    edges: Edges,
    values: Values,
    limits: tuple[Limit, ...],
    cannot_links: Ints,
    max_cluster_size: int,
) -> Ints:
    """Unites nodes along edges, in order, unless that would break a constraint.

    Args:
        edges: the edges, strongest first.
        values: the values of limited types; one entry per node.
        limits: the limits to which `values` refers.
        cannot_links: n x 2 nodes that must not be in one cluster.
        max_cluster_size: the most nodes in a cluster.

    Returns:
        Per node the root of its cluster: one node, the same for the whole cluster.
    """
    node_count = len(values.limit)
    parents = np.arange(node_count)
    _replay(
        parents,
        edges,
        _start_limits(values, limits),
        _start_cannot_links(cannot_links.reshape(-1, 2), node_count),
        max_cluster_size,
    )
    return parents


# Each constraint keeps its state in few arrays of records: numba counts references for every array
# that is passed to a function, which would cost a third of the time with an array per field.

# Size


@compiled
def _size_allows(sizes: Ints, max_cluster_size: int, one: int, two: int) -> bool:
    return bool(sizes[one] + sizes[two] <= max_cluster_size)


@compiled
def _merge_sizes(sizes: Ints, one: int, two: int) -> None:
    sizes[one] += sizes[two]


# Limits

LIMIT = np.dtype([("max_values", np.int64), ("is_windowed", np.bool_)], align=True)

# What a cluster holds of a limited type.
HELD = np.dtype(
    [
        # The root of the segment tree of the values; 0: the limit has no window.
        ("tree", np.int64),
        # How many values it holds in all.
        ("count", np.int64),
    ]
)


class Limits(NamedTuple):
    """State of the limits.

    Attributes:
        rules: per limit, a record of LIMIT.
        held: cluster x limit, a record of HELD.
        trees: the segment trees.
    """

    rules: Records
    held: Records
    trees: Trees


def _start_limits(values: Values, limits: tuple[Limit, ...]) -> Limits:
    rules = [(limit.max_values, limit.window_days is not None) for limit in limits]
    state = Limits(
        rules=np.array(rules, dtype=LIMIT),
        held=np.zeros((len(values.limit), len(limits)), dtype=HELD),
        trees=allocate_trees(values.moments),
    )
    _hold_own_values(state, values)
    return state


@compiled
def _hold_own_values(limits: Limits, values: Values) -> None:
    """Makes each node a cluster that holds the node's value only."""
    unused = 1
    for node in range(len(values.limit)):
        limit = values.limit[node]
        if limit < 0:
            continue
        limits.held[node, limit].count = 1
        first, last, moments = values.first[node], values.last[node], values.moments[node]
        if moments > 0 and first <= last:
            limits.held[node, limit].tree = unused
            nodes, stack = limits.trees
            unused = build_tree(nodes, stack, unused, moments, first, last)


@compiled
def _limits_allow(
    rules: Records, held: Records, nodes: Records, stack: Ints, one: int, two: int
) -> bool:
    for limit in range(len(rules)):
        left, right = held[one, limit], held[two, limit]
        # A manual edge may have exceeded the limit before; what adds nothing to it is allowed.
        if left.count == 0 or right.count == 0:
            continue
        most = rules[limit].max_values
        if left.count + right.count <= most:
            continue
        if not rules[limit].is_windowed or exceeds(nodes, stack, left.tree, right.tree, most):
            return False
    return True


@compiled
def _merge_limits(held: Records, nodes: Records, stack: Ints, one: int, two: int) -> None:
    for limit in range(held.shape[1]):
        left, right = held[one, limit], held[two, limit]
        left.count += right.count
        if right.tree > 0:
            left.tree = merge_trees(nodes, stack, left.tree, right.tree)


# Cannot-links: per cluster a linked list of the nodes that it must not contain

LIST = np.dtype([("first", np.int64), ("last", np.int64), ("length", np.int64)])
ENTRY = np.dtype([("node", np.int64), ("following", np.int64)])
NONE = -1


class CannotLinks(NamedTuple):
    """State of the cannot-links.

    Attributes:
        lists: per cluster, a record of LIST; `first` and `last` are entries, or NONE.
        entries: records of ENTRY; `following` is the next entry of the list, or NONE.
    """

    lists: Records
    entries: Records


def _start_cannot_links(pairs: Ints, node_count: int) -> CannotLinks:
    state = CannotLinks(np.empty(node_count, dtype=LIST), np.empty(2 * len(pairs), dtype=ENTRY))
    _list_cannot_links(state, np.ascontiguousarray(pairs))
    return state


@compiled
def _list_cannot_links(cannot_links: CannotLinks, pairs: Ints) -> None:
    lists, entries = cannot_links
    for node in range(len(lists)):
        lists[node].first = lists[node].last = NONE
        lists[node].length = 0
    for entry in range(len(entries)):
        owner = pairs[entry // 2, entry % 2]
        entries[entry].node = pairs[entry // 2, 1 - entry % 2]
        entries[entry].following = lists[owner].first
        lists[owner].first = entry
        if lists[owner].last == NONE:
            lists[owner].last = entry
        lists[owner].length += 1


@compiled
def _cannot_links_allow(
    lists: Records, entries: Records, parents: Ints, one: int, two: int
) -> bool:
    # The shorter list is searched for a node of the other cluster.
    if lists[one].length >= lists[two].length:
        one, two = two, one
    entry = lists[one].first
    while entry != NONE:
        if find(parents, entries[entry].node) == two:
            return False
        entry = entries[entry].following
    return True


@compiled
def _merge_cannot_links(lists: Records, entries: Records, one: int, two: int) -> None:
    left, right = lists[one], lists[two]
    if right.first == NONE:
        return
    if left.first == NONE:
        left.first = right.first
    else:
        entries[left.last].following = right.first
    left.last = right.last
    left.length += right.length


# The replay


@compiled
def _replay(
    parents: Ints, edges: Edges, limits: Limits, cannot_links: CannotLinks, max_cluster_size: int
) -> None:
    """Makes the parent of each node the root of its cluster."""
    left, right, is_manual = edges
    rules, held, (nodes, stack) = limits
    lists, entries = cannot_links
    sizes = np.ones_like(parents)
    for edge in range(len(left)):
        one, two = find(parents, left[edge]), find(parents, right[edge])
        if one == two:
            continue
        # Union by size: `one` is the larger cluster and takes the nodes of `two`.
        if sizes[one] < sizes[two]:
            one, two = two, one
        if not _cannot_links_allow(lists, entries, parents, one, two):
            continue
        if not is_manual[edge] and not (
            _size_allows(sizes, max_cluster_size, one, two)
            and _limits_allow(rules, held, nodes, stack, one, two)
        ):
            continue
        parents[two] = one
        _merge_sizes(sizes, one, two)
        _merge_limits(held, nodes, stack, one, two)
        _merge_cannot_links(lists, entries, one, two)
    for node in range(len(parents)):
        parents[node] = find(parents, node)
