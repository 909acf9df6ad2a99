"""Draws second member accounts, and members who resemble another one: twins and namesakes.

They test probabilistic links (docs/probabilistic.md). The default rates draw none.
"""

from __future__ import annotations

import numpy as np

from onecdp.generate.draws import Columns, Flags, Ints, pick, rows_of, source_of
from onecdp.generate.identifiers import NONE
from onecdp.generate.rates import DAYS, Rates

SLIPS = (
    "{name}",
    "substr({name}, 1, length({name}) - 1)",
    "substr({name}, 2, 1) || left({name}, 1) || substr({name}, 3)",
    "left({name}, 2) || substr({name}, 2)",
    "left({name}, 1) || 'x' || substr({name}, 3)",
    "left({name}, 1) || '.'",
)
"""SQL for spellings of a name: as it is, four typos, and the initial."""
_INITIAL = len(SLIPS) - 1
# Most shifts of the day of birth change one digit of the date: of the day, its tens, or the year.
_BIRTHDAY_SLIPS = np.array([1, 10, 365])


def draw_twins(pool: Flags, seed: int, rates: Rates) -> Ints:
    """Returns the twin of each second twin of the pool, NONE for everybody else."""
    draw = source_of(seed, "twins")
    twins = draw.permutation(np.flatnonzero(pick(draw, pool, rates.twin)))
    pairs = twins[: len(twins) // 2 * 2]
    twin = np.full(len(pool), NONE)
    twin[pairs[1::2]] = pairs[::2]
    return twin


def draw_contact(what: str, contact: Ints, new: Ints, seed: int) -> Ints:
    """Returns the contact of second accounts: for half the first account's, a third a new one."""
    way = source_of(seed, what).random(len(contact))
    return np.where(way < 1 / 2, contact, np.where(way < 5 / 6, new, NONE))


def liken(rows: Columns, twin: Ints, names: int, seed: int, rates: Rates) -> Columns:
    """Gives twins one family name and birthday, and namesakes those of a stranger.

    Args:
        rows: One row per member, as in `members.draw_members`.
        twin: Of `draw_twins`.
        names: The number of first names.
        seed: The seed.
        rates: The rates.
    """
    draw = source_of(seed, "likeness")
    rows = {name: values.copy() for name, values in rows.items()}
    member = rows["member"]
    place = np.full(len(twin), NONE)
    place[member] = np.arange(len(member))
    namesakes = np.flatnonzero(pick(draw, np.ones(len(member), np.bool_), rates.namesake))
    strangers = draw.integers(0, len(member), len(namesakes))
    for name in ("first_name", "family_name", "born", "gender"):
        rows[name][namesakes] = rows[name][strangers]
    twins = np.flatnonzero(twin[member] != NONE)
    firsts = place[twin[member[twins]]]
    for name in ("family_name", "born"):
        rows[name][twins] = rows[name][firsts]
    # No parents give one name twice; some give names like Anna and Hanna.
    alike = draw.random(len(twins)) < rates.twin_alike
    step = np.where(alike, 0, draw.integers(1, names, len(twins)))
    rows["first_name"][twins] = (rows["first_name"][firsts] + step) % names
    rows["name_slip"][twins[alike]] = draw.integers(1, _INITIAL, int(alike.sum()))
    return rows


def second_accounts(
    rows: Columns, second: Flags, mobile: Ints, email: Ints, seed: int, rates: Rates
) -> Columns:
    """Returns the rows of second accounts, whose numbers follow those of all people.

    Args:
        rows: One row per member, as in `members.draw_members`.
        second: Who has a second account.
        mobile: The mobile of the second account of each person.
        email: The same of the e-mail.
        seed: The seed.
        rates: The rates.
    """
    draw = source_of(seed, "second accounts")
    accounts = rows_of(rows, np.flatnonzero(second[rows["member"]]))
    person = accounts["member"]
    size = len(person)
    registered = draw.integers(0, DAYS, size)
    slips = draw.random(size) < rates.typo
    misborn = draw.random(size) < rates.typo / 2
    shifts = _BIRTHDAY_SLIPS[draw.integers(0, len(_BIRTHDAY_SLIPS), size)]
    return accounts | {
        "member": person + len(second),
        "mobile": mobile[person],
        "email": email[person],
        "shop": np.full(size, NONE),
        "name_slip": np.where(slips, draw.integers(1, len(SLIPS), size), 0),
        "born": accounts["born"] + np.where(misborn, shifts, 0),
        "gender": np.where(draw.random(size) < 0.1, 2, accounts["gender"]),
        "registered": registered,
        "updated": registered,
        "channel": draw.integers(0, 4, size),
    }
