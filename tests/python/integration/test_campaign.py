"""A campaign on the worked example: delivered, then a withdrawal, a merge, and what was bought."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import duckdb
import pytest
from support.cli import BuiltProject, run_cli
from support.deliveries import Marts, counts
from support.line import Line

from onecdp.audiences.checker import Checker
from onecdp.audiences.store import Store
from onecdp.destinations.receipts import copy_receipts
from onecdp.pipeline.publish import publish_marts
from onecdp.project.find import open_project

# All but MBR003 bought there; MBR002 withdrew, and four never granted.
BUYERS = "channel_app OR channel_miniapp"
AUDIENCES = f"""package_id,package_name,segment_rule,purpose,hold_out_share
MAIL,Mailing,{BUYERS},Email_Marketing,
HALF,Half of it,{BUYERS},email_marketing,0.5
ALL,Analysis,{BUYERS},,
"""
SUPPRESSIONS = "id_type,id_value,reason\nopen_id,open_010,asked by letter\n"


@dataclass
class Campaign:
    """The project, and what its packages and deliveries had on either day.

    Attributes:
        line: Its builds.
        arms: (package_id, customer) by their arm, before and after.
        sent: Rows inserted, updated, deleted, unchanged by the deliveries of MAIL and HALF.
    """

    line: Line
    arms: list[dict[tuple[str, str], str]]
    sent: list[list[tuple[int, ...]]]

    def published(self, sql: str) -> list[tuple[object, ...]]:
        with duckdb.connect(self.line.project.warehouse.marts_file, read_only=True) as marts:
            return marts.execute(sql).fetchall()


def deliver(campaign: Campaign) -> None:
    """Publishes and delivers."""
    project = campaign.line.project
    publish_marts(project.warehouse)
    rows = campaign.published(
        "select package_id, coalesce(member_id, union_id), arm"
        " from audience_packages join customer_profiles using (one_id)"
    )
    campaign.arms.append({(str(p), str(who)): str(arm) for p, who, arm in rows})
    receipts = Marts(project.folder).deliver("./out", "MAIL", "HALF", diff=True)
    campaign.sent.append([counts(receipt) for receipt in receipts])
    copy_receipts(project.warehouse)


@pytest.fixture(scope="module")
def campaign(built_warehouse: BuiltProject, tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    folder = built_warehouse.copy(tmp_path_factory.mktemp("campaign") / "project").folder
    (folder / "seeds" / "audiences.csv").write_text(AUDIENCES)
    (folder / "seeds" / "suppressions.csv").write_text(SUPPRESSIONS)
    line = Line(open_project(folder, folder / "warehouse", {}), folder / "ingestion" / "sample")
    made = Campaign(line, [], [])
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    as_of = f"{now + timedelta(days=1):%Y-%m-%d}"
    # What these seeds change; the rest is built, and was asked.
    line.build("--select", "audiences+ suppressions+", as_of=as_of)
    deliver(made)

    soon = now + timedelta(hours=2)
    line.write(
        "email/later.csv", "event_id,event_type,email_hash,event_time",
        f"LATER1,unsubscribe,hash_email_004,{now}",
    )  # fmt: skip
    line.write(
        "app/later.csv", "event_id,union_id,event_type,item_id,item_price,channel,event_time",
        f"LATER1,union_001,purchase,SKU1,100,app,{soon}",
        f"LATER2,union_004,purchase,SKU1,50,app,{soon}",
        f"LATER3,union_006,purchase,SKU1,25,app,{now - timedelta(hours=2)}",
    )  # fmt: skip
    # MBR005, who never granted, becomes one with union_006, who did: the older one_id is hers. She
    # has one union_id, so that union_005 is split off, and has granted nothing.
    line.write(
        "id_graph/later.csv",
        "left_id_type,left_id_value,right_id_type,right_id_value,confidence,first_seen,last_seen,is_active",
        f"union_id,union_006,member_id,MBR005,1.0,{now},{now},true",
    )
    line.ingest()
    line.build("--selector", "new_rows", as_of=as_of)
    deliver(made)
    return made


def test_members_have_consented(campaign: Campaign) -> None:
    before, after = campaign.arms
    buyers = {f"MBR00{n}" for n in (1, 2, 4, 5)} | {f"union_0{n}" for n in ("06", "08", "09")}
    consented = {"MBR001", "MBR004", "union_006"}
    for package, expected in (("MAIL", consented), ("HALF", consented), ("ALL", buyers)):
        assert {who for key, who in before if key == package} == expected
    # MBR004 has unsubscribed; ALL asks for no consent.
    for package, expected in (
        ("MAIL", {"MBR001", "MBR005"}),
        ("HALF", {"MBR001", "MBR005"}),
        ("ALL", buyers - {"union_006"} | {"union_005"}),
    ):
        assert {who for key, who in after if key == package} == expected
    assert {arm for (key, _), arm in before.items() if key != "HALF"} == {"treatment"}
    assert after["HALF", "MBR001"] == before["HALF", "MBR001"]


def test_the_summary_counts_both_arms_and_who_is_left_out(campaign: Campaign) -> None:
    found = campaign.published(
        "select package_id, purpose, customer_count, treatment_count + hold_out_count,"
        " hold_out_count, excluded_count from audience_package_summary order by all"
    )
    held = sum(arm == "hold_out" for (key, _), arm in campaign.arms[1].items() if key == "HALF")
    assert found == [
        ("ALL", None, 7, 7, 0, 1),
        ("HALF", "email_marketing", 2, 2, held, 6),
        ("MAIL", "email_marketing", 2, 2, 0, 6),
    ]


def test_who_is_held_out_or_withdrew_is_not_in_the_target(campaign: Campaign) -> None:
    """Three were sent; MBR004 and the one_id of union_006 are removed, and MBR005 is added."""
    (mail, half), (mail_later, half_later) = campaign.sent
    treated = [
        {who for (key, who), arm in arms.items() if (key, arm) == ("HALF", "treatment")}
        for arms in campaign.arms
    ]
    assert (mail, mail_later) == ((3, 0, 0, 0), (1, 0, 2, 1))
    assert half == (len(treated[0]), 0, 0, 0)
    assert half_later[3] + half_later[1] == len(treated[0] & treated[1])
    assert half_later[0] == len(treated[1] - treated[0])
    assert half_later[2] == len(treated[0] - treated[1])


def test_what_was_bought_after_the_delivery_counts(campaign: Campaign) -> None:
    """Until withdrawing, MBR004 was a member; the purchase of union_006 was before the delivery."""
    found = campaign.published(
        "select package_id, arm, measured_from, customer_count, open_count, converted_count,"
        " revenue::int from audience_outcomes where package_id <> 'HALF' order by all"
    )
    assert found == [
        ("ALL", "treatment", "entry", 7, 7, 2, 150),
        ("MAIL", "treatment", "delivery", 3, 3, 2, 150),
    ]
    arms = campaign.published(
        "select customer_count, converted_count, revenue::int, sample_ratio"
        " from audience_outcomes where package_id = 'HALF' order by arm desc"
    )
    assert [sum(int(str(row[n])) for row in arms) for n in range(3)] == [3, 2, 150]
    assert arms[0][3] == "too few"


@pytest.mark.parametrize(
    ("package", "identifier", "said"),
    [
        ("MAIL", "member_id:MBR001", "granted email_marketing by member_id:MBR001"),
        ("MAIL", "union_id:union_004", "withdrawn email_marketing by email_hash:hash_email_004"),
        ("MAIL", "mobile_hash:hash_mobile_002",
         "withdrawn email_marketing by email_hash:hash_email_002 at 2024-11-09 21:15"
         " (preference_center)"),
        ("MAIL", "union_id:union_008", "no consent to email_marketing"),
        ("ALL", "union_id:union_010",
         "suppressed by open_id:open_010 in seeds/suppressions.csv: asked by letter"),
    ],
)  # fmt: skip
def test_a_check_says_what_decides(
    campaign: Campaign, package: str, identifier: str, said: str
) -> None:
    folder = campaign.line.project.folder
    done = run_cli("audience", "check", package, identifier, cwd=folder)
    assert done.code == 0, done.stderr
    assert said in done.stdout
    is_in = "granted" in said
    assert f"is {'' if is_in else 'not '}in {package}" in done.stdout
    if not is_in:
        assert "the rule selects the customer; the package excludes them" in done.stdout
    (asked,) = run_cli("audience", "check", package, identifier, "--json", cwd=folder).document()
    assert (asked["arm"], asked["is_member"]) == ("treatment" if is_in else None, is_in)


def test_the_checker_knows_members_and_arms(campaign: Campaign) -> None:
    checker = Checker(Store(campaign.line.project.warehouse.marts_file))
    found = campaign.published(
        "select coalesce(member_id, union_id), one_id from customer_profiles"
    )
    one_ids = {str(who): str(one_id) for who, one_id in found if who}
    arms = campaign.arms[1]
    for package in ("MAIL", "HALF", "ALL"):
        for who, one_id in one_ids.items():
            assert checker.arm(package, one_id) == arms.get((package, who))
    member = one_ids["MBR001"]
    assert sorted(checker.packages_of(member)) == ["ALL", "HALF", "MAIL"]
    for other in ("", "ONE", member.lower(), f"{member}0", "ONE0000000000000000"):
        assert not checker.contains("ALL", other)
    with pytest.raises(KeyError):
        checker.contains("NONE", member)


def test_a_share_that_cannot_be_meant_is_named(campaign: Campaign) -> None:
    compiled = campaign.line.project.folder / "target/compiled/onecdp/tests/dbt/singular"
    sql = (compiled / "assert_audiences_is_valid.sql").read_text()
    with duckdb.connect() as scratch:
        scratch.execute("attach ':memory:' as onecdp; use onecdp; create schema seeds")
        scratch.execute(
            "create table seeds.audiences (package_id varchar, package_name varchar,"
            " segment_rule varchar, purpose varchar, hold_out_share double)"
        )
        scratch.execute("insert into seeds.audiences values ('P', 'p', 'x', 'sms', 0.1)")
        assert scratch.execute(sql).fetchall() == []
        for values, said in (
            ("null, 10", "hold_out_share 10.0 must be from 0 to 0.99"),
            ("null, -0.1", "hold_out_share -0.1 must be"),
            ("'*', null", "purpose [*] is that of"),
        ):
            scratch.execute("delete from seeds.audiences")
            scratch.execute(f"insert into seeds.audiences values ('P', 'p', 'x', {values})")
            with pytest.raises(duckdb.InvalidInputException, match=said):
                scratch.execute(f"select count(*) from ({sql}) as found")
