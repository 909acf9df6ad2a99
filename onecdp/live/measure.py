"""The values of features for one person, from the person's recent events."""

from __future__ import annotations

import datetime as dt
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice

from onecdp.live.events import LINK, PRICE_UNITS, Event
from onecdp.live.features import ANY, DAY, MICROSECONDS, OPEN, RECENT, Feature, Window
from onecdp.live.kept import Kept, is_taken_in
from onecdp.live.tickets import OpenTicket

Value = int | float | bool | str | Decimal | None
LAST_TIME = "last_time"
"""A measure beside `features.MEASURES`: the time from which `seconds_since_last` counts."""
_LENGTHS = {"session": RECENT, "since": RECENT, "all": RECENT}
_Measure = Callable[[Sequence[Event], int], Value]
_TicketMeasure = Callable[[Sequence[OpenTicket]], Value]


@dataclass(frozen=True)
class Watermark:
    """Up to where the published warehouse counts.

    Attributes:
        taken_in: Up to which position it has read each partition; None is to its end.
        as_of: The end of its last day, microseconds since 1970: later events do not count yet.
    """

    taken_in: Mapping[str, int | None]
    as_of: int

    def counts(self, kept: Kept) -> bool:
        """Whether the published warehouse counts an event."""
        return kept.event.event_time < self.as_of and is_taken_in(kept.places, self.taken_in)


class Measures:
    """Features, ready to be measured: by their windows, which several share."""

    def __init__(self, features: Iterable[Feature]) -> None:
        """Takes the features."""
        self._names: list[str] = []
        self._windows: dict[Window, list[tuple[str, str, _Measure]]] = {}
        self._of_tickets: list[tuple[str, _TicketMeasure]] = []
        for feature in features:
            self._names.append(feature.name)
            if feature.window.kind == OPEN:
                self._of_tickets.append((feature.name, _OF_TICKETS[feature.measure]))
                continue
            self._windows.setdefault(feature.window, []).append(
                (feature.name, feature.event_type, _MEASURES[feature.measure])
            )
        # Of most people there is no recent event: the values are the same at any time.
        self._of_none = self._measure((), 0, Watermark({}, 0), 0)

    def of(
        self,
        events: Sequence[Kept],
        now: int,
        watermark: Watermark,
        gap: int,
        tickets: Sequence[OpenTicket] | None = None,
    ) -> dict[str, Value]:
        """Returns the value of each feature.

        Args:
            events: A person's recent events in their order in time.
            now: The time, microseconds since 1970. Later events are not counted, but of `batch`
                those of the same day, as the warehouse would.
            watermark: What the published warehouse counts.
            gap: The longest pause within a session, microseconds.
            tickets: The open ones by when they were opened; None, and features have no value, if
                that is not known.
        """
        values = {**self._of_none} if not events else self._measure(events, now, watermark, gap)
        if tickets is not None:
            values |= {name: measured(tickets) for name, measured in self._of_tickets}
        return values

    def next_change(self, events: Sequence[Kept], now: int, gap: int) -> int | None:
        """Returns the first time after `now` at which a value may be another without an event.

        Values that count seconds are others at any time. Arguments as of `of`.

        Returns:
            Microseconds since 1970; None if never.
        """
        times = [kept.event.event_time for kept in events if kept.event.event_type != LINK]
        present = bisect_right(times, now)
        changes = []
        if present < len(times):
            # A clock is ahead: its event counts when the time or, since the batch, the day comes.
            changes.append(times[present])
            days = (time - time % DAY for time in times[present:])
            changes += [*islice((day for day in days if day > now), 1)]
        for window in self._windows:
            if (length := window.length or _LENGTHS.get(window.kind)) is not None:
                first = bisect_right(times, now - length)
                if first < present:
                    changes.append(times[first] + length)
            if window.kind == "session" and present:
                changes += [end for end in (times[present - 1] + gap + 1,) if end > now]
        return min(changes, default=None)

    def _measure(
        self, events: Sequence[Kept], now: int, watermark: Watermark, gap: int
    ) -> dict[str, Value]:
        acts = [kept for kept in events if kept.event.event_type != LINK]
        past = [kept.event for kept in acts if kept.event.event_time <= now]
        times = [event.event_time for event in past]
        # What is older is kept or dropped as builds come.
        recent = past[bisect_right(times, now - RECENT) :]
        values: dict[str, Value] = dict.fromkeys(self._names)
        for window, features in self._windows.items():
            if window.kind == "batch":
                end = now - now % DAY + DAY
                chosen = [
                    kept.event
                    for kept in acts
                    if kept.event.event_time < end and not watermark.counts(kept)
                ]
            elif window.kind == "last":
                chosen = past[bisect_right(times, now - window.length) :]
            elif window.kind == "session":
                chosen = _session(recent, now, gap)
            elif window.kind == "since":
                chosen = _since(recent, window.since)
            else:
                chosen = recent
            for name, event_type, measured in features:
                counted = chosen
                if event_type != ANY:
                    counted = [event for event in chosen if event.event_type == event_type]
                values[name] = measured(counted, now)
        return values


def measure(
    features: Iterable[Feature],
    events: Sequence[Kept],
    now: int,
    watermark: Watermark,
    gap: int,
    tickets: Sequence[OpenTicket] | None = None,
) -> dict[str, Value]:
    """Returns the value of each feature; arguments as of `Measures`."""
    return Measures(features).of(events, now, watermark, gap, tickets)


def _session(events: Sequence[Event], now: int, gap: int) -> list[Event]:
    """The events of the session that goes on now, as the mart `sessions` cuts them."""
    if not events or events[-1].event_time < now - gap:
        return []
    last = events[-1]
    if last.session_id is not None:
        return [each for each in events if each.session_id == last.session_id]
    found = [last]
    for each in reversed(events[:-1]):
        if each.channel == last.channel and each.session_id is None:
            if each.event_time < found[-1].event_time - gap:
                break
            found.append(each)
    return found[::-1]


def _since(events: Sequence[Event], event_type: str) -> list[Event]:
    for place in range(len(events) - 1, -1, -1):
        if events[place].event_type == event_type:
            return [*events[place + 1 :]]
    return [*events]


def _sum(events: Sequence[Event], _now: int) -> Value:
    total = sum(each.price or 0 for each in events)
    return Decimal(total) / PRICE_UNITS


def _first_time(events: Sequence[Event], _now: int) -> Value:
    return iso_time(events[0].event_time) if events else None


def _seconds_since_last(events: Sequence[Event], now: int) -> Value:
    return seconds_between(events[-1].event_time, now) if events else None


def seconds_between(time: int, now: int) -> float:
    """Seconds between two times in microseconds."""
    return round((now - time) / MICROSECONDS, 3)


_MEASURES: Mapping[str, _Measure] = {
    "count": lambda events, _: len(events),
    "sum": _sum,
    "any": lambda events, _: bool(events),
    "first_time": _first_time,
    "last_type": lambda events, _: events[-1].event_type if events else None,
    "seconds_since_last": _seconds_since_last,
    LAST_TIME: lambda events, _: events[-1].event_time if events else None,
}


def _first_opened(tickets: Sequence[OpenTicket]) -> Value:
    times = [each.opened_at for each in tickets if each.opened_at is not None]
    return iso_time(min(times)) if times else None


_OF_TICKETS: Mapping[str, _TicketMeasure] = {"count": len, "any": bool, "first_time": _first_opened}


def iso_time(time: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC, in milliseconds."""
    moment = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=time)
    return moment.isoformat(timespec="milliseconds") + "Z"
