"""Triggers: who enters and leaves when, and what becomes of it at publications and erasures."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from unittest import mock

import pytest
from support.live_worlds import D1, D2, DAY, MINUTE, NOON, U1, U2, event
from support.triggers import KEY, Stage, one_id_of, trigger

from onecdp.errors import OnecdpError
from onecdp.live.state import LiveEvents, LiveState
from onecdp.live.triggers import outbox, stays
from onecdp.live.triggers.conditions import HELD_OUT, TREATMENT, arm_of
from onecdp.live.triggers.declared import Trigger
from onecdp.serving.metrics import Metrics

VIEWS = trigger("browsing", "live.views_30m >= 2")
ONE, TWO = one_id_of(1), one_id_of(2)


def stage_of(folder: Path, *triggers: Trigger, **people: int) -> Stage:
    stage = Stage(folder / "live.sqlite", triggers)
    known = {"U1": U1, "U2": U2, "D1": D1, "D2": D2}
    stage.customers.people = {known[name]: person for name, person in people.items()}
    stage.publish()
    return stage


def see(stage: Stage, number: int, *identifiers: tuple[str, str], kind: str = "page_view") -> None:
    new = event(f"E{number}", *identifiers, at=stage.now, kind=kind)
    stage.state.take("a", number, [(number, new)])
    stage.look()


def wait(stage: Stage, minutes: float) -> None:
    stage.now += round(minutes * MINUTE)
    stage.look()


def test_customer_leaves_in_time_without_a_new_event(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1)
    see(stage, 1, D1)
    wait(stage, 10)
    assert stage.told() == []
    see(stage, 2, D1)
    entered = [("browsing", "entered", ONE)]
    assert stage.told() == entered
    wait(stage, 20 - 1 / MINUTE)
    assert stage.told() == entered
    # To the microsecond, and with no more than one look.
    stage.now += 1
    assert not stage.watcher.step()
    assert stage.told() == [*entered, ("browsing", "left", ONE)]
    first, last = stage.put_out()
    assert first["stay_id"] == last["stay_id"]
    assert (first["at"], last["entered_at"], last["at"]) == (
        "2026-06-06T12:10:00.000Z", "2026-06-06T12:10:00.000Z", "2026-06-06T12:30:00.000Z",
    )  # fmt: skip
    wait(stage, 10)
    ((due,),) = stage.state.connection.execute("select count(*) from trigger_due").fetchall()
    assert due == 0


def test_customers_leave_in_time_while_others_have_more_events_than_can_be_looked_at(
    tmp_path: Path,
) -> None:
    stage = stage_of(tmp_path, trigger("seen", "live.views_30m"), D1=1)
    see(stage, 1, D1)
    stage.now += 30 * MINUTE
    with mock.patch("onecdp.live.triggers.watch.SLICE", 2):
        for number in range(5):
            with stage.state.transaction() as state:
                stays.touch(state, [("device_id", f"V{number}-{other}") for other in range(4)])
            assert stage.watcher.step()
    assert stage.told()[1:] == [("seen", "left", ONE)]


def test_everybody_has_a_turn_while_more_events_come_than_can_be_looked_at(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, trigger("seen", "live.views_30m"), U1=1)
    stage.look()
    stage.state.take("a", 1, [(1, event("E1", U1, at=stage.now))])
    with mock.patch("onecdp.live.triggers.watch.SLICE", 2):
        for _ in range(9):
            # The same ones again and again, who come before U1.
            with stage.state.transaction() as state:
                stays.touch(state, [("device_id", f"V{other}") for other in range(6)])
            assert stage.watcher.step()
    assert stage.told() == [("seen", "entered", ONE)]


def test_session_and_pause_end_without_a_new_event(tmp_path: Path) -> None:
    idle = trigger("idle", "live.idle >= 600 AND live.idle < 1200")
    stage = stage_of(tmp_path, trigger("visit", "live.session_views"), idle, D1=1)
    see(stage, 1, D1)
    assert stage.told() == [("visit", "entered", ONE)]
    for minutes, told in (
        (10, ("idle", "entered", ONE)), (10, ("idle", "left", ONE)), (10, None),
        (1 / MINUTE, ("visit", "left", ONE)),
    ):  # fmt: skip
        before = len(stage.told())
        wait(stage, minutes)
        assert stage.told()[before:] == ([told] if told else [])


def test_event_of_a_clock_that_is_ahead_counts_when_its_time_has_come(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, trigger("seen", "live.views_30m"), D1=1)
    stage.state.take("a", 1, [(1, event("E1", D1, at=stage.now + 5 * MINUTE))])
    stage.look()
    assert stage.told() == []
    wait(stage, 5)
    assert stage.told() == [("seen", "entered", ONE)]


@pytest.mark.parametrize("seconds", ["9223372036854", "9" * 24, "0." + "0" * 23 + "1"])
def test_rule_may_compare_with_any_number(tmp_path: Path, seconds: str) -> None:
    stage = stage_of(tmp_path, trigger("ever", f"live.idle <= {seconds}"), D1=1)
    see(stage, 1, D1)
    assert stage.told() == [("ever", "entered", ONE)]


def test_customer_who_comes_back_enters_when_the_cool_down_is_over(tmp_path: Path) -> None:
    cooled = trigger("seen", "live.views_30m", cool_down=60 * MINUTE)
    stage = stage_of(tmp_path, cooled, D1=1)
    see(stage, 1, D1)
    wait(stage, 30)
    wait(stage, 20)
    see(stage, 2, D1)
    assert stage.told() == [("seen", "entered", ONE), ("seen", "left", ONE)]
    stage.restart()
    wait(stage, 10)
    assert stage.told()[2:] == [("seen", "entered", ONE)]
    wait(stage, 100)
    # Nothing is kept of who has left and may enter again.
    ((left,),) = stage.state.connection.execute("select count(*) from trigger_stays").fetchall()
    assert left == 0


def test_who_did_not_consent_or_is_suppressed_is_in_no_trigger(tmp_path: Path) -> None:
    mail = trigger("mail", "live.views_30m", purpose="mail")
    stage = stage_of(tmp_path, mail, D1=1, D2=2)
    stage.publish(consented=[1])
    see(stage, 1, D1)
    see(stage, 2, D2)
    assert stage.told() == [("mail", "entered", ONE)]
    stage.publish(consented=[2])
    stage.look()
    assert sorted(stage.told()[1:]) == [("mail", "entered", TWO), ("mail", "left", ONE)]
    stage.publish(consented=[2], suppressed=[2])
    stage.look()
    assert stage.told()[3:] == [("mail", "left", TWO)]


def test_who_is_held_out_is_in_it_and_nobody_is_told(tmp_path: Path) -> None:
    half = trigger("half", "live.views_30m", hold_out_share=0.5)
    stage = stage_of(tmp_path, half)
    arms = {person: arm_of(KEY, "half", one_id_of(person), 0.5) for person in range(1, 21)}
    assert set(arms.values()) == {HELD_OUT, TREATMENT}
    stage.customers.people = {("device_id", f"V{person}"): person for person in arms}
    stage.publish()
    for person in arms:
        see(stage, person, ("device_id", f"V{person}"))
    told = {one_id for _, _, one_id in stage.told()}
    assert told == {one_id_of(person) for person, arm in arms.items() if arm == TREATMENT}
    inside = stage.state.connection.execute("select one_id, arm from trigger_stays").fetchall()
    assert dict(inside) == {one_id_of(person): arm for person, arm in arms.items()}
    assert stage.watcher.changes == {"entered": len(told), "held_out": 20 - len(told)}


def test_publication_that_changes_tags_has_customers_enter_and_leave(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, trigger("gold", "gold AND NOT live.bought_2h"), D1=1, D2=2)
    see(stage, 1, D1)
    assert stage.told() == []
    # The second one has the tag, and no recent event.
    stage.publish(gold=[1, 2])
    stage.look()
    assert stage.told() == [("gold", "entered", ONE)]
    stage.publish(gold=[2])
    stage.look()
    assert stage.told()[1:] == [("gold", "left", ONE)]


def test_survivor_of_a_merge_keeps_the_stay(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1, D2=2)
    for number in (1, 2):
        see(stage, number, D2)
    (entered,) = stage.put_out()
    stage.customers.people[D2] = 1
    stage.publish()
    stage.restart()
    stage.look()
    assert stage.told() == [("browsing", "entered", TWO)]
    wait(stage, 30)
    left = stage.put_out()[-1]
    assert (left["action"], left["one_id"], left["stay_id"]) == ("left", ONE, entered["stay_id"])


def test_one_of_two_stays_ends_if_their_customers_are_merged(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1, D2=2)
    for number, identifier in enumerate((D1, D1, D2, D2)):
        see(stage, number, identifier)
    first, second = stage.put_out()
    stage.customers.people[D2] = 1
    stage.publish()
    stage.look()
    left = stage.put_out()[2:]
    assert [(each["action"], each["one_id"], each["merged_into"]) for each in left] == [
        ("left", TWO, ONE)
    ]
    assert left[0]["stay_id"] == second["stay_id"]
    wait(stage, 30)
    assert stage.put_out()[-1]["stay_id"] == first["stay_id"]


def test_who_is_split_off_is_another_customer(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1, D2=1)
    for number, identifier in enumerate((D1, D1, D2)):
        see(stage, number, identifier)
    assert stage.told() == [("browsing", "entered", ONE)]
    stage.customers.people[D2] = 2
    stage.publish()
    stage.look()
    assert stage.told() == [("browsing", "entered", ONE)]
    see(stage, 4, D2)
    assert stage.told()[1:] == [("browsing", "entered", TWO)]


def test_stay_follows_its_customer_through_a_split_and_a_merge(tmp_path: Path) -> None:
    three = one_id_of(3)
    stage = stage_of(tmp_path, trigger("seen", "live.views_30m"), D1=1, D2=1, U1=3)
    see(stage, 1, D1)
    stage.now += 1
    see(stage, 2, D1)
    (entered,) = stage.put_out()
    # What the customer entered with is split off, and then the customer is merged.
    stage.customers.people[D1] = 2
    see(stage, 3, D2)
    stage.publish()
    stage.look()
    stage.customers.people[D2] = 3
    stage.publish()
    stage.look()
    assert stage.told() == [("seen", "entered", ONE), ("seen", "entered", TWO)]
    wait(stage, 30)
    left = {each["one_id"]: each["stay_id"] for each in stage.put_out()[2:]}
    assert left.keys() == {TWO, three}
    assert left[three] == entered["stay_id"]


def test_customer_who_is_no_more_leaves(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1)
    for number in (1, 2):
        see(stage, number, D1)
    stage.customers.people.clear()
    stage.publish()
    stage.look()
    assert stage.told()[1:] == [("browsing", "left", ONE)]


def test_new_identifier_counts_until_it_comes_with_another_customer(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1, D2=2)
    see(stage, 1, U1, D1)
    see(stage, 2, U1)
    assert stage.told() == [("browsing", "entered", ONE)]
    # The event is of the other one's device alone, and takes two events away from the first.
    see(stage, 3, U1, D2)
    assert stage.told()[1:] == [("browsing", "left", ONE)]


def test_changed_rule_is_applied_and_removed_trigger_goes(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, trigger("gone", "live.views_30m"), D1=1)
    see(stage, 1, D1)
    assert stage.told() == [("gone", "entered", ONE)]
    stage.triggers = (trigger("browsing", "live.views_30m >= 1", destination="other"),)
    stage.restart()
    stage.look()
    assert stage.told() == [("browsing", "entered", ONE)]
    stage.triggers = (trigger("browsing", "live.views_30m >= 1", destination="third"),)
    stage.restart()
    stage.look()
    # What waits goes where the trigger sends now.
    assert len(outbox.waiting(stage.state.connection, "third", 9)) == 1


def test_what_waits_is_by_the_declarations_before_anything_is_sent(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, trigger("gone", "live.views_30m"), D1=1)
    for number in (1, 2):
        see(stage, number, D1)
    assert [each["trigger"] for each in stage.put_out()] == ["gone", "browsing"]
    stage.triggers = (trigger("browsing", "live.views_30m >= 2", destination="other"),)
    # No publication can be read for a while, and senders have begun.
    stage.restart()
    assert outbox.waiting(stage.state.connection, "hook", 9) == []
    (waits,) = outbox.waiting(stage.state.connection, "other", 9)
    assert waits.trigger == "browsing"


def test_trigger_that_was_away_for_a_while_begins_anew(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1)
    for number in (1, 2):
        see(stage, number, D1)
    with stage.state.transaction() as state:
        stays.clear(state)
    stage.restart()
    stage.look()
    assert stage.told() == [("browsing", "entered", ONE)]
    tables = stage.state.connection.execute(
        "select name from sqlite_master where type = 'table' and name like 'trigger%'"
    )
    assert {name for (name,) in tables} == {*stays.TABLES}


def test_trigger_that_cannot_be_evaluated_leaves_everybody_where_they_are(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1)
    for number in (1, 2):
        see(stage, number, D1)
    stage.publish(failed={"browsing": "unknown tag"})
    wait(stage, 60)
    assert stage.told() == [("browsing", "entered", ONE)]
    stage.publish()
    stage.look()
    assert stage.told()[1:] == [("browsing", "left", ONE)]


def test_nothing_happens_before_a_publication_and_nothing_is_missed(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1)
    published, stage.publication = stage.publication, None
    for number in (1, 2):
        see(stage, number, D1)
    assert stage.told() == []
    stage.publication = published
    stage.look()
    assert stage.told() == [("browsing", "entered", ONE)]


def test_dropped_events_are_noticed(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, trigger("cart", "live.cart > 0"), D1=1)
    stage.state.take("a", 1, [(1, event("E1", D1, at=stage.now, price=10_000))])
    stage.look()
    wait(stage, 3 * 24 * 60)
    stage.state.prune(stage.now - DAY, {"a": None}, stage.now)
    stage.look()
    assert stage.told() == [("cart", "entered", ONE), ("cart", "left", ONE)]


def test_erased_person_is_in_no_table_of_triggers(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1, D2=2)
    for number, identifier in enumerate((D1, D1, D2, D2)):
        see(stage, number, identifier)
    stays.recheck_all(stage.state.connection)
    stays.touch(stage.state.connection, [D1, ("one_id", ONE)])
    stage.state.erase([D1], [ONE])
    stage.watcher.close()
    stage.state.close()
    for part in tmp_path.iterdir():
        assert ONE.encode() not in part.read_bytes()
        assert b"D1" not in part.read_bytes()
    stage.open()
    assert stage.told() == [("browsing", "entered", TWO)]
    wait(stage, 60)
    assert stage.told()[1:] == [("browsing", "left", TWO)]


def test_publication_is_asked_for_again_when_its_turn_has_come(tmp_path: Path) -> None:
    """As `onecdp forget` takes a person out of the store, and then of the live state."""
    stage = stage_of(tmp_path, VIEWS, D1=1)
    before, asked = stage.publication, list[int]()
    for number in (1, 2):
        stage.state.take("a", number, [(number, event(f"E{number}", D1, at=stage.now))])
    stage.customers.people.clear()
    stage.publish()
    after = stage.publication
    stage.watcher._publications = lambda: asked.append(1) or (before if len(asked) < 2 else after)  # type: ignore[func-returns-value]
    stage.watcher.step()
    assert len(asked) == 2
    assert stage.told() == []


def test_nobody_is_told_that_an_erased_person_left(tmp_path: Path) -> None:
    """`onecdp forget` takes a person out of the store while the triggers go on."""
    stage = stage_of(tmp_path, VIEWS, D1=1, D2=2)
    for number, identifier in enumerate((D1, D1, D2, D2)):
        see(stage, number, identifier)
    stage.state.connection.execute("delete from trigger_outbox")
    stage.state.connection.execute("pragma busy_timeout = 0")
    looked = list[str]()

    def erase_from_store() -> None:
        del stage.customers.people[D1]
        stage.publish()
        try:
            stage.look()
        except sqlite3.OperationalError as error:
            looked.append(str(error))

    forgetting = LiveState(stage.file)
    forgetting.erase([D1], [ONE], meanwhile=erase_from_store)
    forgetting.close()
    assert looked == ["database is locked"]
    stage.look()
    assert stage.told() == []
    ((left,),) = stage.state.connection.execute("select one_id from trigger_stays").fetchall()
    assert left == TWO


def test_person_who_could_not_be_erased_from_the_store_stays(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1)
    for number in (1, 2):
        see(stage, number, D1)

    def fail() -> None:
        raise OnecdpError("the store can't be written")

    with pytest.raises(OnecdpError, match="can't be written"):
        stage.state.erase([D1], [ONE], meanwhile=fail)
    assert len(LiveEvents(stage.file).of([D1])) == 2


def test_file_of_before_triggers_gains_the_tables(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1)
    see(stage, 1, D1)
    for table in stays.TABLES:
        stage.state.connection.execute(f"drop table {table}")
    stage.restart()
    stage.look()
    see(stage, 2, D1)
    assert stage.told() == [("browsing", "entered", ONE)]


def test_look_that_fails_changes_nothing(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1)
    for number in (1, 2):
        stage.state.take("a", number, [(number, event(f"E{number}", D1, at=NOON))])

    def broken() -> None:
        raise OnecdpError("marts.duckdb can't be read")

    published = stage.watcher._publications
    stage.watcher._publications = broken
    with pytest.raises(OnecdpError, match="can't be read"):
        stage.look()
    stage.watcher._publications = published
    stage.look()
    assert stage.told() == [("browsing", "entered", ONE)]
    assert len(LiveEvents(stage.file).of([D1])) == 2


def test_full_disk_is_told_as_what_it_is(tmp_path: Path) -> None:
    state = LiveState(tmp_path / "live.sqlite").connection
    ((pages,),) = state.execute("pragma page_count").fetchall()
    state.execute(f"pragma max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"), stays.transaction(state):
        stays.touch(state, [("device_id", f"D{number}") for number in range(9_000)])
    with stays.transaction(state):
        assert not stays.is_anybody_next(state, NOON)


def test_figures_have_no_customer(tmp_path: Path) -> None:
    stage = stage_of(tmp_path, VIEWS, D1=1)
    for number in (1, 2):
        see(stage, number, D1)
    text = Metrics().text(LiveEvents(stage.file).trigger_figures())
    assert text.endswith(
        "# TYPE onecdp_trigger_events_total counter\n"
        'onecdp_trigger_events_total{trigger="browsing",what="entered"} 1\n'
        "# TYPE onecdp_trigger_members gauge\n"
        'onecdp_trigger_members{trigger="browsing",arm="treatment"} 1\n'
        "# TYPE onecdp_trigger_waiting gauge\n"
        'onecdp_trigger_waiting{trigger="browsing",destination="hook"} 1\n'
    )
    assert ONE not in text
    stage.state.connection.execute("drop table trigger_counts")
    assert LiveEvents(stage.file).trigger_figures() == []
