"""Probabilities of the generated shop, and the schedule of its deliveries."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Rates:
    """Shares from 0 to 1 of the group that the comment names, rounded up to one where not 0.

    The defaults describe a retailer with a loyalty card, an app with a mini-program, and an online
    shop. They are pessimistic guesses that include every known kind of problem, also those that
    the present engine cannot solve.
    """

    # Of all customers. A customer with none of the three becomes an app user.
    member: float = 0.65
    app: float = 0.60
    online: float = 0.35
    # Of app users without member_id or customer number: never log in, only their device is seen.
    anonymous: float = 0.10

    # Of members.
    no_mobile: float = 0.05
    no_email: float = 0.25
    updated: float = 0.10  # the CRM sends a later version of the row
    # Of members who buy online: the CRM has their customer number.
    crm_knows_shop: float = 0.70
    # Of app users: a second and a third device; the mini-program instead of the app, or both.
    second_device: float = 0.35
    third_device: float = 0.08
    miniapp_only: float = 0.40
    both_channels: float = 0.20

    # Traits that connect different people. Of app users: in families of 2 to 4 with one tablet;
    # customers per till, and people who log in at one; of members with a mobile and the app: the
    # number is later reassigned to another member; of members with an e-mail: shared with another.
    family: float = 0.06
    customers_per_till: int = 2_000
    till_visitors: int = 300
    handed_mobile: float = 0.01
    handed_unnoticed: float = 0.50  # of these: the CRM still has the number of the first owner
    shared_email: float = 0.002
    # Of members: a placeholder instead of a hash, in plain text or hashed.
    junk_mobile: float = 0.004
    junk_email: float = 0.006
    # Of sessions: the device withholds its id; the app sends a placeholder as union_id.
    junk_device: float = 0.02
    junk_union: float = 0.002

    # Of members: a second account in the CRM, with typos in name or, half as often, birthday; a
    # twin who is a member, too, some with names alike; name and birthday of a stranger.
    second_account: float = 0.0
    typo: float = 0.15
    twin: float = 0.0
    twin_alike: float = 0.05
    namesake: float = 0.0

    # Traits that divide one person. Of people whom only the ID graph can link:
    unlinked: float = 0.01  # it has no link
    weak_link: float = 0.01  # its link has a confidence under 0.8
    # Of members with an e-mail: mistyped in the CRM, so that the hash differs.
    mistyped_email: float = 0.005
    # Of hashes in CRM and ID graph: in capitals or padded with spaces.
    odd_spelling: float = 0.02

    # The ID graph: of customers.
    extra_link: float = 0.10  # repeats a link that app events show
    wrong_link: float = 0.01  # joins two strangers, with confidence under 0.8
    wrong_confident: float = 0.02  # of these: with confidence from 0.8
    withdrawn_link: float = 0.003  # joins two strangers with confidence from 0.8; withdrawn later
    # Customers per chain of devices, each linked to its predecessor only.
    customers_per_chain: int = 2_000
    chain_least: int = 5
    chain_most: int = 12

    # Means: sessions of a device in two years, events per session, orders of an online customer in
    # two years, lines per order. Shares of orders: without a customer, returned.
    sessions: float = 8.0
    events: float = 3.0
    orders: float = 3.0
    lines: float = 3.0
    walk_in: float = 0.20
    returned: float = 0.03
    # Of sessions: shows the device only, or device and open_id; is delivered one file late.
    device_only: float = 0.07
    open_only: float = 0.08
    late: float = 0.01
    # Of rows of CRM, app and ID graph: sent twice. Of events: id repeated with other content.
    repeated: float = 0.003
    conflicting: float = 0.0005
    # Of invoice lines: occurs twice in its invoice; both count.
    repeated_line: float = 0.005


@dataclass(frozen=True)
class Delivery:
    """One file of each source, for the days `first` to `until` - 1, from 0."""

    number: int
    first: int
    until: int

    @property
    def day(self) -> str:
        """The first day, as in file names."""
        return (FIRST_DAY + timedelta(days=self.first)).isoformat()


FIRST_DAY = date(2024, 1, 1)
_QUARTERS, _QUARTER, _SINGLE_DAYS = 8, 91, 14
DAYS = _QUARTERS * _QUARTER + _SINGLE_DAYS

DELIVERIES = tuple(
    Delivery(number, first, first + length)
    for number, (first, length) in enumerate(
        [(quarter * _QUARTER, _QUARTER) for quarter in range(_QUARTERS)]
        + [(_QUARTERS * _QUARTER + day, 1) for day in range(_SINGLE_DAYS)]
    )
)
"""The history in quarters, then 14 single days."""
