"""A reader of a database whose settings change: another table, cursor, or column; and odd logs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.raw_store import RawStore
from support.sql_servers import Server

from ingestion.readers.binlog.reader import Binlog
from ingestion.readers.live import LiveReader
from ingestion.readers.sql.reader import Sql
from ingestion.sources.crm import MEMBERS
from ingestion.sources.retail import TRANSACTIONS

READERS: dict[str, LiveReader] = {"sql": Sql(), "binlog": Binlog()}


@pytest.fixture
def server(mariadb_server: Server) -> Server:
    """The server, with ten old rows in `archive` and ten new ones in `people`."""
    for table, year in (("people", 2024), ("archive", 2020)):
        mariadb_server.execute(
            f"drop table if exists {table}",
            f"create table {table} (member_id varchar(20) primary key, real_name varchar(50), "
            "nick varchar(50), created_at datetime, updated_at datetime, key (updated_at), "
            "key (created_at))",
            f"insert into {table} select concat('{table}', seq), 'Name', 'Nick', "
            f"'{year}-01-01' + interval seq day, '{year}-01-01' + interval seq day "
            "from seq_1_to_10",
        )
    return mariadb_server


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    return RawStore(tmp_path, MEMBERS)


def use(server: Server, monkeypatch: pytest.MonkeyPatch, reader: str, **values: object) -> None:
    said = {"table": "people", **({"cursor": "updated_at"} if reader == "sql" else {}), **values}
    server.configure(monkeypatch, "crm", reader, {"members": said})


def names(store: RawStore) -> set[object]:
    return {name for (name,) in store.query("select real_name from raw_crm.members")}


@pytest.mark.parametrize("reader", READERS)
def test_another_table_is_read_from_its_beginning(
    store: RawStore, server: Server, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    use(server, monkeypatch, reader)
    store.load(READERS[reader])
    use(server, monkeypatch, reader, table="archive")
    report = store.load(READERS[reader])
    assert store.query("select count(*) from raw_crm.members where is_deleted is not true") == [
        (20 if reader == "sql" else 10,)
    ]
    assert [text for _, text in report.notices] == [
        "archive takes the place of shop.people: it is read as a whole"
    ]
    assert store.load(READERS[reader]).places_loaded == 0


@pytest.mark.parametrize("reader", READERS)
def test_another_column_for_one_of_ours_is_read_in_all_rows(
    store: RawStore, server: Server, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    use(server, monkeypatch, reader)
    store.load(READERS[reader])
    use(server, monkeypatch, reader, columns={"nick": "real_name"})
    store.load(READERS[reader])
    assert names(store) == {"Nick"}
    assert store.load(READERS[reader]).places_loaded == 0


def test_another_cursor_reads_what_the_first_one_did_not_tell(
    store: RawStore, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(server, monkeypatch, "sql", cursor="created_at")
    store.load(Sql())
    server.execute(
        "update people set real_name = 'New', updated_at = '2024-01-05' where member_id = 'people1'"
    )
    use(server, monkeypatch, "sql")
    store.load(Sql())
    assert names(store) == {"Name", "New"}


def test_a_distributed_transaction_is_read_when_it_is_committed(
    store: RawStore, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(server, monkeypatch, "binlog")
    store.load(Binlog())
    with server.again() as connection, connection.cursor() as cursor:
        cursor.execute("xa start 'x'")
        cursor.execute("update people set real_name = 'Later' where member_id = 'people1'")
        cursor.execute("xa end 'x'")
        cursor.execute("xa prepare 'x'")
        server.execute("update people set real_name = 'Now' where member_id = 'people2'")
        store.load(Binlog())
        assert names(store) == {"Name", "Now"}
        cursor.execute("xa commit 'x'")
    store.load(Binlog())
    assert names(store) == {"Name", "Now", "Later"}


@pytest.mark.parametrize(
    ("session", "change", "notice"),
    [
        ("binlog_row_image = 'MINIMAL'", "update people set {}", "has other columns than its log"),
        ("binlog_format = 'STATEMENT'", "update folk set {}", "was changed by UPDATE"),
    ],
)
def test_a_session_that_logs_less_has_the_table_read_as_a_whole(
    store: RawStore, server: Server, monkeypatch: pytest.MonkeyPatch,
    session: str, change: str, notice: str,
) -> None:  # fmt: skip
    server.execute(
        "alter table people drop primary key, add column no int auto_increment primary key",
        "create or replace view folk as select * from people",
    )
    use(server, monkeypatch, "binlog")
    store.load(Binlog())
    with server.again() as connection, connection.cursor() as cursor:
        cursor.execute(f"set session {session}")
        cursor.execute(change.format("real_name = 'New' where member_id = 'people1'"))
        cursor.execute("delete from people where member_id = 'people2'")
        connection.commit()
    report = store.load(Binlog())
    server.execute("drop view folk")
    assert [text for _, text in report.notices] == [f"people {notice}: it is read as a whole"]
    assert names(store) == {"Name", "New"}
    assert store.query("select member_id from raw_crm.members where is_deleted") == [("people2",)]


@pytest.fixture
def berlin(mariadb_server: Server) -> Iterator[None]:
    """New sessions of the server have a zone whose clocks are put back on 27 October 2024."""
    mariadb_server.execute(
        "insert into mysql.time_zone values (1, 'N')",
        "insert into mysql.time_zone_name values ('Berlin', 1)",
        "insert into mysql.time_zone_transition_type values "
        "(1, 0, 7200, 1, 'S'), (1, 1, 3600, 0, 'W')",
        "insert into mysql.time_zone_transition values (1, 1711846800, 0), (1, 1729990800, 1)",
        "flush tables",
        "set global time_zone = 'Berlin'",
    )
    yield
    names = ("", "_name", "_transition_type", "_transition")
    mariadb_server.execute(
        "set global time_zone = '+08:00'",
        *(f"delete from mysql.time_zone{name}" for name in names),
    )


def test_an_instant_is_one_also_where_the_clock_of_the_session_repeats_it(
    store: RawStore, server: Server, monkeypatch: pytest.MonkeyPatch, berlin: None
) -> None:
    def insert(name: str, time: str) -> None:
        server.execute(f"insert into people values ('{name}', '{name}', null, null, '{time}')")

    server.execute(
        "set time_zone = '+00:00'",
        "truncate people",
        "alter table people modify updated_at timestamp(6) null",
    )
    use(server, monkeypatch, "sql", lag=60)
    insert("first", "2024-10-27 00:30:00")
    store.load(Sql())
    insert("later", "2024-10-27 01:10:00")
    insert("last", "2024-10-27 03:00:00")
    store.load(Sql())
    server.execute("set time_zone = '+08:00'")
    assert store.query("select real_name, updated_at::varchar from raw_crm.members order by 2") == [
        ("first", "2024-10-27 00:30:00"),
        ("later", "2024-10-27 01:10:00"),
        ("last", "2024-10-27 03:00:00"),
    ]


def test_an_invoice_that_is_deleted_as_a_whole_is_told(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.execute(
        "drop table if exists bills",
        "create table bills (no int auto_increment primary key, invoice varchar(9), "
        "stock_code varchar(9), quantity int, invoice_date date, price decimal(9, 2))",
        "insert into bills (invoice, stock_code, quantity, invoice_date, price) values "
        "('1', 'A', 1, '2024-01-01', 2), ('2', 'A', 1, '2024-01-01', 2), "
        "('2', 'B', 1, '2024-01-01', 2)",
    )
    server.configure(monkeypatch, "retail", "binlog", {"transactions": {"table": "bills"}})
    store = RawStore(tmp_path, TRANSACTIONS)
    assert store.load(Binlog()).counts.loaded == 3
    server.execute("delete from bills where invoice = '1' or stock_code = 'B'")
    report = store.load(Binlog())
    assert report.counts.withdrawn == 1
    assert "1 of invoice have no row any more: transactions keeps those that it has" in [
        text for _, text in report.notices
    ]
