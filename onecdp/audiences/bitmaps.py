"""Tags as Roaring bitmaps of one_int. Everything that touches pyroaring is here.

Bytes are portable Roaring, 32-bit (https://github.com/RoaringBitmap/RoaringFormatSpec): Java, Go,
Rust, ClickHouse and Spark read them.
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
from pyroaring import BitMap as BitMap  # for those who annotate with it

from onecdp.audiences.rules import And, Expression, Not, Or, Tag

# The reserved tag that NOT is counted against: it holds every customer.
ALL_CUSTOMERS = "all_customers"

MAX_ONE_INT = 2**32 - 1

SCHEMA = pa.schema(
    [("segment_tag", pa.string()), ("user_bitmap", pa.binary()), ("user_count", pa.int64())]
)

# Rows that are grouped by tag at a time: small enough to be sorted inside the processor's cache.
_STEP = 1 << 18


def build_bitmaps(
    memberships: pa.Table | Iterable[pa.RecordBatch], declared: Iterable[str] = ()
) -> pa.Table:
    """Builds one bitmap a tag.

    Args:
        memberships: Columns segment_tag (text, plain or dictionary-encoded) and one_int (integer),
            a row per customer and tag, in any order; a repeated row counts once. From a
            RecordBatchReader one batch at a time is held.
        declared: Tags that shall be there even when nobody carries them.

    Returns:
        Columns segment_tag, user_bitmap (portable Roaring bytes), user_count; one row a tag, sorted
        by tag. The same memberships give the same bytes, whatever their order.

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
    """Reads the bitmaps of a table as `build_bitmaps` makes it, by tag.

    Raises:
        ValueError: A tag is there twice, or its bytes are no Roaring bitmap.
    """
    bitmaps: dict[str, BitMap] = {}
    for batch in table.to_batches() if isinstance(table, pa.Table) else table:
        tags = batch.column("segment_tag").to_pylist()
        for tag, blob in zip(tags, batch.column("user_bitmap"), strict=True):
            if tag in bitmaps:
                raise ValueError(f'tag "{tag}" has two bitmaps; one row a tag is expected')
            try:
                bitmaps[tag] = from_bytes(blob.as_py() or b"")
            except ValueError as error:
                raise ValueError(f'tag "{tag}": {error}') from None
    return bitmaps


def to_bytes(bitmap: BitMap) -> bytes:
    """Serialises a bitmap, packed first, which may change its layout but never its members."""
    bitmap.run_optimize()
    return bitmap.serialize()


def from_bytes(blob: bytes) -> BitMap:
    """Reads portable Roaring bytes, checking them in full.

    Raises:
        ValueError: They are no 32-bit Roaring bitmap, or are damaged.
    """
    # pyroaring reads past the bytes of no length at all.
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
    """Returns the members in rising order."""
    return np.frombuffer(bitmap.to_array(), dtype=np.uint32)


def intersection(bitmaps: Sequence[BitMap]) -> BitMap:
    """Returns what one or more bitmaps share, the smallest first, since it bounds the work."""
    return reduce(BitMap.intersection, sorted(bitmaps, key=len))


def union(bitmaps: Sequence[BitMap]) -> BitMap:
    """Returns the members of any of one or more bitmaps."""
    return BitMap.union(*bitmaps)


def difference(bitmap: BitMap, others: Sequence[BitMap]) -> BitMap:
    """Returns the members of a bitmap that are in none of the others."""
    return reduce(BitMap.difference, others, bitmap)


def evaluate(expression: Expression, bitmaps: Mapping[str, BitMap]) -> BitMap:
    """Returns the customers that an expression selects; not to be changed, it may be shared.

    NOT beside something kept takes away from it; NOT alone takes away from `ALL_CUSTOMERS`.

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

    The last operation only counts, which is up to forty times quicker than making its bitmap.

    Raises:
        KeyError: A tag is not in `bitmaps`.
    """
    match expression:
        case Tag(name):
            return len(bitmaps[name])
        case Not(operand):
            everybody = bitmaps[ALL_CUSTOMERS]
            return everybody.difference_cardinality(evaluate(operand, bitmaps))
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
    """Splits AND into what is kept (at least one) and what is taken away."""
    taken = [evaluate(o.operand, bitmaps) for o in expression.operands if isinstance(o, Not)]
    kept = [evaluate(o, bitmaps) for o in expression.operands if not isinstance(o, Not)]
    return kept or [bitmaps[ALL_CUSTOMERS]], taken


def _groups(batch: pa.RecordBatch) -> Iterator[tuple[str, array[int]]]:
    """Yields the members of each tag; a tag may come several times."""
    for column in ("segment_tag", "one_int"):
        if column not in batch.schema.names:
            raise ValueError(f"memberships: there is no column {column}")
    tags, one_ints = batch.column("segment_tag"), batch.column("one_int")
    _check(tags, one_ints)
    encoded = tags if pa.types.is_dictionary(tags.type) else tags.dictionary_encode()
    names = encoded.dictionary.to_pylist()
    # The narrower the type, the fewer passes the (radix) sort takes.
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.min_scalar_type(len(names)))
    members = one_ints.to_numpy(zero_copy_only=False).astype(np.uint32)
    for start in range(0, len(codes), _STEP):
        step = codes[start : start + _STEP]
        order = np.argsort(step, kind="stable")
        by_tag, ordered = step[order], members[start : start + _STEP][order]
        edges = [0, *(np.flatnonzero(by_tag[1:] != by_tag[:-1]) + 1), len(step)]
        for first, end in pairwise(edges):
            # pyroaring walks any other sequence, numpy's too, in Python.
            one_tag = array("I")
            one_tag.frombytes(memoryview(ordered[first:end]).cast("B"))
            yield names[by_tag[first]], one_tag


def _check(tags: pa.Array, one_ints: pa.Array) -> None:
    """Refuses what can't be a member of a bitmap.

    Raises:
        ValueError: Names the tag and the value.
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
