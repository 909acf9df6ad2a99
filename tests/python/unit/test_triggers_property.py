"""Triggers on random streams, publications and kills, against everybody judged at every moment."""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest import mock

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from support.live_worlds import DAY, IDENTIFIERS, MINUTE, UNKNOWN, event, whose
from support.triggers import FEATURES, GAP, KEY, Customers, Stage, one_id_of, trigger

from onecdp.errors import OnecdpError
from onecdp.live.events import Event, Identifier
from onecdp.live.kept import Kept
from onecdp.live.measure import Watermark, measure
from onecdp.live.triggers import stays
from onecdp.live.triggers.conditions import TREATMENT, arm_of, holds, live_holds
from onecdp.live.triggers.declared import Trigger, live_name
from onecdp.live.triggers.outbox import Waiting
from onecdp.live.triggers.send import Outbox, Sender

TICK = 5 * MINUTE
TRIGGERS = (
    trigger("browsing", "live.views_30m >= 2 AND gold AND NOT live.bought_2h"),
    trigger("asked", "live.session_views", purpose="mail", cool_down=50 * MINUTE),
    trigger("halved", "live.orders >= 1 OR live.cart > 3", hold_out_share=0.5, cool_down=DAY),
    trigger("idle", "live.idle >= 600 AND live.idle < 3600 AND NOT gold"),
)


@dataclass(frozen=True)
class Remembered:
    """A stay: its arm, whether it goes on, when the customer may enter again, an identifier."""

    arm: str
    is_in: bool
    until: int
    identifier: Identifier | None


@dataclass
class Oracle:
    """Judges every customer at every moment, from all events."""

    triggers: Sequence[Trigger]
    customers: Customers = field(default_factory=Customers)
    events: dict[str, Event] = field(default_factory=dict)
    places: dict[str, list[tuple[str, int]]] = field(default_factory=dict)
    watermark: Watermark = field(default_factory=lambda: Watermark({}, 0))
    gold: set[int] = field(default_factory=set)
    consented: set[int] = field(default_factory=set)
    suppressed: set[int] = field(default_factory=set)
    stays: dict[tuple[str, str], Remembered] = field(default_factory=dict)

    def publish(self, people: dict[Identifier, int]) -> list[tuple[str, str, str]]:
        """Moves the stays of customers who are gone to those who have their identifiers."""
        self.customers = Customers(people, {UNKNOWN})
        said = []
        for at in sorted(self.stays):
            name, one_id = at
            if self.customers.person_of(("one_id", one_id)) is not None:
                continue
            stay = self.stays.pop(at)
            person = self.whose(stay.identifier) if stay.identifier else None
            heir = (name, one_id_of(person)) if person is not None else None
            own = self.stays.get(heir) if heir else None
            if stay.is_in and stay.arm == TREATMENT and (heir is None or (own and own.is_in)):
                said.append((name, "left", one_id))
            if heir is not None:
                both = [each for each in (own, stay) if each]
                kept = own if own and own.is_in else max(both, key=lambda s: (s.is_in, s.until))
                self.stays[heir] = replace(kept, until=max(each.until for each in both))
        return said

    def whose(self, identifier: Identifier) -> int | None:
        return whose(event("asked", identifier), self.customers, self.events)

    def judge(self, now: int) -> list[tuple[str, str, str]]:
        said = []
        for person in sorted(set(self.customers.people.values())):
            events = sorted(
                (e for e in self.events.values()
                 if whose(e, self.customers, self.events) == person),
                key=lambda e: (e.event_time, e.event_id),
            )  # fmt: skip
            kept = [Kept(e, tuple(self.places[e.event_id])) for e in events]
            values = measure(FEATURES, kept, now, self.watermark, GAP)
            for each in self.triggers:
                said += self._change(each, person, events, values, now)
        return said

    def _change(
        self, each: Trigger, person: int, events: list[Event], values: dict[str, Any], now: int
    ) -> list[tuple[str, str, str]]:
        one_id = one_id_of(person)
        at, arm = (each.name, one_id), arm_of(KEY, each.name, one_id, each.hold_out_share)
        is_in = (
            person not in self.suppressed
            and (not each.purpose or person in self.consented)
            and holds(
                each.expression,
                lambda leaf: live_holds(leaf, values) if live_name(leaf) else person in self.gold,
            )
        )
        said, stay = [], self.stays.pop(at, None)
        if stay and stay.is_in and (not is_in or stay.arm != arm):
            said += [(each.name, "left", one_id)] if stay.arm == TREATMENT else []
            stay = replace(stay, is_in=False)
        if stay and not stay.is_in and stay.until <= now:
            stay = None
        if is_in and stay is None and events:
            stay = Remembered(arm, True, now + each.cool_down, None)
            said += [(each.name, "entered", one_id)] if arm == TREATMENT else []
        if stay:
            if stay.identifier is None or self.whose(stay.identifier) != person:
                held = [i for e in reversed(events) for i in e.identifiers]
                held += self.customers.identifiers_of(person)
                theirs = (i for i in held if self.whose(i) == person)
                stay = replace(stay, identifier=next(theirs, None))
            self.stays[at] = stay
        return said


class Flaky:
    """A destination that fails at random, also after it has taken an event."""

    batch = 2

    def __init__(self, chance: random.Random) -> None:
        self.chance, self.taken = chance, list[Waiting]()

    def send(self, events: Sequence[Waiting]) -> int | None:
        if self.chance.random() < 0.3:
            raise OnecdpError("not now")
        self.taken += events
        if self.chance.random() < 0.2:
            raise RuntimeError("killed between the receipt and the note of it")
        return None

    def close(self) -> None: ...


arrivals = st.builds(
    lambda number, identifiers, ago, kind: event(
        f"E{number}", *[i for i in IDENTIFIERS if i in identifiers],
        at=-ago * TICK, kind=kind, price=20_000,
    ),
    st.integers(0, 30), st.sets(st.sampled_from(IDENTIFIERS), min_size=1, max_size=2),
    st.sampled_from([-3, 0, 0, 0, 0, 1, 2, 7]), st.sampled_from(["purchase", *["page_view"] * 4]),
)  # fmt: skip
clock = st.integers(1, 12)
moves = st.lists(
    st.one_of(
        arrivals, arrivals, arrivals, clock,
        st.sampled_from(["publish", "publish", "prune", "restart", "killed", "send"]),
    ),
    min_size=20, max_size=60,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(moves, st.randoms(use_true_random=False))
def test_everybody_enters_and_leaves_once_and_in_time(
    tmp_path_factory: pytest.TempPathFactory, moves: list[Event | int | str], chance: random.Random
) -> None:
    follow(tmp_path_factory.mktemp("triggers"), moves, chance)


@pytest.mark.soak
@settings(max_examples=2_000, deadline=None)
@given(moves, st.randoms(use_true_random=False))
def test_everybody_enters_and_leaves_once_and_in_time_in_many_worlds(
    tmp_path_factory: pytest.TempPathFactory, moves: list[Event | int | str], chance: random.Random
) -> None:
    follow(tmp_path_factory.mktemp("triggers"), moves, chance)


def follow(folder: Path, moves: list[Event | int | str], chance: random.Random) -> None:
    # As if there were too many people for one transaction.
    with mock.patch("onecdp.live.triggers.watch.SLICE", chance.choice([2, 200])):
        _follow(folder, moves, chance)


def _follow(folder: Path, moves: list[Event | int | str], chance: random.Random) -> None:
    stage, oracle = Stage(folder / "live.sqlite", TRIGGERS), Oracle(TRIGGERS)
    receiver, expected = Flaky(chance), list[tuple[str, str, str]]()
    first: dict[str, Event] = {}
    positions = 0

    def publish() -> None:
        numbers = [1, 2, 3]
        for identifier in IDENTIFIERS:
            if identifier != UNKNOWN and chance.random() < 0.6:
                stage.customers.people[identifier] = chance.choice(numbers)
        oracle.gold, oracle.consented = some(chance), some(chance)
        oracle.suppressed = some(chance) if chance.random() < 0.3 else set()
        taken_in = positions if chance.random() < 0.7 else 0
        oracle.watermark = Watermark({"a": taken_in}, stage.now - stage.now % DAY + DAY)
        stage.customers.blocked = {UNKNOWN}
        stage.publish(
            watermark=oracle.watermark, gold=[*oracle.gold], consented=[*oracle.consented],
            suppressed=[*oracle.suppressed],
        )  # fmt: skip
        check(oracle.publish(dict(stage.customers.people)))

    def check(moved: Sequence[tuple[str, str, str]] = ()) -> None:
        before = len(expected)
        expected.extend([*moved, *oracle.judge(stage.now)])
        stage.look()
        rows = stage.state.connection.execute(
            "select body from trigger_outbox order by number"
        ).fetchall()
        waiting = [json.loads(body) for (body,) in rows]
        done = {each.event_id for each in receiver.taken}
        told = [(e["trigger"], e["action"], e["one_id"]) for e in waiting if e["event_id"] not in
                seen and e["event_id"] not in done]  # fmt: skip
        seen.update(each["event_id"] for each in waiting)
        assert sorted(told) == sorted(expected[before:])
        order.extend(each["event_id"] for each in waiting if each["event_id"] not in order)

    seen: set[str] = set()
    order: list[str] = []
    publish()
    for move in moves:
        if isinstance(move, Event):
            new = first.setdefault(
                move.event_id, move._replace(event_time=stage.now + move.event_time)
            )
            positions += 1
            stage.state.take("a", positions, [(positions, new)])
            if new.event_id not in oracle.places:
                oracle.events[new.event_id] = new
            oracle.places.setdefault(new.event_id, []).append(("a", positions))
            check()
        elif isinstance(move, int):
            for _ in range(move):
                stage.now += TICK
                check()
        elif move == "publish":
            publish()
        elif move == "prune":
            mark = oracle.watermark
            stage.state.prune(stage.now - 3 * 60 * MINUTE, mark.taken_in, mark.as_of)
            for name, each in [*oracle.events.items()]:
                is_old = each.event_time < min(stage.now - 3 * 60 * MINUTE, mark.as_of)
                if is_old and mark.counts(Kept(each, tuple(oracle.places[name]))):
                    del oracle.events[name]
            check()
        elif move == "restart":
            stage.restart()
        elif move == "killed":
            if stage.publication is not None:
                stays.recheck_all(stage.state.connection)
            with mock.patch.object(stays, "set_due", side_effect=RuntimeError("killed")):
                try:
                    stage.look()
                except RuntimeError:
                    stage.restart()
            check()
        else:
            send(stage, receiver, attempts=3)
    while stage.put_out():
        send(stage, receiver, attempts=20)
    # At least once, each first time in its order, and each by one key.
    sent = [*dict.fromkeys(each.event_id for each in receiver.taken)]
    assert sent == order
    assert_stays(receiver.taken)


def some(chance: random.Random) -> set[int]:
    return {person for person in (1, 2, 3) if chance.random() < 0.6}


def send(stage: Stage, receiver: Flaky, attempts: int) -> None:
    outbox = Outbox(stage.file, stage.file.parent / "dead-letters")
    for _ in range(attempts):
        state = sqlite3.connect(stage.file, isolation_level=None)
        try:
            Sender(outbox, "hook", receiver, print, now=lambda: 0).send_next(state)
        except (OnecdpError, RuntimeError):
            pass
        finally:
            state.close()


def assert_stays(taken: Sequence[Waiting]) -> None:
    """Entering comes before leaving, once each."""
    by_stay: dict[str, list[str]] = {}
    for event_id, body in {each.event_id: each.body for each in taken}.items():
        said = json.loads(body)
        assert event_id == f"{said['stay_id']}-{said['action']}"
        by_stay.setdefault(said["stay_id"], []).append(said["action"])
    assert all(actions in (["entered"], ["entered", "left"]) for actions in by_stay.values())
