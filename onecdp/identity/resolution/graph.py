"""Connected components of 64-bit node ids, in compiled loops.

Nodes are numbered in the order in which they are added. A hash table with linear probing maps ids
to numbers; everything else is a dense array by number, so that nodes added together are adjacent
in memory. Ten million ids take about 250 MB. In the union-find forest, the root of a tree is its
smallest number; with path halving, an edge costs at most a logarithm (Tarjan and van Leeuwen,
"Worst-case analysis of set union algorithms", Journal of the ACM 31, 1984).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from onecdp.compiled import compiled

Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
Priorities = npt.NDArray[np.int16]
Flags = npt.NDArray[np.bool_]
Records = npt.NDArray[np.void]

EMPTY = -1
NO_PRIORITY = -1
_ANY_PRIORITY = -2
_SMALLEST_TABLE = 1 << 10
# Node numbers have 32 bits.
_LARGEST_TABLE = 1 << 31
# How many nodes are looked up before their edges are united: they fit into the CPU cache.
_PIECE = 1 << 16
# Probing slows down when a larger share of the slots is full.
_MAX_LOAD = 0.7
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class _Table(NamedTuple):
    """The nodes; all arrays but `slots` have one entry per node, with room for more.

    Attributes:
        slots: hash table of node numbers; EMPTY: no node.
        ids: the id of each node.
        parents: its parent in the union-find forest; a root is its own parent.
        priorities: the priority it was added with.
    """

    slots: Numbers
    ids: Ints
    parents: Numbers
    priorities: Priorities


class Components:
    """A graph that grows by edges; nodes are integers from 0 to 2^63 - 1.

    Attributes:
        node_count: how many nodes it has; their numbers are 0 to node_count - 1.
    """

    def __init__(self, expected_nodes: int = 0) -> None:
        """Allocates memory for the expected nodes; it grows if more are added."""
        self.node_count = 0
        # Every node of a piece may be new.
        self._table = _allocate(_slots_for(expected_nodes + _PIECE))
        self._is_flat = True

    @property
    def ids(self) -> Ints:
        """The id of each node."""
        return self._table.ids[: self.node_count]

    @property
    def parents(self) -> Numbers:
        """The parent of each node in the forest; a root is its own parent."""
        return self._table.parents[: self.node_count]

    @property
    def priorities(self) -> Priorities:
        """The priority each node was added with."""
        return self._table.priorities[: self.node_count]

    def add(
        self, left: Ints, right: Ints, left_priority: Priorities, right_priority: Priorities
    ) -> tuple[Numbers, Numbers]:
        """Adds edges, given as four arrays of one length; returns the numbers of their ends.

        Raises:
            ValueError: a node id is negative.
        """
        numbers = np.empty(len(left), dtype=np.int32), np.empty(len(left), dtype=np.int32)
        self._is_flat = False
        for start in range(0, len(left), _PIECE):
            piece = slice(start, start + _PIECE)
            self._find_or_add(left[piece], left_priority[piece], numbers[0][piece])
            self._find_or_add(right[piece], right_priority[piece], numbers[1][piece])
            _unite(self._table.parents, numbers[0][piece], numbers[1][piece])
        return numbers

    def add_nodes(self, nodes: Ints) -> Numbers:
        """Adds nodes, with or without edges; returns their numbers.

        Raises:
            ValueError: a node id is negative.
        """
        numbers = np.empty(len(nodes), dtype=np.int32)
        priorities = np.full(min(len(nodes), _PIECE), NO_PRIORITY, dtype=np.int16)
        for start in range(0, len(nodes), _PIECE):
            piece = slice(start, start + _PIECE)
            self._find_or_add(nodes[piece], priorities, numbers[piece])
        return numbers

    def numbers_of(self, nodes: Ints) -> Numbers:
        """Returns the number of each node, -1 if it is not in the graph."""
        return _lookup(self._table, nodes)

    def _find_or_add(self, nodes: Ints, priorities: Priorities, numbers: Numbers) -> None:
        # Callers pass pieces, so that the table grows no further than new nodes need.
        if nodes.min() < 0:
            raise ValueError(f"node id {nodes.min()} is negative")
        needed = self.node_count + len(nodes)
        if needed > len(self._table.ids):
            slot_count = max(_slots_for(needed), 2 * len(self._table.slots))
            self._table = _grown(self._table, self.node_count, slot_count)
        self.node_count = _find_or_add(self._table, self.node_count, nodes, priorities, numbers)

    def flatten(self) -> None:
        """Makes every node's parent its root, so that `parents` are root numbers."""
        if not self._is_flat:
            _flatten(self.parents)
            self._is_flat = True

    def components(self) -> Ints:
        """Returns the component of each node, which is the smallest id in it."""
        self.flatten()
        return _smallest_ids(self.ids, self.parents)

    def broken(self, limits: list[tuple[int, int]], cannot_links: Ints, max_size: int) -> Ints:
        """Returns the numbers, ascending, of the nodes whose component breaks a constraint.

        `replay` checks the same constraints edge by edge, and int_identity__broken_constraints.sql
        names the one that refused a link: CONTRIBUTING.md lists all places of a new constraint.

        Args:
            limits: pairs of a priority and the most nodes with it.
            cannot_links: n x 2 nodes that must not be in one component.
            max_size: the most nodes in a component.
        """
        self.flatten()
        is_broken = np.zeros(self.node_count, dtype=np.bool_)
        for priority, most in [(_ANY_PRIORITY, max_size), *limits]:
            if most < self.node_count:
                is_broken |= _oversized(self.parents, self.priorities, priority, most)
        if len(cannot_links):
            numbers = self.numbers_of(cannot_links.ravel()).reshape(-1, 2)
            roots = self.parents[numbers[(numbers != EMPTY).all(axis=1)]]
            is_broken[roots[roots[:, 0] == roots[:, 1], 0]] = True
        if not is_broken.any():
            return np.empty(0, dtype=np.int64)
        return np.flatnonzero(is_broken[self.parents])


def _slots_for(nodes: int) -> int:
    slots = _SMALLEST_TABLE
    while nodes > slots * _MAX_LOAD:
        slots *= 2
    if slots > _LARGEST_TABLE:
        raise ValueError(
            f"a graph can hold {int(_LARGEST_TABLE * _MAX_LOAD)} identifiers, not {nodes}"
        )
    return slots


def _allocate(slot_count: int) -> _Table:
    capacity = int(slot_count * _MAX_LOAD)
    return _Table(
        slots=np.full(slot_count, EMPTY, dtype=np.int32),
        ids=np.empty(capacity, dtype=np.int64),
        parents=np.empty(capacity, dtype=np.int32),
        priorities=np.empty(capacity, dtype=np.int16),
    )


def _grown(table: _Table, node_count: int, slot_count: int) -> _Table:
    """A larger table with the same nodes."""
    larger = _allocate(slot_count)
    larger.ids[:node_count] = table.ids[:node_count]
    larger.parents[:node_count] = table.parents[:node_count]
    larger.priorities[:node_count] = table.priorities[:node_count]
    _fill(larger.slots, larger.ids[:node_count])
    return larger


@compiled
def _first_slot(node: int, slot_count: int) -> Any:
    # Multiplicative hashing (Knuth, TAOCP 3, 6.4): the upper bits depend on all bits of the id.
    return np.int64((np.uint64(node) * _GOLDEN) >> np.uint64(32)) & (slot_count - 1)


@compiled
def _find_or_add(
    table: _Table, count: int, nodes: Ints, node_priorities: Priorities, numbers: Numbers
) -> int:
    """Writes the numbers of the nodes, adds those that are new, and returns the node count."""
    slots, ids, parents, priorities = table
    mask = len(slots) - 1
    for position in range(len(nodes)):
        node = nodes[position]
        slot = _first_slot(node, len(slots))
        while slots[slot] != EMPTY and ids[slots[slot]] != node:
            slot = (slot + 1) & mask
        if slots[slot] == EMPTY:
            slots[slot] = count
            ids[count] = node
            parents[count] = count
            priorities[count] = node_priorities[position]
            count += 1
        numbers[position] = slots[slot]
    return count


@compiled
def _fill(slots: Numbers, ids: Ints) -> None:
    mask = len(slots) - 1
    for number in range(len(ids)):
        slot = _first_slot(ids[number], len(slots))
        while slots[slot] != EMPTY:
            slot = (slot + 1) & mask
        slots[slot] = number


@compiled
def _lookup(table: _Table, nodes: Ints) -> Numbers:
    slots, ids = table.slots, table.ids
    mask = len(slots) - 1
    numbers = np.empty(len(nodes), dtype=np.int32)
    for position in range(len(nodes)):
        slot = _first_slot(nodes[position], len(slots))
        while slots[slot] != EMPTY and ids[slots[slot]] != nodes[position]:
            slot = (slot + 1) & mask
        numbers[position] = slots[slot]
    return numbers


@compiled
def find(parents: Ints | Numbers, number: int) -> int:
    """Returns the root of a node and halves the path to it."""
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number


@compiled
def _unite(parents: Numbers, left_numbers: Numbers, right_numbers: Numbers) -> None:
    for position in range(len(left_numbers)):
        left = find(parents, left_numbers[position])
        right = find(parents, right_numbers[position])
        if left < right:
            parents[right] = left
        else:
            parents[left] = right


@compiled
def _flatten(parents: Numbers) -> None:
    # A parent's number is smaller than its child's, so the parent is flat already.
    for number in range(len(parents)):
        parents[number] = parents[parents[number]]


@compiled
def _smallest_ids(ids: Ints, roots: Numbers) -> Ints:
    smallest = ids.copy()
    for number in range(len(ids)):
        smallest[roots[number]] = min(smallest[roots[number]], ids[number])
    # A root has the smallest number of its tree, so it is complete before the others read it.
    for number in range(len(ids)):
        smallest[number] = smallest[roots[number]]
    return smallest


@compiled
def _oversized(parents: Numbers, priorities: Priorities, priority: int, most: int) -> Flags:
    counts = np.zeros(len(parents), dtype=np.int32)
    for number in range(len(parents)):
        if priority == _ANY_PRIORITY or priorities[number] == priority:
            counts[parents[number]] += 1
    return counts > most
