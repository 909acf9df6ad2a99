"""Writes the truth: the owner of every identifier, and the traits of people and links."""

from __future__ import annotations

import numpy as np

from onecdp.generate.app import open_ids
from onecdp.generate.draws import Columns, Flags, Ints, rows_of, stacked
from onecdp.generate.identifiers import (
    DEVICE,
    EMAIL,
    JUNK,
    MEMBER,
    MOBILE,
    NONE,
    OPEN,
    SHOP,
    UNION,
    type_name,
)
from onecdp.generate.links import LINK_KINDS, WITHDRAWN, WRONG
from onecdp.generate.people import HIDDEN_BY, MISTYPED, People, device_holders
from onecdp.generate.writing import Writer, named

KINDS = (
    "own",
    "family_device",
    "till_device",
    "handed_mobile",
    "shared_email",
    "chain_device",
    "mistyped_email",
    "twins_mobile",
)
_OWN, _, _, _HANDED, _SHARED_EMAIL, _CHAIN, _MISTYPED_EMAIL, _TWINS = range(len(KINDS))


def holders(people: People, chain_devices: Columns) -> Columns:
    """Returns the holders of identifiers: type, number, person, kind; shared ones in several rows.

    Has exactly the identifiers that occur in the files, except junk.
    """
    person = np.arange(people.count)
    joined = people.app & ~people.anonymous
    mails = _kind_if(people.email >= people.count, _MISTYPED_EMAIL)
    mails[_is_shared(people.email)] = _SHARED_EMAIL
    numbers = _kind_if(_is_shared(people.mobile) | (people.handed_on >= 0), _HANDED)
    # The taker holds a reassigned number, even if the CRM still has it with the giver.
    numbers[(people.own_mobile >= 0) & (people.own_mobile != person)] = _HANDED
    numbers[_of_twins(people)] = _TWINS
    opened, opener = open_ids(people)
    devices = device_holders(people)
    true_mail = (people.hidden_by == MISTYPED) & joined & people.member
    chained = chain_devices["device"]
    return stacked(
        [
            _held(MEMBER, person, person, people.member),
            _held(UNION, person, person, joined),
            _held(SHOP, person, person, people.online),
            _held(MOBILE, people.mobile, person, people.mobile >= 0, numbers),
            _held(MOBILE, people.new_mobile, person, people.new_mobile != NONE),
            _held(EMAIL, people.email, person, people.email >= 0, mails),
            _held(EMAIL, people.own_email, person, true_mail),
            _held(MEMBER, people.count + person, person, people.second),
            _held(MOBILE, people.second_mobile, person, _is_new(people, people.second_mobile)),
            _held(EMAIL, people.second_email, person, _is_new(people, people.second_email)),
            _held(OPEN, opened, opener, np.ones(len(opened), np.bool_)),
            _held(
                DEVICE,
                devices["device"],
                devices["person"],
                np.ones(len(devices["device"]), np.bool_),
                devices["kind"],
            ),
            _held(
                DEVICE,
                chained,
                chain_devices["person"],
                np.ones(len(chained), np.bool_),
                np.full(len(chained), _CHAIN),
            ),
        ]
    )


def write_truth(writer: Writer, people: People, held: Columns, links: Columns) -> None:
    """Writes the files in `truth/`."""
    writer.truth(
        "identifiers",
        held,
        id_type=type_name('"type"'),
        id_value="{value}",
        person_id=_person("person"),
        kind=named(KINDS, "kind"),
    )
    junk = [(t, -2 - place) for t, values in JUNK.items() for place in range(len(values))]
    columns: Columns = {
        "type": np.array([t for t, _ in junk]),
        "number": np.array([number for _, number in junk]),
    }
    writer.truth("junk", columns, id_type=type_name('"type"'), id_value="{value}")
    writer.truth(
        "people",
        {
            "person": np.arange(people.count),
            "member": people.member,
            "app": people.app,
            "online": people.online,
            "family": people.family,
            "hidden_by": people.hidden_by,
        },
        person_id=_person("person"),
        is_member="member",
        is_app_user="app",
        is_online_customer="online",
        family=f"case when family <> {NONE} then family end",
        hidden_by=named(HIDDEN_BY, "hidden_by"),
    )
    false = (links["kind"] == WRONG) | ((links["kind"] == WITHDRAWN) & ~links["is_active"])
    writer.truth(
        "wrong_links",
        rows_of(links, false),
        kind=named(LINK_KINDS, "kind"),
        left_id_type=type_name("left_type"),
        left_id_value=writer.link_end("left"),
        right_id_type=type_name("right_type"),
        right_id_value=writer.link_end("right"),
        confidence="round(confidence, 3)",
        is_active="is_active",
    )


def counts_of(held: Columns) -> dict[str, int]:
    """Counts identifiers by kind; shared ones count once."""
    pairs = np.unique(np.stack([held["type"], held["number"], held["kind"]]), axis=1)
    return {name: int((pairs[2] == kind).sum()) for kind, name in enumerate(KINDS)}


def _held(
    id_type: int, numbers: Ints, person: Ints, which: Flags, kinds: Ints | None = None
) -> Columns:
    size = int(which.sum())
    return {
        "type": np.full(size, id_type),
        "number": numbers[which],
        "person": person[which],
        "kind": np.full(size, _OWN) if kinds is None else kinds[which],
    }


def _kind_if(which: Flags, kind: int) -> Ints:
    return np.where(which, kind, _OWN)


def _is_shared(numbers: Ints) -> Flags:
    values, places, counts = np.unique(numbers, return_inverse=True, return_counts=True)
    return np.asarray((counts[places] > 1) & (values[places] >= 0))


def _of_twins(people: People) -> Flags:
    """Selects twins of one phone, the first and the second of each pair."""
    second = np.flatnonzero(people.twin != NONE)
    second = second[people.mobile[second] == people.mobile[people.twin[second]]]
    chosen = np.zeros(people.count, dtype=np.bool_)
    chosen[second] = chosen[people.twin[second]] = True
    return chosen & (people.mobile >= 0)


def _is_new(people: People, numbers: Ints) -> Flags:
    return people.second & (numbers >= 2 * people.count)


def _person(number: str) -> str:
    return f"'P' || lpad({number}::varchar, 8, '0')"
