"""Tables without an update time of each row: events by a number, and invoices of several lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.raw_store import RawStore
from support.sql_servers import Server

from ingestion.readers.sql.reader import Sql
from ingestion.sources.app import EVENTS
from ingestion.sources.retail import TRANSACTIONS


def test_events_by_a_number_and_whole_invoices(
    tmp_path: Path, postgresql_server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = postgresql_server
    server.execute(
        "drop table if exists happened",
        "create table happened (number bigint primary key, event_id varchar(9), event_type text, "
        "event_time timestamp)",
        "insert into happened select 10 * n, concat('E', n), 'view', '2024-01-01 08:00:00' "
        "from (select 1 as n union select 2 union select 3) as numbers",
        "drop table if exists bills",
        "create table bills (invoice varchar(9), stock_code varchar(9), quantity int, "
        "invoice_date date, price numeric(9, 2), customer_id decimal(9, 1), "
        "changed timestamp null)",
        "insert into bills values ('1', 'A', 1, '2024-01-01', 2.5, 17850, '2024-01-01 08:00:00'), "
        "('1', 'A', 1, '2024-01-01', 2.5, 17850, '2024-01-01 08:00:00')",
    )
    happened = {"table": f"{server.schema}happened", "cursor": "number", "lag": 20}
    server.configure(monkeypatch, "app", "sql", {"events": happened})
    bills = {"table": f"{server.schema}bills", "cursor": "changed", "lag": 0}
    server.configure(monkeypatch, "retail", "sql", {"transactions": bills})
    monkeypatch.setenv("SOURCES__APP__SQL__TIME_ZONE", "Asia/Shanghai")
    stores = {}
    for spec in (EVENTS, TRANSACTIONS):
        (tmp_path / spec.source).mkdir()
        stores[spec.source] = RawStore(tmp_path / spec.source, spec)
    app, retail = stores["app"], stores["retail"]
    assert app.load(Sql()).counts.loaded == 3
    server.execute(
        "insert into happened values (15, 'E9', 'late', '2024-01-01 08:00:00')",
        "update happened set event_type = 'changed' where number = 20",
        "insert into bills values ('1', 'B', 1, '2024-01-01', 2.5, 17850, '2024-01-02 08:00:00'), "
        # Without the number of the invoice anywhere, of which it might else be a line.
        "(null, 'N', 2, '2024-02-02', 2.5, 77, '2024-01-02 08:00:00')",
    )
    later = app.load(Sql()).counts
    assert (later.read, later.loaded, later.duplicate, later.quarantined) == (4, 1, 2, 1)
    assert app.query("select distinct event_time::varchar from raw_app.events") == [
        ("2024-01-01 00:00:00",)
    ]
    counts = retail.load(Sql()).counts
    assert (counts.loaded, counts.quarantined) == (3, 1)
    server.execute(
        "insert into bills values ('1', 'C', 1, '2024-01-01', 2.5, 17850, '2024-01-03 08:00:00')"
    )
    # A load states all lines of the invoices that it names, so it must read all of them.
    again = retail.load(Sql()).counts
    assert (again.read, again.withdrawn) == (5, 0)
    # Three lines are as before; that without an invoice is in the lag still, and in the quarantine.
    assert (again.quarantined, again.duplicate) == (0, 4)
    lines = "select stock_code, customer_id from raw_retail.transactions where not is_withdrawn"
    found = sorted(retail.query(lines))
    assert found == [("A", "17850"), ("A", "17850"), ("B", "17850"), ("C", "17850")]
