"""What came of audiences: the models on small tables, against figures computed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import duckdb
import pytest
from support.cli import BuiltProject
from support.compiled import compiled_models, fill

OUTCOMES = "intermediate.int_deliveries__outcomes"
COLUMNS = "package_id, arm, measured_from, customer_count, open_count, converted_count, order_count"


@pytest.fixture(scope="module")
def mart(built_warehouse: BuiltProject) -> Iterator[duckdb.DuckDBPyConnection]:
    with compiled_models(
        built_warehouse, "int_deliveries__arms", "audience_outcomes"
    ) as connection:
        yield connection


@pytest.fixture(scope="module")
def counted(built_warehouse: BuiltProject) -> Iterator[duckdb.DuckDBPyConnection]:
    models = ("survivors", "memberships", "exposures", "outcomes")
    with compiled_models(
        built_warehouse, *(f"int_deliveries__{model}" for model in models)
    ) as connection:
        yield connection


def compare(
    mart: duckdb.DuckDBPyConnection,
    share: float,
    treatment: tuple[int, int, float],
    held: tuple[int, int, float],
) -> dict[str, object]:
    """The row of treatment, of customers, those who bought, and revenue, in both arms."""
    fill(mart, "intermediate.int_audiences__audiences", "package_id, package_name, hold_out_share",
         [("P1", "one", share)])  # fmt: skip
    fill(mart, OUTCOMES, f"{COLUMNS}, revenue", [
        ("P1", arm, "delivery", customers, 0, bought, bought, revenue)
        for arm, (customers, bought, revenue) in (("treatment", treatment), ("hold_out", held))
        if customers
    ])  # fmt: skip
    found = mart.execute("select * from marts.audience_outcomes where arm = 'treatment'")
    names = [column[0] for column in found.description]
    (row,) = found.fetchall()
    return dict(zip(names, row, strict=True))


# R. G. Newcombe, Interval estimation for the difference between independent proportions, Statistics
# in Medicine 17 (1998), table II, method 10.
@pytest.mark.parametrize(
    ("treatment", "held", "low", "high"),
    [
        ((70, 56), (80, 48), 0.0524, 0.3339),
        ((10, 9), (10, 3), 0.1705, 0.8090),
        ((7, 6), (7, 2), 0.0582, 0.8062),
        ((56, 5), (29, 0), -0.0381, 0.1926),
        ((10, 0), (20, 0), -0.1611, 0.2775),
        ((10, 0), (10, 0), -0.2775, 0.2775),
        ((10, 10), (20, 0), 0.6791, 1.0),
        ((10, 10), (10, 0), 0.6075, 1.0),
    ],
)
def test_the_interval_is_that_of_the_published_examples(
    mart: duckdb.DuckDBPyConnection,
    treatment: tuple[int, int],
    held: tuple[int, int],
    low: float,
    high: float,
) -> None:
    row = compare(mart, 0.5, (*treatment, 0), (*held, 0))
    assert row["conversion_difference"] == pytest.approx(
        treatment[1] / treatment[0] - held[1] / held[0]
    )
    assert (row["difference_low"], row["difference_high"]) == pytest.approx((low, high), abs=6e-5)


def test_lift_and_revenue_are_per_customer(mart: duckdb.DuckDBPyConnection) -> None:
    row = compare(mart, 0.1, (900, 90, 1800.0), (100, 8, 160.0))
    assert row["conversion_rate"] == 0.1
    assert row["conversion_lift"] == pytest.approx(0.25)
    assert row["revenue_per_customer"] == 2
    assert row["revenue_lift"] == pytest.approx(0.25)
    assert (row["sample_ratio_chi_square"], row["sample_ratio"]) == (0, "as expected")


def test_without_a_hold_out_nothing_is_compared(mart: duckdb.DuckDBPyConnection) -> None:
    row = compare(mart, 0.0, (900, 90, 1800.0), (0, 0, 0))
    assert row["conversion_rate"] == 0.1
    compared = ("conversion_lift", "difference_low", "sample_ratio_chi_square", "sample_ratio")
    assert [row[name] for name in compared] == [None] * 4
    assert mart.execute("select count(*) from marts.audience_outcomes").fetchall() == [(1,)]
    # With one, and nobody in it yet.
    row = compare(mart, 0.1, (20, 2, 1.0), (0, 0, 0))
    assert (row["difference_low"], row["sample_ratio"]) == (None, "too few")
    row = compare(mart, 0.1, (0, 0, 0), (0, 0, 0))
    assert (row["customer_count"], row["conversion_rate"]) == (0, None)


@pytest.mark.parametrize(
    ("treatment", "held", "verdict"),
    [(9000, 1000, "as expected"), (9090, 910, "as expected"), (9101, 899, "mismatch"),
     (9900, 1100, "as expected"), (5000, 5000, "mismatch"), (40, 1, "too few")],
)  # fmt: skip
def test_the_sample_ratio_is_a_chi_square_test(
    mart: duckdb.DuckDBPyConnection, treatment: int, held: int, verdict: str
) -> None:
    """The test's p value of scipy is the oracle of the bound, 0.001."""
    stats = pytest.importorskip("scipy.stats")
    row = compare(mart, 0.1, (treatment, 0, 0), (held, 0, 0))
    total = treatment + held
    oracle = stats.chisquare([treatment, held], [0.9 * total, 0.1 * total])
    assert row["sample_ratio_chi_square"] == pytest.approx(oracle.statistic)
    assert row["sample_ratio"] == verdict
    if verdict != "too few":
        assert (oracle.pvalue < 0.001) == (verdict == "mismatch")


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 5, day, hour)


def test_purchases_count_from_the_first_delivery_while_a_member(
    counted: duckdb.DuckDBPyConnection,
) -> None:
    """The as-of date is 2026-06-06, and purchases count for 14 days."""
    fill(counted, "intermediate.int_audiences__audiences", "package_id, hold_out_share",
         [("P1", 0.0), ("READ", 0.0)])  # fmt: skip
    fill(counted, "intermediate.int_customers__customers", "one_id",
         [(name,) for name in ("in", "late", "left", "back", "kept", "apart")])  # fmt: skip
    fill(counted, "staging.stg_audit__deliveries", "what, started_at, delivered_at",
         [("P1", at(2), at(2, 1)), ("P1", at(9), at(9, 1)), ("P1", at(25), at(25, 1)),
          ("profiles", at(1), at(1))])  # fmt: skip
    fill(counted, "marts.audience_membership_changes", "package_id, one_id, change, changed_at", [
        ("P1", "in", "entered", at(1)),
        ("P1", "late", "entered", at(3)),
        ("P1", "left", "entered", at(3)), ("P1", "left", "left", at(4)),
        ("P1", "back", "entered", at(3)), ("P1", "back", "left", at(4)),
        ("P1", "back", "entered", at(20)),
        # Was merged twice, into a customer who entered later; and went several ways.
        ("P1", "former", "entered", at(1)), ("P1", "former", "left", at(3)),
        ("P1", "kept", "entered", at(20)),
        ("P1", "gone", "entered", at(1)), ("P1", "gone", "left", at(3)),
        ("READ", "in", "entered", at(1)),
    ])  # fmt: skip
    fill(counted, "marts.id_map_changes", "kind, from_one_id, to_one_id, changed_at", [
        ("merge", "former", "between", at(3)), ("merge", "between", "kept", at(4)),
        ("move", "gone", "apart", at(3)), ("move", "gone", "in", at(3)),
    ])  # fmt: skip
    events = [
        ("in", at(2, 0), 100), ("in", at(2, 1), 1), ("in", at(16), 2), ("in", at(16, 1), 200),
        ("late", at(9), 100), ("late", at(10), 4),
        ("left", at(10), 8), ("back", at(26), 16), ("kept", at(5), 32), ("apart", at(5), 64),
    ]  # fmt: skip
    fill(counted, "marts.unified_events",
         "event_id, one_id, event_type, order_id, event_time, event_date, revenue",
         [(f"e{n}", who, "purchase", None, when, when.date(), revenue)
          for n, (who, when, revenue) in enumerate(events)])  # fmt: skip

    exposures = counted.execute(
        "select package_id, one_id, measured_from, counts_from"
        " from intermediate.int_deliveries__exposures order by all"
    ).fetchall()
    assert exposures == [
        ("P1", "back", "delivery", at(25, 1)),
        ("P1", "in", "delivery", at(2, 1)),
        ("P1", "kept", "delivery", at(2, 1)),
        ("P1", "late", "delivery", at(9, 1)),
        ("READ", "in", "entry", at(1)),
    ]
    found = counted.execute(f"select {COLUMNS}, revenue from {OUTCOMES} order by all").fetchall()
    # Each bought for a power of two, so that the sum says which purchases are in it.
    assert found == [
        ("P1", "treatment", "delivery", 4, 1, 4, 5, 1 + 2 + 4 + 16 + 32),
        ("READ", "treatment", "entry", 1, 0, 1, 2, 101),
    ]


def test_after_a_merge_the_arm_is_that_of_the_one_id_that_stays(
    counted: duckdb.DuckDBPyConnection,
) -> None:
    names = [f"ONE{number:016x}" for number in range(40)]
    fill(counted, "intermediate.int_audiences__audiences", "package_id, hold_out_share",
         [("P1", 0.5)])  # fmt: skip
    fill(counted, "staging.stg_audit__deliveries", "what, started_at, delivered_at", [])
    fill(counted, "marts.unified_events", "event_id", [])
    fill(counted, "marts.id_map_changes", "kind, from_one_id, to_one_id, changed_at", [])
    fill(counted, "intermediate.int_customers__customers", "one_id", [(n,) for n in names])
    entered = [("P1", name, "entered", at(1)) for name in names]
    fill(counted, "marts.audience_membership_changes", "package_id, one_id, change, changed_at",
         entered)  # fmt: skip
    arms = "select one_id, arm from intermediate.int_deliveries__exposures"
    before = dict(counted.execute(arms).fetchall())
    assert set(before.values()) == {"treatment", "hold_out"}
    # Each of the second half becomes one of the first.
    fill(counted, "intermediate.int_customers__customers", "one_id", [(n,) for n in names[:20]])
    fill(counted, "marts.id_map_changes", "kind, from_one_id, to_one_id, changed_at",
         [("merge", former, kept, at(2))
          for kept, former in zip(names[:20], names[20:], strict=True)])  # fmt: skip
    after = dict(counted.execute(arms).fetchall())
    assert after == {name: before[name] for name in names[:20]}
    assert any(before[a] != before[b] for a, b in zip(names[:20], names[20:], strict=True))
