"""What of a remote table was read: kept with a position, which holds for nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .remote import RemoteTable


@dataclass(frozen=True)
class Scope:
    """A remote table, the column that told what is new, and the columns that were read.

    Attributes:
        table: Its name, with its database and schema; empty in a position of an earlier version.
        cursor: The cursor's column; empty where there is none, or in an earlier version.
        columns: The names of the columns there, by our names; empty names in an earlier version.
    """

    table: str
    cursor: str
    columns: Mapping[str, str]

    @classmethod
    def of(cls, remote: RemoteTable, database: str | None, cursor: str = "") -> Scope:
        """What is read of a table now; `database` is that of the connection."""
        of_connection = None if remote.dialect.is_mysql and remote.schema else database
        table = ".".join(filter(None, (of_connection, remote.schema, remote.table)))
        columns = {column.name: column.remote for column in remote.header.columns}
        return cls(table, cursor, dict(sorted(columns.items())))

    @classmethod
    def read(cls, found: Mapping[str, Any]) -> Scope:
        """What is stored with a position."""
        columns = found["columns"]
        if isinstance(columns, list):
            columns = dict.fromkeys(columns, "")
        return cls(found.get("table", ""), found.get("cursor_column", ""), columns)

    def document(self) -> dict[str, object]:
        """As it is stored."""
        return {"table": self.table, "cursor_column": self.cursor, "columns": self.columns}

    def news_since(self, before: Scope) -> str | None:
        """Why the table must be read as a whole; None if the position of `before` holds."""
        if before.table not in ("", self.table):
            return f"takes the place of {before.table}"
        if before.cursor not in ("", self.cursor):
            return f"has another cursor, {self.cursor}"
        if added := sorted(set(self.columns) - set(before.columns)):
            return f"has a new column {', '.join(added)}"
        for ours, theirs in self.columns.items():
            if before.columns[ours] not in ("", theirs):
                return f"has {ours} in another column, {theirs}"
        return None

    def gone_since(self, before: Scope) -> str | None:
        """What to tell of columns that are not read any more; None if all are."""
        if gone := sorted(set(before.columns) - set(self.columns)):
            return f"has no column {', '.join(gone)} any more; its values stay"
        return None
