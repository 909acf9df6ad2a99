"""How a source describes its raw table: columns, key, and what a repeated key means."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What the values of a column are; decides how they are checked and stored."""

    TEXT = "text"
    """Kept letter for letter; empty is null."""
    CODE = "code"
    """An identifier: trimmed, and a spreadsheet's `17850.0` is `17850`."""
    INTEGER = "integer"
    MONEY = "money"
    """decimal(18,4); further decimals are rounded."""
    TIMESTAMP = "timestamp"
    """ISO 8601, with a zone or in UTC, or month first as in `12/1/2010 8:26`."""
    DATE = "date"
    """`2010-12-01`, or month first as in `12/1/2010`; a time must be midnight."""
    BOOLEAN = "boolean"
    SCORE = "score"
    """A number from 0 to 1."""


class Rule(StrEnum):
    """What happens when a key comes again with other content."""

    NEWER_WINS = "newer wins"
    """The row with the later `version`, then the later file and line, replaces the other."""
    FIRST_STANDS = "first stands"
    """The other row is quarantined, unless a new version of the same file brings it."""
    COUNTED_LINES = "counted lines"
    """There is no key: equal lines are told apart by counting them, within `group`."""


@dataclass(frozen=True)
class Column:
    """A known column. `required` means that the header and every row must have it."""

    name: str
    kind: Kind = Kind.TEXT
    required: bool = False
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Identifier:
    """A column whose values name people; their type is `id_type`, or stands in `type_column`."""

    column: str
    id_type: str = ""
    type_column: str = ""


@dataclass(frozen=True)
class TableSpec:
    """The raw table of one source, `raw_<source>.<table>`.

    `identifiers`, best first, are what an erased person is known by, and `traces` the columns that
    lead back to whom a row no longer names (docs/erasure.md). The product of the `amount` columns
    is money.
    """

    source: str
    table: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rule: Rule
    version: str | None = None
    group: str | None = None
    excel: bool = False
    identifiers: tuple[Identifier, ...] = ()
    traces: tuple[str, ...] = ()
    amount: tuple[str, str] | None = None

    @property
    def dataset(self) -> str:
        """Schema of the raw tables in the warehouse."""
        return f"raw_{self.source}"

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that a file must have."""
        return tuple(column.name for column in self.columns if column.required)

    def known(self, header: str) -> str | None:
        """The column that a header name means, however it is cased, spaced or underlined."""
        wanted = _letters(header)
        for column in self.columns:
            if wanted in map(_letters, (column.name, *column.aliases)):
                return column.name
        return None


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name).lower()


class FileRefused(Exception):
    """A file of which nothing can be loaded; the message is the reason, for the user."""


class TypeChanged(Exception):
    """A column of the raw table has another type than what is loaded now; for the user."""
