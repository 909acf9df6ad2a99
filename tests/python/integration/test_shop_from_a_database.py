"""A shop in MariaDB, loaded and built, has the figures that MariaDB itself computes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from support.line import Line, copy_project
from support.sql_servers import Server

AS_OF = "2026-05-31"
TABLES: dict[str, dict[str, Any]] = {
    "shop": {
        "customers": {"table": "customers_of_shop", "cursor": "updated_at", "detect_deletes": 0},
        "transactions": {"table": "transactions", "cursor": "updated_at", "detect_deletes": 0},
    },
    "web": {"events": {"table": "web_events", "cursor": "event_time"}},
}
# Each customer of any table: orders, gross and returned revenue, page views, first and last
# purchase. An event before the log-in is the customer's whose browser it came from.
FIGURES = f"""
with people as (
    select customer_id from customers_of_shop
    union select customer_id from transactions
    union select customer_id from web_events where customer_id is not null
),
bought as (
    select customer_id,
        sum(status = 'completed') as orders,
        sum(if(status = 'completed', amount, 0)) as gross,
        sum(if(status = 'refunded', amount, 0)) as returned,
        min(if(status = 'completed', date(transaction_date), null)) as first_date,
        max(if(status = 'completed', date(transaction_date), null)) as last_date
    from transactions where transaction_date < '{AS_OF}' + interval 1 day
    group by customer_id
),
browsers as (
    select distinct anonymous_id, customer_id from web_events where customer_id is not null
),
viewed as (
    select coalesce(e.customer_id, b.customer_id) as customer_id, count(*) as views
    from web_events e left join browsers b on e.anonymous_id = b.anonymous_id
    where e.event_type = 'page_view' and e.event_time < '{AS_OF}' + interval 1 day
    group by 1
)
select people.customer_id, cast(coalesce(orders, 0) as int), coalesce(gross, 0.00),
    coalesce(returned, 0.00), coalesce(views, 0), first_date, last_date
from people
left join bought on people.customer_id = bought.customer_id
left join viewed on people.customer_id = viewed.customer_id
order by people.customer_id
"""
FOUND = """
select customer_id, total_orders, gross_revenue::decimal(18, 2),
    returned_revenue::decimal(18, 2), page_views, first_purchase_date, last_purchase_date
from marts.customer_profiles where customer_id is not null order by customer_id
"""
RAW = {
    "customers_of_shop": "raw_shop.customers where is_deleted is not true",
    "transactions": "raw_shop.transactions where is_deleted is not true",
    "web_events": "raw_web.events",
}


def fill(server: Server, customers: int, transactions: int, events: int) -> None:
    """Makes the tables; what a row holds follows from its number alone."""
    server.execute(
        *(f"drop table if exists {table}" for table in RAW),
        "create table customers_of_shop (customer_id varchar(20) primary key, email varchar(64),"
        " first_name varchar(50), last_name varchar(50), country varchar(50), signup_date date,"
        " updated_at datetime(3), key (updated_at))",
        "create table transactions (transaction_id varchar(20) primary key, customer_id"
        " varchar(20), product_id varchar(20), amount decimal(12, 2), transaction_date datetime,"
        " status varchar(20), updated_at datetime(3), key (updated_at))",
        "create table web_events (event_id varchar(20) primary key, customer_id varchar(20),"
        " anonymous_id varchar(20), event_type varchar(20), page_url varchar(200),"
        " event_time datetime, session_id varchar(20), key (event_time))",
        "insert into customers_of_shop select concat('C', seq), sha2(concat('c', seq), 256),"
        " concat('First', seq % 97), concat('Last', seq % 89), elt(1 + seq % 3, 'FR', 'ES', 'DE'),"
        " '2024-01-01' + interval seq % 500 day, '2026-05-01' + interval seq % 1000 second"
        f" from seq_1_to_{customers}",
        "insert into transactions select concat('T', seq),"
        f" concat('C', 1 + crc32(seq) % {customers}), concat('P', seq % 50),"
        " crc32(concat('a', seq)) % 10000 / 100,"
        " '2025-01-01' + interval crc32(concat('d', seq)) % 45000000 second,"
        " elt(1 + crc32(concat('s', seq)) % 8, 'completed', 'completed', 'completed',"
        " 'completed', 'Completed', 'refunded', 'pending', 'cancelled'),"
        " '2026-06-02' + interval seq % 1000 second"
        f" from seq_1_to_{transactions}",
        "insert into web_events select concat('E', seq),"
        f" if(seq % 3, concat('C', 1 + crc32(seq) % {customers}), null),"
        f" concat('B', 1 + crc32(seq) % {customers}),"
        " elt(1 + crc32(concat('e', seq)) % 4, 'page_view', 'page_view', 'add_cart', 'search'),"
        " concat('https://shop.example/', seq % 100),"
        " '2026-01-01' + interval crc32(concat('w', seq)) % 12000000 second,"
        f" concat('S', seq div 5) from seq_1_to_{events}",
        # A browser without a log-in is somebody whom the shop does not know.
        "delete e from web_events e left join (select distinct anonymous_id as known from"
        " web_events where customer_id is not null) k on e.anonymous_id = k.known"
        " where k.known is null",
    )


def change(server: Server) -> None:
    """A day: statuses, a late commit, deletions, a re-insertion, a new customer, late events."""
    at = "'2026-06-03 08:00:00'"
    server.execute(
        f"update transactions set status = 'refunded', updated_at = {at}"
        " where status = 'completed' and transaction_id like '%7'",
        f"update transactions set status = 'completed', updated_at = {at}"
        " where status = 'pending' and transaction_id like '%3'",
        "insert into transactions values"
        " ('LATE', 'C1', 'P1', 5.25, '2026-05-20', 'completed', '2026-06-02 00:16:30')",
        "delete from transactions where transaction_id like '%1'",
        f"insert into transactions values ('T11', 'C2', 'P2', 8, '2026-05-21', 'completed', {at})",
        f"insert into customers_of_shop values ('NEW', sha2('new', 256), 'N', 'N', 'FR',"
        f" '2026-05-30', {at})",
        f"insert into transactions values ('TN', 'NEW', 'P1', 1, '2026-05-31 23:59:59',"
        f" 'completed', {at})",
        "delete from customers_of_shop where customer_id like 'C%5'",
        "insert into web_events values ('LATE', null, 'B1', 'page_view', 'https://shop.example/',"
        " (select t from (select max(event_time) as t from web_events) newest), 'S')",
    )


SMALL = (300, 2_000, 3_000)
LARGE = (50_000, 500_000, 1_000_000)


@pytest.mark.parametrize("sizes", [SMALL, pytest.param(LARGE, marks=pytest.mark.soak)], ids=str)
def test_the_figures_of_a_shop_are_those_that_its_database_computes(
    tmp_path: Path,
    mariadb_server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    sizes: tuple[int, int, int],
) -> None:
    fill(mariadb_server, *sizes)
    for source, tables in TABLES.items():
        mariadb_server.configure(monkeypatch, source, "sql", tables)
    line = Line.at(tmp_path / "line", copy_project(tmp_path / "project"))
    for day in range(2):
        if day:
            change(mariadb_server)
        start = time.monotonic()
        reports = line.ingest()
        loaded = time.monotonic()
        assert not any(report.refused for report in reports)
        line.build(tests=not day, as_of=AS_OF)
        built = time.monotonic()
        expected = mariadb_server.execute(FIGURES)
        found = line.query(FOUND)
        assert found == [tuple(row) for row in expected]
        for table, raw in RAW.items():
            ((there,),) = mariadb_server.execute(f"select count(*) from {table}")
            assert line.query(f"select count(*) from {raw}") == [(there,)]
        with capsys.disabled():
            if sizes == LARGE:
                totals = [sum(row[place] for row in expected) for place in range(1, 5)]
                print(
                    f"\nday {day}: {len(found):,} customers; orders, gross, returned, page views"
                    f" {totals}; load {loaded - start:.1f} s, build {built - loaded:.1f} s"
                )
