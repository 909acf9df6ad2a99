"""The rows of a table by its cursor: those that are new, and those that late commits may join."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from .columns import RemoteColumn
from .cursor import EARLIEST, Cursor
from .remote import RemoteTable, statement


@dataclass(frozen=True)
class CursorTable:
    """A remote table and its cursor.

    Attributes:
        remote: The table.
        cursor: Its cursor.
        latest: The latest time that is believed, for all statements of a load.
    """

    remote: RemoteTable
    cursor: Cursor
    latest: str

    def newest(self, connection: sa.Connection) -> str | None:
        """The text of the newest cursor that is believed; None if there is none."""
        quoted, where = self._quoted, ""
        if self.cursor.is_time:
            where = f" where {quoted} <= {self._literal(self.latest)}"
            where += f" and {quoted} >= {self._literal(EARLIEST.isoformat(' '))}"
        text = self.remote.dialect.text(self._column, f"max({quoted})")
        query = f"select {text} from {self.remote.name}{where}"
        found = connection.execute(statement(query)).scalar()
        return None if found is None else str(found)

    def has_rows(self, connection: sa.Connection) -> bool:
        """Whether there is any row."""
        query = f"select 1 from {self.remote.name} limit 1"
        return bool(connection.execute(statement(query)).fetchall())

    def window(self, lower: str | None, upper: str) -> str:
        """SQL for whether a row is from `lower` to `upper`, or its cursor is none to believe."""
        quoted = self._quoted
        ends = [f"{quoted} <= {self._literal(upper)}"]
        if lower is not None:
            ends.insert(0, f"{quoted} >= {self._literal(lower)}")
        odd = [f"{quoted} is null"]
        if self.cursor.is_time:
            odd.append(f"{quoted} > {self._literal(self.latest)}")
            odd.append(f"{quoted} < {self._literal(EARLIEST.isoformat(' '))}")
        return f"({' and '.join(ends)}) or {' or '.join(odd)}"

    def digest(self, connection: sa.Connection, where: str) -> str:
        """The count of some rows and the sum of the hashes of what is read of them.

        Two changes within the precision of the cursor give a row the same one.
        """
        columns = [*self.remote.header.columns, self._column]
        digest = self.remote.dialect.digest([self.remote.dialect.text(c) for c in columns])
        query = f"select count(*), {digest} from {self.remote.name} where {where}"
        count, total = connection.execute(statement(query)).one()
        return f"{count}/{total}"

    def is_indexed(self, connection: sa.Connection) -> bool:
        """Whether an index begins with the cursor."""
        inspector, place = sa.inspect(connection), (self.remote.table, self.remote.schema)
        firsts = {index["column_names"][0] for index in inspector.get_indexes(*place)}
        firsts |= set(inspector.get_pk_constraint(*place)["constrained_columns"][:1])
        return self.cursor.remote in firsts

    @property
    def _quoted(self) -> str:
        return self.remote.dialect.name(self.cursor.remote)

    @property
    def _column(self) -> RemoteColumn:
        return RemoteColumn(self.cursor.remote, "", self.cursor.sort)

    def _literal(self, value: str) -> str:
        return self.remote.dialect.literal(self.cursor, value)
