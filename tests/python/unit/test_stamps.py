"""The stamp of a Python model only grows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import pytest

from onecdp.warehouse.stamps import change_stamp


@dataclass(frozen=True)
class This:
    """dbt's name of a table."""

    name: str

    def __str__(self) -> str:
        return self.name


@pytest.mark.parametrize(
    "table",
    [
        "select 1 as node_id",
        "select null::timestamp as changed_at where false",
        "select timestamp '2001-01-01' as changed_at",
    ],
)
def test_it_is_now(table: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"create table clusters as {table}")
        before = datetime.now(UTC).replace(tzinfo=None)
        assert before <= change_stamp(connection, This("clusters")) <= before + timedelta(minutes=1)
        assert before <= change_stamp(connection, This("not_built_yet"))


def test_it_is_later_than_the_last_one_where_the_clock_went_back() -> None:
    with duckdb.connect() as connection:
        connection.execute("create table clusters as select timestamp '2999-01-01' as changed_at")
        stamp = change_stamp(connection, This("clusters"))
    assert stamp == datetime(2999, 1, 1, microsecond=1)
