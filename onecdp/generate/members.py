"""Draws the rows of the CRM: each member at registration, some again when updated."""

from __future__ import annotations

import numpy as np

from onecdp.generate.accounts import liken, second_accounts
from onecdp.generate.draws import (
    Columns,
    days_between,
    pick,
    rows_of,
    source_of,
    spellings,
    stacked,
)
from onecdp.generate.identifiers import NONE
from onecdp.generate.people import People
from onecdp.generate.rates import DAYS, Rates

FAMILY_NAMES = (
    "Wang", "Chen", "Liu", "Zhang", "Li", "Zhao", "Smith", "Jones", "Taylor", "Brown", "Weber",
    "Meyer", "Rossi", "Ricci", "Garcia", "Lopez", "Martin", "Dubois", "Jansen", "O'Brien",
)  # fmt: skip
FIRST_NAMES = (
    "Alice", "Bob", "Carol", "David", "Emma", "Felix", "Grace", "Hugo", "Iris", "Jack", "Karin",
    "Leo", "Mia", "Noah", "Olga", "Paul", "Rosa", "Sam", "Tina", "Yusuf",
)  # fmt: skip
LEVELS = ("bronze", "silver", "gold", "platinum")
CHANNELS = ("offline", "online", "app", "miniapp")


def draw_members(people: People, seed: int, rates: Rates) -> Columns:
    """Draws the rows of the CRM, by day.

    Returns:
        member, mobile, email, shop (numbers of `identifiers.py`), mobile_spelling, email_spelling
        (see `identifiers.oddly`), first_name, name_slip (see `accounts.SLIPS`), family_name,
        gender, born (day of birth, counted from 1950), registered, updated (days), updated_second,
        level, channel, points, is_update.
    """
    draw = source_of(seed, "members")
    member = np.flatnonzero(people.member)
    size = len(member)
    rows: Columns = {
        "member": member,
        "mobile": people.mobile[member],
        "email": people.email[member],
        "shop": np.where(people.crm_knows_shop[member], member, NONE),
        "mobile_spelling": spellings(draw, size, rates.odd_spelling),
        "email_spelling": spellings(draw, size, rates.odd_spelling),
        "first_name": draw.integers(0, len(FIRST_NAMES), size),
        "name_slip": np.zeros(size, np.int64),
        "family_name": draw.integers(0, len(FAMILY_NAMES), size),
        "gender": draw.integers(0, 3, size),
        "born": draw.integers(0, 365 * 55, size),
        "registered": people.registered[member],
        "updated": people.registered[member],
        "updated_second": draw.integers(8 * 3600, 20 * 3600, size),
        "level": np.searchsorted(np.array([0.6, 0.85, 0.96]), draw.random(size)),
        "channel": draw.integers(0, len(CHANNELS), size),
        "points": np.asarray(draw.exponential(800, size), np.int64),
        "is_update": np.zeros(size, np.bool_),
    }
    rows = liken(rows, people.twin, len(FIRST_NAMES), seed, rates)
    seconds = second_accounts(
        rows, people.second, people.second_mobile, people.second_email, seed, rates
    )
    renumbered = people.new_mobile[member] != NONE
    # Members with a reassigned number are updated for that reason only, or not at all.
    free = (people.handed_on[member] == NONE) & (people.registered[member] < DAYS - 2)
    changed = np.flatnonzero(pick(draw, free, rates.updated) | renumbered)
    updates = rows_of(rows, changed)
    new_mobile = people.new_mobile[updates["member"].astype(np.int64)]
    moved = people.handed_on[updates["member"].astype(np.int64)]
    begins = np.maximum(updates["registered"].astype(np.int64) + 1, 0)
    drawn = days_between(draw, begins, np.full(len(changed), DAYS))
    updates |= {
        "mobile": np.where(new_mobile == NONE, updates["mobile"], new_mobile),
        "updated": np.where(new_mobile == NONE, drawn, moved - 5),
        "points": updates["points"] + draw.integers(1, 500, len(changed)),
        "is_update": np.ones(len(changed), np.bool_),
    }
    rows = stacked([rows, updates, seconds])
    return rows_of(rows, np.argsort(rows["updated"], kind="stable"))
