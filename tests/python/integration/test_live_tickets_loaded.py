"""What online stores say of tickets is what `onecdp ingest` has loaded, column by column."""

from __future__ import annotations

import datetime as dt
import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pytest
from support.ingestion import Warehouse
from support.redis_server import needs_redis
from support.serving import Person, World, write_marts

from onecdp.live.events import Identifier, microseconds
from onecdp.live.kept import LiveEvents
from onecdp.live.person import People
from onecdp.live.state import LiveState
from onecdp.live.tickets import TicketColumns, parse_ticket, ticket_of
from onecdp.serving.batch_state import BatchState
from onecdp.serving.batch_tickets import TicketsRead, loaded_tickets_of, read_tickets
from onecdp.serving.lookups import Store
from onecdp.serving.places import FilePlace, Place, Publication
from onecdp.serving.redis_place import RedisPlace
from onecdp.serving.store_directory import StoreDirectory
from onecdp.warehouse.files import Warehouse as Files

COLUMNS: list[Identifier] = [("customer_id", "customer_id"), ("email_hash", "email_hash")]
NAMES = TicketColumns(
    {name: name for name in ("ticket_id", "customer_id", "status", "is_deleted", "updated_at",
                             "solved_at")},
    COLUMNS,
)  # fmt: skip
NOW = microseconds(dt.datetime(2026, 6, 6, 12))
TICKETS = [f"T{number}" for number in range(4)]


def message(chance: random.Random, ticket: str, version: int) -> dict[str, Any]:
    """A version of a ticket, of which no other one has the same time."""
    said = {
        "updated_at": f"2026-06-05T{version // 60:02}:{version % 60:02}:00Z",
        "status": chance.choice(["open", "Solved", " pending", "closed", None]),
        "solved_at": chance.choice([None, None, "2026-06-05T10:00:00"]),
        "created_at": chance.choice([None, "2026-06-05T09:00:00"]),
        "customer_id": chance.choice(["C1", "C2", None]),
        "requester_email": chance.choice(["a" * 64, "B" * 64, None]),
        "is_deleted": chance.choice(["true", "false", None]),
    }
    if chance.random() < 0.5:
        # An export of some columns; a webhook has them all, null or not.
        said = {k: v for k, v in said.items() if k == "updated_at" or chance.random() < 0.5}
    return {"ticket_id": ticket, **said}


def expected(messages: list[dict[str, Any]], ticket: str) -> tuple[dict[str, str], bool]:
    """The identifiers of a ticket, and whether it is open, by all messages at once."""
    values: dict[str, Any] = {}
    for each in sorted(messages, key=lambda each: each["updated_at"]):
        if each["ticket_id"] == ticket:
            values |= each
    held = {"customer_id": values.get("customer_id"),
            "email_hash": (values.get("requester_email") or "").lower()}  # fmt: skip
    status = (values.get("status") or "").strip().lower()
    is_solved = values.get("solved_at") or status in ("solved", "closed")
    is_open = not is_solved and values.get("is_deleted") != "true"
    return {kind: value for kind, value in held.items() if value}, is_open


def check(store: Store, messages: list[dict[str, Any]]) -> None:
    named = {each["ticket_id"] for each in messages}
    by_identifier: dict[Identifier, set[str]] = {}
    for ticket in TICKETS:
        document = store.ticket(ticket)
        assert (document is not None) == (ticket in named)
        if document is None:
            continue
        found = ticket_of([document], COLUMNS, NOW)
        assert (dict(found.identifiers), found.is_open) == expected(messages, ticket)
        for identifier in found.identifiers:
            by_identifier.setdefault(identifier, set()).add(ticket)
    for value in ("C1", "C2", "a" * 64, "b" * 64):
        identifier = ("customer_id" if len(value) == 2 else "email_hash", value)
        known = store.tickets_of([identifier])
        assert {*known} == by_identifier.get(identifier, set())
        assert all(store.ticket(ticket) == document for ticket, document in known.items())
    assert store.tickets_of([]) == {}


@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.soak)])
def test_file_has_the_tickets_that_are_loaded(
    warehouse: Warehouse, tmp_path: Path, seed: int
) -> None:
    load_and_publish(warehouse, FilePlace(Files(warehouse.folder)), random.Random(seed))


@needs_redis
def test_redis_has_the_tickets_that_are_loaded(warehouse: Warehouse, place: RedisPlace) -> None:
    load_and_publish(warehouse, place, random.Random(3))


def load_and_publish(warehouse: Warehouse, place: Place, chance: random.Random) -> None:
    marts = place.marts if isinstance(place, RedisPlace) else Files(warehouse.folder).marts_file
    world = World((Person(1, ids=("customer_id:C1",)),))
    write_marts(marts, world)
    versions = {ticket: [*range(1, 30)] for ticket in TICKETS}
    messages: list[dict[str, Any]] = []
    for day in range(5):
        new = []
        for _ in range(chance.randint(1, 4)):
            ticket = chance.choice(TICKETS)
            version = versions[ticket].pop(chance.randrange(len(versions[ticket])))
            new.append(message(chance, ticket, version))
        messages += new
        lines = [json.dumps(each) for each in new]
        warehouse.write(f"support/tickets/webhooks/{day}.jsonl", *lines)
        warehouse.load(source="support")
        columns = COLUMNS[::-1] if day == 4 else COLUMNS
        private = Files(warehouse.folder).build_file
        with duckdb.connect(private, read_only=True) as connection:
            read = read_tickets(connection, columns)
        assert read is not None
        # Of some days the marts are as before; of one, nothing is known of the store before.
        name, of = str(day // 2), str((day - 1) // 2)
        before = None
        if day and day != 3 and name != of:
            before = marts.with_name("before")
            write_marts(before, world)
        assert place.write(
            Publication(name, before, of if before else None, batch_of(read), private)
        )
        check(place.open(), messages)
    place.erase([("customer_id", "C1")], [1])
    store = place.open()
    assert store.tickets_of([("customer_id", "C1")]) == {}
    left = [document for ticket in TICKETS if (document := store.ticket(ticket)) is not None]
    assert all(orjson.loads(each).get("customer_id", [0, None])[1] != "C1" for each in left)


def test_messages_go_on_where_the_loaded_tickets_end(warehouse: Warehouse) -> None:
    """Whatever state a ticket was loaded in, and whose it becomes by a merge or a split."""
    C1, C2 = ("customer_id", "C1"), ("customer_id", "C2")
    warehouse.write(
        "support/tickets/webhooks/0.jsonl",
        *(json.dumps({"ticket_id": ticket, "updated_at": "2026-06-05T10:00:00Z", **said})
          for ticket, said in {
              "T1": {"status": "solved", "solved_at": "2026-06-05T10:00:00Z", "customer_id": "C1"},
              "T2": {"status": "open", "customer_id": "C2"},
              "T3": {"status": "open", "customer_id": "C1", "is_deleted": "true"},
          }.items()),
    )  # fmt: skip
    warehouse.load(source="support")
    files = Files(warehouse.folder)
    with duckdb.connect(files.build_file, read_only=True) as private:
        read = read_tickets(private, COLUMNS)
    assert read is not None
    place, state = FilePlace(files), LiveState(files.live_file)

    def publish(name: str, *people: Person) -> None:
        write_marts(files.marts_file, World(people))
        assert place.write(Publication(name, batch=batch_of(read), private=files.build_file))

    def tell(position: int, ticket: str, hour: int, **said: object) -> None:
        line = {"ticket_id": ticket, "updated_at": f"2026-06-05T{hour:02}:00:00Z", **said}
        parsed = parse_ticket(json.dumps(line).encode(), NAMES, dt.datetime(2026, 6, 6, 12))
        assert parsed is not None
        state.take("kafka/tickets/0", position, [(position, parsed)])

    def open_of(identifier: Identifier) -> list[str]:
        events = LiveEvents(files.live_file)
        people = People(StoreDirectory(place.open()), events, {})
        person = people.whose(identifier).person
        assert person is not None
        found = people.open_tickets_of(person, NOW, {})
        events.close()
        assert found is not None
        return sorted(each.ticket_id for each in found)

    one, two = Person(1, ids=("customer_id:C1",)), Person(2, ids=("customer_id:C2",))
    publish("1", one, two)
    assert (open_of(C1), open_of(C2)) == ([], ["T2"])
    # One of before it was solved comes late.
    tell(1, "T1", 9, status="open", solved_at=None)
    assert open_of(C1) == []
    # Opened again: a message that says only that, and one that says whose it is, too.
    tell(2, "T1", 11, status="open", solved_at=None)
    assert open_of(C1) == ["T1"]
    tell(3, "T3", 11, status="open", customer_id="C1", is_deleted=False)
    assert open_of(C1) == ["T1", "T3"]
    # The customers are merged, then others.
    publish("2", replace(one, ids=("customer_id:C1", "customer_id:C2")))
    assert open_of(C1) == open_of(C2) == ["T1", "T2", "T3"]
    tell(4, "T2", 12, status="solved")
    assert open_of(C2) == ["T1", "T3"]
    publish("3", replace(one, ids=("customer_id:C2",)), replace(two, ids=("customer_id:C1",)))
    assert (open_of(C1), open_of(C2)) == (["T1", "T3"], [])
    state.close()


def test_tickets_of_a_person_are_found_by_any_column(warehouse: Warehouse) -> None:
    """`onecdp forget` asks for them."""
    email = "A" * 64
    warehouse.write(
        "support/tickets/a.csv", "ticket_id,customer_id,requester_email", "T1,C1,", f"T2,,{email}",
        "T3,C2,", f"T4,C1,{email}",
    )  # fmt: skip
    warehouse.load(source="support")
    identifiers = [("customer_id", "C1"), ("email_hash", email.lower()), ("member_id", "C2")]
    with duckdb.connect(Files(warehouse.folder).build_file, read_only=True) as private:
        assert loaded_tickets_of(private, COLUMNS, identifiers) == {"T1", "T2", "T4"}
        assert loaded_tickets_of(private, COLUMNS, []) == set()
    with duckdb.connect() as private:
        assert loaded_tickets_of(private, COLUMNS, identifiers) == set()


def batch_of(tickets: TicketsRead) -> str:
    return BatchState({}, dt.date(2026, 6, 6), frozenset(), (), tickets).to_json()


def test_project_without_tickets_has_none(tmp_path: Path) -> None:
    with duckdb.connect(tmp_path / "x.duckdb") as connection:
        assert read_tickets(connection, COLUMNS) is None
