"""The features that a project declares, `seeds/live_features.csv`.

feature,event_type,measure,window
page_views_30m,page_view,count,30m
orders_since_batch,purchase,count,batch
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from onecdp.errors import UsageProblem
from onecdp.live.events import REFUND, RETURN
from onecdp.live.seed_file import read_rows

SEED = "seeds/live_features.csv"
HEADER = ("feature", "event_type", "measure", "window")
ANY = "*"
MEASURES = ("count", "sum", "any", "first_time", "last_type", "seconds_since_last")
SESSION, BATCH, OPEN, SINCE = "session", "batch", "open", "since "
TICKET_OPENED = "ticket_created"
"""The type of event that is counted of open tickets."""
_OF_TICKETS = ("any", "count", "first_time")
MICROSECONDS = 1_000_000
DAY = 86_400 * MICROSECONDS
LONGEST_HOURS = 24
RECENT = LONGEST_HOURS * 3600 * MICROSECONDS
"""How old an event may be in a window that states no length, microseconds."""
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_DURATION = re.compile(r"([1-9][0-9]{0,3})([mh])")


@dataclass(frozen=True)
class Window:
    """Which events count.

    Attributes:
        kind: `last` with a length, `session`, `batch`, `open`, `since` with a type of event, or
            `all`. `session`, `since` and `all` have recent events.
        length: Of `last`, in microseconds.
        since: The type of event after whose last one counting begins.
    """

    kind: str
    length: int = 0
    since: str = ""


@dataclass(frozen=True)
class Feature:
    """One value of a person.

    Attributes:
        name: Its name in answers and, as `live.NAME`, in rules.
        event_type: The type of event that counts; `*` is any.
        measure: One of `MEASURES`. `sum` adds the prices.
        window: Which events count.
    """

    name: str
    event_type: str
    measure: str
    window: Window


def read_features(project: Path) -> tuple[Feature, ...]:
    """Returns the features of a project.

    Raises:
        UsageProblem: The file is missing or has a row that can't be used; the message names it.
    """
    if not (project / SEED).is_file():
        raise UsageProblem(f"{SEED} isn't there")
    found: dict[str, Feature] = {}
    for line, row in read_rows(project, SEED, HEADER):
        feature = _feature(row, f"{SEED}, line {line}")
        if feature.name in found:
            raise UsageProblem(f"{SEED}, line {line}: {feature.name} is there twice")
        found[feature.name] = feature
    return tuple(found.values())


def _feature(row: list[str], where: str) -> Feature:
    name, event_type, measure, window = row
    if not _NAME.fullmatch(name):
        raise UsageProblem(f"{where}: {name!r} is no name; use a-z, 0-9 and _")
    _check_type(event_type, where)
    if measure not in MEASURES:
        raise UsageProblem(f"{where}: measure {measure!r} is none of {', '.join(MEASURES)}")
    if window == OPEN and (event_type != TICKET_OPENED or measure not in _OF_TICKETS):
        raise UsageProblem(
            f"{where}: window {OPEN} is of tickets: event_type must be {TICKET_OPENED}, and"
            f" measure one of {', '.join(_OF_TICKETS)}"
        )
    return Feature(name, event_type, measure, _window(window, where))


def _check_type(event_type: str, where: str) -> None:
    """Raises if no event can have a type."""
    if not event_type or event_type != event_type.lower():
        raise UsageProblem(f"{where}: event_type {event_type!r} must be in lower case, or {ANY}")
    if event_type == REFUND:
        raise UsageProblem(f"{where}: event_type {REFUND!r} is {RETURN} here, as in the warehouse")


def asks_for_tickets(features: Iterable[Feature]) -> bool:
    """Whether one of the features is of tickets."""
    return any(feature.window.kind == OPEN for feature in features)


def _window(text: str, where: str) -> Window:
    if text == "":
        return Window("all")
    if text in (SESSION, BATCH, OPEN):
        return Window(text)
    if text.startswith(SINCE) and (since := text.removeprefix(SINCE).strip()):
        _check_type(since, where)
        return Window("since", since=since)
    if found := _DURATION.fullmatch(text):
        minutes = int(found[1]) * {"m": 1, "h": 60}[found[2]]
        if minutes > LONGEST_HOURS * 60:
            raise UsageProblem(f"{where}: window {text!r} is longer than {LONGEST_HOURS}h")
        return Window("last", length=minutes * 60 * MICROSECONDS)
    raise UsageProblem(
        f"{where}: window {text!r} is none of 5m, 2h, {SESSION}, {BATCH}, {OPEN},"
        f" {SINCE}EVENT_TYPE; "
        "leave it empty for all recent events"
    )
