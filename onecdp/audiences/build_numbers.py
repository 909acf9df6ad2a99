"""Builds the slices of numbers: one bitmap per binary digit (`onecdp.audiences.numbers`)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from onecdp.audiences.bit_sets import BitSets, bytes_column, one_ints_of

NUMBERS_SCHEMA = pa.schema(
    [
        ("number_name", pa.string()),
        ("slice", pa.int32()),
        ("decimals", pa.int32()),
        ("base", pa.int64()),
        ("user_bitmap", pa.binary()),
        ("user_count", pa.int64()),
    ]
)


def build_numbers(rows: Iterable[pa.Table]) -> pa.Table:
    """Builds the slices of numbers.

    Args:
        rows: Tables, one at a time. Each has the integer column one_int, one row per customer, and
            any number of columns of integers or decimals; null is no value.

    Returns:
        Columns number_name, slice, decimals, base, user_bitmap and user_count. Slice -1 has the
        customers with a value; slice b those whose value, times 10^decimals, less the base, has the
        bit b. The base is 0 unless there are negative values, then the smallest of them.

    Raises:
        ValueError: one_int is invalid as in `build_bitmaps`, or a column is no integer or decimal.
    """
    parts: list[tuple[Any, ...]] = []
    for table in rows:
        for name in sorted(set(table.schema.names) - {"one_int"}):
            parts += _slices(table, name)
    columns = list(zip(*parts, strict=True)) if parts else [()] * len(NUMBERS_SCHEMA)
    *others, blobs, counts = columns
    arrays = [*map(list, others), bytes_column(blobs), list(counts)]
    return pa.table(arrays, schema=NUMBERS_SCHEMA)


def _slices(table: pa.Table, name: str) -> Iterator[tuple[Any, ...]]:
    type_ = table.schema.field(name).type
    decimals = type_.scale if pa.types.is_decimal(type_) else 0
    if not (pa.types.is_decimal(type_) or pa.types.is_integer(type_)):
        raise ValueError(f"number {name} is {type_}; an integer or decimal is expected")
    least, most = (
        _scaled(value, decimals) for value in pc.min_max(table.column(name)).as_py().values()
    )
    if max(abs(least), abs(most)) >= 2**62:
        raise ValueError(f"number {name} has values beyond 18 digits, with {decimals} decimals")
    base = min(0, least)
    sets = BitSets(2 + (most - base).bit_length())
    for batch in table.select(["one_int", name]).to_batches():
        column = batch.column(1)
        held = column.is_valid().cast(pa.uint8()).to_numpy(zero_copy_only=False)
        values = _integers(column, decimals) - base
        sets.add_values(one_ints_of(batch), values.astype(np.uint64), held)
    for code in range(sets.count - 1):
        blob, members = sets.written(code)
        yield name, code - 1, decimals, base, blob, members


def _scaled(value: Any, decimals: int) -> int:
    return 0 if value is None else int(value * 10**decimals)


def _integers(column: pa.Array, decimals: int) -> npt.NDArray[np.int64]:
    """Returns decimals times 10^decimals as integers; nulls become anything."""
    if not pa.types.is_decimal(column.type):
        values = column.fill_null(0).cast(pa.int64()).to_numpy(zero_copy_only=False)
        return cast("npt.NDArray[np.int64]", values)
    # The unscaled integers, of which the low words suffice below 2^62.
    wide = column.cast(pa.decimal128(38, decimals))
    words = np.frombuffer(wide.buffers()[1], np.int64)
    return words[2 * wide.offset : 2 * (wide.offset + len(wide)) : 2]
