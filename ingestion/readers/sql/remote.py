"""A connection to a database, and what is asked of one of its tables."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import pyarrow as pa
import sqlalchemy as sa
from dlt.sources.sql_database import sql_table

from ...declaration import TableSpec
from ...landing.arrivals import Refused
from ..header import CHUNK_ROWS
from .columns import Header, RemoteColumn, Sort, choose_columns
from .dialect import Dialect, sort_of
from .settings import Database, TableSettings

CONNECT_SECONDS = 10


@contextmanager
def looking_at(connection: sa.Connection, database: Database) -> Iterator[None]:
    """What the database says while one table is looked at concerns that table alone.

    Raises:
        Refused: It doesn't answer a question.
    """
    try:
        yield
    except sa.exc.SQLAlchemyError as error:
        connection.rollback()
        raise Refused(f"the table can't be read: {database.told(error)}") from None


@contextmanager
def connected(database: Database) -> Iterator[sa.Connection]:
    """A connection for short questions.

    Raises:
        Refused: The database can't be reached, or doesn't answer a question.
    """
    try:
        engine = make_engine(database)
    except Exception as error:
        raise Refused(f"the credentials can't be used: {database.told(error)}") from None
    try:
        try:
            connection = engine.connect()
        except Exception as error:
            # Also what a driver says of its options, such as a certificate that isn't there.
            raise Refused(f"the database can't be reached: {database.told(error)}") from None
        with connection:
            yield connection
    except sa.exc.SQLAlchemyError as error:
        raise Refused(f"the database can't be read: {database.told(error)}") from None
    finally:
        engine.dispose()


def make_engine(database: Database) -> sa.Engine:
    """An engine that waits some seconds for a connection, and whose sessions are in UTC."""
    url = sa.engine.make_url(database.url)
    if "@" in (url.host or ""):
        # The message of a driver would show the end of the password.
        raise ValueError("write the @ in them as %40")
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg2")
    if url.get_backend_name() == "postgresql":
        options = " ".join(filter(None, [str(url.query.get("options", "")), _IN_UTC]))
        url = url.update_query_dict({"options": options})
        return sa.create_engine(url, connect_args={"connect_timeout": CONNECT_SECONDS})
    if url.get_backend_name() not in ("mysql", "mariadb"):
        raise ValueError(f"{url.get_backend_name()} is neither mysql, mariadb nor postgresql")
    if url.drivername in ("mysql", "mariadb"):
        url = url.set(drivername=f"{url.drivername}+pymysql")
    url = url.update_query_dict({"charset": "utf8mb4"})
    arguments = {"connect_timeout": CONNECT_SECONDS, "init_command": _MYSQL_IN_UTC}
    return sa.create_engine(url, connect_args=arguments)


# In a zone whose clocks are put back, a literal of a TIMESTAMP would mean two instants.
_MYSQL_IN_UTC = "set time_zone = '+00:00'"
_IN_UTC = "-c TimeZone=UTC -c DateStyle=ISO"


@dataclass(frozen=True)
class RemoteTable:
    """A table of a database, as it is now.

    Attributes:
        database: Where it is.
        dialect: The SQL of the database.
        schema: Its schema; None is that of the connection.
        table: Its name there.
        types: The type of each of its columns, as SQLAlchemy has it.
        sorts: What each of them holds.
        header: What is read of it.
        group: The column with the document that a row belongs to, of tables that state documents.
    """

    database: Database
    dialect: Dialect
    schema: str | None
    table: str
    types: Mapping[str, Any]
    sorts: Mapping[str, Sort]
    header: Header
    group: RemoteColumn | None

    @property
    def name(self) -> str:
        """Its name as SQL."""
        return self.dialect.name(self.schema, self.table)

    def rows(self, where: str) -> Iterator[pa.Table]:
        """Yields rows as text, a column per column of the header.

        Raises:
            Refused: The database stopped answering.
        """
        if self.group is not None:
            group = self.dialect.name(self.group.remote)
            # Rows of no document are quarantined.
            alone = f"{group} is null and ({where})"
            where = f"{group} in (select {group} from {self.name} where {where}) or {alone}"
        yield from self.read(self.header.columns, where)

    def read(self, columns: Sequence[RemoteColumn], where: str | None = None) -> Iterator[pa.Table]:
        """Yields some columns of rows as text, by dlt's `sql_table`."""
        texts = ", ".join(
            f"{self.dialect.text(column)} as c{no}" for no, column in enumerate(columns)
        )
        query = f"select {texts} from {self.name}{f' where {where}' if where else ''}"
        engine = make_engine(self.database)
        fast = _connectorx_url(engine.url)
        first = [_MYSQL_IN_UTC] if self.dialect.is_mysql else []
        try:
            found = sql_table(
                engine,
                "rows",
                # What is read is text, whatever the table's columns are.
                metadata=_without_reflection(),
                chunk_size=CHUNK_ROWS,
                reflection_level="minimal",
                backend="connectorx" if fast else "pyarrow",
                backend_kwargs={
                    "conn": fast,
                    "return_type": "arrow_stream",
                    "pre_execution_query": first,
                }
                if fast
                else {},
                query_adapter_callback=lambda *_: statement(query),
            )
            for rows in found:
                if isinstance(rows, pa.Table) and rows.num_rows:
                    yield rows.select([f"c{no}" for no in range(len(columns))])
        except BaseException as error:
            # ConnectorX is written in Rust, whose panics are no `Exception`.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise Refused(f"the database stopped answering: {self.database.told(error)}") from None
        finally:
            engine.dispose()


def find_table(
    connection: sa.Connection, database: Database, spec: TableSpec, settings: TableSettings
) -> RemoteTable:
    """Looks at a remote table.

    Raises:
        Refused: It isn't there, or lacks a column.
    """
    schema, _, table = settings.table.rpartition(".")
    try:
        with warnings.catch_warnings():
            # Of types that SQLAlchemy does not know; their text is read all the same.
            warnings.simplefilter("ignore", sa.exc.SAWarning)
            found = sa.inspect(connection).get_columns(table, schema=schema or None)
    except sa.exc.NoSuchTableError:
        raise Refused(f"there is no table {settings.table}") from None
    types = {str(column["name"]): column["type"] for column in found}
    sorts = {name: sort_of(kind) for name, kind in types.items()}
    header = choose_columns(spec, settings, list(sorts.items()), database.time_zone)
    group = header.remote_of([spec.group])[0] if spec.group else None
    dialect = Dialect(connection.engine)
    return RemoteTable(database, dialect, schema or None, table, types, sorts, header, group)


def _without_reflection() -> sa.MetaData:
    metadata = sa.MetaData()
    sa.Table("rows", metadata)
    return metadata


def statement(query: str) -> Any:
    """A statement without parameters; a colon in it is a colon."""
    return sa.text(query.replace(":", "\\:"))


def _connectorx_url(url: sa.URL) -> str | None:
    """The URL for ConnectorX; None if it has an option, such as of TLS, that SQLAlchemy knows."""
    if url.get_backend_name() == "postgresql":
        if set(url.query) - {"options"}:
            return None
        plain = url.set(drivername="postgresql", query={}).render_as_string(hide_password=False)
        # It takes no plus sign for a space.
        return f"{plain}?options={quote(str(url.query['options']))}"
    if set(url.query) - {"charset"} or url.host in (None, ""):
        return None
    return url.set(drivername="mysql", query={}).render_as_string(hide_password=False)
