"""Reads Parquet: every value as the text that a CSV would have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import BinaryIO

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ..declaration import Kind, TableSpec
from ..landing.arrivals import Chunk, Refused
from .header import CHUNK_ROWS, require_columns, resolve_header


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
        for batch in parquet.iter_batches(CHUNK_ROWS):
            columns = [_arrow_text(column) for column in batch.columns]
            lines = pa.array(range(line + 1, line + 1 + batch.num_rows), pa.int64())
            line += batch.num_rows
            yield Chunk(pa.table([*columns, lines], names=[*names, "_line"]))
    except pa.ArrowException as error:
        reason = str(error).splitlines()[0]
        raise Refused(f"is a damaged Parquet file ({reason})") from error


def _check_families(parquet: pq.ParquetFile, names: list[str], spec: TableSpec) -> None:
    """Refuses a known column whose stored type is of another family than the declared one."""
    kinds = {column.name: column.kind for column in spec.columns}
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
    kind = column.type
    if pa.types.is_timestamp(kind):
        # Arrow holds a zoned timestamp in UTC; text without a zone means UTC here.
        column = column.cast(pa.timestamp("us", kind.tz), safe=False).cast(pa.timestamp("us"))
    if pa.types.is_nested(kind) or pa.types.is_binary(kind):
        values = [
            None if v is None else orjson.dumps(v, default=str).decode() for v in column.to_pylist()
        ]
        return pa.array(values, pa.string())
    return pc.cast(column, pa.string())
