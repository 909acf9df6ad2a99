"""Takes new events from the log into the state, until it is told to stop."""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from onecdp.live.events import Event, Identifier, microseconds, parse_event, parse_link
from onecdp.live.features import LONGEST_HOURS, MICROSECONDS
from onecdp.live.log import Chunk
from onecdp.live.measure import Watermark
from onecdp.live.state import LiveState

POLL_SECONDS = 0.05
PRUNE_SECONDS = 60.0
# A reader may still answer from the publication before.
GRACE = 600 * MICROSECONDS


class Log(Protocol):
    """Where events come from."""

    def read(self, positions: Mapping[str, int], taken_in: Container[str]) -> Iterator[Chunk]:
        """Yields what is new behind the positions."""


@dataclass
class Follower:
    """Reads logs into a state.

    Attributes:
        state: Where events go.
        events: The log of events.
        links: The log of links.
        id_columns: Columns of events that hold identifiers, with their types, the best one first.
        watermark: Says up to where the published warehouse counts; None if nothing is published.
    """

    state: LiveState
    events: Log
    links: Log
    id_columns: Sequence[Identifier]
    watermark: Callable[[], Watermark | None]

    def catch_up(self) -> int:
        """Reads to the present end of both logs; returns how many events were new."""
        positions = self.state.positions()
        watermark = self.watermark()
        taken_in = watermark.taken_in if watermark else {}
        now = dt.datetime.now(dt.UTC).replace(tzinfo=None)
        new = 0
        # Links first: they may say whose the events are.
        for log, parse in (
            (self.links, parse_link),
            (self.events, lambda line: parse_event(line, self.id_columns, now)),
        ):
            for chunk in log.read(positions, taken_in):
                new += self.state.take(chunk.partition, chunk.position, _parsed(chunk, parse))
        return new

    def prune(self) -> int:
        """Deletes what neither a window nor the count since the publication needs."""
        watermark = self.watermark()
        if watermark is None:
            return 0
        now = microseconds(dt.datetime.now(dt.UTC).replace(tzinfo=None))
        oldest = now - LONGEST_HOURS * 3600 * MICROSECONDS - GRACE
        return self.state.prune(oldest, watermark.taken_in, watermark.as_of)

    def run(self, stop: threading.Event) -> None:
        """Follows the logs until `stop` is set."""
        prune_at = time.monotonic()
        while not stop.is_set():
            self.catch_up()
            if time.monotonic() >= prune_at:
                self.prune()
                prune_at = time.monotonic() + PRUNE_SECONDS
            stop.wait(POLL_SECONDS)


def _parsed(chunk: Chunk, parse: Callable[[bytes], Event | None]) -> Iterator[tuple[int, Event]]:
    for position, line in chunk.lines:
        if line and (event := parse(line)) is not None:
            yield position, event
