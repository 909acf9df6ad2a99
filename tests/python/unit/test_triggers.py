"""Triggers: who enters and leaves when, as events come and time goes by."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest
from support.live_worlds import D1, D2, MINUTE, U1, event
from support.triggers import KEY, one_id_of, see, stage_of, trigger, wait

from onecdp.live.triggers import stays
from onecdp.live.triggers.conditions import HELD_OUT, TREATMENT, arm_of

VIEWS = trigger("browsing", "live.views_30m >= 2")
ONE, TWO = one_id_of(1), one_id_of(2)


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
