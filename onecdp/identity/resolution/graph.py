"""Connected components of 64-bit node ids, in compiled loops.

Nodes are numbered in the order in which they come: a hash table with linear probing holds the
numbers, and all else is dense arrays by number, so that nodes which come together lie together in
memory. Ten million ids take about 250 MB. In the union-find forest the root of a tree is the
smallest of its numbers; with path halving that costs at most a logarithm per edge (Tarjan and van
Leeuwen, "Worst-case analysis of set union algorithms", Journal of the ACM 31, 1984).
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.int32]
Priorities = npt.NDArray[np.int16]

EMPTY = -1
NO_PRIORITY = -1
_ANY_PRIORITY = -2
_SMALLEST_TABLE = 1 << 10
# Nodes are numbered with 32 bits.
_LARGEST_TABLE = 1 << 31
# How many nodes are looked up before their edges are followed: what a cache holds.
_PIECE = 1 << 16
# Past this share of full slots, probing gets slow.
_MOST_FULL = 0.7
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


class Components:
    """A graph that grows by edges; nodes are integers from 0 to 2^63 - 1.

    Attributes:
        node_count: how many nodes it has, whose numbers are 0 to node_count - 1.
    """

    def __init__(self, expected_nodes: int = 0) -> None:
        """Makes room for the nodes that are expected; more are no error, but copy the table."""
        self.node_count = 0
        self._ids: Ints = np.empty(0, dtype=np.int64)
        self._parents: Numbers = np.empty(0, dtype=np.int32)
        self._priorities: Priorities = np.empty(0, dtype=np.int16)
        self._is_flat = True
        # Until they are looked up, all nodes of a piece might be new.
        self._allocate(_slots_for(expected_nodes + _PIECE))

    def _allocate(self, slot_count: int) -> None:
        """Makes a larger table, which holds the nodes that there are."""
        self._slots: Numbers = np.full(slot_count, EMPTY, dtype=np.int32)
        capacity = int(slot_count * _MOST_FULL)
        self._ids = _grown(self._ids, self.node_count, capacity)
        self._parents = _grown(self._parents, self.node_count, capacity)
        self._priorities = _grown(self._priorities, self.node_count, capacity)
        if self.node_count:
            _fill(self._slots, self.ids)

    @property
    def ids(self) -> Ints:
        """The id of each node."""
        return self._ids[: self.node_count]

    @property
    def parents(self) -> Numbers:
        """The parent of each node in the forest; a root is its own."""
        return self._parents[: self.node_count]

    @property
    def priorities(self) -> Priorities:
        """The priority that each node came with."""
        return self._priorities[: self.node_count]

    def add(
        self, left: Ints, right: Ints, left_priority: Priorities, right_priority: Priorities
    ) -> tuple[Numbers, Numbers]:
        """Adds edges, given as four arrays of one length; gives the numbers of their ends.

        Raises:
            ValueError: a node id is negative.
        """
        numbers = np.empty(len(left), dtype=np.int32), np.empty(len(left), dtype=np.int32)
        self._is_flat = False
        for start in range(0, len(left), _PIECE):
            piece = slice(start, start + _PIECE)
            self._find_or_add(left[piece], left_priority[piece], numbers[0][piece])
            self._find_or_add(right[piece], right_priority[piece], numbers[1][piece])
            _unite(self._parents, numbers[0][piece], numbers[1][piece])
        return numbers

    def add_nodes(self, nodes: Ints) -> Numbers:
        """Adds nodes that may have no edge; gives their numbers.

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
        """The number of each node, -1 if it is not in the graph."""
        return _lookup(self._slots, self._ids, nodes)  # type: ignore[no-any-return]

    def _find_or_add(self, nodes: Ints, priorities: Priorities, numbers: Numbers) -> None:
        # In pieces, so that the table is not made larger than the new nodes need.
        if nodes.min() < 0:
            raise ValueError(f"node id {nodes.min()} is negative")
        if self.node_count + len(nodes) > len(self._ids):
            self._allocate(max(_slots_for(self.node_count + len(nodes)), 2 * len(self._slots)))
        self.node_count = _find_or_add(
            self._slots,
            self._ids,
            self._parents,
            self._priorities,
            self.node_count,
            nodes,
            priorities,
            numbers,
        )

    def flatten(self) -> None:
        """Makes every node's parent its root, so that `parents` are the numbers of the roots."""
        if not self._is_flat:
            _flatten(self.parents)
            self._is_flat = True

    def components(self) -> Ints:
        """The component of each node, which is named by its smallest id."""
        self.flatten()
        return _smallest_ids(self.ids, self.parents)  # type: ignore[no-any-return]

    def broken(
        self, limits: list[tuple[int, int]], cannot_links: Ints, max_size: int
    ) -> npt.NDArray[np.int64]:
        """The numbers, ascending, of the nodes whose component breaks a rule.

        Args:
            limits: pairs of a priority and the most nodes of it that are allowed.
            cannot_links: n x 2 nodes that may not be in one component.
            max_size: the most nodes that a component may have.
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
    while nodes > slots * _MOST_FULL:
        slots *= 2
    if slots > _LARGEST_TABLE:
        raise ValueError(
            f"{nodes} identifiers are more than one graph can hold, which is "
            f"{int(_LARGEST_TABLE * _MOST_FULL)}"
        )
    return slots


def _grown(array: npt.NDArray[Any], used: int, capacity: int) -> npt.NDArray[Any]:
    larger = np.empty(capacity, dtype=array.dtype)
    larger[:used] = array[:used]
    return larger


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
def _find_or_add(  # type: ignore[no-untyped-def]
    slots, ids, parents, priorities, count, nodes, node_priorities, numbers
):
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
def _fill(slots, ids):  # type: ignore[no-untyped-def]
    mask = len(slots) - 1
    for number in range(len(ids)):
        slot = _first_slot(ids[number], len(slots))
        while slots[slot] != EMPTY:
            slot = (slot + 1) & mask
        slots[slot] = number


@compiled
def _lookup(slots, ids, nodes):  # type: ignore[no-untyped-def]
    mask = len(slots) - 1
    numbers = np.empty(len(nodes), dtype=np.int32)
    for position in range(len(nodes)):
        slot = _first_slot(nodes[position], len(slots))
        while slots[slot] != EMPTY and ids[slots[slot]] != nodes[position]:
            slot = (slot + 1) & mask
        numbers[position] = slots[slot]
    return numbers


@compiled
def find(parents, number):  # type: ignore[no-untyped-def]
    """The root of a node; halves the path there."""
    while parents[number] != number:
        parents[number] = parents[parents[number]]
        number = parents[number]
    return number


@compiled
def _unite(parents, left_numbers, right_numbers):  # type: ignore[no-untyped-def]
    for position in range(len(left_numbers)):
        left = find(parents, left_numbers[position])
        right = find(parents, right_numbers[position])
        if left < right:
            parents[right] = left
        else:
            parents[left] = right


@compiled
def _flatten(parents):  # type: ignore[no-untyped-def]
    # A parent is smaller than its child, so it is flat before.
    for number in range(len(parents)):
        parents[number] = parents[parents[number]]


@compiled
def _smallest_ids(ids, roots):  # type: ignore[no-untyped-def]
    smallest = ids.copy()
    for number in range(len(ids)):
        smallest[roots[number]] = min(smallest[roots[number]], ids[number])
    # A root is the first of its tree, so it has its name before the others ask for it.
    for number in range(len(ids)):
        smallest[number] = smallest[roots[number]]
    return smallest


@compiled
def _oversized(parents, priorities, priority, most):  # type: ignore[no-untyped-def]
    counts = np.zeros(len(parents), dtype=np.int32)
    for number in range(len(parents)):
        if priority == _ANY_PRIORITY or priorities[number] == priority:
            counts[parents[number]] += 1
    return counts > most
