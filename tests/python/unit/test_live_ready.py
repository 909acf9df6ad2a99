"""Live features that are kept ready are never older than events, publication and time."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import orjson
import pytest
from hypothesis import given, settings
from support.live_asking import SETTINGS, Published, ticket, world_in
from support.live_worlds import (
    D1,
    D2,
    DAY,
    IDENTIFIERS,
    MINUTE,
    NOON,
    SECOND,
    TODAY_ENDS,
    U1,
    U2,
    U3,
    UNKNOWN,
    event,
)
from support.serving import Person, World, publish_world

from onecdp.live import identifier_filter
from onecdp.live.identifier_filter import IdentifierFilter
from onecdp.live.state import LiveState
from onecdp.project.personal_data import DEFAULT
from onecdp.serving import ready_features
from onecdp.serving.settings import Settings, TenantSettings
from onecdp.serving.tenants import Tenant
from onecdp.warehouse.files import Warehouse

ASKED = [*IDENTIFIERS, ("device_id", "never seen")]

moves = st.one_of(
    st.builds(
        lambda number, identifiers, at, kind, partition: (
            "take",
            event(
                f"E{number}", *[i for i in IDENTIFIERS if i in identifiers],
                at=NOON + at * 7 * MINUTE, kind=kind, price=10_000 * number + 1,
            ),
            partition,
        ),
        st.integers(0, 25), st.sets(st.sampled_from(IDENTIFIERS), min_size=1, max_size=3),
        # Some of clocks that are ahead.
        st.integers(-220, 60), st.sampled_from(["purchase", "page_view", "add_cart"]),
        st.sampled_from("ab"),
    ),
    st.builds(
        lambda number, status, owner: ("take", ticket(f"T{number}", status, number, **owner), "a"),
        st.integers(0, 30), st.sampled_from(["open", "solved"]),
        st.sampled_from([{}, {"customer": "U1"}, {"browser": "D2"}]),
    ),
    st.tuples(st.just("wait"), st.sampled_from([1, SECOND, 5 * MINUTE, 30 * MINUTE, DAY // 3])),
    st.builds(
        lambda owners: ("publish", {i: n for i, n in zip(IDENTIFIERS, owners, strict=False) if n}),
        st.lists(st.integers(0, 2), min_size=5, max_size=5),
    ),
    st.tuples(st.just("erase"), st.sampled_from(IDENTIFIERS)),
    st.tuples(st.just("prune")),
)  # fmt: skip


@settings(max_examples=60)
@given(st.lists(moves, max_size=30))
def test_what_is_ready_is_what_would_be_measured(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[Any, ...]]
) -> None:
    with world_in(tmp_path_factory.mktemp("live"), Published({U1: 1, D1: 1, U2: 2})) as world:
        for name, *said in steps:
            if name == "take":
                world.take(said[0], partition=said[1])
            elif name == "wait":
                world.now += said[0]
            elif name == "publish":
                world.store = Published(said[0], {"a": world.position})
            elif name == "erase":
                world.state.erase([said[0]])
            else:
                world.state.prune(world.now - DAY, world.store.taken_in, TODAY_ENDS)
            for identifier in ASKED:
                world.ask(*identifier)


def test_window_ends_without_an_event(tmp_path: Path) -> None:
    with world_in(tmp_path, Published({U1: 1})) as world:
        world.take(event("E1", U1), event("E2", U1, at=NOON + MINUTE))
        assert world.feature("page_views_5m", *U1) == 1
        assert world.feature("time_since_last_event", *U1) == 0.0
        # At the end, a clock goes back.
        for later, views, seconds in (
            (MINUTE, 2, 0.0), (5 * MINUTE - 1, 2, 240.0), (5 * MINUTE, 1, 240.0),
            (6 * MINUTE, 0, 300.0), (6 * MINUTE - 1, 1, 300.0), (0, 1, 0.0),
        ):  # fmt: skip
            world.now = NOON + later
            assert world.feature("page_views_5m", *U1) == views
            assert world.feature("time_since_last_event", *U1) == seconds


def test_answers_of_one_round_of_a_server_see_the_same_events(tmp_path: Path) -> None:
    async def rounds() -> list[Any]:
        seen = []
        for number in range(3):
            seen.append(world.kept.profile(world.store, U1).features)
            world.take(event(f"E{number}", U1))
            seen.append(world.kept.profile(world.store, U1).features)
            await asyncio.sleep(0)
        return [features and features["events_24h"] for features in seen]

    with world_in(tmp_path, Published({U1: 1})) as world:
        assert asyncio.run(rounds()) == [0, 0, 1, 1, 2, 2]
        # And without a loop, those of now.
        assert world.feature("events_24h", *U1) == 3


def test_type_of_an_event_may_have_any_character(tmp_path: Path) -> None:
    with world_in(tmp_path, Published({U1: 1})) as world:
        world.take(event("E1", U1, kind='50%r "off" %%'))
        world.now += SECOND
        for _ in range(2):
            assert world.feature("last_event_type", *U1) == '50%r "off" %%'
            assert world.feature("time_since_last_event", *U1) == 1.0


def test_event_of_another_identifier_of_the_person_counts_at_once(tmp_path: Path) -> None:
    with world_in(tmp_path, Published({U1: 1, D1: 1, U2: 2})) as world:
        assert world.feature("events_24h", *U1) == 0
        world.take(event("E1", D1))
        assert [world.feature("events_24h", *each) for each in (U1, D1, U2)] == [1, 1, 0]
        world.take(event("E2", D2))
        assert world.ask(*D2).found is None
        # It comes with the person now, and so does the event before.
        world.take(event("E3", D2, U1))
        assert [world.feature("events_24h", *each) for each in (U1, D2)] == [3, 3]
        # And with another one: it is nobody's.
        world.take(event("E4", D2, U2))
        assert [world.feature("events_24h", *each) for each in (U1, U2)] == [1, 0]


def test_new_identifier_of_another_person_may_free_or_take_an_event(tmp_path: Path) -> None:
    """The limit of identifiers is that of a person who has not asked."""
    with world_in(tmp_path, Published({D1: 1, D2: 2})) as world:
        world.take(event("E1", U1, D1))
        assert world.feature("events_24h", *D1) == 1
        world.take(event("E2", U2, D1))
        assert world.feature("events_24h", *D1) == 0


def test_publication_changes_what_is_ready(tmp_path: Path) -> None:
    with world_in(tmp_path, Published({U1: 1, U2: 2})) as world:
        world.take(event("E1", U1, kind="purchase", price=10_000), event("E2", U2))
        before = world.ask(*U1).found
        assert before
        assert orjson.loads(before.document) == {"total_orders": 2, "gross_revenue": 2.5}
        assert world.feature("events_24h", *U2) == 1
        world.store = Published({U1: 1, U2: 1}, {"a": 1})
        after = world.ask(*U1).found
        assert after
        assert orjson.loads(after.document) == {"total_orders": 1, "gross_revenue": 1.5}
        assert world.feature("events_24h", *U2) == 2


def test_erasure_and_repetition_change_what_is_ready(tmp_path: Path) -> None:
    with world_in(tmp_path, Published({U1: 1, U2: 2}, {"b": None})) as world:
        world.take(event("E1", U1, U3, kind="purchase"), event("E2", U2, kind="purchase"))
        assert [world.feature("orders_since_batch", *each) for each in (U1, U2)] == [1, 1]
        world.state.erase([U3])
        assert [world.feature("events_24h", *each) for each in (U1, U2)] == [0, 1]
        # It stands in a file that the build has read, too.
        world.take(event("E2", U2, kind="purchase"), partition="b")
        assert world.feature("orders_since_batch", *U2) == 0


def test_message_that_names_nobody_changes_a_ticket_that_is_ready(tmp_path: Path) -> None:
    document = orjson.dumps({"status": [1, "open"], "customer": [1, "U1"]})
    with world_in(tmp_path, Published({U1: 1, U2: 2}, documents={"T": document})) as world:
        open_tickets = [world.feature("has_open_support_ticket", *each) for each in (U1, U2)]
        assert open_tickets == [True, False]
        world.take(ticket("M1", "solved", 2))
        assert world.feature("has_open_support_ticket", *U1) is False
        world.store = Published({U1: 1, U2: 2}, documents={"T": document}, read=None)
        assert world.feature("has_open_support_ticket", *U1) is None


def test_numbers_of_events_are_not_used_again(tmp_path: Path) -> None:
    """By them, readers see what is new."""
    with world_in(tmp_path, Published({U1: 1, U2: 2}, {"a": None})) as world:
        world.take(event("E1", U2, at=NOON - 10 * DAY))
        assert world.feature("events_24h", *U1) == 0
        for _ in range(2):
            world.state.prune(NOON - DAY, {"a": None}, TODAY_ENDS)
        world.take(event("E2", U1))
        assert world.feature("events_24h", *U1) == 1


def test_few_people_are_kept_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ready_features, "_MOST", 2)
    people = {("device_id", f"N{n}"): n for n in range(1, 9)}
    with world_in(tmp_path, Published(people)) as world:
        world.take(*(event(f"E{n}", ("device_id", f"N{n}")) for n in range(1, 9)))
        for identifier in people:
            assert world.feature("events_24h", *identifier) == 1
        assert len(world.kept._ready._ready) <= 2


def test_server_opens_recent_events_that_come_go_or_are_worn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_world(tmp_path, World((Person(1, ids=("union_id:U1",)),)))
    warehouse = Warehouse(tmp_path)
    own = TenantSettings("own", warehouse, (), None)
    tenant = Tenant(own, Settings((own,), 1, False, DEFAULT, SETTINGS))

    def events() -> object:
        """How many the customer has; None without recent events."""
        if tenant.find_live():
            tenant.change_live(tenant.open_live())
        assert not tenant.find_live()
        answer = tenant.live and tenant.live.profile(tenant.store, U1)
        return answer and answer.features and answer.features["time_since_last_event"]

    assert tenant.live is None
    assert events() is None
    state = LiveState(warehouse.live_file)
    assert events() is None
    assert tenant.live is not None
    state.take("a", 1, [(1, event("E1", U1, at=time.time_ns() // 1_000))])
    assert events() is not None
    # More identifiers were added than there were at first, of which there was none.
    first = tenant.live
    monkeypatch.setattr(identifier_filter, "_MOST", 0)
    assert tenant.find_live()
    assert events() is not None
    assert tenant.live is not first
    state.close()
    for file in tmp_path.glob("live.sqlite*"):
        file.unlink()
    assert events() is None
    assert tenant.live is None
    tenant.close()


def test_filter_has_what_was_added_and_little_else() -> None:
    seen = IdentifierFilter()
    for number in range(20_000):
        seen.add(("device_id", f"D{number}"))
    assert all(("device_id", f"D{number}") in seen for number in range(20_000))
    assert sum(("device_id", f"X{number}") in seen for number in range(20_000)) < 50
    assert not seen.is_worn
    assert UNKNOWN not in IdentifierFilter()
