"""Reads Parquet: every value as the text that a CSV would have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..declaration import Kind, TableSpec
from ..landing.arrivals import FLAW, LINE, Chunk, Refused
from ..landing.codes import EXACT_BELOW
from .header import CHUNK_ROWS, require_columns, resolve_header
from .numbers import FRACTION, code_columns

# From here on floats of so many bits skip integers: whoever wrote one may have lost digits.
_EXACT_BELOW = {64: EXACT_BELOW, 32: 2**24, 16: 2**11}
_NO_TEXT = pa.scalar(None, pa.string())


def read_parquet(stream: BinaryIO, spec: TableSpec) -> Iterator[Chunk]:
    """Yields the rows of a Parquet file, which must be seekable.

    Raises:
        Refused: it is damaged, lacks a required column, or stores a known one as another kind.
    """
    line = 0
    try:
        parquet = pq.ParquetFile(stream)
        schema = parquet.schema_arrow
        names = resolve_header(schema.names, spec)
        require_columns(names, spec)
        _check_families(parquet, names, spec)
        codes = code_columns(spec)
        for batch in parquet.iter_batches(CHUNK_ROWS):
            columns = {
                name: _arrow_text(column) for name, column in zip(names, batch.columns, strict=True)
            }
            flaws = [
                flaw
                for name, column in zip(names, batch.columns, strict=True)
                if name in codes and (flaw := _flaws(name, column, columns[name])) is not None
            ]
            if flaws:
                told = pc.utf8_rtrim(pc.binary_join_element_wise(*flaws, ""), "; ")
                columns[FLAW] = pc.if_else(pc.equal(told, ""), _NO_TEXT, told)
            columns[LINE] = pa.array(range(line + 1, line + 1 + batch.num_rows), pa.int64())
            line += batch.num_rows
            yield Chunk(pa.table(columns))
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise Refused(f"is a damaged Parquet file ({reason})") from error


def _check_families(parquet: pq.ParquetFile, names: list[str], spec: TableSpec) -> None:
    """Refuses a known column whose stored type is of another family than the declared one."""
    kinds = {column.name: column.kind for column in spec.columns}
    kinds |= dict.fromkeys(code_columns(spec), Kind.CODE)
    for name, field in zip(names, parquet.schema_arrow, strict=True):
        found = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if name not in kinds or pa.types.is_null(found) or _fits(found, kinds[name]):
            continue
        # A column without any value has whatever type its writer happened to choose.
        values = parquet.read([field.name]).column(0)
        if values.null_count < len(values):
            raise Refused(f"column {name} is {found}, expected {kinds[name].value}")


def _fits(found: pa.DataType, kind: Kind) -> bool:
    types = pa.types
    if types.is_string(found) or types.is_large_string(found):
        return True  # text is what a CSV has; its values are checked one by one
    fitting: tuple[Callable[[pa.DataType], bool], ...] = ()
    if kind in (Kind.CODE, Kind.INTEGER, Kind.MONEY, Kind.SCORE):
        fitting = (types.is_integer, types.is_floating, types.is_decimal)
    elif kind in (Kind.TIMESTAMP, Kind.DATE):
        fitting = (types.is_timestamp, types.is_date)
    elif kind is Kind.BOOLEAN:
        fitting = (types.is_boolean,)
    return any(test(found) for test in fitting)


def _arrow_text(column: pa.Array) -> pa.Array:
    """The values as text; a float without a fraction is the integer, NaN is null."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_timestamp(kind):
        # Arrow holds a zoned timestamp in UTC; text without a zone means UTC here.
        column = column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.timestamp("us"))
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        values = [
            None if v is None else orjson.dumps(v, default=str).decode() for v in column.to_pylist()
        ]
        return pa.array(values, pa.string())
    if pa.types.is_floating(kind):
        is_whole = _is_whole(column)
        whole = pc.if_else(is_whole, column, pa.scalar(None, kind)).cast(pa.int64())
        is_nan = pc.is_nan(column)
        text = pc.if_else(is_nan, _NO_TEXT, column.cast(pa.string()))
        return pc.if_else(pc.fill_null(is_whole, False), whole.cast(pa.string()), text)
    return pc.cast(column, pa.string())


def _is_whole(column: pa.Array) -> pa.Array:
    """Whether a float is an integer that no other integer would have become; null for null."""
    limit = pa.scalar(float(_EXACT_BELOW[column.type.bit_width]), pa.float64())
    value = column.cast(pa.float64())
    is_small = pc.less(pc.abs(value), limit)
    return pc.and_(is_small, pc.equal(pc.floor(value), value))


def _flaws(name: str, column: pa.Array, text: pa.Array) -> pa.Array | None:
    """What is wrong with the numbers of an identifier column and "; ", empty where nothing is.

    None if the column holds no numbers that could be wrong.
    """
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_floating(column.type):
        is_sound = pc.or_(_is_whole(column), pc.is_nan(column))
    elif pa.types.is_decimal(column.type) and column.type.scale > 0:
        is_sound = pc.equal(pc.floor(column), column)
    else:
        return None
    flaw = pc.binary_join_element_wise(f"{name}: '", text, f"' {FRACTION}; ", "")
    return pc.if_else(pc.fill_null(is_sound, True), "", flaw)
