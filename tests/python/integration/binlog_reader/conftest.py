"""A real MariaDB with two tables, and a raw table that they are read into."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.binlog_tables import (
    REMOTE,
    Configure,
)
from support.raw_store import RawStore
from support.sql_servers import Server

from ingestion.declaration import TableSpec
from ingestion.sources.crm import MEMBERS


@pytest.fixture
def server(mariadb_server: Server) -> Server:
    """The server, with 40 rows in `people` and `sales`."""
    mariadb_server.execute(
        "drop table if exists sales",
        "create table sales (transaction_id varchar(20) primary key, customer_id varchar(20), "
        "amount decimal(12, 2), transaction_date datetime, status varchar(20), "
        "updated_at datetime(3), key (updated_at))",
        "insert into sales select concat('S', seq), concat('C', seq % 7), seq / 4, '2024-01-01', "
        "'pending', '2024-01-01 08:00:00' + interval seq second from seq_1_to_40",
        "drop table if exists people",
        "create table people (member_id varchar(20) primary key, real_name varchar(50), "
        "birthday date, total_points int unsigned, updated_at datetime(3), key (updated_at)) "
        "character set latin1",
        "insert into people select concat('M', seq), 'José', '1990-01-02', 4000000000 + seq, "
        "'2024-01-01 08:00:00' + interval seq second from seq_1_to_40",
    )
    return mariadb_server


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Makes the server that of one reader, and of no other."""

    def use(server: Server, reader: str, spec: TableSpec = MEMBERS, **values: object) -> None:
        section = f"SOURCES__{spec.source.upper()}"
        for other in ("SQL", "BINLOG"):
            for name in ("CREDENTIALS", "TABLES"):
                monkeypatch.delenv(f"{section}__{other}__{name}", raising=False)
        if reader == "sql":
            values |= {"cursor": "updated_at", "lag": 3600, "detect_deletes": 0}
        if reader != "files":
            tables = {spec.table: {"table": REMOTE[spec], **values}}
            server.configure(monkeypatch, spec.source, reader, tables)

    return use


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    """An empty table of members, loaded without dlt: what is tested here comes before it."""
    return RawStore(tmp_path, MEMBERS)
