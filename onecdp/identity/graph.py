"""Connected components of 64-bit node ids, in compiled loops.

A hash table with linear probing whose slots are at once the nodes of a union-find forest: one
memory access finds the node, the next its parent. No sorting and no dense numbering, so ten
million ids take about 250 MB. A root is always the smallest id of its tree, which names the
component; ids are hashes, so linking by id is randomised linking, and with path halving the cost
is near-linear (Goel, Khanna, Larkin and Tarjan, "Disjoint set union with randomized linking",
SODA 2014). Ids that are not hashes cost at most a logarithm more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Slots = npt.NDArray[np.int32]
Priorities = npt.NDArray[np.int16]

EMPTY = -1
NO_PRIORITY = -1
_ANY_PRIORITY = -2
_SMALLEST_TABLE = 1 << 10
# Slots are numbered with 32 bits.
_LARGEST_TABLE = 1 << 31
# How many nodes are looked up before their edges are followed: what a cache holds.
_PIECE = 1 << 16
# Past this share of full slots, probing gets slow.
_MOST_FULL = 0.7
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Components:
    """A graph that grows by edges; nodes are integers from 0 to 2^63 - 1."""

    def __init__(self, expected_nodes: int = 0) -> None:
        """Makes room for the nodes that are expected; more are no error, but copy the table."""
        self._node_count = 0
        self._allocate(_slots_for(expected_nodes))

    def _allocate(self, slot_count: int) -> None:
        self.ids: Ints = np.full(slot_count, EMPTY, dtype=np.int64)
        # Of empty slots they are anything.
        self.parents: Slots = np.empty(slot_count, dtype=np.int32)
        self.priorities: Priorities = np.empty(slot_count, dtype=np.int16)
        self._is_flat = False

    def add(
        self, left: Ints, right: Ints, left_priority: Priorities, right_priority: Priorities
    ) -> None:
        """Adds edges, given as four arrays of one length.

        Raises:
            ValueError: a node id is negative.
        """
        # In pieces, so that the table is not made larger than the new nodes need.
        for piece in _pieces(len(left)):
            self._make_room(2 * len(left[piece]))
            left_slots = self._slots(left[piece], left_priority[piece])
            right_slots = self._slots(right[piece], right_priority[piece])
            _unite(self.ids, self.parents, left_slots, right_slots)

    def add_nodes(self, nodes: Ints) -> None:
        """Adds nodes that may have no edge.

        Raises:
            ValueError: a node id is negative.
        """
        for piece in _pieces(len(nodes)):
            self._make_room(len(nodes[piece]))
            self._slots(nodes[piece], np.full(_PIECE, NO_PRIORITY, dtype=np.int16))

    def slots_of(self, nodes: Ints) -> Slots:
        """The slot of each node, -1 if it is not in the graph; good until nodes are added."""
        return _lookup(self.ids, nodes)  # type: ignore[no-any-return]

    def _slots(self, nodes: Ints, priorities: Priorities) -> Slots:
        if nodes.min() < 0:
            raise ValueError(f"node id {nodes.min()} is negative")
        slots, added = _find_or_add(self.ids, self.parents, self.priorities, nodes, priorities)
        self._node_count += added
        self._is_flat = False
        return slots  # type: ignore[no-any-return]

    def _make_room(self, more: int) -> None:
        """Makes the table larger if it might get too full."""
        if self._node_count + more <= len(self.ids) * _MOST_FULL:
            return
        ids, parents, priorities = self.ids, self.parents, self.priorities
        self._allocate(max(_slots_for(self._node_count + more), 2 * len(ids)))
        _move(ids, parents, priorities, self.ids, self.parents, self.priorities)

    def flatten(self) -> None:
        """Makes every node's parent its root, so that `parents` are the slots of the roots."""
        if not self._is_flat:
            _flatten(self.ids, self.parents)
            self._is_flat = True

    def broken(
        self, limits: list[tuple[int, int]], cannot_links: Ints, max_size: int
    ) -> npt.NDArray[np.int64]:
        """The slots, ascending, of the nodes whose component breaks a rule.

        Args:
            limits: pairs of a priority and the most nodes of it that are allowed.
            cannot_links: n x 2 nodes that may not be in one component.
            max_size: the most nodes that a component may have.
        """
        self.flatten()
        is_broken = np.zeros(len(self.ids), dtype=np.bool_)
        for priority, most in [(_ANY_PRIORITY, max_size), *limits]:
            if most < self._node_count:
                is_broken |= _oversized(self.ids, self.parents, self.priorities, priority, most)
        slots = self.slots_of(cannot_links.ravel()).reshape(-1, 2)
        slots = slots[(slots != EMPTY).all(axis=1)]
        roots = self.parents[slots]
        is_broken[roots[roots[:, 0] == roots[:, 1], 0]] = True
        return _slots_below(self.ids, self.parents, is_broken)  # type: ignore[no-any-return]

    def table(self, slots: Ints, clusters: Ints) -> tuple[Ints, Ints, Ints]:
        """Node ids with the component and the cluster of each, in no order.

        A component is named by its smallest node id, and is its own cluster but for the nodes
        in the given slots (ascending), whose clusters are given.
        """
        self.flatten()
        return _rows(  # type: ignore[no-any-return]
            self.ids, self.parents, self._node_count, slots, clusters
        )


def _pieces(length: int) -> Iterator[slice]:
    return (slice(start, start + _PIECE) for start in range(0, length, _PIECE))


def _slots_for(nodes: int) -> int:
    slots = _SMALLEST_TABLE
    while nodes > slots * _MOST_FULL:
        slots *= 2
    if slots > _LARGEST_TABLE:
        raise ValueError(
            f"{nodes} identifiers are more than one graph can hold, which is "
            f"{int(_LARGEST_TABLE * _MOST_FULL)}"
        )
    return slots


def compiled(function: Any) -> Any:
    """numba; types are found at the first call.

    The machine code is kept on disk: in $NUMBA_CACHE_DIR if that is set, else in __pycache__
    beside this file, else in the user's cache folder. Where none can be written, every process
    compiles anew, which costs some seconds.
    """
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)


@compiled
def _first_slot(node, slot_count):  # type: ignore[no-untyped-def]
    # Multiplicative hashing (Knuth, TAOCP 3, 6.4): the upper bits depend on all bits of the id.
    return np.int64((np.uint64(node) * _GOLDEN) >> np.uint64(32)) & (slot_count - 1)


@compiled
def _find_or_add(ids, parents, priorities, nodes, node_priorities):  # type: ignore[no-untyped-def]
    mask = len(ids) - 1
    slots = np.empty(len(nodes), dtype=np.int32)
    added = 0
    for position in range(len(nodes)):
        node = nodes[position]
        slot = _first_slot(node, len(ids))
        while ids[slot] != node:
            if ids[slot] == EMPTY:
                ids[slot] = node
                parents[slot] = slot
                priorities[slot] = node_priorities[position]
                added += 1
                break
            slot = (slot + 1) & mask
        slots[position] = slot
    return slots, added


@compiled
def _lookup(ids, nodes):  # type: ignore[no-untyped-def]
    mask = len(ids) - 1
    slots = np.empty(len(nodes), dtype=np.int32)
    for position in range(len(nodes)):
        slot = _first_slot(nodes[position], len(ids))
        while ids[slot] != nodes[position] and ids[slot] != EMPTY:
            slot = (slot + 1) & mask
        slots[position] = slot if ids[slot] == nodes[position] else -1
    return slots


@compiled
def find(parents, slot):  # type: ignore[no-untyped-def]
    """The root of a slot; halves the path there."""
    while parents[slot] != slot:
        parents[slot] = parents[parents[slot]]
        slot = parents[slot]
    return slot


@compiled
def _unite(ids, parents, left_slots, right_slots):  # type: ignore[no-untyped-def]
    for position in range(len(left_slots)):
        left = find(parents, left_slots[position])
        right = find(parents, right_slots[position])
        if ids[left] < ids[right]:
            parents[right] = left
        else:
            parents[left] = right


@compiled
def _move(ids, parents, priorities, new_ids, new_parents, new_priorities):  # type: ignore[no-untyped-def]
    mask = len(new_ids) - 1
    moved = np.empty(len(ids), dtype=np.int32)
    for slot in range(len(ids)):
        if ids[slot] != EMPTY:
            new = _first_slot(ids[slot], len(new_ids))
            while new_ids[new] != EMPTY:
                new = (new + 1) & mask
            new_ids[new] = ids[slot]
            new_priorities[new] = priorities[slot]
            moved[slot] = new
    for slot in range(len(ids)):
        if ids[slot] != EMPTY:
            new_parents[moved[slot]] = moved[parents[slot]]


@compiled
def _flatten(ids, parents):  # type: ignore[no-untyped-def]
    for slot in range(len(ids)):
        if ids[slot] != EMPTY:
            parents[slot] = find(parents, np.int32(slot))


@compiled
def _slots_below(ids, parents, is_marked):  # type: ignore[no-untyped-def]
    """The slots, ascending, of the nodes whose root is marked."""
    slots = np.empty(len(ids) if is_marked.any() else 0, dtype=np.int64)
    found = 0
    for slot in range(len(slots)):
        if ids[slot] != EMPTY and is_marked[parents[slot]]:
            slots[found] = slot
            found += 1
    return slots[:found].copy()


@compiled
def _rows(ids, parents, node_count, given_slots, given_clusters):  # type: ignore[no-untyped-def]
    nodes = np.empty(node_count, dtype=np.int64)
    components = np.empty(node_count, dtype=np.int64)
    clusters = np.empty(node_count, dtype=np.int64)
    row = 0
    given = 0
    for slot in range(len(ids)):
        if ids[slot] != EMPTY:
            nodes[row] = ids[slot]
            components[row] = ids[parents[slot]]
            clusters[row] = components[row]
            if given < len(given_slots) and given_slots[given] == slot:
                clusters[row] = given_clusters[given]
                given += 1
            row += 1
    return nodes, components, clusters


@compiled
def _oversized(ids, parents, priorities, priority, most):  # type: ignore[no-untyped-def]
    counts = np.zeros(len(ids), dtype=np.int32)
    for slot in range(len(ids)):
        if ids[slot] != EMPTY and (priority == _ANY_PRIORITY or priorities[slot] == priority):
            counts[parents[slot]] += 1
    return counts > most
