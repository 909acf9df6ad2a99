"""Sets bits and writes portable Roaring bytes: the compiled part of `onecdp.audiences.build`.

The members of a set are bits in blocks of 65,536, the containers of the Roaring format
(https://github.com/RoaringBitmap/RoaringFormatSpec). A block takes 8 KiB whatever order the
members come in, so nothing is sorted, and the bytes do not depend on the order.
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

_ARRAY_MAX = 4096
_NO_OFFSETS_BELOW = 4
_COOKIE_WITHOUT_RUNS = 12346
_COOKIE = 12347

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


# The loops over all rows allocate nothing: they return the row, and the set, that needs a block, and
# are called again from there. With an allocation in it, such a loop takes five times as long.


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


@compiled
def _ones(word: Any) -> Any:
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + (
        (word >> np.uint64(2)) & np.uint64(0x3333333333333333)
    )
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


@compiled
def measure(
    blocks: npt.NDArray[np.int32], pool: Words
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Returns the members, the runs and the bytes of each block in its smallest layout."""
    members = np.zeros(len(blocks), np.int64)
    runs = np.zeros(len(blocks), np.int64)
    sizes = np.zeros(len(blocks), np.int64)
    for at in range(len(blocks)):
        ones = np.uint64(0)
        starts = np.uint64(0)
        before = np.uint64(0)
        block = pool[blocks[at]]
        for number in range(WORDS):
            word = block[number]
            ones += _ones(word)
            starts += _ones(word & ~((word << np.uint64(1)) | before))
            before = word >> np.uint64(63)
        members[at] = ones
        size = 2 * members[at] if members[at] <= _ARRAY_MAX else 8 * WORDS
        sizes[at] = size
        if 2 + 4 * np.int64(starts) < size:
            runs[at] = starts
            sizes[at] = 2 + 4 * runs[at]
    return members, runs, sizes


@compiled
def write(
    keys: npt.NDArray[np.int64],
    blocks: npt.NDArray[np.int32],
    members: npt.NDArray[np.int64],
    runs: npt.NDArray[np.int64],
    sizes: npt.NDArray[np.int64],
    pool: Words,
    bits: npt.NDArray[np.uint8],
) -> npt.NDArray[np.uint8]:
    """Returns the portable Roaring bytes of a set; `bits` is the pool as little-endian bytes.

    A block with runs is stored as runs, another with more than 4,096 members as bits, and the rest
    as arrays.
    """
    count = len(blocks)
    has_runs = False
    for at in range(count):
        has_runs = has_runs or runs[at] > 0
    flags = (count + 7) // 8 if has_runs else 0
    header = (4 + flags) if has_runs else 8
    has_offsets = not has_runs or count >= _NO_OFFSETS_BELOW
    header += 4 * count + (4 * count if has_offsets else 0)
    out = np.empty(header + sizes.sum(), np.uint8)
    out[:header] = 0
    place = 0
    if has_runs:
        place = _put(out, place, _COOKIE | ((count - 1) << 16), 4)
        for at in range(count):
            if runs[at] > 0:
                out[place + at // 8] |= np.uint8(1 << (at % 8))
        place += flags
    else:
        place = _put(out, place, _COOKIE_WITHOUT_RUNS, 4)
        place = _put(out, place, count, 4)
    for at in range(count):
        place = _put(out, place, keys[at], 2)
        place = _put(out, place, members[at] - 1, 2)
    if has_offsets:
        offset = header
        for at in range(count):
            place = _put(out, place, offset, 4)
            offset += sizes[at]
    for at in range(count):
        block = pool[blocks[at]]
        if runs[at] > 0:
            place = _put(out, place, runs[at], 2)
            place = _put_runs(out, place, block)
        elif members[at] > _ARRAY_MAX:
            out[place : place + 8 * WORDS] = bits[blocks[at], : 8 * WORDS]
            place += 8 * WORDS
        else:
            for number in range(WORDS):
                word = block[number]
                while word != 0:
                    lowest = word & (~word + np.uint64(1))
                    low = np.int64(64 * number) + np.int64(_ones(lowest - np.uint64(1)))
                    place = _put(out, place, low, 2)
                    word ^= lowest
    return out


@compiled
def _put_runs(out: Any, place: Any, block: Any) -> Any:
    """Writes each run as its first member and its length less one."""
    first = -1
    for number in range(WORDS):
        word = block[number]
        if word == 0 and first < 0:
            continue
        if word == ~np.uint64(0) and first >= 0:
            continue
        for bit in range(64):
            is_set = (word >> np.uint64(bit)) & np.uint64(1)
            low = 64 * number + bit
            if is_set and first < 0:
                first = low
            elif not is_set and first >= 0:
                place = _put(out, place, first, 2)
                place = _put(out, place, low - 1 - first, 2)
                first = -1
    if first >= 0:
        place = _put(out, place, first, 2)
        place = _put(out, place, 64 * WORDS - 1 - first, 2)
    return place


@compiled
def _put(out: Any, place: Any, value: Any, width: Any) -> Any:
    for byte in range(width):
        out[place + byte] = np.uint8((np.int64(value) >> np.int64(8 * byte)) & np.int64(0xFF))
    return place + width
