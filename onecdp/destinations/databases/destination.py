"""A delivery into a table: everything is staged, then merged in one transaction.

So a kill, a lost connection or a value that doesn't fit leaves the table as it was, and readers see
the old rows or the new ones.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from onecdp.destinations.kinds import Target as Named
from onecdp.destinations.protocol import Action, Batch, Delivery, Interrupted
from onecdp.destinations.selection import Selection
from onecdp.errors import OnecdpError, UsageProblem

try:
    import sqlalchemy as sa

    from onecdp.destinations.databases.dialects import GONE, STAGE, Dialect, Names
    from onecdp.destinations.databases.lines import as_lines
    from onecdp.destinations.databases.mysql import MySql
    from onecdp.destinations.databases.postgresql import PostgreSql
    from onecdp.destinations.databases.table import Target, check_digits, ready_table
except ModuleNotFoundError as missing:
    raise UsageProblem(
        f"{missing.name} is not installed, which databases need: pip install 'onecdp[sql]'"
    ) from None

_DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "postgresql": "postgresql+psycopg2",
}
_TABLES = {True: "audience_members", False: "customer_profiles"}
BATCH_ROWS = 50_000


def open_destination(named: Named, selection: Selection) -> Database:
    """Returns the table that a project's destination has for a selection."""
    options = named.options()
    text = options.text("credentials")
    options.end()
    what = named.of(selection.is_package)
    what.columns()
    table = what.text("table", _TABLES[selection.is_package])
    what.end()
    try:
        url = sa.make_url(text)
        driver = _DRIVERS[url.get_backend_name()]
    except (sa.exc.ArgumentError, KeyError):
        raise UsageProblem(
            f"{options.where}.credentials must be like mysql+pymysql://user:password@host/database"
            " or postgresql+psycopg2://…"
        ) from None
    return Database(named.name, url.set(drivername=driver), table, selection)


class Database:
    """A Destination."""

    batch_rows = BATCH_ROWS
    sends_all = False
    confirms_batches = False

    def __init__(self, name: str, url: sa.URL, table: str, selection: Selection) -> None:
        """Takes what the settings say; connects to nothing."""
        self.dialect: Dialect = PostgreSql() if url.drivername.startswith("post") else MySql()
        plain = url.set(username=None, password=None, query={})
        self.address = f"{plain.render_as_string()} {table}"
        self.name, self.table, self.selection = name, table, selection
        self.engine = sa.create_engine(
            url,
            poolclass=sa.NullPool,
            # `close` does it; of a lost connection, the pool would log a traceback.
            pool_reset_on_return=None,
            connect_args=self.dialect.connect_args,
        )
        key = [self.dialect.quoted(column) for column in selection.key]
        self.names = Names(
            ".".join(map(self.dialect.quoted, table.split(".", 1))),
            key,
            [q for q in map(self.dialect.quoted, selection.columns) if q not in key],
        )
        self._session: sa.Connection | None = None
        self._connection: Any = None
        self._cursor: Any = None
        self._made: set[str] = set()
        self._is_direct = self._is_whole = False
        self._target: Target | None = None
        # The next batch is read and rendered while the server takes this one.
        self._worker = ThreadPoolExecutor(1)
        self._loading: Future[None] | None = None

    def prepare(self, delivery: Delivery) -> bool:
        """Makes or checks the table; it is new, too, if it has no row of the selection any more."""
        with self._told():
            self._session = self.engine.connect()
            self._target = ready_table(self._session, self.dialect, self.table, delivery)
            self._session.commit()
            # The same connection: to make one costs as much as to send some thousand rows.
            self._connection = self._session.connection
            self._cursor = self._connection.cursor()
            self.dialect.begin(self._cursor)
            # Rows may then be loaded into it without a stage.
            self._is_direct = self._is_empty("")
            self._is_whole = delivery.is_whole
            return self._is_direct or self._is_empty(self._mine())

    def send(self, batch: Batch) -> bool:
        """Stages the rows."""
        with self._told():
            if batch.action is Action.REMOVED:
                self._load(GONE, ", ".join(self.names.key), batch)
                return True
            assert self._target is not None
            check_digits(self._target, batch.rows)
            rows = batch.rows.select([*self.selection.key, *self._others()])
            ordered = Batch(batch.action, batch.one_ids, rows)
            self._load(self.names.table if self._is_direct else STAGE, self.names.columns, ordered)
        return True

    def receipt(self) -> Mapping[str, Any]:
        """Merges what was staged, and commits."""
        with self._told():
            self._wait()
            if STAGE in self._made:
                self.dialect.merge(self._cursor, self.names)
            if GONE in self._made:
                self.dialect.delete(self._cursor, self.names)
            if self._is_whole and not self._is_direct:
                self._delete_others()
            self._connection.commit()
        return {}

    def close(self) -> None:
        """Undoes what was not committed."""
        self._worker.shutdown()
        with contextlib.suppress(Exception):
            if self._connection is not None:
                self._connection.rollback()
        with contextlib.suppress(Exception):
            if self._session is not None:
                self._session.close()
        self.engine.dispose()

    def _load(self, table: str, columns: str, batch: Batch) -> None:
        lines = as_lines(batch.rows)
        self._wait()
        if table in (STAGE, GONE) and table not in self._made:
            self.dialect.create_temporary(self._cursor, table, self.names, is_keys=table == GONE)
            self._made.add(table)
        self._loading = self._worker.submit(
            self.dialect.load, self._cursor, table, columns, batch.rows, lines
        )

    def _wait(self) -> None:
        """Waits until the server has the last batch; raises what its load raised."""
        if self._loading is not None:
            loading, self._loading = self._loading, None
            loading.result()

    def _delete_others(self) -> None:
        others = f"delete from {self.names.table} where {self._mine()}"
        if STAGE in self._made:
            found = self.names.same_key(STAGE, self.names.table)
            others += f" and not exists (select 1 from {STAGE} where {found})"
        self._cursor.execute(others)

    def _mine(self) -> str:
        """SQL: whether a row is one of this selection."""
        if not self.selection.is_package:
            return "1 = 1"
        return f"{self.names.key[0]} = {self._literal(self.selection.what)}"

    def _literal(self, text: str) -> str:
        # Doubled in both; a backslash is itself in PostgreSQL only.
        is_mysql = isinstance(self.dialect, MySql)
        plain = text.replace("\\", "\\\\") if is_mysql else text
        return "'" + plain.replace("'", "''") + "'"

    def _is_empty(self, where: str) -> bool:
        self._cursor.execute(
            f"select 1 from {self.names.table}{where and f' where {where}'} limit 1"
        )
        return not self._cursor.fetchall()

    def _others(self) -> list[str]:
        return [name for name in self.selection.columns if name not in self.selection.key]

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Turns an error of the server or of its client into one line."""
        try:
            yield
        except OnecdpError as error:
            raise type(error)(f"{self.name}: {error}; nothing was changed there") from None
        except self._errors() as error:
            driver = getattr(error, "orig", None) or error
            problem = self.dialect.problem(driver)
            kind = Interrupted if problem.may_pass else OnecdpError
            raise kind(
                f"{self.name}: {self.table}: {problem.text}; nothing was changed there"
            ) from None

    def _errors(self) -> tuple[type[Exception], ...]:
        client: Any = self.engine.dialect.dbapi
        return (client.Error, OSError, sa.exc.SQLAlchemyError)
