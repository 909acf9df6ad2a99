"""A line of a seed that cannot be meant ends the build with that line and what to do.

The dbt tests that say so are run as dbt compiled them, on seeds of our own in memory.
"""

from __future__ import annotations

from collections.abc import Iterator

import duckdb
import pytest
from support.cli import BuiltProject

_SEEDS = {
    "id_types": "id_type, priority, is_person_unique, max_values, window_days, default_confidence",
    "id_blocklist": "id_type, match, id_value, reason",
    "id_link_overrides": (
        "override, left_id_type, left_id_value, right_id_type, right_id_value, reason"
    ),
    "tags": (
        "segment_tag, event_type, window_days, min_count, max_count, min_revenue, max_revenue,"
        " channel, item_id, then_event_type, within_days"
    ),
    "suppressions": "id_type, id_value, reason",
    "survivorship": "attribute, source, rank, rule",
}

_SOUND = """
    insert into seeds.id_types values
        ('member_id', 1, true, 1, null, 1.0), ('mobile_hash', 2, false, 3, 365, 0.95);
    insert into seeds.id_blocklist values
        ('*', 'exact', null, 'empty'), ('mobile_hash', 'pattern', '^0+$', 'zeros');
    insert into seeds.id_link_overrides values
        ('must_link', 'member_id', 'm1', 'mobile_hash', 'p1', null),
        ('cannot_link', 'member_id', 'm1', 'member_id', 'm2', 'twins');
    insert into seeds.tags values
        ('none', 'purchase', null, null, 0, null, null, null, null, null, null),
        ('refunds', 'return', 30, null, null, -5, -5, 'app', 'SKU1', null, null),
        ('left', 'add_cart', null, 1, 1, null, null, null, null, 'purchase', 2);
    insert into seeds.suppressions values
        ('member_id', 'm1', 'asked by letter'), ('mobile_hash', 'ab12', null);
    insert into seeds.survivorship values
        ('country', 'shop', 1, 'longest'), ('country', 'retail', 1, 'longest'),
        ('email', 'crm', 7, 'most_frequent');
"""

_UNSOUND = [
    ("id_types", "null, 3, true, 1, null, 1", "the type has no name"),
    ("id_types", "'member_id', 3, true, 1, null, 1", "duplicate id_type"),
    ("id_types", "'fax', null, true, 1, null, 1", "priority must be a number"),
    ("id_types", "'fax', 0, true, 1, null, 1", "priority must be a number"),
    ("id_types", "'fax', 2, true, 1, null, 1", "another type has the same priority"),
    ("id_types", "'fax', 3, null, 1, null, 1", "is_person_unique must be"),
    ("id_types", "'fax', 3, true, 0, null, 1", "max_values must be at least 1"),
    ("id_types", "'fax', 3, true, null, 9, 1", "window_days requires max_values"),
    ("id_types", "'fax', 3, true, 1, 0, 1", "window_days must be from 1 to 36500"),
    ("id_types", "'fax', 3, true, 1, 36501, 1", "window_days must be from 1 to 36500"),
    ("id_types", "'fax', 3, true, 1, null, null", "default_confidence must be"),
    ("id_types", "'fax', 3, true, 1, null, 1.01", "default_confidence must be"),
    ("id_blocklist", "'fax', 'exact', 'x', null", "no such type"),
    ("id_blocklist", "null, 'exact', 'x', null", "no such type"),
    ("id_blocklist", "'*', 'like', 'x', null", "match must be exact or pattern"),
    ("id_blocklist", "'*', null, 'x', null", "match must be exact or pattern"),
    ("id_blocklist", "'*', 'pattern', '(abc', null", "not a regular expression"),
    ("id_blocklist", "'*', 'pattern', 'a*', null", "matches the empty text"),
    ("id_blocklist", "'*', 'pattern', null, null", "matches the empty text"),
    ("id_link_overrides", "null, 'member_id', 'a', 'member_id', 'b', ''", "override must be"),
    ("id_link_overrides", "'may', 'member_id', 'a', 'member_id', 'b', ''", "override must be"),
    ("id_link_overrides", "'must_link', 'fax', 'a', 'member_id', 'b', ''", "no such type"),
    ("id_link_overrides", "'must_link', 'member_id', 'a', null, 'b', ''", "no such type"),
    (
        "id_link_overrides",
        "'must_link', 'member_id', ' ', 'member_id', 'b', ''",
        "an end has no value",
    ),
    (
        "id_link_overrides",
        "'must_link', 'mobile_hash', 'AB', 'mobile_hash', ' ab', ''",
        "both ends are the same identifier",
    ),
    (
        "id_link_overrides",
        "'cannot_link', 'mobile_hash', 'P1', 'member_id', 'm1', ''",
        "the pair is listed as both must_link and cannot_link",
    ),
    (
        "id_link_overrides",
        "'cannot_link', 'member_id', 'm2', 'member_id', 'm1', ''",
        "the pair is listed twice",
    ),
    (
        "tags",
        "null, 'purchase', null, 1, null, null, null, null, null, null, null",
        "segment_tag is empty",
    ),
    (
        "tags",
        "'At Risk', 'purchase', null, 1, null, null, null, null, null, null, null",
        "segment_tag At Risk is the name of a segment",
    ),
    (
        "tags",
        "'audience:x', 'purchase', null, 1, null, null, null, null, null, null, null",
        "segment_tag audience:x begins with audience:",
    ),
    (
        "tags",
        "'left', 'purchase', null, 1, null, null, null, null, null, null, null",
        "segment_tag left is there twice",
    ),
    (
        "tags",
        "'x', null, null, 1, null, null, null, null, null, null, null",
        "event_type is empty",
    ),
    (
        "tags",
        "'x', 'purchase', 0, 1, null, null, null, null, null, null, null",
        "window_days 0 must be",
    ),
    (
        "tags",
        "'x', 'purchase', null, -1, null, null, null, null, null, null, null",
        "min_count -1 must not",
    ),
    (
        "tags",
        "'x', 'purchase', null, 3, 2, null, null, null, null, null, null",
        "max_count 2 is less",
    ),
    (
        "tags",
        "'x', 'purchase', null, null, -1, null, null, null, null, null, null",
        "max_count -1 is less",
    ),
    (
        "tags",
        "'x', 'purchase', null, null, null, 2, 1, null, null, null, null",
        "max_revenue 1.0000 is less",
    ),
    (
        "tags",
        "'x', 'purchase', null, null, null, null, null, null, null, null, null",
        "min_count, max_count, min_revenue and max_revenue are empty",
    ),
    (
        "tags",
        "'x', 'add_cart', null, 1, null, null, null, null, null, 'purchase', null",
        "within_days is empty",
    ),
    (
        "tags",
        "'x', 'add_cart', null, 1, null, null, null, null, null, null, 1",
        "within_days 1 needs",
    ),
    (
        "tags",
        "'x', 'add_cart', null, 1, null, null, null, null, null, 'purchase', 0",
        "within_days 0 must",
    ),
    ("suppressions", "'fax', '1', null", "no such type"),
    ("suppressions", "'member_id', ' ', null", "id_value is empty"),
    ("suppressions", "'mobile_hash', 'bob@example.com', 'Bob'", "id_value is no hash"),
    ("suppressions", "'mobile_hash', '+49 30 123456', null", "id_value is no hash"),
    ("survivorship", "null, 'crm', 1, 'longest'", "a value is empty"),
    ("survivorship", "'level', 'crm', null, 'longest'", "a value is empty"),
    ("survivorship", "'age', 'crm', 1, 'longest'", "there is no attribute age; the attributes are"),
    (
        "survivorship",
        "'level', 'till', 1, 'longest'",
        "there is no source till; the sources are crm,",
    ),
    ("survivorship", "'level', 'shop', 1, 'longest'", "source shop does not state level"),
    ("survivorship", "'email', 'crm', 8, 'longest'", "source crm is there twice for email"),
    ("survivorship", "'level', 'crm', 0, 'longest'", "rank 0 must be at least 1"),
    ("survivorship", "'level', 'crm', 1, 'newest'", "there is no rule newest; the rules are"),
    ("survivorship", "'email', 'shop', 7, 'longest'", "rank 7 of email has two rules"),
]


@pytest.fixture(scope="module")
def checks(built_warehouse: BuiltProject) -> dict[str, str]:
    """The compiled dbt test of each seed."""
    compiled = built_warehouse.folder / "target/compiled/onecdp/tests/dbt/singular"
    return {seed: (compiled / f"assert_{seed}_is_valid.sql").read_text() for seed in _SEEDS}


@pytest.fixture
def seeds(built_warehouse: BuiltProject) -> Iterator[duckdb.DuckDBPyConnection]:
    """Sound seeds, with the columns and types of the built ones."""
    built = built_warehouse.warehouse / "onecdp.duckdb"
    with duckdb.connect() as scratch:
        scratch.execute(f"attach '{built}' as built (read_only); attach ':memory:' as onecdp")
        scratch.execute("use onecdp; create schema seeds")
        scratch.execute(
            "create table seeds.rfm_segment_rules as from built.seeds.rfm_segment_rules"
        )
        for seed, columns in _SEEDS.items():
            scratch.execute(
                f"create table seeds.{seed} as select {columns} from built.seeds.{seed} limit 0"
            )
        scratch.execute(_SOUND)
        yield scratch


@pytest.mark.parametrize("seed", list(_SEEDS))
def test_sound_lines_pass(
    checks: dict[str, str], seeds: duckdb.DuckDBPyConnection, seed: str
) -> None:
    assert seeds.execute(checks[seed]).fetchall() == []


@pytest.mark.parametrize(("seed", "line", "reason"), _UNSOUND)
def test_a_line_that_cannot_be_meant_is_named_with_its_reason(
    checks: dict[str, str], seeds: duckdb.DuckDBPyConnection, seed: str, line: str, reason: str
) -> None:
    seeds.execute(f"insert into seeds.{seed} values ({line})")
    # As dbt runs it: a count of the rows, which needs none of their columns.
    with pytest.raises(duckdb.InvalidInputException) as raised:
        seeds.execute(f"select count(*) from ({checks[seed]}) as found")
    message = str(raised.value)
    assert message.startswith(f"Invalid Input Error: seeds/{seed}.csv, line ")
    assert f": {reason}" in message
