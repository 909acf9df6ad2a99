"""What the binary log says and lacks: keys, versions, gaps, new columns, logs that end."""

from __future__ import annotations

import pytest
from support.binlog_tables import (
    Configure,
    purge,
    rows_here,
    rows_there,
)
from support.raw_store import RawStore
from support.sql_servers import Server

from ingestion.readers.binlog import log
from ingestion.readers.binlog.reader import Binlog


def test_keys_are_found_as_the_log_has_them(
    store: RawStore, server: Server, configure: Configure
) -> None:
    """The log ends a BINARY at its last byte that is not zero, and has UUIDs as they are stored."""
    keys = ("a1b2c3d4a1b2c300", "20b2c3d4a1b20000", "a1b2c3d4a1b2c320")
    server.execute(
        "drop table people",
        "create table people (member_id binary(8) primary key, real_name varchar(9))",
        *(f"insert into people values (x'{key}', 'before')" for key in keys),
    )
    configure(server, "binlog")
    store.load(Binlog())
    server.execute(
        "update people set real_name = 'after'",
        f"delete from people where member_id = x'{keys[0]}'",
    )
    store.load(Binlog())
    found = store.query("select member_id, real_name, is_deleted from raw_crm.members")
    expected = {(keys[0], "before", True), (keys[1], "after", False), (keys[2], "after", False)}
    assert set(found) == expected
    server.execute("drop table people", "create table people (member_id uuid primary key)")
    assert store.load(Binlog()).refused == (
        ("binlog/members", "a key of type UUID can't be read from the log; use the reader sql"),
    )
    server.execute("create or replace view folk as select 'a' as member_id")
    server.execute("grant show view on shop.* to reader@'%'")
    configure(server, "binlog", table="folk")
    ((_, reason),) = store.load(Binlog()).refused
    server.execute("drop view folk", "revoke show view on shop.* from reader@'%'")
    assert reason == "folk is a view, which has no changes in the log; name its table"


def test_a_log_that_cannot_be_decoded_is_replaced_by_the_table(
    store: RawStore, server: Server, configure: Configure
) -> None:
    server.execute("alter table people add column notes varchar(9)")
    configure(server, "binlog")
    store.load(Binlog())
    # No letter of Python's cp1252, as UTF-8 in a column of latin1 often is none.
    server.execute("update people set real_name = 'x', notes = x'81' where member_id = 'M1'")
    server.execute("delete from people where member_id = 'M2'")
    report = store.load(Binlog())
    assert [text for _, text in report.notices] == [
        "people has a log that can't be decoded (UnicodeDecodeError): it is read as a whole"
    ]
    assert rows_here(store) == [row[:5] for row in rows_there(server)]
    assert store.load(Binlog()).places_loaded == 0


def test_a_fault_of_the_reader_is_no_log_that_cannot_be_decoded(
    store: RawStore, server: Server, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To read the table as a whole, each time, would hide it."""
    configure(server, "binlog")
    store.load(Binlog())
    server.execute("delete from people where member_id = 'M2'")

    def fail(*_: object) -> None:
        raise KeyError("missing")

    monkeypatch.setattr(log, "_note_rows", fail)
    with pytest.raises(KeyError, match="missing"):
        store.load(Binlog())


def test_the_log_decides_where_a_version_goes_back(
    store: RawStore, server: Server, configure: Configure
) -> None:
    configure(server, "binlog")
    store.load(Binlog())
    back = "real_name = 'OLDER', updated_at = '2020-01-01' where member_id = 'M1'"
    server.execute(
        f"update people set {back}",
        "delete from people where member_id in ('M2', 'M3')",
        "insert into people values ('M3', 'again', null, 7, '2020-01-01')",
    )
    report = store.load(Binlog())
    assert (report.counts.loaded, report.counts.superseded) == (3, 0)
    assert rows_here(store) == rows_there(server)
    server.execute("insert into people values ('M2', 'again', null, 7, '2019-01-01')")
    store.load(Binlog())
    assert rows_here(store) == rows_there(server)
    # By versions it is as before: between the log and files.
    store.write(
        "a.csv", "member_id,real_name,updated_at", "M1,file,2021-01-01", "M2,file,2018-01-01"
    )
    store.load(Binlog())
    server.execute("update people set total_points = 8 where member_id in ('M1', 'M2')")
    store.load(Binlog())
    names = "member_id, real_name, total_points, updated_at::date::varchar"
    assert store.query(f"select {names} from raw_crm.members order by all limit 12")[::11] == [
        ("M1", "file", 8, "2021-01-01"),
        ("M2", "again", 8, "2019-01-01"),
    ]
    assert store.load(Binlog()).places_loaded == 0


def test_changes_of_the_table_and_gaps_of_the_log(
    store: RawStore, server: Server, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configure(server, "binlog")
    store.load(Binlog())
    server.execute(
        "alter table people add column gender varchar(3) default 'f'",
        "delete from people where member_id = 'M1'",
    )
    report = store.load(Binlog())
    assert [text for _, text in report.notices] == [
        "people has a new column gender: it is read as a whole"
    ]
    found = store.query("select gender, count(*) from raw_crm.members group by all order by 2")
    assert found == [(None, 1), ("f", 39)]
    server.execute("alter table people modify total_points bigint", "truncate people")
    server.execute("insert into people values ('N1', 'n', null, 5, '2024-01-01', 'm')")
    report = store.load(Binlog())
    assert report.notices[0][1].startswith("people was changed by ")
    assert rows_here(store) == [row[:5] for row in rows_there(server)]
    server.execute("flush binary logs", "update people set real_name = 'o'", "flush binary logs")
    purge(server)
    ((_, reason),) = store.load(Binlog()).refused
    assert reason.startswith("the server has deleted its log bin.0")
    assert reason.endswith('set on_gap = "snapshot"')
    monkeypatch.setenv("SOURCES__CRM__BINLOG__ON_GAP", "snapshot")
    assert store.load(Binlog()).refused == ()
    assert rows_here(store)[0][1] == "o"
    monkeypatch.delenv("SOURCES__CRM__BINLOG__ON_GAP")
    server.execute("set global binlog_format = 'MIXED'")
    ((_, reason),) = store.load(Binlog()).refused
    server.execute("set global binlog_format = 'ROW'")
    assert reason.startswith("the server's binlog_format is MIXED: set it to ROW; ")
    server.execute("rename table people to folk")
    ((_, reason),) = store.load(Binlog()).refused
    server.execute("drop table folk")
    assert reason == "there is no table people"
