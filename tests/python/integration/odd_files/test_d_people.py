"""Two days of one warehouse: who is a customer, what the changes say, what joins nobody."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pytest
from support.cli import Finished, run_cli
from support.identity import LINKS, People, link, people_of, set_variable
from support.landing_writer import jsonl_bytes
from support.line import Line, copy_project
from support.odd_files import event

CAP = 12
BIG = 18
CRM = "member_id,mobile_hash,email_hash,retail_customer_id,register_date,updated_at,is_deleted"
ADVERTISING_ID = "00000000-0000-0000-0000-000000000000"
# What today takes for an identifier, and what it does not.
JUNK = (
    "[object Object]", "true", "false", "guest", r"\N", "#N/A", "(not set)", "9774d56d682e549c",
    "-", "--", "?", "{}", "#NV", "default", "02:00:00:00:00:00", "{" + ADVERTISING_ID + "}",
)  # fmt: skip
KNOWN_JUNK = ("undefined", ADVERTISING_ID, "0" * 16)
HASHED = {
    "md5 of nothing": hashlib.md5(b"").hexdigest(),
    "sha256 of nothing": hashlib.sha256(b"").hexdigest(),
    "md5 of guest": hashlib.md5(b"guest").hexdigest(),
    "sha256 of guest": hashlib.sha256(b"guest").hexdigest(),
    "md5 of [object Object]": hashlib.md5(b"[object Object]").hexdigest(),
    "sha256 of (not set)": hashlib.sha256(b"(not set)").hexdigest(),
}
SPELLINGS = (
    "SPELL1", "SPELL1\n", "SPELL1\t", "\r\nSPELL1\r\n", "\ufeffSPELL1", "\u200bSPELL1\u200b",
    "\u3000SPELL1", "SPELL\uff11", "\uff33\uff30\uff25\uff2c\uff2c1", '="SPELL1"',
)  # fmt: skip
CUSTOMER_MARTS = ("customer_rfm", "customer_segments", "customer_profiles", "audience_packages")


def first_day(line: Line) -> None:
    hashed = [
        f"HASH{n}_{side},{value},,,2024-01-01,2026-05-01,false"
        for n, value in enumerate(HASHED.values())
        for side in "AB"
    ]
    line.write(
        "crm/members.csv",
        CRM,
        "GONE,GONE_MOBILE,GONE_MAIL,,2024-01-01,2026-05-01,false",
        "STAYS,STAYS_MOBILE,,,2024-01-01,2026-05-01,false",
        "LEFT,LEFT_MOBILE,,,2024-01-01,2026-05-01,false",
        "BUYER,,,BUYER_NUMBER,2024-01-01,2026-05-01,false",
        *hashed,
    )
    line.write(
        "retail/lines.csv",
        "Invoice,StockCode,Description,Quantity,InvoiceDate,Price,Customer ID,Country",
        "1,A,THING,1,2026-04-01 10:00:00,5,BUYER_NUMBER,France",
        "2,A,THING,1,2026-04-02 10:00:00,5,BUYER_NUMBER,France",
    )
    junk = [
        event(f"junk{n}{side}", device_id=value, open_id=f"JUNK{n}_{side}")
        for n, value in enumerate((*JUNK, *KNOWN_JUNK))
        for side in "AB"
    ]
    spelled = [
        event(f"spell{n}", open_id=value, device_id=f"SPELL_D{n}")
        for n, value in enumerate(SPELLINGS)
    ]
    till = [event(f"till{n}", device_id="TILL", open_id=f"TILL_O{n}") for n in range(60)]
    big = [event(f"big{n}", union_id="BIG", device_id=f"BIG_D{n:02}") for n in range(BIG)]
    later_blocked = [event(f"block{n}", device_id=f"BLOCK{n}", open_id="BLOCK_O") for n in (1, 2)]
    body = jsonl_bytes([*junk, *spelled, *till, *big, *later_blocked])
    (line.data / "app").mkdir()
    (line.data / "app" / "events.jsonl").write_bytes(body)
    line.write(
        "id_graph/first.csv",
        LINKS,
        link("member_id:LEFT", "union_id:LEFT_U"),
        link("union_id:ALONE_U", "open_id:ALONE_O"),
        link("open_id:CHANGE_Q", "device_id:CHANGE_DQ", first="2019-01-01"),
        link("open_id:CHANGE_P", "device_id:CHANGE_DP", first="2020-01-01"),
        link("open_id:CHANGE_R", "device_id:CHANGE_DR", first="2021-01-01"),
        link("union_id:HALF_U1", "device_id:unknown"),
        link("union_id:HALF_U2", "device_id:[object Object]"),
    )


def second_day(line: Line) -> None:
    with (line.project.folder / "seeds" / "id_blocklist.csv").open("a") as blocklist:
        blocklist.write("device_id,exact,BLOCK1,a test\ndevice_id,pattern,^BLOCK2$,a test\n")
    line.write("crm/deleted.csv", CRM, "GONE,,,,,2026-05-02,true")
    line.write(
        "id_graph/second.csv",
        LINKS,
        link("member_id:LEFT", "union_id:LEFT_U", last="2026-05-02", is_active=False),
        link("union_id:ALONE_U", "open_id:ALONE_O", last="2026-05-02", is_active=False),
        link(
            "open_id:CHANGE_P", "device_id:CHANGE_DP",
            first="2020-01-01", last="2026-05-02", is_active=False,
        ),
        link("open_id:CHANGE_P", "device_id:CHANGE_DQ", first="2026-05-02", last="2026-05-02"),
        link("open_id:CHANGE_R", "device_id:CHANGE_DP", first="2026-05-02", last="2026-05-02"),
    )  # fmt: skip


@dataclass(frozen=True)
class Days:
    line: Line
    people: Sequence[People]
    marts: Sequence[dict[str, pa.Table]]

    def ask(self, *command: str) -> Finished:
        project = self.line.project
        where = ("--project-dir", str(project.folder), "--warehouse", str(project.warehouse.folder))
        return run_cli(*command, *where)

    def customers(self, day: int, mart: str) -> set[str]:
        return set(self.marts[day][mart]["one_id"].to_pylist())


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> Days:
    folder = tmp_path_factory.mktemp("people")
    project = copy_project(folder / "project")
    set_variable(project, "identity_max_cluster_size", CAP)
    (project / "seeds" / "audiences.csv").write_text(
        "package_id,package_name,segment_rule\nPKG1,Never bought,never_bought\n"
    )
    line = Line.at(folder / "line", project)
    first_day(line)
    line.run(tests=False)
    first = people_of(line), line.marts()
    second_day(line)
    line.run(tests=False)
    second = people_of(line), line.marts()
    return Days(line, (first[0], second[0]), (first[1], second[1]))


NOBODY = {
    "of a deleted member": ("member_id:GONE", "mobile_hash:GONE_MOBILE", "email_hash:GONE_MAIL"),
    "that a withdrawn link leaves alone": ("union_id:LEFT_U",),
    "at both ends of a withdrawn link": ("union_id:ALONE_U", "open_id:ALONE_O"),
}


@pytest.mark.parametrize("case", NOBODY)
def test_inactive_identifiers_keep_their_one_id(days: Days, case: str) -> None:
    first, second = days.people
    for identifier in NOBODY[case]:
        assert identifier in second.ids
        assert identifier not in second.active
        assert second.one_id(identifier) == first.one_id(identifier)


def test_what_the_blocklist_matches_later_leaves_the_map(days: Days) -> None:
    first, second = days.people
    assert set(first.with_prefix("BLOCK")) == {"device_id:BLOCK1", "device_id:BLOCK2",
                                               "open_id:BLOCK_O"}  # fmt: skip
    assert set(second.with_prefix("BLOCK")) == {"open_id:BLOCK_O"}
    told = {row[:4] for row in second.changes_since(first)}
    assert ("leave", first.one_id("open_id:BLOCK_O"), None, 2) in told


@pytest.mark.parametrize("case", NOBODY)
@pytest.mark.parametrize("mart", CUSTOMER_MARTS)
def test_inactive_identifiers_are_no_customers(days: Days, case: str, mart: str) -> None:
    _, second = days.people
    active = {second.one_id(identifier) for identifier in second.active}
    persons = {second.one_id(identifier) for identifier in NOBODY[case]} - active
    # The member of whom the identifier was is still one.
    assert len(persons) == (0 if case == "that a withdrawn link leaves alone" else 1)
    assert not days.customers(1, mart) & persons
    assert days.customers(1, mart) <= active


def test_of_two_members_one_deleted_one_customer_is_left(days: Days) -> None:
    _, second = days.people
    one_id = second.one_id("member_id:STAYS")
    rows = days.line.query(
        "select one_id from marts.customer_profiles where one_id in (select one_id from"
        " marts.id_map where contains(upper(id_value), 'GONE') or id_value = 'STAYS')"
    )
    assert rows == [(one_id,)]


def test_bitmaps_hold_no_deleted_member(days: Days) -> None:
    first, second = days.people
    gone = {first.ids["member_id:GONE"][1]}
    gone |= {second.ids[identifier][1] for identifier in NOBODY["of a deleted member"]}
    for one_int in gone:
        held = f"select 1 from marts.audience_bitmaps where bitmap_contains(user_bitmap, {one_int})"
        assert days.ask("sql", "--private", "--json", held).document() == []


def test_changes_say_that_a_deleted_member_retired(days: Days) -> None:
    first, second = days.people
    told = {row[:2] for row in second.changes_since(first)}
    assert ("retire", first.one_id("member_id:GONE")) in told
    assert ("retire", first.one_id("union_id:ALONE_U")) in told


def test_what_is_not_taken_in_whole_moves(days: Days) -> None:
    first, second = days.people
    given = first.one_id("open_id:CHANGE_P")
    told = {row for row in second.changes_since(first) if row[1] == given}
    assert {row[:4] for row in told} == {
        ("move", given, first.one_id("open_id:CHANGE_Q"), 1),
        ("move", given, first.one_id("open_id:CHANGE_R"), 1),
    }


@pytest.mark.parametrize(
    ("number", "value"),
    [pytest.param(n, value, id=value) for n, value in enumerate((*JUNK, *KNOWN_JUNK))],
)
def test_junk_joins_nobody(days: Days, number: int, value: str) -> None:
    first = days.people[0]
    assert f"device_id:{value.upper()}" not in first.ids
    assert first.one_id(f"open_id:JUNK{number}_A") != first.one_id(f"open_id:JUNK{number}_B")


@pytest.mark.parametrize(
    ("number", "name"),
    [pytest.param(n, name, id=name) for n, name in enumerate(HASHED)],
)
def test_hashed_junk_joins_nobody(days: Days, number: int, name: str) -> None:
    first = days.people[0]
    assert f"mobile_hash:{HASHED[name].upper()}" not in first.ids
    assert first.one_id(f"member_id:HASH{number}_A") != first.one_id(f"member_id:HASH{number}_B")


@pytest.mark.parametrize(
    ("number", "spelling"),
    [pytest.param(n, spelling, id=ascii(spelling)) for n, spelling in enumerate(SPELLINGS)],
)
def test_identifier_is_one_however_it_is_written(days: Days, number: int, spelling: str) -> None:
    first = days.people[0]
    assert first.one_id(f"device_id:SPELL_D{number}") == first.one_id("open_id:SPELL1")
    if number:
        assert f"open_id:{spelling.upper()}" not in first.ids
        said = days.ask("explain", f"open_id:{spelling}", "--json")
        assert said.document()["one_id"] == days.people[1].one_id("open_id:SPELL1")


def test_evidence_of_a_link_is_a_row_with_both_ends(days: Days) -> None:
    said = days.ask("explain", "member_id:BUYER", "retail_customer_id:BUYER_NUMBER", "--json")
    assert {row["source"] for row in said.document()["sources"]} == {"crm"}
    text = days.ask("explain", "member_id:BUYER", "retail_customer_id:BUYER_NUMBER")
    assert "lines.csv" not in text.stdout


@pytest.mark.parametrize("end", ["union_id:HALF_U1", "union_id:HALF_U2"])
def test_link_with_an_unusable_end_shows_the_other(days: Days, end: str) -> None:
    assert end in days.people[0].active


def test_report_suggests_what_to_block(days: Days) -> None:
    """With the effect: how many people the value joins or relates."""
    text = days.ask("identity", "report").stdout
    assert "blocklist" in text
    document = days.ask("identity", "report", "--json").document()
    names = [name for name in document if "block" in name]
    assert any("TILL" in json.dumps(document[name]) for name in names)


def test_report_lists_people_who_were_cut_by_the_cap(days: Days) -> None:
    """One person of 19 identifiers, not its pieces."""
    document = days.ask("identity", "report", "--json").document()
    assert [row["size"] for row in document["at_cap"]] == [BIG + 1]
