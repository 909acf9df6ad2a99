"""Write-back to a real MariaDB and a real PostgreSQL: the target is the mart, whatever happens."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from support.deliveries import Marts
from support.sql_servers import Server

from onecdp.destinations.databases import destination
from onecdp.destinations.memory import Memory
from onecdp.errors import OnecdpError, UsageProblem


@pytest.fixture(scope="module", params=["mariadb_server", "postgresql_server"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server with a user `writer`, who may write to the schema `crm`."""
    made: Server = request.getfixturevalue(request.param)
    if made.is_mysql:
        made.execute(
            "create database crm character set utf8mb4",
            "create user writer@'%' identified by 'pass:w/rd'",
            "grant all on crm.* to writer@'%'",
        )
    else:
        made.execute(
            "create user writer password 'pass:w/rd'", "create schema crm authorization writer"
        )
    yield made
    made.execute(*(["drop database crm"] if made.is_mysql else ["drop schema crm cascade"]))


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


@pytest.fixture
def crm(server: Server, tmp_path: Path) -> Crm:
    return Crm(server, tmp_path / "project")


def test_only_what_changed_is_sent_and_the_target_is_the_mart(crm: Crm) -> None:
    crm.marts.publish(40)
    assert crm.deliver() == (40, 0, 0, 0)
    crm.assert_equal()
    # The server's own row stays: only keys that were delivered are ever removed.
    crm.server.execute("insert into crm.profiles (one_id) values ('theirs')")
    crm.marts.publish(
        42,
        "delete from customer_profiles where one_int = 7",
        "update customer_profiles set real_name = null, gross_revenue = -0.0001 where one_int < 4",
    )
    assert crm.deliver() == (2, 3, 1, 36)
    assert crm.deliver() == (0, 0, 0, 41)
    assert crm.rows()[-1][0] == "theirs"
    assert crm.deliver(is_whole=True) == (0, 41, 0, 0)
    crm.assert_equal()


def test_the_table_has_types_a_key_and_an_index(crm: Crm) -> None:
    crm.marts.publish(20)
    crm.deliver("PKG001")
    crm.deliver()
    types = dict(
        crm.server.execute(
            "select column_name, data_type from information_schema.columns"
            " where table_schema = 'crm' and table_name = 'profiles'"
        )
    )
    time = "datetime" if crm.server.is_mysql else "timestamp with time zone"
    number = "decimal" if crm.server.is_mysql else "numeric"
    assert (types["last_event_at"], types["birthday"]) == (time, "date")
    assert (types["gross_revenue"], types["one_int"]) == (number, "bigint")
    listed = (
        "select index_name, column_name from information_schema.statistics"
        " where table_schema = 'crm' and table_name = 'members' order by 1, seq_in_index"
        if crm.server.is_mysql
        else "select indexdef from pg_indexes where schemaname = 'crm' and tablename = 'members'"
    )
    found = str(crm.server.execute(listed)).lower()
    assert "members_one_id" in found
    assert "primary" in found or "(package_id, one_id)" in found


def test_packages_share_a_table_and_do_not_touch_each_other(crm: Crm) -> None:
    more = (
        "insert into audience_packages select 'it''s \\ 2', 'x', 'y', one_id, rfm_segment,"
        " created_at from audience_packages limit 3",
        "insert into audience_package_summary values ('it''s \\ 2', 'x', 'y', '2026-06-06')",
    )
    crm.marts.publish(20, *more)
    assert crm.deliver("PKG001") == (10, 0, 0, 0)
    assert crm.deliver("it's \\ 2") == (3, 0, 0, 0)
    assert crm.deliver("PKG001", is_whole=True) == (0, 10, 0, 0)
    crm.marts.publish(20, "delete from audience_packages where one_id > format('ONE{:016x}', 9)",
                      more[1])  # fmt: skip
    assert crm.deliver("PKG001") == (0, 0, 6, 4)
    assert len(crm.rows("members")) == 7
    assert crm.deliver("it's \\ 2") == (0, 0, 3, 0)
    assert {row[0] for row in crm.rows("members", "package_id")} == {"PKG001"}


def test_a_row_with_the_users_own_columns_keeps_them(crm: Crm) -> None:
    crm.marts.publish(10)
    kind = "varchar(40)" if crm.server.is_mysql else "text"
    crm.server.execute(
        f"create table crm.profiles (customer {kind} not null unique, spent decimal(18, 4),"
        " note varchar(20) default 'own')"
    )
    if not crm.server.is_mysql:
        crm.server.execute("alter table crm.profiles owner to writer")
    crm.environment["DESTINATIONS__CRM__PROFILES__COLUMNS"] = (
        '{"customer": "one_id", "spent": "gross_revenue", "points": "total_points"}'
    )
    crm.deliver()
    crm.server.execute("update crm.profiles set note = 'mine'")
    crm.marts.publish(10, "update customer_profiles set gross_revenue = 1 where one_int = 3")
    assert crm.deliver() == (0, 1, 0, 9)
    found = crm.server.execute("select spent, points, note from crm.profiles order by customer")
    assert found[2] == (Decimal("1.0000"), 3, "mine")


@pytest.mark.parametrize("what", ["text", "decimal"])
def test_a_narrower_column_changes_nothing(crm: Crm, what: str) -> None:
    crm.marts.publish(10)
    crm.deliver()
    column, kind = (
        ("member_id", "varchar(5)") if what == "text" else ("gross_revenue", "decimal(18,1)")
    )
    crm.server.execute("delete from crm.profiles where one_int > 3")
    verb = "modify" if crm.server.is_mysql else "alter column"
    kind = kind if crm.server.is_mysql else f"type {kind}"
    crm.server.execute(f"alter table crm.profiles {verb} {column} {kind}")
    left = crm.rows()
    crm.marts.publish(
        10, "update customer_profiles set member_id = 'MBR123456789', gross_revenue = 0.55"
    )
    with pytest.raises(OnecdpError) as told:
        crm.deliver()
    text = str(told.value)
    assert column in text
    assert "nothing was changed there" in text
    assert "\n" not in text
    assert "MBR" not in text
    assert crm.rows() == left


def test_what_the_user_may_not_do_is_one_line(crm: Crm) -> None:
    crm.marts.publish(10)
    crm.deliver()
    before = crm.rows()
    if crm.server.is_mysql:
        crm.server.execute(
            "create user if not exists poor@'%' identified by 'pass:w/rd'",
            "grant select, insert, create temporary tables on crm.* to poor@'%'",
        )
    else:
        crm.server.execute(
            "drop role if exists poor",
            "create user poor password 'pass:w/rd'",
            "grant usage on schema crm to poor",
            "grant select, insert on crm.profiles to poor",
        )
    crm.environment["DESTINATIONS__CRM__CREDENTIALS"] = crm.url(crm.server.port, "poor")
    crm.marts.publish(12, "update customer_profiles set real_name = 'x'")
    with pytest.raises(OnecdpError, match=r"crm: crm.profiles: .*(denied|permission)") as told:
        crm.deliver()
    assert "\n" not in str(told.value)
    crm.environment["DESTINATIONS__CRM__CREDENTIALS"] = crm.url(crm.server.port, "nobody")
    with pytest.raises(OnecdpError, match=r"(denied|does not exist|authentication)") as told:
        crm.deliver()
    assert "pass" not in str(told.value).replace("password", "")
    assert crm.rows() == before
    if not crm.server.is_mysql:
        crm.server.execute("drop owned by poor", "drop role poor")


def test_a_table_without_a_unique_key_is_refused(crm: Crm) -> None:
    crm.marts.publish(5)
    crm.server.execute("create table crm.profiles (one_id varchar(40), one_int bigint)")
    if not crm.server.is_mysql:
        crm.server.execute("alter table crm.profiles owner to writer")
    with pytest.raises(OnecdpError, match="add unique"):
        crm.deliver()


POINTS: list[tuple[type, str]] = [
    (destination.Database, "prepare"),
    (Memory, "compare"),
    (Memory, "set_pending"),
    (destination.Database, "send"),
    (destination.Database, "receipt"),
    (Memory, "complete"),
]


def _die_at(number: int) -> None:
    """Kills this process before or after the call with this number of any of the points."""
    left = [number]

    def tick() -> None:
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **options: Any) -> Any:
            tick()
            result = call(*args, **options)
            tick()
            return result

        return wrapper

    for owner, name in POINTS:
        setattr(owner, name, counted(getattr(owner, name)))


@pytest.mark.parametrize("kills", [3, pytest.param(10, marks=pytest.mark.soak)])
def test_kills_lose_and_double_nothing(
    crm: Crm, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    monkeypatch.setattr(destination.Database, "batch_rows", 20)
    draw = random.Random(13)
    crm.marts.publish(60)
    for day in range(kills):
        child = os.fork()
        if not child:
            _die_at(draw.randrange(18) if day else 9)
            crm.deliver()
            os._exit(0)
        os.waitpid(child, 0)
        draw.random()
        # Before it is delivered again, customers come, go and change.
        first, last = 1 + day * 3, 60 + day * 5
        crm.marts.publish(
            last,
            f"delete from customer_profiles where one_int < {first}",
            f"update customer_profiles set real_name = 'day {day}' where one_int % 10 = {day}",
        )
        if day % 3 == 2:
            crm.deliver()
            crm.assert_equal()
    crm.deliver()
    crm.assert_equal()
    assert crm.deliver()[:3] == (0, 0, 0)
    (totals,) = crm.marts.remembered("select sum(rows_inserted) - sum(rows_deleted) from receipts")
    assert totals[0] == len(crm.rows())


class Proxy:
    """Passes bytes to a server, and cuts the first connections after some of them."""

    def __init__(self, port: int, cuts: list[int]) -> None:
        self._goal, self._cuts = port, cuts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            limit = self._cuts.pop(0) if self._cuts else None
            server = socket.create_connection(("127.0.0.1", self._goal))
            for source, sink, most in ((client, server, limit), (server, client, None)):
                threading.Thread(target=self._pass, args=(source, sink, most), daemon=True).start()

    @staticmethod
    def _pass(source: socket.socket, sink: socket.socket, most: int | None) -> None:
        passed = 0
        while True:
            try:
                block = source.recv(1 << 14)
                passed += len(block)
                if not block or (most is not None and passed > most):
                    break
                sink.sendall(block)
            except OSError:
                break
        for each in (source, sink):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()


def test_a_server_that_goes_away_is_tried_again(crm: Crm) -> None:
    crm.marts.publish(400)
    # In the session's setup, in the middle of the rows; then it stays.
    proxy = Proxy(crm.server.port, [900, 30_000])
    crm.environment["DESTINATIONS__CRM__CREDENTIALS"] = crm.url(proxy.port)
    assert crm.deliver() == (400, 0, 0, 0)
    crm.assert_equal()
    proxy.close()
    crm.marts.publish(410)
    with pytest.raises(OnecdpError, match=r"^crm: .*nothing was changed there$"):
        crm.deliver()
    assert len(crm.rows()) == 400
    # Another address is another target, of which nothing is known.
    crm.environment["DESTINATIONS__CRM__CREDENTIALS"] = crm.url(crm.server.port)
    assert crm.deliver() == (410, 0, 0, 0)
    crm.assert_equal()


def test_a_dropped_or_emptied_table_is_filled_again(crm: Crm) -> None:
    crm.marts.publish(10)
    crm.deliver()
    crm.server.execute("drop table crm.profiles")
    assert crm.deliver() == (10, 0, 0, 0)
    crm.server.execute("delete from crm.profiles")
    assert crm.deliver() == (10, 0, 0, 0)
    crm.assert_equal()


def test_inserts_do_where_files_are_refused(crm: Crm, monkeypatch: pytest.MonkeyPatch) -> None:
    if not crm.server.is_mysql:
        pytest.skip("COPY needs no permission of its own")
    crm.server.execute("set global local_infile = 0")
    try:
        crm.marts.publish(40)
        crm.deliver()
        crm.marts.publish(41, "update customer_profiles set real_name = 'x' where one_int < 3")
        assert crm.deliver() == (1, 2, 0, 38)
        crm.assert_equal()
    finally:
        crm.server.execute("set global local_infile = 1")


def test_settings_that_cannot_work_are_named(crm: Crm) -> None:
    crm.marts.publish(1)
    crm.environment["DESTINATIONS__CRM__CREDENTIALS"] = "secret-text"
    with pytest.raises(UsageProblem, match=r"destinations.crm.credentials must be like") as told:
        crm.deliver()
    assert "secret-text" not in str(told.value)
