"""MySQL and MariaDB: LOAD DATA LOCAL, or inserts of many rows where the server refuses it."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlalchemy import types
from sqlalchemy.dialects import mysql
from sqlalchemy.types import TypeEngine

from onecdp.destinations.databases.dialects import GONE, STAGE, Names, Problem
from onecdp.errors import OnecdpError

_FILES = Path("/dev/fd")
# Too many connections, shutdown, lock wait, deadlock, killed, and all that say that it went away.
_MAY_PASS = (1040, 1053, 1205, 1213, 1317, 1927, 2002, 2003, 2006, 2013, 2055)
# The server, or the client's build, has it disabled.
_NO_LOCAL_FILES = (1148, 3948, 4166)
_VALUES = re.compile(r"(Duplicate entry|Incorrect [a-z]+ value:|Truncated incorrect \w+ value:)"
                     r" '.*?'(?= for | at |$)", re.S)  # fmt: skip
_SHORT_TEXT = 255
_KEY_LENGTH = 191


class MySql:
    """A Dialect."""

    connect_args: dict[str, Any]
    has_storage_engines = True

    def __init__(self) -> None:
        """Takes the fast way until the server refuses it."""
        self.connect_args = {"connect_timeout": 10, "charset": "utf8mb4", "local_infile": True}
        self._by_file = _FILES.is_dir()

    def quoted(self, name: str) -> str:
        """See Dialect."""
        return "`" + name.replace("`", "``") + "`"

    def begin(self, cursor: Any) -> None:
        """See Dialect."""
        cursor.execute(
            "set session sql_mode = 'STRICT_ALL_TABLES,NO_ZERO_IN_DATE', time_zone = '+00:00',"
            # Values are taken out of messages by their English words.
            " lc_messages = 'en_US'"
        )

    def column_type(self, field: pa.Field, longest: int, *, is_key: bool) -> TypeEngine[Any]:
        """See Dialect."""
        kind = field.type
        if pa.types.is_timestamp(kind):
            return mysql.DATETIME(fsp=6)
        if pa.types.is_decimal(kind):
            return types.Numeric(kind.precision, kind.scale)
        if pa.types.is_integer(kind):
            return types.Integer() if kind.bit_width < 32 else types.BigInteger()
        if pa.types.is_floating(kind):
            return types.Double()
        if pa.types.is_boolean(kind):
            return types.Boolean()
        if pa.types.is_date(kind):
            return types.Date()
        if is_key:
            # Two keys that a collation takes for the same must stay two.
            return mysql.VARCHAR(
                max(_KEY_LENGTH, longest), charset="utf8mb4", collation="utf8mb4_bin"
            )
        if longest <= _SHORT_TEXT:
            return mysql.VARCHAR(_SHORT_TEXT, charset="utf8mb4")
        return mysql.TEXT(charset="utf8mb4")

    def create_temporary(self, cursor: Any, name: str, names: Names, *, is_keys: bool) -> None:
        """See Dialect."""
        key = ", ".join(names.key)
        cursor.execute(
            f"create temporary table {name} (primary key ({key})) as"
            f" select {key if is_keys else names.columns} from {names.table} limit 0"
        )

    def load(
        self, cursor: Any, table: str, columns: str, rows: pa.Table, lines: bytes | memoryview
    ) -> None:
        """See Dialect."""
        if self._by_file:
            try:
                self._load_file(cursor, table, columns, lines)
            except OnecdpError:
                raise
            except Exception as error:
                if not error.args or error.args[0] not in _NO_LOCAL_FILES:
                    raise
                self._by_file = False
        if not self._by_file:
            marks = ", ".join(["%s"] * rows.num_columns)
            values = [tuple(row.values()) for row in rows.to_pylist()]
            # The driver takes a single % for the place of a value.
            into = f"insert into {table} ({columns})".replace("%", "%%")
            cursor.executemany(f"{into} values ({marks})", values)

    def _load_file(self, cursor: Any, table: str, columns: str, lines: bytes | memoryview) -> None:
        # It has no name: nothing stays of it after a kill.
        with tempfile.TemporaryFile() as file:
            file.write(lines)
            file.seek(0)
            try:
                cursor.execute(
                    f"load data local infile '{_FILES / str(file.fileno())}' into table {table}"
                    f" character set utf8mb4 ({columns})"
                )
            except AttributeError as error:
                # The driver ends the file even where the connection was lost within it, and
                # hides that error by its own: there is no socket any more.
                lost, client = error.__context__, cursor.connection
                if client.open or not isinstance(lost, client.OperationalError):
                    raise
                raise lost from None
        # Where the file is the client's, the server cuts values and skips rows with a warning.
        if cursor.warning_count:
            cursor.execute("show warnings limit 1")
            ((_, _, text),) = cursor.fetchall()
            raise OnecdpError(_without_values(text))

    def merge(self, cursor: Any, names: Names) -> None:
        """See Dialect."""
        # Not ON DUPLICATE KEY UPDATE: it would change another row where another index is unique.
        if names.others:
            changes = ", ".join(f"kept.{name} = new.{name}" for name in names.others)
            cursor.execute(
                f"update {names.table} as kept inner join {STAGE} as new"
                f" on {names.same_key('kept', 'new')} set {changes}"
            )
        cursor.execute(
            f"insert into {names.table} ({names.columns})"
            f" select {names.columns} from {STAGE} as new where not exists"
            f" (select 1 from {names.table} as kept where {names.same_key('kept', 'new')})"
        )

    def delete(self, cursor: Any, names: Names) -> None:
        """See Dialect."""
        cursor.execute(
            f"delete kept from {names.table} as kept inner join {GONE} as gone"
            f" on {names.same_key('kept', 'gone')}"
        )

    def problem(self, error: Exception) -> Problem:
        """See Dialect."""
        code, *texts = error.args or (0,)
        text = str(texts[0]) if texts else str(error) if code else ""
        lost = code in (0, *_MAY_PASS) or isinstance(error, ConnectionError | TimeoutError)
        return Problem(_without_values(text) or "the connection was lost", lost)


def _without_values(text: str) -> str:
    return _VALUES.sub(r"\1 '…'", text).partition("\n")[0]
