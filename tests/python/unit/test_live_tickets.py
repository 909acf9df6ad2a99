"""Open tickets: batch and live are all messages read once, however they, builds and people move."""

from __future__ import annotations

import datetime as dt
import importlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import orjson
import pytest
from hypothesis import given, settings
from support.cli import REPOSITORY
from support.live_tickets import COLUMNS, NOW, open_of, take
from support.live_worlds import (
    DAY,
    IDENTIFIERS,
    MAX_VALUES,
    NOON,
    SECOND,
    TICKET_COLUMNS,
    TODAY_ENDS,
    U1,
    UNKNOWN,
    Warehouse,
    event,
    whose,
)

from onecdp.errors import UsageProblem
from onecdp.live.events import Event
from onecdp.live.features import Feature, Window, read_features
from onecdp.live.kept import LiveEvents
from onecdp.live.measure import Watermark, measure
from onecdp.live.person import People
from onecdp.live.state import LiveState
from onecdp.live.tickets import SOLVED, STATE, OpenTicket, parse_ticket


@dataclass(frozen=True)
class Message:
    """A version of a ticket; what it says is decided by its number."""

    partition: str
    ticket: str
    version: int
    said: tuple[tuple[str, Any], ...]

    def line(self) -> bytes:
        at = NOW - dt.timedelta(hours=30 - self.version)
        return json.dumps(
            {"ticket_id": self.ticket, "updated_at": at.isoformat(), **dict(self.said)}
        ).encode()


def message(ticket: str, version: int, seed: int) -> tuple[tuple[str, Any], ...]:
    """What version `version` of a ticket says in the world `seed`."""
    import random

    chance = random.Random(f"{ticket} {version} {seed}")
    unions, devices = ([v for k, v in IDENTIFIERS if k == kind] for _, kind in TICKET_COLUMNS)
    said: dict[str, Any] = {
        "status": chance.choice(["open", "Pending ", "solved", "CLOSED", None]),
        "solved_at": chance.choice([None, None, "2026-06-05T10:00:00", "2026-06-07T01:00:00"]),
        "created_at": chance.choice([None, "2026-06-05T09:00:00", "2026-06-07T00:30:00"]),
        "customer": chance.choice([None, *unions]),
        "browser": chance.choice([None, *devices]),
    }
    if chance.random() < 0.3:
        said["is_deleted"] = chance.choice(["true", "false"])
    # A webhook states all columns; other producers of a topic need not.
    if chance.random() < 0.3:
        said = {name: value for name, value in said.items() if chance.random() < 0.5}
    return tuple(said.items())


def newest(messages: list[Message]) -> dict[str, Any]:
    """A ticket, worked out column by column."""
    values: dict[str, Any] = {}
    for each in sorted(messages, key=lambda m: m.version):
        values |= {**dict(each.said), "updated_at": each.version}
    return values


def document(messages: list[Message]) -> bytes:
    """What a store has of a ticket: each column's newest word and its version."""
    columns: dict[str, tuple[int, Any]] = {}
    for each in sorted(messages, key=lambda m: m.version):
        found = parse_ticket(each.line(), COLUMNS, NOW)
        assert found is not None
        assert found.version is not None
        columns |= orjson.loads(found.version.document)
    return orjson.dumps(columns)


def is_open(values: dict[str, Any]) -> bool:
    """As `int_events__support` and `int_customers__engagement` say, on NOW's day."""
    created, solved = values.get("created_at"), values.get("solved_at")
    status = (values.get("status") or "").strip().lower()
    # The versions are all before now.
    is_created = created is None or created < "2026-06-07"
    is_solved = solved is not None or status in ("solved", "closed")
    if is_solved and solved is not None and solved > "2026-06-07":
        is_solved = False
    return values.get("is_deleted") != "true" and is_created and not is_solved


def requester(values: dict[str, Any]) -> Event:
    held = [(kind, values[column]) for column, kind in TICKET_COLUMNS if values.get(column)]
    return event("asked", *held)


arrivals = st.tuples(st.sampled_from("abc"), st.sampled_from(["T1", "T2", "T3"]), st.integers(0, 9))
steps = st.one_of(arrivals, arrivals, st.sampled_from(["build", "prune", "restart", "killed"]))


@settings(max_examples=150)
@given(st.lists(steps, max_size=30), st.randoms(use_true_random=False), st.integers(0, 1_000))
def test_open_tickets_are_those_of_all_messages(
    tmp_path_factory: pytest.TempPathFactory, moves: list[Any], random: Any, seed: int
) -> None:
    file = tmp_path_factory.mktemp("tickets") / "live.sqlite"
    state, warehouse = LiveState(file), Warehouse(blocked={UNKNOWN})
    arrived: list[tuple[str, int, Message]] = []
    positions: dict[str, int] = {}
    taken_in: dict[str, int | None] = {}
    sets: dict[str, Event] = {}

    def build(share: float) -> None:
        taken_in.update({p: upto for p, upto in positions.items() if random.random() < share})
        loaded = [m for partition, at, m in arrived if at <= (taken_in.get(partition) or 0)]
        for ticket in {m.ticket for m in loaded}:
            warehouse.tickets[ticket] = document([m for m in loaded if m.ticket == ticket])
        for each in loaded:
            for identifier in requester(dict(each.said)).identifiers:
                if identifier not in warehouse.blocked:
                    # Identities may be merged and split as builds like.
                    warehouse.people[identifier] = random.choice([1, 2, 3])

    def check() -> None:
        tickets = {m.ticket for _, _, m in arrived}
        merged = {t: newest([m for _, _, m in arrived if m.ticket == t]) for t in tickets}
        reader = LiveEvents(file)
        people = People(warehouse, reader, MAX_VALUES)
        for person in (1, 2, 3):
            found = people.open_tickets_of(person, NOON, taken_in)
            assert found is not None
            assert sorted(each.ticket_id for each in found) == sorted(
                ticket
                for ticket, values in merged.items()
                if is_open(values) and whose(requester(values), warehouse, sets) == person
            )
        reader.close()

    for move in moves:
        if isinstance(move, tuple):
            partition, ticket, version = move
            new = Message(partition, ticket, version, message(ticket, version, seed))
            positions[partition] = positions.get(partition, 0) + 1
            arrived.append((partition, positions[partition], new))
            parsed = parse_ticket(new.line(), COLUMNS, NOW)
            assert parsed is not None
            sets[parsed.event_id] = requester(dict(new.said))
            state.take(partition, positions[partition], [(positions[partition], parsed)])
        elif move == "build":
            build(0.6)
        elif move == "prune":
            state.prune(NOON - DAY, taken_in, TODAY_ENDS)
        else:
            if move == "killed":
                with pytest.raises(RuntimeError):
                    state.take("a", 1_000, _broken())
            state.close()
            state = LiveState(file)
        check()
    build(1.1)
    check()
    # All is in the batch: without the live side, the answer is the same.
    state.prune(NOON + DAY, taken_in, NOON + DAY)
    assert state.connection.execute("select * from tickets").fetchall() == []
    check()
    state.close()


def _broken() -> Any:
    raise RuntimeError("killed")
    yield


def test_message_without_a_version_is_as_new_as_what_is_known(tmp_path: Path) -> None:
    file, warehouse = tmp_path / "live.sqlite", Warehouse({U1: 1})
    state = LiveState(file)
    take(state, 1, status="open", customer="U1")
    reader = LiveEvents(file)
    assert People(warehouse, reader, MAX_VALUES).open_tickets_of(1, NOON, {}) == [("T1", None)]
    reader.close()
    take(state, 1, status="open", customer="U1", updated_at="2026-06-06T10:00:00Z")
    assert open_of(file, warehouse) == ["T1"]
    take(state, 2, status="solved")
    assert open_of(file, warehouse) == []
    # One from before it comes late.
    take(state, 3, status="open", updated_at="2026-06-06T09:00:00Z")
    assert open_of(file, warehouse) == []
    take(state, 4, status="open", updated_at="2026-06-06T11:00:00Z")
    # The same without a version once more is news again.
    take(state, 5, status="solved")
    assert open_of(file, warehouse) == []


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b'{"status": "open"}',
        b'{"ticket_id": " "}',
        # `onecdp ingest` sets versions aside that are no times, or in the future.
        b'{"ticket_id": "T1", "updated_at": "9999-01-01T00:00:00Z"}',
        b'{"ticket_id": "T1", "updated_at": "unreadable soon"}',
    ],
)
def test_what_is_no_ticket_is_left_out(line: bytes) -> None:
    assert parse_ticket(line, COLUMNS, NOW) is None


def test_columns_are_those_that_say_whose_and_whether_open() -> None:
    """Of a ticket, nothing else is kept; its key has the names that the project gives it."""
    # The package has a function of this name.
    live = importlib.import_module("onecdp.pipeline.live")
    columns = live._ticket_columns(REPOSITORY)
    held = {"customer_id", "email_hash", "mobile_hash"}
    assert {*columns.names.values()} == {"ticket_id", *STATE, *held}
    assert columns.names["requester_email"] == "email_hash"
    renamed = replace(columns, names={**columns.names, "number": "ticket_id"})
    line = json.dumps({"number": " T1 ", "priority": "high", "subject": "x", "status": "open"})
    parsed = parse_ticket(line.encode(), renamed, NOW)
    assert parsed is not None
    assert parsed.version == ("T1", '{"status":[null,"open"]}')


def test_states_of_solved_tickets_are_those_of_the_model() -> None:
    model = (REPOSITORY / "models/intermediate/events/int_events__support.sql").read_text()
    (states,) = re.findall(r"tickets\.status in \((.*?)\)", model)
    assert tuple(re.findall(r"'(.*?)'", states)) == SOLVED


def test_features_of_tickets(tmp_path: Path) -> None:
    features = [
        Feature("has", "ticket_created", "any", Window("open")),
        Feature("count", "ticket_created", "count", Window("open")),
        Feature("since", "ticket_created", "first_time", Window("open")),
    ]
    tickets = [OpenTicket(f"T{n}", NOON - n * SECOND) for n in (2, 1)]
    # No message says when it was opened.
    timeless = OpenTicket("T3", None)

    def values(tickets: list[OpenTicket] | None) -> list[object]:
        found = measure(features, [], NOON, Watermark({}, 0), 1, tickets)
        return [*found.values()]

    assert values(tickets) == [True, 2, "2026-06-06T11:59:58.000Z"]
    assert values([*tickets, timeless]) == [True, 3, "2026-06-06T11:59:58.000Z"]
    assert values([timeless]) == [True, 1, None]
    assert values([]) == [False, 0, None]
    assert values(None) == [None, None, None]


@pytest.mark.parametrize(
    "row", ["x,*,any,open", "x,purchase,count,open", "x,ticket_created,sum,open"]
)
def test_features_of_tickets_that_cannot_be_are_told(tmp_path: Path, row: str) -> None:
    seed = tmp_path / "seeds/live_features.csv"
    seed.parent.mkdir()
    seed.write_text(f"feature,event_type,measure,window\n{row}\n")
    with pytest.raises(UsageProblem, match=r"line 2: window open is of tickets: event_type must"):
        read_features(tmp_path)
