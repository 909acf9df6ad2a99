"""Which columns are delivered where nobody chose them."""

from __future__ import annotations

import re

from support.cli import REPOSITORY

from onecdp.destinations.selection import IDENTIFIERS


def test_members_are_delivered_with_the_identifiers_of_profiles() -> None:
    macro = REPOSITORY / "macros" / "customers" / "profile_id_columns.sql"
    body = macro.read_text().partition("{% macro")[2]
    assert tuple(re.findall("'([a-z_]+)'", body)) == IDENTIFIERS
