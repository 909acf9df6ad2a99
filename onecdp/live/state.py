"""Recent events and the positions up to which they were read: one SQLite file with one writer.

    partitions         name → position
    events             each once, by event_id, with the identifiers that it has
    event_identifiers  (id_type, id_value) → events
    event_copies       where an event stands once more: the warehouse may read that place first
    tickets            events that are messages of tickets, with what they state
    revision           one number, which grows when events change that are there already
    trigger_…          the tables of triggers.stays

Events and position are committed together, so a killed writer goes on where it was. `kept` has the
readers' side.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from time import time_ns

import orjson

from onecdp.errors import OnecdpError
from onecdp.live.events import TICKET, Event, Identifier
from onecdp.live.find_events import find_events
from onecdp.live.kept import COPIES, FORMAT, is_taken_in
from onecdp.live.positions import drop_positions, move_on, read_positions
from onecdp.live.triggers import stays

_SCHEMA = """
create table if not exists partitions (
    partition_int integer primary key, name text not null unique, position integer not null
);
create table if not exists events (
    event_int integer primary key, event_id text not null unique, event_time integer not null,
    event_type text not null, price integer, session_id text, channel text not null,
    identifiers text not null, partition_int integer not null, position integer not null,
    has_copies integer not null default 0
);
create table if not exists event_copies (
    event_int integer, partition_int integer, position integer,
    primary key (event_int, partition_int, position)
) without rowid;
create table if not exists event_identifiers (
    id_type text, id_value text, event_int integer, primary key (id_type, id_value, event_int)
) without rowid;
create table if not exists tickets (
    event_int integer primary key, ticket_id text not null, document text not null
);
create index if not exists tickets_of on tickets (ticket_id);
create table if not exists revision (number integer not null);
insert into revision select 0 where not exists (select * from revision);
"""
_ADD_COPY = """
insert or ignore into event_copies
select event_int, ?, ? from events
where event_id = ? and event_int <= ? and identifiers != ''
"""
# Of an event that is not needed any more the key stays for some days, since it may be sent again;
# from then on, because the event may be much older.
_BLANK = "update events set event_type = '', price = null, session_id = null, channel = '',"
_BLANK += " identifiers = '', event_time = max(event_time, ?)"
_BLANK += " where event_int in (select event_int from dropped)"
_IDS_STAY = 7 * 86_400 * 1_000_000
# The last one stays: readers find new events by their numbers, which must not be used again.
_DROP_IDS = """
delete from events
where event_time < ? and identifiers = '' and event_int < (select max(event_int) from events)
"""
_REVISE = "update revision set number = number + 1"


class LiveState:
    """The writer's side, of one process; `onecdp forget` writes there beside it."""

    def __init__(self, file: Path, *, has_triggers: bool = False) -> None:
        """Opens the file, or makes it.

        Args:
            file: The file.
            has_triggers: Note the identifiers of events that come or go, for triggers.

        Raises:
            OnecdpError: It is busy, or none of this version.
        """
        self._file, self._has_triggers = file, has_triggers
        file.parent.mkdir(parents=True, exist_ok=True)
        self._state = sqlite3.connect(file, isolation_level=None, timeout=10)
        try:
            self._prepare()
        except sqlite3.OperationalError as error:
            self._state.close()
            raise OnecdpError(f"{file}: {error}") from error
        except sqlite3.DatabaseError as error:
            self._state.close()
            raise OnecdpError(f"{file} can't be used: {error}") from error

    def _prepare(self) -> None:
        self._state.execute("pragma journal_mode = wal")
        # Without a sync at each commit a power failure may undo the last ones, with positions.
        self._state.execute("pragma synchronous = normal")
        # Of 64 MB: identifiers come in any order, and each touches a page.
        self._state.execute("pragma cache_size = -65536")
        ((version,),) = self._state.execute("pragma user_version").fetchall()
        # Older ones lack a table, and are whole otherwise.
        if version not in (0, 1, 2, FORMAT):
            raise sqlite3.DatabaseError(f"its format is {version}; delete it, it is made again")
        with self.transaction():
            for statement in (_SCHEMA + stays.SCHEMA).split(";\n"):
                self._state.execute(statement)
            self._state.execute(f"pragma user_version = {FORMAT}")
        self._positions = read_positions(self._state)

    def positions(self) -> Mapping[str, int]:
        """Where to go on, by partition; it changes as events are taken."""
        return self._positions

    def drop_positions(self, partitions: Collection[str]) -> None:
        """Forgets partitions that will not be read again, unless events of them are kept."""
        if partitions:
            with self.transaction():
                drop_positions(self._state, partitions)
            self._positions = read_positions(self._state)

    def take(self, partition: str, position: int, events: Iterable[tuple[int, Event]]) -> int:
        """Adds events of a chunk and moves on to the position behind it, both or neither.

        Each event has the position behind it. One whose event_id is known is the same once more.

        Returns:
            How many were new.
        """
        with self.transaction():
            partition_int = move_on(self._state, partition, position)
            ((last,),) = self._state.execute(
                "select coalesce(max(event_int), 0) from events"
            ).fetchall()
            rows, links, tickets = [], [], []
            for number, (behind, event) in enumerate(events, start=last + 1):
                rows.append((
                    number, event.event_id, event.event_time, event.event_type, event.price,
                    event.session_id, event.channel, orjson.dumps(event.identifiers).decode(),
                    partition_int, behind,
                ))  # fmt: skip
                links += [(*identifier, number) for identifier in event.identifiers]
                if event.version is not None:
                    tickets.append((number, *event.version))
            if self._has_triggers:
                stays.touch(self._state, (link[:2] for link in links))
                # Who had a ticket before may be nobody that its message names.
                stays.touch(self._state, ((TICKET, ticket_id) for _, ticket_id, _ in tickets))
            before = self._state.total_changes
            self._state.executemany(
                "insert or ignore into events values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)", rows
            )
            new = self._state.total_changes - before
            if new < len(rows):
                there = self._state.execute(
                    "select event_int from events where event_int > ?", (last,)
                )
                added = {number for (number,) in there}
                links = [link for link in links if link[2] in added]
                tickets = [ticket for ticket in tickets if ticket[0] in added]
                copies = [row for row in rows if row[0] not in added]
                self._state.executemany(
                    _ADD_COPY, [(partition_int, row[9], row[1], last) for row in copies]
                )
                self._state.executemany(
                    "update events set has_copies = 1 where event_id = ?",
                    [(row[1],) for row in copies],
                )
                self._state.execute(_REVISE)
            self._state.executemany(
                "insert or ignore into event_identifiers values (?, ?, ?)", sorted(links)
            )
            self._state.executemany("insert into tickets values (?, ?, ?)", tickets)
        self._positions[partition] = position
        return new

    def prune(self, before: int, taken_in: Mapping[str, int | None], as_of: int) -> int:
        """Drops events that no window reaches and that the published warehouse counts.

        Their event_ids stay for seven days, so that a repetition is not taken for a new event.

        Args:
            before: Older events are in no window, microseconds since 1970.
            taken_in: Up to which position the published warehouse has read; None is to the end.
            as_of: The end of its last day: it does not count later events yet.

        Returns:
            How many were dropped.
        """
        with self.transaction():
            old = self._state.execute(
                "select event_int, name, events.position from events"
                " inner join partitions using (partition_int)"
                " where event_time < ? and identifiers != ''",
                (min(before, as_of),),
            ).fetchall()
            numbers = [
                (number,)
                for number, *place in old
                if is_taken_in([tuple(place), *self._copies(number)], taken_in)
            ]
            if self._has_triggers:
                stays.touch(self._state, self._identifiers_of(numbers))
            if numbers:
                self._drop(numbers, before)
            self._state.execute(_DROP_IDS, (before - _IDS_STAY,))
        return len(numbers)

    def _copies(self, number: int) -> list[tuple[str, int]]:
        return self._state.execute(COPIES, (number,)).fetchall()

    def _identifiers_of(self, numbers: Iterable[tuple[int]]) -> Iterator[Identifier]:
        for number in numbers:
            ((text,),) = self._state.execute(
                "select identifiers from events where event_int = ?", number
            ).fetchall()
            yield from ((kind, value) for kind, value in orjson.loads(text))

    def _drop(self, numbers: Iterable[tuple[int]], time: int) -> None:
        self._state.execute("create temp table dropped (event_int integer primary key)")
        self._state.executemany("insert into dropped values (?)", numbers)
        for table in ("event_identifiers", "event_copies", "tickets"):
            self._state.execute(
                f"delete from {table} where event_int in (select event_int from dropped)"
            )
        self._state.execute(_BLANK, (time,))
        self._state.execute("drop table dropped")
        self._state.execute(_REVISE)

    def erase(
        self,
        identifiers: Collection[Identifier],
        one_ids: Collection[str] = (),
        meanwhile: Callable[[], None] = lambda: None,
        tickets: Collection[str] = (),
        is_blocked: Callable[[Identifier], bool] = lambda _: False,
    ) -> int:
        """Drops all events that have one of these identifiers; returns how many.

        What triggers keep of the person goes with them, sent or not, and so do messages of the
        person's tickets that name nobody, unless others name somebody else.

        Args:
            identifiers: All of the person's.
            one_ids: The person's.
            meanwhile: Takes the person out of the store. Triggers see both at once, or the store
                without the person would have them tell that the person left.
            tickets: The person's that were loaded: no message need name the person.
            is_blocked: Whether an identifier is nobody's.

        Raises:
            OnecdpError: Another process keeps the file busy, so that bytes of the events may be
                left; call it again.
        """
        try:
            return self._erase(identifiers, one_ids, meanwhile, tickets, is_blocked)
        except sqlite3.OperationalError as error:
            raise OnecdpError(
                f"{self._file}: {error}; stop `onecdp serve` and `onecdp live` meanwhile"
            ) from error

    def _erase(
        self,
        identifiers: Collection[Identifier],
        one_ids: Collection[str],
        meanwhile: Callable[[], None],
        tickets: Collection[str],
        is_blocked: Callable[[Identifier], bool],
    ) -> int:
        with self.transaction():
            # All identifiers of an event go with it, not only those of the erased person.
            found = find_events(self._state, identifiers, tickets, is_blocked)
            self._drop(((number,) for number in found.events), time_ns() // 1_000)
            touched = [*identifiers, *((TICKET, ticket_id) for ticket_id in found.tickets)]
            stays.erase_stays(self._state, touched, one_ids)
            meanwhile()
        # What was there must not stand in free pages or in the log.
        self._state.execute("vacuum")
        ((is_busy, _, _),) = self._state.execute("pragma wal_checkpoint(truncate)").fetchall()
        if is_busy:
            raise sqlite3.OperationalError("another process reads it")
        return len(found.events)

    def close(self) -> None:
        """Closes the file."""
        self._state.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """For reading, and for writing in a `transaction`."""
        return self._state

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """All of the block is committed, or nothing."""
        return stays.transaction(self._state)
