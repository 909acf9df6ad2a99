"""Sets of customers while they are built, as bits, and what is checked of the columns.

Members are set in one scan, in any order, and written as portable Roaring bytes
(`onecdp.audiences.kernel`, `onecdp.audiences.portable`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from onecdp.audiences import kernel, portable

MAX_ONE_INT = 2**32 - 1

# Blocks of 8 KiB to begin with, of which only those in use take memory, and the factor by which
# they grow.
_BLOCKS = 16_384
_GROWTH = 1.5


class BitSets:
    """The sets of a build, as bits in blocks of 65,536."""

    def __init__(self, count: int) -> None:
        """Makes `count` empty sets, which are numbered from 0."""
        self.count = count
        self._directory = np.zeros((kernel.BLOCKS, count), np.int32)
        self._pool = np.empty((_BLOCKS, kernel.STRIDE), np.uint64)
        self._used = 0
        self._highs = 0

    def add(self, one_ints: npt.NDArray[np.uint32], codes: npt.NDArray[np.uint16]) -> None:
        """Adds each customer to the set of the code, or to none."""

        def step(row: int) -> tuple[int, int]:
            return kernel.set_bits(one_ints, codes, row, self._directory, self._pool, self._used)

        self._all_rows(step, one_ints)

    def add_values(
        self,
        one_ints: npt.NDArray[np.uint32],
        values: npt.NDArray[np.uint64],
        held: npt.NDArray[np.uint8],
    ) -> None:
        """Adds each customer to set 0, if the value is held, and to set 1 + b for each bit b."""

        def step(row: int) -> tuple[int, int]:
            return kernel.set_slices(
                one_ints, values, held, row, self._directory, self._pool, self._used
            )

        self._all_rows(step, one_ints)

    def add_matching(
        self,
        one_ints: npt.NDArray[np.uint32],
        selections: npt.NDArray[np.int64],
        counts: npt.NDArray[np.int64],
        sums: npt.NDArray[np.int64],
        conditions: npt.NDArray[np.int64],
        firsts: npt.NDArray[np.int64],
    ) -> None:
        """Adds each customer to the sets whose conditions it meets: `kernel.set_matching`."""
        given = (one_ints, selections, counts, sums, conditions, firsts)

        def step(row: int) -> tuple[int, int]:
            return kernel.set_matching(*given, row, self._directory, self._pool, self._used)

        self._all_rows(step, one_ints)

    def _all_rows(
        self, step: Callable[[int], tuple[int, int]], one_ints: npt.NDArray[np.uint32]
    ) -> None:
        row, rows = 0, len(one_ints)
        self._highs = max(self._highs, (int(one_ints.max(initial=0)) >> 16) + 1)
        while True:
            row, self._used = step(row)
            if row == rows:
                return
            grown = np.empty((int(len(self._pool) * _GROWTH), kernel.STRIDE), np.uint64)
            grown[: self._used] = self._pool[: self._used]
            self._pool = grown

    def complement(self, code: int, universe: int) -> None:
        """Replaces a set by what the universe has beyond it."""
        for high in np.flatnonzero(self._directory[: self._highs, universe]):
            whole = self._pool[self._directory[high, universe] - 1]
            if own := self._directory[high, code]:
                self._pool[own - 1] = whole & ~self._pool[own - 1]
                continue
            if self._used == len(self._pool):
                self._pool = np.concatenate([self._pool, np.empty_like(self._pool)])
            self._pool[self._used] = whole
            self._used += 1
            self._directory[high, code] = self._used

    def written(self, code: int) -> tuple[npt.NDArray[np.uint8], int]:
        """Returns a set as portable Roaring bytes, and how many members it has."""
        keys = np.flatnonzero(self._directory[: self._highs, code])
        blocks = self._directory[keys, code] - np.int32(1)
        members, runs, sizes = portable.measure(blocks, self._pool)
        kept = members > 0
        if not kept.all():
            keys, blocks, members, runs, sizes = (
                column[kept] for column in (keys, blocks, members, runs, sizes)
            )
        bits = self._pool.view(np.uint8).reshape(len(self._pool), 8 * kernel.STRIDE)
        written = portable.write(keys, blocks, members, runs, sizes, self._pool, bits)
        return written, int(members.sum())


def bytes_column(blobs: Iterable[npt.NDArray[np.uint8]]) -> pa.ChunkedArray:
    """Returns a binary column with a chunk per value, which are not copied."""
    chunks = []
    for blob in blobs:
        offsets = np.array([0, len(blob)], np.int32)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(blob)]
        chunks.append(pa.Array.from_buffers(pa.binary(), 1, buffers))
    return pa.chunked_array(chunks, pa.binary())


def one_ints_of(batch: pa.RecordBatch) -> npt.NDArray[np.uint32]:
    """Returns the column one_int.

    Raises:
        ValueError: It is missing or no integer, or a value is null or outside 1 to 2^32 - 1.
    """
    if "one_int" not in batch.schema.names:
        raise ValueError("memberships: column one_int is missing")
    column = batch.column("one_int")
    if not pa.types.is_integer(column.type):
        raise ValueError(f"memberships: one_int is {column.type}; an integer type is expected")
    if column.null_count:
        raise ValueError(f"memberships: one_int null; it must be 1 to {MAX_ONE_INT}")
    bounds = pc.min_max(column).as_py()
    for value in bounds.values():
        if value is not None and not 1 <= value <= MAX_ONE_INT:
            raise ValueError(f"memberships: one_int {value}; it must be 1 to {MAX_ONE_INT}")
    values = column.to_numpy(zero_copy_only=False).astype(np.uint32, copy=False)
    return cast("npt.NDArray[np.uint32]", values)


def codes_of(batch: pa.RecordBatch, name: str, count: int) -> npt.NDArray[np.uint16]:
    """Returns a column of numbers of sets; null becomes NONE.

    Raises:
        ValueError: It is no integer, or a value is negative or not below `count`.
    """
    column = batch.column(name)
    if not pa.types.is_integer(column.type):
        raise ValueError(f"memberships: {name} is {column.type}; an integer type is expected")
    bounds = pc.min_max(column).as_py()
    for value in bounds.values():
        if value is not None and not 0 <= value < count:
            raise ValueError(f"memberships: {name} {value} is no tag's number")
    if column.null_count:
        # Unsigned 16-bit holds every number and NONE.
        column = column.cast(pa.uint16()).fill_null(int(kernel.NONE))
    values = column.to_numpy(zero_copy_only=False).astype(np.uint16, copy=False)
    return cast("npt.NDArray[np.uint16]", values)
