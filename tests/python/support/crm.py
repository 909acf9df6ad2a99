"""The destination `crm`: a schema of a real server, which deliveries write to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from support.deliveries import Marts
from support.sql_servers import Server


@contextmanager
def crm_schema(server: Server) -> Iterator[Server]:
    """The server with a schema `crm` and a user `writer`, who may write to it."""
    if server.is_mysql:
        server.execute(
            "create database crm character set utf8mb4",
            "create user writer@'%' identified by 'pass:w/rd'",
            "grant all on crm.* to writer@'%'",
        )
    else:
        server.execute(
            "create user writer password 'pass:w/rd'", "create schema crm authorization writer"
        )
    yield server
    if server.is_mysql:
        server.execute("drop database crm", "drop user writer@'%'")
    else:
        server.execute("drop schema crm cascade", "drop user writer")


class Crm:
    """The destination `crm`, of one test: a marts folder and tables of a server."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.server, self.marts = server, Marts(folder)
        self.environment = {
            "DESTINATIONS__CRM__TYPE": "sql",
            "DESTINATIONS__CRM__CREDENTIALS": self.url(server.port),
            "DESTINATIONS__CRM__PROFILES__TABLE": "crm.profiles",
            "DESTINATIONS__CRM__PACKAGES__TABLE": "crm.members",
        }
        server.execute("drop table if exists crm.profiles", "drop table if exists crm.members")

    def url(self, port: int, user: str = "writer") -> str:
        start, end = self.server.url.split("://")[0], self.server.url.rpartition("/")[2]
        end = "crm" if self.server.is_mysql else end
        return f"{start}://{user}:pass%3Aw%2Frd@127.0.0.1:{port}/{end}"

    def deliver(self, *packages: str, **options: Any) -> tuple[int, ...]:
        return self.marts.sent("crm", *packages, environment=self.environment, **options)

    def rows(self, table: str = "profiles", columns: str = "*") -> list[tuple[Any, ...]]:
        return self.server.execute(f"select {columns} from crm.{table} order by one_id")

    def assert_equal(self) -> None:
        """The table of profiles has the rows of the mart, value by value."""
        columns = (
            "one_id, one_int, member_id, email_hash, real_name, birthday, total_points,"
            " gross_revenue, last_event_at"
        )
        found = [tuple(map(_plain, row)) for row in self.rows(columns=columns)]
        wanted = self.marts.read(f"select {columns} from customer_profiles order by one_id")
        assert found == wanted


def _plain(value: Any) -> Any:
    """As DuckDB gives it: times in UTC without a zone."""
    if isinstance(value, datetime) and value.tzinfo:
        return value.astimezone(UTC).replace(tzinfo=None)
    return value
