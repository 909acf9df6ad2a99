"""Takes new events from the log into the state, until it is told to stop."""

from __future__ import annotations

import datetime as dt
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeVar

from onecdp.errors import OnecdpError
from onecdp.live.events import Event, Identifier, microseconds, parse_event, parse_link
from onecdp.live.features import DAY, MICROSECONDS, RECENT
from onecdp.live.log import Chunk, Done
from onecdp.live.measure import Watermark
from onecdp.live.state import LiveState
from onecdp.live.tickets import TicketColumns, parse_ticket
from onecdp.live.triggers.watch import Watcher

_Result = TypeVar("_Result")

POLL_SECONDS = 0.05
PRUNE_SECONDS = 60.0
RETRY_SECONDS = 1.0
LOOK_SECONDS = 0.2
REPORT_SECONDS = 60.0


class Log(Protocol):
    """Where events come from."""

    @property
    def is_caught_up(self) -> bool:
        """Whether all is read that was there when reading began."""

    def read(self, positions: Mapping[str, int], done: Done) -> Iterator[Chunk]:
        """Yields what is new behind the positions."""

    def has(self, partition: str) -> bool:
        """Whether a partition may have to be read again."""


@dataclass(frozen=True)
class Logs:
    """What is read.

    Attributes:
        events: The log of events.
        links: The log of links.
        tickets: The log of tickets; None if no feature asks for them, or there is none.
    """

    events: Log
    links: Log
    tickets: Log | None = None


@dataclass
class Follower:
    """Reads logs into a state.

    Attributes:
        state: Where events go.
        logs: Where they come from.
        id_columns: Columns of events that hold identifiers, with their types, the best one first.
        ticket_columns: The columns of tickets, if they are read.
        watermark: Says up to where the published warehouse counts; None if nothing is published.
        watcher: Looks at people for triggers; None if there are none.
    """

    state: LiveState
    logs: Logs
    id_columns: Sequence[Identifier]
    ticket_columns: TicketColumns | None
    watermark: Callable[[], Watermark | None]
    watcher: Watcher | None = None
    _before: Watermark | None = field(default=None, init=False)

    def catch_up(self, between: Callable[[], None] = lambda: None) -> int:
        """Reads what is new in the logs, of a topic for a second; returns how much was new.

        Args:
            between: Called after each chunk: a busy topic may have no end.
        """
        positions = self.state.positions()
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        done = _done(self.watermark(), microseconds(now))
        new = 0
        for log, parse in self._sources(now):
            for chunk in log.read(positions, done):
                new += self.state.take(chunk.partition, chunk.position, _parsed(chunk, parse))
                between()
        return new

    def catch_up_from_start(self, stop: threading.Event, notify: Callable[[str], None]) -> None:
        """Reads all that the logs have by now, in as many calls as that takes, or until `stop`.

        Triggers must not judge people by half of what they did. What goes wrong after the first
        call is tried again, as by `run`.
        """
        self.catch_up()
        attempts = _Attempts(stop, notify)
        while not stop.is_set() and not all(log.is_caught_up for log in self._logs()):
            attempts.attempt(self.catch_up)

    def _logs(self) -> list[Log]:
        logs = (self.logs.links, self.logs.tickets, self.logs.events)
        return [log for log in logs if log is not None]

    def _sources(self, now: dt.datetime) -> Iterator[tuple[Log, Callable[[bytes], Event | None]]]:
        # Links first: they may say whose the events are.
        yield self.logs.links, parse_link
        tickets = self.ticket_columns
        if self.logs.tickets is not None and tickets is not None:
            yield self.logs.tickets, lambda line: parse_ticket(line, tickets, now)
        yield self.logs.events, lambda line: parse_event(line, self.id_columns, now)

    def prune(self) -> int:
        """Drops what neither a window nor the count since the publication needs.

        By the publication at the last call, since readers may not have changed to a new one yet.

        Returns:
            How many events were dropped.
        """
        watermark, self._before = self._before, self.watermark()
        if watermark is None:
            return 0
        now = microseconds(dt.datetime.now(dt.UTC).replace(tzinfo=None))
        dropped = self.state.prune(now - RECENT, watermark.taken_in, watermark.as_of)
        # Files are deleted some day, and each minute has a new one.
        self.state.drop_positions(
            [
                name
                for name in self.state.positions()
                if watermark.taken_in.get(name, 0) is None
                and not any(log.has(name) for log in self._logs())
            ]
        )
        return dropped

    def run(self, stop: threading.Event, notify: Callable[[str], None]) -> None:
        """Follows the logs until `stop` is set.

        What goes wrong meanwhile, such as a broker that is away, is told once and tried again:
        nothing is lost, since the positions stay where they are.
        """
        prune_at = time.monotonic()
        looks, attempts = _Looks(self.watcher, notify), _Attempts(stop, notify)

        def step() -> bool:
            nonlocal prune_at
            self.catch_up(looks.look_if_due)
            if time.monotonic() >= prune_at:
                self.prune()
                prune_at = time.monotonic() + PRUNE_SECONDS
            return looks.look()

        while not stop.is_set():
            if attempts.attempt(step) is False:
                stop.wait(POLL_SECONDS)


class _Attempts:
    """Work that may fail for a while, which is told once."""

    def __init__(self, stop: threading.Event, notify: Callable[[str], None]) -> None:
        self._stop, self._notify, self._told = stop, notify, ""

    def attempt(self, work: Callable[[], _Result]) -> _Result | None:
        """Returns what the work returns; None, after a pause, if it failed."""
        try:
            result = work()
        except (OnecdpError, OSError, sqlite3.Error) as error:
            if str(error) != self._told:
                self._told = str(error)
                self._notify(f"{self._told}; trying again")
            self._stop.wait(RETRY_SECONDS)
            return None
        if self._told:
            self._notify("going on")
            self._told = ""
        return result


class _Looks:
    """When triggers look at people, and what is told of it."""

    def __init__(self, watcher: Watcher | None, notify: Callable[[str], None]) -> None:
        self._watcher, self._notify = watcher, notify
        self._looked_at = self._reported_at = time.monotonic()

    def look_if_due(self) -> None:
        """Looks while the log is read, but not at each chunk."""
        if time.monotonic() >= self._looked_at + LOOK_SECONDS:
            self.look()

    def look(self) -> bool:
        """Looks at some people; returns whether others are left."""
        if self._watcher is None:
            return False
        is_more = self._watcher.step()
        self._looked_at = time.monotonic()
        changes = self._watcher.changes
        if changes and self._looked_at >= self._reported_at + REPORT_SECONDS:
            said = ", ".join(f"{count} {what}" for what, count in sorted(changes.items()))
            self._notify(f"triggers: {said.replace('_', ' ')}")
            changes.clear()
            self._reported_at = self._looked_at
        return is_more


def _done(watermark: Watermark | None, now: int) -> Done:
    """The clock of an event may be a day ahead of the file that it stands in."""
    if watermark is None:
        return Done((), 0.0)
    before = min(now - RECENT, watermark.as_of) - DAY
    return Done(watermark.taken_in, before / MICROSECONDS)


def _parsed(chunk: Chunk, parse: Callable[[bytes], Event | None]) -> Iterator[tuple[int, Event]]:
    for position, line in chunk.lines:
        if line and (event := parse(line)) is not None:
            yield position, event
