"""Which columns are delivered where nobody chose them."""

from __future__ import annotations

import re

import duckdb
from support.cli import REPOSITORY

from onecdp.destinations.selection import IDENTIFIERS, select_profiles


def test_members_are_delivered_with_the_identifiers_of_profiles() -> None:
    macro = REPOSITORY / "macros" / "customers" / "profile_id_columns.sql"
    body = macro.read_text().partition("{% macro")[2]
    assert tuple(re.findall("'([a-z_]+)'", body)) == IDENTIFIERS


def test_plain_addresses_and_what_changes_each_day_have_to_be_named() -> None:
    with duckdb.connect() as connection:
        connection.execute(
            "attach ':memory:' as marts; create table marts.customer_profiles as"
            " select 'ONE1' as one_id, 'h1' as email_hash, 'bob@example.com' as email,"
            " 3 as days_since_last_purchase"
        )
        assert select_profiles(connection, None).columns == ("one_id", "email_hash")
        named = select_profiles(connection, {"mail": "email"})
        assert named.columns == ("one_id", "mail")
        assert connection.execute(named.query).fetchall() == [("ONE1", "ONE1", "bob@example.com")]
