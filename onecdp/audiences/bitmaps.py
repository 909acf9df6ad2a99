"""Sets of customers as Roaring bitmaps of one_int. The only module that uses pyroaring.

Bitmaps are stored in the portable 32-bit Roaring format, which Java, Go, Rust, ClickHouse and Spark
can read (https://github.com/RoaringBitmap/RoaringFormatSpec).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from pyroaring import BitMap as BitMap  # re-exported for annotations

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Reserved tag of all customers, the universe of NOT.
ALL_CUSTOMERS = "all_customers"


def load_bitmaps(rows: Iterable[tuple[str, bytes | None]]) -> dict[str, BitMap]:
    """Returns bitmaps by tag.

    Args:
        rows: Tags and their bytes.

    Raises:
        ValueError: A tag occurs twice, or its bytes are not a Roaring bitmap.
    """
    bitmaps: dict[str, BitMap] = {}
    for tag, blob in rows:
        if tag in bitmaps:
            raise ValueError(f'tag "{tag}" has two bitmaps; one row per tag is expected')
        try:
            bitmaps[tag] = from_bytes(blob or b"")
        except ValueError as error:
            raise ValueError(f'tag "{tag}": {error}') from None
    return bitmaps


def to_bytes(bitmap: BitMap) -> bytes:
    """Serialises a bitmap in its smallest layout."""
    bitmap.run_optimize()
    return bitmap.serialize()


def from_bytes(blob: bytes) -> BitMap:
    """Deserialises portable Roaring bytes and validates them.

    Raises:
        ValueError: The bytes are not a 32-bit Roaring bitmap, or are corrupt.
    """
    # pyroaring reads out of bounds if there are no bytes.
    if blob:
        try:
            return BitMap.deserialize(blob)
        except ValueError:
            pass
    raise ValueError(
        f"not a 32-bit Roaring bitmap: {len(blob)} bytes"
        + (f" that begin with {blob[:8].hex()}" if blob else "")
    )


def from_members(members: Any) -> BitMap:
    """Returns the bitmap of one_ints: an array.array('I'), a list or another iterable.

    Raises:
        ValueError: One is outside 0 to 2^32 - 1.
    """
    try:
        return BitMap(members)
    except (OverflowError, TypeError) as error:
        raise ValueError(f"a member is no integer from 0 to 2^32 - 1: {error}") from None


def from_numpy(members: npt.NDArray[np.integer[Any]]) -> BitMap:
    """Returns the bitmap of one_ints, in any order, without a Python object for each.

    Raises:
        ValueError: One is outside 0 to 2^32 - 1.
    """
    if len(members) and not (members.min() >= 0 and members.max() < 2**32):
        raise ValueError(
            "a member is no integer from 0 to 2^32 - 1:"
            f" they are {members.min()} to {members.max()}"
        )
    narrow = array("I")
    narrow.frombytes(members.astype("uint32").tobytes())
    return BitMap(narrow)


def to_numpy(bitmap: BitMap) -> npt.NDArray[np.uint32]:
    """Returns the customers in ascending order."""
    import numpy as np

    return np.frombuffer(bitmap.to_array(), dtype=np.uint32)


def intersection(bitmaps: Sequence[BitMap]) -> BitMap:
    """Returns the customers in all bitmaps; starts with the smallest, which bounds the work."""
    return reduce(BitMap.intersection, sorted(bitmaps, key=len))


def union(bitmaps: Sequence[BitMap]) -> BitMap:
    """Returns the customers in at least one bitmap; of one bitmap, itself."""
    # Of one, pyroaring would return a copy.
    return BitMap.union(*bitmaps) if len(bitmaps) > 1 else bitmaps[0]


def difference(bitmap: BitMap, others: Sequence[BitMap]) -> BitMap:
    """Returns the customers of a bitmap that are not in any of the others."""
    return reduce(BitMap.difference, others, bitmap)
