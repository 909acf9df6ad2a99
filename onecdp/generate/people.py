"""Draws the people of the shop, their identifiers, and what they share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from onecdp.generate.accounts import draw_contact, draw_twins
from onecdp.generate.draws import (
    Columns,
    Flags,
    Ints,
    count_of,
    days_between,
    pick,
    rows_of,
    source_of,
    stacked,
)
from onecdp.generate.identifiers import EMAIL as EMAIL_TYPE
from onecdp.generate.identifiers import FIRST_JUNK, JUNK, MOBILE, NONE
from onecdp.generate.rates import DAYS, Rates

APP, MINIAPP = 0, 1
OWN, FAMILY_DEVICE, TILL_DEVICE = 0, 1, 2
DEVICE_KINDS = ("own", "family_device", "till_device")

KNOWN, UNLINKED, WEAK_LINK, MISTYPED = 0, 1, 2, 3
HIDDEN_BY = ("", "unlinked", "weak_link", "mistyped_email")
"""Why the sources do not show that a person's identifiers belong together."""

_BEFORE = 2_000  # days before the first delivery on which the first members registered


@dataclass(frozen=True)
class People:
    """One array per property, one position per person. Numbers as in `identifiers.py`."""

    member: Flags
    app: Flags
    online: Flags
    anonymous: Flags
    crm_knows_shop: Flags
    registered: Ints  # day; before 0 for most
    mobile: Ints  # as the CRM has it first
    own_mobile: Ints  # the real number at first
    email: Ints  # as the CRM has it
    own_email: Ints
    new_mobile: Ints  # after the old number was reassigned; NONE for most
    handed_on: Ints  # day of the reassignment; NONE for most
    is_handed_unnoticed: Flags
    second: Flags  # has a second member account
    second_mobile: Ints  # of that account
    second_email: Ints
    twin: Ints  # of the second of two twins, the first; NONE for everybody else
    hidden_by: Ints
    family: Ints  # number of the family that shares a tablet, or NONE
    uses: Columns  # person, device, first, until, channel, weight, kind
    visits: Columns  # person, device, day, channel: log-ins at a till

    @property
    def count(self) -> int:
        """The number of people, who are numbered from 0."""
        return len(self.member)

    @property
    def joins_app(self) -> Flags:
        """People whose app account only the ID graph can link to their other identifiers."""
        return self.app & ~self.anonymous & (self.member | self.online)

    @property
    def joins_shop(self) -> Flags:
        """People whose customer number only the ID graph can link to their other identifiers."""
        return self.online & (self.member & ~self.crm_knows_shop | ~self.member & self.app)


def draw_people(count: int, seed: int, rates: Rates) -> People:
    """Draws `count` people; deterministic for a seed and rates."""
    draw = source_of(seed, "people")
    everybody = np.ones(count, dtype=np.bool_)
    member = pick(draw, everybody, rates.member)
    online = pick(draw, everybody, rates.online)
    app = pick(draw, everybody, rates.app)
    app |= ~(member | online)
    anonymous = pick(draw, app & ~member & ~online, rates.anonymous)
    person = np.arange(count)

    registered = days_between(draw, np.full(count, -_BEFORE), np.full(count, DAYS))
    own_mobile = np.where(member & ~pick(draw, member, rates.no_mobile), person, NONE)
    own_email = np.where(member & ~pick(draw, member, rates.no_email), person, NONE)

    # Reassigned numbers: the giver gets a new number, the taker has the old one later.
    givers = pick(draw, app & (own_mobile >= 0), rates.handed_mobile)
    takers = np.flatnonzero((own_mobile >= 0) & ~givers)
    pairs = min(int(givers.sum()), len(takers))
    giver = np.flatnonzero(givers)[:pairs]
    taker = draw.choice(takers, pairs, replace=False)
    handed_on = np.full(count, NONE)
    handed_on[giver] = days_between(draw, np.full(pairs, 200), np.full(pairs, 600))
    own_mobile[taker] = own_mobile[giver]
    registered[giver] = np.minimum(registered[giver], -1)
    registered[taker] = handed_on[giver] + days_between(
        draw, np.full(pairs, 30), np.full(pairs, 130)
    )
    given = handed_on >= 0
    unnoticed = pick(draw, given, rates.handed_unnoticed)
    new_mobile = np.where(given & ~unnoticed, count + person, NONE)

    # Couples with one mailbox. Mistyped mailboxes are excluded, so that each trait can be measured
    # alone.
    mistyped = pick(draw, own_email >= 0, rates.mistyped_email)
    mailboxes = np.flatnonzero((own_email >= 0) & ~mistyped)
    couples = min(count_of(rates.shared_email, len(mailboxes)), len(mailboxes) // 2)
    chosen = draw.choice(mailboxes, 2 * couples, replace=False)
    own_email[chosen[couples:]] = own_email[chosen[:couples]]

    # Twins with one mailbox, half of them with one phone.
    calm = member & ~given & ~mistyped
    calm[taker] = False
    calm[chosen] = False
    twin = draw_twins(calm, seed, rates)
    twins = np.flatnonzero(twin != NONE)
    own_email[twins] = own_email[twin[twins]]
    own_mobile[twins[::2]] = own_mobile[twin[twins[::2]]]
    second = pick(source_of(seed, "accounts"), calm & (twin == NONE), rates.second_account)

    mobile = own_mobile.copy()
    email = np.where(mistyped, count + person, own_email)
    plain = ~given
    plain[taker] = False
    for values, share, id_type in (
        (mobile, rates.junk_mobile, MOBILE),
        (email, rates.junk_email, EMAIL_TYPE),
    ):
        junk = np.flatnonzero(pick(draw, member & plain & ~mistyped, share))
        values[junk] = FIRST_JUNK - draw.integers(0, len(JUNK[id_type]), len(junk))

    crm_knows_shop = pick(draw, member & online, rates.crm_knows_shop)
    needs_graph = app & ~anonymous & (member | online)
    needs_graph |= online & member & ~crm_knows_shop
    hidden_by = np.where(mistyped & member & app, MISTYPED, KNOWN)
    unlinked = pick(draw, needs_graph & plain & (hidden_by == KNOWN), rates.unlinked)
    hidden_by[unlinked] = UNLINKED
    weak = pick(draw, needs_graph & plain & (hidden_by == KNOWN), rates.weak_link)
    hidden_by[weak] = WEAK_LINK

    family = _families(count, app & ~anonymous, seed, rates)
    uses = _uses(app, anonymous, family, seed, rates)
    return People(
        member=member,
        app=app,
        online=online,
        anonymous=anonymous,
        crm_knows_shop=crm_knows_shop,
        registered=registered,
        mobile=mobile,
        own_mobile=own_mobile,
        email=email,
        own_email=own_email,
        new_mobile=new_mobile,
        handed_on=handed_on,
        is_handed_unnoticed=unnoticed,
        second=second,
        second_mobile=draw_contact("second mobiles", own_mobile, 2 * count + person, seed),
        second_email=draw_contact("second e-mails", own_email, 2 * count + person, seed),
        twin=twin,
        hidden_by=hidden_by,
        family=family,
        uses=uses,
        visits=_till_visits(app & ~anonymous, int(uses["device"].max()) + 1, seed, rates),
    )


def _families(count: int, pool: Flags, seed: int, rates: Rates) -> Ints:
    draw = source_of(seed, "families")
    people = draw.permutation(np.flatnonzero(pick(draw, pool, rates.family)))
    ends = np.cumsum(draw.integers(2, 5, len(people)))
    numbers = np.searchsorted(ends, np.arange(len(people)), side="right")
    sizes = np.bincount(numbers, minlength=1)
    family = np.full(count, NONE)
    # The last family may have one person only; it is none.
    family[people] = np.where(sizes[numbers] > 1, numbers, NONE)
    return family


def _uses(app: Flags, anonymous: Flags, family: Ints, seed: int, rates: Rates) -> Columns:
    """Draws who used which device, when, and in which channel."""
    draw = source_of(seed, "devices")
    first_channel = np.where(pick(draw, app, rates.miniapp_only), MINIAPP, APP)
    both = pick(draw, app, rates.both_channels)
    # Half of them begin in the first quarter, as if the app were older than the files.
    joined = np.where(
        draw.random(len(app)) < 0.5,
        draw.integers(0, DAYS // 8, len(app)),
        draw.integers(0, DAYS, len(app)),
    )
    parts: list[Columns] = []
    device = 0
    for number, marked in enumerate(
        (
            app,
            pick(draw, app & ~anonymous, rates.second_device),
            pick(draw, app & ~anonymous, rates.third_device),
            family != NONE,
        )
    ):
        person = np.flatnonzero(marked)
        first = joined[person]
        if number:
            first = days_between(draw, first, np.full(len(person), DAYS))
        until = np.minimum(first + draw.integers(200, 900, len(person)), DAYS)
        channel = first_channel[person]
        if number:
            channel = np.where(both[person], 1 - channel, channel)
        is_family = number == 3
        owned = family[person] if is_family else np.arange(len(person))
        parts.append(
            {
                "person": person,
                "device": device + owned,
                "first": first,
                "until": until,
                "channel": channel,
                # Activity varies widely between people; a shared tablet is used less.
                "weight": draw.gamma(1.5, 1 / 1.5, len(person)) * (0.5 if is_family else 1.0),
                "kind": np.full(len(person), FAMILY_DEVICE if is_family else OWN),
            }
        )
        device += int(owned.max(initial=-1)) + 1
    return stacked(parts)


def _till_visits(pool: Flags, first_device: int, seed: int, rates: Rates) -> Columns:
    """Draws log-ins of many people on the few devices of a shop."""
    draw = source_of(seed, "tills")
    people = np.flatnonzero(pool)
    tills = max(1, len(pool) // rates.customers_per_till)
    # At most half of the customers visit one till.
    visitors = min(rates.till_visitors, len(people) // 2)
    person = np.concatenate([draw.choice(people, visitors, replace=False) for _ in range(tills)])
    return {
        "person": person,
        "device": first_device + np.repeat(np.arange(tills), visitors),
        "day": draw.integers(0, DAYS, len(person)),
        "channel": np.full(len(person), MINIAPP),
    }


def device_holders(people: People) -> Columns:
    """Returns distinct holders of devices: person, device, kind."""
    uses = people.uses
    kinds = np.concatenate([uses["kind"], np.full(len(people.visits["person"]), TILL_DEVICE)])
    person = np.concatenate([uses["person"], people.visits["person"]])
    device = np.concatenate([uses["device"], people.visits["device"]])
    _, places = np.unique(np.stack([person, device]), axis=1, return_index=True)
    return rows_of({"person": person, "device": device, "kind": kinds}, np.sort(places))


def first_devices(people: People) -> Ints:
    """Returns each person's first device, NONE without the app."""
    first = np.full(people.count, NONE)
    # The first rows of `uses` are the first devices.
    count = int(people.app.sum())
    first[people.uses["person"][:count]] = people.uses["device"][:count]
    return first
