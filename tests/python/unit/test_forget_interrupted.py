"""What an interrupted erasure says of the marts: they are older than it until all was built."""

from __future__ import annotations

import duckdb
import pytest

from onecdp.erasure import tables


@pytest.mark.parametrize("is_noted_by_time", [False, True])
def test_marts_and_what_they_are_made_of_are_older_until_all_is_built(
    is_noted_by_time: bool,
) -> None:
    """Also where an erasure was interrupted under a version that noted the time alone."""
    private = duckdb.connect()
    private.execute("create schema audit; create schema raw_erasure")
    private.execute(
        "create table audit.node_status as select 'first' as invocation_id, relation_schema,"
        " now() - interval 1 hour as finished_at from unnest(['intermediate', 'marts', null])"
        " as nodes(relation_schema)"
    )
    assert not tables.has_older_marts(private)
    if is_noted_by_time:
        private.execute("create table raw_erasure.unfinished as select now() as since")
    else:
        tables.set_unfinished(private)
    assert tables.has_older_marts(private)
    built = "update audit.node_status set invocation_id = 'next', finished_at = now() + '1s'"
    private.execute(f"{built} where relation_schema = 'marts'")
    assert tables.has_older_marts(private)
    private.execute(built)
    assert not tables.has_older_marts(private)
    tables.set_unfinished(private)
    assert tables.has_older_marts(private)
