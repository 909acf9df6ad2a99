"""What every reader hands over: chunks of rows as text, and rows that could not be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from dlt.common.normalizers.naming.snake_case import NamingConvention

from .spec import FileRefused, TableSpec

CHUNK_ROWS = 20_000
MAX_RECORD = 1 << 20
"""A row longer than this many bytes is quarantined."""
MAX_LINE = 64 << 20
"""A line longer than this many bytes is no line: the file is refused."""

COUNTED = {"line_number", "is_withdrawn"}
"""Columns of our own in the tables whose lines are counted; elsewhere any file may have them."""


@dataclass(frozen=True)
class BrokenRow:
    """A row that cannot be told apart into fields; `payload` is its text, made printable."""

    line: int
    reason: str
    payload: str


@dataclass(frozen=True)
class Chunk:
    """Some rows of a file, in order.

    `table` has one string column per column of the file (snake_case, known names resolved, empty
    values as they stand) and `_line` (int64), the line or row number where each row starts.
    `notice` is something the user should know about how the file was read.
    """

    table: pa.Table
    broken: list[BrokenRow] = field(default_factory=list)
    sheet: str | None = None
    notice: str | None = None


def resolve_header(header: Iterable[object], spec: TableSpec) -> list[str]:
    """Column names for a header: known names resolved, others in snake_case.

    A name that the warehouse keeps for itself or that begins with an underscore or a digit gets
    `x_` before it: `_id` is loaded as `x_id`. A column without a name, as pandas writes its
    index, is loaded as `column_<n>`, counted from 1.

    Raises:
        FileRefused: two columns have one name.
    """
    found: dict[str, str] = {}
    for position, raw in enumerate(header, start=1):
        text = "" if raw is None else str(raw).strip()
        name = spec.known(text) or _extra_name(text, position, spec)
        if name in found:
            raise FileRefused(
                f"columns {found[name]!r} and {text!r} both mean {name!r}; keep one of them"
            )
        found[name] = text
    return list(found)


def _extra_name(text: str, position: int, spec: TableSpec) -> str:
    name = NamingConvention().normalize_identifier(text) if text else ""
    bare = name.lstrip("_")
    if not bare:
        return f"column_{position}"
    is_ours = name.startswith("_") or (spec.group is not None and name in COUNTED)
    return f"x_{bare}" if is_ours else name


def require_columns(names: Iterable[str], spec: TableSpec) -> None:
    """Refuses a file without a required column, naming those missing and those found."""
    present = set(names)
    missing = [name for name in spec.required if name not in present]
    if missing:
        listed = ", ".join(names) or "none"
        if len(listed) > 300:
            listed = listed[:300] + "…"
        raise FileRefused(f"has no column {', '.join(missing)}; columns found: {listed}")


def string_table(
    names: Sequence[str], columns: Iterable[Sequence[str | None]], lines: Sequence[int]
) -> pa.Table:
    """A chunk's table out of columns of text."""
    arrays = [pa.array(column, pa.string()) for column in columns]
    if not arrays:
        arrays = [pa.array([], pa.string()) for _ in names]
    return pa.table([*arrays, pa.array(lines, pa.int64())], names=[*names, "_line"])
