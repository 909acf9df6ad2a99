"""Rows of the table `customers`, and the members that were read of them."""

from __future__ import annotations

from collections.abc import Callable

from support.raw_store import RawStore
from support.sql_servers import Server

COLUMNS = "customer_no, email_hash, real_name, birthday, total_points, updated_at"
Configure = Callable[..., None]
"""Sets the settings of the table as a user would."""


def insert(server: Server, *rows: str) -> None:
    server.execute(*(f"insert into customers ({COLUMNS}) values ({row})" for row in rows))


def members(store: RawStore, columns: str = "member_id, real_name, updated_at") -> list[str]:
    found = store.query(f"select {columns} from raw_crm.members order by all")
    return ["|".join("" if value is None else str(value) for value in row) for row in found]
