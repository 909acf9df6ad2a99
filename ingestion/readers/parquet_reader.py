"""Reads Parquet: every value as the text that a CSV would have."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

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
        require_columns(names, spec, schema.names)
        _check_families(parquet, names, spec)
        codes = code_columns(spec)
        uuids = {
            name for name, raw in zip(names, schema.names, strict=True) if _is_uuid(parquet, raw)
        }
        for batch in parquet.iter_batches(CHUNK_ROWS):
            columns = {
                name: _arrow_text(column, name in uuids)
                for name, column in zip(names, batch.columns, strict=True)
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
    """Refuses a column whose stored type has no text that its declared kind could be read from."""
    known = {*(column.name for column in spec.columns), *code_columns(spec)}
    for name, field in zip(names, parquet.schema_arrow, strict=True):
        kind = spec.kind_of(name)
        found = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        is_uuid = (
            name in known and (kind.is_code or kind is Kind.TEXT) and _is_uuid(parquet, field.name)
        )
        if name not in known or pa.types.is_null(found) or is_uuid or _fits(found, kind):
            continue
        # A column without any value has whatever type its writer happened to choose.
        values = parquet.read([field.name]).column(0)
        if values.null_count < len(values):
            raise Refused(f"column {name} is {found}; cast it to {_WANTED[kind]}")


_WANTED = {
    Kind.TEXT: "text",
    Kind.CODE: "text",
    Kind.EMAIL_HASH: "text",
    Kind.PHONE_HASH: "text",
    Kind.INTEGER: "an integer",
    Kind.MONEY: "a decimal",
    Kind.SCORE: "a double from 0 to 1",
    Kind.TIMESTAMP: "a timestamp",
    Kind.DATE: "a date",
    Kind.BOOLEAN: "a boolean",
}


def _is_text(found: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_string(found)
        or types.is_large_string(found)
        or types.is_string_view(found)
        or isinstance(found, pa.JsonType)
    )


def _is_uuid(parquet: pq.ParquetFile, name: str) -> bool:
    """Whether a column is a UUID, which Arrow reads as 16 bytes."""
    schema = parquet.schema
    kinds = (schema.column(n) for n in range(len(schema)) if schema.column(n).path == name)
    return any(kind.logical_type.type == "UUID" for kind in kinds)


def _fits(found: pa.DataType, kind: Kind) -> bool:
    types = pa.types
    if _is_text(found):
        return True  # text is what a CSV has; its values are checked one by one
    numbers = (types.is_integer, types.is_floating, types.is_decimal)
    times = (types.is_timestamp, types.is_date)
    fitting: tuple[Callable[[pa.DataType], bool], ...] = numbers
    if kind is Kind.TEXT:
        fitting = (*numbers, *times, types.is_boolean, types.is_time, types.is_nested)
    elif kind in (Kind.TIMESTAMP, Kind.DATE):
        fitting = times
    elif kind is Kind.BOOLEAN:
        fitting = (types.is_boolean, types.is_integer, types.is_floating)
    return any(test(found) for test in fitting)


def _arrow_text(column: pa.Array, is_uuid: bool) -> pa.Array:
    """The values as text; a float without a fraction is the integer, NaN is null."""
    column = _plain(column)
    kind = column.type
    if is_uuid:
        return _texts(column, lambda value: str(uuid.UUID(bytes=value)))
    if pa.types.is_timestamp(kind):
        # Arrow holds a zoned timestamp in UTC; text without a zone means UTC here.
        column = column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.timestamp("us"))
    if pa.types.is_nested(kind):
        return _texts(column, lambda value: orjson.dumps(value, default=str).decode())
    if pa.types.is_floating(kind):
        column = column.cast(pa.float64()) if kind == pa.float16() else column
        is_whole = _is_whole(column, kind.bit_width)
        whole = pc.if_else(is_whole, column, pa.scalar(None, column.type)).cast(pa.int64())
        is_nan = pc.is_nan(column)
        text = pc.if_else(is_nan, _NO_TEXT, column.cast(pa.string()))
        return pc.if_else(pc.fill_null(is_whole, False), whole.cast(pa.string()), text)
    try:
        return pc.cast(column, pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):
        return _texts(column, str)


def _texts(column: pa.Array, text: Callable[[Any], str]) -> pa.Array:
    values = [None if value is None else text(value) for value in column.to_pylist()]
    return pa.array(values, pa.string())


def _plain(column: pa.Array) -> pa.Array:
    """The values themselves, where a type is made of another one."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def _is_whole(column: pa.Array, bits: int) -> pa.Array:
    """Whether a float is an integer that no other integer would have become; null for null.

    Args:
        column: The floats.
        bits: How many bits each had in its file.
    """
    limit = pa.scalar(float(_EXACT_BELOW[bits]), pa.float64())
    value = column.cast(pa.float64())
    is_small = pc.less(pc.abs(value), limit)
    return pc.and_(is_small, pc.equal(pc.floor(value), value))


def _flaws(name: str, column: pa.Array, text: pa.Array) -> pa.Array | None:
    """What is wrong with the numbers of an identifier column and "; ", empty where nothing is.

    None if the column holds no numbers that could be wrong.
    """
    column = _plain(column)
    bits = column.type.bit_width if pa.types.is_floating(column.type) else 0
    if bits:
        column = column.cast(pa.float64()) if bits == 16 else column
        is_sound = pc.or_(_is_whole(column, bits), pc.is_nan(column))
    elif pa.types.is_decimal(column.type) and column.type.scale > 0:
        # The narrow decimals can't be rounded.
        wide = column.cast(pa.decimal256(76, column.type.scale))
        is_sound = pc.equal(pc.floor(wide), wide)
    else:
        return None
    flaw = pc.binary_join_element_wise(f"{name}: '", text, f"' {FRACTION}; ", "")
    return pc.if_else(pc.fill_null(is_sound, True), "", flaw)
