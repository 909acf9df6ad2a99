"""Whose a new identifier is: what the batch would refuse is not overruled before the next build."""

from __future__ import annotations

from pathlib import Path

from support.live_worlds import D1, D2, MAX_VALUES, U1, U2, Warehouse, event

from onecdp.live.events import Identifier
from onecdp.live.kept import LiveEvents
from onecdp.live.person import Answer, People, Status
from onecdp.live.state import LiveState


def test_what_comes_with_a_shared_identifier_is_not_its_customers(tmp_path: Path) -> None:
    """The till of a shop is a customer of its own, and who pays there is not the till."""
    state = LiveState(tmp_path / "live.sqlite")
    state.take("a", 1, [(1, event("E1", U1, D1)), (1, event("E2", U2, D1, D2))])
    people = People(
        Warehouse({D1: 1, D2: 2}, shared={D1}), LiveEvents(tmp_path / "live.sqlite"), MAX_VALUES
    )
    assert people.whose(U1) == Answer(Status.UNKNOWN)
    assert people.whose(U2) == Answer(Status.PROVISIONAL, 2)
    assert people.events_of(1) == []
    assert [kept.event.event_id for kept in people.events_of(2)] == ["E2"]


def test_identifiers_of_two_people_are_not_joined(tmp_path: Path) -> None:
    state = LiveState(tmp_path / "live.sqlite")
    new = ("open_id", "new")
    state.take("a", 1, [(1, event("E1", new, D1))])

    def whose(identifier: Identifier, *apart: Identifier) -> Status:
        warehouse = Warehouse({U1: 1, D1: 1}, apart={*apart})
        return People(warehouse, LiveEvents(tmp_path / "live.sqlite"), {}).whose(identifier).status

    assert whose(new) is Status.PROVISIONAL
    # Also of an identifier that did not come with it.
    assert whose(new, new, U1) is Status.UNDECIDED
    assert whose(new, new, U2) is Status.PROVISIONAL
