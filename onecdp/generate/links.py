"""Draws the links of the ID graph: true, weak, wrong and withdrawn ones, and chains."""

from __future__ import annotations

import numpy as np

from onecdp.generate.draws import (
    Columns,
    Floats,
    Ints,
    count_of,
    days_between,
    pick,
    rows_of,
    source_of,
    stacked,
)
from onecdp.generate.identifiers import DEVICE, EMAIL, MEMBER, MOBILE, NONE, SHOP, UNION
from onecdp.generate.people import MISTYPED, UNLINKED, WEAK_LINK, People, first_devices
from onecdp.generate.rates import DAYS, Rates

TRUE, CHAIN, HANDED, EXTRA, WRONG, WITHDRAWN = range(6)
LINK_KINDS = ("true", "chain", "handed_mobile", "extra", "wrong", "withdrawn")


def draw_links(people: People, seed: int, rates: Rates) -> tuple[Columns, Columns]:
    """Draws the rows of the ID graph.

    Returns:
        The links: left_type, left, right_type, right, confidence, first_seen, last_seen (days),
        is_active, kind; `last_seen` is the day of delivery. And the devices that occur in chains
        only: person, device.
    """
    draw = source_of(seed, "links")
    chains, chain_devices = _chains(people, draw, rates)
    parts = [
        *_app_joins(people, draw),
        *_shop_joins(people, draw),
        *_handed_mobiles(people, draw),
        chains,
        _extras(people, draw, rates),
        *_strangers(people, draw, rates),
    ]
    links = stacked(parts)
    # Links have no direction: the left end is arbitrary, but stable per link.
    swapped = (links["left"] * 7 + links["right"] * 13) % 5 == 0
    for left, right in (("left", "right"), ("left_type", "right_type")):
        links[left], links[right] = (
            np.where(swapped, links[right], links[left]),
            np.where(swapped, links[left], links[right]),
        )
    return rows_of(links, np.argsort(links["last_seen"], kind="stable")), chain_devices


def _rows(
    draw: np.random.Generator,
    ends: tuple[Ints | int, Ints, Ints | int, Ints],
    kind: int,
    *,
    confidence: Floats | None = None,
    last_seen: Ints | None = None,
) -> Columns:
    left_type, left, right_type, right = ends
    size = len(left)
    last = days_between(draw, np.zeros(size, np.int64), np.full(size, DAYS))
    last = last if last_seen is None else last_seen
    return {
        "left_type": np.broadcast_to(np.asarray(left_type, np.int64), size),
        "left": left,
        "right_type": np.broadcast_to(np.asarray(right_type, np.int64), size),
        "right": right,
        "confidence": draw.uniform(0.8, 1.0, size) if confidence is None else confidence,
        "first_seen": last - draw.integers(0, 200, size),
        "last_seen": last,
        "is_active": np.ones(size, np.bool_),
        "kind": np.full(size, kind),
    }


def _sureness(people: People, person: Ints, draw: np.random.Generator) -> Floats:
    weak = people.hidden_by[person] == WEAK_LINK
    low, high = draw.uniform(0.4, 0.8, len(person)), draw.uniform(0.8, 1.0, len(person))
    return np.where(weak, np.minimum(low, 0.79), high)


def _app_joins(people: People, draw: np.random.Generator) -> list[Columns]:
    """Links app accounts to members (by id, mobile or e-mail), else to customer numbers."""
    joined = people.joins_app & (people.hidden_by != UNLINKED)
    route = draw.random(people.count)
    by_mobile = (route > 0.6) & (people.mobile >= 0) & (people.mobile == np.arange(people.count))
    by_email = (route > 0.9) & (people.email >= 0) & (people.email == np.arange(people.count))
    # A mistyped address in the CRM is correct in the app: the hashes differ.
    by_email |= people.hidden_by == MISTYPED
    by_email &= people.member
    by_mobile &= people.member & ~by_email & (people.handed_on == NONE)
    parts = []
    for which, end, numbers in (
        (by_email, EMAIL, people.own_email),
        (by_mobile, MOBILE, people.own_mobile),
        (people.member & ~by_email & ~by_mobile, MEMBER, np.arange(people.count)),
        (~people.member, SHOP, np.arange(people.count)),
    ):
        person = np.flatnonzero(joined & which)
        ends = (end, numbers[person], UNION, person)
        parts.append(_rows(draw, ends, TRUE, confidence=_sureness(people, person, draw)))
    return parts


def _shop_joins(people: People, draw: np.random.Generator) -> list[Columns]:
    """Links customer numbers of the shop to members, unless the CRM has them."""
    joined = people.member & people.joins_shop & (people.hidden_by != UNLINKED)
    own_email = (people.email >= 0) & (people.email == np.arange(people.count))
    by_email = joined & own_email & (draw.random(people.count) < 0.5)
    parts = []
    for which, end in ((by_email, EMAIL), (joined & ~by_email, MEMBER)):
        person = np.flatnonzero(which)
        ends = (end, person, SHOP, person)
        parts.append(_rows(draw, ends, TRUE, confidence=_sureness(people, person, draw)))
    return parts


def _handed_mobiles(people: People, draw: np.random.Generator) -> list[Columns]:
    """Links mobiles to the owner before they were reassigned."""
    person = np.flatnonzero(people.handed_on >= 0)
    ends = (MOBILE, people.own_mobile[person], UNION, person)
    last_seen = people.handed_on[person] - draw.integers(10, 150, len(person))
    return [_rows(draw, ends, HANDED, last_seen=last_seen)]


def _chains(people: People, draw: np.random.Generator, rates: Rates) -> tuple[Columns, Columns]:
    """Links devices in chains: each one to its predecessor only."""
    pool = people.app & ~people.anonymous
    share = max(1, people.count // rates.customers_per_chain) / max(1, int(pool.sum()))
    heads = np.flatnonzero(pick(draw, pool, share))
    lengths = draw.integers(rates.chain_least, rates.chain_most + 1, len(heads))
    person = np.repeat(heads, lengths)
    first = int(people.visits["device"].max()) + 1
    device = first + np.arange(len(person))
    starts = np.cumsum(lengths) - lengths
    before = device - 1
    before[starts] = first_devices(people)[heads]
    ends = (DEVICE, before, DEVICE, device)
    return _rows(draw, ends, CHAIN), {"person": person, "device": device}


def _extras(people: People, draw: np.random.Generator, rates: Rates) -> Columns:
    """Links that app events show, too: an account to its device."""
    everybody = np.ones(people.count, np.bool_)
    person = np.flatnonzero(
        pick(draw, everybody, rates.extra_link) & people.app & ~people.anonymous
    )
    return _rows(draw, (UNION, person, DEVICE, first_devices(people)[person]), EXTRA)


def _strangers(people: People, draw: np.random.Generator, rates: Rates) -> list[Columns]:
    """Links two different people."""
    wrong = count_of(rates.wrong_link, people.count)
    withdrawn = count_of(rates.withdrawn_link, people.count)
    chosen = draw.choice(people.count, 2 * (wrong + withdrawn), replace=False)
    left, right = chosen[: wrong + withdrawn], chosen[wrong + withdrawn :]
    types, numbers = _heads(people)
    ends = (types[left], numbers[left], types[right], numbers[right])
    split = [slice(0, wrong), slice(wrong, None)]
    (wrong_ends, withdrawn_ends) = [
        (ends[0][part], ends[1][part], ends[2][part], ends[3][part]) for part in split
    ]
    confidence = np.minimum(draw.uniform(0.2, 0.8, wrong), 0.79)
    sure = count_of(rates.wrong_confident, wrong)
    confidence[:sure] = draw.uniform(0.8, 0.95, sure)
    claimed = _rows(
        draw,
        withdrawn_ends,
        WITHDRAWN,
        last_seen=days_between(draw, np.zeros(withdrawn, np.int64), np.full(withdrawn, DAYS // 2)),
    )
    taken_back = {
        **claimed,
        "last_seen": days_between(draw, claimed["last_seen"] + 1, np.full(withdrawn, DAYS)),
        "is_active": np.zeros(withdrawn, np.bool_),
    }
    return [_rows(draw, wrong_ends, WRONG, confidence=confidence), claimed, taken_back]


def _heads(people: People) -> tuple[Ints, Ints]:
    """Returns one identifier of each person: type and number."""
    person = np.arange(people.count)
    types = np.select(
        [people.member, people.anonymous, people.app], [MEMBER, DEVICE, UNION], default=SHOP
    ).astype(np.int64)
    return types, np.where(types == DEVICE, first_devices(people), person)
