"""Who is in which trigger, and whom to look at again: tables of live.sqlite, with the outbox.

    trigger_stays    (trigger, one_id) → the stay, and until when the customer can't enter again
    trigger_touched  identifiers of new events: whose they are is looked at next
    trigger_recheck  identifiers to look at when nothing is touched or due, after a publication
    trigger_due      one_id → when to look at the customer again without a new event
    trigger_outbox   events to send, in their order
    trigger_counts   figures by trigger, without personal data
    trigger_world    what the stays were judged by: the publication, the declarations

What writes needs a `transaction` around it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from onecdp.live.events import TICKET, Identifier

SCHEMA = """
create table if not exists trigger_stays (
    trigger_name text, one_id text, stay_id text not null, arm text not null,
    entered_at integer not null, is_in integer not null, cool_down_until integer not null,
    id_type text, id_value text, primary key (trigger_name, one_id)
) without rowid;
create index if not exists trigger_stays_of on trigger_stays (one_id);
create table if not exists trigger_touched (
    id_type text, id_value text, primary key (id_type, id_value)
) without rowid;
create table if not exists trigger_recheck (
    id_type text, id_value text, primary key (id_type, id_value)
) without rowid;
create table if not exists trigger_due (one_id text primary key, due_at integer not null);
create index if not exists trigger_due_at on trigger_due (due_at);
create table if not exists trigger_outbox (
    number integer primary key autoincrement, destination text not null, trigger_name text not null,
    one_id text not null, event_id text not null unique, body blob not null,
    created_at integer not null
);
create index if not exists trigger_outbox_of on trigger_outbox (destination, number);
create table if not exists trigger_counts (
    trigger_name text, what text, count integer not null, primary key (trigger_name, what)
) without rowid;
create table if not exists trigger_world (publication text, declarations text);
"""
_STAY = "trigger_name, one_id, stay_id, arm, entered_at, is_in, cool_down_until, id_type, id_value"

FIRST: Identifier = ("", "")
"""Before all identifiers."""


@dataclass(frozen=True)
class Stay:
    """A customer in a trigger, or one who left it and can't enter again yet.

    Attributes:
        trigger: The trigger's name.
        one_id: The customer.
        stay_id: What its entering and its leaving have in common.
        arm: Drawn when the customer entered.
        entered_at: When; microseconds since 1970.
        is_in: Whether the customer is in it.
        cool_down_until: When the customer may enter again.
        identifier: One of the customer's, by which the stay finds the customer after a merge.
    """

    trigger: str
    one_id: str
    stay_id: str
    arm: str
    entered_at: int
    is_in: bool
    cool_down_until: int
    identifier: Identifier | None


TABLES = (
    "trigger_stays", "trigger_touched", "trigger_recheck", "trigger_due", "trigger_outbox",
    "trigger_counts", "trigger_world",
)  # fmt: skip


@contextmanager
def transaction(state: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of the block is committed, or nothing."""
    state.execute("begin immediate")
    try:
        yield state
    except BaseException:
        # A full disk has rolled it back already.
        if state.in_transaction:
            state.execute("rollback")
        raise
    state.execute("commit")


def find_stays(state: sqlite3.Connection, one_id: str) -> dict[str, Stay]:
    """Returns the stays of a customer by trigger."""
    rows = state.execute(f"select {_STAY} from trigger_stays where one_id = ?", (one_id,))
    return {
        trigger: Stay(trigger, one_id, stay_id, arm, at, bool(is_in), until, kind and (kind, value))
        for trigger, one_id, stay_id, arm, at, is_in, until, kind, value in rows.fetchall()
    }


def find_one_ids(state: sqlite3.Connection) -> list[str]:
    """Returns the customers who have stays."""
    rows = state.execute("select distinct one_id from trigger_stays order by one_id")
    return [one_id for (one_id,) in rows.fetchall()]


def put_stay(state: sqlite3.Connection, stay: Stay) -> None:
    """Writes a stay over the one that is there."""
    state.execute(
        f"insert or replace into trigger_stays ({_STAY}) values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            stay.trigger, stay.one_id, stay.stay_id, stay.arm, stay.entered_at, stay.is_in,
            stay.cool_down_until, *(stay.identifier or (None, None)),
        ),
    )  # fmt: skip


def drop_stay(state: sqlite3.Connection, stay: Stay) -> None:
    """Deletes a stay."""
    state.execute(
        "delete from trigger_stays where trigger_name = ? and one_id = ?",
        (stay.trigger, stay.one_id),
    )


def set_due(state: sqlite3.Connection, one_id: str, due_at: int | None) -> None:
    """Notes when to look at a customer again; None if only an event or a build can change much."""
    if due_at is None:
        state.execute("delete from trigger_due where one_id = ?", (one_id,))
    else:
        state.execute("insert or replace into trigger_due values (?, ?)", (one_id, due_at))


def touch(state: sqlite3.Connection, identifiers: Iterable[Identifier]) -> None:
    """Notes that something happened to identifiers."""
    state.executemany(
        "insert or ignore into trigger_touched values (?, ?)", sorted(set(identifiers))
    )


def recheck_all(state: sqlite3.Connection) -> None:
    """Has everybody looked at: who has recent events or tickets, and who is in a trigger."""
    state.execute(
        "insert or ignore into trigger_recheck"
        " select distinct id_type, id_value from event_identifiers"
    )
    # Messages need not name whose their ticket is.
    state.execute(
        "insert or ignore into trigger_recheck select distinct ?, ticket_id from tickets", (TICKET,)
    )
    state.execute(
        "insert or ignore into trigger_recheck select 'one_id', one_id from trigger_stays"
    )


@dataclass(frozen=True)
class Next:
    """Whom to look at next: who was touched or is due, and then who is to be rechecked."""

    touched: tuple[Identifier, ...]
    due: tuple[Identifier, ...]
    rechecked: tuple[Identifier, ...]

    def __len__(self) -> int:
        """How many identifiers."""
        return len(self.touched) + len(self.due) + len(self.rechecked)


def take_next(state: sqlite3.Connection, now: int, most: int, after: Identifier = FIRST) -> Next:
    """Returns whom to look at next, and takes them out.

    Those due stay in their table, until `set_due` says when to look again.

    Args:
        state: The live state.
        now: The time.
        most: How many identifiers at most.
        after: The one who was touched and looked at last: all have their turn, however many come.
    """
    due = state.execute(
        "select 'one_id', one_id from trigger_due where due_at <= ? order by due_at limit ?",
        (now, most),
    ).fetchall()
    # Neither waits for the end of the other: half is for each.
    touched = _taken(state, "trigger_touched", most - min(len(due), most // 2), after)
    due = due[: most - len(touched)]
    rechecked = _taken(state, "trigger_recheck", most - len(touched) - len(due))
    return Next((*touched,), (*due,), (*rechecked,))


def _taken(
    state: sqlite3.Connection, table: str, most: int, after: Identifier = FIRST
) -> list[Identifier]:
    rows: list[Identifier] = []
    for side in (">", "<="):
        rows += state.execute(
            f"select id_type, id_value from {table} where (id_type, id_value) {side} (?, ?)"
            " order by id_type, id_value limit ?",
            (*after, most - len(rows)),
        ).fetchall()
    state.executemany(f"delete from {table} where id_type = ? and id_value = ?", rows)
    return rows


def is_anybody_next(state: sqlite3.Connection, now: int) -> bool:
    """Whether `take_next` would find somebody."""
    ((found,),) = state.execute(
        "select exists (select 1 from trigger_touched) or exists (select 1 from trigger_recheck)"
        " or exists (select 1 from trigger_due where due_at <= ?)",
        (now,),
    ).fetchall()
    return bool(found)


def keep_declared(state: sqlite3.Connection, destinations: Mapping[str, str]) -> None:
    """Deletes what triggers that are no longer declared have kept, and have not sent.

    What others have not sent goes where they send now.

    Args:
        state: The live state.
        destinations: Those of the triggers that are declared, by trigger.
    """
    for table in ("trigger_stays", "trigger_outbox", "trigger_counts"):
        marks = ", ".join("?" * len(destinations))
        state.execute(f"delete from {table} where trigger_name not in ({marks})", [*destinations])
    state.executemany(
        "update trigger_outbox set destination = ? where trigger_name = ?",
        [(destination, trigger) for trigger, destination in destinations.items()],
    )


def change_world(state: sqlite3.Connection, publication: str, declarations: str) -> bool:
    """Notes what the stays are judged by; returns whether that has changed.

    Args:
        state: The live state.
        publication: The name of what is published.
        declarations: A name of the triggers and features.
    """
    world = (publication, declarations)
    if state.execute("select * from trigger_world").fetchone() == world:
        return False
    state.execute("delete from trigger_world")
    state.execute("insert into trigger_world values (?, ?)", world)
    recheck_all(state)
    return True


def clear(state: sqlite3.Connection) -> None:
    """Deletes all that is kept, of a project that has no triggers any more."""
    for table in TABLES:
        state.execute(f"delete from {table}")


def erase_stays(
    state: sqlite3.Connection, identifiers: Iterable[Identifier], one_ids: Collection[str]
) -> None:
    """Deletes all that is kept of a person."""
    named = [(one_id,) for one_id in one_ids]
    for table in ("trigger_stays", "trigger_due", "trigger_outbox"):
        state.executemany(f"delete from {table} where one_id = ?", named)
    pairs = [*identifiers, *(("one_id", one_id) for one_id in one_ids)]
    for table in ("trigger_touched", "trigger_recheck"):
        state.executemany(f"delete from {table} where id_type = ? and id_value = ?", pairs)
    state.executemany(
        "update trigger_stays set id_type = null, id_value = null"
        " where id_type = ? and id_value = ?",
        pairs,
    )
