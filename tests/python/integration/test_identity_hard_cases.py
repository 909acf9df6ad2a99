"""Hard cases of identity, all in one warehouse, day after day."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from support.identity import People, Row, people_of, write_overrides
from support.identity_days import KEEP_APART, TABLETS, TILL, WORDS, fifth_day, first_day, second_day
from support.line import Line, copy_project, differences

STORED = ("edges", "clusters", "confidences", "map")
# The identity and what comes of it; the rest of the line takes most of a build's time.
PART = (
    "--select", "+id_map", "+id_map_changes", "+id_link_rejections", "+unified_events",
    "+int_customers__activity", "+int_customers__customers",
)  # fmt: skip
ORDERS = """
    select one_id, coalesce(orders, 0) from intermediate.int_customers__customers
    left join intermediate.int_customers__activity using (one_id)
"""
ONE_MEMBER = ("max_values", "member_id", "deterministic", 0.95)
ONE_UNION = ("max_values", "union_id", "deterministic", 0.9)


@dataclass(frozen=True)
class Day:
    """What a warehouse holds after a build."""

    people: People
    stored: dict[str, list[Row]]
    """The rows of the incremental models with their stamps, which say when each was written.

    Not with DuckDB's rowid: rows move up when a checkpoint drops deleted ones before them.
    """
    events: dict[object, object]
    """The one_id of each event."""
    orders: dict[object, object]
    """The number of orders of each customer."""


def look(line: Line) -> Day:
    return Day(
        people_of(line),
        {name: line.query(f"select * from intermediate.int_identity__{name}") for name in STORED},
        dict(line.query("select event_id, one_id from marts.unified_events")),  # type: ignore[arg-type]
        dict(line.query(ORDERS)),  # type: ignore[arg-type]
    )


@pytest.fixture(scope="module")
def days(tmp_path_factory: pytest.TempPathFactory) -> list[Day]:
    """The warehouse after each of seven builds, whose last equals a rebuild."""
    folder = tmp_path_factory.mktemp("hard")
    project = copy_project(folder / "project")
    line = Line.at(folder, project)
    seen: list[Day] = []

    def night() -> None:
        line.run(*PART, tests=False)
        seen.append(look(line))

    write_overrides(project, KEEP_APART)
    first_day(line)
    night()
    second_day(line)
    night()
    write_overrides(project, *WORDS)
    night()
    night()
    fifth_day(line)
    night()
    # Taking back a cannot_link changes no edge: only the rules are others.
    write_overrides(project, *(word for word in WORDS if word != KEEP_APART))
    night()
    write_overrides(project)
    night()

    state = line.state()
    rebuilt = line.copy_warehouse(folder / "rebuilt")
    rebuilt.build("--full-refresh", *PART, tests=False)
    assert not differences(state, rebuilt.state())
    return seen


def test_an_email_of_two_accounts_stays_with_the_first(days: list[Day]) -> None:
    people = days[0].people
    assert people.together("email_hash:MAIL", "member_id:MAIL_B", "mobile_hash:MAIL_B_H")
    assert people.together("member_id:MAIL_A", "mobile_hash:MAIL_A_H")
    assert not people.together("member_id:MAIL_A", "member_id:MAIL_B")
    refused = ("member_id:MAIL_A", "email_hash:MAIL")
    assert people.refused[refused] == ONE_MEMBER
    assert people.refused_one_ids[refused] == tuple(map(people.one_id, refused))
    assert people.reasons[refused] == "together they hold 2 member_id, a person at most 1"
    assert ("member_id:MAIL_B", "email_hash:MAIL") not in people.refused


def test_members_of_one_phone_and_a_tablet_stay_apart(days: list[Day]) -> None:
    people = days[0].people
    assert not people.together("member_id:PHONE_A", "member_id:PHONE_B")
    assert people.together("mobile_hash:PHONE", "member_id:PHONE_B")
    assert people.refused["member_id:PHONE_A", "mobile_hash:PHONE"] == ONE_MEMBER
    for size in TABLETS:
        unions = [f"union_id:TABLET{size}_U{n}" for n in range(1, size + 1)]
        device = f"device_id:TABLET{size}"
        assert not people.together(*unions)
        assert people.together(device, unions[0], f"open_id:TABLET{size}_O1")
        for later in unions[1:]:
            assert people.refused[later, device] == ONE_UNION
            assert people.one_id(later.replace("_U", "_O").replace("union", "open")) == (
                people.one_id(later)
            )


def test_a_till_is_nobodys_and_refuses_nothing(days: list[Day]) -> None:
    people = days[0].people
    everybody = ["device_id:TILL", *(f"union_id:TILL_U{n}" for n in range(TILL))]
    assert not people.together(*everybody)
    assert not any("TILL" in left + right for left, right in people.refused)


def test_a_merge_and_its_withdrawal_three_runs_later(days: list[Day]) -> None:
    before, merged, _, _, after, _, last = (day.people for day in days)
    member_id, union_id = before.ids["member_id:MERGE"], before.ids["union_id:MERGE_U"]
    assert not before.together("member_id:MERGE", "union_id:MERGE_U")
    assert ("create", None, member_id[0], 2, None) in {row[1:] for row in before.changes}
    assert ("create", None, union_id[0], 1, None) in {row[1:] for row in before.changes}
    for people in merged, days[3].people:
        # The member registered in 2024: the older one_id survives.
        assert set(people.with_prefix("MERGE").values()) == {member_id}
    why = "member_id:MERGE - union_id:MERGE_U"
    assert ("merge", union_id[0], member_id[0], 1, why) in merged.changes_since(before)
    for people in after, last:
        assert people.with_prefix("MERGE") == before.with_prefix("MERGE")
    assert ("split", member_id[0], union_id[0], 1, why) in after.changes_since(days[3].people)

    owners = [day.events["merge"] for day in days]
    assert owners == [union_id[0], *[member_id[0]] * 3, *[union_id[0]] * 3]
    assert [day.orders[member_id[0]] for day in days] == [0, 1, 1, 1, 0, 0, 0]
    assert [day.orders.get(union_id[0]) for day in days] == [1, None, None, None, 1, 1, 1]


def test_a_deleted_member_that_comes_back_is_as_it_was(days: list[Day]) -> None:
    before, deleted, *_, after, _, _ = (day.people for day in days)
    (one_id,) = {one_id for one_id, _ in before.with_prefix("GONE").values()}
    # The CRM's deletion holds nothing but the key, and no source shows phone and mailbox any more.
    assert deleted.with_prefix("GONE") == before.with_prefix("GONE")
    assert not deleted.active & set(before.with_prefix("GONE"))
    assert [day.orders.get(one_id) for day in days] == [0, None, None, None, 0, 0, 0]
    assert ("retire", one_id, None, 3, None) in deleted.changes_since(before)
    assert after.with_prefix("GONE") == before.with_prefix("GONE")
    assert set(after.with_prefix("GONE")) <= after.active
    assert ("create", None, one_id, 3, None) in after.changes_since(days[3].people)


def test_a_deleted_member_leaves_its_phone_to_whom_registers_next(days: list[Day]) -> None:
    before, deleted, *_, after, _, last = (day.people for day in days)
    assert before.together("member_id:LEFT", "mobile_hash:LEFT_H", "union_id:LEFT_U")
    old = before.ids["member_id:LEFT"]
    # The root was the member: what the member leaves goes on as a person of its own.
    assert deleted.ids["member_id:LEFT"] == old
    assert deleted.together("mobile_hash:LEFT_H", "union_id:LEFT_U")
    heir = deleted.ids["mobile_hash:LEFT_H"]
    assert heir[1] > old[1]
    moved = {row[:4] for row in deleted.changes_since(before) if old[0] in row[1:3]}
    assert moved == {("move", old[0], heir[0], 2), ("leave", old[0], None, 1)}
    for people in after, last:
        assert people.ids["member_id:LEFT"] == old
        assert people.together("member_id:LEFT_NEW", "mobile_hash:LEFT_H", "union_id:LEFT_U")
        assert people.ids["member_id:LEFT_NEW"] == heir

    # Where the deletion still shows the phone, nobody else does, and its next owner takes it.
    assert deleted.ids["mobile_hash:KEPT_H"] == before.ids["member_id:KEPT"]
    assert not deleted.active & {"member_id:KEPT", "mobile_hash:KEPT_H"}
    assert after.together("member_id:KEPT_NEW", "mobile_hash:KEPT_H")
    assert after.ids["member_id:KEPT"] == last.ids["member_id:KEPT"] == before.ids["member_id:KEPT"]
    assert after.ids["mobile_hash:KEPT_H"] != before.ids["mobile_hash:KEPT_H"]
    assert after.active >= {"member_id:KEPT_NEW", "mobile_hash:KEPT_H"}
    assert "member_id:KEPT" not in after.active


def test_a_must_link_joins_what_no_other_link_could(days: list[Day]) -> None:
    before, after, removed = days[1].people, days[2].people, days[6].people
    for left, right in (
        ("member_id:UNSURE", "union_id:UNSURE_U"),
        ("union_id:TILL_U7", "device_id:TILL"),
        ("member_id:TWICE_A", "member_id:TWICE_B"),
    ):
        assert not before.together(left, right)
        assert after.together(left, right)
        assert (left, right) not in after.refused
        older, newer = sorted((before.ids[left], before.ids[right]), key=lambda ids: ids[1])
        count = sum(ids == newer for ids in before.ids.values())
        why = f"{left} - {right}"
        assert ("merge", newer[0], older[0], count, why) in after.changes_since(before)
        assert removed.ids[left] == before.ids[left]
        assert removed.ids[right] == before.ids[right]
        undone = removed.changes_since(days[4].people)
        assert ("split", older[0], newer[0], count, why) in undone
    assert not after.together("union_id:TILL_U7", "union_id:TILL_U8")
    assert after.confidences["union_id:UNSURE_U"] == 1.0


def test_a_cannot_link_stands_above_all(days: list[Day]) -> None:
    before, after, removed = days[1].people, days[2].people, days[6].people
    strong = ("member_id:STRONG", "union_id:STRONG_U")
    assert before.together(*strong)
    assert not after.together(*strong)
    assert after.refused[strong] == ("cannot_link", None, "deterministic", 1.0)
    assert after.reasons[strong].endswith(
        "keeps member_id:STRONG and union_id:STRONG_U apart: somebody called"
    )
    old, new = sorted((after.ids[end] for end in strong), key=lambda ids: ids[1])
    assert old == before.ids[strong[0]]
    why = " - ".join(strong)
    assert ("split", old[0], new[0], 1, why) in after.changes_since(before)
    assert removed.together(*strong)
    assert removed.ids[strong[0]] == old
    assert ("merge", new[0], old[0], 1, why) in removed.changes_since(days[4].people)

    # Of the two must_links one stands; the other is refused, though a person wrote it.
    words = {("member_id:WORD_A", "union_id:WORD_U"), ("member_id:WORD_B", "union_id:WORD_U")}
    assert not after.together("member_id:WORD_A", "member_id:WORD_B")
    (refused,) = words & after.refused.keys()
    assert after.refused[refused] == ("cannot_link", None, "manual", 1.0)
    (standing,) = words - {refused}
    assert after.together(*standing)


def test_an_identifier_that_only_an_override_names_is_none(days: list[Day]) -> None:
    for day in days:
        assert not day.people.with_prefix("NOBODY")
        assert day.people.with_prefix("QUIET") == days[0].people.with_prefix("QUIET")


def test_who_was_kept_apart_from_the_first_day_joins_as_surely_as_its_link(
    days: list[Day],
) -> None:
    ends = ("member_id:APART", "union_id:APART_U")
    for day in days[:5]:
        assert not day.people.together(*ends)
        assert day.people.refused[ends] == ("cannot_link", None, "deterministic", 0.85)
        assert {day.people.confidences[end] for end in ends} == {1.0}
    for day in days[5:]:
        assert day.people.together(*ends)
        assert ends not in day.people.refused
        assert {day.people.confidences[end] for end in ends} == {0.85, 1.0}


def test_a_value_becomes_shared_and_ceases_to_be(days: list[Day]) -> None:
    falls = ["email_hash:FALLS", *(f"open_id:FALLS_{n}" for n in range(6))]
    rises = ["email_hash:RISES", *(f"open_id:RISES_{n}" for n in range(6))]
    first, second, *_, fifth, _, _ = (day.people for day in days)
    assert not first.together(*falls)
    assert first.together(*rises[:6])
    assert second.together(*falls[:6])
    assert second.one_id(falls[6]) not in {second.one_id(end) for end in falls[:6]}
    assert not second.together(*rises)
    for identifier in *falls, *rises[:6]:
        assert fifth.ids[identifier] == first.ids[identifier]
    (survivor,) = {one_id for one_id, _ in second.with_prefix("FALLS").values()} - {
        second.one_id(falls[6])
    }
    kinds = {
        (kind, from_one_id, to_one_id, count)
        for kind, from_one_id, to_one_id, count, _ in second.changes_since(first)
    }
    for identifier in falls[:6]:
        if first.one_id(identifier) != survivor:
            assert ("merge", first.one_id(identifier), survivor, 1) in kinds


def test_a_run_with_nothing_new_writes_no_row(days: list[Day]) -> None:
    assert days[3].people == days[2].people
    assert days[3].stored == days[2].stored


def test_rows_that_nothing_touched_are_not_rewritten(days: list[Day]) -> None:
    """Days 2 and 5 touch what is named so, and no other."""
    touched = ("MERGE", "GONE", "LEFT", "KEPT", "FALLS", "RISES")
    for before, after in ((days[0], days[1]), (days[3], days[4])):
        names = {
            row[0]: str(row[4]).upper() for day in (before, after) for row in day.stored["map"]
        }
        assert sum(not name.startswith(touched) for name in names.values()) > TILL
        for name in STORED:
            rewritten = set(before.stored[name]) ^ set(after.stored[name])
            ends = (0, 1) if name == "edges" else (0,)
            nodes = {names[row[end]] for row in rewritten for end in ends}
            assert nodes, f"the batch changed nothing in {name}"
            assert not {node for node in nodes if not node.startswith(touched)}, name
