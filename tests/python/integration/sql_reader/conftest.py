"""A table `customers` in a real server, and the raw table of members that it is read into."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.raw_store import RawStore
from support.sql_customers import Configure
from support.sql_servers import Server

from ingestion.sources.crm import MEMBERS


@pytest.fixture(params=["mariadb", "postgresql"])
def server(request: pytest.FixtureRequest) -> Server:
    """Either server, with an empty table `customers`; its zone is eight hours ahead of UTC."""
    made: Server = request.getfixturevalue(f"{request.param}_server")
    time = "timestamp(6) null" if made.is_mysql else "timestamptz"
    made.execute(
        "drop table if exists customers",
        "create table customers (customer_no varchar(20) primary key, email_hash varchar(64), "
        f"real_name varchar(100), birthday date, total_points decimal(24, 0), updated_at {time}, "
        "notes varchar(9) default 'x')",
        "create index by_update on customers (updated_at)",
    )
    return made


@pytest.fixture
def configure(monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Sets the settings of the table as a user would."""

    def use(server: Server, **values: object) -> None:
        table = "customers" if server.is_mysql else "shop.customers"
        said = {"table": table, "cursor": "updated_at", "columns": {"customer_no": "member_id"}}
        server.configure(monkeypatch, "crm", "sql", {"members": {**said, **values}})

    return use


@pytest.fixture
def store(tmp_path: Path) -> RawStore:
    """An empty table of members, loaded without dlt: what is tested here comes before it."""
    return RawStore(tmp_path, MEMBERS)
