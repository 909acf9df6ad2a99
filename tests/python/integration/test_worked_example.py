"""The worked example gives every figure that it should, read from the published file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.cli import BuiltProject

EXPECTED: dict[str, Any] = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "worked_example_expected.json").read_text()
)


@pytest.fixture(scope="module")
def marts(built_warehouse: BuiltProject) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(built_warehouse.warehouse / "marts.duckdb", read_only=True) as connection:
        # Customers are named by their best-known identifier, since a one_id is minted.
        connection.execute(
            "create temp view names as select one_id,"
            " coalesce(member_id, union_id, retail_customer_id) as name from customer_profiles"
        )
        yield connection


def test_customers(marts: duckdb.DuckDBPyConnection) -> None:
    rows = marts.execute(
        "select name, total_orders, rfm_segment from customer_profiles join names using (one_id)"
    ).fetchall()
    assert len({name for name, _, _ in rows}) == len(rows) == EXPECTED["customers"]
    assert sum(orders > 0 for _, orders, _ in rows) == EXPECTED["customers_that_bought"]
    never = [name for name, orders, segment in rows if (orders, segment) == (0, "Never purchased")]
    assert never == EXPECTED["never_purchased"]


def test_rfm_of_each_customer(marts: duckdb.DuckDBPyConnection) -> None:
    rows = marts.execute(
        "select name, recency_days, frequency, cast(monetary as double),"
        " cast(last_purchase_date as varchar), cast(first_purchase_date as varchar),"
        " segments.rfm_segment, cast(as_of_date as varchar)"
        " from customer_rfm join names using (one_id)"
        " join customer_segments as segments using (one_id)"
    ).fetchall()
    assert {as_of for *_, as_of in rows} == {EXPECTED["as_of_date"]}
    columns = (
        "recency_days",
        "frequency",
        "monetary",
        "last_purchase_date",
        "first_purchase_date",
        "rfm_segment",
    )
    found = {name: dict(zip(columns, values, strict=True)) for name, *values, _ in rows}
    assert found == EXPECTED["rfm"]


@pytest.mark.parametrize("channel", EXPECTED["channels"])
def test_channels(marts: duckdb.DuckDBPyConnection, channel: str) -> None:
    row = marts.execute(
        "select count(distinct one_id), count(*), cast(sum(revenue) as double)"
        " from unified_events where event_type = 'purchase' and channel = ?",
        [channel],
    ).fetchone()
    expected = EXPECTED["channels"][channel]
    assert row == (expected["customers"], expected["purchases"], expected["revenue"])


@pytest.mark.parametrize("tag", EXPECTED["segment_counts"])
def test_tags(marts: duckdb.DuckDBPyConnection, tag: str) -> None:
    counts = marts.execute(
        "select user_count from audience_bitmaps where segment_tag = ?", [tag]
    ).fetchall()
    assert counts == [(EXPECTED["segment_counts"][tag],)]


@pytest.mark.parametrize("rule", EXPECTED["rules"])
def test_members_of_each_rule(marts: duckdb.DuckDBPyConnection, rule: str) -> None:
    rows = marts.execute(
        "select name from audience_packages join names using (one_id) where segment_rule = ?",
        [rule],
    ).fetchall()
    assert sorted(name for (name,) in rows) == EXPECTED["rules"][rule]


def test_confidence_is_the_weakest_link_to_the_root(marts: duckdb.DuckDBPyConnection) -> None:
    rows = marts.execute(
        "select id_type, confidence from id_map join names using (one_id) where name = 'MBR002'"
    ).fetchall()
    assert dict(rows) == {
        "member_id": 1.0,
        "mobile_hash": 0.95,
        "email_hash": 0.95,
        "union_id": 0.9,
        "open_id": 0.9,
        "device_id": 0.9,
    }
