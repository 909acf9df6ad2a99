"""Tickets in Redis that are made anew: nobody misses one meanwhile, and none is left behind."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import duckdb
import pytest
from support.redis_server import RedisServer, needs_redis
from support.serving import Person, World, write_marts

from onecdp.errors import OnecdpError
from onecdp.live.events import Identifier
from onecdp.serving import batch_tickets, redis_place
from onecdp.serving.batch_state import BatchState
from onecdp.serving.batch_tickets import StoredTicket, read_tickets
from onecdp.serving.places import Publication
from onecdp.serving.redis_place import RedisPlace
from onecdp.serving.write_redis import RedisWriter

pytestmark = needs_redis
BY_CUSTOMER: list[Identifier] = [("customer_id", "customer_id"), ("email_hash", "email_hash")]
BY_EMAIL = BY_CUSTOMER[::-1]
C1, C2, E1 = ("customer_id", "C1"), ("customer_id", "C2"), ("email_hash", "e1")


class Loaded:
    """A private file with tickets, published in Redis."""

    def __init__(self, place: RedisPlace, folder: Path) -> None:
        self.place, self.private, self.day = place, folder / "private.duckdb", 0
        write_marts(place.marts, World((Person(1, ids=("customer_id:C1",)),)))
        with duckdb.connect(self.private) as private:
            private.execute("create schema raw_support")
            private.execute(
                "create table raw_support.tickets (ticket_id varchar, status varchar,"
                " updated_at timestamp, customer_id varchar, email_hash varchar,"
                " _column_sources json, _loaded_at timestamptz)"
            )

    def load(self, ticket: str, customer: str | None, email: str | None) -> None:
        self.day += 1
        at = dt.datetime(2026, 6, self.day, tzinfo=dt.UTC)
        with duckdb.connect(self.private) as private:
            private.execute(
                "insert into raw_support.tickets values (?, 'open', ?, ?, ?, null, ?)",
                [ticket, at.replace(tzinfo=None), customer, email, at],
            )

    def publish(self, columns: Sequence[Identifier] | None, name: str = "1") -> bool:
        with duckdb.connect(self.private, read_only=True) as private:
            read = None if columns is None else read_tickets(private, columns)
        batch = BatchState({}, dt.date(2026, 6, 6), frozenset(), (), read).to_json()
        return self.place.write(Publication(name, batch=batch, private=self.private))

    def erase_row(self, ticket: str) -> None:
        with duckdb.connect(self.private) as private:
            private.execute("delete from raw_support.tickets where ticket_id = ?", [ticket])


@pytest.fixture
def loaded(place: RedisPlace, tmp_path: Path) -> Loaded:
    made = Loaded(place, tmp_path)
    made.load("T1", "C1", None)
    made.load("T2", "C2", "e1")
    assert made.publish(BY_CUSTOMER)
    return made


def keys_of_tickets(redis: RedisServer) -> set[str]:
    """Without the epoch and the name of the tickets."""
    found = (key.decode().split(":") for key in redis.client.scan_iter())
    return {":".join([part[2], *part[4:]]) for part in found if part[2:] and part[2] in ("t", "h")}


def test_reader_of_before_has_all_tickets_while_they_are_made_anew(
    loaded: Loaded, redis: RedisServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, seen = loaded.place.open(), list[set[str]]()
    stored, point = batch_tickets.stored_tickets, RedisWriter._point

    def look() -> None:
        seen.append({*old.tickets_of([C1]), *old.tickets_of([C2])})

    def watched(*args: Any) -> Iterator[StoredTicket]:
        for ticket in stored(*args):
            look()
            yield ticket

    def watched_point(writer: RedisWriter, state: Any) -> None:
        look()
        point(writer, state)
        look()

    monkeypatch.setattr(batch_tickets, "stored_tickets", watched)
    monkeypatch.setattr(RedisWriter, "_point", watched_point)
    # T1 is not loaded any more, and another column counts first.
    loaded.erase_row("T1")
    assert loaded.publish(BY_EMAIL)
    assert seen == [{"T1", "T2"}] * 3
    new = loaded.place.open()
    assert ({*new.tickets_of([C1])}, {*new.tickets_of([E1])}) == (set(), {"T2"})
    assert keys_of_tickets(redis) == {"t:T2", "h:customer_id:C2", "h:email_hash:e1"}
    # Nobody asks for tickets any more.
    assert loaded.publish(None)
    assert keys_of_tickets(redis) == set()
    assert loaded.place.open().tickets_of([C2]) == {}


@pytest.mark.parametrize("killed", ["before the pointer", "behind it"])
def test_killed_publication_leaves_no_ticket(
    loaded: Loaded, redis: RedisServer, monkeypatch: pytest.MonkeyPatch, killed: str
) -> None:
    def fail(*_: object) -> None:
        raise OnecdpError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(
            RedisWriter, "_point" if killed == "before the pointer" else "_remove_tickets", fail
        )
        with pytest.raises(OnecdpError, match="killed"):
            loaded.publish(BY_EMAIL)
    # Also by an erasure that comes first.
    loaded.place.erase([C1], [1])
    assert keys_of_tickets(redis) == {"t:T2", "h:customer_id:C2", "h:email_hash:e1"}
    loaded.publish(BY_EMAIL)
    assert "t:T2" in keys_of_tickets(redis)


def test_name_of_a_warehouse_that_cannot_be_written_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_fresh: Path, _file: Path) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(redis_place, "replace_file", full)
    with pytest.raises(OnecdpError, match=r"online.owner can't be used: no space left"):
        redis_place._owner_of(tmp_path)
    assert [*tmp_path.iterdir()] == []
