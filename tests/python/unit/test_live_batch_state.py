"""What a publication says of its build: patterns that live features would read otherwise."""

from __future__ import annotations

import re

import duckdb
import pytest

from onecdp.errors import OnecdpError
from onecdp.serving.batch_state import read_batch_state

_BUILT = """
create schema audit; create schema raw_app; create schema raw_id_graph; create schema raw_support;
create schema intermediate; create schema seeds;
create table audit.watermarks as
    select 'int_customers__activity' as model, 'as_of_date' as upstream,
        timestamp '2026-06-06' as stamp
    union all select 'int_events__resolved', 'stg_app__events', timestamp '2026-06-06 01:00:00';
create table raw_app.loads as
    select 'collector/' || number || '.jsonl' as file, null::varchar as stream,
        null::varchar as position, 1 as rows_loaded,
        timestamptz '2026-06-06 00:30:00+00' + interval 1 hour * number as loaded_at
    from range(2) as numbers (number);
create table raw_id_graph.loads as from raw_app.loads limit 0;
create table raw_support.loads as
    select replace(file, 'collector/', 'tickets/webhooks/') as file, stream, position, rows_loaded,
        loaded_at
    from raw_app.loads
    union all select 'export.csv', null, null, 1, '2026-06-06 00:30:00+00'::timestamptz;
create table raw_support.tickets as select 'T1' as ticket_id, now() as _loaded_at;
create table intermediate.int_identity__blocked_values as select 'union_id' as id_type, 'x' as id_value;
create table seeds.id_blocklist as select 'union_id' as id_type, 'pattern' as match, '^0' as id_value;
"""  # noqa: E501


@pytest.fixture
def private() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(_BUILT)
    return connection


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("^[[:alpha:]]+$", "[:alpha:] is known to DuckDB alone; write the letters"),
        ("^(", "missing"),
    ],
)
def test_pattern_that_means_something_else_in_python_is_refused(
    private: duckdb.DuckDBPyConnection, pattern: str, why: str
) -> None:
    private.execute("update seeds.id_blocklist set id_value = ?", [pattern])
    with pytest.raises(OnecdpError, match=re.escape(f"can't use the pattern {pattern!r}: {why}")):
        read_batch_state(private)


def test_events_are_taken_in_by_the_build_and_tickets_as_they_are_loaded(
    private: duckdb.DuckDBPyConnection,
) -> None:
    state = read_batch_state(private, [("email_hash", "email_hash")])
    assert state is not None
    assert state.tickets is not None
    assert state.tickets.count == 1
    assert state.taken_in == {
        "app/collector/0.jsonl": None,
        "support/tickets/webhooks/0.jsonl": None,
        "support/tickets/webhooks/1.jsonl": None,
    }
    # Nobody asks for tickets.
    state = read_batch_state(private)
    assert state is not None
    assert (state.tickets, [*state.taken_in]) == (None, ["app/collector/0.jsonl"])
