"""Draws sessions and events of the app, the mini-program and the tills, per delivery."""

from __future__ import annotations

import numpy as np

from onecdp.generate.draws import (
    Columns,
    Flags,
    Ints,
    by_chance,
    height,
    rows_of,
    source_of,
    stacked,
    with_copies,
)
from onecdp.generate.identifiers import DEVICE, FIRST_JUNK, JUNK, NONE, UNION
from onecdp.generate.people import TILL_DEVICE, People
from onecdp.generate.rates import DAYS, Delivery, Rates

EVENT_TYPES = ("page_view", "add_cart", "purchase", "return", "search")
PAGES = ("home", "product", "checkout", "account", "search")
_SECOND, _DAY = 1, 86_400


def draw_events(people: People, seed: int, rates: Rates, delivery: Delivery) -> Columns:
    """Draws the events of a delivery.

    Returns:
        Per event, by time: event (number, from 0 within the delivery), union, open,
        device (numbers of `identifiers.py`), channel, till (flag), type, page, item, cents
        (NONE where there is no item), seconds (since the first day), session, is_late.
    """
    draw = source_of(seed, "app", delivery.number)
    sessions = _sessions(people, rates, delivery, draw)
    events = _events(sessions, rates, draw)
    events = rows_of(events, np.argsort(events["seconds"], kind="stable"))
    events["event"] = np.arange(height(events))
    return events


def as_delivered(
    events: Columns, seed: int, rates: Rates, delivery: Delivery
) -> tuple[Columns, int, int]:
    """Appends exact copies and rows that repeat an event id with other content.

    Returns:
        The rows of the file, the number of exact copies, and of conflicting rows.
    """
    draw = source_of(seed, "app again", delivery.number)
    rows = height(events)
    others = np.flatnonzero(by_chance(draw, np.ones(rows, np.bool_), rates.conflicting))
    changed = rows_of(events, others)
    changed["seconds"] = changed["seconds"] + _SECOND
    repeated, copies = with_copies(events, draw, rates.repeated)
    return stacked([repeated, changed]), copies, len(others)


def _sessions(
    people: People, rates: Rates, delivery: Delivery, draw: np.random.Generator
) -> Columns:
    uses, visits = people.uses, people.visits
    first, until, weight = uses["first"], uses["until"], uses["weight"]
    begins = np.maximum(first, delivery.first)
    length = np.maximum(np.minimum(until, delivery.until) - begins, 0)
    often = draw.poisson(np.asarray(weight, np.float64) * length * rates.sessions / DAYS)
    later = np.repeat(np.arange(len(first)), often)
    day = begins[later] + np.floor(draw.random(len(later)) * length[later]).astype(np.int64)
    opening = np.flatnonzero((first >= delivery.first) & (first < delivery.until))
    use = np.concatenate([opening, later])
    visit = np.flatnonzero((visits["day"] >= delivery.first) & (visits["day"] < delivery.until))

    shown = ("person", "device", "channel")
    columns: Columns = {
        name: np.concatenate([uses[name][use], visits[name][visit]]) for name in shown
    }
    size = height(columns)
    kind = np.concatenate([uses["kind"][use], np.full(len(visit), TILL_DEVICE)])
    # The first session on a device and those at a till show all identifiers, so that every
    # identifier of the truth occurs in a file.
    whole = np.zeros(size, np.bool_)
    whole[: len(opening)] = True
    whole[len(use) :] = True
    start = np.concatenate([first[opening], day, visits["day"][visit]]) * _DAY
    columns |= {
        "seconds": start + draw.integers(7 * 3600, 23 * 3600, size),
        "is_till": kind == TILL_DEVICE,
        "is_late": by_chance(draw, ~whole, rates.late) & (delivery.until < DAYS),
        "session": np.arange(size),
    }
    return columns | _seen(people, columns, whole, draw, rates)


def _seen(
    people: People, sessions: Columns, whole: Flags, draw: np.random.Generator, rates: Rates
) -> Columns:
    """Returns the identifiers that a session shows."""
    person: Ints = sessions["person"].astype(np.int64)
    size = len(person)
    chance = draw.random(size)
    device_only = (chance < rates.device_only) & ~whole
    open_only = (chance < rates.device_only + rates.open_only) & ~whole & ~device_only
    anonymous = people.anonymous[person]
    union = np.where(device_only | open_only | anonymous, NONE, person)
    opened = np.where(device_only | anonymous, NONE, 2 * person + sessions["channel"])
    junk_union = by_chance(draw, (union >= 0) & ~whole, rates.junk_union)
    union[junk_union] = FIRST_JUNK - draw.integers(0, len(JUNK[UNION]), int(junk_union.sum()))
    withheld = by_chance(draw, ~whole & (union >= 0), rates.junk_device)
    placeholder = FIRST_JUNK - draw.integers(0, len(JUNK[DEVICE]), size)
    device = np.where(withheld, placeholder, sessions["device"])
    return {"union": union, "open": opened, "device": device}


def _events(sessions: Columns, rates: Rates, draw: np.random.Generator) -> Columns:
    many = 1 + draw.poisson(rates.events - 1, height(sessions))
    session = np.repeat(np.arange(len(many)), many)
    size = len(session)
    place = np.arange(size) - np.repeat(np.cumsum(many) - many, many)
    events = rows_of(sessions, session)
    chance = draw.random(size)
    kind = np.select([chance < 0.70, chance < 0.85, chance < 0.92, chance < 0.93], [0, 1, 2, 3], 4)
    page = np.where(kind == 0, draw.integers(0, 2, size), np.array([0, 1, 2, 3, 4])[kind])
    has_item = ((kind >= 1) & (kind <= 3)) | (page == 1)
    # A few items sell often, most rarely; an item has one price.
    item = np.minimum(draw.zipf(1.3, size), 4_000)
    cents = 95 + (item * 7_919) % 20_000
    return events | {
        "seconds": events["seconds"] + place * 45,
        "type": kind,
        "page": page,
        "item": np.where(has_item, item, NONE),
        "cents": np.where(has_item, cents, NONE),
    }


def open_ids(people: People) -> tuple[Ints, Ints]:
    """Returns every open_id that occurs, and its person."""
    uses, visits = people.uses, people.visits
    person = np.concatenate([uses["person"], visits["person"]])
    channel = np.concatenate([uses["channel"], visits["channel"]])
    numbers = np.unique((2 * person + channel)[~people.anonymous[person]])
    return numbers, numbers // 2
