"""What triggers have put out and not sent yet, in its order, and their figures.

What writes needs a `transaction` around it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Waiting:
    """An event that was not sent yet.

    Attributes:
        number: Its place in the order.
        trigger: The trigger's name.
        one_id: The customer.
        event_id: The idempotency key.
        body: JSON.
        created_at: When it was written, microseconds since 1970.
    """

    number: int
    trigger: str
    one_id: str
    event_id: str
    body: bytes
    created_at: int


def put_out(state: sqlite3.Connection, destination: str, event: Waiting) -> None:
    """Adds an event to what is to be sent; its number is given here."""
    state.execute(
        "insert into trigger_outbox (destination, trigger_name, one_id, event_id, body, created_at)"
        " values (?, ?, ?, ?, ?, ?)",
        (destination, event.trigger, event.one_id, event.event_id, event.body, event.created_at),
    )


def waiting(state: sqlite3.Connection, destination: str, most: int) -> list[Waiting]:
    """Returns the next events to send to a destination, in their order."""
    rows = state.execute(
        "select number, trigger_name, one_id, event_id, body, created_at from trigger_outbox"
        " where destination = ? order by number limit ?",
        (destination, most),
    )
    return [Waiting(*row) for row in rows.fetchall()]


def take_out(state: sqlite3.Connection, event: Waiting, what: str) -> bool:
    """Deletes an event that was sent or refused, and counts it; returns whether it was there."""
    cursor = state.execute("delete from trigger_outbox where number = ?", (event.number,))
    if cursor.rowcount:
        count(state, event.trigger, what)
    return bool(cursor.rowcount)


def count(state: sqlite3.Connection, trigger: str, what: str) -> None:
    """Counts `entered`, `left`, `held_out`, `sent` or `refused`."""
    state.execute(
        "insert into trigger_counts values (?, ?, 1) on conflict do update set count = count + 1",
        (trigger, what),
    )


def read_figures(state: sqlite3.Connection) -> Iterator[tuple[str, str, str, int]]:
    """Yields figures without personal data: trigger, `events`, `members` or `waiting`, what, count.

    Nothing comes of a file that had no triggers yet.
    """
    if not state.execute("select 1 from sqlite_master where name = 'trigger_counts'").fetchone():
        return
    yield from state.execute(
        "select trigger_name, 'events', what, count from trigger_counts"
        " union all select trigger_name, 'members', arm, count(*) from trigger_stays"
        " where is_in group by trigger_name, arm"
        " union all select trigger_name, 'waiting', destination, count(*) from trigger_outbox"
        " group by trigger_name, destination order by 2, 1, 3"
    ).fetchall()
