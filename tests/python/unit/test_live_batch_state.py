"""What a publication says of its build: patterns that live features would read otherwise."""

from __future__ import annotations

import re

import duckdb
import pytest

from onecdp.errors import OnecdpError
from onecdp.serving.batch_state import from_json, read_batch_state

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
create table intermediate.int_identity__shared_values as select 'device_id' as id_type, 'till' as id_value;
create table intermediate.int_identity__overrides as
    select 'cannot_link' as override, 'union_id' as left_id_type, 'A' as left_id_value,
        'device_id' as right_id_type, 'B' as right_id_value
    union all select 'must_link', 'union_id', 'A', 'device_id', 'C';
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


def test_what_brought_nothing_is_taken_in_up_to_what_the_build_has_not_read(
    private: duckdb.DuckDBPyConnection,
) -> None:
    """Behind it, repetitions may be of events that nobody counts yet."""
    private.execute("""
        insert into raw_app.loads
        select file, stream, '{"offset": ' || upto || '}', rows, loaded_at from (values
            ('0-9', 'kafka/app/0', 10, 1, timestamptz '2026-06-06 00:30:00+00'),
            ('10-14', 'kafka/app/0', 15, 0, timestamptz '2026-06-06 01:15:00+00'),
            ('15-19', 'kafka/app/0', 20, 1, timestamptz '2026-06-06 02:00:00+00'),
            ('20-24', 'kafka/app/0', 25, 0, timestamptz '2026-06-06 03:00:00+00'),
            ('0-29', 'kafka/app/1', 30, 1, timestamptz '2026-06-06 02:00:00+00'),
            ('collector/twice.jsonl', null, 0, 0, timestamptz '2026-06-06 01:30:00+00'),
            ('collector/later.jsonl', null, 0, 0, timestamptz '2026-06-06 03:00:00+00')
        ) as loads (file, stream, upto, rows, loaded_at)
    """)
    state = read_batch_state(private)
    assert state is not None
    assert state.taken_in == {"app/collector/0.jsonl": None, "kafka/app/0": 15}
    # Without a model that reads them, only what comes before all events.
    private.execute("delete from audit.watermarks where model = 'int_events__resolved'")
    private.execute("update raw_app.loads set rows_loaded = 0 where file like '%/0.jsonl'")
    state = read_batch_state(private)
    assert state is not None
    assert state.taken_in == {}


def test_constraints_of_the_build_are_known_without_a_value(
    private: duckdb.DuckDBPyConnection,
) -> None:
    state = read_batch_state(private)
    assert state is not None
    text = state.to_json()
    assert "till" not in text
    a, b, c = ("union_id", "A"), ("device_id", "B"), ("device_id", "C")
    for each in (state, from_json(text)):
        assert each.is_shared(("device_id", "till"))
        assert not each.is_shared(("union_id", "till"))
        assert each.is_apart(a, b)
        assert each.is_apart(b, a)
        assert not each.is_apart(a, c)
