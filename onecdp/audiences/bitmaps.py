"""Tags as Roaring bitmaps of one_int. The only module that uses pyroaring.

Bitmaps are stored in the portable 32-bit Roaring format, which Java, Go, Rust, ClickHouse and Spark
can read (https://github.com/RoaringBitmap/RoaringFormatSpec).
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyroaring import BitMap as BitMap  # re-exported for annotations

from onecdp.audiences.rules import And, Expression, Not, Or, Tag

# Reserved tag of all customers, the universe of NOT.
ALL_CUSTOMERS = "all_customers"

MAX_ONE_INT = 2**32 - 1

SCHEMA = pa.schema(
    [("segment_tag", pa.string()), ("user_bitmap", pa.binary()), ("user_count", pa.int64())]
)

# Rows that are grouped by tag at once: small enough to be sorted within the CPU cache.
_STEP = 1 << 18


def build_bitmaps(
    memberships: pa.Table | Iterable[pa.RecordBatch], declared: Iterable[str] = ()
) -> pa.Table:
    """Builds one bitmap per tag.

    Args:
        memberships: Columns segment_tag (text, plain or dictionary-encoded) and one_int (integer),
            one row per customer and tag, in any order; duplicates count once. Batches of a
            RecordBatchReader are read one at a time.
        declared: Tags that get a bitmap even without customers.

    Returns:
        Columns segment_tag, user_bitmap (portable Roaring bytes), user_count; one row per tag,
        sorted by tag. Deterministic, and independent of the order of the memberships.

    Raises:
        ValueError: A column is missing, a tag or one_int is null, or one_int is outside
            1 to 2^32 - 1; names the tag and the value.
    """
    bitmaps = {tag: BitMap() for tag in declared}
    batches = memberships.to_batches() if isinstance(memberships, pa.Table) else memberships
    for batch in batches:
        for tag, one_ints in _groups(batch):
            bitmaps.setdefault(tag, BitMap()).update(one_ints)
    names = sorted(bitmaps)
    columns = [
        names,
        [to_bytes(bitmaps[name]) for name in names],
        [len(bitmaps[name]) for name in names],
    ]
    return pa.table(columns, schema=SCHEMA)


def load_bitmaps(table: pa.Table | pa.RecordBatchReader) -> dict[str, BitMap]:
    """Reads the bitmaps of a table made by `build_bitmaps`, by tag.

    Raises:
        ValueError: A tag occurs twice, or its bytes are not a Roaring bitmap.
    """
    bitmaps: dict[str, BitMap] = {}
    for batch in table.to_batches() if isinstance(table, pa.Table) else table:
        tags = batch.column("segment_tag").to_pylist()
        for tag, blob in zip(tags, batch.column("user_bitmap"), strict=True):
            if tag in bitmaps:
                raise ValueError(f'tag "{tag}" has two bitmaps; one row per tag is expected')
            try:
                bitmaps[tag] = from_bytes(blob.as_py() or b"")
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


def to_numpy(bitmap: BitMap) -> npt.NDArray[np.uint32]:
    """Returns the customers in ascending order."""
    return np.frombuffer(bitmap.to_array(), dtype=np.uint32)


def intersection(bitmaps: Sequence[BitMap]) -> BitMap:
    """Returns the customers in all bitmaps; starts with the smallest, which bounds the work."""
    return reduce(BitMap.intersection, sorted(bitmaps, key=len))


def union(bitmaps: Sequence[BitMap]) -> BitMap:
    """Returns the customers in at least one bitmap."""
    return BitMap.union(*bitmaps)


def difference(bitmap: BitMap, others: Sequence[BitMap]) -> BitMap:
    """Returns the customers of a bitmap that are not in any of the others."""
    return reduce(BitMap.difference, others, bitmap)


def evaluate(expression: Expression, bitmaps: Mapping[str, BitMap]) -> BitMap:
    """Returns the customers that an expression selects. Do not modify the result: it may be shared.

    In an AND with other operands, NOT is a set difference; otherwise the complement in
    `ALL_CUSTOMERS`.

    Raises:
        KeyError: A tag is not in `bitmaps`.
    """
    match expression:
        case Tag(name):
            return bitmaps[name]
        case Not(operand):
            return bitmaps[ALL_CUSTOMERS] - evaluate(operand, bitmaps)
        case Or(operands):
            return union([evaluate(operand, bitmaps) for operand in operands])
        case And():
            kept, taken = _and_parts(expression, bitmaps)
            return difference(intersection(kept), taken)


def count(expression: Expression, bitmaps: Mapping[str, BitMap]) -> int:
    """Returns how many customers an expression selects.

    The last operation only counts, which is up to forty times faster than building its bitmap.

    Raises:
        KeyError: A tag is not in `bitmaps`.
    """
    match expression:
        case Tag(name):
            return len(bitmaps[name])
        case Not(operand):
            universe = bitmaps[ALL_CUSTOMERS]
            return universe.difference_cardinality(evaluate(operand, bitmaps))
        case Or(operands):
            *others, last = (evaluate(operand, bitmaps) for operand in operands)
            return union(others).union_cardinality(last)
        case And():
            kept, taken = _and_parts(expression, bitmaps)
            if not taken:
                *others, last = kept
                return intersection(others).intersection_cardinality(last)
            *others, last = taken
            return difference(intersection(kept), others).difference_cardinality(last)


def _and_parts(expression: And, bitmaps: Mapping[str, BitMap]) -> tuple[list[BitMap], list[BitMap]]:
    """Splits AND into the bitmaps to intersect (at least one) and those to subtract."""
    taken = [evaluate(o.operand, bitmaps) for o in expression.operands if isinstance(o, Not)]
    kept = [evaluate(o, bitmaps) for o in expression.operands if not isinstance(o, Not)]
    return kept or [bitmaps[ALL_CUSTOMERS]], taken


def _groups(batch: pa.RecordBatch) -> Iterator[tuple[str, array[int]]]:
    """Yields the customers of each tag; a tag may occur several times."""
    for column in ("segment_tag", "one_int"):
        if column not in batch.schema.names:
            raise ValueError(f"memberships: column {column} is missing")
    tags, one_ints = batch.column("segment_tag"), batch.column("one_int")
    _check(tags, one_ints)
    encoded = tags if pa.types.is_dictionary(tags.type) else tags.dictionary_encode()
    names = encoded.dictionary.to_pylist()
    # The radix sort takes fewer passes over a narrower type.
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.min_scalar_type(len(names)))
    customers = one_ints.to_numpy(zero_copy_only=False).astype(np.uint32)
    for start in range(0, len(codes), _STEP):
        step = codes[start : start + _STEP]
        order = np.argsort(step, kind="stable")
        by_tag, ordered = step[order], customers[start : start + _STEP][order]
        edges = [0, *(np.flatnonzero(by_tag[1:] != by_tag[:-1]) + 1), len(step)]
        for first, end in pairwise(edges):
            # pyroaring iterates over other sequences, including numpy arrays, in Python.
            one_tag = array("I")
            one_tag.frombytes(memoryview(ordered[first:end]).cast("B"))
            yield names[by_tag[first]], one_tag


def _check(tags: pa.Array, one_ints: pa.Array) -> None:
    """Validates tags and customers.

    Raises:
        ValueError: A value is invalid; the message has the tag and the value.
    """
    if not pa.types.is_integer(one_ints.type):
        raise ValueError(f"memberships: one_int is {one_ints.type}; an integer type is expected")
    bounds = pc.min_max(one_ints).as_py()
    in_bounds = bounds["min"] is None or (bounds["min"] >= 1 and bounds["max"] <= MAX_ONE_INT)
    if in_bounds and not tags.null_count and not one_ints.null_count:
        return
    for tag, one_int in zip(tags.to_pylist(), one_ints.to_pylist(), strict=True):
        if tag is None:
            raise ValueError(f"memberships: a row with one_int {one_int} has no segment_tag")
        if one_int is None or not 1 <= one_int <= MAX_ONE_INT:
            value = "null" if one_int is None else one_int
            raise ValueError(
                f'memberships: tag "{tag}" has one_int {value}; it must be 1 to {MAX_ONE_INT}'
            )
