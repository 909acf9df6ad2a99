"""What a preview tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class ColumnPreview:
    """A column of files.

    Attributes:
        header: What the files call it.
        column: The column that it is loaded as; None if it is ignored.
        kind: What its values are read as.
        is_known: Whether the source knows it; others are kept as text.
        unreadable: How many of its values can't be read; None if none was, of refused files.
    """

    header: str
    column: str | None
    kind: str
    is_known: bool
    unreadable: int | None


@dataclass(frozen=True)
class Layout:
    """Files of a table with one header.

    Attributes:
        table: The table.
        files: Their names.
        columns: Their columns, in the order of the header.
        absent: The columns of the table that they don't have.
    """

    table: str
    files: tuple[str, ...]
    columns: tuple[ColumnPreview, ...]
    absent: tuple[str, ...]


@dataclass(frozen=True)
class Example:
    """A row: its file, its line and its values that are not empty, as text, by their columns."""

    file: str
    line: int | None
    values: Mapping[str, str]


@dataclass(frozen=True)
class RowGroup:
    """Rows that become the same for the same reason.

    Attributes:
        outcome: loaded, duplicate, superseded or quarantined; or null, for a row that is loaded
            without a value that can't be read.
        reason: Why, with … for values; empty for loaded rows.
        rows: How many rows; for null, values.
        examples: The first of them.
    """

    outcome: str
    reason: str
    rows: int
    examples: tuple[Example, ...]


@dataclass(frozen=True)
class Fix:
    """What is likely wrong with a file as a whole, and what to do.

    `kind` is one of separator, encoding, columns, decimal_comma, thousands, date, day_first, epoch,
    scientific.
    """

    file: str
    kind: str
    problem: str
    fix: str


@dataclass(frozen=True)
class Preview:
    """What a load of a source would do, beside its counts.

    Attributes:
        layouts: The files by their headers.
        groups: The rows by what becomes of them.
        fixes: What is likely to help.
    """

    layouts: tuple[Layout, ...]
    groups: tuple[RowGroup, ...]
    fixes: tuple[Fix, ...]
