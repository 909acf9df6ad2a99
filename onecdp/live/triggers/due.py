"""When a rule may hold, or not, without a new event: then its people are looked at again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from onecdp.audiences.rules import Compare, Expression, leaves
from onecdp.live.events import LINK, Event
from onecdp.live.features import ANY, DAY, MICROSECONDS, RECENT, Feature
from onecdp.live.kept import Kept
from onecdp.live.triggers.declared import live_name

_MILLISECOND = 1_000
# More than SQLite keeps: a rule may compare a time with any number.
_NEVER = 2**63


@dataclass(frozen=True)
class Watched:
    """A live feature that rules name.

    Attributes:
        feature: The feature.
        seconds: Of one that is a time, what rules compare it with.
    """

    feature: Feature
    seconds: tuple[float, ...]


def watched(features: Iterable[Feature], expressions: Iterable[Expression]) -> tuple[Watched, ...]:
    """Returns the features that rules name."""
    named: dict[str, list[float]] = {}
    for expression in expressions:
        for leaf in leaves(expression):
            if (name := live_name(leaf)) is not None:
                seconds = leaf.values if isinstance(leaf, Compare) else ()
                named.setdefault(name, []).extend(map(float, seconds))
    return tuple(
        Watched(each, tuple(named[each.name]) if each.measure == "seconds_since_last" else ())
        for each in features
        if each.name in named
    )


def next_change(
    features: Iterable[Watched], events: Sequence[Kept], now: int, gap: int
) -> int | None:
    """Returns the first time after `now` at which a rule's answer may be another; None if never.

    Microseconds since 1970. Nothing changes before it unless an event, a build or an erasure does.

    Args:
        features: Those that rules name.
        events: A person's recent events in their order in time.
        now: The time.
        gap: The longest pause within a session, microseconds.
    """
    acts = [kept.event for kept in events if kept.event.event_type != LINK]
    changes = (time for each in features for time in _changes(each, acts, now, gap))
    return min((time for time in changes if now < time < _NEVER), default=None)


def _changes(watched: Watched, events: Sequence[Event], now: int, gap: int) -> Iterator[int]:
    feature, window = watched.feature, watched.feature.window
    counted = [e for e in events if feature.event_type in (ANY, e.event_type)]
    if window.kind == "batch":
        # Days begin for events of a clock that is ahead.
        yield from (e.event_time - e.event_time % DAY for e in counted)
    elif window.kind == "last":
        yield from (e.event_time + window.length for e in counted)
    else:
        yield from (e.event_time + RECENT for e in events)
    if window.kind == "session":
        yield from (e.event_time + gap + 1 for e in events)
    # A clock may be ahead: the event counts when its time has come.
    yield from (e.event_time for e in events if e.event_time > now)
    for seconds in watched.seconds:
        # The value has whole milliseconds.
        for event in counted:
            reached = event.event_time + round(seconds * MICROSECONDS)
            yield from (reached, reached + _MILLISECOND)
