"""Sets bits: the compiled part of `onecdp.audiences.build`.

The members of a set are bits in blocks of 65,536, the containers of the Roaring format. A block
takes 8 KiB whatever order the members come in, so nothing is sorted, and the bytes that
`onecdp.audiences.portable` writes do not depend on the order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onecdp.compiled import compiled

BLOCKS = 1 << 16
WORDS = 1024
STRIDE = WORDS + 8
"""Words from block to block: with a power of two, the blocks of all tags would compete for the same
lines of the processor's cache."""
NONE = np.uint16(0xFFFF)
"""The code of a row that is in no set."""

Words = npt.NDArray[np.uint64]
Directory = npt.NDArray[np.int32]


@compiled
def set_bits(
    one_ints: npt.NDArray[np.uint32],
    codes: npt.NDArray[np.uint16],
    start: int,
    directory: Directory,
    pool: Words,
    used: int,
) -> tuple[int, int]:
    """Adds each one_int to the set of its code, from row `start` on.

    Args:
        one_ints: The members, one per row.
        codes: The set of each row, or NONE.
        start: The first row.
        directory: The block of each high half of a one_int and set, plus one; 0 is none.
        pool: The blocks, as words of 64 bits.
        used: How many blocks are in use.

    Returns:
        The row reached, which is the number of rows unless the pool is full, and `used`. A row that
        is begun again changes nothing.
    """
    row = start
    while True:
        row = _set_bits(one_ints, codes, row, directory, pool)
        if row == len(one_ints) or used == len(pool):
            return row, used
        used = _add_block(one_ints[row], codes[row], directory, pool, used)


@compiled
def set_slices(
    one_ints: npt.NDArray[np.uint32],
    values: npt.NDArray[np.uint64],
    held: npt.NDArray[np.uint8],
    start: int,
    directory: Directory,
    pool: Words,
    used: int,
) -> tuple[int, int]:
    """Adds each one_int to set 0, and to set 1 + b for each bit b of its value.

    Args and result are as for `set_bits`; `held` is 0 for rows without a value.
    """
    row = start
    while True:
        row, code = _set_slices(one_ints, values, held, row, directory, pool)
        if row == len(one_ints) or used == len(pool):
            return row, used
        used = _add_block(one_ints[row], code, directory, pool, used)


@compiled
def set_matching(
    one_ints: npt.NDArray[np.uint32],
    selections: npt.NDArray[np.int64],
    counts: npt.NDArray[np.int64],
    sums: npt.NDArray[np.int64],
    conditions: npt.NDArray[np.int64],
    firsts: npt.NDArray[np.int64],
    start: int,
    directory: Directory,
    pool: Words,
    used: int,
) -> tuple[int, int]:
    """Adds each one_int to the sets whose condition its row meets.

    Args and result are as for `set_bits`, and:
        selections: The selection of each row.
        counts: A row's counts, one column per window.
        sums: A row's sums, one column per window.
        conditions: One row per set, ordered by selection: code, window, the least and the most
            count, the least and the most sum, and 1 if who does not meet it is added instead.
        firsts: The first condition of each selection, and one past the last.
    """
    row = start
    while True:
        row, code = _set_matching(
            one_ints, selections, counts, sums, conditions, firsts, row, directory, pool
        )
        if row == len(one_ints) or used == len(pool):
            return row, used
        used = _add_block(one_ints[row], code, directory, pool, used)


# The loops over all rows add no block: they return the row, and the set, that needs one, and are
# called again from there. A loop that adds blocks itself takes three times as long.


@compiled
def _set_bits(one_ints: Any, codes: Any, start: Any, directory: Any, pool: Any) -> Any:
    cells, sets = directory.reshape(-1), np.uint64(directory.shape[1])
    words, width = pool.reshape(-1), np.uint64(pool.shape[1])
    for row in range(start, len(one_ints)):
        if codes[row] != NONE and not _set(one_ints[row], codes[row], cells, sets, words, width):
            return row
    return len(one_ints)


@compiled
def _set_slices(
    one_ints: Any, values: Any, held: Any, start: Any, directory: Any, pool: Any
) -> Any:
    cells, sets = directory.reshape(-1), np.uint64(directory.shape[1])
    words, width = pool.reshape(-1), np.uint64(pool.shape[1])
    for row in range(start, len(one_ints)):
        if held[row] == 0:
            continue
        left = (values[row] << np.uint64(1)) | np.uint64(1)
        code = 0
        while left != 0:
            if left & np.uint64(1) and not _set(one_ints[row], code, cells, sets, words, width):
                return row, code
            left >>= np.uint64(1)
            code += 1
    return len(one_ints), 0


@compiled
def _set_matching(
    one_ints: Any,
    selections: Any,
    counts: Any,
    sums: Any,
    conditions: Any,
    firsts: Any,
    start: Any,
    directory: Any,
    pool: Any,
) -> Any:
    cells, sets = directory.reshape(-1), np.uint64(directory.shape[1])
    words, width = pool.reshape(-1), np.uint64(pool.shape[1])
    for row in range(start, len(one_ints)):
        selection = selections[row]
        for at in range(firsts[selection], firsts[selection + 1]):
            window = conditions[at, 1]
            count = counts[row, window]
            total = sums[row, window]
            is_met = (
                conditions[at, 2] <= count
                and count <= conditions[at, 3]
                and conditions[at, 4] <= total
                and total <= conditions[at, 5]
            )
            if is_met != (conditions[at, 6] == 1):
                code = conditions[at, 0]
                if not _set(one_ints[row], code, cells, sets, words, width):
                    return row, code
    return len(one_ints), np.int64(0)


@compiled
def _set(one_int: Any, code: Any, cells: Any, sets: Any, words: Any, width: Any) -> Any:
    """Sets a bit, and returns whether its block is there.

    The directory and the pool are given as flat arrays, with the lengths of their rows; and numbers
    are unsigned, so that none needs a look at whether it is negative.
    """
    one = np.uint64(one_int)
    block = np.uint64(cells[(one >> np.uint64(16)) * sets + np.uint64(code)])
    if block == 0:
        return False
    low = one & np.uint64(0xFFFF)
    word = (block - np.uint64(1)) * width + (low >> np.uint64(6))
    words[word] |= np.uint64(1) << (low & np.uint64(63))
    return True


@compiled
def _add_block(one_int: Any, code: Any, directory: Any, pool: Any, used: Any) -> Any:
    """Adds an empty block to a set, and returns how many are in use."""
    pool[used, :] = np.uint64(0)
    directory[one_int >> np.uint32(16), code] = used + 1
    return used + 1
