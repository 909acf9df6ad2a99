"""Live features: each event counts once, however events, builds and identities change."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from support.live_worlds import (
    D1,
    D2,
    DAY,
    IDENTIFIERS,
    MAX_VALUES,
    MINUTE,
    NOON,
    SECOND,
    TODAY_ENDS,
    U1,
    U2,
    U3,
    UNKNOWN,
    Warehouse,
    event,
    owner,
    whose,
)

from onecdp.errors import OnecdpError
from onecdp.live.events import LINK, Event, Identifier, parse_link
from onecdp.live.features import Feature, Window
from onecdp.live.kept import Kept, LiveEvents
from onecdp.live.measure import Watermark, measure
from onecdp.live.person import Answer, People, Status
from onecdp.live.state import LiveState

REPOSITORY = Path(__file__).resolve().parents[3]
ORDERS = Feature("orders", "purchase", "count", Window("batch"))
REVENUE = Feature("revenue", "purchase", "sum", Window("batch"))


def kept(*events: Event, partition: str = "a") -> list[Kept]:
    return [Kept(each, ((partition, 1),)) for each in events]


def value(
    events: list[Kept], name: str, window: Window, *, kind: str = "*", now: int = NOON
) -> object:
    feature = Feature("x", kind, name, window)
    return measure([feature], events, now, Watermark({}, 0), 30 * MINUTE)["x"]


@dataclass(frozen=True)
class Arrival:
    partition: str
    event: Event


events_of_worlds = st.builds(
    lambda number, identifiers, at, kind: event(
        # Its number decides all of it: an event that comes again is the same.
        f"E{number}", *[i for i in IDENTIFIERS if i in identifiers],
        at=NOON - at * 7 * MINUTE, kind=kind, price=10_000 * number + 1,
    ),
    st.integers(0, 15), st.sets(st.sampled_from(IDENTIFIERS), min_size=1, max_size=3),
    st.integers(0, 400), st.sampled_from(["purchase", "page_view"]),
)  # fmt: skip
steps = st.one_of(
    st.builds(Arrival, st.sampled_from("abc"), events_of_worlds),
    st.sampled_from(["build", "prune", "restart", "killed"]),
)


@settings(max_examples=40)
@given(st.lists(steps, max_size=40), st.randoms(use_true_random=False))
def test_batch_and_live_are_all_events_counted_once(
    tmp_path_factory: pytest.TempPathFactory, moves: list[object], random: object
) -> None:
    file = tmp_path_factory.mktemp("live") / "live.sqlite"
    state = LiveState(file)
    warehouse = Warehouse(blocked={UNKNOWN})
    positions: dict[str, int] = {}
    arrived: list[tuple[str, int, Event]] = []
    taken_in: dict[str, int | None] = {}
    first: dict[str, Event] = {}
    in_batch: dict[str, Event] = {}
    for move in moves:
        if isinstance(move, Arrival):
            new = first.setdefault(move.event.event_id, move.event)
            positions[move.partition] = positions.get(move.partition, 0) + 1
            place = (move.partition, positions[move.partition])
            arrived.append((*place, new))
            state.take(*place, [(place[1], new)])
        elif move == "build":
            # Some partitions, not all, as files are closed or not when `ingest` looks.
            for partition, upto in positions.items():
                if random.random() < 0.6:  # type: ignore[attr-defined]
                    taken_in[partition] = upto
            for partition, position, each in arrived:
                if position <= (taken_in.get(partition) or 0):
                    in_batch[each.event_id] = each
            for each in in_batch.values():
                for identifier in each.identifiers:
                    if identifier not in warehouse.blocked:
                        # Identities may be merged and split as builds like.
                        warehouse.people[identifier] = random.choice([1, 2, 3])  # type: ignore[attr-defined]
        elif move == "prune":
            state.prune(NOON - DAY, taken_in, TODAY_ENDS)
        else:
            if move == "killed":
                with pytest.raises(RuntimeError):
                    state.take("a", 1_000, _broken())
            state.close()
            state = LiveState(file)
            assert state.positions() == positions
        reader = LiveEvents(file)
        people = People(warehouse, reader, MAX_VALUES)
        for person in (1, 2, 3):
            events = people.events_of(person)
            live = measure(
                [ORDERS, REVENUE], events, NOON, Watermark(taken_in, TODAY_ENDS), 30 * MINUTE
            )
            batch = [each for each in in_batch.values() if owner(each, warehouse) == person]
            bought = [each for each in batch if each.event_type == "purchase"]
            everything = [
                each
                for each in first.values()
                if each.event_type == "purchase" and whose(each, warehouse, first) == person
            ]
            assert len(bought) + live["orders"] == len(everything)  # type: ignore[operator]
            assert (
                sum((each.price or 0 for each in bought), Decimal(0)) / 10_000 + live["revenue"]  # type: ignore[operator]
                == sum((each.price or 0 for each in everything), Decimal(0)) / 10_000
            )
        reader.close()
    taken_in = dict(positions.items())
    for identifier in (i for each in first.values() for i in each.identifiers):
        if identifier not in warehouse.blocked:
            warehouse.people.setdefault(identifier, 1)
    people = People(warehouse, LiveEvents(file), MAX_VALUES)
    for person in (1, 2, 3):
        values = measure(
            [ORDERS, REVENUE], people.events_of(person), NOON, Watermark(taken_in, TODAY_ENDS), 1
        )
        assert values == {"orders": 0, "revenue": 0}


def _broken() -> Iterator[tuple[int, Event]]:
    yield 1_000, event("lost", U1, kind="purchase")
    raise RuntimeError


def test_event_that_stands_in_two_partitions_is_taken_in_with_either(tmp_path: Path) -> None:
    state = LiveState(tmp_path / "live.sqlite")
    state.take("a", 1, [(1, event("E1", U1, kind="purchase"))])
    assert state.take("b", 1, [(1, event("E1", U1, kind="purchase"))]) == 0
    (one,) = LiveEvents(tmp_path / "live.sqlite").of([U1])
    assert Watermark({"b": None}, TODAY_ENDS).counts(one)
    assert not Watermark({"c": None}, TODAY_ENDS).counts(one)


def test_event_that_was_late_is_known_when_it_comes_again(tmp_path: Path) -> None:
    """Its key stays for seven days after it was dropped, however old it was then."""
    state = LiveState(tmp_path / "live.sqlite")
    late = event("E1", U1, at=NOON - 30 * DAY, kind="purchase")
    state.take("a", 2, [(1, late), (2, event("E2", U2))])
    for days, is_new in ((0, 0), (6, 0), (8, 1)):
        now = NOON + days * DAY
        state.prune(now - DAY, {"a": None}, TODAY_ENDS)
        assert state.take("b", days + 1, [(days + 1, late)]) == is_new, days


def test_new_identifier_is_the_persons_whose_identifiers_it_came_with(tmp_path: Path) -> None:
    state = LiveState(tmp_path / "live.sqlite")
    warehouse = Warehouse({D1: 1, D2: 2})
    state.take("a", 1, [(1, event("E1", U1, D1)), (1, event("E2", U2, UNKNOWN))])

    def answer(identifier: Identifier) -> Answer:
        return People(warehouse, LiveEvents(tmp_path / "live.sqlite"), MAX_VALUES).whose(identifier)

    assert answer(D1) == Answer(Status.KNOWN, 1)
    assert answer(U1) == Answer(Status.PROVISIONAL, 1)
    assert answer(U2) == Answer(Status.UNKNOWN)
    state.take("a", 2, [(2, event("E3", U1, D2))])
    assert answer(U1) == Answer(Status.UNDECIDED)
    warehouse.people[U1] = 2
    assert answer(U1) == Answer(Status.KNOWN, 2)


def test_limit_of_identifiers_is_never_overruled(tmp_path: Path) -> None:
    state = LiveState(tmp_path / "live.sqlite")
    warehouse = Warehouse({D1: 1, U1: 1, D2: 2})
    state.take(
        "a", 1, [(1, event("E1", U2, D1)), (1, event("E2", U2, D2)), (1, event("E3", U3, D2))]
    )
    people = People(warehouse, LiveEvents(tmp_path / "live.sqlite"), MAX_VALUES)
    assert people.whose(U2) == Answer(Status.UNDECIDED)
    # Two new ones for a person who may have one.
    assert people.whose(U3) == Answer(Status.UNDECIDED)


def link_of(user: str, device: str) -> Event:
    link = parse_link(json.dumps({
        "left_id_type": "union_id", "left_id_value": user, "right_id_type": "device_id",
        "right_id_value": device, "last_seen": "2026-06-06T11:59:00Z", "is_active": "true",
    }).encode())  # fmt: skip
    assert link is not None
    return link


def test_links_join_and_are_counted_by_no_feature(tmp_path: Path) -> None:
    state = LiveState(tmp_path / "live.sqlite")
    link = link_of(" U1", "D1")
    assert (link.event_type, link.identifiers) == (LINK, (U1, D1))
    state.take("a", 1, [(1, link)])
    people = People(Warehouse({D1: 1}), LiveEvents(tmp_path / "live.sqlite"), MAX_VALUES)
    assert people.whose(U1) == Answer(Status.PROVISIONAL, 1)
    assert value(people.events_of(1), "count", Window("all")) == 0


def test_link_says_nothing_any_more_when_the_batch_has_read_it(tmp_path: Path) -> None:
    """It may have been withdrawn: then its identifier is nobody's, and no more of the person's."""
    state = LiveState(tmp_path / "live.sqlite")
    state.take("links", 1, [(1, link_of("U1", "D1"))])
    state.take("events", 1, [(1, event("E1", U1, kind="purchase"))])
    for taken_in, status, orders in (
        ({}, Status.PROVISIONAL, 1), ({"links": None, "events": None}, Status.UNKNOWN, 0),
    ):  # fmt: skip
        people = People(
            Warehouse({D1: 1}), LiveEvents(tmp_path / "live.sqlite"), MAX_VALUES, taken_in
        )
        assert people.whose(U1).status is status
        assert len([e for e in people.events_of(1) if e.event.event_type != LINK]) == orders


def test_windows_end_by_time_alone() -> None:
    events = kept(event("E1", at=NOON - 5 * MINUTE), event("E2", at=NOON))
    window = Window("last", 5 * MINUTE)
    assert value(events, "count", window) == 1
    assert value(events, "count", window, now=NOON + 5 * MINUTE) == 0
    # A clock that is ahead: not yet.
    assert value(events, "count", window, now=NOON - 1) == 1


def test_session_ends_with_a_pause_and_keeps_to_its_channel() -> None:
    early, pause = NOON - 90 * MINUTE, 30 * MINUTE
    events = kept(
        event("E1", at=early - pause - 1), event("E2", at=early), event("E3", at=early + pause),
        event("E4", at=early + pause + MINUTE, channel="web"),
        event("E5", at=early + 2 * pause),
    )  # fmt: skip
    now = early + 3 * pause
    assert value(events, "count", Window("session"), now=now) == 3
    assert value(events, "first_time", Window("session"), now=now) == "2026-06-06T10:30:00.000Z"
    assert value(events, "count", Window("session"), now=now + 1) == 0
    assert value(events, "first_time", Window("session"), now=now + 1) is None


def test_session_that_the_source_names_is_one() -> None:
    events = kept(
        event("E1", at=NOON - 120 * MINUTE, session="S"), event("E2", at=NOON - MINUTE),
        event("E3", session="S", channel="web"),
    )  # fmt: skip
    assert value(events, "count", Window("session")) == 2


def test_other_measures() -> None:
    events = kept(
        event("E1", at=NOON - 3 * MINUTE, kind="add_cart", price=50_000),
        event("E2", at=NOON - 2 * MINUTE, kind="purchase"),
        event("E3", at=NOON - MINUTE, kind="add_cart", price=125_000),
    )
    since = Window("since", since="purchase")
    assert value(events, "sum", since, kind="add_cart") == Decimal("12.5")
    assert value(events, "any", since, kind="purchase") is False
    assert value(events, "last_type", Window("all")) == "add_cart"
    assert value(events, "seconds_since_last", Window("all"), now=NOON + SECOND) == 61.0
    assert value([], "seconds_since_last", Window("all")) is None
    assert value([], "last_type", Window("all")) is None


def test_event_behind_the_last_day_of_the_batch_is_not_counted_there() -> None:
    events = kept(event("E1", at=NOON, kind="purchase"))
    yesterday = Watermark({"a": None}, NOON - 1)
    today = Watermark({"a": None}, TODAY_ENDS)
    for watermark, orders in ((yesterday, 1), (today, 0)):
        assert measure([ORDERS], events, NOON, watermark, MINUTE) == {"orders": orders}


def test_state_of_another_version_or_kind_says_so(tmp_path: Path) -> None:
    with pytest.raises(OnecdpError, match="isn't there"):
        LiveEvents(tmp_path / "none.sqlite")
    (tmp_path / "text.sqlite").write_text("no database at all" * 100)
    with pytest.raises(OnecdpError, match="can't be used"):
        LiveState(tmp_path / "text.sqlite")
