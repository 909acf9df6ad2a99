"""Readers for every file format but CSV, and the choice among them."""

from __future__ import annotations

import datetime as dt
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from python_calamine import CalamineError, CalamineWorkbook

from .csv_reader import read_csv
from .discover import SourceFile
from .opening import PEEK, opened
from .rows import (
    CHUNK_ROWS,
    MAX_LINE,
    MAX_RECORD,
    BrokenRow,
    Chunk,
    require_columns,
    resolve_header,
    string_table,
)
from .spec import FileRefused, Kind, TableSpec


def read(file: SourceFile, spec: TableSpec, scratch: Path) -> Iterator[Chunk]:
    """Yields the rows of a file of any format, in order, some 20,000 at a time.

    Args:
        file: what to read.
        spec: the table it is meant for.
        scratch: a folder for what has to be unpacked.

    Raises:
        FileRefused: nothing of the file can be loaded; rows already yielded must be dropped.
    """
    with opened(file) as stream:
        if file.format == "csv":
            yield from read_csv(stream, spec)
        elif file.format == "jsonl":
            yield from _read_jsonl(stream, spec)
        else:
            reader = _read_parquet if file.format == "parquet" else _read_xlsx
            # Both need to jump about in the file, which a .gz cannot.
            with tempfile.TemporaryFile(dir=scratch) as unpacked:
                if file.compressed:
                    shutil.copyfileobj(stream, unpacked, 1 << 20)
                    unpacked.seek(0)
                yield from reader(unpacked if file.compressed else stream, spec)


def _read_jsonl(stream: BinaryIO, spec: TableSpec) -> Iterator[Chunk]:
    head = stream.peek(PEEK)  # type: ignore[attr-defined]
    if not any(
        line.lstrip().startswith(b"{") for line in head.removeprefix(b"\xef\xbb\xbf").splitlines()
    ):
        raise FileRefused("is named .jsonl, but does not hold one JSON object a line")
    names: dict[str, str] = {}
    number = 0
    while batch := list(islice(_json_lines(stream), CHUNK_ROWS)):
        records: list[dict[str, str | None]] = []
        numbers: list[int] = []
        broken: list[BrokenRow] = []
        for raw in batch:
            number += 1
            if not raw.strip():
                continue
            try:
                records.append(_json_record(raw, spec, names))
                numbers.append(number)
            except ValueError as error:
                text = raw.decode("utf-8", "backslashreplace").rstrip("\r\n")
                broken.append(BrokenRow(number, str(error), text.replace("\0", "\\x00")))
        present = list(dict.fromkeys(name for record in records for name in record))
        columns = [[record.get(name) for record in records] for name in present]
        yield Chunk(string_table(present, columns, numbers), broken)
    if names:
        require_columns(list(dict.fromkeys(names.values())), spec)


def _json_lines(stream: BinaryIO) -> Iterator[bytes]:
    while raw := stream.readline(MAX_LINE + 1):
        if len(raw) > MAX_LINE:
            raise FileRefused(f"a line is longer than {MAX_LINE >> 20} MiB")
        yield raw


def _json_record(raw: bytes, spec: TableSpec, names: dict[str, str]) -> dict[str, str | None]:
    """The fields of one line as text; `names` remembers what each key stands for."""
    if len(raw) > MAX_RECORD:
        raise ValueError("row is longer than 1 MiB")
    try:
        fields = orjson.loads(raw.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        raise ValueError(f"row is not valid JSON ({error.msg})") from error
    if not isinstance(fields, dict):
        raise ValueError("row is not a JSON object")
    record: dict[str, str | None] = {}
    for key, value in fields.items():
        if key not in names:
            try:
                names[key] = resolve_header([key], spec)[0]
            except FileRefused as error:
                raise ValueError(str(error)) from error
        name = names[key]
        if name in record:
            raise ValueError(f"row has the field {name} twice")
        record[name] = _json_text(value)
    return record


def _json_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    return orjson.dumps(value).decode()


def _read_parquet(stream: BinaryIO, spec: TableSpec) -> Iterator[Chunk]:
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
        raise FileRefused(f"is a damaged Parquet file ({reason})") from error


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
            raise FileRefused(f"column {name} is {found}, expected {kinds[name].value}")


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


def _read_xlsx(stream: BinaryIO, spec: TableSpec) -> Iterator[Chunk]:
    try:
        workbook = CalamineWorkbook.from_filelike(stream)
        others: list[str] = []
        is_found = False
        for title in workbook.sheet_names:
            chunks = _read_sheet(workbook.get_sheet_by_name(title).iter_rows(), title, spec)
            try:
                first = next(chunks)
            except FileRefused as refusal:
                others.append(f"sheet {title!r} {refusal}")
                continue
            is_found = True
            yield first
            yield from chunks
    except CalamineError as error:
        raise FileRefused(f"cannot be read as an Excel workbook ({error})") from error
    if not is_found:
        raise FileRefused("; ".join(others) or "has no sheet")
    for other in others:
        yield Chunk(string_table([], [], []), notice=f"left out, {other}")


def _read_sheet(rows: Iterable[Sequence[object]], title: str, spec: TableSpec) -> Iterator[Chunk]:
    numbered = (pair for pair in enumerate(rows, start=1) if any(cell != "" for cell in pair[1]))
    _, header = next(numbered, (0, []))
    while header and header[-1] == "":
        header = header[:-1]
    if not header:
        raise FileRefused("is empty")
    names = resolve_header(header, spec)
    require_columns(names, spec)
    width = len(names)
    is_first = True
    while (batch := list(islice(numbered, CHUNK_ROWS))) or is_first:
        is_first = False
        cells: list[list[str | None]] = []
        lines: list[int] = []
        broken: list[BrokenRow] = []
        for line, row in batch:
            texts = [_cell_text(value) for value in row]
            if any(texts[width:]):
                reason = f"row has cells outside of the {width} columns of the header"
                broken.append(BrokenRow(line, reason, orjson.dumps(texts).decode()))
            else:
                cells.append(texts[:width])
                lines.append(line)
        yield Chunk(string_table(names, zip(*cells, strict=True), lines), broken, sheet=title)


def _cell_text(value: object) -> str | None:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat(" ") if isinstance(value, dt.datetime) else value.isoformat()
    return None if value is None else str(value)
