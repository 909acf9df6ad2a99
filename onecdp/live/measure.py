"""The values of features for one person, from the person's recent events."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from onecdp.live.events import LINK, PRICE_UNITS, Event
from onecdp.live.features import ANY, MICROSECONDS, Feature
from onecdp.live.state import Kept, is_taken_in

Value = int | float | bool | str | Decimal | None
_DAY = 86_400 * MICROSECONDS


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


def measure(
    features: Iterable[Feature], events: Sequence[Kept], now: int, watermark: Watermark, gap: int
) -> dict[str, Value]:
    """Returns the value of each feature.

    Args:
        features: What to compute.
        events: A person's recent events in their order in time.
        now: The time, microseconds since 1970. Later events are not counted, but of `batch` those
            of the same day, as the warehouse would.
        watermark: What the published warehouse counts.
        gap: The longest pause within a session, microseconds.
    """
    acts = [kept for kept in events if kept.event.event_type != LINK]
    past = [kept.event for kept in acts if kept.event.event_time <= now]
    windows: dict[object, list[Event]] = {}
    values: dict[str, Value] = {}
    for feature in features:
        window = feature.window
        if window not in windows:
            if window.kind == "batch":
                end = now - now % _DAY + _DAY
                windows[window] = [
                    kept.event
                    for kept in acts
                    if kept.event.event_time < end and not watermark.counts(kept)
                ]
            elif window.kind == "last":
                windows[window] = [e for e in past if e.event_time > now - window.length]
            elif window.kind == "session":
                windows[window] = _session(past, now, gap)
            elif window.kind == "since":
                windows[window] = _since(past, window.since)
            else:
                windows[window] = past
        counted = [e for e in windows[window] if feature.event_type in (ANY, e.event_type)]
        values[feature.name] = _MEASURES[feature.measure](counted, now)
    return values


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
    return round((now - events[-1].event_time) / MICROSECONDS, 3) if events else None


_MEASURES: Mapping[str, Callable[[Sequence[Event], int], Value]] = {
    "count": lambda events, _: len(events),
    "sum": _sum,
    "any": lambda events, _: bool(events),
    "first_time": _first_time,
    "last_type": lambda events, _: events[-1].event_type if events else None,
    "seconds_since_last": _seconds_since_last,
}


def iso_time(time: int) -> str:
    """Microseconds since 1970 as ISO 8601 in UTC, in milliseconds."""
    moment = dt.datetime(1970, 1, 1) + dt.timedelta(microseconds=time)
    return moment.isoformat(timespec="milliseconds") + "Z"
