"""What MySQL and PostgreSQL have in common, seen from a delivery."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import pyarrow as pa
from sqlalchemy.types import TypeEngine

STAGE = "onecdp_stage"
"""The temporary table of rows to insert or update."""
GONE = "onecdp_gone"
"""The temporary table of keys to delete."""


@dataclass(frozen=True)
class Problem:
    """What a server or its client said of an error.

    Attributes:
        text: In one line, without any value of a row.
        may_pass: Whether the same may work later.
    """

    text: str
    may_pass: bool


@dataclass(frozen=True)
class Names:
    """Names in SQL, quoted.

    Attributes:
        table: The user's table.
        key: Columns of its key.
        others: All other columns that are delivered.
    """

    table: str
    key: Sequence[str]
    others: Sequence[str]

    @property
    def columns(self) -> str:
        """All columns."""
        return ", ".join((*self.key, *self.others))

    def same_key(self, left: str, right: str) -> str:
        """SQL: whether two tables have the same key."""
        return " and ".join(f"{left}.{name} = {right}.{name}" for name in self.key)


class Dialect(Protocol):
    """What differs between the servers.

    Attributes:
        connect_args: Arguments of the client's `connect`.
        has_storage_engines: Whether a table may be of an engine without transactions.
    """

    connect_args: dict[str, Any]
    has_storage_engines: bool

    def quoted(self, name: str) -> str:
        """Returns an identifier, quoted."""
        ...

    def begin(self, cursor: Any) -> None:
        """Sets up the session: UTC, and errors for values that don't fit."""
        ...

    def column_type(self, field: pa.Field, longest: int, *, is_key: bool) -> TypeEngine[Any]:
        """Returns the type of a new column.

        Args:
            field: As delivered.
            longest: The longest text in it, in characters.
            is_key: Whether it belongs to the key.
        """
        ...

    def create_temporary(self, cursor: Any, name: str, names: Names, *, is_keys: bool) -> None:
        """Makes a temporary table with the columns of the user's table, or of its key."""
        ...

    def load(
        self, cursor: Any, table: str, columns: str, rows: pa.Table, lines: bytes | memoryview
    ) -> None:
        """Writes rows into a table by the server's fastest way.

        Args:
            cursor: Of the connection.
            table: Quoted.
            columns: Quoted, in the order of the rows' own.
            rows: The rows.
            lines: The same rows, `as_lines`.
        """
        ...

    def merge(self, cursor: Any, names: Names) -> None:
        """Updates and inserts the rows of the stage."""
        ...

    def delete(self, cursor: Any, names: Names) -> None:
        """Deletes the keys that are gone."""
        ...

    def problem(self, error: Exception) -> Problem:
        """Returns what a driver's error says."""
        ...
