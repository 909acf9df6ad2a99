"""Rows that are deleted in a database, and those that come back."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.raw_store import RawStore
from support.sql_customers import Configure, insert, members
from support.sql_servers import Server

from ingestion.readers.sql import deletions
from ingestion.readers.sql.reader import Sql
from ingestion.sources.id_graph.tables import LINKS


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_deleted_rows_are_found_and_come_back(
    store: RawStore, server: Server, configure: Configure
) -> None:
    configure(server, detect_deletes=0)
    insert(server, *(f"'C{n}', 'h', 'n', null, 1, '2024-01-01 08:00:00'" for n in range(3)))
    store.write("a.csv", "member_id,real_name", "F1,of a file")
    store.load(Sql())
    server.execute("delete from customers where customer_no = 'C1'")
    assert store.load(Sql()).counts.read == 3
    deleted = "member_id, is_deleted, real_name"
    assert members(store, deleted) == ["C0|False|n", "C1|True|n", "C2|False|n", "F1||of a file"]
    assert store.load(Sql()).places_loaded == 0
    insert(server, "'C1', 'h', 'again', null, 1, '2024-01-01 08:00:01'")
    store.load(Sql())
    assert members(store, deleted)[1] == "C1|False|again"


def test_rows_that_come_back_with_their_old_cursor_stand_again(
    store: RawStore, server: Server, configure: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deletions, "_FEW", 10)
    rows = [f"'C{n}', 'h', 'n', null, 1, '2024-01-{n + 1:02} 08:00:00'" for n in range(20)]
    configure(server, detect_deletes=0)
    insert(server, *rows)
    store.load(Sql())
    server.execute("truncate table customers")
    store.load(Sql())
    assert store.query("select count(*) from raw_crm.members where is_deleted") == [(20,)]
    insert(server, *rows)
    store.load(Sql())
    standing = "select count(*), count(real_name) from raw_crm.members where not is_deleted"
    assert store.query(standing) == [(20, 20)]
    assert store.load(Sql()).places_loaded == 0

    server.execute("delete from customers where customer_no in ('C3', 'C4', 'C19')")
    store.load(Sql())
    insert(server, rows[3].replace("'n'", "'again'"))
    insert(server, "'C20', 'h', 'n', null, 1, '2024-01-21 08:00:00'")
    server.execute("delete from customers where customer_no = 'C5'")
    store.load(Sql())
    deleted = store.query("select member_id from raw_crm.members where is_deleted order by all")
    assert deleted == [("C19",), ("C4",), ("C5",)]
    assert "C3|again|2024-01-04 00:00:00" in members(store)
    assert store.load(Sql()).places_loaded == 0

    # What the source itself marks is there, and not back.
    names = {"customer_no": "member_id", "notes": "is_deleted"}
    configure(server, detect_deletes=0, columns=names)
    server.execute("update customers set notes = 'false'")
    server.execute("update customers set notes = 'true' where customer_no = 'C6'")
    store.load(Sql())
    assert ("C6",) in store.query("select member_id from raw_crm.members where is_deleted")
    assert store.load(Sql()).places_loaded == 0


def test_a_link_that_comes_back_is_active_again(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two rows with one version the withdrawal wins elsewhere. The key has several columns."""
    server.execute(
        "drop table if exists pairs",
        "create table pairs (left_id_type varchar(20), left_id_value varchar(20), "
        "right_id_type varchar(20), right_id_value varchar(20), last_seen timestamp)",
    )
    pairs = [f"('device_id', 'D''{n}:\\\\', 'union_id', 'U{n}', '2024-01-0{n}')" for n in (1, 2, 3)]
    add = f"insert into pairs values {', '.join(pairs)}"
    said = {"table": f"{server.schema}pairs", "cursor": "last_seen", "detect_deletes": 0}
    server.configure(monkeypatch, "id_graph", "sql", {"links": said})
    store = RawStore(tmp_path, LINKS)
    active = "select is_active, count(*) from raw_id_graph.links group by all"
    for change, expected in ((add, True), ("delete from pairs", False), (add, True)):
        server.execute(change)
        store.load(Sql())
        assert store.query(active) == [(expected, 3)]
    assert store.load(Sql()).places_loaded == 0
