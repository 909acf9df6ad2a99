"""`onecdp audience` on the worked example, whose figures are in worked_example_expected.json."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from support.cli import BuiltProject, run_cli

from onecdp.audiences.checker import Checker
from onecdp.audiences.estimate import estimate, plan
from onecdp.audiences.evaluate import evaluate
from onecdp.audiences.rules import RuleError
from onecdp.audiences.sql_functions import register
from onecdp.audiences.store import Store
from onecdp.audiences.why import why

EXPECTED = json.loads(
    (Path(__file__).parents[1] / "fixtures" / "worked_example_expected.json").read_text()
)
# The guide's campaigns, with the same question in SQL.
CAMPAIGNS = {
    "win-back": (
        '("At Risk" OR recency_lapsed) AND monetary >= 300',
        "(rfm_segment = 'At Risk' or recency_segment = 'Lapsed') and gross_revenue >= 300",
    ),
    "new, engaged, and did not buy within 14 days of signing up": (
        "(engagement_highly_engaged OR engagement_low_engagement) AND no_early_purchase"
        " AND days_since_sign_up <= 10000",
        "engagement_segment in ('Highly Engaged', 'Low Engagement')"
        " and register_date + interval 14 day < date '2026-06-06'"
        " and coalesce(first_purchase_date > register_date + interval 14 day, true)"
        " and date_diff('day', register_date, date '2026-06-06') <= 10000",
    ),
    "loyalty upgrade": (
        "orders BETWEEN 1 AND 9 AND monetary >= 200 AND monetary < 1000 AND recency <= 700",
        "total_orders between 1 and 9 and gross_revenue >= 200 and gross_revenue < 1000"
        " and date_diff('day', last_purchase_date, date '2026-06-06') <= 700",
    ),
}


@pytest.fixture(scope="module")
def store(built_warehouse: BuiltProject) -> Store:
    return Store(built_warehouse.warehouse / "marts.duckdb")


@pytest.mark.parametrize("rule", EXPECTED["rules"])
def test_an_estimate_is_what_the_package_has(store: Store, rule: str) -> None:
    answer = estimate(store, rule)

    assert answer.count == len(EXPECTED["rules"][rule])
    assert answer.customers == EXPECTED["customers"]
    for family in ("rfm_segment", "engagement"):
        parts = [part for part in answer.parts if part.family == family]
        assert sum(part.count for part in parts) == answer.count
    (same,) = (o for o in answer.overlaps if store.rules[o.package_id] == rule)
    assert (same.both, same.jaccard) == (answer.count, 1.0)
    with duckdb.connect(store.file, read_only=True) as marts:
        ((revenue,),) = marts.execute(
            "select gross_revenue from audience_package_summary where segment_rule = ?", [rule]
        ).fetchall()
    assert answer.revenue == revenue


@pytest.mark.parametrize("campaign", CAMPAIGNS)
def test_campaigns_select_what_sql_selects(store: Store, campaign: str) -> None:
    rule, condition = CAMPAIGNS[campaign]
    members = set(evaluate(store.parsed(rule), store.sets))
    with duckdb.connect(store.file, read_only=True) as marts:
        rows = marts.execute(f"select one_int from customer_profiles where {condition}").fetchall()
    assert members == {one_int for (one_int,) in rows}
    assert members


def test_a_plan_counts_every_part_and_begins_with_the_smallest(store: Store) -> None:
    tree = plan(store, 'NOT channel_miniapp AND ("At Risk" OR "High Value") AND audience:PKG001')

    assert (tree.kind, [step.text for step in tree.steps]) == (
        "AND",
        ["audience:PKG001", '"At Risk" OR "High Value"', "NOT channel_miniapp"],
    )
    assert [step.count for step in tree.steps] == [3, 7, 11]
    assert tree.count == 2


def test_why_leads_to_file_and_line(built_warehouse: BuiltProject, store: Store) -> None:
    private = built_warehouse.warehouse / "onecdp.duckdb"
    customer = store.customer("member_id", "MBR001")

    answer = why(store, "NOT never_bought AND orders = 2 AND level_gold", customer, private)

    never, orders, level = answer.leaves
    assert answer.is_selected == (not never.is_true and orders.is_true and level.is_true)
    assert (never.is_true, never.row_count) == (False, 2)
    assert orders.value == never.row_count
    assert {(row["source_file"], row["event_type"]) for row in orders.rows} == {
        ("events.csv", "purchase")
    }
    assert [(row["source_file"], row["source_line"]) for row in level.rows] == [("members.csv", 2)]


def test_the_checker_answers_as_the_packages(store: Store) -> None:
    checker = Checker(store)
    with duckdb.connect(store.file, read_only=True) as marts:
        members = set(
            marts.execute(
                "select package_id, one_int from audience_packages"
                " join customer_profiles using (one_id)"
            ).fetchall()
        )
    for package_id in store.rules:
        for one_int in range(20):
            expected = (package_id, one_int) in members
            assert checker.is_selected(package_id, one_int) == expected
            assert (package_id in checker.audiences_of(one_int)) == expected


def test_overlaps_are_those_of_sql(store: Store) -> None:
    with duckdb.connect(store.file, read_only=True) as marts:
        register(marts)
        rows = marts.execute(
            "with members as (select segment_tag, unnest(bitmap_to_array(user_bitmap)) as one_int"
            " from audience_bitmaps where segment_tag <> 'all_customers')"
            " select a.segment_tag, b.segment_tag, count(*) from members as a"
            " join members as b on a.one_int = b.one_int and a.segment_tag < b.segment_tag"
            " group by all"
        ).fetchall()
        found = marts.execute(
            "select segment_tag, other_tag, both_count from audience_overlap where both_count > 0"
        ).fetchall()
        ((wrong,),) = marts.execute(
            "select count(*) from audience_overlap"
            " where either_count <> user_count + other_count - both_count"
            " or abs(jaccard - both_count / either_count) > 1e-12"
            " or abs(lift - both_count * $1 / user_count / other_count) > 1e-9",
            [EXPECTED["customers"]],
        ).fetchall()
    assert sorted(found) == sorted(rows)
    assert wrong == 0


def test_a_membership_that_began_is_a_change(store: Store) -> None:
    with duckdb.connect(store.file, read_only=True) as marts:
        changes = "select package_id, one_id from audience_membership_changes where change = ?"
        entered = marts.execute(f"{changes} order by all", ["entered"]).fetchall()
        left = marts.execute(changes, ["left"]).fetchall()
        members = marts.execute(
            "select package_id, one_id from audience_packages order by all"
        ).fetchall()
    assert entered == members
    assert left == []


def test_the_commands(built_warehouse: BuiltProject) -> None:
    def ask(*args: str) -> str:
        finished = run_cli("audience", *args, cwd=built_warehouse.folder)
        assert finished.code == 0, finished.stderr
        return finished.stdout

    assert "4 of 15 customers, 26.7%" in ask("estimate", '"At Risk" AND monetary >= 250')
    assert json.loads(ask("plan", "audience:PKG001", "--json"))["count"] == 3
    told = ask("check", "PKG001", "member_id: MBR001 ")
    assert "is not in PKG001" in told
    assert "events.csv:" in told
    asked = json.loads(ask("why", "never_bought", "member_id:MBR001", "--json"))
    assert asked["is_selected"] is False


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (("estimate", 'a\n"At Rsk"'), 2, ["a tag with spaces", '  "At Rsk"', "  ^"]),
        (("plan", '"At Rsk" AND x'), 2, ['nearest: "At Risk"', '  "At Rsk" AND x', "  ^"]),
        (("estimate", "audience:PKG01"), 2, ['unknown audience "PKG01"; nearest: "PKG001"', "  ^"]),
        (("check", "PKG9", "member_id:MBR001"), 2, ["no audience has the package_id 'PKG9'"]),
        (("check", "PKG001", "member_id:NOBODY"), 1, ["no customer has the identifier"]),
        (("why", "never_bought", "MBR001"), 2, ["is not an identifier; write ID_TYPE:VALUE"]),
    ],
)
def test_mistakes_are_said_without_a_traceback(
    built_warehouse: BuiltProject, args: tuple[str, ...], code: int, said: list[str]
) -> None:
    finished = run_cli("audience", *args, cwd=built_warehouse.folder)

    assert (finished.code, finished.stdout) == (code, "")
    for text in said:
        assert text in finished.stderr
    assert "Traceback" not in finished.stderr


def test_an_estimate_imports_neither_dbt_nor_dlt_nor_the_compiler(store: Store) -> None:
    script = (
        "import sys; from onecdp.cli.main import main\n"
        "words = ['audience', 'estimate', 'never_bought', '--warehouse']\n"
        f"try: main([*words, {str(store.file.parent)!r}])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('dbt', 'dlt', 'numba', 'pandas') if m in sys.modules])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[3],
        check=True,
    )
    assert run.stdout.splitlines()[-1] == "[]"


def test_an_unknown_name_points_at_its_place(store: Store) -> None:
    with pytest.raises(RuleError) as caught:
        estimate(store, "never_bought AND NOT monetery > 5")
    assert caught.value.position == 22
    assert caught.value.pointed().splitlines() == [
        'unknown number "monetery"; nearest: "monetary"',
        "  never_bought AND NOT monetery > 5",
        "                       ^",
    ]
