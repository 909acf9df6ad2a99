"""Writes blocks of bits as portable Roaring bytes (https://github.com/RoaringBitmap/RoaringFormatSpec)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from onecdp.audiences.kernel import WORDS, Words
from onecdp.compiled import compiled

_ARRAY_MAX = 4096
_NO_OFFSETS_BELOW = 4
_COOKIE_WITHOUT_RUNS = 12346
_COOKIE = 12347


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
    # By loops: numba takes two seconds to compile an assignment to a slice.
    for at in range(header):
        out[at] = 0
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
            for byte in range(8 * WORDS):
                out[place + byte] = bits[blocks[at], byte]
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
