"""Messages of tickets in the live state: what an erasure leaves, and what triggers make of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from support.live_tickets import NOW, open_of, take
from support.live_worlds import DAY, NOON, TODAY_ENDS, U1, U2, Warehouse, event
from support.triggers import Stage, one_id_of, trigger

from onecdp.errors import OnecdpError
from onecdp.live.events import microseconds
from onecdp.live.kept import LiveEvents
from onecdp.live.state import LiveState
from onecdp.live.triggers import stays


def test_erasure_takes_messages_out(tmp_path: Path) -> None:
    file, warehouse = tmp_path / "live.sqlite", Warehouse({U1: 1, U2: 2})
    state = LiveState(file)
    take(state, 1, status="open", customer="U1", updated_at="2026-06-06T10:00:00Z")
    assert state.erase([U1]) == 1
    assert open_of(file, warehouse) == []
    assert state.connection.execute("select * from tickets").fetchall() == []
    state.close()
    assert b"T1" not in b"".join(each.read_bytes() for each in tmp_path.iterdir())


def test_erasure_takes_out_the_ids_of_tickets(tmp_path: Path) -> None:
    """Of messages that name nobody, too, and of those that triggers have to look at."""
    file = tmp_path / "live.sqlite"
    state = LiveState(file, has_triggers=True)
    take(state, 1, ticket_id="loaded-before", status="solved")
    take(state, 2, ticket_id="told-in-a-message", status="open", customer="U1")
    take(state, 3, ticket_id="told-in-a-message", status="solved")
    take(state, 4, ticket_id="of-another", status="solved")
    take(state, 5, ticket_id="handed-over", status="open", customer="U1")
    take(state, 6, ticket_id="handed-over", status="pending", customer="U2")
    take(state, 7, ticket_id="handed-over", status="solved")
    with state.transaction() as connection:
        stays.recheck_all(connection)
    # Messages were read and dropped, and triggers have not looked yet.
    state.prune(NOON + DAY, {"a": 1}, NOON + DAY)
    gone = {b"told-in-a-message", b"loaded-before"}
    assert {name for name in gone if name in file.read_bytes() + wal(file)} == gone
    # A placeholder is nobody else.
    take(state, 8, ticket_id="told-in-a-message", status="open", customer="unknown")
    blocked = ("union_id", "unknown").__eq__
    assert state.erase([U1], tickets=["loaded-before"], is_blocked=blocked) == 4
    left = state.connection.execute("select ticket_id from tickets order by event_int").fetchall()
    assert left == [("of-another",), ("handed-over",), ("handed-over",)]
    touched = state.connection.execute("select id_value from trigger_touched").fetchall()
    assert {("of-another",), ("handed-over",)} <= {*touched}
    state.close()
    assert not [name for name in gone if name in file.read_bytes()]
    assert open_of(file, Warehouse({U1: 1, U2: 2}), 2) == []


def wal(file: Path) -> bytes:
    return file.with_name(f"{file.name}-wal").read_bytes()


@pytest.mark.parametrize(("version", "lacks"), [(1, ("tickets", "revision")), (2, ("revision",))])
def test_file_of_a_version_before_gets_what_it_lacks(
    tmp_path: Path, version: int, lacks: tuple[str, ...]
) -> None:
    file = tmp_path / "live.sqlite"
    state = LiveState(file)
    state.take("a", 1, [(1, event("E1", U1))])
    for table in lacks:
        state.connection.execute(f"drop table {table}")
    state.connection.execute(f"pragma user_version = {version}")
    state.close()
    with pytest.raises(OnecdpError, match=f"its format is {version}"):
        LiveEvents(file)
    state = LiveState(file)
    take(state, 2, status="open", customer="U1")
    assert open_of(file, Warehouse({U1: 1})) == ["T1"]
    state.close()


def test_ticket_that_a_message_without_a_name_opens_again_enters(tmp_path: Path) -> None:
    """As an export that states what changed; the requester has done nothing else lately."""
    stage = Stage(tmp_path / "live.sqlite", (trigger("asks", "live.has_ticket"),))
    stage.customers.people = {U1: 1, U2: 2}
    at = microseconds(NOW) - DAY
    stage.customers.tickets = {
        ticket: orjson.dumps({"status": [at, "solved"], "customer": [at, ticket]})
        for ticket in ("U1", "U2")
    }
    stage.publish()
    take(stage.state, 1, ticket_id="U1", status="open", updated_at="2026-06-06T10:00:00Z")
    stage.look()
    assert stage.told() == [("asks", "entered", one_id_of(1))]
    # So does one of whose message a trigger that is declared later is told.
    assert stage.publication is not None
    stage.publication = replace(stage.publication, failed={"asks": "no such tag"})
    take(stage.state, 2, ticket_id="U2", status="open", updated_at="2026-06-06T10:00:00Z")
    stage.look()
    assert len(stage.told()) == 1
    stage.publish()
    stage.look()
    assert stage.told()[1:] == [("asks", "entered", one_id_of(2))]


def test_ticket_opens_and_is_solved_when_its_day_comes(tmp_path: Path) -> None:
    """The clock of a help desk may be ahead."""
    stage = Stage(tmp_path / "live.sqlite", (trigger("asks", "live.has_ticket"),))
    stage.customers.people = {U1: 1}
    stage.publish()
    take(stage.state, 1, status="open", customer="U1", created_at="2026-06-07T10:00:00Z")
    stage.look()
    stage.now = TODAY_ENDS - 1
    stage.look()
    assert stage.told() == []
    stage.now = TODAY_ENDS
    stage.look()
    assert stage.told() == [("asks", "entered", one_id_of(1))]
    take(stage.state, 2, status="solved", solved_at="2026-06-07T11:00:00Z")
    stage.look()
    assert stage.told()[1:] == [("asks", "left", one_id_of(1))]
    # Of one of today that is solved tomorrow.
    stage.now = NOON
    take(stage.state, 3, ticket_id="T2", customer="U1", created_at="2026-06-06T10:00:00Z",
         solved_at="2026-06-07T11:00:00Z")  # fmt: skip
    stage.look()
    assert stage.told()[2:] == [("asks", "entered", one_id_of(1))]
    stage.now = TODAY_ENDS
    stage.look()
    assert stage.told()[3:] == [("asks", "left", one_id_of(1))]


def test_trigger_follows_the_requester(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "live.sqlite", (trigger("asks", "live.has_ticket"),))
    stage.customers.people = {U1: 1, U2: 2}
    stage.publish()
    told: list[tuple[str, str]] = []

    def look() -> list[tuple[str, str]]:
        stage.look()
        waiting = [(e["action"], e["one_id"]) for e in stage.put_out()]
        new = waiting[len(told) :]
        told.extend(new)
        return new

    one, two = one_id_of(1), one_id_of(2)
    take(stage.state, 1, status="open", customer="U1", updated_at="2026-06-06T10:00:00Z")
    assert look() == [("entered", one)]
    # The message names the new requester alone.
    take(stage.state, 2, status="open", customer="U2", updated_at="2026-06-06T10:01:00Z")
    assert sorted(look()) == [("entered", two), ("left", one)]
    # This one names nobody.
    take(stage.state, 3, status="solved", updated_at="2026-06-06T10:02:00Z")
    assert look() == [("left", two)]
    # Late: it changes nothing.
    take(stage.state, 4, status="open", customer="U1", updated_at="2026-06-06T09:00:00Z")
    assert look() == []
