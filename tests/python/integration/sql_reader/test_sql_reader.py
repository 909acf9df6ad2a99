"""Tables of a real MariaDB and a real PostgreSQL: what is new, late, changed, deleted or odd."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from support.raw_store import RawStore
from support.sql_customers import Configure, insert, members
from support.sql_servers import Server

from ingestion.landing.arrivals import Ledger
from ingestion.preview import preview
from ingestion.readers.files import Files
from ingestion.readers.live import list_arrivals
from ingestion.readers.reader import Context
from ingestion.readers.sql.reader import Sql
from ingestion.sources.crm import MEMBERS


def test_odd_values_arrive_or_are_set_aside(
    store: RawStore, server: Server, configure: Configure
) -> None:
    configure(server)
    insert(
        server,
        "'C1', 'AA', '张三 😀 100% :x', '1990-02-03', 123456789012, '2024-01-01 08:00:00.25'",
        "'C2', null, '', null, null, null",
        "'C3', null, null, null, 999999999999999999999, '2024-01-01 08:00:00'",
        "'C4', null, null, '1850-01-01', 1, '2030-01-01 08:00:00'",
        "'C6', 'Bob@Example.com', null, null, 1, '2024-01-01 08:00:00'",
    )
    if server.is_mysql:
        insert(server, "'C5', null, null, '0000-00-00', 1, '2024-01-01 08:00:00'")
        server.execute("update customers set updated_at = '0000-00-00' where customer_no = 'C2'")
    report = store.load(Sql())
    assert report.refused == ()
    columns = "member_id, email_hash, real_name, birthday, total_points, updated_at, is_deleted"
    assert members(store, columns) == [
        "C1|AA|张三 😀 100% :x|1990-02-03|123456789012|2024-01-01 00:00:00.250000|False",
        *([] if server.is_mysql else ["C2||||||False"]),
        "C3|||||2024-01-01 00:00:00|False",
        *(["C5||||1|2024-01-01 00:00:00|False"] if server.is_mysql else []),
        f"C6|{sha256(b'bob@example.com').hexdigest()}|||1|2024-01-01 00:00:00|False",
    ]
    reasons = [text for (text,) in store.query("select reason from raw_crm.quarantine")]
    assert [reason.split("'")[0] for reason in reasons] == ["updated_at: "] * len(reasons)
    assert report.counts.quarantined == (2 if server.is_mysql else 1)
    warned = store.query("select column_name, value from raw_crm.warnings order by all")
    assert ("total_points", "999999999999999999999") in warned
    assert (("birthday", "0000-00-00") in warned) == server.is_mysql
    assert store.load(Sql()).places_loaded == 0


def test_a_day_reads_what_changed_and_late_commits(
    store: RawStore, server: Server, configure: Configure
) -> None:
    configure(server, lag=600)
    insert(server, *(f"'C{n}', null, 'n', null, 1, '2024-01-01 08:{n:02}:00'" for n in range(40)))
    assert store.load(Sql()).counts.read == 40
    assert store.load(Sql()).places_skipped == 1
    # Committed late, behind the newest cursor, which does not move.
    insert(server, "'L1', null, 'late', null, 1, '2024-01-01 08:31:00'")
    late = store.load(Sql())
    assert (late.counts.read, late.counts.loaded, late.counts.duplicate) == (12, 1, 11)
    server.execute(
        "update customers set real_name = 'new', updated_at = '2024-01-02 08:00:00' "
        "where customer_no in ('C1', 'C2')"
    )
    changed = store.load(Sql())
    assert (changed.counts.loaded, changed.counts.read) == (2, 14)
    assert members(store)[1] == "C1|new|2024-01-02 00:00:00"
    assert store.load(Sql()).places_loaded == 0


def test_a_second_change_with_the_same_cursor_is_read(
    store: RawStore, server: Server, configure: Configure
) -> None:
    configure(server)
    insert(server, "'C1', null, 'first', null, 1, '2024-01-01 08:00:00'")
    store.load(Sql())
    server.execute("update customers set real_name = 'second', updated_at = '2024-01-01 08:00:00'")
    store.load(Sql())
    assert members(store) == ["C1|second|2024-01-01 00:00:00"]
    assert store.load(Sql()).places_loaded == 0


def test_a_row_in_the_quarantine_comes_there_once(
    store: RawStore, server: Server, configure: Configure
) -> None:
    """What has no time to believe is read with every load."""
    configure(server)
    insert(
        server,
        "'C1', null, 'one', null, 1, '2024-01-01 08:00:00'",
        "'C2', null, 'ahead', null, 1, '2030-01-01 08:00:00'",
    )
    assert store.load(Sql()).counts.quarantined == 1
    insert(server, "'C3', null, 'three', null, 1, '2024-01-01 08:10:00'")
    later = store.load(Sql()).counts
    assert (later.read, later.quarantined, later.duplicate) == (3, 0, 2)
    server.execute(
        "update customers set real_name = 'new', updated_at = updated_at where customer_no = 'C2'"
    )
    assert store.load(Sql()).counts.quarantined == 1
    assert len(store.query("select * from raw_crm.quarantine")) == 2


def test_a_clock_that_is_ahead_hides_no_rows(
    store: RawStore, server: Server, configure: Configure
) -> None:
    configure(server)
    insert(
        server,
        "'C1', null, 'old', null, 1, '2024-01-01 08:00:00'",
        "'C2', null, 'ahead', null, 1, now() + interval '20' hour",
    )
    assert store.load(Sql()).counts.loaded == 2
    insert(server, "'C3', null, 'now', null, 1, now()")
    store.load(Sql())
    assert [row.split("|")[1] for row in members(store)] == ["old", "ahead", "now"]


@pytest.mark.parametrize("server", ["mariadb"], indirect=True)
def test_changed_columns_are_told(store: RawStore, server: Server, configure: Configure) -> None:
    configure(server)
    insert(server, "'C1', 'h', 'n', null, 1, '2024-01-01 08:00:00'")
    store.load(Sql())
    server.execute("alter table customers add column gender varchar(9) default 'f'")
    report = store.load(Sql())
    assert [text for _, text in report.notices] == [
        "customers has a new column gender: it is read as a whole"
    ]
    assert members(store, "gender") == ["f"]
    server.execute(
        "alter table customers drop column gender",
        "alter table customers drop column total_points",
        "alter table customers add column total_points varchar(9) default 'many'",
    )
    insert(server, "'C2', 'h', 'n', null, 'many', '2024-01-01 08:00:01'")
    report = store.load(Sql())
    assert report.notices[0][1] == "customers has no column gender any more; its values stay"
    assert members(store, "member_id, gender, total_points") == ["C1|f|", "C2||"]
    warned = store.query("select column_name, value from raw_crm.warnings")
    assert warned == [("total_points", "many")] * 2
    server.execute("alter table customers drop column updated_at")
    report = store.load(Sql())
    assert report.refused == (
        ("sql/members", f"{server.schema}customers has no column updated_at, which is its cursor"),
    )


def test_what_cannot_work_is_one_line_without_the_password(
    tmp_path: Path, server: Server, configure: Configure
) -> None:
    url = server.url

    def refused(**values: object) -> str:
        configure(server, **values)
        listed = list_arrivals(
            Files(), [Sql()], [MEMBERS], Context(tmp_path, Ledger(), tmp_path, print)
        )
        ((_, reason),) = listed["members"].refused.items()
        assert "secret" not in reason
        assert "\n" not in reason
        return reason

    assert refused(table="nothing") == "there is no table nothing"
    assert "cursor is missing" in refused(cursor="")
    assert "has no column number" in refused(columns={"number": "member_id"})
    assert "can't be called 'X; --'" in refused(columns={"customer_no": "X; --"})
    assert "has no column member_id" in refused(columns={})
    server.url = url.replace(f":{server.port}/", ":1/")
    assert refused().startswith("the database can't be reached: ")
    server.url = url.replace("reader", "nobody")
    assert refused().startswith("the database can't be reached: ")
    for option in ("nothing=1", *(["ssl_ca=/no/such.pem"] if server.is_mysql else [])):
        server.url = f"{url}?{option}"
        assert refused().startswith("the database can't be reached: ")
    server.url = url.replace("secret", "pass@secret")
    assert refused() == "the credentials can't be used: write the @ in them as %40"
    server.url = url


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_a_table_that_cannot_be_read_costs_no_other(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.execute("drop table if exists hidden", "create table hidden (id text, at timestamptz)")
    server.execute("revoke select on hidden from reader")
    specs = [replace(MEMBERS, table="others"), MEMBERS]
    tables = {
        "others": {"table": "shop.hidden", "cursor": "at", "columns": {"id": "member_id"}},
        "members": {
            "table": "shop.customers",
            "cursor": "updated_at",
            "columns": {"customer_no": "member_id"},
        },
    }
    server.configure(monkeypatch, "crm", "sql", tables)
    insert(server, "'C1', null, 'n', null, 1, '2024-01-01 08:00:00'")
    context = Context(tmp_path, Ledger(), tmp_path, print)
    listed = list_arrivals(Files(), [Sql()], specs, context)
    assert listed["others"].refused == {
        "sql/others": "the table can't be read: permission denied for table hidden"
    }
    assert len(listed["members"].new) == 1


def test_options_that_only_sqlalchemy_knows_are_kept(
    store: RawStore, server: Server, configure: Configure
) -> None:
    url = server.url
    option = "read_timeout=60" if server.is_mysql else "application_name=onecdp"
    server.url = f"{url}?{option}"
    configure(server)
    server.url = url
    insert(server, "'C1', 'h', '张三', '1990-01-01', 1, '2024-01-01 08:00:00'")
    store.load(Sql())
    assert members(store) == ["C1|张三|2024-01-01 00:00:00"]


def test_check_shows_what_a_table_would_bring(
    tmp_path: Path, server: Server, configure: Configure
) -> None:
    configure(server)
    insert(
        server,
        "'C1', null, 'one', '1990-02-03', 1, '2024-01-01 08:00:00'",
        "'C2', null, 'two', '1850-01-01', 1, '2024-01-01 08:00:00'",
        "'C3', null, 'three', null, 1, '2030-01-01 08:00:00'",
    )
    found = preview(tmp_path, "crm", tmp_path / "warehouse", lambda _: None)
    assert (found.report.rows_read, found.report.rows_loaded) == (3, 2)
    (layout,) = found.shown.layouts
    assert {"member_id", "real_name", "updated_at"} < {c.column for c in layout.columns}
    (unreadable,) = (c.unreadable for c in layout.columns if c.column == "birthday")
    assert unreadable == 1
    assert {group.outcome for group in found.shown.groups} >= {"loaded", "quarantined"}
    configure(server, cursor="none")
    ((name, reason),) = preview(tmp_path, "crm", tmp_path / "w", lambda _: None).report.refused
    assert (name, reason.partition(" has ")[2]) == (
        "sql/members", "no column none, which is its cursor"
    )  # fmt: skip
