"""PostgreSQL: COPY into a temporary table, then INSERT … ON CONFLICT."""

from __future__ import annotations

import io
import re
from typing import Any

import pyarrow as pa
from sqlalchemy import types
from sqlalchemy.dialects import postgresql
from sqlalchemy.types import TypeEngine

from onecdp.destinations.databases.dialects import GONE, STAGE, Names, Problem

# Connection lost or refused, too many connections, shutting down, serialization, deadlock.
_MAY_PASS = re.compile(r"08|53300|57P0|40001|40P01|55P03")
_IS_FINAL = re.compile(r"authentication|does not exist|permission|pg_hba|no password|SSL", re.I)
# Elsewhere in the context there may be a value.
_COLUMN = re.compile(r"COPY [^,]+, line \d+, column ([^:,]+)")
_DATA_EXCEPTION = "22"


class PostgreSql:
    """A Dialect."""

    connect_args: dict[str, Any] = {"connect_timeout": 10}  # noqa: RUF012
    has_storage_engines = False

    def quoted(self, name: str) -> str:
        """See Dialect."""
        return '"' + name.replace('"', '""') + '"'

    def begin(self, cursor: Any) -> None:
        """See Dialect."""
        # `timestamptz` columns read our times, which are UTC.
        cursor.execute("set time zone 'UTC'; set datestyle = 'ISO'")

    def column_type(self, field: pa.Field, longest: int, *, is_key: bool) -> TypeEngine[Any]:
        """See Dialect."""
        kind = field.type
        if pa.types.is_timestamp(kind):
            return postgresql.TIMESTAMP(timezone=True)
        if pa.types.is_decimal(kind):
            return types.Numeric(kind.precision, kind.scale)
        if pa.types.is_integer(kind):
            return types.Integer() if kind.bit_width < 32 else types.BigInteger()
        if pa.types.is_floating(kind):
            return types.Double()
        if pa.types.is_boolean(kind):
            return types.Boolean()
        return types.Date() if pa.types.is_date(kind) else types.Text()

    def create_temporary(self, cursor: Any, name: str, names: Names, *, is_keys: bool) -> None:
        """See Dialect."""
        columns = ", ".join(names.key) if is_keys else names.columns
        cursor.execute(
            f"create temporary table {name} on commit drop as"
            f" select {columns} from {names.table} with no data"
        )

    def load(
        self, cursor: Any, table: str, columns: str, rows: pa.Table, lines: bytes | memoryview
    ) -> None:
        """See Dialect."""
        cursor.copy_expert(f"copy {table} ({columns}) from stdin", io.BytesIO(lines), 1 << 20)

    def merge(self, cursor: Any, names: Names) -> None:
        """See Dialect."""
        changes = ", ".join(f"{name} = excluded.{name}" for name in names.others)
        cursor.execute(
            f"insert into {names.table} ({names.columns}) select {names.columns} from {STAGE}"
            f" on conflict ({', '.join(names.key)})"
            f" do {f'update set {changes}' if changes else 'nothing'}"
        )

    def delete(self, cursor: Any, names: Names) -> None:
        """See Dialect."""
        cursor.execute(
            f"delete from {names.table} as kept using {GONE} as gone"
            f" where {names.same_key('kept', 'gone')}"
        )

    def problem(self, error: Exception) -> Problem:
        """See Dialect."""
        diagnostics = getattr(error, "diag", None)
        code = getattr(error, "pgcode", None)
        # What follows the first line, and the server's detail, may have values.
        text = getattr(diagnostics, "message_primary", None) or str(error).partition("\n")[0]
        if code is not None and code.startswith(_DATA_EXCEPTION):
            # Its text has the value, in the quotes of the server's language.
            text = _condition(code)
        if column := _COLUMN.match(getattr(diagnostics, "context", None) or ""):
            text = f"column {column[1]}: {text}"
        if code is None:
            # The client's own: it could not connect, or lost the connection.
            is_final = _IS_FINAL.search(text) is not None
            lost = type(error).__name__ in ("OperationalError", "InterfaceError", "DatabaseError")
            return Problem(text, lost and not is_final)
        return Problem(text, _MAY_PASS.match(code) is not None)


def _condition(code: str) -> str:
    """What PostgreSQL's documentation calls a SQLSTATE, in English whatever the server speaks."""
    from psycopg2 import errorcodes

    try:
        name = errorcodes.lookup(code)
    except KeyError:
        name = "DATA_EXCEPTION"
    return f"{name.lower().replace('_', ' ')} (SQLSTATE {code})"
