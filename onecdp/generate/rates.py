"""How often what happens in the generated shop, and when its files are delivered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True)
class Rates:
    """Shares are of what the comment names, from 0 to 1, and at least one each where there are any.

    The defaults are those of a retailer with a loyalty card, an app with a mini-program, and an
    online shop. They are guesses on the safe side: every kind of trouble is there, none is left
    out because the present engine can't cope with it.
    """

    # Who: of all customers. Whoever would be none of the three becomes an app user.
    member: float = 0.65
    app: float = 0.60
    online: float = 0.35
    # Of app users who are nothing else: never log in, so that only their device is seen.
    anonymous: float = 0.10

    # What they hold: of members.
    no_mobile: float = 0.05
    no_email: float = 0.25
    updated: float = 0.10  # the CRM sends a later version of the row
    # Of members who buy online: the CRM has their customer number of the shop.
    crm_knows_shop: float = 0.70
    # Of app users: a second and a third device; the mini-program instead of the app, or both.
    second_device: float = 0.35
    third_device: float = 0.08
    miniapp_only: float = 0.40
    both_channels: float = 0.20

    # What joins different people: of app users in families of 2 to 4 with one tablet; customers
    # per till, and people who log in at one; of members with a mobile and the app, the number goes
    # to another member later; of members with an e-mail, it is that of another member as well.
    family: float = 0.06
    customers_per_till: int = 2_000
    till_visitors: int = 300
    handed_mobile: float = 0.01
    handed_unnoticed: float = 0.50  # of these: the CRM still has the number with its first owner
    shared_email: float = 0.002
    # Of members: a placeholder in the place of a hash, in plain text or hashed.
    junk_mobile: float = 0.004
    junk_email: float = 0.006
    # Of sessions: the device withholds its id; the app sends a placeholder as union_id.
    junk_device: float = 0.02
    junk_union: float = 0.002

    # What keeps one person apart: of those whom only the ID graph can join.
    unlinked: float = 0.01  # it doesn't know them
    weak_link: float = 0.01  # it isn't sure: confidence under 0.8
    # Of members with an e-mail: mistyped in the CRM, so that its hash is another.
    mistyped_email: float = 0.005
    # Of hashes in CRM and ID graph: written in capitals or with spaces around.
    odd_spelling: float = 0.02

    # The ID graph: of customers.
    extra_link: float = 0.10  # says once more what app events say
    wrong_link: float = 0.01  # joins two strangers, with confidence under 0.8
    wrong_confident: float = 0.02  # of these: with confidence from 0.8
    withdrawn_link: float = 0.003  # joins two strangers for sure, and is taken back later
    # Customers per chain: a person whose devices are known from one to the next only.
    customers_per_chain: int = 2_000
    chain_least: int = 5
    chain_most: int = 12

    # How much: means. Sessions in the two years of a device, events in a session, orders in two
    # years of an online customer, lines in an order; orders without a customer, of all orders.
    sessions: float = 8.0
    events: float = 3.0
    orders: float = 3.0
    lines: float = 3.0
    walk_in: float = 0.20
    returned: float = 0.03
    # Of sessions: only the device is seen, or device and open_id; the file comes one too late.
    device_only: float = 0.07
    open_only: float = 0.08
    late: float = 0.01
    # Of rows of CRM, app and ID graph: sent twice. Of events: the id again with other content.
    repeated: float = 0.003
    conflicting: float = 0.0005
    # Of invoice lines: stands twice in its invoice; both count.
    repeated_line: float = 0.005


@dataclass(frozen=True)
class Delivery:
    """One file of each source: what happened on days `first` to `until` - 1, from 0."""

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
"""The history by quarters, then a fortnight day by day."""
