"""Triggers: what is kept of stays when declarations change, people are erased, or a look fails."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from support.live_worlds import D1, D2, DAY, NOON, event
from support.triggers import one_id_of, see, stage_of, trigger, wait

from onecdp.errors import OnecdpError
from onecdp.live.kept import LiveEvents
from onecdp.live.state import LiveState
from onecdp.live.triggers import outbox, stays
from onecdp.serving.metrics import Metrics

VIEWS = trigger("browsing", "live.views_30m >= 2")
ONE, TWO = one_id_of(1), one_id_of(2)


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
