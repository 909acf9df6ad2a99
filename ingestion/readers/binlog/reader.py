"""The binlog reader: a snapshot of each table first, then the rows of the keys that changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ...declaration import TableSpec
from ...landing.arrivals import Arrivals, Refused
from ..reader import Context
from ..sql.settings import NEEDS_EXTRA, SETTING_NAMES, Database, is_configured, read_settings

if TYPE_CHECKING:
    import sqlalchemy as sa

    from .log import Position
    from .table import Table


class Binlog:
    """Reads `[sources.<source>.binlog]`; a stream per table."""

    name = "binlog"
    setting_names = SETTING_NAMES

    def is_configured(self, source: str) -> bool:
        """Whether the settings name a database for the source."""
        return is_configured(source, self.name)

    def arrivals(self, tables: Sequence[TableSpec], context: Context) -> Mapping[str, Arrivals]:
        """Lists a place per table in which something is new."""
        try:
            import pymysqlreplication  # noqa: F401

            from ..sql.remote import connected
        except ImportError:
            raise Refused(NEEDS_EXTRA) from None
        database = read_settings(tables, self.name, ("table",))
        chosen = [spec for spec in tables if spec.table in database.tables]
        with connected(database) as connection:
            return _arrivals(connection, database, chosen, context)


def _arrivals(
    connection: sa.Connection, database: Database, specs: Sequence[TableSpec], context: Context
) -> Mapping[str, Arrivals]:
    from ..sql.remote import looking_at
    from .table import look_at

    found: dict[str, Arrivals] = {}
    tables: list[Table] = []
    for spec in specs:
        try:
            with looking_at(connection, database):
                tables.append(look_at(connection, database, spec, context))
        except Refused as refusal:
            found[spec.table] = Arrivals(refused={f"binlog/{spec.table}": str(refusal)})
    server, end = _read_log(connection, database, tables)
    for table in tables:
        found[table.spec.table] = table.arrivals(server, end)
    return found


def _read_log(
    connection: sa.Connection, database: Database, tables: Sequence[Table]
) -> tuple[str, Position | None]:
    """Tells each table what changed, or why that can't be told; returns the end of the log."""
    import pymysql

    from .log import Gap, current, read_changes

    try:
        server, end = current(connection)
    except Gap as gap:
        for table in tables:
            table.gap = str(gap)
        return "", None
    known = [table for table in tables if table.goes_on(server, end)]
    try:
        changes = {table.remote_name: table.changes for table in known if table.changes}
        if changes and min(one.since for one in changes.values()) < end:
            read_changes(connection, changes, end)
    except Gap as gap:
        for table in known:
            table.gap = str(gap)
    except pymysql.err.MySQLError as error:
        raise Refused(f"the log can't be read: {database.told(error)}") from None
    return server, end
